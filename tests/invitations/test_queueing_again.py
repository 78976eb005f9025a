"""A planning pass over those who come again, are asked for by hand, or cannot be reached by the first channel."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from connectors import Message as Handed
from connectors import Outcome, PermanentFailure
from data.ledger import tables as t
from data.ledger.store import Ledger
from data.words import (
    Channel,
    ConsentBasis,
    FailureScope,
    InvitationStatus,
    Relationship,
    RequestStatus,
    Role,
)
from invitations.by_hand import ask
from invitations.controls import Actor
from invitations.queueing import plan_and_queue
from invitations.send import send_due
from tests.recorder import Recorder
from tests.world import NOON, RULES, World, insert, make_customer, make_request, make_world

pytestmark = pytest.mark.slow

LATER = NOON + timedelta(days=200)
OWNER = "owner@acme.example"


def rows(ledger: Ledger, table: sa.Table, order: str) -> list[Any]:
    with ledger.read() as c:
        return list(c.execute(table.select().order_by(order)).all())


def invitations_of(ledger: Ledger) -> list[Any]:
    return rows(ledger, t.invitations, "invitation_id")


def requests_of(ledger: Ledger) -> list[tuple[int, str, str]]:
    return [(row.step, row.channel.value, row.status.value) for row in rows(ledger, t.requests, "request_id")]


def change(ledger: Ledger, table: sa.Table, **values: Any) -> None:
    with ledger.write() as c:
        c.execute(table.update().values(**values))


def policy(ledger: Ledger, **rules: Any) -> None:
    change(ledger, t.policies, rules={**RULES, **rules})


def invited_before(ledger: Ledger, world: World, status: InvitationStatus = InvitationStatus.FINISHED) -> int:
    """A customer asked at NOON, whose invitation is over."""
    customer = make_customer(ledger, world)
    make_request(ledger, world, customer, status=RequestStatus.SENT, handed_at=NOON)
    change(ledger, t.invitations, status=status, first_handed_at=NOON)
    return customer


def owner(world: World) -> Actor:
    return Actor(OWNER, Role.OWNER, world.account_id)


# Again -----------------------------------------------------------------------------------------------------------


def test_who_comes_again_is_invited_anew_once_the_policy_lets_them(ledger: Ledger) -> None:
    world = make_world(ledger)
    customer = invited_before(ledger, world)
    policy(ledger, cap_days=90, invite_again_after_days=180)
    visit = NOON + timedelta(days=100)
    change(ledger, t.customers, occasion_at=visit)
    held = plan_and_queue(ledger, now=visit)
    assert (held.counts["held_already_invited"], held.counts["invited"]) == (1, 0)
    assert held.verdicts["earliest_at"].to_list() == [NOON + timedelta(days=180)]
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda _: plan_and_queue(ledger, now=LATER), range(3)))
    old, new = invitations_of(ledger)
    assert (new.customer_id, new.status, new.started_at) == (customer, InvitationStatus.ACTIVE, LATER)
    assert old.status is InvitationStatus.FINISHED
    assert requests_of(ledger)[1:] == [(0, "sms", "queued")]
    assert send_due(ledger, Recorder().messengers, now=LATER).counts == {"accepted": 1}


@pytest.mark.one_database
def test_by_default_nobody_is_invited_a_second_time(ledger: Ledger) -> None:
    world = make_world(ledger)
    invited_before(ledger, world)
    change(ledger, t.customers, occasion_at=LATER)
    report = plan_and_queue(ledger, now=LATER)
    assert report.verdicts["rules"].to_list() == [["already_invited"]]
    assert report.verdicts["earliest_at"].to_list() == [None]
    assert len(invitations_of(ledger)) == 1


@pytest.mark.one_database
def test_a_visit_does_not_restart_what_was_stopped(ledger: Ledger) -> None:
    world = make_world(ledger)
    invited_before(ledger, world, InvitationStatus.STOPPED)
    policy(ledger, cap_days=0, invite_again_after_days=1)
    change(ledger, t.customers, occasion_at=LATER)
    assert plan_and_queue(ledger, now=LATER).verdicts["rules"].to_list() == [["stopped"]]
    assert len(invitations_of(ledger)) == 1


def test_an_ask_by_hand_with_a_reason_goes_at_once_and_says_who_and_why(ledger: Ledger) -> None:
    world = make_world(ledger)
    customer = invited_before(ledger, world)
    soon = NOON + timedelta(days=2)
    ask(ledger, owner(world), customer, now=soon)
    assert plan_and_queue(ledger, now=soon).counts["invited"] == 0  # every rule holds
    ask(ledger, owner(world), customer, override_reason="at the desk", now=soon)
    assert plan_and_queue(ledger, now=soon).counts["invited"] == 1
    assert plan_and_queue(ledger, now=soon).counts["invited"] == 0
    new = invitations_of(ledger)[1]
    assert (new.sent_by, new.override_reason) == (OWNER, "at the desk")
    assert send_due(ledger, Recorder().messengers, now=soon).counts == {"accepted": 1}
    change(ledger, t.invitations, status=InvitationStatus.FINISHED)
    assert plan_and_queue(ledger, now=LATER).counts["candidates"] == 0  # the ask is spent


# By another channel ----------------------------------------------------------------------------------------------


def dead_numbers(message: Handed) -> Outcome | None:
    return PermanentFailure("21614", "no mobile", FailureScope.ADDRESS) if message.channel is Channel.SMS else None


def test_a_dead_number_hands_the_step_to_email_at_once_for_the_same_unit(ledger: Ledger) -> None:
    world = make_world(ledger)
    make_customer(ledger, world)
    plan_and_queue(ledger, now=NOON)
    recorder = Recorder(dead_numbers)
    for minute in (0, 1, 2):
        send_due(ledger, recorder.messengers, now=NOON + timedelta(minutes=minute))
        plan_and_queue(ledger, now=NOON + timedelta(minutes=minute, seconds=30))
    assert requests_of(ledger) == [(0, "sms", "failed"), (0, "email", "sent")]
    assert [message.channel for message in recorder.taken] == [Channel.EMAIL]
    assert [row.used for row in rows(ledger, t.quota_cycles, "cycle_start_date")] == [1]


@pytest.mark.one_database
@pytest.mark.parametrize(("channels", "jobs"), [(["sms", "email"], 1), (["sms"], 0)])
def test_planning_is_asked_for_once_where_another_channel_may_carry_the_step(
    ledger: Ledger, channels: list[str], jobs: int
) -> None:
    world = make_world(ledger)
    change(ledger, t.sequence_steps, channels=channels)
    for _ in range(3):
        make_request(ledger, world, make_customer(ledger, world))
    send_due(ledger, Recorder(dead_numbers).messengers, now=NOON)
    assert [row.kind.value for row in rows(ledger, t.jobs, "job_id")] == ["plan"] * jobs


@pytest.mark.one_database
def test_the_last_step_is_not_over_while_another_channel_may_carry_it(ledger: Ledger) -> None:
    world = make_world(ledger)
    change(ledger, t.sequence_steps, channels=["sms", "email"])
    customer = make_customer(ledger, world)
    make_request(ledger, world, customer, status=RequestStatus.SENT, handed_at=NOON)
    make_request(
        ledger, world, customer, step=2, status=RequestStatus.FAILED, failed_at=NOON, failure_scope=FailureScope.ROUTE
    )
    with ledger.write() as c:
        c.execute(t.channels.update().where(t.channels.c.channel == Channel.EMAIL).values(paused_at=NOON))
    assert plan_and_queue(ledger, now=NOON).verdicts["rules"].to_list() == [["paused"]]
    assert invitations_of(ledger)[0].status is InvitationStatus.ACTIVE
    change(ledger, t.channels, paused_at=None)
    plan_and_queue(ledger, now=NOON)
    assert requests_of(ledger)[2] == (2, "email", "queued")


@pytest.mark.one_database
def test_where_the_policy_stops_at_a_failure_the_invitation_ends_instead(ledger: Ledger) -> None:
    world = make_world(ledger)
    policy(ledger, stop_when=["permanent_failure"])
    make_request(
        ledger, world, make_customer(ledger, world), status=RequestStatus.FAILED, failed_at=NOON,
        failure_scope=FailureScope.ADDRESS,
    )  # fmt: skip
    report = plan_and_queue(ledger, now=NOON)
    assert report.verdicts["rules"].to_list() == [["undeliverable"]]
    assert invitations_of(ledger)[0].status is InvitationStatus.ANSWERED
    assert len(requests_of(ledger)) == 1


# What leaves the queue, and what is planned anew --------------------------------------------------------------------


@pytest.mark.one_database
@pytest.mark.parametrize("why", ["excluded", "no_consent", "no_address"])
def test_what_must_not_go_any_more_leaves_the_queue_and_comes_back_when_it_may(ledger: Ledger, why: str) -> None:
    world = make_world(ledger)
    make_request(ledger, world, make_customer(ledger, world, phone="+13125550100"))
    if why == "excluded":
        change(ledger, t.customers, relationship=Relationship.STAFF)
    elif why == "no_consent":
        policy(ledger, consent=[{"country": "*", "bases": {"express": 0}, "source": "x", "read_on": "2026-11-22"}])
    else:
        change(ledger, t.customers, phone=None, email="ana@example.com")
        with ledger.write() as c:
            c.execute(t.channels.update().where(t.channels.c.channel == Channel.EMAIL).values(is_enabled=False))
    report = plan_and_queue(ledger, now=NOON)
    assert why in report.verdicts["rules"].to_list()[0]
    assert requests_of(ledger) == [(0, "sms", "canceled")]
    change(ledger, t.customers, relationship=Relationship.CUSTOMER, phone="+13125550100")
    policy(ledger)
    plan_and_queue(ledger, now=NOON)
    assert requests_of(ledger) == [(0, "sms", "queued")]


@pytest.mark.one_database
def test_a_message_planned_anew_takes_the_new_text_and_the_policy_of_the_pass(ledger: Ledger) -> None:
    world = make_world(ledger)
    make_request(ledger, world, make_customer(ledger, world))
    with ledger.write() as c:
        text = insert(
            c, t.templates, account_id=world.account_id, slug="ask", channel=Channel.SMS, language="en", version=2,
            body="{{ link }}",
        )  # fmt: skip
        newer = insert(
            c, t.policies, account_id=world.account_id, version=2, effective_at=NOON, rules=RULES
        )  # fmt: skip
    assert plan_and_queue(ledger, now=NOON).counts["refreshed"] == 1
    [request] = rows(ledger, t.requests, "request_id")
    assert (request.template_id, request.policy_id) == (text, newer)


@pytest.mark.one_database
def test_a_consent_given_since_lets_the_first_ask_go(ledger: Ledger) -> None:
    world = make_world(ledger)
    policy(ledger, consent=[{"country": "US", "bases": {"express": 0}, "source": "x", "read_on": "2026-11-22"}])
    customer = make_customer(ledger, world)
    assert plan_and_queue(ledger, now=NOON).counts["queued"] == 0
    with ledger.write() as c:
        insert(
            c, t.consents, account_id=world.account_id, customer_id=customer, basis=ConsentBasis.EXPRESS,
            given_at=NOON, how="told us", recorded_by="test",
        )  # fmt: skip
    assert plan_and_queue(ledger, now=NOON).counts["queued"] == 1


@pytest.mark.one_database
def test_one_person_at_two_locations_is_asked_once_and_again_after_the_cap(ledger: Ledger) -> None:
    world = make_world(ledger)
    customer = make_customer(ledger, world)
    with ledger.write() as c:
        known = c.execute(t.customers.select().where(t.customers.c.customer_id == customer)).one()
        insert(
            c, t.customers, account_id=world.account_id, location_id=world.new_york, person_id=known.person_id,
            phone=known.phone, source=known.source,
        )  # fmt: skip
    recorder = Recorder()
    days: list[int] = []
    for day in (0, 3, 7, 45, 89, 90, 95):
        now = NOON + timedelta(days=day, minutes=day)
        plan_and_queue(ledger, now=now)
        before = len(recorder.taken)
        send_due(ledger, recorder.messengers, now=now)
        sms = [message for message in recorder.taken[before:] if message.channel is Channel.SMS]
        days += [day] * len(sms)
    assert days == [0, 90]
