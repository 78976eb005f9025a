"""Answers that come late, twice, or beside something else: whatever became of the request, it is sent once."""

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import suppress
from datetime import datetime, timedelta
from types import SimpleNamespace

import pytest
import sqlalchemy as sa

from connectors import Doubt, Found, LookUp, Message, Outcome, PermanentFailure, ProviderEvent, TemporaryFailure
from data.ledger import dispatch, outcomes, soundness
from data.ledger import tables as t
from data.ledger.acceptance import record_accepted, record_many_accepted
from data.ledger.hand_over import hand_over
from data.ledger.identities import lock_identities, resolve_people
from data.ledger.runs import start_run
from data.ledger.store import Ledger
from data.pace import Pace
from data.words import (
    AddressKind,
    AttemptOutcome,
    Channel,
    EventKind,
    FailureScope,
    InvitationStatus,
    RequestStatus,
    RunKind,
)
from invitations import dispatcher, lane
from invitations.events import receive
from invitations.queueing import plan_and_queue
from invitations.resolve import resolve_doubt
from invitations.respond import unsubscribe
from invitations.send import send_due
from tests.recorder import Recorder
from tests.waiting import wait_until
from tests.world import NOON, make_customer, make_request, make_world

CARRIERS = {Channel.SMS: dispatch.Carrier("recorder", "recorder", 100)}
SOON = 0.3  # seconds: what waits for a lock is still waiting then


def one(ledger: Ledger, column: sa.Column[object]) -> object:
    with ledger.read() as c:
        return c.execute(sa.select(column)).scalar_one()


def proved_absent(ledger: Ledger) -> str:
    """One request, in doubt, proved absent and queued again; the attempt's id."""
    world = make_world(ledger)
    make_request(ledger, world, make_customer(ledger, world))

    def breaks(message: Message) -> Outcome:
        raise ConnectionResetError

    recorder = Recorder(breaks)
    send_due(ledger, recorder.messengers, now=NOON)
    for _ in range(3):
        resolve_doubt(ledger, recorder.messengers, now=NOON)
    assert one(ledger, t.requests.c.status) is RequestStatus.QUEUED
    return str(one(ledger, t.attempts.c.attempt_id))


def it_came_after_all(ledger: Ledger, attempt_id: str) -> None:
    with ledger.write() as c:
        record_accepted(c, attempt_id, f"PM-{attempt_id}", NOON)


def is_sent_for_good(ledger: Ledger) -> bool:
    recorder = Recorder()
    send_due(ledger, recorder.messengers, now=NOON + timedelta(hours=1))
    with ledger.read() as c:
        assert soundness.count_cycles_out_of_balance(c) == 0
        assert soundness.count_invitations_sent_without_quota(c) == 0
        assert c.execute(sa.select(t.quota_cycles.c.used)).scalar_one() == 1
    return not recorder.taken and one(ledger, t.requests.c.status) is RequestStatus.SENT


@pytest.mark.parametrize(
    "newer",
    [
        TemporaryFailure("503", "not now", timedelta(0)),
        PermanentFailure("550", "no such user", FailureScope.MESSAGE),
    ],
    ids=["put off", "refused"],
)
@pytest.mark.slow
def test_a_late_answer_counts_when_a_newer_attempt_was_turned_away(ledger: Ledger, newer: Outcome) -> None:
    attempt_id = proved_absent(ledger)
    send_due(ledger, Recorder(lambda message: newer).messengers, now=NOON, limit=1)
    it_came_after_all(ledger, attempt_id)
    assert is_sent_for_good(ledger)


@pytest.mark.one_database
@pytest.mark.slow
def test_a_late_answer_counts_for_a_message_canceled_meanwhile_and_a_restart_sends_nothing(ledger: Ledger) -> None:
    attempt_id = proved_absent(ledger)
    with ledger.write() as c:
        c.execute(t.invitations.update().values(status=InvitationStatus.STOPPED))
    plan_and_queue(ledger, now=NOON)
    assert one(ledger, t.requests.c.status) is RequestStatus.CANCELED
    it_came_after_all(ledger, attempt_id)
    with ledger.write() as c:
        c.execute(t.invitations.update().values(status=InvitationStatus.ACTIVE))
    plan_and_queue(ledger, now=NOON, horizon=timedelta(0))
    assert is_sent_for_good(ledger)


