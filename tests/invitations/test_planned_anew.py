"""What is queued, stopped or merged already, when the next pass finds the settings or the people changed."""

from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from data.ledger import tables as t
from data.ledger.identities import lock_identities, resolve_people
from data.ledger.store import Ledger
from data.words import AddressKind, Channel, FailureScope, InvitationStatus, RequestStatus, Role
from invitations.by_hand import buy_more
from invitations.controls import Actor, restart_invitation, stop_invitation
from invitations.queueing import plan_and_queue
from invitations.respond import take_score
from invitations.send import send_due
from tests.recorder import Recorder
from tests.world import NOON, RULES, World, insert, make_customer, make_request, make_world

pytestmark = pytest.mark.one_database

MAIL, PHONE = "ana@example.com", "+13125550101"
MORNING = NOON + timedelta(days=201)
NIGHT = MORNING - timedelta(hours=14)


def change(ledger: Ledger, table: sa.Table, *where: sa.ColumnElement[bool], **values: Any) -> None:
    with ledger.write() as c:
        c.execute(table.update().where(*where).values(**values))


def policy(ledger: Ledger, **rules: Any) -> None:
    change(ledger, t.policies, rules={**RULES, **rules})


def invitations_of(ledger: Ledger) -> list[Any]:
    with ledger.read() as c:
        return list(c.execute(t.invitations.select().order_by("invitation_id")).all())


def sent(ledger: Ledger, now: datetime = MORNING) -> int:
    recorder = Recorder()
    send_due(ledger, recorder.messengers, now=now)
    return len(recorder.taken)


def owner(world: World) -> Actor:
    return Actor("owner@acme.example", Role.OWNER, world.account_id)


def merge(ledger: Ledger, world: World) -> None:
    with ledger.write() as c:
        lock_identities(c, world.account_id)
        same = [(AddressKind.EMAIL, MAIL), (AddressKind.PHONE, PHONE)]
        resolve_people(c, world.account_id, [same], now=NOON)


# Settings --------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_message_leaves_the_queue_when_nobody_is_invited_again_any_more(ledger: Ledger) -> None:
    make_request(ledger, world := make_world(ledger), make_customer(ledger, world), status=RequestStatus.SENT)
    change(ledger, t.invitations, status=InvitationStatus.FINISHED, first_handed_at=NOON)
    change(ledger, t.customers, occasion_at=NIGHT)
    policy(ledger, cap_days=0, invite_again_after_days=30)
    assert plan_and_queue(ledger, now=NIGHT).counts["queued"] == 1
    policy(ledger, cap_days=0, invite_again_after_days=0)
    assert plan_and_queue(ledger, now=NIGHT).counts["canceled"] == 1
    assert sent(ledger) == 0
    policy(ledger, cap_days=0, invite_again_after_days=30)
    plan_and_queue(ledger, now=NIGHT)
    assert sent(ledger) == 1


@pytest.mark.slow
def test_a_message_leaves_the_queue_when_no_hour_is_left_to_send_it(ledger: Ledger) -> None:
    make_customer(ledger, make_world(ledger))
    assert plan_and_queue(ledger, now=NIGHT).counts["queued"] == 1
    evening = {"region": "US", "opens": "22:00", "closes": "23:00", "channels": ["sms", "email"]}
    policy(ledger, stricter_hours=[{**evening, "source": "a test", "read_on": "2026-01-01"}])
    report = plan_and_queue(ledger, now=NIGHT)
    assert report.verdicts.select("rules", "earliest_at").rows() == [(["quiet_hours"], None)]
    assert report.counts["canceled"] == 1
    assert sent(ledger) == 0


@pytest.mark.slow
def test_nothing_goes_by_the_old_policy_once_the_next_one_is_in_effect(ledger: Ledger) -> None:
    world = make_world(ledger)
    make_customer(ledger, world)
    assert plan_and_queue(ledger, now=NIGHT).counts["queued"] == 1
    changes_at = NIGHT + timedelta(hours=2)
    with ledger.write() as c:
        insert(
            c, t.policies, account_id=world.account_id, version=2, effective_at=changes_at,
            rules={**RULES, "quiet_hours": {"opens": "14:00", "closes": "15:00"}},
        )  # fmt: skip
    make_customer(ledger, world)
    for _ in range(2):  # the second pass has nothing to add
        report = plan_and_queue(ledger, now=NIGHT)
        assert (report.counts["queued"], report.counts["canceled"]) == (0, 0)
    assert report.counts["refreshed"] == 0
    assert sent(ledger) == 0
    assert plan_and_queue(ledger, now=changes_at).counts["queued"] == 1
    assert (sent(ledger), sent(ledger, MORNING + timedelta(hours=1))) == (0, 2)


@pytest.mark.slow
def test_a_message_that_was_tried_goes_sooner_when_what_put_it_off_has_gone(ledger: Ledger) -> None:
    world = make_world(ledger, quota=1)
    make_request(ledger, world, make_customer(ledger, world))
    assert sent(ledger, NOON) == 1
    make_request(ledger, world, make_customer(ledger, world), attempt_count=1)
    assert plan_and_queue(ledger, now=NOON).counts["refreshed"] == 1  # to the next cycle
    buy_more(ledger, owner(world), 10, now=NOON)
    assert plan_and_queue(ledger, now=NOON).counts["refreshed"] == 1
    assert sent(ledger, NOON) == 1


