"""What a list says of consent, visits and relationships, and what becomes of it in the ledger."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from data.ledger import tables as t
from data.ledger.store import Ledger
from data.words import AddressKind, Channel, ConsentBasis, Relationship
from invitations.consent_columns import Declaration, checked_declaration
from invitations.import_report import ImportRefused, ImportReport
from invitations.take_in import import_customers
from tests.world import NOON, RULES, insert, make_customer, make_request, make_world, suppress

pytestmark = pytest.mark.one_database

EXPRESS = Declaration(ConsentBasis.EXPRESS, "Text me about my visit")


def take(ledger: Ledger, content: str, name: str = "May", *, at: datetime = NOON, **more: Any) -> ImportReport:
    ledger.settings = ledger.settings.model_copy(update={"now": at})
    return import_customers(
        ledger, content.encode(),
        **{
            "file_name": "may.csv", "location": "chicago", "list_name": name, "channels": None, "speed": None,
            "imported_by": "ana@acme.example", **more,
        },
    )  # fmt: skip


def consents(ledger: Ledger) -> list[tuple[Any, ...]]:
    columns = t.consents.c
    with ledger.read() as c:
        query = sa.select(columns.basis, columns.given_at, columns.how, columns.wording).order_by(columns.consent_id)
        return [tuple(row) for row in c.execute(query)]


def the_customer(ledger: Ledger) -> Any:
    with ledger.read() as c:
        return c.execute(sa.select(t.customers)).one()


@pytest.mark.both_databases
def test_a_yes_is_recorded_with_its_day_its_list_and_its_column(ledger: Ledger) -> None:
    make_world(ledger)
    take(ledger, "email,Opt in\na@example.com,2026-11-14\n", "June visits")
    [row] = consents(ledger)
    assert row == (
        ConsentBasis.EXPRESS, datetime(2026, 11, 14, 6, 0, tzinfo=UTC), 'list "June visits", column Opt in', None,
    )  # fmt: skip
    with ledger.read() as c:
        assert c.execute(sa.select(t.consents.c.recorded_by)).scalar_one() == "ana@acme.example"


def test_a_yes_without_a_day_counts_from_the_visit_and_else_from_the_import(ledger: Ledger) -> None:
    make_world(ledger)
    take(ledger, "email,consent,visit date\na@example.com,yes,2026-11-14\nb@example.com,yes,\n")
    assert [row[1] for row in consents(ledger)] == [datetime(2026, 11, 14, 6, 0, tzinfo=UTC), NOON]


def test_a_no_is_a_refusal_as_of_now_whatever_the_importer_declares(ledger: Ledger) -> None:
    make_world(ledger)
    take(ledger, "email,consent\na@example.com,no\n", declared=EXPRESS)
    assert [row[:2] for row in consents(ledger)] == [(ConsentBasis.WITHDRAWN, NOON)]


def test_nothing_said_and_nothing_declared_records_nothing(ledger: Ledger) -> None:
    make_world(ledger)
    take(ledger, "email,consent\na@example.com,\n")
    assert consents(ledger) == []


def test_a_declaration_holds_for_every_row_with_who_when_and_in_which_words(ledger: Ledger) -> None:
    make_world(ledger)
    take(ledger, "email,visit date\na@example.com,2026-11-14\nb@example.com,\n", declared=EXPRESS)
    how = 'list "May", declared for all of it'
    assert consents(ledger) == [
        (ConsentBasis.EXPRESS, datetime(2026, 11, 14, 6, 0, tzinfo=UTC), how, "Text me about my visit"),
        (ConsentBasis.EXPRESS, NOON, how, "Text me about my visit"),
    ]


def test_a_declared_day_holds_before_the_visits(ledger: Ledger) -> None:
    make_world(ledger)
    declared = replace(EXPRESS, consented_on=date(2026, 11, 2))
    take(ledger, "email,visit date\na@example.com,2026-11-14\n", declared=declared)
    assert [row[1] for row in consents(ledger)] == [datetime(2026, 11, 2, 6, 0, tzinfo=UTC)]


def test_another_basis_declared_stands_beside_what_the_row_says(ledger: Ledger) -> None:
    make_world(ledger)
    take(ledger, "email,consent\na@example.com,yes\n", declared=Declaration(ConsentBasis.PURCHASE))
    assert [row[0] for row in consents(ledger)] == [ConsentBasis.EXPRESS, ConsentBasis.PURCHASE]


@pytest.mark.slow
def test_a_declaration_for_a_list_does_not_lift_a_persons_own_no(ledger: Ledger) -> None:
    make_world(ledger)
    take(ledger, "email,consent\na@example.com,no\n")
    later = NOON + timedelta(days=30)
    take(ledger, "email\na@example.com\n", "June", at=later, declared=EXPRESS)
    assert [row[0] for row in consents(ledger)] == [ConsentBasis.WITHDRAWN]
    told = take(ledger, "email,consent\na@example.com,yes\n", "July", at=later)  # from when? it may be the older word
    assert [row[0] for row in consents(ledger)] == [ConsentBasis.WITHDRAWN]
    assert any("not asked by any channel: 1" in note for note in told.notes)
    take(ledger, "email,consent\na@example.com,2026-12-20\n", "August", at=later)
    assert [row[0] for row in consents(ledger)] == [ConsentBasis.WITHDRAWN, ConsentBasis.EXPRESS]


@pytest.mark.slow
def test_the_same_consent_told_again_is_recorded_once(ledger: Ledger) -> None:
    make_world(ledger)
    take(ledger, "email,consent\na@example.com,2026-11-14\nbad,yes\n")
    take(ledger, "email,consent\na@example.com,2026-11-14\nb@example.com,2026-11-14\n")  # the bad row mended
    assert len(consents(ledger)) == 2


@pytest.mark.slow
def test_a_no_stands_when_another_record_of_the_person_had_consent_declared(ledger: Ledger) -> None:
    make_world(ledger)
    take(ledger, "email,consent\na@example.com,no\n")
    take(ledger, "phone\n312-555-0101\n", "June", at=NOON + timedelta(days=1), declared=EXPRESS)
    take(ledger, "email,phone\na@example.com,312-555-0101\n", "July", at=NOON + timedelta(days=2))
    by_day = sorted((row[1], row[0] is ConsentBasis.WITHDRAWN) for row in consents(ledger))
    assert by_day[-1] == (NOON + timedelta(days=1), True)  # a no wins a tie


@pytest.mark.parametrize(
    ("basis", "text", "day", "told"),
    [
        ("verbal", None, None, "express, purchase, inquiry"),
        ("withdrawn", None, None, "express, purchase, inquiry"),
        (None, "Yes to texts", None, "Say which consent"),
        ("express", None, date(2027, 1, 1), "yet to come"),
    ],
)
def test_a_declaration_that_cannot_be_meant_is_refused(
    basis: str | None, text: str | None, day: date | None, told: str
) -> None:
    with pytest.raises(ImportRefused, match=told):
        checked_declaration(basis, text, day, today=date(2026, 11, 23))


@pytest.mark.slow
def test_place_visit_and_relationship_stay_with_the_customer(ledger: Ledger) -> None:
    make_world(ledger)
    head = "email,time zone,zip,country,visit date,relationship\n"
    take(ledger, f"{head}a@example.com,America/Denver,80202,US,2026-11-14,staff\n")
    row = the_customer(ledger)
    assert (row.time_zone, row.postal_code, row.country) == ("America/Denver", "80202", "US")
    assert (row.relationship, row.occasion_at) == (Relationship.STAFF, NOON)
    assert row.visited_at == datetime(2026, 11, 14, 6, 0, tzinfo=UTC)
    take(ledger, "email,visit date\na@example.com,2026-10-01\n", "June", at=NOON + timedelta(days=1))
    take(
        ledger, "email,relationship\na@example.com,staff\na@example.com,patient\n", "July", at=NOON + timedelta(days=2)
    )
    take(ledger, "email,relationship\na@example.com,patient\n", "August", at=NOON + timedelta(days=3))
    again = the_customer(ledger)
    assert (again.time_zone, again.visited_at, again.relationship) == (row.time_zone, row.visited_at, row.relationship)


@pytest.mark.both_databases
@pytest.mark.slow
def test_a_new_occasion_is_a_later_visit_or_without_visits_another_list(ledger: Ledger) -> None:
    make_world(ledger)
    days = [NOON + timedelta(days=number) for number in range(6)]
    take(ledger, "email\na@example.com\n", at=days[0])
    take(ledger, "email\na@example.com\n", at=days[1])  # the very same bytes
    take(ledger, "email\na@example.com\nb@.\n", at=days[1])  # the same list with another row
    assert the_customer(ledger).occasion_at == days[0]
    take(ledger, "email,visit date\na@example.com,2026-11-20\n", "June", at=days[2])
    assert the_customer(ledger).occasion_at == days[2]
    take(ledger, "email,visit date\na@example.com,2026-11-20\n", "July", at=days[3])  # the same visit, told again
    assert the_customer(ledger).occasion_at == days[2]
    take(ledger, "email,visit date\na@example.com,2026-11-24\n", "July", at=days[4])
    assert the_customer(ledger).occasion_at == days[4]


@pytest.mark.both_databases
@pytest.mark.slow
def test_two_who_turn_out_to_be_one_keep_every_consent_and_stay_excluded(ledger: Ledger) -> None:
    make_world(ledger)
    take(ledger, "email,phone,consent,relationship\na@example.com,,yes,\n,312-555-0101,2026-11-02,staff\n")
    take(ledger, "email,phone\na@example.com,312-555-0101\n", "June")
    row = the_customer(ledger)
    with ledger.read() as c:
        owners = set(c.execute(sa.select(t.consents.c.customer_id)).scalars())
    assert (owners, row.relationship) == ({row.customer_id}, Relationship.STAFF)
    assert len(consents(ledger)) == 2


@pytest.mark.both_databases
@pytest.mark.slow
def test_the_report_says_who_was_invited_before_who_said_no_and_who_works_there(ledger: Ledger) -> None:
    world = make_world(ledger)
    invited = make_customer(ledger, world, email="invited@example.com")
    make_request(ledger, world, invited, channel=Channel.EMAIL)
    suppress(ledger, world, AddressKind.EMAIL, "no@example.com")
    with ledger.write() as c:
        insert(
            c, t.past_invitations, account_id=world.account_id, location_id=world.chicago, kind=AddressKind.EMAIL,
            address="before@example.com", invited_at=NOON, recorded_by="test",
        )  # fmt: skip
    content = (
        "email,relationship\ninvited@example.com,\nno@example.com,\nbefore@example.com,\nsis@example.com,family\n"
        "owner@acme.example,\nnew@example.com,\n"
    )
    for is_trial in (True, False):
        report = take(ledger, content, dry_run=is_trial)
        assert (report.invited_count, report.suppressed_count, report.excluded_count) == (2, 1, 2)


@pytest.mark.slow
def test_without_consent_the_report_counts_by_channel_who_cannot_be_asked_and_how_to_mend_it(ledger: Ledger) -> None:
    world = make_world(ledger)
    with ledger.write() as c:
        rules = {name: value for name, value in RULES.items() if name != "consent"}  # as shipped
        insert(c, t.policies, account_id=world.account_id, version=2, effective_at=NOON, rules=rules)
    content = (
        "email,phone,consent\na@example.com,312-555-0101,\nb@example.com,312-555-0102,yes\nc@example.ca,416-555-0103,\n"
    )
    for is_trial in (True, False):
        report = take(ledger, content, dry_run=is_trial)
        assert {channel.value: count for channel, count in report.no_consent.items()} == {"sms": 2, "email": 1}
        told = " ".join(report.notes)
        assert "2 of 3 customers cannot be asked by SMS: no consent is known (express" in told
        assert "declare it for the whole list" in told
        assert "--" not in told  # it is read on the dashboard as well
    declared = take(ledger, content, "June", declared=EXPRESS)
    assert (dict(declared.no_consent), declared.notes) == ({}, ())
    bare = take(ledger, content.replace(",yes", ","), "July")  # what the ledger knows counts
    assert dict(bare.no_consent) == {}
    alone = take(ledger, "phone\n312-555-0109\n", "August")
    assert alone.notes[0].startswith("1 of 1 customer cannot be asked by SMS")


@pytest.mark.both_databases
def test_a_lists_pace_and_time_stay_with_it_and_a_repeat_is_no_matter_of_time(ledger: Ledger) -> None:
    make_world(ledger)
    pace = {"speed": "50/hour mon-fri 09:00-17:00", "send_at": "2026-12-01 10:00"}
    take(ledger, "email\na@example.com\n", **pace)
    with ledger.read() as c:
        row = c.execute(sa.select(t.lists)).one()
    assert (row.speed, row.speed_days, row.speed_opens, row.speed_closes) == ("50/hour", [0, 1, 2, 3, 4], 540, 1020)
    assert row.send_at == datetime(2026, 12, 1, 16, 0, tzinfo=UTC)
    assert take(ledger, "email\na@example.com\n", at=NOON + timedelta(days=30), **pace).is_repeat


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"speed": "50/hour 02:00-05:00"}, "could ever go"),
        ({"send_at": "2026-11-01 10:00"}, "is past"),
    ],
)
def test_a_pace_that_can_never_be_kept_is_refused_before_anybody_is_taken_in(
    ledger: Ledger, more: dict[str, str], told: str
) -> None:
    make_world(ledger)
    with pytest.raises(ImportRefused, match=told):
        take(ledger, "email\na@example.com\n", **more)
    with ledger.read() as c:
        assert c.execute(sa.select(sa.func.count()).select_from(t.lists)).scalar_one() == 0


@pytest.mark.both_databases
@pytest.mark.slow
def test_a_declaration_that_was_forgotten_is_recorded_when_the_same_file_comes_with_it(ledger: Ledger) -> None:
    make_world(ledger)
    content = "email,consent\na@example.com,\nb@example.com,no\n"
    take(ledger, content)
    [before] = consents(ledger)
    occasion = [row.occasion_at for row in everybody(ledger)]
    again = take(ledger, content, declared=EXPRESS, at=NOON + timedelta(days=1))
    assert again.is_repeat
    assert again.notes[-1] == "The consent that was declared is on record now, for 1 more."
    assert [row[0] for row in consents(ledger)] == [before[0], ConsentBasis.EXPRESS]  # a no stays one
    assert [row.occasion_at for row in everybody(ledger)] == occasion  # nobody came again


def everybody(ledger: Ledger) -> list[Any]:
    with ledger.read() as c:
        return list(c.execute(sa.select(t.customers).order_by(t.customers.c.customer_id)))
