"""What is posted may come in any order and in groups of any size: the ledger is the same. And what a group must not do.

AFTERWORD_EXAMPLES=500 tries more orders than `make test` does.
"""

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from connectors import Callback, ProviderEvent, Retry
from data.ledger import tables as t
from data.ledger.store import Ledger
from data.words import (
    AddressKind,
    AttemptOutcome,
    Channel,
    EventKind,
    Evidence,
    FailureScope,
    InvitationStatus,
    RequestStatus,
    RunKind,
    RunStatus,
)
from invitations.events import Posted, receive, receive_posted
from invitations.received import Received
from tests.examples import examples
from tests.world import NOON, World, insert, make_customer, make_request, make_world

EXAMPLES = examples(6)
LATER = NOON + timedelta(hours=2)
PEOPLE = 2
_numbers = count()


@dataclass(frozen=True)
class Word:
    """One thing that a provider may say about the message, or the texts, of one of the people."""

    person: int
    channel: Channel
    kind: EventKind
    minute: int
    more: tuple[tuple[str, Any], ...] = ()
    is_about_nothing: bool = False  # an inbound text
    is_confirmed: bool = True


def _words() -> list[Word]:
    sms = [
        (EventKind.SENT, 1, ()),
        (EventKind.DELIVERED, 3, ()),
        (EventKind.READ, 2, ()),  # its clock is another one's
        (EventKind.FAILED, 4, (("code", "30005"), ("scope", FailureScope.ADDRESS))),
        (EventKind.FAILED, 4, (("code", "30007"), ("scope", FailureScope.MESSAGE))),
        (EventKind.FAILED, 5, (("code", "30003"), ("retry", Retry(1, timedelta(hours=2))))),
    ]
    mail = [
        (EventKind.ACCEPTED_BY_PROVIDER, 1, ()),
        (EventKind.ACCEPTED_BY_SERVER, 2, ()),
        (EventKind.OPENED, 2, (("agent", "GoogleImageProxy"),)),
        (EventKind.CLICKED, 6, (("is_machine", False),)),
        (EventKind.DELAYED, 3, (("code", "421"), ("reason", "greylisted"))),
        (EventKind.FAILED, 7, (("code", "550"), ("reason", "bounce"), ("scope", FailureScope.ADDRESS))),
        (EventKind.UNSUBSCRIBED, 8, ()),
    ]
    found = []
    for person in range(PEOPLE):
        found += [Word(person, Channel.SMS, *one) for one in sms]
        found.append(Word(person, Channel.SMS, EventKind.UNSUBSCRIBED, 9, is_about_nothing=True))
        said = [Word(person, Channel.EMAIL, *one) for one in mail]
        found += [*said, *(replace(word, is_confirmed=False) for word in said)]
    return found


WORDS = _words()


