"""Who was asked by the system before this one."""

from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from connectors.csv_file import UnreadableFile
from data.ledger import tables as t
from data.ledger.candidate_asks import read_asks
from data.ledger.store import Ledger
from data.words import AddressKind
from invitations.import_report import ImportReport, UnknownLocation
from invitations.take_in import import_past_invitations
from tests.world import NOON, make_customer, make_world

pytestmark = pytest.mark.one_database


def take(ledger: Ledger, content: str, location: str = "chicago") -> ImportReport:
    return import_past_invitations(
        ledger, content.encode(), file_name="old.csv", location=location, imported_by="ana@acme.example", now=NOON
    )


def kept(ledger: Ledger) -> list[Any]:
    columns = t.past_invitations.c
    with ledger.read() as c:
        query = sa.select(columns.kind, columns.address, columns.invited_at, columns.location_id)
        return [tuple(row) for row in c.execute(query.order_by(columns.past_invitation_id))]


@pytest.mark.both_databases
def test_each_address_is_kept_with_its_day_which_counts_to_its_end(ledger: Ledger) -> None:
    world = make_world(ledger)
    report = take(ledger, "Email,Phone,Sent on\nana@example.com,312-555-0101,11/2/2026\n")
    end = datetime(2026, 11, 3, 5, 59, 59, tzinfo=UTC)
    assert kept(ledger) == [
        (AddressKind.EMAIL, "ana@example.com", end, world.chicago),
        (AddressKind.PHONE, "+13125550101", end, world.chicago),
    ]  # fmt: skip
    assert (report.row_count, report.new_count, report.rejected_count) == (1, 1, 0)
    assert "month first" in report.notes[0]


def test_a_time_is_kept_as_it_is_and_a_row_may_name_its_location(ledger: Ledger) -> None:
    world = make_world(ledger)
    take(ledger, "email,branch,invited at\nana@example.com,New-York,2026-11-02T10:00:00Z\n")
    take(ledger, "email,branch,invited at\nbo@example.com,Acme New York,2026-11-02 10:00\n")
    assert [(row[2].hour, row[3]) for row in kept(ledger)] == [(10, world.new_york), (15, world.new_york)]


def test_the_same_file_again_adds_nothing(ledger: Ledger) -> None:
    make_world(ledger)
    content = "email,date\nana@example.com,2026-11-02\nana@example.com,2026-10-01\n"
    assert take(ledger, content).new_count == 2
    again = take(ledger, content)
    assert (again.new_count, again.known_count, len(kept(ledger))) == (0, 2, 2)


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("ana@example.com,2026-11-24,", "future"),
        ("ana@example.com,,", "no day"),
        ("ana@example.com,then,", "2026-05-17"),
        ("bad,2026-11-02,", "not an email address"),
        ("ana@example.com,2026-11-02,paris", "chicago or new-york"),
    ],
)
def test_a_row_that_cannot_be_used_is_turned_away_with_the_reason_and_stops_no_other(
    ledger: Ledger, row: str, told: str
) -> None:
    make_world(ledger)
    report = take(ledger, f"email,date,location\n{row}\nbo@example.com,2026-11-02,\n")
    assert (report.new_count, report.rejected_count) == (1, 1)
    [rejected] = report.rejected
    assert (rejected.line, rejected.is_row_kept) == (2, False)
    assert told in rejected.reason


def test_a_file_that_says_no_day_or_a_location_that_is_none_is_refused(ledger: Ledger) -> None:
    make_world(ledger)
    with pytest.raises(UnreadableFile, match='Name one "invited at"'):
        take(ledger, "email\nana@example.com\n")
    with pytest.raises(UnknownLocation):
        take(ledger, "email,date\nana@example.com,2026-11-02\n", "paris")


@pytest.mark.both_databases
def test_an_ask_of_the_system_before_counts_for_the_cap_by_any_address_at_any_location(ledger: Ledger) -> None:
    world = make_world(ledger)
    make_customer(ledger, world, email="ana@example.com", phone="+13125550101")
    take(ledger, "phone,date\n312-555-0101,2026-11-02\n", "new-york")
    with ledger.read() as c:
        person = c.execute(sa.select(t.people.c.person_id)).scalar_one()
        asks = read_asks(c, world.account_id)
    assert asks.rows() == [(person, world.new_york, datetime(2026, 11, 3, 4, 59, 59, tzinfo=UTC))]
