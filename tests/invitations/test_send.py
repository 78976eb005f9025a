"""The main job: each due request exactly once, whatever happens in between."""

import gc
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import sqlalchemy as sa

from connectors import Message, Outcome
from data.ledger import dispatch
from data.ledger import tables as t
from data.ledger.acceptance import record_accepted
from data.ledger.claimable import has_claimable
from data.ledger.hand_over import hand_over
from data.ledger.runs import start_run
from data.ledger.store import Ledger
from data.pace import Pace
from data.words import (
    AddressKind,
    AttemptOutcome,
    Channel,
    InvitationStatus,
    RequestStatus,
    RunKind,
    RunStatus,
    Source,
)
from invitations import lane
from invitations.dispatcher import Dispatcher
from invitations.resolve import resolve_doubt
from invitations.send import send_due
from tests.invitations.dispatching import due, quota_used, statuses
from tests.recorder import Recorder
from tests.waiting import wait_until
from tests.world import NOON, insert, make_customer, make_request, make_world, suppress

CARRIERS = {Channel.SMS: dispatch.Carrier("recorder", "recorder", 100)}
ONE_AT_A_TIME = Pace(parallel=1)


def lapse(ledger: Ledger) -> None:
    """Time passes: every lease has run out."""
    with ledger.write() as c:
        c.execute(t.attempts.update().values(lease_until=t.attempts.c.claimed_at))


@pytest.mark.slow
def test_every_due_request_is_sent_once_and_a_second_run_sends_nothing(ledger: Ledger) -> None:
    world, recorder = make_world(ledger), Recorder()
    due(ledger, world, 30)
    first = send_due(ledger, recorder.messengers, now=NOON)
    second = send_due(ledger, recorder.messengers, now=NOON)
    assert first.counts == {AttemptOutcome.ACCEPTED: 30}
    assert second.counts == {}
    assert len({message.to for message in recorder.taken}) == len(recorder.taken) == 30
    assert statuses(ledger) == {RequestStatus.SENT: 30}
    assert quota_used(ledger) == 30


@pytest.mark.one_database
def test_nobody_looks_for_garbage_at_every_few_messages_that_leave(ledger: Ledger) -> None:
    due(ledger, make_world(ledger), 1)
    usual, seen = gc.get_threshold(), []
    try:
        gc.set_threshold(700)
        recorder = Recorder(lambda _message: seen.append(gc.get_threshold()[0]))
        send_due(ledger, recorder.messengers, now=NOON)
        assert gc.get_threshold()[0] == 700
    finally:
        gc.set_threshold(*usual)
    assert seen[0] > 10 * 700


def test_the_message_names_the_customer_and_carries_the_requests_own_link(ledger: Ledger) -> None:
    world, recorder = make_world(ledger), Recorder()
    request = make_request(ledger, world, make_customer(ledger, world, first_name="Zoë\n{{ 7*7 }}"))
    send_due(ledger, recorder.messengers, now=NOON)
    with ledger.read() as c:
        token = c.execute(sa.select(t.requests.c.link_token).where(t.requests.c.request_id == request)).scalar_one()
    [message] = recorder.taken
    assert message.text == f"Hi Zoë 7*7, how was Acme Chicago? {ledger.settings.public_url}/r/{token}"


@pytest.mark.parametrize(
    "held",
    [
        "not yet due",
        "window closed",
        "paused",
        "stopped",
        "channel off",
        "channel paused",
        "list paused",
        "suppressed",
        "halted",
    ],
)
def test_what_is_held_back_is_not_claimed(ledger: Ledger, held: str) -> None:
    world, recorder = make_world(ledger), Recorder()
    customer = make_customer(ledger, world, phone="+13125550100")
    windows = {
        "not yet due": {"not_before": NOON + timedelta(seconds=1)},
        "window closed": {"not_after": NOON},
        "paused": {"paused_at": NOON},
    }
    make_request(ledger, world, customer, **windows.get(held, {}))
    if held == "suppressed":
        suppress(ledger, world, AddressKind.PHONE, "+13125550100")
    with ledger.write() as c:
        if held == "stopped":
            c.execute(t.invitations.update().values(status=InvitationStatus.STOPPED))
        elif held == "channel off":
            c.execute(t.channels.update().values(is_enabled=False))
        elif held == "channel paused":
            c.execute(t.channels.update().values(paused_at=NOON))
        elif held == "list paused":
            paused = insert(
                c, t.lists, account_id=world.account_id, location_id=world.chicago, name="May", source=Source.CSV,
                content_sha256="0" * 64, imported_by="test", paused_at=NOON,
            )  # fmt: skip
            c.execute(t.invitations.update().values(list_id=paused))
        elif held == "halted":
            c.execute(t.system.update().values(halted_at=NOON))
    with ledger.read() as c:
        assert not has_claimable(c, NOON, cap=None)
    send_due(ledger, recorder.messengers, now=NOON)
    assert recorder.taken == []
    assert statuses(ledger) == {RequestStatus.QUEUED: 1}


