"""Customers taken in from a file, on both databases."""

from typing import Any

import pytest
import sqlalchemy as sa

from connectors.csv_file import UnreadableFile
from data.ledger import tables as t
from data.ledger.imports import write_customers
from data.ledger.store import Ledger
from data.ledger.suppressions import is_suppressed
from data.words import AddressKind, Channel, Source
from invitations import customers_file
from invitations.take_in import ImportReport, UnknownLocation, import_customers
from tests.world import make_customer, make_world, suppress

FILE = (
    b"First name,Last name,Email,Phone,Location,Employee\n"
    b"Ana,Ruiz,ana@example.com,312-555-0101,,Dr. Lee\n"
    b"Bo,Lind,bo@example.com,,,\n"
    b"Ana,,ANA@example.com,312-555-0102,,\n"  # Ana again, with another number
    b"Cy,Okafor,cy.example.com,,,\n"  # cannot be reached
    b"Di,Park,di.example.com,312-555-0104,,\n"  # by phone only
    b"Ana,Ruiz,ana@example.com,,New York,\n"  # Ana at the other location
)


def take(ledger: Ledger, content: bytes, list_name: str = "May", **more: Any) -> ImportReport:
    return import_customers(
        ledger,
        content,
        **{
            "file_name": "may.csv", "location": "chicago", "list_name": list_name, "channels": None, "speed": None,
            "imported_by": "ana@acme.example", **more,
        },
    )  # fmt: skip


def counts(report: ImportReport) -> tuple[int, int, int, int, int]:
    return (report.row_count, report.new_count, report.known_count, report.merged_count, report.rejected_count)


def rows(ledger: Ledger, table: sa.Table) -> list[Any]:
    with ledger.read() as c:
        return list(c.execute(sa.select(table).order_by(*table.primary_key.columns)))


def contents(ledger: Ledger) -> dict[str, list[Any]]:
    return {table.name: rows(ledger, table) for table in (t.people, t.person_addresses, t.customers, t.lists,
                                                          t.rejected_rows, t.audit)}  # fmt: skip


@pytest.mark.one_database
def test_every_row_is_new_or_known_or_merged_or_turned_away(ledger: Ledger) -> None:
    make_world(ledger)
    report = take(ledger, FILE.replace(b"New York", b"Acme New York"))
    assert counts(report) == (6, 4, 0, 1, 1)
    assert [(row.line, row.column_name, row.is_row_kept) for row in report.rejected] == [
        (5, "Email", False), (6, "Email", True),
    ]  # fmt: skip


@pytest.mark.one_database
def test_what_is_taken_in_is_customers_of_one_person_each(ledger: Ledger) -> None:
    world = make_world(ledger)
    report = take(ledger, FILE)
    customers = {(row.location_id, row.first_name): row for row in rows(ledger, t.customers)}
    assert set(customers) == {(world.chicago, "Ana"), (world.chicago, "Bo"), (world.chicago, "Di"),
                              (world.new_york, "Ana")}  # fmt: skip
    ana = customers[world.chicago, "Ana"]
    assert (ana.last_name, ana.email, ana.phone, ana.employee) == ("Ruiz", "ana@example.com", "+13125550102", "Dr. Lee")
    assert (ana.source, ana.list_id, ana.channels) == (Source.CSV, report.list_id, None)
    assert customers[world.new_york, "Ana"].person_id == ana.person_id
    hers = {row.address for row in rows(ledger, t.person_addresses) if row.person_id == ana.person_id}
    assert hers == {"ana@example.com", "+13125550101", "+13125550102"}
    assert len(rows(ledger, t.people)) == 3


@pytest.mark.one_database
@pytest.mark.slow
def test_rejected_rows_are_kept_whole_to_be_mended(ledger: Ledger) -> None:
    make_world(ledger)
    report = take(ledger, FILE)
    first, second = rows(ledger, t.rejected_rows)
    assert (first.list_id, first.line, first.column_name, first.value) == (
        report.list_id, 5, "Email", "cy.example.com",
    )  # fmt: skip
    assert first.row["Last name"] == "Okafor"
    assert (first.is_row_kept, second.is_row_kept) == (False, True)


