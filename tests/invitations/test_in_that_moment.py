"""Somebody pauses or stops in the very moment in which a sender hands over: whatever they are told is true."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from connectors import Message
from data.ledger import controls
from data.ledger import tables as t
from data.ledger.hand_over import hand_over
from data.ledger.runs import start_run
from data.ledger.store import Ledger
from data.pace import Pace
from data.words import Channel, RequestStatus, RunKind, Source
from invitations.actor import Actor, Answer
from invitations.controls import Done, Refused, halt, pause_request, resume_request, stop_invitation
from invitations.pausing import pause_channel, pause_list
from invitations.send import send_due
from tests.invitations.dispatching import invitation_of, one, owner
from tests.recorder import Recorder
from tests.waiting import wait_until
from tests.world import NOON, World, insert, make_customer, make_request, make_system, make_world


@pytest.fixture
def world(ledger: Ledger) -> World:
    make_system(ledger)
    return make_world(ledger)


@pytest.fixture
def request_id(ledger: Ledger, world: World) -> int:
    return make_request(ledger, world, make_customer(ledger, world))


def test_what_a_sender_has_taken_up_is_paused_until_the_moment_it_is_handed_over(ledger: Ledger, world: World) -> None:
    ids = [make_request(ledger, world, make_customer(ledger, world)) for _ in range(2)]
    paused: list[Any] = []

    def pause_the_other(message: Message) -> None:
        """While the first is with the provider, the second is claimed and has not left."""
        if not paused:
            mine = one(ledger, t.requests, attempt_id=message.attempt_id).request_id
            other = next(each for each in ids if each != mine)
            paused.extend([other, *(pause_request(ledger, owner(world), each, now=NOON) for each in (other, mine))])

    messenger = Recorder(pause_the_other)
    send_due(ledger, messenger.messengers, now=NOON, pace=Pace(parallel=1))
    other, answer, too_late = paused
    assert answer == Done("Paused. It waits until someone resumes it.")
    assert too_late == Refused("Too late, it has gone.")
    assert one(ledger, t.requests, request_id=other).status is RequestStatus.QUEUED
    assert isinstance(resume_request(ledger, owner(world), other, now=NOON), Done)
    send_due(ledger, messenger.messengers, now=NOON)
    assert len(messenger.taken) == 2


def test_whoever_was_told_paused_in_the_moment_of_the_hand_over_was_told_the_truth(
    ledger: Ledger, world: World, request_id: int
) -> None:
    take_up(ledger, request_id)
    with ThreadPoolExecutor(1) as pool:
        with ledger.write() as c:
            assert controls.lock_request(c, world.account_id, None, request_id)
            handed = pool.submit(hand_it_over, ledger)
            if not ledger.is_sqlite:  # its other writers wait before they look
                wait_until(lambda: is_anyone_waiting(ledger), what="the hand-over to wait for the pause")
            assert controls.set_paused(c, request_id, paused_at=NOON, by="owner@acme.example")
        assert handed.result() is False
    assert one(ledger, t.attempts).handed_at is None


def take_up(ledger: Ledger, request_id: int) -> None:
    """As a sender does that is about to hand it over."""
    batch_id = start_run(ledger, RunKind.SEND, NOON)
    with ledger.write() as c:
        now = ledger.now(c)
        c.execute(t.attempts.insert().values(
            attempt_id="a" * 24, request_id=request_id, batch_id=batch_id, provider="recorder", claimed_at=now,
            lease_until=now + timedelta(minutes=5),
        ))  # fmt: skip
        c.execute(t.requests.update().values(attempt_id="a" * 24, status=RequestStatus.SENDING))


def hand_it_over(ledger: Ledger) -> bool:
    with ledger.write() as c:
        return hand_over(c, "a" * 24)


def is_anyone_waiting(ledger: Ledger) -> bool:
    with ledger.read() as c:
        blocked = "select count(*) from pg_stat_activity where datname = current_database()"
        return bool(c.execute(sa.text(f"{blocked} and wait_event_type = 'Lock'")).scalar_one())


@contextmanager
def handed_over_meanwhile(ledger: Ledger) -> Iterator[list[Future[bool]]]:
    """A hand-over that looks when all is written that holds the message, and nobody else can see it yet."""
    handed: list[Future[bool]] = []
    with ThreadPoolExecutor(1) as pool:

        @sa.event.listens_for(ledger.engine, "commit")
        def meanwhile(_connection: object) -> None:
            if not handed:
                handed.append(pool.submit(hand_it_over, ledger))
                if not ledger.is_sqlite:
                    wait_until(lambda: handed[0].done() or is_anyone_waiting(ledger), what="the hand-over to look")

        yield handed


@pytest.mark.parametrize("is_asked_by_person", [False, True])
def test_whoever_was_told_stopped_in_the_moment_of_the_hand_over_was_told_the_truth(
    ledger: Ledger, world: World, request_id: int, *, is_asked_by_person: bool
) -> None:
    take_up(ledger, request_id)
    invitation_id = invitation_of(ledger, request_id)
    with handed_over_meanwhile(ledger) as handed:
        answer = stop_invitation(
            ledger, owner(world), invitation_id, is_asked_by_person=is_asked_by_person, now=NOON
        )  # fmt: skip
        assert isinstance(answer, Done)
    assert [each.result() for each in handed] == [False]
    assert one(ledger, t.attempts).handed_at is None


def halt_all(ledger: Ledger, actor: Actor) -> Answer:
    return halt(ledger, actor, "a wrong text", now=NOON)


def pause_texts(ledger: Ledger, actor: Actor) -> Answer:
    return pause_channel(ledger, actor, Channel.SMS, now=NOON)


def pause_may(ledger: Ledger, actor: Actor) -> Answer:
    return pause_list(ledger, actor, "May", now=NOON)


@pytest.mark.parametrize("hold", [halt_all, pause_texts, pause_may])
def test_whoever_was_told_that_all_a_channel_or_a_list_is_held_in_that_moment_was_told_the_truth(
    ledger: Ledger, world: World, request_id: int, hold: Callable[[Ledger, Actor], Answer]
) -> None:
    with ledger.write() as c:
        list_id = insert(
            c, t.lists, account_id=world.account_id, location_id=world.chicago, name="May", source=Source.CSV,
            content_sha256="May", imported_by="owner@acme.example",
        )  # fmt: skip
        c.execute(t.invitations.update().values(list_id=list_id))
    take_up(ledger, request_id)
    with handed_over_meanwhile(ledger) as handed:
        assert isinstance(hold(ledger, owner(world)), Done)
    assert [each.result() for each in handed] == [False]
    assert one(ledger, t.attempts).handed_at is None


def test_whoever_stops_what_has_just_been_handed_over_is_told_that_it_goes(
    ledger: Ledger, world: World, request_id: int
) -> None:
    take_up(ledger, request_id)
    assert hand_it_over(ledger)
    answer = stop_invitation(ledger, owner(world), invitation_of(ledger, request_id), now=NOON)
    assert answer == Done("Stopped. A message was being handed over and goes; nothing more will be sent.")