def test_a_suppression_of_one_address_holds_for_the_persons_other_address(ledger: Ledger) -> None:
    world, recorder = make_world(ledger), Recorder()
    make_request(ledger, world, make_customer(ledger, world, email="ana@example.com", phone="+13125550100"))
    suppress(ledger, world, AddressKind.EMAIL, "ana@example.com")
    send_due(ledger, recorder.messengers, now=NOON)
    assert recorder.taken == []


@pytest.mark.one_database
def test_nothing_leaves_after_closing_time_though_it_was_claimed_before(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = make_world(ledger)
    for _ in range(2):
        make_request(ledger, world, make_customer(ledger, world), not_after=NOON + timedelta(seconds=30))
    clock = [NOON]
    monkeypatch.setattr(Dispatcher, "now", lambda _: clock[0])

    def slowly(message: Message) -> None:
        clock[0] += timedelta(seconds=45)

    recorder = Recorder(slowly)
    batch = send_due(ledger, recorder.messengers, now=NOON, pace=ONE_AT_A_TIME)
    assert batch.counts == {"accepted": 1, "withdrawn": 1}
    assert len(recorder.taken) == 1


@pytest.mark.slow
def test_a_stop_between_claim_and_hand_over_still_counts(ledger: Ledger) -> None:
    world = make_world(ledger)
    due(ledger, world, 20)
    stopped = threading.Event()

    def stop_everybody_else(message: Message) -> Outcome | None:
        if not stopped.is_set():
            stopped.set()
            with ledger.write() as c:
                c.execute(t.invitations.update().values(status=InvitationStatus.STOPPED))
        return None

    recorder = Recorder(stop_everybody_else)
    batch = send_due(ledger, recorder.messengers, now=NOON, pace=ONE_AT_A_TIME)
    assert len(recorder.taken) == 1  # the one that had been handed over in that moment
    assert batch.counts[AttemptOutcome.WITHDRAWN] == 19
    assert statuses(ledger) == {RequestStatus.SENT: 1, RequestStatus.QUEUED: 19}


@pytest.mark.slow
def test_quota_is_charged_once_per_invitation_and_never_overspent(ledger: Ledger) -> None:
    world, recorder = make_world(ledger, quota=3), Recorder()
    both = make_customer(ledger, world)
    make_request(ledger, world, both, channel=Channel.SMS)
    make_request(ledger, world, both, channel=Channel.EMAIL)
    due(ledger, world, 5)
    send_due(ledger, recorder.messengers, now=NOON)
    assert len(recorder.taken) == 4
    assert quota_used(ledger) == 3
    with ledger.read() as c:
        assert not has_claimable(c, NOON, cap=None)
    make_request(ledger, world, both, channel=Channel.EMAIL, step=1)
    send_due(ledger, recorder.messengers, now=NOON)
    assert len(recorder.taken) == 5  # a follow-up costs nothing
    assert quota_used(ledger) == 3


@pytest.mark.slow
def test_many_dispatchers_side_by_side_send_each_request_once(ledger: Ledger) -> None:
    world, recorder = make_world(ledger), Recorder()
    due(ledger, world, 60)
    with ThreadPoolExecutor(4) as pool:
        for batch in [pool.submit(send_due, ledger, recorder.messengers, now=NOON) for _ in range(4)]:
            batch.result()
    assert Counter(message.to for message in recorder.taken).most_common(1)[0][1] == 1
    assert statuses(ledger) == {RequestStatus.SENT: 60}
    assert quota_used(ledger) == 60


def test_what_nobody_knows_is_in_doubt_and_is_not_sent_again(ledger: Ledger) -> None:
    world = make_world(ledger)

    def takes_it_and_breaks(message: Message) -> Outcome:
        recorder.take(message)
        raise ConnectionResetError("after the bytes left")

    recorder = Recorder(takes_it_and_breaks)
    due(ledger, world, 1)
    for _ in range(3):
        send_due(ledger, recorder.messengers, now=NOON)
    assert len(recorder.taken) == 1
    assert statuses(ledger) == {RequestStatus.IN_DOUBT: 1}
    assert quota_used(ledger) == 1
    report = resolve_doubt(ledger, recorder.messengers, now=NOON)
    assert report.counts["found"] == 1
    assert statuses(ledger) == {RequestStatus.SENT: 1}


def test_only_three_complete_reads_over_half_an_hour_prove_that_it_never_arrived(ledger: Ledger) -> None:
    world = make_world(ledger)

    def breaks_before_taking(message: Message) -> Outcome:
        raise ConnectionResetError("nobody knows")

    recorder = Recorder(breaks_before_taking)
    due(ledger, world, 1)
    send_due(ledger, recorder.messengers, now=NOON)
    for _ in range(2):
        report = resolve_doubt(ledger, recorder.messengers, now=NOON)
        assert statuses(ledger) == {RequestStatus.IN_DOUBT: 1}
        assert "reads" in report.rows[0].note
    resolve_doubt(ledger, recorder.messengers, now=NOON)
    assert statuses(ledger) == {RequestStatus.QUEUED: 1}
    recorder.answer = None
    send_due(ledger, recorder.messengers, now=NOON)
    assert len(recorder.taken) == 1
    assert quota_used(ledger) == 1


def test_a_sender_that_died_before_the_hand_over_loses_nothing(ledger: Ledger) -> None:
    world, recorder = make_world(ledger), Recorder()
    [request] = due(ledger, world, 1)
    with ledger.write() as c:
        run = c.execute(
            t.runs.insert()
            .values(kind="send", status=RunStatus.RUNNING, started_at=NOON, process="x:1:1")
            .returning(t.runs.c.run_id)
        ).scalar_one()
        c.execute(
            t.attempts.insert().values(
                attempt_id="dead", request_id=request, batch_id=run, provider="recorder", claimed_at=NOON,
                lease_until=NOON - timedelta(days=365),
            )
        )  # fmt: skip
        c.execute(t.requests.update().values(status=RequestStatus.SENDING, attempt_id="dead"))
    send_due(ledger, recorder.messengers, now=NOON)
    assert len(recorder.taken) == 1
    assert statuses(ledger) == {RequestStatus.SENT: 1}


def test_a_stalled_sender_cannot_hand_over_what_another_took(ledger: Ledger) -> None:
    world, recorder = make_world(ledger), Recorder()
    due(ledger, world, 1)
    run = start_run(ledger, RunKind.SEND, NOON)
    [stalled] = dispatch.claim(ledger, batch_id=run, carriers=CARRIERS, now=NOON, limit=10, cap=None)
    lapse(ledger)
    send_due(ledger, recorder.messengers, now=NOON)
    with ledger.write() as c:
        assert not hand_over(c, stalled.attempt_id)
    assert len(recorder.taken) == 1


def test_a_late_answer_takes_the_request_back_from_the_queue(ledger: Ledger) -> None:
    world = make_world(ledger)

    def breaks(message: Message) -> Outcome:
        raise TimeoutError

    recorder = Recorder(breaks)
    due(ledger, world, 1)
    send_due(ledger, recorder.messengers, now=NOON)
    for _ in range(3):
        resolve_doubt(ledger, recorder.messengers, now=NOON)
    assert statuses(ledger) == {RequestStatus.QUEUED: 1}
    with ledger.write() as c:
        attempt_id = c.execute(sa.select(t.attempts.c.attempt_id)).scalar_one()
        assert record_accepted(c, attempt_id, "PM-late", NOON)
    recorder.answer = None
    send_due(ledger, recorder.messengers, now=NOON)
    assert recorder.taken == []
    assert statuses(ledger) == {RequestStatus.SENT: 1}


@pytest.mark.slow
def test_a_call_that_overruns_its_deadline_is_in_doubt_and_its_late_answer_counts(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lane, "DEADLINE_SECONDS", 0.05)
    world = make_world(ledger)
    go_on = threading.Event()

    def trickles(message: Message) -> Outcome:
        assert go_on.wait(10)
        return recorder.take(message)

    recorder = Recorder(trickles)
    due(ledger, world, 1)
    send_due(ledger, recorder.messengers, now=NOON)
    assert statuses(ledger) == {RequestStatus.IN_DOUBT: 1}
    go_on.set()
    wait_until(lambda: statuses(ledger) == {RequestStatus.SENT: 1}, what="the late answer")
    assert len(recorder.taken) == 1