def test_a_provider_that_has_the_message_after_all_overrules_its_own_not_now(ledger: Ledger) -> None:
    world = make_world(ledger)
    make_request(ledger, world, make_customer(ledger, world))
    recorder = Recorder(lambda message: TemporaryFailure("503", "not now", timedelta(minutes=5)))
    send_due(ledger, recorder.messengers, now=NOON)
    attempt_id = str(one(ledger, t.attempts.c.attempt_id))
    receive(ledger, [ProviderEvent("recorder", "1", EventKind.SENT, NOON, attempt_id, "PM-1")], now=NOON)
    assert is_sent_for_good(ledger)


@pytest.mark.slow
def test_a_certain_no_ends_doubt_although_it_comes_late(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lane, "DEADLINE_SECONDS", 0.05)
    world = make_world(ledger)
    make_request(ledger, world, make_customer(ledger, world))
    go_on = threading.Event()

    def trickles(message: Message) -> Outcome:
        assert go_on.wait(10)
        return TemporaryFailure("503", "not now")

    send_due(ledger, Recorder(trickles).messengers, now=NOON)
    assert one(ledger, t.requests.c.status) is RequestStatus.IN_DOUBT
    go_on.set()
    wait_until(lambda: one(ledger, t.requests.c.status) is RequestStatus.QUEUED, what="the late answer")


@pytest.mark.one_database
def test_a_failure_told_about_an_earlier_attempt_does_not_fail_the_newer_ones_message(ledger: Ledger) -> None:
    attempt_id = proved_absent(ledger)
    send_due(ledger, Recorder().messengers, now=NOON)
    receive(ledger, [ProviderEvent("recorder", "1", EventKind.FAILED, NOON, attempt_id, "PM-1")], now=NOON)
    assert one(ledger, t.requests.c.status) is RequestStatus.SENT


@pytest.mark.one_database
@pytest.mark.slow
def test_what_was_never_tried_uses_up_no_try(ledger: Ledger) -> None:
    world = make_world(ledger)
    make_request(ledger, world, make_customer(ledger, world))
    for _ in range(9):
        run = start_run(ledger, RunKind.SEND, NOON)
        dispatch.claim(ledger, batch_id=run, carriers=CARRIERS, now=NOON, limit=1, cap=None)
        dispatch.release(ledger, run)
    throttle = TemporaryFailure("20429", "too many", timedelta(0), is_throttle=True)
    for minutes in range(9):
        now = NOON + timedelta(minutes=minutes)
        assert send_due(ledger, Recorder(lambda message: throttle).messengers, now=now).counts
    later = NOON + timedelta(minutes=9)
    send_due(ledger, Recorder(lambda message: TemporaryFailure("503", "not now")).messengers, now=later)
    assert one(ledger, t.requests.c.status) is RequestStatus.QUEUED
    assert one(ledger, t.requests.c.attempt_count) == 1


@pytest.mark.slow
def test_a_hand_over_looks_again_when_a_late_answer_is_just_being_written(ledger: Ledger) -> None:
    first = proved_absent(ledger)
    run = start_run(ledger, RunKind.SEND, NOON)
    [newer] = dispatch.claim(ledger, batch_id=run, carriers=CARRIERS, now=NOON, limit=1, cap=None)

    def look_again() -> bool:
        with ledger.write() as c:
            return hand_over(c, newer.attempt_id)

    with ThreadPoolExecutor(1) as pool:
        with ledger.write() as c:  # what the late answer writes first
            c.execute(t.requests.update().values(status=RequestStatus.SENT, attempt_id=first, handed_at=NOON))
            handed = pool.submit(look_again)
            settle(handed)
        assert not handed.result(20)


def settle(future: "Future[bool]") -> None:
    """Until it is done, or waits for a lock."""
    with suppress(FutureTimeoutError):
        future.result(SOON)


