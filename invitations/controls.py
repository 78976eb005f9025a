"""What a person can do to messages in flight: pause, stop, restart, halt. The rights are checked here, not in buttons.

Each control is one transaction: a conditional UPDATE, a line in the audit and, where windows have to be found anew, a
job that asks for planning. It answers `Done` or `Refused`, the reason in the reader's words. A request's status stays
dispatch's: these leave marks (`paused_at`, an invitation's `stopped`, `halted_at`) which the claim and the hand-over
re-check, so a stop of a second ago counts.
"""

import math
from datetime import datetime

import sqlalchemy as sa
import structlog
from sqlalchemy.engine import Connection

from data.ledger import breakers, controls
from data.ledger.jobs import ask_for
from data.ledger.people import stop_open_invitations
from data.ledger.said_about_mail import lock_people
from data.ledger.store import Ledger, again_if_undone
from data.ledger.suppressions import suppress_person
from data.permissions import Action
from data.words import AddressKind, InvitationStatus, JobKind, RequestStatus, SuppressionReason
from invitations.actor import NOT_YOURS, Actor, Answer, Done, Refused, refuse_role, write_audit

__all__ = [  # with the words of `actor`, for whoever calls a control
    "Actor",
    "Answer",
    "Done",
    "Refused",
    "ask_to_plan",
    "close_breaker",
    "halt",
    "must_not_be_contacted",
    "pause_request",
    "restart_invitation",
    "resume",
    "resume_request",
    "stop_invitation",
]

log = structlog.get_logger(__name__)

_WHY_SUPPRESSED = {
    SuppressionReason.STOP_KEYWORD: "they texted STOP",
    SuppressionReason.START_KEYWORD: "they texted START for another channel only",
    SuppressionReason.UNSUBSCRIBED: "they unsubscribed",
    SuppressionReason.COMPLAINED: "they reported a message as unwanted",
    SuppressionReason.UNDELIVERABLE: "their address does not accept messages",
    SuppressionReason.PROVIDER_OPT_OUT: "they opted out at the provider",
    SuppressionReason.ASKED_BY_PERSON: "they asked not to be contacted",
    SuppressionReason.DO_NOT_CONTACT_LIST: "they are on a do-not-contact list",
}
_INVITATION_ENDED = {
    InvitationStatus.ANSWERED: "This customer has already answered; no more messages will go.",
    InvitationStatus.FINISHED: "This invitation is finished; every message has gone.",
}


@again_if_undone
def pause_request(ledger: Ledger, actor: Actor, request_id: int, *, now: datetime) -> Answer:
    """Hold one message back until it is resumed, also one that a sender has taken up. Refused once it has gone."""
    if refusal := refuse_role(actor, Action.PAUSE):
        return refusal
    with ledger.write() as c:
        row = controls.lock_request(c, actor.account_id, actor.location_ids, request_id)
        if row is None:
            return Refused(NOT_YOURS)
        if not controls.set_paused(c, request_id, paused_at=now, by=actor.email):
            return Refused("This message is already paused.", is_so_already=True) if row.is_here else _too_late(row)
        write_audit(
            c, actor, Action.PAUSE, f"request {request_id}",
            before={"paused_at": None}, after={"paused_at": now.isoformat()},
        )  # fmt: skip
    return Done("Paused. It waits until someone resumes it.")


@again_if_undone
def resume_request(ledger: Ledger, actor: Actor, request_id: int, *, now: datetime) -> Answer:
    """Let a paused message go again, in its own time; when that has passed, planning is asked for another."""
    if refusal := refuse_role(actor, Action.RESUME):
        return refusal
    with ledger.write() as c:
        row = controls.lock_request(c, actor.account_id, actor.location_ids, request_id)
        if row is None:
            return Refused(NOT_YOURS)
        if not controls.set_paused(c, request_id, paused_at=None, by=actor.email):
            return Refused("This message is not paused.", is_so_already=True) if row.is_here else _too_late(row)
        write_audit(
            c, actor, Action.RESUME, f"request {request_id}",
            before={"paused_at": row.paused_at and row.paused_at.isoformat()}, after={"paused_at": None},
        )  # fmt: skip
        if row.not_after > now:
            return Done("Resumed. It goes at the next opportunity.")
        ask_to_plan(c, actor)
    return Done("Resumed. Its time had passed while it was paused; planning finds it another.")


