"""What a provider refuses, and what follows: breakers, rates, throttles, later tries, dead numbers, a no."""

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from connectors import AccountStopped, ConfigurationError, Message, Outcome, PermanentFailure, TemporaryFailure
from data.ledger import tables as t
from data.ledger.breakers import close, read_open
from data.ledger.claimable import has_claimable
from data.ledger.dispatch import LEASE, Claim
from data.ledger.store import Ledger
from data.pace import Pace
from data.words import (
    AttemptOutcome,
    Channel,
    FailureScope,
    InvitationStatus,
    RequestStatus,
    RunStatus,
)
from invitations import desk, lane
from invitations.gate import LONGEST_PAUSE
from invitations.held_senders import read_holds
from invitations.lane import LONGEST_TURN
from invitations.segments import count_segments
from invitations.send import SendingHalted, send_due
from invitations.writing import Written, write
from tests.invitations.dispatching import due, quota_used, statuses
from tests.recorder import Recorder
from tests.world import NOON, make_customer, make_request, make_world


def refuses_texts(message: Message) -> Outcome | None:
    if message.channel is Channel.SMS:
        raise AccountStopped("20003", "authentication error")
    return None


@pytest.mark.slow
def test_a_refused_account_holds_its_channel_lets_the_others_go_on_and_loses_nothing(ledger: Ledger) -> None:
    world = make_world(ledger)
    due(ledger, world, 10)
    for _ in range(3):
        make_request(ledger, world, make_customer(ledger, world), channel=Channel.EMAIL)
    recorder = Recorder(refuses_texts)
    with pytest.raises(SendingHalted, match="20003"):
        send_due(ledger, recorder.messengers, now=NOON)
    assert [message.channel for message in recorder.taken] == [Channel.EMAIL] * 3
    assert statuses(ledger) == {RequestStatus.QUEUED: 10, RequestStatus.SENT: 3}
    with ledger.read() as c:
        [breaker] = read_open(c)
        assert (breaker.channel, breaker.sender, breaker.code) == (Channel.SMS, "recorder", "20003")
        assert c.execute(sa.select(t.runs.c.status)).scalar_one() is RunStatus.HALTED
        assert not has_claimable(c, NOON, {Channel.SMS: "recorder"}, cap=None)
        assert has_claimable(c, NOON, {Channel.SMS: "another number"}, cap=None)
    recorder.answer = None
    assert send_due(ledger, recorder.messengers, now=NOON).counts == {}  # held, whatever the provider would say
    with ledger.write() as c:
        assert close(c, breaker.breaker_id, by="owner@acme.example")
    send_due(ledger, recorder.messengers, now=NOON + timedelta(minutes=1))
    assert len(recorder.taken) == 13
    assert quota_used(ledger) == 13


@pytest.mark.slow
def test_one_message_probes_a_refused_sender_and_its_arrival_lets_the_others_go(ledger: Ledger) -> None:
    world = make_world(ledger)
    due(ledger, world, 5)
    recorder = Recorder(refuses_texts)
    with pytest.raises(SendingHalted):
        send_due(ledger, recorder.messengers, now=NOON)
    later = NOON + timedelta(minutes=15)
    with ledger.write() as c:  # which go by
        c.execute(t.breakers.update().values(probe_at=t.breakers.c.opened_at))
    with ledger.read() as c:
        assert has_claimable(c, later, {Channel.SMS: "recorder"}, cap=None)
    refused = []

    def still_refuses(message: Message) -> Outcome | None:
        refused.append(message.to)
        raise AccountStopped("20003", "authentication error")

    recorder.answer = still_refuses
    with pytest.raises(SendingHalted):
        send_due(ledger, recorder.messengers, now=later)
    assert len(refused) == 1
    assert send_due(ledger, recorder.messengers, now=later).counts == {}  # the next probe waits twice as long
    recorder.answer = None
    with ledger.write() as c:
        c.execute(t.breakers.update().values(probe_at=t.breakers.c.opened_at))
    send_due(ledger, recorder.messengers, now=later + timedelta(minutes=1))
    with ledger.read() as c:
        assert read_open(c) == []
        assert c.execute(sa.select(t.breakers.c.closed_by)).scalar_one() == "probe"
    send_due(ledger, recorder.messengers, now=later + timedelta(minutes=1))
    assert len(recorder.taken) == 5