def test_the_same_file_again_changes_nothing(ledger: Ledger) -> None:
    make_world(ledger)
    first = take(ledger, FILE)
    before = contents(ledger)
    again = take(ledger, FILE)
    assert again.is_repeat
    assert (counts(again), again.list_id) == (counts(first), first.list_id)
    assert list(again.rejected) == list(first.rejected)
    assert contents(ledger) == before


@pytest.mark.slow
def test_a_trial_foresees_the_counts_and_writes_nothing(ledger: Ledger) -> None:
    world = make_world(ledger)
    make_customer(ledger, world, email="bo@example.com")
    before = contents(ledger)
    foreseen = take(ledger, FILE, dry_run=True)
    assert contents(ledger) == before
    assert foreseen.list_id is None
    assert counts(foreseen) == counts(take(ledger, FILE)) == (6, 3, 1, 1, 1)


@pytest.mark.slow
def test_a_later_list_brings_customers_up_to_date_and_empties_nothing(ledger: Ledger) -> None:
    make_world(ledger)
    take(ledger, FILE)
    june = take(
        ledger, b"email,first name,phone,service\nana@example.com,Anna,,Whitening\n", "June", channels=[Channel.SMS]
    )
    assert counts(june) == (1, 0, 1, 0, 0)
    [ana] = [row for row in rows(ledger, t.customers) if row.first_name == "Anna"]
    assert (ana.last_name, ana.phone, ana.service, ana.employee) == ("Ruiz", "+13125550102", "Whitening", "Dr. Lee")
    assert (ana.list_id, ana.channels) == (june.list_id, ["sms"])


@pytest.mark.slow
def test_a_row_that_links_two_known_people_makes_them_one(ledger: Ledger) -> None:
    make_world(ledger)
    take(ledger, b"name,email,phone\nAna Ruiz,ana@example.com,\nAna R,,312-555-0101\n")
    assert len(rows(ledger, t.customers)) == 2
    report = take(ledger, b"name,email,phone\nAna Ruiz,ana@example.com,312-555-0101\n", "June")
    assert counts(report) == (1, 0, 1, 0, 0)
    [customer] = rows(ledger, t.customers)
    assert (customer.email, customer.phone) == ("ana@example.com", "+13125550101")
    assert len(rows(ledger, t.people)) == 1


@pytest.mark.one_database
@pytest.mark.slow
def test_two_rows_that_share_nothing_but_a_known_person_are_merged_and_counted_so(ledger: Ledger) -> None:
    make_world(ledger)
    take(ledger, b"email,phone\nana@example.com,312-555-0101\n")
    june = b"email,phone\nana@example.com,\n,312-555-0101\n"
    assert counts(take(ledger, june, "June", dry_run=True)) == counts(take(ledger, june, "June")) == (2, 0, 1, 1, 0)


@pytest.mark.parametrize("suppressed_first", [True, False])
@pytest.mark.slow
def test_who_said_no_stays_out_whatever_is_imported_when(ledger: Ledger, suppressed_first: bool) -> None:
    world = make_world(ledger)
    if suppressed_first:
        suppress(ledger, world, AddressKind.PHONE, "+13125550101")
    take(ledger, b"email,phone\nana@example.com,\n")
    take(ledger, b"email,phone\n,312-555-0101\n", "June")
    if not suppressed_first:
        suppress(ledger, world, AddressKind.PHONE, "+13125550101")
    take(ledger, b"email,phone\nAna@Example.com,(312) 555-0101\n", "July")
    with ledger.read() as c:
        [held] = c.execute(
            sa.select(is_suppressed(sa.literal("email"), t.customers.c.person_id, t.customers.c.email))
        ).scalars()
    assert held


class CutOff(Exception):
    """The process ends here."""