@again_if_undone
def stop_invitation(
    ledger: Ledger, actor: Actor, invitation_id: int, *, is_asked_by_person: bool = False, now: datetime
) -> Answer:
    """Stop every further message of an active invitation. What has gone stays in its history.

    `is_asked_by_person`: they told the business not to contact them. Then the person is suppressed on every channel
    and every open invitation of theirs ends, at locations beyond the actor's reach as well; also when this one has
    ended meanwhile.
    """
    if refusal := refuse_role(actor, Action.STOP):
        return refusal
    with ledger.write() as c:
        mine = (c, actor.account_id, actor.location_ids, invitation_id)
        row = controls.find_invitation(*mine)
        if row is not None and is_asked_by_person:
            lock_people(c, [row.person_id])  # before the invitation's row, as every other writer does
        leaving = 0
        if row is not None:
            leaving = controls.lock_unended(c, invitation_id, row.person_id if is_asked_by_person else None)
        is_stopped = controls.set_stopped(*mine, stopped_at=now, by=actor.email)
        row = controls.find_invitation(*mine)  # again: the person may have been merged into another meanwhile
        if row is None:
            return Refused(NOT_YOURS)
        if is_stopped:
            write_audit(
                c, actor, Action.STOP, f"invitation {invitation_id}",
                before={"status": InvitationStatus.ACTIVE.value}, after={"status": row.status.value},
            )  # fmt: skip
        if is_asked_by_person:
            return _never_again(c, actor, row.person_id, now)
    if is_stopped and leaving:
        return Done("Stopped. A message was being handed over and goes; nothing more will be sent.")
    if is_stopped:
        return Done("Stopped. Nothing more will be sent.")
    return Refused(_INVITATION_ENDED.get(row.status, "Messages to this customer are already stopped."))


@again_if_undone
def restart_invitation(ledger: Ledger, actor: Actor, invitation_id: int, *, now: datetime) -> Answer:
    """Let a stopped invitation go on at the step where it was; what is to come is later by as long as it was stopped.

    Refused while the person must not be contacted, or while another invitation to them is open here.
    """
    if refusal := refuse_role(actor, Action.RESTART):
        return refusal
    with ledger.write() as c:
        row = controls.find_invitation(c, actor.account_id, actor.location_ids, invitation_id)
        if row is None:
            return Refused(NOT_YOURS)
        if row.status is not InvitationStatus.STOPPED:
            return Refused(_INVITATION_ENDED.get(row.status, "Messages to this customer are not stopped."))
        addresses = {AddressKind.EMAIL: row.email, AddressKind.PHONE: row.phone}
        if not controls.open_channels(c, row.person_id, addresses):
            return Refused(f"{must_not_be_contacted(c, actor, row.person_id)} Messages stay stopped.")
        stopped_minutes = _minutes_between(row.stopped_at, now)
        waiting = controls.lock_waiting(
            c, invitation_id
        )  # before the invitation's row, as whoever records answers does
        try:
            with c.begin_nested():
                is_changed = controls.set_restarted(
                    c, actor.account_id, actor.location_ids, invitation_id, stopped_minutes=stopped_minutes
                )
        except sa.exc.IntegrityError:
            return Refused("Another invitation to this person is open at this location; it goes on instead.")
        if not is_changed:
            return Refused("Someone else has just restarted it.")
        # It is claimable from this commit on, before any planning pass has found its new time.
        controls.put_off(c, waiting, minutes=stopped_minutes)
        write_audit(
            c, actor, Action.RESTART, f"invitation {invitation_id}",
            before={"status": InvitationStatus.STOPPED.value, "shift_minutes": row.shift_minutes},
            after={"status": InvitationStatus.ACTIVE.value, "shift_minutes": row.shift_minutes + stopped_minutes},
        )  # fmt: skip
        # What was queued was canceled meanwhile, or put off beyond its hours.
        ask_to_plan(c, actor)
        return Done("Restarted. What is still planned will be sent.")