def test_a_broken_template_holds_its_own_messages_and_not_the_others(ledger: Ledger) -> None:
    world, recorder = make_world(ledger), Recorder()
    due(ledger, world, 2)
    make_request(ledger, world, make_customer(ledger, world), channel=Channel.EMAIL)
    with ledger.write() as c:
        c.execute(t.templates.update().where(t.templates.c.channel == Channel.SMS).values(body="Hi {{ nobody }}"))
    with pytest.raises(ConfigurationError, match="template"):
        send_due(ledger, recorder.messengers, now=NOON)
    assert [message.channel for message in recorder.taken] == [Channel.EMAIL]
    assert statuses(ledger) == {RequestStatus.QUEUED: 2, RequestStatus.SENT: 1}
    with ledger.read() as c:
        assert "template" in c.execute(sa.select(t.runs.c.problem)).scalar_one()
        assert set(c.execute(sa.select(t.requests.c.attempt_count)).scalars()) == {0, 1}


@pytest.mark.one_database
@pytest.mark.slow
def test_a_senders_rate_is_kept_to_and_its_day_ends(ledger: Ledger) -> None:
    world, recorder = make_world(ledger), Recorder()
    due(ledger, world, 8)
    pace = Pace(sms_per_second=200, sms_per_day=5)
    send_due(ledger, recorder.messengers, now=NOON, pace=pace)
    assert len(recorder.taken) == 5
    assert statuses(ledger) == {RequestStatus.SENT: 5, RequestStatus.QUEUED: 3}
    with ledger.read() as c:
        assert not has_claimable(c, NOON, {Channel.SMS: "recorder"}, cap=None, pace=pace)
    assert send_due(ledger, recorder.messengers, now=NOON, pace=pace).counts == {}


def write_texts_of_two_segments(ledger: Ledger) -> None:
    body = "Hi {{ first_name }}, " + "how was your visit at our place last week? " * 4 + "{{ link }}"
    with ledger.write() as c:
        c.execute(t.templates.update().where(t.templates.c.channel == Channel.SMS).values(body=body))


@pytest.mark.slow
def test_a_senders_day_counts_segments_and_a_text_that_did_not_leave_gives_its_own_back(ledger: Ledger) -> None:
    world, recorder = make_world(ledger), Recorder()
    due(ledger, world, 8)
    write_texts_of_two_segments(ledger)
    pace = Pace(sms_per_day=5)
    refusals = TemporaryFailure("30001", "queue overflow"), PermanentFailure("21211", "no number", FailureScope.MESSAGE)
    for refusal in refusals:
        recorder.answer = lambda _message, refusal=refusal: refusal
        send_due(ledger, recorder.messengers, now=NOON, pace=pace, limit=1)
        with ledger.read() as c:
            assert c.scalars(sa.select(t.rates.c.used)).one() == 0
    recorder.answer = None
    send_due(ledger, recorder.messengers, now=NOON, pace=pace)
    assert len(recorder.taken) == 2
    with ledger.read() as c:
        assert not has_claimable(c, NOON, {Channel.SMS: "recorder"}, cap=None, pace=pace)