@pytest.mark.slow
def test_a_unit_is_not_given_back_while_the_other_message_of_the_invitation_is_being_claimed(ledger: Ledger) -> None:
    world = make_world(ledger)
    customer = make_customer(ledger, world)
    make_request(ledger, world, customer, channel=Channel.SMS)
    mail = make_request(ledger, world, customer, channel=Channel.EMAIL, not_before=NOON + timedelta(hours=1))
    run = start_run(ledger, RunKind.SEND, NOON)
    [claim] = dispatch.claim(ledger, batch_id=run, carriers=CARRIERS, now=NOON, limit=5, cap=None)

    def withdraw() -> bool:
        with ledger.write() as c:
            return outcomes.record_not_sent(c, claim.attempt_id, AttemptOutcome.WITHDRAWN)

    with ThreadPoolExecutor(1) as pool:
        with ledger.write() as c:  # a claim of the e-mail, half-way
            c.execute(sa.select(t.quota_cycles.c.used).with_for_update())
            c.execute(t.requests.update().where(t.requests.c.request_id == mail).values(status=RequestStatus.SENDING))
            withdrawn = pool.submit(withdraw)
            settle(withdrawn)
        assert withdrawn.result(20)
    assert one(ledger, t.quota_reservations.c.released_at) is None
    assert one(ledger, t.quota_cycles.c.used) == 1


@pytest.mark.one_database
@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["in order", "newest first"])
@pytest.mark.parametrize("is_one_read", [True, False])
def test_a_stop_after_a_start_counts_in_whatever_order_they_are_told(
    ledger: Ledger, order: tuple[int, int], is_one_read: bool
) -> None:
    world = make_world(ledger)
    make_request(ledger, world, make_customer(ledger, world, phone="+13125550100"))

    def text(kind: EventKind, at: datetime) -> ProviderEvent:
        return ProviderEvent("recorder", kind.value, kind, at, address="+13125550100", address_kind=AddressKind.PHONE)

    told = [text(EventKind.RESUBSCRIBED, NOON), text(EventKind.UNSUBSCRIBED, NOON + timedelta(minutes=1))]
    events = [told[place] for place in order]
    for some in [events] if is_one_read else [[event] for event in events]:
        receive(ledger, some, now=NOON)
    with ledger.write() as c:
        c.execute(t.invitations.update().values(status=InvitationStatus.ACTIVE))
    recorder = Recorder()
    send_due(ledger, recorder.messengers, now=NOON)
    assert recorder.taken == []


@pytest.mark.slow
def test_an_unsubscribe_counts_while_the_person_is_being_merged_into_another(ledger: Ledger) -> None:
    world = make_world(ledger)
    make_customer(ledger, world, email="ana@example.com", phone="+13125550100")
    twin = make_customer(ledger, world, email="a.ruiz@example.com", phone="+13125550101")
    make_request(ledger, world, twin)
    token = str(one(ledger, t.requests.c.unsubscribe_token))

    def say_no() -> bool:
        return unsubscribe(ledger, token, is_channel_only=False, is_one_click=True, now=NOON)

    with ThreadPoolExecutor(1) as pool:
        with ledger.write() as c:
            lock_identities(c, world.account_id)
            both = [(AddressKind.EMAIL, "ana@example.com"), (AddressKind.EMAIL, "a.ruiz@example.com")]
            resolve_people(c, world.account_id, [both], now=NOON)
            said = pool.submit(say_no)
            settle(said)
        assert said.result(20)
    with ledger.read() as c:
        assert set(c.execute(sa.select(t.suppressions.c.address)).scalars()) >= {"ana@example.com", "+13125550101"}
        assert c.execute(sa.select(t.invitations.c.status)).scalar_one() is InvitationStatus.STOPPED


def test_a_batch_leaves_no_thread_behind(ledger: Ledger) -> None:
    world = make_world(ledger)
    for _ in range(10):
        make_request(ledger, world, make_customer(ledger, world))
    before = set(threading.enumerate())
    send_due(ledger, Recorder().messengers, now=NOON)
    wait_until(lambda: set(threading.enumerate()) <= before, what="the calling threads to end")