@pytest.mark.slow
def test_no_reminder_goes_while_the_first_message_waits_for_its_second_channel(ledger: Ledger) -> None:
    world = make_world(ledger, quota=1)
    make_request(ledger, world, make_customer(ledger, world))
    assert sent(ledger, NOON) == 1
    dead = make_request(ledger, world, make_customer(ledger, world), status=RequestStatus.FAILED, failed_at=NOON)
    change(ledger, t.requests, t.requests.c.request_id == dead, failure_scope=FailureScope.ADDRESS)
    change(ledger, t.sequence_steps, t.sequence_steps.c.step == 1, delay_minutes=60)
    plan_and_queue(ledger, now=NOON)
    buy_more(ledger, owner(world), 10, now=NOON)
    for _ in range(2):
        plan_and_queue(ledger, now=NOON + timedelta(hours=2))
    with ledger.read() as c:
        waiting = t.requests.select().where(t.requests.c.status == RequestStatus.QUEUED).order_by("invitation_id")
        assert [(row.step, row.channel) for row in c.execute(waiting)] == [(1, Channel.EMAIL), (0, Channel.EMAIL)]


@pytest.mark.slow
def test_no_reminder_goes_beside_a_first_message_that_is_late_on_one_of_its_channels(ledger: Ledger) -> None:
    world = make_world(ledger)
    change(ledger, t.sequence_steps, is_all_channels=True)
    customer = make_customer(ledger, world)
    make_request(ledger, world, customer, status=RequestStatus.SENT, handed_at=NOON)
    make_request(ledger, world, customer, channel=Channel.EMAIL, attempt_count=1)
    change(ledger, t.invitations, first_handed_at=NOON)
    assert plan_and_queue(ledger, now=MORNING).verdicts["step"].to_list() == [0]
    assert sent(ledger) == 1
    assert plan_and_queue(ledger, now=MORNING).verdicts["rules"].to_list() == [["step_not_due"]]


# Stopped and restarted -------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_stop_before_the_first_message_does_not_put_off_the_follow_ups(ledger: Ledger) -> None:
    world = make_world(ledger)
    make_customer(ledger, world)
    plan_and_queue(ledger, now=NOON)
    [invitation] = invitations_of(ledger)
    stop_invitation(ledger, owner(world), invitation.invitation_id, now=NOON)
    restart_invitation(ledger, owner(world), invitation.invitation_id, now=MORNING)
    plan_and_queue(ledger, now=MORNING)
    assert sent(ledger) == 1
    [earliest] = plan_and_queue(ledger, now=MORNING).verdicts["earliest_at"]
    assert earliest - invitations_of(ledger)[0].first_handed_at == timedelta(days=3)


def test_what_the_first_step_waited_for_does_not_shorten_the_wait_after_its_failure(ledger: Ledger) -> None:
    make_request(
        ledger, world := make_world(ledger), make_customer(ledger, world), status=RequestStatus.FAILED, failed_at=NOON
    )
    change(ledger, t.sequence_steps, t.sequence_steps.c.step == 0, delay_minutes=5 * 24 * 60)
    assert plan_and_queue(ledger, now=NOON).verdicts["earliest_at"].to_list() == [NOON + timedelta(days=3)]


# Two who are one -------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_an_invitation_that_a_merge_ended_does_not_keep_the_person_from_being_invited_again(ledger: Ledger) -> None:
    world = make_world(ledger)
    policy(ledger, cap_days=10, invite_again_after_days=10)
    for number, (email, phone) in enumerate([(MAIL, None), (None, PHONE)]):
        customer = make_customer(ledger, world, email=email, phone=phone)
        channel = Channel.EMAIL if email else Channel.SMS
        make_request(
            ledger, world, customer, channel=channel, status=RequestStatus.SENT, now=NOON + timedelta(hours=number)
        )
    merge(ledger, world)
    change(ledger, t.invitations, t.invitations.c.status == InvitationStatus.ACTIVE, status=InvitationStatus.FINISHED)
    change(ledger, t.customers, occasion_at=NIGHT)
    assert plan_and_queue(ledger, now=NIGHT).counts["invited"] == 1
    assert sent(ledger) == 1


def test_an_answer_through_the_link_of_either_invitation_ends_the_asking(ledger: Ledger) -> None:
    world = make_world(ledger)
    first, second = make_customer(ledger, world, email=MAIL), make_customer(ledger, world, phone=PHONE)
    make_request(ledger, world, first, channel=Channel.EMAIL, status=RequestStatus.SENT)
    make_request(ledger, world, second, status=RequestStatus.SENT, now=NOON + timedelta(hours=1), link_token="second")
    change(ledger, t.invitations, first_handed_at=NOON)
    merge(ledger, world)
    take_score(ledger, "second", 9, now=NOON)
    assert {row.status for row in invitations_of(ledger)} == {InvitationStatus.ANSWERED}


def test_of_two_invitations_of_one_person_the_one_that_asked_them_goes_on(ledger: Ledger) -> None:
    world = make_world(ledger)
    waiting, asked = make_customer(ledger, world, email=MAIL), make_customer(ledger, world, phone=PHONE)
    make_request(ledger, world, waiting, channel=Channel.EMAIL)
    make_request(ledger, world, asked, status=RequestStatus.SENT, now=NOON + timedelta(hours=1), handed_at=NOON)
    change(ledger, t.invitations, t.invitations.c.customer_id == asked, first_handed_at=NOON)
    merge(ledger, world)
    assert [row.status for row in invitations_of(ledger)] == [InvitationStatus.STOPPED, InvitationStatus.ACTIVE]
    assert plan_and_queue(ledger, now=NOON).verdicts["step"].to_list() == [1]