@pytest.mark.one_database
@pytest.mark.slow
def test_texts_with_pictures_count_as_one_at_their_senders_rate(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, recorder = make_world(ledger), Recorder()
    due(ledger, world, 3)
    write_texts_of_two_segments(ledger)

    def with_picture(ledger: Ledger, claims: Sequence[Claim]) -> Written:
        written, unwritable = write(ledger, claims)
        return [
            (claim, replace(one, media_urls=("https://reviews.example/m/1",))) for claim, one in written
        ], unwritable

    monkeypatch.setattr(desk, "write", with_picture)
    send_due(ledger, recorder.messengers, now=NOON, pace=Pace(sms_per_day=3))
    assert len(recorder.taken) == 3


@pytest.mark.slow
def test_several_messages_wait_for_their_turn_within_the_second(ledger: Ledger) -> None:
    world, recorder = make_world(ledger), Recorder()
    due(ledger, world, 6)
    started = time.monotonic()
    batch = send_due(ledger, recorder.messengers, now=NOON, pace=Pace(sms_per_second=4))
    assert time.monotonic() - started > 0.4  # four at once, a quarter of a second for each of the others
    assert batch.counts == {AttemptOutcome.ACCEPTED: 6}


def test_the_longest_text_has_its_turn_in_the_run_that_claimed_it_and_long_before_its_lease_ends() -> None:
    longest = count_segments("Ж" * 1600)  # characters, as many as Twilio takes (21617)
    assert longest == 24
    at_one_a_second = timedelta(seconds=longest)
    assert LONGEST_PAUSE < at_one_a_second < LONGEST_TURN < LEASE / 2


@pytest.mark.one_database
@pytest.mark.slow
@pytest.mark.parametrize(("longest_turn", "sent"), [(0.4, 5), (0.1, 4)])
def test_a_run_waits_for_a_turn_and_leaves_a_longer_one_to_the_next(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, longest_turn: float, sent: int
) -> None:
    world, recorder = make_world(ledger), Recorder()
    due(ledger, world, 5)
    write_texts_of_two_segments(ledger)
    monkeypatch.setattr(lane, "LONGEST_TURN", timedelta(seconds=longest_turn))
    send_due(ledger, recorder.messengers, now=NOON, pace=Pace(sms_per_second=8))  # four, and a quarter of a second
    assert len(recorder.taken) == sent


@pytest.mark.slow
def test_a_temporary_failure_is_tried_later_and_the_eighth_is_the_last(ledger: Ledger) -> None:
    world = make_world(ledger)
    recorder = Recorder(lambda message: TemporaryFailure("30001", "queue overflow"))
    due(ledger, world, 1)
    now = NOON
    for _ in range(7):
        send_due(ledger, recorder.messengers, now=now)
        assert statuses(ledger) == {RequestStatus.QUEUED: 1}
        now += timedelta(hours=1)
        with ledger.write() as c:
            c.execute(t.requests.update().values(not_after=now + timedelta(hours=1)))
    send_due(ledger, recorder.messengers, now=now)
    assert statuses(ledger) == {RequestStatus.FAILED: 1}
    assert quota_used(ledger) == 0


@pytest.mark.slow
def test_a_provider_that_asks_for_a_long_pause_is_left_alone_by_every_run_until_it_is_over(ledger: Ledger) -> None:
    world = make_world(ledger)
    recorder = Recorder(lambda message: TemporaryFailure("20429", "too many", timedelta(seconds=30), is_throttle=True))
    due(ledger, world, 150)
    batch = send_due(ledger, recorder.messengers, now=NOON)
    turned_away = batch.counts[AttemptOutcome.TEMPORARY_FAILURE]
    assert turned_away <= Pace().parallel
    assert statuses(ledger) == {RequestStatus.QUEUED: 150}
    patient = Recorder()
    assert send_due(ledger, patient.messengers, now=NOON).counts == {}
    with ledger.read() as c:
        assert not has_claimable(c, NOON, {Channel.SMS: "recorder"}, cap=None, pace=Pace())
        [hold] = read_holds(c, Pace(), clock=ledger.now(c), now=NOON)
    assert (hold.channel, hold.says) == (Channel.SMS, "the provider of SMS asked us to pause; others wait too")
    with ledger.write() as c:  # half a minute later
        c.execute(t.rates.update().values(filled_at=NOON - timedelta(days=30)))
    assert send_due(ledger, patient.messengers, now=NOON).counts == {AttemptOutcome.ACCEPTED: 150 - turned_away}


def test_a_dead_number_fails_gives_its_quota_back_and_is_not_texted_again(ledger: Ledger) -> None:
    world = make_world(ledger)
    recorder = Recorder(lambda message: PermanentFailure("30006", "landline", FailureScope.ADDRESS))
    customer = make_customer(ledger, world, email="ana@example.com", phone="+13125550100")
    make_request(ledger, world, customer)
    send_due(ledger, recorder.messengers, now=NOON)
    assert statuses(ledger) == {RequestStatus.FAILED: 1}
    assert quota_used(ledger) == 0
    recorder.answer = None
    make_request(ledger, world, customer, step=1, channel=Channel.SMS)
    make_request(ledger, world, customer, step=1, channel=Channel.EMAIL)
    send_due(ledger, recorder.messengers, now=NOON)
    assert [message.channel for message in recorder.taken] == [Channel.EMAIL]
    assert quota_used(ledger) == 1


def test_somebody_who_opted_out_at_the_provider_hears_nothing_more_on_any_channel(ledger: Ledger) -> None:
    world = make_world(ledger)
    recorder = Recorder(lambda message: PermanentFailure("21610", "replied STOP", FailureScope.OPT_OUT))
    customer = make_customer(ledger, world)
    make_request(ledger, world, customer)
    send_due(ledger, recorder.messengers, now=NOON)
    recorder.answer = None
    with ledger.read() as c:
        assert c.execute(sa.select(t.invitations.c.status)).scalar_one() is InvitationStatus.STOPPED
    make_request(ledger, world, customer, step=1, channel=Channel.EMAIL)
    send_due(ledger, recorder.messengers, now=NOON)
    assert recorder.taken == []
