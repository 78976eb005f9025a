"""Follow-ups, where the account's plan has none: planning says so, the claim and the hand-over look again."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from data.ledger import dispatch
from data.ledger import tables as t
from data.ledger.hand_over import hand_over
from data.ledger.runs import start_run
from data.ledger.store import Ledger
from data.words import Channel, InvitationStatus, Plan, RequestStatus, RunKind
from invitations.queueing import plan_and_queue
from invitations.send import send_due
from tests.recorder import Recorder
from tests.world import NOON, World, make_customer, make_request, make_world

pytestmark = pytest.mark.slow

DAY = timedelta(days=1)


def rows(ledger: Ledger, table: sa.Table) -> list[Any]:
    with ledger.read() as c:
        return list(c.execute(table.select()).all())


def requests_of(ledger: Ledger) -> list[tuple[int, str, str]]:
    return sorted((row.step, row.channel.value, row.status.value) for row in rows(ledger, t.requests))


def change(ledger: Ledger, table: sa.Table, **values: Any) -> None:
    with ledger.write() as c:
        c.execute(table.update().values(**values))


def asked_first(ledger: Ledger, world: World, *, days_ago: int = 0) -> int:
    """A customer whose first message went so many days before NOON."""
    customer, at = make_customer(ledger, world), NOON - days_ago * DAY
    make_request(ledger, world, customer, status=RequestStatus.SENT, handed_at=at)
    change(ledger, t.invitations, first_handed_at=at)
    return customer


@pytest.mark.one_database
@pytest.mark.parametrize("plan", list(Plan))
def test_on_the_free_plan_a_customer_gets_the_first_message_and_no_reminder(ledger: Ledger, plan: Plan) -> None:
    asked_first(ledger, make_world(ledger))
    change(ledger, t.accounts, plan=plan)
    early = plan_and_queue(ledger, now=NOON + DAY)
    assert ("no_follow_ups" in early.verdicts["rules"].to_list()[0]) is (plan is Plan.FREE)
    assert [row.status for row in rows(ledger, t.invitations)] == [
        InvitationStatus.ACTIVE
    ]  # until then, a better plan helps
    report = plan_and_queue(ledger, now=NOON + 3 * DAY)
    if plan is not Plan.FREE:
        assert requests_of(ledger) == [(0, "sms", "sent"), (1, "email", "queued")]
        return
    assert report.verdicts["rules"].to_list() == [["no_follow_ups"]]
    assert report.counts["finished"] == 1
    assert requests_of(ledger) == [(0, "sms", "sent")]
    assert [row.status for row in rows(ledger, t.invitations)] == [InvitationStatus.FINISHED]  # they may come again


def test_a_reminder_queued_before_the_plan_became_free_is_not_sent_and_leaves_the_queue(ledger: Ledger) -> None:
    world, recorder = make_world(ledger), Recorder()
    make_request(ledger, world, asked_first(ledger, world, days_ago=2), step=1, channel=Channel.EMAIL)
    first = make_request(ledger, world, make_customer(ledger, world))
    change(ledger, t.accounts, plan=Plan.FREE)
    assert send_due(ledger, recorder.messengers, now=NOON).counts == {"accepted": 1}
    with ledger.read() as c:
        statement = sa.select(t.requests.c.status).where(t.requests.c.request_id == first)
        assert c.execute(statement).scalar_one() is RequestStatus.SENT
    plan_and_queue(ledger, now=NOON)
    assert requests_of(ledger) == [(0, "sms", "sent"), (0, "sms", "sent"), (1, "email", "canceled")]
    change(ledger, t.accounts, plan=Plan.FREE_TRIAL)
    plan_and_queue(ledger, now=NOON)
    assert (1, "email", "queued") in requests_of(ledger)  # a better plan in time: it comes back


@pytest.mark.one_database
def test_a_reminder_claimed_in_the_moment_the_plan_became_free_stays_here(ledger: Ledger) -> None:
    world = make_world(ledger)
    make_request(ledger, world, asked_first(ledger, world, days_ago=3), step=1, channel=Channel.EMAIL)
    run = start_run(ledger, RunKind.SEND, NOON)
    carriers = {Channel.EMAIL: dispatch.Carrier("recorder", "recorder", 1)}
    [claimed] = dispatch.claim(ledger, batch_id=run, carriers=carriers, now=NOON, limit=1, cap=None)
    change(ledger, t.accounts, plan=Plan.FREE)
    with ledger.write() as c:
        assert not hand_over(c, claimed.attempt_id)
