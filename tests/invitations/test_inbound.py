"""What customers text: STOP in any words ends every channel, START gives back texts, and each leaves its record."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import count, permutations

import pytest
import sqlalchemy as sa

from connectors import ProviderEvent
from data.ledger import tables as t
from data.ledger.controls import open_channels
from data.ledger.store import Ledger
from data.ledger.suppressions import suppress_person
from data.words import AddressKind, Channel, EventKind, SuppressionEffect, SuppressionReason
from invitations.events import receive
from tests.world import NOON, World, make_customer, make_world

ALL = {Channel.EMAIL, Channel.SMS, Channel.WHATSAPP}
NONE: set[Channel] = set()
_numbers = count(1)


class Person:
    """A customer with an e-mail address and a phone, who texts us."""

    def __init__(self, ledger: Ledger, world: World) -> None:
        self.ledger, self.world = ledger, world
        number = next(_numbers)
        self.email, self.phone = f"p{number}@example.com", f"+1312555{number:04d}"
        customer = make_customer(ledger, world, email=self.email, phone=self.phone)
        with ledger.read() as c:
            found = sa.select(t.customers.c.person_id).where(t.customers.c.customer_id == customer)
            self.person_id = c.execute(found).scalar_one()

    def text(self, body: str, minute: int, *, kind: EventKind = EventKind.REPLIED, **more: object) -> ProviderEvent:
        at = NOON + timedelta(minutes=minute)
        key = f"{self.phone}:{minute}"
        return ProviderEvent("twilio", key, kind, at, text=body, **self._from(), **more)  # type: ignore[arg-type]

    def _from(self) -> dict[str, object]:
        return {"address": self.phone, "address_kind": AddressKind.PHONE}

    def says(self, *texts: ProviderEvent, now: datetime = NOON) -> "Person":
        for text in texts:
            receive(self.ledger, [text], now=now)
        return self

    def open(self) -> set[Channel]:
        addresses: dict[AddressKind, str | None] = {AddressKind.EMAIL: self.email, AddressKind.PHONE: self.phone}
        with self.ledger.read() as c:
            return set(open_channels(c, self.person_id, addresses))

    def events(self) -> Sequence[tuple[object, ...]]:
        query = sa.select(t.events.c.kind, t.events.c.channel, t.events.c.detail).where(
            t.events.c.person_id == self.person_id
        )
        with self.ledger.read() as c:
            return [tuple(row) for row in c.execute(query.order_by(t.events.c.event_id))]


STOP, START = EventKind.UNSUBSCRIBED, EventKind.RESUBSCRIBED
WORDS = {STOP: "STOP", START: "START"}


def test_a_no_in_ones_own_words_ends_every_channel_and_can_be_read_on_the_timeline(ledger: Ledger) -> None:
    person = Person(ledger, make_world(ledger))
    assert person.open() == ALL
    person.says(person.text("I'll stop by tomorrow", 1, channel=Channel.SMS))
    assert person.open() == ALL
    person.says(person.text("please take me off your list", 2, channel=Channel.WHATSAPP))
    assert person.open() == NONE
    assert person.events() == [
        (EventKind.REPLIED, Channel.SMS, {"text": "I'll stop by tomorrow"}),
        (STOP, Channel.WHATSAPP, {"text": "please take me off your list"}),
    ]
    with ledger.read() as c:
        rows = c.execute(sa.select(t.suppressions.c.address, t.suppressions.c.reason, t.suppressions.c.channel)).all()
    assert set(rows) == {
        (person.email, SuppressionReason.STOP_KEYWORD, None), (person.phone, SuppressionReason.STOP_KEYWORD, None),
    }  # fmt: skip


def test_help_is_an_event_of_its_own_and_changes_nothing(ledger: Ledger) -> None:
    person = Person(ledger, make_world(ledger))
    person.says(person.text("HELP", 1, kind=EventKind.HELP_ASKED), person.text("ayuda", 2))
    assert [kind for kind, *_ in person.events()] == [EventKind.HELP_ASKED] * 2
    assert person.open() == ALL


@pytest.mark.one_database
def test_start_gives_back_texts_only_and_only_when_it_came_as_a_text(ledger: Ledger) -> None:
    world = make_world(ledger)
    for start, given_back in (
        ({"kind": START, "body": "START", "channel": Channel.SMS}, {Channel.SMS}),
        ({"kind": START, "body": "YES", "channel": Channel.SMS}, {Channel.SMS}),
        ({"body": "unstop", "channel": Channel.SMS}, {Channel.SMS}),
        ({"kind": START, "body": "START", "channel": Channel.WHATSAPP}, NONE),
        ({"body": "yes, lovely", "channel": Channel.SMS}, NONE),
    ):
        person = Person(ledger, world)
        person.says(person.text("STOP", 1, kind=STOP), person.text(minute=2, **start))  # type: ignore[arg-type]
        assert person.open() == given_back, start


def test_yes_is_no_start_for_somebody_who_said_no_in_another_way(ledger: Ledger) -> None:
    world = make_world(ledger)
    for word, given_back in (("YES", NONE), ("START", {Channel.SMS})):
        person = Person(ledger, world)
        with ledger.write() as c:
            suppress_person(
                c, account_id=world.account_id, person_id=person.person_id, channel=None, recorded_by="staff",
                reason=SuppressionReason.ASKED_BY_PERSON, occurred_at=NOON,
            )  # fmt: skip
        assert person.says(person.text(word, 1, kind=START)).open() == given_back


@pytest.mark.one_database
@pytest.mark.slow
def test_the_last_word_counts_in_whatever_order_it_is_told(ledger: Ledger) -> None:
    world = make_world(ledger)
    for said, expected in (((START, STOP, START), {Channel.SMS}), ((STOP, START, STOP), NONE)):
        for order in permutations(enumerate(said)):
            person = Person(ledger, world)
            person.says(*(person.text(WORDS[kind], minute, kind=kind) for minute, kind in order))
            assert person.open() == expected, order


def test_a_start_told_again_gives_nothing_back(ledger: Ledger) -> None:
    person = Person(ledger, make_world(ledger))
    start = person.text("START", 2, kind=START)
    person.says(person.text("STOP", 1, kind=STOP), start, person.text("STOP", 3, kind=STOP), start)
    assert person.open() == NONE


def test_what_a_stranger_says_holds_for_whoever_has_the_number_later(ledger: Ledger) -> None:
    world = make_world(ledger)
    for words, expected in (((STOP,), NONE), ((STOP, START), {Channel.SMS})):
        number = f"+1773555{next(_numbers):04d}"
        for minute, kind in enumerate(words):
            told = ProviderEvent(
                "twilio", f"{number}:{minute}", kind, NOON + timedelta(minutes=minute), address=number,
                address_kind=AddressKind.PHONE, text=WORDS[kind],
            )  # fmt: skip
            receive(ledger, [told], now=NOON)
        customer = make_customer(ledger, world, phone=number)
        with ledger.read() as c:
            person = c.execute(
                sa.select(t.customers.c.person_id).where(t.customers.c.customer_id == customer)
            ).scalar_one()
            assert set(open_channels(c, person, {AddressKind.PHONE: number})) == expected
            kept = sa.select(t.suppressions.c.effect).where(t.suppressions.c.address == number)
            assert c.execute(kept.order_by(t.suppressions.c.suppression_id)).scalars().all() == [
                SuppressionEffect.SUPPRESS, SuppressionEffect.RESTORE,
            ][: len(words)]  # fmt: skip
