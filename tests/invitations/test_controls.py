"""Pausing, stopping, restarting and halting: who may, when it is too late, and what is left in the ledger."""

from datetime import timedelta
from typing import Any

import pytest

from data.ledger import tables as t
from data.ledger.breakers import open_breaker, read_open
from data.ledger.store import Ledger
from data.permissions import Action, may, rights
from data.words import AddressKind, Channel, InvitationStatus, JobKind, RequestStatus, Role
from invitations.controls import (
    Done,
    Refused,
    close_breaker,
    halt,
    pause_request,
    restart_invitation,
    resume,
    resume_request,
    stop_invitation,
)
from invitations.queueing import plan_and_queue
from invitations.send import send_due
from tests.invitations.dispatching import invitation_of, one, owner
from tests.recorder import Recorder
from tests.world import NOON, World, insert, make_customer, make_request, make_system, make_world, suppress

pytestmark = pytest.mark.one_database


def audits(ledger: Ledger) -> list[tuple[str, str, str]]:
    with ledger.read() as c:
        rows = c.execute(t.audit.select().order_by(t.audit.c.audit_id)).all()
    return [(row.actor, row.action, row.subject) for row in rows]


def jobs(ledger: Ledger) -> list[tuple[JobKind, dict[str, Any], str]]:
    with ledger.read() as c:
        rows = c.execute(t.jobs.select().order_by(t.jobs.c.job_id)).all()
    return [(row.kind, row.payload, row.asked_by) for row in rows]


@pytest.fixture
def world(ledger: Ledger) -> World:
    make_system(ledger)
    return make_world(ledger)


@pytest.fixture
def request_id(ledger: Ledger, world: World) -> int:
    return make_request(ledger, world, make_customer(ledger, world))


@pytest.mark.both_databases
def test_a_queued_request_is_paused_and_resumed_with_both_in_the_audit(
    ledger: Ledger, world: World, request_id: int
) -> None:
    assert isinstance(pause_request(ledger, owner(world), request_id, now=NOON), Done)
    row = one(ledger, t.requests, request_id=request_id)
    assert (row.paused_at, row.paused_by, row.status) == (NOON, "owner@acme.example", RequestStatus.QUEUED)

    assert isinstance(resume_request(ledger, owner(world), request_id, now=NOON), Done)
    row = one(ledger, t.requests, request_id=request_id)
    assert (row.paused_at, row.paused_by) == (None, None)
    assert audits(ledger) == [
        ("owner@acme.example", "pause", f"request {request_id}"),
        ("owner@acme.example", "resume", f"request {request_id}"),
    ]


def test_pausing_twice_says_so_and_keeps_who_paused_first(ledger: Ledger, world: World, request_id: int) -> None:
    pause_request(ledger, owner(world), request_id, now=NOON)
    answer = pause_request(ledger, owner(world, email="else@acme.example"), request_id, now=NOON)
    assert answer == Refused("This message is already paused.")
    assert one(ledger, t.requests, request_id=request_id).paused_by == "owner@acme.example"


@pytest.mark.parametrize("status", [status for status in RequestStatus if status is not RequestStatus.QUEUED])
def test_a_message_that_no_longer_waits_is_not_paused_or_resumed(
    ledger: Ledger, world: World, status: RequestStatus
) -> None:
    request_id = make_request(ledger, world, make_customer(ledger, world), status=status)
    for control in (pause_request, resume_request):
        assert isinstance(control(ledger, owner(world), request_id, now=NOON), Refused)
    assert one(ledger, t.requests, request_id=request_id).paused_at is None
    assert audits(ledger) == []


def test_after_the_hand_over_it_says_that_it_has_gone(ledger: Ledger, world: World) -> None:
    request_id = make_request(ledger, world, make_customer(ledger, world), status=RequestStatus.SENT)
    assert pause_request(ledger, owner(world), request_id, now=NOON) == Refused("Too late, it has gone.")


def test_stopping_leaves_the_requests_to_dispatch(ledger: Ledger, world: World, request_id: int) -> None:
    invitation_id = invitation_of(ledger, request_id)
    assert isinstance(stop_invitation(ledger, owner(world), invitation_id, now=NOON), Done)
    row = one(ledger, t.invitations, invitation_id=invitation_id)
    assert (row.status, row.stopped_at, row.stopped_by) == (InvitationStatus.STOPPED, NOON, "owner@acme.example")
    assert one(ledger, t.requests, request_id=request_id).status is RequestStatus.QUEUED
    again = stop_invitation(ledger, owner(world), invitation_id, now=NOON)
    assert again == Refused("Messages to this customer are already stopped.")


@pytest.mark.both_databases
def test_restarting_moves_what_is_planned_by_the_time_it_was_stopped(
    ledger: Ledger, world: World, request_id: int
) -> None:
    invitation_id = invitation_of(ledger, request_id)
    stop_invitation(ledger, owner(world), invitation_id, now=NOON)
    later = NOON + timedelta(days=2, seconds=30)
    assert isinstance(restart_invitation(ledger, owner(world), invitation_id, now=later), Done)
    row = one(ledger, t.invitations, invitation_id=invitation_id)
    assert (row.status, row.shift_minutes, row.stopped_at) == (InvitationStatus.ACTIVE, 2 * 24 * 60 + 1, None)


