"""Whom never to contact, said by the business, and imports that undo none of it."""

import io
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import sqlalchemy as sa
import xlsxwriter  # type: ignore[import-untyped]
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.csv_file import UnreadableFile
from data.ledger import tables as t
from data.ledger.store import Ledger, open_ledger
from data.ledger.suppressions import is_suppressed, record
from data.settings import Settings
from data.words import AddressKind, Channel, InvitationStatus, SuppressionEffect, SuppressionReason
from invitations.import_report import ImportRefused, ImportReport
from invitations.take_in import do_not_contact, import_customers, import_do_not_contact
from tests.examples import examples
from tests.world import NOON, make_customer, make_request, make_world

pytestmark = pytest.mark.one_database


def bar(ledger: Ledger, content: str) -> ImportReport:
    return import_do_not_contact(
        ledger, content.encode(), file_name="dnc.csv", imported_by="ana@acme.example", reason=None, now=NOON
    )


def bar_one(ledger: Ledger, contact: str) -> bool:
    return do_not_contact(ledger, contact, recorded_by="ana@acme.example", reason="by phone", now=NOON)


def take(ledger: Ledger, content: str, name: str) -> None:
    import_customers(
        ledger, content.encode(), file_name="may.csv", location="chicago", list_name=name, channels=None, speed=None,
        imported_by="ana@acme.example",
    )  # fmt: skip


def suppressions(ledger: Ledger) -> list[tuple[str, str]]:
    columns = t.suppressions.c
    with ledger.read() as c:
        query = sa.select(columns.address, columns.reason).where(columns.channel.is_(None)).order_by(columns.address)
        return [(row.address, row.reason.value) for row in c.execute(query)]


def barred_customers(ledger: Ledger) -> set[str]:
    """E-mail addresses of customers who can be reached by no channel any more."""
    columns = t.customers.c
    held = [
        is_suppressed(sa.literal(channel.value), columns.person_id, address)
        for channel, address in ((Channel.EMAIL, columns.email), (Channel.SMS, columns.phone))
    ]
    with ledger.read() as c:
        return set(c.execute(sa.select(columns.email).where(*held)).scalars())


@pytest.mark.both_databases
def test_every_number_and_address_of_a_row_is_suppressed(ledger: Ledger) -> None:
    make_world(ledger)
    bar(ledger, "email,mobile,phone,telephone\n,312-555-0101,312-555-0102,ana@example.com\n")
    assert suppressions(ledger) == [
        (address, "do_not_contact_list") for address in ("+13125550101", "+13125550102", "ana@example.com")
    ]


def test_everybody_of_a_list_is_suppressed_known_or_not(ledger: Ledger) -> None:
    world = make_world(ledger)
    make_customer(ledger, world, email="ana@example.com", phone="+13125550101")
    report = bar(ledger, "Email,Mobile\nANA@example.com,\n,(312) 555-0199\nbad,\nana@example.com,\n")
    assert (report.row_count, report.new_count, report.known_count, report.rejected_count) == (4, 2, 1, 1)
    assert suppressions(ledger) == [
        ("+13125550101", "do_not_contact_list"), ("+13125550199", "do_not_contact_list"),
        ("ana@example.com", "do_not_contact_list"),
    ]  # fmt: skip
    [rejected] = report.rejected
    assert (rejected.line, rejected.value, rejected.is_row_kept) == (4, "bad", False)


def test_the_same_list_again_adds_nothing(ledger: Ledger) -> None:
    make_world(ledger)
    content = "email,phone\nana@example.com,312-555-0101\n"
    bar(ledger, content)
    before = suppressions(ledger)
    report = bar(ledger, content)
    assert (report.new_count, report.known_count) == (0, 1)
    assert suppressions(ledger) == before


def test_who_was_restored_since_is_suppressed_again_when_the_business_says_so_anew(ledger: Ledger) -> None:
    world = make_world(ledger)
    bar(ledger, "phone\n312-555-0101\n")
    with ledger.write() as c:
        record(
            c, [(AddressKind.PHONE, "+13125550101")], account_id=world.account_id, channel=Channel.SMS,
            effect=SuppressionEffect.RESTORE, reason=SuppressionReason.START_KEYWORD, recorded_by="the customer",
            occurred_at=NOON + timedelta(days=1),
        )  # fmt: skip
    assert bar(ledger, "phone\n312-555-0101\n").new_count == 1


@pytest.mark.both_databases
def test_one_person_who_asked_is_suppressed_and_their_open_invitation_ends(ledger: Ledger) -> None:
    world = make_world(ledger)
    customer = make_customer(ledger, world, email="ana@example.com", phone="+13125550101")
    make_request(ledger, world, customer)
    assert bar_one(ledger, "312-555-0101")
    assert not bar_one(ledger, "ana@example.com")  # the same person
    assert suppressions(ledger) == [("+13125550101", "asked_by_person"), ("ana@example.com", "asked_by_person")]
    with ledger.read() as c:
        assert c.execute(sa.select(t.invitations.c.status)).scalar_one() is InvitationStatus.STOPPED
        assert c.execute(sa.select(t.audit.c.after)).scalar_one() == {"reason": "by phone"}