@again_if_undone
def halt(ledger: Ledger, actor: Actor, reason: str = "", *, now: datetime) -> Answer:
    """The kill switch: nothing is handed over anywhere until it is released."""
    if refusal := refuse_role(actor, Action.HALT):
        return refusal
    with ledger.write() as c:
        if not controls.set_halted(c, halted_at=now, by=actor.email, reason=reason):
            return Refused("All sending is already halted.", is_so_already=True)
        write_audit(
            c, actor, Action.HALT, "system",
            before={"halted_at": None}, after={"halted_at": now.isoformat(), "reason": reason},
        )  # fmt: skip
    log.warning("sending halted")
    return Done("Sending is halted. Nothing leaves until it is resumed.")


@again_if_undone
def resume(ledger: Ledger, actor: Actor, *, now: datetime) -> Answer:
    """Release the kill switch."""
    if refusal := refuse_role(actor, Action.LIFT_HALT):
        return refusal
    with ledger.write() as c:
        if not controls.set_halted(c, halted_at=None, by=actor.email, reason=""):
            return Refused("Sending is not halted.", is_so_already=True)
        write_audit(
            c, actor, Action.LIFT_HALT, "system",
            before={"is_halted": True}, after={"is_halted": False, "at": now.isoformat()},
        )  # fmt: skip
    log.warning("sending resumed")
    return Done("Sending is resumed.")


@again_if_undone
def close_breaker(ledger: Ledger, actor: Actor, breaker_id: int) -> Answer:
    """Let a sender go on that a provider refused: whoever does says that it is mended. Refused again, it is held."""
    if refusal := refuse_role(actor, Action.LIFT_HALT):
        return refusal
    with ledger.write() as c:
        if not breakers.was_opened(c, breaker_id):
            return Refused("No sender was ever held under this number. `afterword breakers` lists those that are.")
        found = next((b for b in breakers.read_open(c) if b.breaker_id == breaker_id), None)
        if found is None or not breakers.close(c, breaker_id, by=actor.email):
            return Refused("This sender is not held (any more).", is_so_already=True)
        write_audit(
            c, actor, Action.LIFT_HALT, f"breaker {breaker_id}",
            before={"channel": found.channel.value, "code": found.code}, after={"closed_by": actor.email},
        )  # fmt: skip
    log.warning("breaker closed", channel=found.channel.value, code=found.code)
    return Done("What waited for this sender goes with the next send.")


def _never_again(c: Connection, actor: Actor, person_id: int, now: datetime) -> Answer:
    """The person's own "no", told to us: on every channel, at every location, whatever list they come in next."""
    suppress_person(
        c, account_id=actor.account_id, person_id=person_id, channel=None, reason=SuppressionReason.ASKED_BY_PERSON,
        recorded_by=actor.email, occurred_at=now,
    )  # fmt: skip
    ended = stop_open_invitations(c, person_id, by=actor.email, at=now)
    reason = SuppressionReason.ASKED_BY_PERSON.value
    write_audit(
        c, actor, Action.STOP, f"person {person_id}", before={"suppressed": None},
        after={"suppressed": reason, "other_invitations_stopped": ended},
    )  # fmt: skip
    return Done("Stopped. They will not be contacted again, on any channel or at any location.")


def _too_late(row: controls.Held) -> Refused:
    if row.status is RequestStatus.CANCELED:
        return Refused("This message was canceled; it will not go.")
    if row.status is RequestStatus.FAILED:
        return Refused("This message has failed; there is nothing left to hold back.")
    return Refused("Too late, it has gone.")


def ask_to_plan(c: Connection, actor: Actor) -> None:
    """Windows have to be found anew: a job for whoever plans next."""
    ask_for(c, account_id=actor.account_id, kind=JobKind.PLAN, payload={}, asked_by=actor.email)


def must_not_be_contacted(c: Connection, actor: Actor, person_id: int) -> str:
    """Of somebody without an open channel: "This person must not be contacted: they texted STOP."."""
    newest = controls.newest_suppression(c, actor.account_id, person_id)
    why = _WHY_SUPPRESSED.get(newest.reason, "they are on the list") if newest else "no address is left to write to"
    return f"This person must not be contacted: {why}."


def _minutes_between(stopped_at: datetime | None, now: datetime) -> int:
    if stopped_at is None:
        return 0
    return max(0, math.ceil((now - stopped_at).total_seconds() / 60))