@pytest.mark.both_databases
@pytest.mark.slow
def test_what_is_queued_for_later_stays_later_by_as_long_even_before_planning_looks(
    ledger: Ledger, world: World
) -> None:
    tomorrow = NOON + timedelta(days=1)
    customer = make_customer(ledger, world)
    make_request(ledger, world, customer, status=RequestStatus.SENT, handed_at=NOON - timedelta(days=2))
    reminder = make_request(
        ledger, world, customer, channel=Channel.EMAIL, step=1,
        not_before=tomorrow, not_after=tomorrow + timedelta(hours=8),
    )  # fmt: skip
    invitation_id = invitation_of(ledger, reminder)
    stop_invitation(ledger, owner(world), invitation_id, now=NOON)
    restart_invitation(ledger, owner(world), invitation_id, now=NOON + timedelta(hours=2))
    row = one(ledger, t.requests, request_id=reminder)
    assert row.not_before == tomorrow + timedelta(hours=2)
    messenger = Recorder()
    send_due(ledger, messenger.messengers, now=tomorrow + timedelta(hours=1))
    assert messenger.taken == []
    send_due(ledger, messenger.messengers, now=tomorrow + timedelta(hours=3))
    assert len(messenger.taken) == 1


def test_restarting_asks_for_planning_once(ledger: Ledger, world: World, request_id: int) -> None:
    invitation_id = invitation_of(ledger, request_id)
    stop_invitation(ledger, owner(world), invitation_id, now=NOON)
    assert jobs(ledger) == []
    restart_invitation(ledger, owner(world), invitation_id, now=NOON)
    assert jobs(ledger) == [(JobKind.PLAN, {}, "owner@acme.example")]
    assert isinstance(restart_invitation(ledger, owner(world), invitation_id, now=NOON), Refused)
    assert len(jobs(ledger)) == 1


@pytest.mark.parametrize(("hours", "asked"), [(7, 0), (8, 1), (30, 1)])
def test_resuming_asks_for_planning_only_when_the_messages_time_has_passed(
    ledger: Ledger, world: World, request_id: int, hours: int, asked: int
) -> None:
    pause_request(ledger, owner(world), request_id, now=NOON)  # its window ends eight hours after noon
    answer = resume_request(ledger, owner(world), request_id, now=NOON + timedelta(hours=hours))
    assert isinstance(answer, Done)
    assert ("Its time had passed" in answer.message) is bool(asked)
    assert jobs(ledger) == [(JobKind.PLAN, {}, "owner@acme.example")] * asked


@pytest.mark.both_databases
@pytest.mark.slow
def test_a_restarted_message_is_queued_again_by_the_planning_that_was_asked_for(ledger: Ledger, world: World) -> None:
    request_id = make_request(ledger, world, make_customer(ledger, world))
    invitation_id = invitation_of(ledger, request_id)
    stop_invitation(ledger, owner(world), invitation_id, now=NOON)
    plan_and_queue(ledger, now=NOON)
    assert one(ledger, t.requests, request_id=request_id).status is RequestStatus.CANCELED
    later = NOON + timedelta(days=1)
    restart_invitation(ledger, owner(world), invitation_id, now=later)
    plan_and_queue(ledger, now=later)
    row = one(ledger, t.requests, request_id=request_id)
    assert row.status is RequestStatus.QUEUED
    assert row.not_after > later


def test_an_ended_invitation_is_neither_stopped_nor_restarted(ledger: Ledger, world: World, request_id: int) -> None:
    invitation_id = invitation_of(ledger, request_id)
    with ledger.write() as c:
        c.execute(t.invitations.update().values(status=InvitationStatus.ANSWERED))
    for control in (stop_invitation, restart_invitation):
        answer = control(ledger, owner(world), invitation_id, now=NOON)
        assert isinstance(answer, Refused)
        assert "already answered" in answer.reason


def test_a_person_who_said_stop_is_not_restarted_and_the_reason_is_told(ledger: Ledger, world: World) -> None:
    request_id = make_request(ledger, world, make_customer(ledger, world, phone="+13125550100", email="a@example.com"))
    invitation_id = invitation_of(ledger, request_id)
    stop_invitation(ledger, owner(world), invitation_id, now=NOON)
    suppress(ledger, world, AddressKind.PHONE, "+13125550100")
    answer = restart_invitation(ledger, owner(world), invitation_id, now=NOON)
    assert isinstance(answer, Refused)
    assert "they texted STOP" in answer.reason
    assert one(ledger, t.invitations, invitation_id=invitation_id).status is InvitationStatus.STOPPED


