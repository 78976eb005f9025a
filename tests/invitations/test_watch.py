"""What is wrong is told once, by each way, whoever looks and however often; and told again when it is over."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from connectors import Unavailable
from data.ledger import breakers
from data.ledger.notices import TRIES, count_given_up
from data.ledger.runs import end_run, start_run
from data.ledger.store import Ledger
from data.ledger.tables import accounts, alerts, attempts, events, notices, requests, runs, system
from data.ledger.tables.metadata import database_now
from data.words import AlertKind, AttemptOutcome, Channel, EventKind, NoticeWay, RequestStatus, RunKind, RunStatus
from invitations.watch import watch
from tests.world import NOON, World, insert, make_customer, make_request, make_world

NIGHT = NOON - timedelta(hours=12)  # no digest is due


@dataclass
class Ear:
    """A way that remembers what it was told; `deaf`: it takes nothing; `meanwhile`: called before it answers."""

    way: NoticeWay = NoticeWay.WEBHOOK
    deaf: bool = False
    told: list[tuple[str, str]] = field(default_factory=list)
    meanwhile: Callable[[], object] = lambda: None
    texts: list[str] = field(default_factory=list)

    def tell(self, topic: str, subject: str, text: str, written_at: datetime) -> None:
        self.meanwhile()
        if self.deaf:
            raise Unavailable("the webhook answered HTTP 500")
        self.told.append((topic.rsplit(maxsplit=1)[-1], subject))
        self.texts.append(text)


@pytest.fixture
def world(ledger: Ledger) -> World:
    return make_world(ledger)


def halt(ledger: Ledger, at: datetime | None = NOON) -> None:
    with ledger.write() as connection:
        connection.execute(system.update().values(halted_at=at, halted_by="owner@acme.example", halt_reason="Ana Ruiz"))


def fail(ledger: Ledger, kind: RunKind = RunKind.SEND, status: RunStatus = RunStatus.FAILED) -> None:
    end_run(ledger, start_run(ledger, kind, NOON), status, {}, "ValueError")


def make_due(ledger: Ledger) -> None:
    """The waits of notices that failed are over."""
    with ledger.write() as connection:
        connection.execute(notices.update().values(next_try_at=ledger.now(connection) - timedelta(seconds=1)))


def age_runs(ledger: Ledger, by: timedelta) -> None:
    with ledger.write() as connection:
        for row in connection.execute(sa.select(runs)).all():
            connection.execute(
                runs.update().where(runs.c.run_id == row.run_id).values(
                    started_at=row.started_at - by, changed_at=row.changed_at - by,
                    ended_at=row.ended_at and row.ended_at - by,
                )
            )  # fmt: skip


def age_account(ledger: Ledger, by: timedelta) -> None:
    with ledger.write() as connection:
        connection.execute(accounts.update().values(created_at=ledger.now(connection) - by))


def kinds(ledger: Ledger) -> list[tuple[AlertKind, str]]:
    with ledger.read() as connection:
        found = connection.execute(
            sa.select(alerts.c.kind, alerts.c.subject).where(alerts.c.cleared_at.is_(None)).order_by(alerts.c.alert_id)
        )
        return [(kind, subject) for kind, subject in found]


def test_the_kill_switch_is_told_once_and_its_end_once_by_each_way(ledger: Ledger, world: World) -> None:
    ears = [Ear(), Ear(NoticeWay.EMAIL)]
    halt(ledger)
    for _ in range(3):
        watch(ledger, ears, now=NIGHT)
    halt(ledger, None)
    for _ in range(3):
        watch(ledger, ears, now=NIGHT)
    expected = [
        ("raised", "Acme Dental: sending is halted"),
        ("cleared", "Acme Dental: over: sending is halted"),
    ]
    assert [ear.told for ear in ears] == [expected, expected]
    assert "Ana" not in "".join(ears[0].texts)  # what a person wrote as the reason may name a customer


def test_two_that_watch_at_the_same_moment_tell_each_thing_once(ledger: Ledger, world: World) -> None:
    halt(ledger)
    fail(ledger)
    together = threading.Barrier(4)
    ears = [Ear() for _ in range(4)]

    def look(ear: Ear) -> None:
        together.wait()
        watch(ledger, [ear], now=NOON)

    threads = [threading.Thread(target=look, args=(ear,)) for ear in ears]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    told = sorted(topic for ear in ears for topic in ear.told)
    assert [subject for _, subject in told if "sent" not in subject] == [
        "Acme Dental: a run failed (send)",
        "Acme Dental: sending is halted",
    ]
    assert len(told) == 3  # and one digest


def test_what_a_dead_webhook_missed_is_told_later_and_the_mail_is_not_told_twice(ledger: Ledger, world: World) -> None:
    webhook, mail = Ear(deaf=True), Ear(NoticeWay.EMAIL)
    halt(ledger)
    first = watch(ledger, [webhook, mail], now=NIGHT)
    assert (first.told, first.failed) == (1, 1)
    again = watch(ledger, [webhook, mail], now=NIGHT)  # its wait is not over
    assert (again.told, again.failed) == (0, 0)
    webhook.deaf = False
    make_due(ledger)
    watch(ledger, [webhook, mail], now=NIGHT)
    assert [topic for topic, _ in webhook.told] == [topic for topic, _ in mail.told] == ["raised"]


def test_what_began_and_ended_while_the_webhook_was_down_is_told_in_order(ledger: Ledger, world: World) -> None:
    webhook = Ear(deaf=True)
    halt(ledger)
    watch(ledger, [webhook], now=NIGHT)
    halt(ledger, None)
    webhook.deaf = False
    watch(ledger, [webhook], now=NIGHT)  # the alarm's wait is not over: its end waits with it
    assert webhook.told == []
    make_due(ledger)
    watch(ledger, [webhook], now=NIGHT)
    assert [topic for topic, _ in webhook.told] == ["raised", "cleared"]


def test_a_webhook_that_never_comes_back_is_given_up_after_a_bounded_number_of_tries(
    ledger: Ledger, world: World
) -> None:
    halt(ledger)
    webhook = Ear(deaf=True)
    failed = 0
    for _ in range(TRIES + 3):
        failed += watch(ledger, [webhook], now=NIGHT).failed
        make_due(ledger)
    assert failed == TRIES
    with ledger.read() as connection:
        assert connection.execute(sa.select(notices.c.problem)).scalar_one() == "the webhook answered HTTP 500"
        assert count_given_up(connection) == 1


@pytest.mark.one_database
def test_a_way_that_never_answers_holds_nobody_up(ledger: Ledger, world: World) -> None:
    halt(ledger)
    hanging = threading.Event()
    report = watch(ledger, [Ear(meanwhile=lambda: hanging.wait(30))], now=NIGHT, call_seconds=0.05)
    hanging.set()
    assert (report.told, report.failed) == (0, 1)


def test_no_transaction_is_open_while_somebody_is_told(ledger: Ledger, world: World) -> None:
    written: list[int] = []

    def write() -> None:
        with ledger.write() as connection:
            written.append(connection.execute(runs.update().values(done=1)).rowcount)

    halt(ledger)
    assert watch(ledger, [Ear(meanwhile=write)], now=NIGHT).told == 1
    assert written == [0]


def test_an_end_seen_at_a_terminal_without_ways_is_told_all_the_same(ledger: Ledger, world: World) -> None:
    ear = Ear()
    halt(ledger)
    watch(ledger, [ear], now=NIGHT)
    halt(ledger, None)
    watch(ledger, [], now=NIGHT)  # `afterword watch` in a shell that has none of the AFTERWORD_ALERT_ variables
    watch(ledger, [ear], now=NIGHT)
    assert [topic for topic, _ in ear.told] == ["raised", "cleared"]


def test_without_any_way_it_stands_in_the_ledger_and_is_told_once_there_is_one(ledger: Ledger, world: World) -> None:
    halt(ledger)
    assert watch(ledger, [], now=NIGHT).raised == 1
    assert kinds(ledger) == [(AlertKind.HALTED, "all sending")]
    ear = Ear()
    watch(ledger, [ear], now=NIGHT)
    watch(ledger, [ear], now=NIGHT)
    assert [topic for topic, _ in ear.told] == ["raised"]
    with ledger.read() as connection:
        assert connection.execute(sa.select(alerts.c.told_at)).scalar_one() is not None


@pytest.mark.parametrize("status", [RunStatus.FAILED, RunStatus.HALTED, RunStatus.DIED])
@pytest.mark.one_database
def test_a_run_that_did_not_end_well_is_an_alarm_until_one_does(
    ledger: Ledger, world: World, status: RunStatus
) -> None:
    fail(ledger, status=status)
    watch(ledger, [], now=NIGHT)
    assert kinds(ledger) == [(AlertKind.RUN_FAILED, "send")]
    age_runs(ledger, timedelta(hours=1))
    fail(ledger, RunKind.EVENTS, RunStatus.DONE)
    watch(ledger, [], now=NIGHT)
    assert kinds(ledger) == [(AlertKind.RUN_FAILED, "send")]  # another kind's success says nothing
    fail(ledger, RunKind.SEND, RunStatus.DONE)
    watch(ledger, [], now=NIGHT)
    assert kinds(ledger) == []


def test_one_that_fails_every_other_minute_is_one_alarm(ledger: Ledger, world: World) -> None:
    ear = Ear()
    for status in (RunStatus.FAILED, RunStatus.DONE) * 3:
        fail(ledger, RunKind.EVENTS, status)
        watch(ledger, [ear], now=NIGHT)
    assert ear.told == [("raised", "Acme Dental: a run failed (events)")]


@pytest.mark.one_database
def test_an_old_failure_is_not_told_anew_while_a_run_is_under_way(ledger: Ledger, world: World) -> None:
    fail(ledger)
    age_runs(ledger, timedelta(hours=1))
    start_run(ledger, RunKind.SEND, NOON)
    watch(ledger, [], now=NIGHT)
    assert kinds(ledger) == []


def test_a_day_without_any_finished_run_is_told_by_whoever_still_lives(ledger: Ledger, world: World) -> None:
    fail(ledger, RunKind.PLAN, RunStatus.DONE)
    age_account(ledger, timedelta(days=30))
    watch(ledger, [], now=NIGHT)
    assert kinds(ledger) == []
    age_runs(ledger, timedelta(hours=25, minutes=55))
    watch(ledger, [], now=NIGHT)
    assert kinds(ledger) == []
    age_runs(ledger, timedelta(minutes=10))
    watch(ledger, [], now=NIGHT)
    assert kinds(ledger) == [(AlertKind.NO_RUN, "nothing")]
    fail(ledger, RunKind.PLAN, RunStatus.DONE)
    watch(ledger, [], now=NIGHT)
    assert kinds(ledger) == []


@pytest.mark.one_database
def test_planning_that_stays_away_is_told_although_other_runs_finish(ledger: Ledger, world: World) -> None:
    age_account(ledger, timedelta(days=30))
    fail(ledger, RunKind.PLAN, RunStatus.DONE)
    age_runs(ledger, timedelta(hours=27))
    fail(ledger, RunKind.EVENTS, RunStatus.DONE)
    watch(ledger, [], now=NIGHT)
    assert kinds(ledger) == [(AlertKind.NO_RUN, "planning")]


@pytest.mark.one_database
def test_a_run_that_works_now_is_no_silence_and_no_end_of_one(ledger: Ledger, world: World) -> None:
    age_account(ledger, timedelta(days=30))
    running = start_run(ledger, RunKind.SEND, NOON)
    watch(ledger, [], now=NIGHT)
    assert kinds(ledger) == []
    age_runs(ledger, timedelta(hours=27))
    watch(ledger, [], now=NIGHT)
    assert kinds(ledger) == [(AlertKind.NO_RUN, "nothing")]
    start_run(ledger, RunKind.EVENTS, NOON)
    watch(ledger, [], now=NIGHT)
    assert kinds(ledger) == [(AlertKind.NO_RUN, "nothing")]
    end_run(ledger, running, RunStatus.DONE, {})
    watch(ledger, [], now=NIGHT)
    assert kinds(ledger) == []


def test_a_fresh_ledger_is_silent(ledger: Ledger, world: World) -> None:
    assert watch(ledger, [Ear()], now=NOON).as_metadata() == {
        "open": 0, "raised": 0, "cleared": 0, "digests": 0, "told": 0, "failed": 0,
    }  # fmt: skip


def test_a_sender_that_a_provider_refuses_is_told_without_the_providers_words(ledger: Ledger, world: World) -> None:
    ear = Ear()
    with ledger.write() as connection:
        breakers.open_breaker(
            connection, Channel.SMS, "+13125550100", code="20003", reason="refused for +14155550123 <ana@example.com>"
        )
    watch(ledger, [ear], now=NIGHT)
    assert ear.told == [("raised", "Acme Dental: a provider refuses a sender (sms +13125550100)")]
    assert "20003" in ear.texts[0]
    assert "4155550123" not in ear.texts[0]
    with ledger.write() as connection:
        breakers.close(connection, breakers.read_open(connection)[0].breaker_id, by="owner@acme.example")
    watch(ledger, [ear], now=NIGHT)
    assert [topic for topic, _ in ear.told] == ["raised", "cleared"]


def tell_of_mails(ledger: Ledger, world: World, *, taken: int, complaints: int) -> None:
    with ledger.write() as connection:
        row = {"account_id": world.account_id, "occurred_at": NOON, "recorded_at": ledger.now(connection)}
        row["channel"] = Channel.EMAIL
        accepted, complained = {**row, "kind": EventKind.ACCEPTED_BY_SERVER}, {**row, "kind": EventKind.COMPLAINED}
        connection.execute(events.insert(), [accepted] * taken + [complained] * complaints)


@pytest.mark.parametrize(
    ("taken", "complaints", "is_told"),
    [(1999, 2, True), (2000, 2, False), (150, 2, True), (99, 2, False), (500, 1, False), (2999, 3, True)],
)
@pytest.mark.one_database
def test_more_than_one_complaint_in_a_thousand_is_told_from_the_second_on(
    ledger: Ledger, world: World, taken: int, complaints: int, is_told: bool
) -> None:
    tell_of_mails(ledger, world, taken=taken, complaints=complaints)
    watch(ledger, [], now=NIGHT)
    assert (AlertKind.COMPLAINT_RATE, f"account {world.account_id}") in kinds(ledger) or not is_told
    assert bool(kinds(ledger)) is is_told


def test_complaints_of_last_week_are_history(ledger: Ledger, world: World) -> None:
    tell_of_mails(ledger, world, taken=500, complaints=3)
    ear = Ear()
    watch(ledger, [ear], now=NIGHT)
    assert "3 of 500 mails of the last 7 days were called spam: 0.60%" in ear.texts[0]
    with ledger.write() as connection:
        connection.execute(events.update().values(recorded_at=ledger.now(connection) - timedelta(days=8)))
    watch(ledger, [ear], now=NIGHT)
    assert [topic for topic, _ in ear.told] == ["raised", "cleared"]


def test_doubt_that_only_a_person_can_settle_is_told(ledger: Ledger, world: World) -> None:
    request_id = make_request(ledger, world, make_customer(ledger, world), status=RequestStatus.IN_DOUBT)
    batch = start_run(ledger, RunKind.SEND, NOON)
    with ledger.write() as connection:
        connection.execute(
            attempts.insert().values(
                attempt_id="a1", request_id=request_id, batch_id=batch, provider="smtp", claimed_at=database_now(),
                lease_until=database_now(), handed_at=database_now(), outcome=AttemptOutcome.IN_DOUBT,
            )
        )  # fmt: skip
        connection.execute(requests.update().values(attempt_id="a1"))
    watch(ledger, [], now=NIGHT)
    assert kinds(ledger) == []  # the provider is still being asked
    with ledger.write() as connection:
        connection.execute(attempts.update().values(is_left_to_person=True))
    watch(ledger, [], now=NIGHT)
    assert kinds(ledger) == [(AlertKind.DOUBT_WAITS, "requests")]


@dataclass
class Outage:
    """Texts that Twilio does not take, tried `hours` ago for the first time and just now again; `left` to them."""

    ledger: Ledger
    world: World

    def a_text(self, *, hours: float, left: float, **values: Any) -> int:
        now = self.ledger.policy_now()
        request_id = make_request(
            self.ledger, self.world, make_customer(self.ledger, self.world), not_before=now,
            not_after=now + timedelta(hours=left), **values,
        )  # fmt: skip
        for age in (hours, 0.1):
            self.tried(request_id, AttemptOutcome.TEMPORARY_FAILURE, age=age)
        return request_id

    def tried(self, request_id: int, outcome: AttemptOutcome, *, age: float) -> None:
        batch = start_run(self.ledger, RunKind.SEND, NOON)
        attempt_id = f"attempt {batch}"
        with self.ledger.write() as connection:
            at = self.ledger.now(connection) - timedelta(hours=age)
            connection.execute(
                attempts.insert().values(
                    attempt_id=attempt_id, request_id=request_id, batch_id=batch, provider="twilio", claimed_at=at,
                    lease_until=at, handed_at=at, finished_at=at, outcome=outcome, code="not_connected",
                )
            )  # fmt: skip
            connection.execute(
                requests.update().where(requests.c.request_id == request_id).values(attempt_id=attempt_id)
            )
        end_run(self.ledger, batch, RunStatus.DONE, {outcome.value: 1})


def test_a_provider_that_cannot_be_reached_is_told_when_messages_run_out_of_time(ledger: Ledger, world: World) -> None:
    outage, ear = Outage(ledger, world), Ear()
    outage.a_text(hours=1, left=8)
    watch(ledger, [ear], now=NIGHT)
    assert kinds(ledger) == [], "an outage of an hour in a long day mends itself"
    pressing = outage.a_text(hours=4, left=3)
    for _ in range(2):
        watch(ledger, [ear], now=NIGHT)
    assert kinds(ledger) == [(AlertKind.PROVIDER_AWAY, "sms by twilio")]
    assert ear.told == [("raised", "Acme Dental: a provider can't be reached (sms by twilio)")]
    assert "2 messages wait for sms by twilio" in ear.texts[0]
    assert "not_connected" in ear.texts[0]
    outage.tried(pressing, AttemptOutcome.ACCEPTED, age=0)
    watch(ledger, [ear], now=NIGHT)
    assert [topic for topic, _ in ear.told] == ["raised", "cleared"]


def test_it_is_not_over_while_less_pressing_ones_still_wait(ledger: Ledger, world: World) -> None:
    outage = Outage(ledger, world)
    pressing = outage.a_text(hours=4, left=3)
    outage.a_text(hours=1, left=8)
    watch(ledger, [], now=NIGHT)
    with ledger.write() as connection:
        connection.execute(
            requests.update().where(requests.c.request_id == pressing).values(status=RequestStatus.CANCELED)
        )
    watch(ledger, [], now=NIGHT)
    assert kinds(ledger) == [(AlertKind.PROVIDER_AWAY, "sms by twilio")]


@pytest.mark.parametrize(
    "values", [{"paused_at": NOON}, {"status": RequestStatus.SENT}, {"channel": Channel.EMAIL}], ids=str
)
def test_messages_that_wait_for_another_reason_are_no_outage(
    ledger: Ledger, world: World, values: dict[str, Any]
) -> None:
    outage = Outage(ledger, world)
    outage.a_text(hours=4, left=3, **values)
    if values == {"channel": Channel.EMAIL}:  # its provider answers: this one it turns away for a reason of its own
        other = make_request(ledger, world, make_customer(ledger, world), **values)
        outage.tried(other, AttemptOutcome.PERMANENT_FAILURE, age=0.5)
    watch(ledger, [], now=NIGHT)
    assert kinds(ledger) == []


def test_a_text_of_ours_that_cannot_be_written_is_no_fault_of_the_provider(ledger: Ledger, world: World) -> None:
    Outage(ledger, world).a_text(hours=4, left=3)
    with ledger.write() as connection:
        connection.execute(attempts.update().values(handed_at=None, code="template"))
    watch(ledger, [], now=NIGHT)
    assert kinds(ledger) == []


@pytest.mark.one_database
def test_an_alert_that_only_dagster_can_judge_is_left_alone(ledger: Ledger, world: World) -> None:
    with ledger.write() as connection:
        insert(
            connection, alerts, kind=AlertKind.RUN_FAILED, subject="job dispatch", text="failed",
            raised_at=database_now(),
        )  # fmt: skip
    ear = Ear()
    watch(ledger, [ear], now=NIGHT)
    assert kinds(ledger) == [(AlertKind.RUN_FAILED, "job dispatch")]
    assert [topic for topic, _ in ear.told] == ["raised"]