def test_a_number_is_read_in_the_country_of_every_location(ledger: Ledger) -> None:
    make_world(ledger)
    with ledger.write() as c:
        c.execute(t.locations.update().where(t.locations.c.slug == "new-york").values(region="GB"))
    assert bar_one(ledger, "020 7946 0958")
    bar(ledger, "phone\n020 7946 0959\n")
    assert [address for address, _ in suppressions(ledger)] == ["+442079460958", "+442079460959"]


@pytest.mark.parametrize("contact", ["ana at example", "12", "ana@", ""])
def test_what_is_neither_address_nor_number_is_refused_in_words(ledger: Ledger, contact: str) -> None:
    make_world(ledger)
    with pytest.raises(ImportRefused, match="Expected"):
        bar_one(ledger, contact)


def test_a_file_without_addresses_is_refused(ledger: Ledger) -> None:
    make_world(ledger)
    with pytest.raises(UnreadableFile, match="No column holds"):
        bar(ledger, "name\nAna\n")


LETTER = st.sampled_from("abc")
NUMBER = st.sampled_from("123")
ROW = st.tuples(st.none() | LETTER, st.none() | NUMBER).filter(any)
STEP = st.tuples(st.sampled_from(["import", "bar"]), st.lists(ROW, min_size=1, max_size=3))


def as_csv(rows: list[tuple[str | None, str | None]]) -> str:
    cells = (
        f"{f'{mail}@example.com' if mail else ''},{f'312-555-010{number}' if number else ''}" for mail, number in rows
    )
    return "email,phone\n" + "\n".join(cells) + "\n"


def test_a_workbooks_other_sheets_are_named_for_nobody_on_them_is_suppressed(ledger: Ledger) -> None:
    make_world(ledger)
    target = io.BytesIO()
    with xlsxwriter.Workbook(target) as book:
        for name in ("Calls", "Letters"):
            book.add_worksheet(name).write_column(0, 0, ["email", f"{name.lower()}@example.com"])
    report = import_do_not_contact(
        ledger, target.getvalue(), file_name="no.xlsx", imported_by="ana@acme.example", reason=None, now=NOON
    )
    assert suppressions(ledger) == [("calls@example.com", "do_not_contact_list")]
    assert "nobody on: “Letters”" in report.notes[0]


@given(st.lists(STEP, min_size=1, max_size=6))
@settings(max_examples=examples(6), suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.slow
def test_no_order_of_imports_and_lists_undoes_a_suppression(
    sqlite_template: Path, steps: list[tuple[str, list[tuple[str | None, str | None]]]]
) -> None:
    with TemporaryDirectory() as folder:
        (Path(folder) / "ledger.sqlite").write_bytes(sqlite_template.read_bytes())
        ledger = open_ledger(Settings(home=Path(folder)))
        make_world(ledger)
        barred: set[tuple[AddressKind, str]] = set()
        for number, (what, rows) in enumerate(steps):
            if what == "import":
                take(ledger, as_csv(rows), f"list {number}")
            else:
                bar(ledger, as_csv(rows))
                barred |= {(AddressKind.EMAIL, f"{mail}@example.com") for mail, _ in rows if mail}
                barred |= {(AddressKind.PHONE, f"+1312555010{number}") for _, number in rows if number}
        with ledger.read() as c:
            owned = c.execute(sa.select(t.person_addresses)).all()
            people = {row.person_id for row in owned if (row.kind, row.address) in barred}
            columns = t.customers.c
            for channel, address in ((Channel.EMAIL, columns.email), (Channel.SMS, columns.phone)):
                free = sa.select(columns.person_id).where(
                    address.is_not(None), ~is_suppressed(sa.literal(channel.value), columns.person_id, address)
                )
                assert people.isdisjoint(c.execute(free).scalars())
        ledger.close()


@pytest.mark.slow
def test_a_start_of_one_number_lifts_no_stop_of_another_when_both_are_one_persons(ledger: Ledger) -> None:
    world = make_world(ledger)
    take(ledger, "email,phone\n,312-555-0101\nana@example.com,312-555-0102\n", "May")
    words = [("+13125550101", None, "suppress"), ("+13125550102", None, "suppress"), ("+13125550102", "sms", "restore")]
    with ledger.write() as c:
        for number, channel, effect in words:
            record(
                c, [(AddressKind.PHONE, number)], account_id=world.account_id, occurred_at=NOON, recorded_by="customer",
                channel=Channel(channel) if channel else None, effect=SuppressionEffect(effect),
                reason=SuppressionReason.STOP_KEYWORD,
            )  # fmt: skip
    take(ledger, "email,phone\nana@example.com,312-555-0101\n", "June")
    owned = t.person_addresses.c
    is_off = is_suppressed(sa.literal(Channel.SMS.value), owned.person_id, owned.address)
    with ledger.read() as c:
        rows = c.execute(sa.select(owned.person_id, owned.address, is_off).where(owned.kind == AddressKind.PHONE)).all()
    assert len({row[0] for row in rows}) == 1
    assert {row[1]: row[2] for row in rows} == {"+13125550101": True, "+13125550102": False}