def test_a_dead_mailbox_alone_does_not_keep_the_phone_from_being_restarted(ledger: Ledger, world: World) -> None:
    request_id = make_request(ledger, world, make_customer(ledger, world, phone="+13125550100", email="a@example.com"))
    invitation_id = invitation_of(ledger, request_id)
    stop_invitation(ledger, owner(world), invitation_id, now=NOON)
    suppress(ledger, world, AddressKind.EMAIL, "a@example.com", Channel.EMAIL)
    assert isinstance(restart_invitation(ledger, owner(world), invitation_id, now=NOON), Done)


@pytest.mark.both_databases
def test_a_second_open_invitation_keeps_the_stopped_one_stopped(ledger: Ledger, world: World, request_id: int) -> None:
    invitation_id = invitation_of(ledger, request_id)
    stop_invitation(ledger, owner(world), invitation_id, now=NOON)
    stopped = one(ledger, t.invitations, invitation_id=invitation_id)
    with ledger.write() as c:
        insert(
            c, t.invitations, account_id=world.account_id, location_id=stopped.location_id,
            customer_id=stopped.customer_id, person_id=stopped.person_id, sequence_id=world.sequence_id,
            policy_id=world.policy_id, status=InvitationStatus.ACTIVE, started_at=NOON,
        )  # fmt: skip
    answer = restart_invitation(ledger, owner(world), invitation_id, now=NOON)
    assert isinstance(answer, Refused)
    assert "Another invitation" in answer.reason
    assert one(ledger, t.invitations, invitation_id=invitation_id).status is InvitationStatus.STOPPED
    assert jobs(ledger) == []
    assert ("owner@acme.example", "restart", f"invitation {invitation_id}") not in audits(ledger)


@pytest.mark.both_databases
def test_the_kill_switch_is_thrown_and_released_once_each(ledger: Ledger, world: World) -> None:
    assert isinstance(halt(ledger, owner(world), "wrong list", now=NOON), Done)
    row = one(ledger, t.system, system_id=1)
    assert (row.halted_at, row.halted_by, row.halt_reason) == (NOON, "owner@acme.example", "wrong list")
    assert isinstance(halt(ledger, owner(world), now=NOON), Refused)
    assert isinstance(resume(ledger, owner(world), now=NOON), Done)
    assert one(ledger, t.system, system_id=1).halted_at is None
    assert isinstance(resume(ledger, owner(world), now=NOON), Refused)


def test_someone_elses_location_and_account_are_out_of_reach(ledger: Ledger, world: World, request_id: int) -> None:
    invitation_id = invitation_of(ledger, request_id)
    elsewhere = [owner(world, location_ids=frozenset({world.new_york})), owner(world, account_id=world.account_id + 1)]
    for actor in elsewhere:
        for control, key in (
            (pause_request, request_id),
            (resume_request, request_id),
            (stop_invitation, invitation_id),
            (restart_invitation, invitation_id),
        ):
            answer = control(ledger, actor, key, now=NOON)
            assert answer == Refused("This is not among the locations you look after."), control
    assert audits(ledger) == []


def test_a_refused_sender_is_let_go_once_and_by_name(ledger: Ledger, world: World) -> None:
    with ledger.write() as c:
        open_breaker(c, Channel.SMS, "+13125550100", code="20003", reason="refused")
        [breaker] = read_open(c)
    assert isinstance(close_breaker(ledger, owner(world), breaker.breaker_id), Done)
    again = close_breaker(ledger, owner(world), breaker.breaker_id)
    assert isinstance(again, Refused)
    assert again.is_so_already
    assert one(ledger, t.breakers).closed_by == "owner@acme.example"
    assert audits(ledger) == [("owner@acme.example", "lift_halt", f"breaker {breaker.breaker_id}")]


@pytest.mark.parametrize("role", list(Role))
def test_every_control_asks_the_table_of_rights(ledger: Ledger, world: World, request_id: int, role: Role) -> None:
    actor = owner(world, role=role)
    invitation_id = invitation_of(ledger, request_id)
    answers = {
        Action.PAUSE: pause_request(ledger, actor, request_id, now=NOON),
        Action.RESUME: resume_request(ledger, actor, request_id, now=NOON),
        Action.STOP: stop_invitation(ledger, actor, invitation_id, now=NOON),
        Action.RESTART: restart_invitation(ledger, actor, invitation_id, now=NOON),
        Action.HALT: halt(ledger, actor, now=NOON),
        Action.LIFT_HALT: resume(ledger, actor, now=NOON),
    }
    assert {action: isinstance(answer, Done) for action, answer in answers.items()} == {
        action: may(role, action) for action in answers
    }
    refused = [answer.reason for answer in answers.values() if isinstance(answer, Refused)]
    assert all("role cannot" in reason for reason in refused)


def test_a_viewer_sees_everything_and_changes_nothing() -> None:
    allowed = {action for action, roles in rights().items() if Role.VIEWER in roles}
    assert allowed == {Action.VIEW, Action.OPEN_PANEL, Action.SEE_ACCOUNT_QUOTA}


def test_only_the_agency_client_is_kept_from_the_accounts_quota() -> None:
    assert [role for role in Role if not may(role, Action.SEE_ACCOUNT_QUOTA)] == [Role.AGENCY_CLIENT]