@pytest.mark.slow
def test_an_import_that_was_cut_off_is_completed_by_the_same_file(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_world(ledger)
    content = b"email\n" + b"".join(b"c%d@example.com\n" % number for number in range(10)) + b"bad\nbad too\n"
    written = 0

    def write_twice(*args: Any, **kwargs: Any) -> None:
        nonlocal written
        if written == 2:
            raise CutOff
        written += 1
        write_customers(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(customers_file, "_PEOPLE_AT_ONCE", 3)
        patch.setattr(customers_file.imports, "write_customers", write_twice)
        with pytest.raises(CutOff):
            take(ledger, content)
    assert len(rows(ledger, t.customers)) == 6
    assert rows(ledger, t.lists)[0].completed_at is None
    report = take(ledger, content)
    assert not report.is_repeat
    assert counts(report) == (12, 10, 0, 0, 2)
    assert len(rows(ledger, t.customers)) == 10
    assert len(rows(ledger, t.rejected_rows)) == 2
    assert take(ledger, content).is_repeat


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("more", "kind", "told"),
    [
        ({"location": "paris"}, UnknownLocation, "chicago, new-york"),
        ({"list_name": "  "}, ValueError, "name"),
        ({"speed": "fast"}, ValueError, "50/hour"),
        ({"channels": []}, ValueError, "at least one channel"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_words(
    ledger: Ledger, more: dict[str, Any], kind: type[Exception], told: str
) -> None:
    make_world(ledger)
    with pytest.raises(kind, match=told):
        take(ledger, FILE, **more)


@pytest.mark.one_database
def test_a_file_of_which_nothing_can_be_read_leaves_no_list(ledger: Ledger) -> None:
    make_world(ledger)
    with pytest.raises(UnreadableFile):
        take(ledger, b"name\nAna\n")
    assert rows(ledger, t.lists) == []


@pytest.mark.one_database
def test_a_file_of_nothing_but_bad_rows_is_a_list_of_nobody(ledger: Ledger) -> None:
    make_world(ledger)
    assert counts(take(ledger, b"email\nbad\n")) == (1, 0, 0, 0, 1)


def test_channels_and_speed_stay_with_the_list(ledger: Ledger) -> None:
    make_world(ledger)
    take(ledger, FILE, channels=[Channel.EMAIL], speed="50/hour")
    [made] = rows(ledger, t.lists)
    assert (made.channels, made.speed, made.imported_by, made.file_name) == (
        ["email"], "50/hour", "ana@acme.example", "may.csv",
    )  # fmt: skip
    assert {tuple(row.channels) for row in rows(ledger, t.customers)} == {("email",)}


@pytest.mark.one_database
@pytest.mark.slow
def test_a_report_for_the_log_holds_counts_only(ledger: Ledger) -> None:
    make_world(ledger)
    report = take(ledger, FILE)
    assert report.as_metadata() == {
        "rows": 6, "new": 4, "known": 0, "merged": 1, "rejected": 1, "mended": 1, "repeat": 0,
        "invited": 0, "suppressed": 0, "excluded": 0,
    }  # fmt: skip
    assert "cy.example.com" not in repr(report)


def test_an_import_can_be_larger_than_one_transaction(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    make_world(ledger)
    monkeypatch.setattr(customers_file, "_PEOPLE_AT_ONCE", 7)
    content = b"email\n" + b"".join(b"c%d@example.com\n" % number for number in range(50))
    assert counts(take(ledger, content)) == (50, 50, 0, 0, 0)


def test_a_list_for_a_channel_that_is_switched_off_is_taken_in_and_says_why_it_waits(ledger: Ledger) -> None:
    make_world(ledger)
    report = import_customers(
        ledger, b"email,phone\na@example.com,+13125550100\n", file_name="a.csv", location="chicago", list_name="May",
        channels=[Channel.WHATSAPP, Channel.EMAIL], speed=None, imported_by="ana@acme.example",
    )  # fmt: skip
    assert report.new_count == 1
    assert "Acme Chicago: WhatsApp is switched off for this location in the account's settings." in report.notes
    assert not any("Email" in note for note in report.notes)
