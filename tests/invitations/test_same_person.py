"""Rows that share an address are one person, whatever their order."""

import random
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.csv_file import LINE
from data.ledger.frames import MOMENT
from invitations.same_person import KNOWN_SCHEMA, merged, with_group

NOBODY = pl.DataFrame(schema=KNOWN_SCHEMA)
SCHEMA = {
    LINE: pl.Int64, "location_id": pl.Int64, "email": pl.String, "phone": pl.String, "first_name": pl.String,
    "last_name": pl.String, "employee": pl.String, "service": pl.String, "locale": pl.String, "time_zone": pl.String,
    "postal_code": pl.String, "country": pl.String, "relationship": pl.String, "consented_at": MOMENT,
    "consent_basis": pl.String, "visited_at": MOMENT, "is_consenting": pl.Boolean,
}  # fmt: skip


def frame(*rows: tuple[str | None, str | None], location_id: int = 1, **values: list[Any]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            LINE: range(2, len(rows) + 2),
            "location_id": [location_id] * len(rows),
            "email": [email for email, _ in rows],
            "phone": [phone for _, phone in rows],
            **{name: values.get(name, [None] * len(rows)) for name in list(SCHEMA)[4:]},
        },
        schema=SCHEMA,
    )


def groups(rows: pl.DataFrame, known: pl.DataFrame = NOBODY) -> list[int]:
    return with_group(rows, known)["group"].to_list()


def test_a_shared_mail_a_shared_phone_and_a_chain_of_both_make_one_person() -> None:
    rows = frame(("a", None), ("b", "1"), (None, "1"), ("c", "2"), ("b", "3"), (None, "3"), ("a", None))
    assert groups(rows) == [2, 3, 3, 5, 3, 3, 2]


def test_rows_that_share_nothing_are_different_people_even_by_the_same_name() -> None:
    assert groups(frame(("a", None), (None, "1"), first_name=["Ana", "Ana"])) == [2, 3]


def test_addresses_that_the_ledger_gives_to_one_person_are_one_person() -> None:
    known = pl.DataFrame([("email", "a", 7), ("phone", "1", 7), ("email", "b", 8)], schema=KNOWN_SCHEMA, orient="row")
    assert groups(frame(("a", None), (None, "1"), ("b", None)), known) == [2, 2, 4]


def test_of_merged_rows_the_last_given_value_counts_and_an_empty_one_never() -> None:
    rows = frame(("a", "1"), ("a", None), first_name=["Ann", "Ana"], last_name=["Ruiz", None])
    [one] = merged(with_group(rows, NOBODY)).to_dicts()
    assert (one["first_name"], one["last_name"], one["email"], one["phone"]) == ("Ana", "Ruiz", "a", "1")


def test_of_merged_rows_the_newest_visit_counts_and_one_no_to_consent_is_a_no() -> None:
    march, may = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 5, 1, tzinfo=UTC)
    rows = frame(
        ("a", None), ("a", None), ("a", None), visited_at=[march, may, None], is_consenting=[False, True, None]
    )
    [one] = merged(with_group(rows, NOBODY)).to_dicts()
    assert (one["visited_at"], one["is_consenting"]) == (may, False)


LETTER = st.none() | st.sampled_from("abcdefgh")
ROWS = st.lists(st.tuples(LETTER, LETTER).filter(any), min_size=1, max_size=14)


@pytest.mark.slow
@given(ROWS, st.randoms(use_true_random=False))
def test_any_order_of_the_rows_gives_the_same_people(
    rows: list[tuple[str | None, str | None]], chance: random.Random
) -> None:
    order = list(range(len(rows)))
    chance.shuffle(order)

    def people(taken: list[int]) -> set[frozenset[int]]:
        found: dict[int, set[int]] = {}
        for row, group in zip(taken, groups(frame(*(rows[index] for index in taken))), strict=True):
            found.setdefault(group, set()).add(row)
        return {frozenset(members) for members in found.values()}

    assert people(order) == people(list(range(len(rows))))


@given(ROWS)
@pytest.mark.slow
def test_two_rows_are_one_person_exactly_when_a_chain_of_shared_addresses_joins_them(
    rows: list[tuple[str | None, str | None]],
) -> None:
    reached = [{index} for index in range(len(rows))]
    for _ in rows:
        for one, (mail, phone) in enumerate(rows):
            for other, (its_mail, its_phone) in enumerate(rows):
                if (mail is not None and mail == its_mail) or (phone is not None and phone == its_phone):
                    reached[one] |= reached[other]
    assert groups(frame(*rows)) == [min(members) + 2 for members in reached]
