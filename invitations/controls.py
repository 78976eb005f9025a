"""What a person can do to messages in flight: pause, stop, restart, halt. The rights are checked here, not in buttons.

Each control is one transaction: a conditional UPDATE, a line in the audit and, where windows have to be found anew, a
job that asks for planning. It answers `Done` or `Refused`, the reason in the reader's words. A request's status stays
dispatch's: these leave marks (`paused_at`, an invitation's `stopped`, `halted_at`) which the claim and the hand-over
re-check, so a stop of a second ago counts.
"""

import math
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
import structlog
from sqlalchemy.engine import Connection

from data.ledger import controls
from data.ledger.jobs import ask_for
from data.ledger.people import stop_open_invitations
from data.ledger.said_about_mail import lock_people
from data.ledger.store import Ledger, again_if_undone
from data.ledger.suppressions import suppress_person
from data.permissions import Action, may
from data.words import AddressKind, InvitationStatus, JobKind, RequestStatus, Role, SuppressionReason

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, and how far they reach (`location_ids` None: every location of the account)."""

    email: str
    role: Role
    account_id: int
    location_ids: frozenset[int] | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """It happened; `message` says what, for the screen."""

    message: str


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing changed; `reason` says why and what would help, for the screen."""

    reason: str


Answer = Done | Refused

_VERBS = {
    Action.PAUSE: "pause messages",
    Action.RESUME: "resume messages",
    Action.STOP: "stop messages",
    Action.RESTART: "restart messages",
    Action.HALT: "halt all sending",
    Action.LIFT_HALT: "resume all sending",
}
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
_NOT_YOURS = "This is not among the locations you look after."


@again_if_undone
def pause_request(ledger: Ledger, actor: Actor, request_id: int, *, now: datetime) -> Answer:
    """Hold one queued message back until it is resumed. Refused once it has been handed over."""
    if refusal := _refuse_role(actor, Action.PAUSE):
        return refusal
    with ledger.write() as c:
        if controls.set_paused(c, actor.account_id, actor.location_ids, request_id, paused_at=now, by=actor.email):
            _audit(
                c,
                actor,
                Action.PAUSE,
                f"request {request_id}",
                before={"paused_at": None},
                after={"paused_at": now.isoformat()},
            )
            return Done("Paused. It waits until someone resumes it.")
        row = controls.find_request(c, actor.account_id, actor.location_ids, request_id)
    if row is None:
        return Refused(_NOT_YOURS)
    if row.status is RequestStatus.QUEUED:
        return Refused("This message is already paused.")
    return _too_late(row.status)


@again_if_undone
def resume_request(ledger: Ledger, actor: Actor, request_id: int, *, now: datetime) -> Answer:
    """Let a paused message go again, in its own time; when that has passed, planning is asked for another."""
    if refusal := _refuse_role(actor, Action.RESUME):
        return refusal
    with ledger.write() as c:
        row = controls.find_request(c, actor.account_id, actor.location_ids, request_id)
        if row is None:
            return Refused(_NOT_YOURS)
        if controls.set_paused(c, actor.account_id, actor.location_ids, request_id, paused_at=None, by=actor.email):
            paused = row.paused_at.isoformat() if row.paused_at else None
            _audit(
                c,
                actor,
                Action.RESUME,
                f"request {request_id}",
                before={"paused_at": paused},
                after={"paused_at": None},
            )
            if row.not_after > now:
                return Done("Resumed. It goes at the next opportunity.")
            _ask_to_plan(c, actor)
            return Done("Resumed. Its time had passed while it was paused; planning finds it another.")
    if row.status is RequestStatus.QUEUED:
        return Refused("This message is not paused.")
    return _too_late(row.status)


@again_if_undone
def stop_invitation(
    ledger: Ledger, actor: Actor, invitation_id: int, *, is_asked_by_person: bool = False, now: datetime
) -> Answer:
    """Stop every further message of an active invitation. What has gone stays in its history.

    `is_asked_by_person`: they told the business not to contact them. Then the person is suppressed on every channel
    and every open invitation of theirs ends, at locations beyond the actor's reach as well; also when this one has
    ended meanwhile.
    """
    if refusal := _refuse_role(actor, Action.STOP):
        return refusal
    with ledger.write() as c:
        mine = (c, actor.account_id, actor.location_ids, invitation_id)
        row = controls.find_invitation(*mine)
        if row is not None and is_asked_by_person:
            lock_people(c, [row.person_id])  # before the invitation's row, as every other writer does
        is_stopped = controls.set_stopped(*mine, stopped_at=now, by=actor.email)
        row = controls.find_invitation(*mine)  # again: the person may have been merged into another meanwhile
        if row is None:
            return Refused(_NOT_YOURS)
        if is_stopped:
            _audit(
                c, actor, Action.STOP, f"invitation {invitation_id}",
                before={"status": InvitationStatus.ACTIVE.value}, after={"status": row.status.value},
            )  # fmt: skip
        if is_asked_by_person:
            return _never_again(c, actor, row.person_id, now)
    if is_stopped:
        return Done("Stopped. Nothing more will be sent.")
    return Refused(_INVITATION_ENDED.get(row.status, "Messages to this customer are already stopped."))


