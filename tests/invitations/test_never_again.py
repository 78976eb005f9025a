""" "They asked not to be contacted": what stopping with it does, and what does not undo a "no"."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from connectors import ProviderEvent
from data.ledger import tables as t
from data.ledger.controls import open_channels, open_elsewhere
from data.ledger.store import Ledger
from data.permissions import Action, rights
from data.words import AddressKind, Channel, EventKind, InvitationStatus, Role, SuppressionEffect, SuppressionReason
from invitations.controls import Actor, Done, Refused, restart_invitation, stop_invitation
from invitations.events import receive
from invitations.take_in import import_customers
from tests.world import NOON, World, insert, make_customer, make_request, make_system, make_world

pytestmark = pytest.mark.one_database

EMAIL, PHONE = "ana@example.com", "+13125550100"
FILE = f"first name,email,phone\nAna,{EMAIL},{PHONE}\nAna,ANA@example.com,(312) 555-0199\n".encode()
ADDRESSES: dict[AddressKind, str | None] = {AddressKind.EMAIL: EMAIL, AddressKind.PHONE: PHONE}


@pytest.fixture
def world(ledger: Ledger) -> World:
    make_system(ledger)
    return make_world(ledger)


@pytest.fixture
def ana(ledger: Ledger, world: World) -> dict[str, int]:
    """Ana, invited in Chicago and in New York: her person, and her two open invitations."""
    customer = make_customer(ledger, world, email=EMAIL, phone=PHONE)
    make_request(ledger, world, customer)
    with ledger.write() as c:
        person = c.execute(sa.select(t.customers.c.person_id)).scalar_one()
        there = insert(
            c, t.customers, account_id=world.account_id, location_id=world.new_york, person_id=person,
            first_name="Ana", last_name="Ruiz", email=EMAIL, phone=PHONE, source="csv",
        )  # fmt: skip
    make_request(ledger, world, there)
    with ledger.read() as c:
        found = c.execute(sa.select(t.invitations.c.location_id, t.invitations.c.invitation_id)).all()
    here = dict(found)
    return {"person": person, "chicago": here[world.chicago], "new_york": here[world.new_york]}


def actor(world: World, role: Role = Role.OWNER, *locations: int) -> Actor:
    return Actor(f"{role.value}@acme.example", role, world.account_id, frozenset(locations) or None)


def invitations(ledger: Ledger) -> set[tuple[InvitationStatus, str | None]]:
    with ledger.read() as c:
        return {(row.status, row.stopped_by) for row in c.execute(t.invitations.select())}


def channels_open(ledger: Ledger, person: int) -> list[Channel]:
    with ledger.read() as c:
        return open_channels(c, person, ADDRESSES)


@pytest.mark.both_databases
def test_the_person_is_off_every_channel_and_every_invitation_ends_at_once(
    ledger: Ledger, world: World, ana: dict[str, int]
) -> None:
    manager = actor(world, Role.MANAGER, world.chicago)  # who does not look after New York
    answer = stop_invitation(ledger, manager, ana["chicago"], is_asked_by_person=True, now=NOON)
    assert answer == Done("Stopped. They will not be contacted again, on any channel or at any location.")
    assert invitations(ledger) == {(InvitationStatus.STOPPED, "manager@acme.example")}
    assert channels_open(ledger, ana["person"]) == []
    with ledger.read() as c:
        rows = c.execute(t.suppressions.select()).all()
        lines = c.execute(sa.select(t.audit.c.action, t.audit.c.subject).order_by(t.audit.c.audit_id)).all()
    assert {(row.kind, row.channel, row.reason, row.recorded_by, row.occurred_at) for row in rows} == {
        (kind, None, SuppressionReason.ASKED_BY_PERSON, "manager@acme.example", NOON) for kind in AddressKind
    }
    assert [tuple(line) for line in lines] == [
        ("stop", f"invitation {ana['chicago']}"), ("stop", f"person {ana['person']}"),
    ]  # fmt: skip


def test_a_plain_stop_ends_this_invitation_only(ledger: Ledger, world: World, ana: dict[str, int]) -> None:
    stop_invitation(ledger, actor(world), ana["chicago"], now=NOON)
    assert {status for status, _ in invitations(ledger)} == {InvitationStatus.STOPPED, InvitationStatus.ACTIVE}
    assert channels_open(ledger, ana["person"]) == list(Channel)


def test_a_no_told_after_the_invitation_ended_counts_all_the_same(
    ledger: Ledger, world: World, ana: dict[str, int]
) -> None:
    with ledger.write() as c:
        c.execute(t.invitations.update().values(status=InvitationStatus.FINISHED))
    answer = stop_invitation(ledger, actor(world), ana["chicago"], is_asked_by_person=True, now=NOON)
    assert isinstance(answer, Done)
    assert channels_open(ledger, ana["person"]) == []


@pytest.mark.parametrize("role", [role for role in Role if role not in rights()[Action.STOP]])
def test_who_may_not_stop_may_not_record_it_either(
    ledger: Ledger, world: World, ana: dict[str, int], role: Role
) -> None:
    answer = stop_invitation(ledger, actor(world, role), ana["chicago"], is_asked_by_person=True, now=NOON)
    assert isinstance(answer, Refused)
    elsewhere = actor(world, Role.MANAGER, world.new_york)
    assert isinstance(stop_invitation(ledger, elsewhere, ana["chicago"], is_asked_by_person=True, now=NOON), Refused)
    assert channels_open(ledger, ana["person"]) == list(Channel)


def test_a_restart_afterwards_is_refused_with_the_reason(ledger: Ledger, world: World, ana: dict[str, int]) -> None:
    stop_invitation(ledger, actor(world), ana["chicago"], is_asked_by_person=True, now=NOON)
    for name in ("chicago", "new_york"):
        assert restart_invitation(ledger, actor(world), ana[name], now=NOON) == Refused(
            "This person must not be contacted: they asked not to be contacted. Messages stay stopped."
        )


def test_the_other_open_invitations_are_named_as_far_as_the_reader_may_see(
    ledger: Ledger, world: World, ana: dict[str, int]
) -> None:
    with ledger.read() as c:
        assert open_elsewhere(c, world.account_id, None, ana["chicago"]) == ["Acme New York"]
        assert open_elsewhere(c, world.account_id, [world.chicago], ana["chicago"]) == []


@pytest.mark.parametrize("is_known_before", [True, False])
@pytest.mark.parametrize("reason", [r for r in SuppressionReason if r is not SuppressionReason.START_KEYWORD])
@pytest.mark.slow
def test_no_import_undoes_a_suppression(
    ledger: Ledger, world: World, reason: SuppressionReason, is_known_before: bool
) -> None:
    """Whether the "no" came before they were ever in a file or after; nor does a new number get around it."""
    is_of_address = reason is SuppressionReason.UNDELIVERABLE

    def say_no() -> None:
        with ledger.write() as c:
            insert(
                c, t.suppressions, account_id=world.account_id, kind=AddressKind.EMAIL, address=EMAIL, reason=reason,
                channel=Channel.EMAIL if is_of_address else None, effect=SuppressionEffect.SUPPRESS,
                recorded_by="test", occurred_at=NOON,
            )  # fmt: skip

    def take(name: str, content: bytes = FILE) -> None:
        given: dict[str, Any] = {"channels": None, "speed": None, "imported_by": "owner@acme.example"}
        import_customers(ledger, content, file_name="may.csv", location="chicago", list_name=name, **given)

    if is_known_before:
        take("April", FILE.splitlines()[0] + b"\n" + FILE.splitlines()[1])
    say_no()
    for name in ("May", "June"):
        take(name)
        with ledger.read() as c:
            owner = sa.select(t.person_addresses.c.person_id).where(t.person_addresses.c.address == EMAIL)
            person = c.execute(owner).scalar_one()
        assert channels_open(ledger, person) == ([Channel.SMS, Channel.WHATSAPP] if is_of_address else [])


@pytest.mark.both_databases
def test_start_restores_sms_only(ledger: Ledger, world: World, ana: dict[str, int]) -> None:
    stop_invitation(ledger, actor(world), ana["chicago"], is_asked_by_person=True, now=NOON)
    start = ProviderEvent(
        "twilio", "SM1:start", EventKind.RESUBSCRIBED, NOON + timedelta(hours=1), address=PHONE,
        address_kind=AddressKind.PHONE,
    )  # fmt: skip
    receive(ledger, [start], now=NOON + timedelta(hours=1))
    assert channels_open(ledger, ana["person"]) == [Channel.SMS]
    assert {status for status, _ in invitations(ledger)} == {InvitationStatus.STOPPED}
