"""Correcting a contact by hand: what follows for the record, the person, a no that was said, and messages that wait."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from data.ledger import tables as t
from data.ledger.store import Ledger
from data.words import AddressKind, Channel, JobKind, RequestStatus, Role
from invitations.controls import Actor, Answer, Done, Refused
from invitations.correct_contact import Corrected, SomebodyElses, correct_contact
from tests.world import NOON, World, make_customer, make_request, make_world, suppress

pytestmark = pytest.mark.one_database


@pytest.fixture
def world(ledger: Ledger) -> World:
    return make_world(ledger)


def correct(
    ledger: Ledger, world: World, customer: int, *, is_same_person: bool = False, role: Role = Role.OWNER,
    location_ids: frozenset[int] | None = None, **typed: str,
) -> Answer:  # fmt: skip
    was = one(ledger, t.customers, customer_id=customer)
    values = {name: getattr(was, name) or "" for name in ("first_name", "last_name", "email", "phone")}
    actor = Actor(f"{role.value}@acme.example", role, world.account_id, location_ids)
    return correct_contact(
        ledger, actor, customer, Corrected(**{**values, **typed}), is_same_person=is_same_person, now=NOON
    )


def one(ledger: Ledger, table: sa.Table, **where: Any) -> Any:
    with ledger.read() as c:
        return c.execute(table.select().filter_by(**where)).one()


def every(ledger: Ledger, table: sa.Table) -> list[Any]:
    with ledger.read() as c:
        return list(c.execute(table.select()).all())


@pytest.mark.both_databases
def test_a_corrected_contact_is_reached_at_once_and_the_audit_keeps_what_it_was(ledger: Ledger, world: World) -> None:
    ana = make_customer(ledger, world, email="ana@exmaple.com", phone="+13125550100", first_name="Ana")
    by_mail = make_request(ledger, world, ana, channel=Channel.EMAIL)
    by_text = make_request(ledger, world, ana, channel=Channel.SMS)
    answer = correct(ledger, world, ana, first_name=" Anna  Maria ", email="Ana@Example.com")
    assert answer == Done("Corrected. 1 queued message goes there.")
    row = one(ledger, t.customers, customer_id=ana)
    assert (row.first_name, row.email, row.phone) == ("Anna Maria", "ana@example.com", "+13125550100")
    assert one(ledger, t.requests, request_id=by_mail).address == "ana@example.com"
    assert one(ledger, t.requests, request_id=by_text).address == "+13125550100"
    audit = one(ledger, t.audit)
    assert (audit.actor, audit.action, audit.subject) == ("owner@acme.example", "correct_contact", f"customer {ana}")
    assert audit.before == {"first_name": "Ana", "email": "ana@exmaple.com"}
    assert audit.after == {"first_name": "Anna Maria", "email": "ana@example.com"}
    assert [job.kind for job in every(ledger, t.jobs)] == [JobKind.PLAN]
    assert correct(ledger, world, ana) == Refused("Nothing was changed.")


def test_a_text_waits_for_the_hours_of_the_new_number_and_nothing_goes_where_no_number_is_left(
    ledger: Ledger, world: World
) -> None:
    ana = make_customer(ledger, world, email="ana@example.com", phone="+13125550100")
    text = make_request(ledger, world, ana, channel=Channel.SMS)
    correct(ledger, world, ana, phone="(212) 555-0111")
    row = one(ledger, t.requests, request_id=text)
    assert (row.address, row.not_after) == ("+12125550111", NOON)  # planning opens a window of its own
    assert correct(ledger, world, ana, phone="") == Done("Corrected.")
    assert one(ledger, t.customers, customer_id=ana).phone is None
    assert one(ledger, t.requests, request_id=text).not_after == NOON


def test_what_has_left_keeps_the_address_it_went_to_and_what_is_leaving_is_said(ledger: Ledger, world: World) -> None:
    ana = make_customer(ledger, world, email="ana@exmaple.com")
    gone = make_request(
        ledger, world, ana, channel=Channel.EMAIL, status=RequestStatus.SENT, handed_at=NOON - timedelta(days=3)
    )
    make_request(ledger, world, ana, channel=Channel.EMAIL, step=1, status=RequestStatus.SENDING)
    answer = correct(ledger, world, ana, email="ana@example.com")
    assert answer == Done("Corrected. One is on its way to the old address.")
    assert one(ledger, t.requests, request_id=gone).address == "ana@exmaple.com"


@pytest.mark.both_databases
def test_a_no_goes_along_to_the_corrected_address_and_a_dead_mailbox_does_not(ledger: Ledger, world: World) -> None:
    ana = make_customer(ledger, world, email="ana@exmaple.com")
    suppress(ledger, world, AddressKind.EMAIL, "ana@exmaple.com")
    answer = correct(ledger, world, ana, email="ana@example.com")
    assert isinstance(answer, Done)
    assert "This person must not be contacted: they texted STOP." in answer.message
    assert [row.address for row in every(ledger, t.suppressions)] == ["ana@exmaple.com"]  # it stays as it was said
    ben = make_customer(ledger, world, email="ben@exmaple.com")
    suppress(ledger, world, AddressKind.EMAIL, "ben@exmaple.com", Channel.EMAIL)
    assert correct(ledger, world, ben, email="ben@example.com") == Done("Corrected.")


def test_an_address_of_somebody_else_makes_them_one_only_when_that_is_said(ledger: Ledger, world: World) -> None:
    ana = make_customer(ledger, world, email="ana@example.com", phone="+13125550100")
    again = make_customer(ledger, world, email="ana@exmaple.com", first_name="Anna")
    refused = correct(ledger, world, again, email="ana@example.com")
    assert isinstance(refused, SomebodyElses)
    assert "The email belongs to another customer." in refused.reason
    assert len(every(ledger, t.people)) == 2
    assert isinstance(correct(ledger, world, again, email="ana@example.com", is_same_person=True), Done)
    row = one(ledger, t.customers)
    assert (row.customer_id, row.email, row.phone) == (ana, "ana@example.com", "+13125550100")
    assert one(ledger, t.audit).after["customer"] == ana
    assert {row.address for row in every(ledger, t.person_addresses)} == {
        "ana@example.com", "ana@exmaple.com", "+13125550100",
    }  # fmt: skip


def test_what_is_no_address_is_refused_with_what_was_expected(ledger: Ledger, world: World) -> None:
    ana = make_customer(ledger, world, email="ana@example.com", phone="+13125550100")
    for answer, told in (
        (correct(ledger, world, ana, email="ana@"), "Expected one such as name@example.com"),
        (correct(ledger, world, ana, phone="12"), "Expected one such as"),
        (correct(ledger, world, ana, email="", phone=" "), "Keep an email address or a phone number"),
    ):
        assert isinstance(answer, Refused)
        assert told in answer.reason
    assert every(ledger, t.audit) == []


def test_only_who_may_corrects_and_only_at_their_own_locations(ledger: Ledger, world: World) -> None:
    ana = make_customer(ledger, world, email="ana@example.com")
    viewer = correct(ledger, world, ana, role=Role.VIEWER, email="b@example.com")
    assert viewer == Refused("The Viewer role cannot correct contacts. Ask an owner or admin of the account.")
    elsewhere = correct(
        ledger, world, ana, role=Role.MANAGER, location_ids=frozenset({world.new_york}), email="b@example.com"
    )
    assert elsewhere == Refused("This is not among the locations you look after.")
    assert one(ledger, t.customers).email == "ana@example.com"
