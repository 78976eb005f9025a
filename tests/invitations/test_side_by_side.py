"""Everything at once: senders, planners, callbacks, people at their buttons, merges. Then the books must balance."""

import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from connectors import Message, Outcome, PermanentFailure, ProviderEvent, TemporaryFailure
from data.ledger import soundness
from data.ledger import tables as t
from data.ledger.identities import lock_identities, resolve_people
from data.ledger.store import Ledger, again_if_undone
from data.words import AddressKind, Channel, EventKind, FailureScope, RequestStatus, Role
from invitations.controls import Actor, restart_invitation, stop_invitation
from invitations.events import receive
from invitations.queueing import plan_and_queue
from invitations.resolve import resolve_doubt
from invitations.respond import take_score, unsubscribe
from invitations.send import send_due
from tests.recorder import Recorder
from tests.world import NOON, World, make_customer, make_request, make_world

SECONDS = 3.0
PEOPLE = 80
GONE = (RequestStatus.SENT, RequestStatus.DELIVERED, RequestStatus.FAILED)


def column(ledger: Ledger, what: sa.ColumnElement[Any]) -> Sequence[Any]:
    with ledger.read() as c:
        return c.execute(sa.select(what)).scalars().all()


class Town:
    """A ledger in which everybody acts at once; each act is chosen by the actor's own dice."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.world: World = make_world(ledger, quota=1000)
        with ledger.write() as c:  # "SMS, Email or both": two messages of a step share one unit
            c.execute(t.sequence_steps.update().where(t.sequence_steps.c.step == 0).values(is_all_channels=True))
        for number in range(PEOPLE):
            customer = make_customer(ledger, self.world, email=f"c{number}@example.com", phone=f"+1312555{number:04d}")
            make_request(ledger, self.world, customer, channel=Channel.SMS)
            make_request(ledger, self.world, customer, channel=Channel.EMAIL)
        self.recorder = Recorder(self.answer)
        self.actor = Actor("owner@acme.example", Role.OWNER, self.world.account_id)
        self.dice = random.Random(7)

    def answer(self, message: Message) -> Outcome | None:
        roll = self.dice.random()
        if roll < 0.2:
            return TemporaryFailure("503", "not now", timedelta(0))
        if roll < 0.3:
            return PermanentFailure("550", "no such user", FailureScope.ADDRESS)
        if roll < 0.37:
            return PermanentFailure("21610", "replied STOP", FailureScope.OPT_OUT)
        if roll < 0.5:
            self.recorder.take(message)
            raise ConnectionResetError
        if roll < 0.6:
            raise ConnectionResetError
        return None

    def send(self, dice: random.Random) -> None:
        send_due(self.ledger, self.recorder.messengers, now=NOON, limit=10)

    def plan(self, dice: random.Random) -> None:
        plan_and_queue(self.ledger, now=NOON)

    def resolve(self, dice: random.Random) -> None:
        resolve_doubt(self.ledger, self.recorder.messengers, now=NOON)

    def call_back(self, dice: random.Random) -> None:
        taken = self.recorder.taken[:]
        events = [self.event(dice, dice.choice(taken)) for _ in range(dice.choice((1, 30)))] if taken else []
        receive(self.ledger, events, now=NOON)

    def event(self, dice: random.Random, message: Message) -> ProviderEvent:
        key = f"{dice.getrandbits(60)}"
        if dice.random() < 0.05:
            phone = f"+1312555{dice.randrange(PEOPLE):04d}"
            return ProviderEvent(
                "recorder", key, EventKind.UNSUBSCRIBED, NOON, address=phone, address_kind=AddressKind.PHONE
            )
        kind = dice.choice((EventKind.SENT, EventKind.DELIVERED, EventKind.FAILED, EventKind.OPENED))
        scope = dice.choice((FailureScope.MESSAGE, FailureScope.OPT_OUT)) if dice.random() < 0.2 else None
        return ProviderEvent("recorder", key, kind, NOON, message.attempt_id, f"PM-{message.attempt_id}", scope=scope)

    def press(self, dice: random.Random) -> None:
        invitation = dice.choice(column(self.ledger, t.invitations.c.invitation_id))
        button = dice.choice((stop_invitation, restart_invitation))
        button(self.ledger, self.actor, invitation, now=NOON)

    def respond(self, dice: random.Random) -> None:
        if dice.random() < 0.5:
            unsubscribe(
                self.ledger, dice.choice(column(self.ledger, t.requests.c.unsubscribe_token)), is_channel_only=False,
                is_one_click=True, now=NOON,
            )  # fmt: skip
        else:
            take_score(self.ledger, dice.choice(column(self.ledger, t.requests.c.link_token)), 9, now=NOON)
        time.sleep(0.1)  # or nobody is left to be asked

    def merge(self, dice: random.Random) -> None:
        groups = [
            [(AddressKind.EMAIL, f"c{dice.randrange(PEOPLE)}@example.com"),
             (AddressKind.PHONE, f"+1312555{dice.randrange(PEOPLE):04d}")]
            for _ in range(2)
        ]  # fmt: skip
        self.resolve_people(groups)
        time.sleep(0.2)

    @again_if_undone  # as an import does
    def resolve_people(self, groups: list[list[tuple[AddressKind, str]]]) -> None:
        with self.ledger.write() as c:
            lock_identities(c, self.world.account_id)
            resolve_people(c, self.world.account_id, groups, now=NOON)


def all_at_once(acts: Sequence[Callable[[random.Random], None]]) -> None:
    ends = time.monotonic() + SECONDS

    def go_on(number: int, act: Callable[[random.Random], None]) -> None:
        dice = random.Random(number)
        while time.monotonic() < ends:
            act(dice)

    with ThreadPoolExecutor(len(acts)) as pool:
        for done in [pool.submit(go_on, number, act) for number, act in enumerate(acts)]:
            done.result()


@pytest.mark.slow
def test_everything_at_once_sends_nobody_twice_loses_nobody_and_balances(ledger: Ledger) -> None:
    town = Town(ledger)
    all_at_once(
        [
            town.send, town.send, town.plan, town.resolve, town.call_back, town.call_back, town.press, town.respond,
            town.merge,
        ]
    )  # fmt: skip
    with ledger.write() as c:
        c.execute(t.attempts.update().where(t.attempts.c.outcome.is_(None)).values(lease_until=t.attempts.c.claimed_at))
    for _ in range(4):
        resolve_doubt(ledger, town.recorder.messengers, now=NOON)
    links = Counter(message.link.rpartition("/")[2] for message in town.recorder.taken)
    assert set(links.values()) == {1}
    with ledger.read() as c:
        assert soundness.count_cycles_out_of_balance(c) == 0
        assert soundness.count_invitations_sent_without_quota(c) == 0
        assert soundness.count_events_without_request(c) == 0
        status_of = dict(c.execute(sa.select(t.requests.c.link_token, t.requests.c.status)).all())
        unfinished = c.execute(sa.select(t.attempts.c.attempt_id).where(t.attempts.c.outcome.is_(None))).all()
    assert {status_of[link] for link in links} <= set(GONE)
    assert not {RequestStatus.SENDING, RequestStatus.IN_DOUBT} & set(status_of.values())
    assert unfinished == []