@again_if_undone
def restart_invitation(ledger: Ledger, actor: Actor, invitation_id: int, *, now: datetime) -> Answer:
    """Let a stopped invitation go on; what was planned comes later by as long as it was stopped.

    Refused while the person must not be contacted, or while another invitation to them is open here.
    """
    if refusal := _refuse_role(actor, Action.RESTART):
        return refusal
    with ledger.write() as c:
        row = controls.find_invitation(c, actor.account_id, actor.location_ids, invitation_id)
        if row is None:
            return Refused(_NOT_YOURS)
        if row.status is not InvitationStatus.STOPPED:
            return Refused(_INVITATION_ENDED.get(row.status, "Messages to this customer are not stopped."))
        addresses = {AddressKind.EMAIL: row.email, AddressKind.PHONE: row.phone}
        if not controls.open_channels(c, row.person_id, addresses):
            return Refused(f"{must_not_be_contacted(c, actor, row.person_id)} Messages stay stopped.")
        stopped_minutes = _minutes_between(row.stopped_at, now)
        try:
            with c.begin_nested():
                is_changed = controls.set_restarted(
                    c, actor.account_id, actor.location_ids, invitation_id, stopped_minutes=stopped_minutes
                )
        except sa.exc.IntegrityError:
            return Refused("Another invitation to this person is open at this location; it goes on instead.")
        if not is_changed:
            return Refused("Someone else has just restarted it.")
        _audit(
            c,
            actor,
            Action.RESTART,
            f"invitation {invitation_id}",
            before={"status": InvitationStatus.STOPPED.value, "shift_minutes": row.shift_minutes},
            after={"status": InvitationStatus.ACTIVE.value, "shift_minutes": row.shift_minutes + stopped_minutes},
        )
        # The times of what was queued are past, or it was canceled meanwhile: nothing goes before a planning pass.
        _ask_to_plan(c, actor)
        return Done("Restarted. What is still planned will be sent.")


@again_if_undone
def halt(ledger: Ledger, actor: Actor, reason: str = "", *, now: datetime) -> Answer:
    """The kill switch: nothing is handed over anywhere until it is released."""
    if refusal := _refuse_role(actor, Action.HALT):
        return refusal
    with ledger.write() as c:
        if not controls.set_halted(c, halted_at=now, by=actor.email, reason=reason):
            return Refused("All sending is already halted.")
        _audit(
            c,
            actor,
            Action.HALT,
            "system",
            before={"halted_at": None},
            after={"halted_at": now.isoformat(), "reason": reason},
        )
    log.warning("sending halted")
    return Done("Sending is halted. Nothing leaves until it is resumed.")


@again_if_undone
def resume(ledger: Ledger, actor: Actor, *, now: datetime) -> Answer:
    """Release the kill switch."""
    if refusal := _refuse_role(actor, Action.LIFT_HALT):
        return refusal
    with ledger.write() as c:
        if not controls.set_halted(c, halted_at=None, by=actor.email, reason=""):
            return Refused("Sending is not halted.")
        _audit(
            c,
            actor,
            Action.LIFT_HALT,
            "system",
            before={"is_halted": True},
            after={"is_halted": False, "at": now.isoformat()},
        )
    log.warning("sending resumed")
    return Done("Sending is resumed.")


def _never_again(c: Connection, actor: Actor, person_id: int, now: datetime) -> Answer:
    """The person's own "no", told to us: on every channel, at every location, whatever list they come in next."""
    suppress_person(
        c, account_id=actor.account_id, person_id=person_id, channel=None, reason=SuppressionReason.ASKED_BY_PERSON,
        recorded_by=actor.email, occurred_at=now,
    )  # fmt: skip
    ended = stop_open_invitations(c, person_id, by=actor.email, at=now)
    reason = SuppressionReason.ASKED_BY_PERSON.value
    _audit(
        c, actor, Action.STOP, f"person {person_id}", before={"suppressed": None},
        after={"suppressed": reason, "other_invitations_stopped": ended},
    )  # fmt: skip
    return Done("Stopped. They will not be contacted again, on any channel or at any location.")


def _refuse_role(actor: Actor, action: Action) -> Refused | None:
    if may(actor.role, action):
        return None
    role = actor.role.value.replace("_", " ").title()
    return Refused(f"The {role} role cannot {_VERBS[action]}. Ask an owner or admin of the account.")


def _too_late(status: RequestStatus) -> Refused:
    if status is RequestStatus.CANCELED:
        return Refused("This message was canceled; it will not go.")
    if status is RequestStatus.FAILED:
        return Refused("This message has failed; there is nothing left to hold back.")
    return Refused("Too late, it has gone.")


def _ask_to_plan(c: Connection, actor: Actor) -> None:
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


def _audit(
    c: Connection, actor: Actor, action: Action, subject: str, *, before: dict[str, object], after: dict[str, object]
) -> None:
    controls.record_audit(
        c, actor.account_id, actor=actor.email, action=action.value, subject=subject, before=before, after=after
    )
