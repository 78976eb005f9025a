"""Too many call our mails spam: nothing more leaves from the sender until a person says so (field-rules R14)."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from connectors import ProviderEvent
from data.ledger import tables as t
from data.ledger.breakers import CALLED_SPAM, OpenBreaker, close, open_breaker, read_open
from data.ledger.store import Ledger
from data.words import Channel, EventKind, RequestStatus
from invitations.events import receive
from invitations.send import send_due
from invitations.why import why
from tests.recorder import Recorder
from tests.world import NOON, World, make_customer, make_request, make_world

LATER = NOON + timedelta(hours=1)


@pytest.fixture
def world(ledger: Ledger) -> World:
    return make_world(ledger, quota=1000)


def mailed(ledger: Ledger, world: World, count: int = 1) -> list[str]:
    """Mails that left now; their attempts."""
    before = set(attempts(ledger))
    for number in range(count):
        customer = make_customer(ledger, world, email=f"c{len(before)}-{number}@example.com")
        make_request(ledger, world, customer, channel=Channel.EMAIL)
    send_due(ledger, Recorder().messengers, now=NOON)
    return [attempt for attempt in attempts(ledger) if attempt not in before]


def attempts(ledger: Ledger) -> list[str]:
    with ledger.read() as c:
        return list(c.scalars(sa.select(t.attempts.c.attempt_id).order_by(t.attempts.c.attempt_id)))


def taken(ledger: Ledger, world: World, count: int) -> None:
    """So many mails were taken by recipients' servers."""
    with ledger.write() as c:
        row = {"account_id": world.account_id, "occurred_at": NOON, "recorded_at": ledger.now(c)}
        c.execute(t.events.insert(), [{**row, "kind": EventKind.ACCEPTED_BY_SERVER, "channel": Channel.EMAIL}] * count)


def called_spam(ledger: Ledger, attempt_ids: list[str]) -> list[OpenBreaker]:
    for one in attempt_ids:
        receive(ledger, [ProviderEvent("recorder", f"spam:{one}", EventKind.COMPLAINED, LATER, one)], now=LATER)
    with ledger.read() as c:
        return read_open(c)


@pytest.mark.both_databases
@pytest.mark.slow
def test_over_three_in_a_thousand_nothing_more_leaves_until_a_person_says_so(ledger: Ledger, world: World) -> None:
    first = mailed(ledger, world, 6)
    taken(ledger, world, 1000)
    with ledger.write() as c:  # what a provider refused once, and was mended, says nothing about complaints
        sender = c.scalars(sa.select(t.attempts.c.sender)).first() or ""
        open_breaker(c, Channel.EMAIL, sender, code="402", reason="not paid")
        close(c, read_open(c)[0].breaker_id, by="owner@acme.example")
    assert called_spam(ledger, first[:4]) == []
    [held] = called_spam(ledger, first[4:5])
    assert (held.channel, held.code, held.probe_at, held.is_ours) == (Channel.EMAIL, CALLED_SPAM, None, True)
    assert held.reason == "5 of 1000 mails of the last 7 days were called spam: 0.50%"
    waits = make_customer(ledger, world, email="waits@example.com")
    request = make_request(ledger, world, waits, channel=Channel.EMAIL)
    text = make_request(ledger, world, make_customer(ledger, world), channel=Channel.SMS)
    send_due(ledger, Recorder().messengers, now=NOON)
    with ledger.read() as c:
        rows = c.execute(sa.select(t.requests.c.request_id, t.requests.c.status)).all()
    status = {row.request_id: row.status for row in rows}
    assert (status[request], status[text]) == (RequestStatus.QUEUED, RequestStatus.SENT)
    [told] = why(ledger, "waits@example.com", now=NOON)
    assert any("no email leaves: too many called our mails spam (5 of 1000" in reason for reason in told.reasons)
    with ledger.write() as c:
        assert close(c, held.breaker_id, by="owner@acme.example")
    assert called_spam(ledger, first[5:]) == []  # what left before
    after = mailed(ledger, world)
    assert len(called_spam(ledger, after)) == 1


@pytest.mark.one_database
@pytest.mark.slow
@pytest.mark.parametrize(("mails", "complaints", "is_held"), [(1600, 5, True), (1700, 5, False), (400, 4, False)])
def test_a_sender_is_held_by_the_rate_and_from_five_complaints_on(
    ledger: Ledger, world: World, mails: int, complaints: int, is_held: bool
) -> None:
    sent = mailed(ledger, world, complaints)
    taken(ledger, world, mails)
    assert bool(called_spam(ledger, sent)) is is_held
