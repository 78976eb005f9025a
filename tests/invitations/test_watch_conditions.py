"""What counts as wrong, from when on, and when it is over: runs, silence, breakers, complaints, doubt, outages."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from data.ledger import breakers
from data.ledger.runs import end_run, start_run
from data.ledger.store import Ledger
from data.ledger.tables import alerts, attempts, events, requests
from data.ledger.tables.metadata import database_now
from data.words import AlertKind, AttemptOutcome, Channel, EventKind, RequestStatus, RunKind, RunStatus
from invitations.watch import watch
from tests.invitations.watching import NIGHT, Ear, age_account, age_runs, fail, kinds
from tests.world import NOON, World, insert, make_customer, make_request, make_world


@pytest.fixture
def world(ledger: Ledger) -> World:
    return make_world(ledger)


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


@pytest.mark.one_database
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


@pytest.mark.one_database
def test_a_fresh_ledger_is_silent(ledger: Ledger, world: World) -> None:
    assert watch(ledger, [Ear()], now=NOON).as_metadata() == {
        "open": 0, "raised": 0, "cleared": 0, "digests": 0, "told": 0, "failed": 0,
    }  # fmt: skip


@pytest.mark.one_database
def test_a_sender_that_a_provider_refuses_is_told_without_the_providers_words(ledger: Ledger, world: World) -> None:
    ear = Ear()
    with ledger.write() as connection:
        breakers.open_breaker(
            connection, Channel.SMS, "+13125550100", code="20003", reason="refused for +14155550123 <ana@example.com>"
        )
    watch(ledger, [ear], now=NIGHT)
    assert ear.told == [("raised", "Acme Dental: a sender is held back (sms +13125550100)")]
    assert "20003" in ear.texts[0]
    assert "4155550123" not in ear.texts[0]
    with ledger.write() as connection:
        breakers.close(connection, breakers.read_open(connection)[0].breaker_id, by="owner@acme.example")
    watch(ledger, [ear], now=NIGHT)
    assert [topic for topic, _ in ear.told] == ["raised", "cleared"]


@pytest.mark.one_database
def test_a_sender_that_we_hold_for_complaints_is_not_said_to_be_refused(ledger: Ledger, world: World) -> None:
    ear = Ear()
    with ledger.write() as connection:
        breakers.open_breaker(
            connection, Channel.EMAIL, "hello@acme.example", code=breakers.CALLED_SPAM, reason="5 of 800",
            is_probed=False,
        )  # fmt: skip
    watch(ledger, [ear], now=NIGHT)
    assert "too many of its mails were called spam" in ear.texts[0]
    assert "refuses" not in ear.texts[0]


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
@pytest.mark.slow
def test_more_than_one_complaint_in_a_thousand_is_told_from_the_second_on(
    ledger: Ledger, world: World, taken: int, complaints: int, is_told: bool
) -> None:
    tell_of_mails(ledger, world, taken=taken, complaints=complaints)
    watch(ledger, [], now=NIGHT)
    assert (AlertKind.COMPLAINT_RATE, f"account {world.account_id}") in kinds(ledger) or not is_told
    assert bool(kinds(ledger)) is is_told


@pytest.mark.one_database
def test_a_relays_word_on_one_mail_does_not_stand_for_all_of_them(ledger: Ledger, world: World) -> None:
    for _ in range(150):
        request_id = make_request(ledger, world, make_customer(ledger, world), channel=Channel.EMAIL)
    with ledger.write() as connection:
        connection.execute(requests.update().values(handed_at=NOON, changed_at=ledger.now(connection)))
    tell_of_mails(ledger, world, taken=1, complaints=2)
    with ledger.write() as connection:
        told = events.c.kind == EventKind.ACCEPTED_BY_SERVER
        connection.execute(events.update().where(told).values(code="2.0.0", request_id=request_id))
    watch(ledger, [], now=NIGHT)
    assert kinds(ledger) == [(AlertKind.COMPLAINT_RATE, f"account {world.account_id}")]


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


@pytest.mark.one_database
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


@pytest.mark.one_database
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