def test_a_batch_ends_in_time_within_a_chunk_and_the_next_takes_the_rest(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = make_world(ledger)
    for _ in range(5):
        make_request(ledger, world, make_customer(ledger, world))
    passed = [0.0]  # seconds
    clock = SimpleNamespace(monotonic=lambda: time.monotonic() + passed[0])
    monkeypatch.setattr(lane, "time", clock)
    monkeypatch.setattr(dispatcher, "time", clock)

    def slowly(message: Message) -> None:
        passed[0] += 400.0

    recorder = Recorder(slowly)
    batch = send_due(ledger, recorder.messengers, now=NOON, pace=Pace(parallel=1))
    assert len(recorder.taken) == 2
    assert batch.counts[AttemptOutcome.WITHDRAWN] == 3
    recorder.answer = None
    monkeypatch.undo()
    send_due(ledger, recorder.messengers, now=NOON)
    assert len(recorder.taken) == 5


def test_a_doubt_that_finds_the_message_of_the_attempt_after_it_ends_no_run(ledger: Ledger) -> None:
    first = proved_absent(ledger)
    run = start_run(ledger, RunKind.SEND, NOON)
    [newer] = dispatch.claim(ledger, batch_id=run, carriers=CARRIERS, now=NOON, limit=1, cap=None)
    with ledger.write() as c:
        assert hand_over(c, newer.attempt_id)
    with ledger.write() as c:  # another resolver asked before, and sees what has just arrived
        record_accepted(c, first, "PM-one", NOON)
    with ledger.write() as c:
        record_many_accepted(c, [(newer.attempt_id, "PM-one")], NOON)
    assert one(ledger, t.requests.c.status) is RequestStatus.SENT


def test_a_look_up_that_sees_the_message_sent_anew_meanwhile_counts_it_for_nobody_else(ledger: Ledger) -> None:
    sends = Recorder()

    class Slow(Recorder):
        """While it is asked, another resolver proves the message absent, and another dispatcher sends it anew."""

        def look_up(self, doubt: Doubt) -> LookUp:
            for _ in range(3):
                resolve_doubt(ledger, sends.messengers, now=NOON)
            send_due(ledger, sends.messengers, now=NOON)
            [message] = sends.taken
            return Found(f"PM-{message.attempt_id}")

    def breaks(message: Message) -> Outcome:
        raise ConnectionResetError

    world = make_world(ledger)
    make_request(ledger, world, make_customer(ledger, world))
    send_due(ledger, Recorder(breaks).messengers, now=NOON)
    assert resolve_doubt(ledger, Slow().messengers, now=NOON).counts["settled_meanwhile"] == 1
    with ledger.read() as c:
        found = c.execute(sa.select(t.attempts.c.outcome).order_by(t.attempts.c.claimed_at)).scalars()
        assert list(found) == [AttemptOutcome.PROVED_ABSENT, AttemptOutcome.ACCEPTED]


def test_a_clock_that_was_set_back_keeps_no_message_in_doubt_that_the_provider_knows(ledger: Ledger) -> None:
    def is_busy(message: Message) -> Outcome:
        return TemporaryFailure("429", "busy")

    def breaks(message: Message) -> Outcome:
        raise ConnectionResetError

    class Knows(Recorder):
        def look_up(self, doubt: Doubt) -> LookUp:
            return Found(f"PM-{doubt.attempt_id}")

    world = make_world(ledger)
    make_request(ledger, world, make_customer(ledger, world))
    send_due(ledger, Recorder(is_busy).messengers, now=NOON)
    with ledger.write() as c:  # the first attempt was made by a clock that went ten minutes ahead
        ahead = t.attempts.c.claimed_at
        (claimed_at,) = c.execute(sa.select(ahead)).scalars()
        c.execute(t.attempts.update().values(claimed_at=claimed_at + timedelta(minutes=10)))
    send_due(ledger, Recorder(breaks).messengers, now=NOON + timedelta(hours=1))
    assert one(ledger, t.requests.c.status) is RequestStatus.IN_DOUBT
    assert resolve_doubt(ledger, Knows().messengers, now=NOON + timedelta(hours=1)).counts["found"] == 1
    assert one(ledger, t.requests.c.status) is RequestStatus.SENT
