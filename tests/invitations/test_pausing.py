"""Pausing a channel or a list: what waits, who may, what goes on beside it, and that nobody is lost by it."""

from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from data.ledger import tables as t
from data.ledger.pausing import holds, list_states
from data.ledger.store import Ledger
from data.words import Channel, JobKind, RequestStatus, Role, Source
from invitations.actor import Actor, Done, Refused
from invitations.pausing import pause_channel, pause_list, resume_channel, resume_list
from invitations.queueing import plan_and_queue
from invitations.send import send_due
from invitations.take_in import import_customers
from tests.recorder import Recorder
from tests.world import NOON, World, insert, make_customer, make_request, make_system, make_world

pytestmark = pytest.mark.one_database


def owner(world: World, *places: int) -> Actor:
    return Actor("owner@acme.example", Role.OWNER, world.account_id, frozenset(places) or None)


def make_list(ledger: Ledger, world: World, name: str = "May", location_id: int | None = None) -> int:
    with ledger.write() as c:
        return insert(
            c, t.lists, account_id=world.account_id, location_id=location_id or world.chicago, name=name,
            source=Source.CSV, content_sha256=name, imported_by="owner@acme.example",
        )  # fmt: skip


def on_list(ledger: Ledger, world: World, list_id: int) -> int:
    """A queued message to a customer of the list."""
    request_id = make_request(ledger, world, make_customer(ledger, world, list_id=list_id))
    with ledger.write() as c:
        mine = sa.select(t.requests.c.invitation_id).where(t.requests.c.request_id == request_id).scalar_subquery()
        c.execute(t.invitations.update().where(t.invitations.c.invitation_id == mine).values(list_id=list_id))
    return request_id


def statuses(ledger: Ledger) -> dict[int, RequestStatus]:
    with ledger.read() as c:
        return {row.request_id: row.status for row in c.execute(t.requests.select())}


def audited(ledger: Ledger) -> list[tuple[str, str]]:
    with ledger.read() as c:
        return [(row.action, row.subject) for row in c.execute(t.audit.select().order_by(t.audit.c.audit_id))]


@pytest.fixture
def world(ledger: Ledger) -> World:
    make_system(ledger)
    return make_world(ledger)


@pytest.mark.both_databases
def test_a_paused_channel_waits_at_its_location_and_others_go_on(ledger: Ledger, world: World) -> None:
    chicago = make_request(ledger, world, make_customer(ledger, world))
    email = make_request(ledger, world, make_customer(ledger, world), channel=Channel.EMAIL)
    new_york = make_request(ledger, world, make_customer(ledger, world, location_id=world.new_york))
    answer = pause_channel(ledger, owner(world), Channel.SMS, [world.chicago], now=NOON)
    assert answer == Done("SMS is paused at Acme Chicago. 1 queued message waits until someone resumes it.")
    messenger = Recorder()
    send_due(ledger, messenger.messengers, now=NOON)
    assert statuses(ledger) == {
        chicago: RequestStatus.QUEUED, email: RequestStatus.SENT, new_york: RequestStatus.SENT,
    }  # fmt: skip
    with ledger.read() as c:
        [hold] = holds(c, [chicago, email, new_york]).values()
    assert (hold.request_id, hold.channel, hold.list_name) == (chicago, Channel.SMS, None)

    assert isinstance(resume_channel(ledger, owner(world), Channel.SMS, [world.chicago]), Done)
    send_due(ledger, messenger.messengers, now=NOON)
    assert statuses(ledger)[chicago] is RequestStatus.SENT
    assert len(messenger.taken) == 3
    subject = f"channel sms of location {world.chicago}"
    assert audited(ledger) == [("pause", subject), ("resume", subject)]


@pytest.mark.both_databases
@pytest.mark.slow
def test_a_paused_list_waits_and_goes_on_in_hours_of_its_own(ledger: Ledger, world: World) -> None:
    may, june = make_list(ledger, world), make_list(ledger, world, "June")
    waiting, other = on_list(ledger, world, may), on_list(ledger, world, june)
    answer = pause_list(ledger, owner(world), "May", now=NOON)
    assert answer == Done('The list "May" is paused at Acme Chicago. 1 queued message waits until someone resumes it.')
    messenger = Recorder()
    send_due(ledger, messenger.messengers, now=NOON)
    assert statuses(ledger) == {waiting: RequestStatus.QUEUED, other: RequestStatus.SENT}
    with ledger.read() as c:
        assert [hold.list_name for hold in holds(c, [waiting, other]).values()] == ["May"]
        assert [(state.name, state.waiting) for state in list_states(c, world.account_id, None)] == [("May", 1)]

    days_later = NOON + timedelta(days=3)  # its hours have long passed, and planning held it back every night
    plan_and_queue(ledger, now=days_later)
    resume_list(ledger, owner(world), "May")
    with ledger.read() as c:
        assert c.execute(sa.select(t.jobs.c.kind)).scalars().all() == [JobKind.PLAN]
    plan_and_queue(ledger, now=days_later)
    send_due(ledger, messenger.messengers, now=days_later)
    assert statuses(ledger)[waiting] is RequestStatus.SENT


