"""Stopping and restarting a selection: whom it concerns, what is said of the others, and who may."""

import pytest
import sqlalchemy as sa

from data.ledger import tables as t
from data.ledger.store import Ledger
from data.words import AddressKind, InvitationStatus, Role
from invitations.controls import Actor, Done, Refused
from invitations.stop_many import Selection, foresee_many, restart_many, stop_many
from invitations.why_waiting import why_waiting
from tests.world import NOON, World, make_customer, make_request, make_world, suppress

pytestmark = pytest.mark.one_database


@pytest.fixture
def world(ledger: Ledger) -> World:
    return make_world(ledger)


@pytest.fixture
def three(ledger: Ledger, world: World) -> list[int]:
    """Ana with one message waiting, Ben in New York with two, and Cleo without an invitation."""
    ana, cleo = make_customer(ledger, world), make_customer(ledger, world, first_name="Cleo")
    ben = make_customer(
        ledger, world, email="ben@example.com", phone="+12125550111", first_name="Ben", location_id=world.new_york
    )
    for customer, step in ((ana, 0), (ben, 0), (ben, 1)):
        make_request(ledger, world, customer, step=step)
    return [ana, ben, cleo]


def owner(world: World) -> Actor:
    return Actor("owner@acme.example", Role.OWNER, world.account_id)


def statuses(ledger: Ledger) -> list[InvitationStatus]:
    with ledger.read() as c:
        return list(c.execute(sa.select(t.invitations.c.status).order_by(t.invitations.c.customer_id)).scalars())


@pytest.mark.both_databases
def test_a_selection_is_stopped_and_restarted_each_with_a_line_in_the_audit(
    ledger: Ledger, world: World, three: list[int]
) -> None:
    concerned = foresee_many(ledger, owner(world), three, InvitationStatus.ACTIVE)
    assert concerned == Selection(["Ana Ruiz", "Ben Ruiz"], waiting=3, others=1)
    assert stop_many(ledger, owner(world), three, now=NOON) == Done("Stopped messages to 2 customers.")
    assert statuses(ledger) == [InvitationStatus.STOPPED] * 2
    assert stop_many(ledger, owner(world), three, now=NOON) == Refused("None of them has messages still to come.")
    suppress(ledger, world, AddressKind.EMAIL, "ben@example.com")
    answer = restart_many(ledger, owner(world), three, now=NOON)
    assert isinstance(answer, Done)
    assert answer.message.startswith("Restarted messages to 1 customer. This person must not be contacted")
    assert statuses(ledger) == [InvitationStatus.ACTIVE, InvitationStatus.STOPPED]
    with ledger.read() as c:
        assert sorted(c.execute(sa.select(t.audit.c.action)).scalars()) == ["restart", "stop", "stop"]


def test_a_selection_reaches_no_further_than_whoever_acts(ledger: Ledger, world: World, three: list[int]) -> None:
    viewer = Actor("viewer@acme.example", Role.VIEWER, world.account_id)
    assert isinstance(stop_many(ledger, viewer, three, now=NOON), Refused)
    assert isinstance(restart_many(ledger, viewer, three, now=NOON), Refused)
    here = Actor("manager@acme.example", Role.MANAGER, world.account_id, frozenset({world.chicago}))
    assert foresee_many(ledger, here, three, InvitationStatus.ACTIVE).names == ["Ana Ruiz"]
    assert stop_many(ledger, here, three, now=NOON) == Done("Stopped messages to 1 customer.")
    assert statuses(ledger) == [InvitationStatus.STOPPED, InvitationStatus.ACTIVE]


def test_who_is_not_invited_yet_is_told_why_row_by_row(ledger: Ledger, world: World, three: list[int]) -> None:
    dora = make_customer(ledger, world, email="dora@example.com")
    suppress(ledger, world, AddressKind.EMAIL, "dora@example.com")
    with ledger.read() as c:
        people = list(c.execute(sa.select(t.customers.c.person_id)).scalars())
    told = why_waiting(ledger, world.account_id, people, now=NOON)
    assert set(told) == {*three, dora}
    assert told[three[2]].standing.startswith("may be asked now")
    assert told[dora].standing == "not asked at present"
    assert any("contact" in reason for reason in told[dora].reasons)
    assert why_waiting(ledger, world.account_id, [], now=NOON) == {}