class Cast:
    """Some people who were asked by text and by mail; the first one's text is in doubt, the other's mail unnamed."""

    def __init__(self, ledger: Ledger, world: World, run_id: int) -> None:
        self.ledger = ledger
        self.number = next(_numbers)
        self.requests: dict[tuple[int, Channel], int] = {}
        self.attempts: dict[tuple[int, Channel], str] = {}
        for person in range(PEOPLE):
            customer = make_customer(ledger, world, email=self.email(person), phone=self.phone(person))
            for channel in (Channel.SMS, Channel.EMAIL):
                is_in_doubt = person == 0 and channel is Channel.SMS
                attempt = f"a{self.number}p{person}{channel.value}"
                request = make_request(
                    ledger, world, customer, channel=channel, attempt_id=attempt, attempt_count=1,
                    status=RequestStatus.IN_DOUBT if is_in_doubt else RequestStatus.SENT,
                    handed_at=None if is_in_doubt else NOON,
                )  # fmt: skip
                is_named = person == 0 and channel is Channel.EMAIL
                with ledger.write() as c:
                    c.execute(t.attempts.insert().values(
                        attempt_id=attempt, request_id=request, batch_id=run_id, provider="p", claimed_at=NOON,
                        lease_until=NOON, handed_at=NOON, finished_at=NOON,
                        outcome=AttemptOutcome.IN_DOUBT if is_in_doubt else AttemptOutcome.ACCEPTED,
                        provider_message_id=f"m-{attempt}" if is_named else None,
                    ))  # fmt: skip
                self.requests[person, channel], self.attempts[person, channel] = request, attempt

    def email(self, person: int) -> str:
        return f"c{self.number}p{person}@example.com"

    def phone(self, person: int) -> str:
        return f"+1312{self.number:06d}{person}"

    def event(self, word: Word) -> ProviderEvent:
        about: dict[str, Any] = {"address": self.phone(word.person), "address_kind": AddressKind.PHONE}
        if not word.is_about_nothing:
            attempt = self.attempts[word.person, word.channel]
            about = {"attempt_id": attempt, "provider_message_id": f"m-{attempt}"}
        more = dict(word.more)
        key = f"{self.number}:{word.person}:{word.channel.value}:{word.kind.value}:{word.minute}:{more.get('code')}"
        return ProviderEvent(
            "p", key, word.kind, NOON + timedelta(minutes=word.minute), raw={"key": key},
            is_confirmed=word.is_confirmed, **about, **more,
        )  # fmt: skip

    def posted(self, word: Word) -> Posted:
        event = self.event(word)
        return Posted("p", Callback([event], None if word.is_confirmed else f"t-{event.key}"), f"hash of {event.key}")

    def tell(self, words: Sequence[Word], sizes: Iterable[int]) -> None:
        """In groups of these sizes, the rest in one."""
        rest = list(words)
        for size in [*sizes, len(rest)]:
            group, rest = rest[:size], rest[size:]
            assert all(receive_posted(self.ledger, [self.posted(word) for word in group], now=LATER))

    def books(self) -> dict[str, Any]:
        """Everything that came of it, in names that are the same for every cast."""
        whose = {request: who for who, request in self.requests.items()}
        roles = {self.email(n): f"email {n}" for n in range(PEOPLE)} | {self.phone(n): f"p {n}" for n in range(PEOPLE)}
        r, e, i, s = t.requests.c, t.events.c, t.inbox.c, t.suppressions.c
        with self.ledger.read() as c:
            asked = c.execute(
                sa.select(t.requests, t.invitations.c.status.label("invitation"))
                .join(t.invitations, t.invitations.c.invitation_id == r.invitation_id)
                .where(r.request_id.in_(whose))
            ).all()
            told = c.execute(sa.select(t.events).where(e.invitation_id.in_({row.invitation_id for row in asked}))).all()
            kept = c.execute(sa.select(t.inbox).where(i.event_key.startswith(f"{self.number}:"))).all()
            barred = c.execute(sa.select(t.suppressions).where(s.address.in_(roles))).all()
            attempts = c.execute(sa.select(t.attempts).where(t.attempts.c.attempt_id.in_(self.attempts.values()))).all()
        return {
            "requests": {whose[row.request_id]: _standing(row) for row in asked},
            "events": Counter(
                (whose[row.request_id], row.kind, row.occurred_at, row.evidence, row.evidence_reason, row.code,
                 str(row.detail), row.inbox_id is not None)
                for row in told
            ),
            "inbox": Counter((row.event_key.split(":", 1)[1], row.applied_at is not None) for row in kept),
            "suppressions": Counter(
                (roles[row.address], row.channel, row.effect, row.reason, row.occurred_at) for row in barred
            ),
            "attempts": {whose[row.request_id]: (row.outcome, row.provider_message_id is None) for row in attempts},
        }  # fmt: skip


def _standing(row: Any) -> tuple[Any, ...]:
    """How a request stands once planning has looked: what can't follow any more has failed of what failed before."""
    is_over = row.status is RequestStatus.QUEUED and row.invitation is not InvitationStatus.ACTIVE
    status = RequestStatus.FAILED if is_over else row.status
    return status, row.delivered_at, row.failed_at, row.failure_code, row.failure_scope, row.invitation


@dataclass(frozen=True)
class Stage:
    """Where casts appear."""

    ledger: Ledger
    world: World
    run_id: int

    def cast(self) -> Cast:
        return Cast(self.ledger, self.world, self.run_id)


@pytest.fixture
def stage(ledger: Ledger) -> Stage:
    world = make_world(ledger)
    with ledger.write() as c:
        run = insert(c, t.runs, kind=RunKind.SEND, status=RunStatus.DONE, process="test", started_at=NOON)
    return Stage(ledger, world, run)


