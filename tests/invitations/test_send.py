"""The main job: each due request exactly once, whatever happens in between."""

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import sqlalchemy as sa

from connectors import AccountStopped, ConfigurationError, Message, Outcome, PermanentFailure, TemporaryFailure
from data.ledger import dispatch
from data.ledger import tables as t
from data.ledger.acceptance import record_accepted
from data.ledger.breakers import close, read_open
from data.ledger.claimable import has_claimable
from data.ledger.hand_over import hand_over
from data.ledger.runs import start_run
from data.ledger.store import Ledger
from data.pace import Pace
from data.words import (
    AddressKind,
    AttemptOutcome,
    Channel,
    FailureScope,
    InvitationStatus,
    RequestStatus,
    RunKind,
    RunStatus,
    Source,
)
from invitations import lane
from invitations.dispatcher import Dispatcher
from invitations.resolve import resolve_doubt
from invitations.send import SendingHalted, send_due
from tests.recorder import Recorder
from tests.waiting import wait_until
from tests.world import NOON, World, insert, make_customer, make_request, make_world, suppress

CARRIERS = {Channel.SMS: dispatch.Carrier("recorder", "recorder", 100)}
ONE_AT_A_TIME = Pace(parallel=1)


def due(ledger: Ledger, world: World, count: int) -> list[int]:
    return [make_request(ledger, world, make_customer(ledger, world)) for _ in range(count)]


def statuses(ledger: Ledger) -> Counter[RequestStatus]:
    with ledger.read() as c:
        return Counter(c.execute(sa.select(t.requests.c.status)).scalars())


def quota_used(ledger: Ledger) -> int:
    with ledger.read() as c:
        return c.execute(sa.select(sa.func.coalesce(sa.func.sum(t.quota_cycles.c.used), 0))).scalar_one()


def lapse(ledger: Ledger) -> None:
    """Time passes: every lease has run out."""
    with ledger.write() as c:
        c.execute(t.attempts.update().values(lease_until=t.attempts.c.claimed_at))


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


def refuses_texts(message: Message) -> Outcome | None:
    if message.channel is Channel.SMS:
        raise AccountStopped("20003", "authentication error")
    return None


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


def test_several_messages_wait_for_their_turn_within_the_second(ledger: Ledger) -> None:
    world, recorder = make_world(ledger), Recorder()
    due(ledger, world, 6)
    started = time.monotonic()
    batch = send_due(ledger, recorder.messengers, now=NOON, pace=Pace(sms_per_second=4))
    assert time.monotonic() - started > 0.4  # four at once, a quarter of a second for each of the others
    assert batch.counts == {AttemptOutcome.ACCEPTED: 6}


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


def test_a_throttle_leaves_the_channel_alone_until_the_next_batch(ledger: Ledger) -> None:
    world = make_world(ledger)
    recorder = Recorder(lambda message: TemporaryFailure("20429", "too many", timedelta(seconds=30), is_throttle=True))
    due(ledger, world, 150)
    batch = send_due(ledger, recorder.messengers, now=NOON)
    assert batch.counts[AttemptOutcome.TEMPORARY_FAILURE] <= Pace().parallel
    assert statuses(ledger) == {RequestStatus.QUEUED: 150}


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
