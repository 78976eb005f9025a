"""Reviews taken in from a file, on both databases."""

from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from connectors.csv_file import UnreadableFile
from data.ledger import tables as t
from data.ledger.store import Ledger
from data.words import EventKind, InvitationStatus
from invitations.take_in import ImportReport, import_reviews
from tests.world import make_customer, make_request, make_world

pytestmark = pytest.mark.one_database

HEADER = "provider_review_id,platform,reviewer_name,stars,body,sentiment,reviewed_at,link_token\n"


def take(ledger: Ledger, text: str, location: str = "chicago") -> ImportReport:
    return import_reviews(
        ledger, (HEADER + text).encode(), file_name="reviews.csv", location=location, imported_by="ana@acme.example"
    )


def all_of(ledger: Ledger, table: sa.Table) -> list[Any]:
    with ledger.read() as c:
        return list(c.execute(sa.select(table).order_by(*table.primary_key.columns)))


@pytest.mark.both_databases
def test_a_review_is_kept_once_and_brought_up_to_date(ledger: Ledger) -> None:
    make_world(ledger)
    first = take(ledger, 'g1,Google,Ana R.,5,"Kind,\nand quick",positive,2026-05-17T14:30:00Z,\n')
    again = take(ledger, "g1,google,Ana R.,4,,,2026-05-17T14:30:00Z,\ng2,google,,,,,2026-05-18,\n")
    assert (first.new_count, first.known_count) == (1, 0)
    assert (again.new_count, again.known_count) == (1, 1)
    one, two = all_of(ledger, t.reviews)
    assert (one.platform, one.stars, one.body, one.sentiment) == ("google", 4, "Kind,\nand quick", "positive")
    assert one.reviewed_at == datetime(2026, 5, 17, 14, 30, tzinfo=UTC)
    assert (two.stars, two.invitation_id) == (None, None)
    assert two.reviewed_at == datetime(2026, 5, 18, 17, 0, tzinfo=UTC)  # noon in Chicago


@pytest.mark.both_databases
def test_a_review_with_the_token_of_a_link_belongs_to_its_invitation_and_is_told_once(ledger: Ledger) -> None:
    world = make_world(ledger)
    customer = make_customer(ledger, world)
    make_request(ledger, world, customer, link_token="sixteencharacter")
    row = "g1,google,Ana,2,Not good,negative,2026-05-17 14:30,sixteencharacter\n"
    take(ledger, row)
    take(ledger, row.replace("Not good", "Better now"))
    [invitation] = all_of(ledger, t.invitations)
    [review] = all_of(ledger, t.reviews)
    assert review.invitation_id == invitation.invitation_id
    assert invitation.status is InvitationStatus.ANSWERED
    [event] = all_of(ledger, t.events)
    assert (event.kind, event.invitation_id, event.person_id) == (
        EventKind.REVIEW_LINKED, invitation.invitation_id, invitation.person_id,
    )  # fmt: skip
    assert event.occurred_at == datetime(2026, 5, 17, 19, 30, tzinfo=UTC)


def test_a_whole_link_serves_as_its_token(ledger: Ledger) -> None:
    world = make_world(ledger)
    make_request(ledger, world, make_customer(ledger, world), link_token="sixteencharacter")
    take(ledger, "g1,google,Ana,2,,,2026-05-17,http://127.0.0.1:8080/r/sixteencharacter\n")
    [review] = all_of(ledger, t.reviews)
    assert review.invitation_id is not None


@pytest.mark.parametrize("location", ["chicago", "new-york"])
def test_a_token_that_is_not_this_locations_links_nothing(ledger: Ledger, location: str) -> None:
    world = make_world(ledger)
    make_request(ledger, world, make_customer(ledger, world), link_token="sixteencharacter")
    token = "sixteencharacter" if location == "new-york" else "unknown"
    take(ledger, f"g1,google,Ana,2,,,2026-05-17,{token}\n", location)
    assert all_of(ledger, t.reviews)[0].invitation_id is None
    assert all_of(ledger, t.events) == []


@pytest.mark.parametrize(
    ("row", "column"),
    [
        (",google,Ana,5,,,2026-05-17,\n", "provider_review_id"),
        ("g1,,Ana,5,,,2026-05-17,\n", "platform"),
        ("g1,google,Ana,6,,,2026-05-17,\n", "stars"),
        ("g1,google,Ana,4.5,,,2026-05-17,\n", "stars"),
        ("g1,google,Ana,great,,,2026-05-17,\n", "stars"),
        ("g1,google,Ana,5,,,yesterday,\n", "reviewed_at"),
    ],
)
def test_a_bad_row_is_told_and_stops_no_other(ledger: Ledger, row: str, column: str) -> None:
    make_world(ledger)
    report = take(ledger, row + "g9,google,Bo,5,,,2026-05-17,\n")
    assert (report.row_count, report.new_count, report.rejected_count) == (2, 1, 1)
    [complaint] = report.rejected
    assert (complaint.line, complaint.column_name) == (2, column)
    assert "Expected" in complaint.reason


def test_a_file_without_the_needed_columns_is_refused(ledger: Ledger) -> None:
    make_world(ledger)
    with pytest.raises(UnreadableFile, match="reviewed_at"):
        import_reviews(ledger, b"id,platform\n1,google\n", file_name="", location="chicago", imported_by="")