# The dice are ours: hypothesis prefers few words in nearly the same order, and takes minutes to make them fewer.
@pytest.mark.one_database
@settings(max_examples=EXAMPLES, phases=[Phase.generate], suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
@pytest.mark.slow
def test_any_order_and_any_grouping_of_the_same_posts_gives_the_same_ledger(stage: Stage, seed: int) -> None:
    dice = random.Random(seed)
    words = dice.choices(WORDS, k=dice.randint(5, 40))
    one_by_one, in_groups = stage.cast(), stage.cast()
    one_by_one.tell(words, [1] * len(words))
    dice.shuffle(words)
    in_groups.tell(words, [dice.randint(1, 12) for _ in range(5)])
    assert one_by_one.books() == in_groups.books()


def test_an_event_that_nobody_vouches_for_waits_until_polling_brings_it(stage: Stage) -> None:
    cast = stage.cast()
    unsure = Word(0, Channel.EMAIL, EventKind.OPENED, 1, is_confirmed=False)
    assert receive(stage.ledger, [cast.event(unsure)], now=LATER) == Received(waiting=1)
    assert cast.books()["events"] == {}
    assert list(cast.books()["inbox"].values()) == [1]
    assert all(not is_applied for _, is_applied in cast.books()["inbox"])
    polled = cast.event(replace(unsure, is_confirmed=True))
    assert receive(stage.ledger, [polled], now=LATER) == Received(new=1)
    assert receive(stage.ledger, [polled, cast.event(unsure)], now=LATER) == Received(repeated=2)
    assert len(cast.books()["events"]) == 1


def test_a_no_that_nobody_vouches_for_counts_at_once(stage: Stage) -> None:
    cast = stage.cast()
    no = Word(0, Channel.EMAIL, EventKind.UNSUBSCRIBED, 1, is_confirmed=False)
    assert receive(stage.ledger, [cast.event(no)], now=LATER) == Received(new=1)
    assert cast.books()["requests"][0, Channel.EMAIL][-1] is InvitationStatus.STOPPED


def test_a_token_that_comes_with_another_body_brings_nothing_of_it_and_fails_no_neighbour(stage: Stage) -> None:
    cast = stage.cast()
    first = cast.posted(Word(0, Channel.EMAIL, EventKind.UNSUBSCRIBED, 1, is_confirmed=False))
    other = cast.posted(Word(1, Channel.EMAIL, EventKind.UNSUBSCRIBED, 2, is_confirmed=False))
    copied = replace(other, callback=replace(other.callback, token=first.callback.token))
    good = cast.posted(Word(1, Channel.SMS, EventKind.DELIVERED, 3))
    assert receive_posted(stage.ledger, [first, copied, good], now=LATER) == [True, False, True]
    assert receive_posted(stage.ledger, [copied, first], now=LATER) == [False, True]
    books = cast.books()
    assert sum(books["inbox"].values()) == 2
    assert books["requests"][1, Channel.EMAIL][-1] is InvitationStatus.ACTIVE
    assert books["requests"][1, Channel.SMS][0] is RequestStatus.DELIVERED


def test_what_no_database_takes_in_a_text_is_mended_and_the_event_kept(stage: Stage) -> None:
    cast = stage.cast()
    event = replace(
        cast.event(Word(1, Channel.SMS, EventKind.DELIVERED, 1)), raw={"a\0": ["b\0", "\ud800", "\U0001f600"]}
    )
    assert receive(stage.ledger, [event], now=LATER) == Received(new=1)
    with stage.ledger.read() as c:
        kept = c.execute(sa.select(t.inbox.c.payload).where(t.inbox.c.event_key == event.key)).scalar_one()
    assert kept == {"a\ufffd": ["b\ufffd", "?", "\U0001f600"]}


def test_a_delivery_told_in_a_group_dates_the_opens_that_were_told_before(stage: Stage) -> None:
    cast = stage.cast()
    opened = Word(0, Channel.EMAIL, EventKind.OPENED, 2)
    cast.tell([opened], [])
    before = {told[3] for told in cast.books()["events"]}
    cast.tell([Word(0, Channel.EMAIL, EventKind.ACCEPTED_BY_SERVER, 2)], [])
    after = {told[3] for told in cast.books()["events"] if told[1] is EventKind.OPENED}
    assert (before, after) == ({Evidence.UNKNOWN}, {Evidence.MACHINE})