def test_everywhere_means_wherever_the_actor_may(ledger: Ledger, world: World) -> None:
    pause_channel(ledger, owner(world, world.new_york), Channel.SMS, now=NOON)
    with ledger.read() as c:
        paused = c.execute(sa.select(t.channels.c.location_id).where(t.channels.c.paused_at.is_not(None))).scalars()
        assert list(paused) == [world.new_york]
    answer = pause_channel(ledger, owner(world), Channel.SMS, now=NOON)
    assert answer == Done(
        "SMS is paused at Acme Chicago. Nothing is queued for it now; what will be waits until someone resumes it."
    )


def test_pausing_and_resuming_again_changes_nothing_and_is_no_fault(ledger: Ledger, world: World) -> None:
    make_list(ledger, world)
    actor = owner(world)
    pause_channel(ledger, actor, Channel.SMS, now=NOON)
    pause_list(ledger, actor, "May", now=NOON)
    again = [
        pause_channel(ledger, actor, Channel.SMS, now=NOON + timedelta(hours=1)),
        pause_list(ledger, actor, "May", now=NOON + timedelta(hours=1)),
        resume_channel(ledger, actor, Channel.EMAIL),
    ]
    assert all(isinstance(answer, Refused) and answer.is_so_already for answer in again)
    with ledger.read() as c:
        assert c.execute(sa.select(t.lists.c.paused_at, t.lists.c.paused_by)).one() == (NOON, actor.email)
    assert len(audited(ledger)) == 3  # SMS at two locations, and the list


def test_what_is_not_there_or_not_theirs_is_refused_with_the_reason(ledger: Ledger, world: World) -> None:
    make_list(ledger, world)
    elsewhere = owner(world, world.new_york)
    refused = [
        pause_channel(ledger, owner(world), Channel.WHATSAPP, now=NOON),
        pause_channel(ledger, elsewhere, Channel.SMS, [world.chicago], now=NOON),
        pause_list(ledger, elsewhere, "May", now=NOON),
        resume_list(ledger, owner(world), "Mai"),
    ]
    assert [answer.reason.split(":")[0].split(".")[0] for answer in refused if isinstance(answer, Refused)] == [
        "WhatsApp is switched off here",
        "This is not among the locations you look after",
        'No list among your locations is called "May"',
        'No list among your locations is called "Mai"',
    ]
    assert not any(isinstance(answer, Refused) and answer.is_so_already for answer in refused)
    assert audited(ledger) == []


@pytest.mark.parametrize("role", list(Role))
def test_who_may_pause_a_message_may_pause_a_channel_or_list(ledger: Ledger, world: World, role: Role) -> None:
    make_list(ledger, world)
    actor = Actor("someone@acme.example", role, world.account_id)
    answers = [
        pause_channel(ledger, actor, Channel.SMS, now=NOON),
        pause_list(ledger, actor, "May", now=NOON),
        resume_channel(ledger, actor, Channel.SMS),
        resume_list(ledger, actor, "May"),
    ]
    assert {isinstance(answer, Done) for answer in answers} == {role is not Role.VIEWER}


def test_a_list_with_people_elsewhere_is_paused_by_who_looks_after_all_of_them(ledger: Ledger, world: World) -> None:
    import_customers(
        ledger, b"email,location\ndee@example.com,chicago\neli@example.com,new-york\n", file_name="may.csv",
        location="chicago", list_name="May", channels=None, speed=None, imported_by="owner@acme.example",
    )  # fmt: skip
    of_chicago = Actor("manager@acme.example", Role.MANAGER, world.account_id, frozenset({world.chicago}))
    refused = pause_list(ledger, of_chicago, "May", now=NOON)
    assert isinstance(refused, Refused)
    assert "locations that you do not look after" in refused.reason
    of_all = replace(of_chicago, location_ids=None)
    refused = pause_list(ledger, of_all, "May", [world.chicago], now=NOON)  # it would hold New York's as well
    assert isinstance(refused, Refused)
    assert "choose all of them" in refused.reason
    assert isinstance(pause_list(ledger, of_all, "May", [world.chicago, world.new_york], now=NOON), Done)
    assert isinstance(resume_list(ledger, of_all, "May"), Done)
