"""Events may repeat, come in any order, pushed or polled: the end is the same."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import permutations

import pytest
import sqlalchemy as sa

from connectors import Message, Outcome, ProviderEvent
from data.ledger import tables as t
from data.ledger.store import Ledger
from data.words import (
    AddressKind,
    Channel,
    EventKind,
    FailureScope,
    InvitationStatus,
    RequestStatus,
    SuppressionReason,
)
from invitations.events import PollFailed, poll_providers, receive
from invitations.received import Received
from invitations.send import send_due
from tests.recorder import Recorder
from tests.world import NOON, World, make_customer, make_request, make_world

LATER = NOON + timedelta(minutes=1)


def event(kind: EventKind, attempt_id: str | None, key: str | None = None, **values: object) -> ProviderEvent:
    return ProviderEvent("recorder", key or f"{attempt_id}:{kind.value}", kind, LATER, attempt_id, **values)  # type: ignore[arg-type]


def sent(ledger: Ledger, channel: Channel = Channel.SMS) -> tuple[World, int, str]:
    world = make_world(ledger)
    customer = make_customer(ledger, world, email="ana@example.com", phone="+13125550100")
    request = make_request(ledger, world, customer, channel=channel)
    send_due(ledger, Recorder().messengers, now=NOON)
    with ledger.read() as c:
        return world, request, c.execute(sa.select(t.attempts.c.attempt_id)).scalar_one()


def status(ledger: Ledger) -> RequestStatus:
    with ledger.read() as c:
        return c.execute(sa.select(t.requests.c.status)).scalar_one()


def count(ledger: Ledger, table: sa.Table) -> int:
    with ledger.read() as c:
        return c.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


ORDERS = list(permutations([EventKind.SENT, EventKind.FAILED, EventKind.DELIVERED]))


@pytest.mark.one_database
@pytest.mark.parametrize("order", ORDERS, ids=lambda order: "-".join(kind.value for kind in order))
def test_any_order_of_arrival_gives_the_same_status(ledger: Ledger, order: Sequence[EventKind]) -> None:
    _, _, attempt_id = sent(ledger)
    for kind in order:
        receive(ledger, [event(kind, attempt_id)], now=LATER)
    assert status(ledger) is RequestStatus.DELIVERED


def test_an_event_counts_once_however_often_it_is_told(ledger: Ledger) -> None:
    _, _, attempt_id = sent(ledger)
    delivered = event(EventKind.DELIVERED, attempt_id)
    assert receive(ledger, [delivered, delivered], now=LATER) == Received(new=1, repeated=1)
    assert receive(ledger, [delivered], now=LATER) == Received(repeated=1)
    assert count(ledger, t.events) == count(ledger, t.inbox) == 1


def test_an_event_of_another_system_on_the_same_account_is_kept_and_goes_no_further(ledger: Ledger) -> None:
    sent(ledger)
    stranger = event(EventKind.DELIVERED, None, "SM-other:delivered:", provider_message_id="SM-other")
    assert receive(ledger, [stranger], now=LATER) == Received(unmatched=1)
    assert count(ledger, t.events) == 0
    assert count(ledger, t.inbox) == 1


def test_a_callback_that_beats_the_answer_settles_the_message(ledger: Ledger) -> None:
    world = make_world(ledger)
    make_request(ledger, world, make_customer(ledger, world))

    def callback_first(message: Message) -> Outcome | None:
        delivered = event(EventKind.DELIVERED, message.attempt_id, provider_message_id=f"PM-{message.attempt_id}")
        assert receive(ledger, [delivered], now=LATER).new == 1
        return None

    send_due(ledger, Recorder(callback_first).messengers, now=NOON)
    assert status(ledger) is RequestStatus.DELIVERED
    with ledger.read() as c:
        assert c.execute(sa.select(t.invitations.c.first_handed_at)).scalar_one() is not None


@pytest.mark.one_database
def test_a_callback_about_a_message_in_doubt_finds_it(ledger: Ledger) -> None:
    world = make_world(ledger)
    make_request(ledger, world, make_customer(ledger, world))

    def breaks(message: Message) -> Outcome:
        raise ConnectionResetError

    send_due(ledger, Recorder(breaks).messengers, now=NOON)
    assert status(ledger) is RequestStatus.IN_DOUBT
    with ledger.read() as c:
        attempt_id = c.execute(sa.select(t.attempts.c.attempt_id)).scalar_one()
    receive(ledger, [event(EventKind.SENT, attempt_id, provider_message_id="PM-1")], now=LATER)
    assert status(ledger) is RequestStatus.SENT


@pytest.mark.one_database
def test_a_bounce_after_acceptance_keeps_the_quota_and_suppresses_the_address(ledger: Ledger) -> None:
    _, _, attempt_id = sent(ledger, Channel.EMAIL)
    bounce = event(EventKind.FAILED, attempt_id, code="550", reason="no such user", scope=FailureScope.ADDRESS)
    receive(ledger, [bounce], now=LATER)
    assert status(ledger) is RequestStatus.FAILED
    with ledger.read() as c:
        assert c.execute(sa.select(t.quota_cycles.c.used)).scalar_one() == 1
        row = c.execute(sa.select(t.suppressions)).one()
    assert (row.address, row.channel, row.reason) == (
        "ana@example.com",
        Channel.EMAIL,
        SuppressionReason.UNDELIVERABLE,
    )


@pytest.mark.one_database
def test_opens_and_delays_change_no_status(ledger: Ledger) -> None:
    _, _, attempt_id = sent(ledger, Channel.EMAIL)
    for kind in (EventKind.OPENED, EventKind.DELAYED, EventKind.ACCEPTED_BY_SERVER, EventKind.UNKNOWN):
        receive(ledger, [event(kind, attempt_id)], now=LATER)
    assert status(ledger) is RequestStatus.SENT
    assert count(ledger, t.events) == 4


def text(kind: EventKind, key: str, number: str = "+13125550100", at: datetime = LATER) -> ProviderEvent:
    return ProviderEvent("recorder", key, kind, at, address=number, address_kind=AddressKind.PHONE)


def may_be_sent(ledger: Ledger, world: World, channel: Channel, step: int) -> bool:
    with ledger.write() as c:
        c.execute(t.invitations.update().values(status=InvitationStatus.ACTIVE))
        customer = c.execute(sa.select(t.customers.c.customer_id)).scalar_one()
    make_request(ledger, world, customer, channel=channel, step=step)
    recorder = Recorder()
    send_due(ledger, recorder.messengers, now=NOON)
    return bool(recorder.taken)


@pytest.mark.one_database
@pytest.mark.slow
def test_stop_ends_every_channel_and_start_restores_texts_only(ledger: Ledger) -> None:
    world, _, _ = sent(ledger)
    receive(ledger, [text(EventKind.UNSUBSCRIBED, "SM1:received:")], now=LATER)
    with ledger.read() as c:
        assert c.execute(sa.select(t.invitations.c.status)).scalar_one() is InvitationStatus.STOPPED
    assert not may_be_sent(ledger, world, Channel.SMS, step=1)
    start = text(EventKind.RESUBSCRIBED, "SM2:received:", at=LATER + timedelta(seconds=1))
    receive(ledger, [start], now=LATER)
    assert may_be_sent(ledger, world, Channel.SMS, step=2)
    assert not may_be_sent(ledger, world, Channel.EMAIL, step=3)


@pytest.mark.one_database
def test_a_replayed_start_restores_nothing(ledger: Ledger) -> None:
    world, _, _ = sent(ledger)
    start = text(EventKind.RESUBSCRIBED, "SM1:received:")
    receive(ledger, [start], now=LATER)
    receive(ledger, [text(EventKind.UNSUBSCRIBED, "SM2:received:")], now=LATER)
    receive(ledger, [start], now=LATER)
    assert not may_be_sent(ledger, world, Channel.SMS, step=1)


@pytest.mark.one_database
def test_stop_from_a_number_we_do_not_know_is_remembered(ledger: Ledger) -> None:
    world = make_world(ledger)
    receive(ledger, [text(EventKind.UNSUBSCRIBED, "SM1:received:", "+13125550199")], now=LATER)
    make_request(ledger, world, make_customer(ledger, world, phone="+13125550199"))
    recorder = Recorder()
    send_due(ledger, recorder.messengers, now=NOON)
    assert recorder.taken == []


class Source:
    """An event source that tells what it is given, and notes what it was asked."""

    name = "recorder"
    trust_delay = timedelta(minutes=30)

    def __init__(self, events: Sequence[ProviderEvent]) -> None:
        self.events = events
        self.asked: list[tuple[Sequence[str], datetime, datetime]] = []

    def poll(self, open_messages: Sequence[str], since: datetime, until: datetime) -> Iterable[ProviderEvent]:
        self.asked.append((open_messages, since, until))
        return self.events


def test_polling_twice_reads_the_last_hour_again_and_changes_nothing_more(ledger: Ledger) -> None:
    _, _, attempt_id = sent(ledger)
    source = Source([event(EventKind.DELIVERED, attempt_id)])
    later = LATER + timedelta(hours=5)
    assert poll_providers(ledger, {"recorder": source}, now=later).counts["new"] == 1
    assert poll_providers(ledger, {"recorder": source}, now=later).counts["repeated"] == 1
    assert source.asked[1][1] == LATER - timedelta(minutes=60)  # an hour before the newest event
    assert count(ledger, t.events) == 1


def test_the_cursor_goes_only_as_far_as_the_provider_can_be_trusted(ledger: Ledger) -> None:
    _, _, attempt_id = sent(ledger)
    source = Source([event(EventKind.DELIVERED, attempt_id)])
    poll_providers(ledger, {"recorder": source}, now=LATER)
    with ledger.read() as c:
        assert c.execute(sa.select(t.cursors.c.read_until)).scalar_one() == LATER - timedelta(minutes=30)


@pytest.mark.one_database
def test_a_provider_that_cannot_be_read_does_not_keep_the_others_from_being_read(ledger: Ledger) -> None:
    _, _, attempt_id = sent(ledger)

    class Broken(Source):
        def poll(self, open_messages: Sequence[str], since: datetime, until: datetime) -> Iterable[ProviderEvent]:
            raise TimeoutError

    sources = {"broken": Broken([]), "recorder": Source([event(EventKind.DELIVERED, attempt_id)])}
    with pytest.raises(PollFailed, match=r"broken \(TimeoutError\)"):
        poll_providers(ledger, sources, now=LATER)
    assert status(ledger) is RequestStatus.DELIVERED
