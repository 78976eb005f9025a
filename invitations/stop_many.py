"""Stopping or restarting the messages to many customers at once: each by the rules and in the transaction of one."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from data.ledger.customer_facts import AnyRow, latest_invitations
from data.ledger.store import Ledger
from data.permissions import Action
from data.words import InvitationStatus
from invitations.actor import NOT_YOURS, Actor, Answer, Done, Refused, refuse_role
from invitations.controls import restart_invitation, stop_invitation


@dataclass(frozen=True, slots=True)
class Selection:
    """What an action on some customers would touch."""

    names: Sequence[str]  # of whom it concerns, by customer
    waiting: int  # their messages that are planned and not gone
    others: int  # of those who were picked, whom it does not concern


@dataclass(frozen=True, slots=True)
class _Control:
    """What is done to each, whom it concerns, and how it is told."""

    control: Callable[..., Answer]
    status: InvitationStatus
    done: str
    nobody: str


_STOP = _Control(
    stop_invitation, InvitationStatus.ACTIVE, "Stopped messages to", "None of them has messages still to come."
)
_RESTART = _Control(
    restart_invitation, InvitationStatus.STOPPED, "Restarted messages to", "Messages to none of them are stopped."
)


def foresee_many(ledger: Ledger, actor: Actor, customer_ids: Sequence[int], status: InvitationStatus) -> Selection:
    """Whom stopping (`active`) or restarting (`stopped`) concerns among these customers."""
    found = _of_status(ledger, actor, customer_ids, status)
    return Selection([row.name for row in found], sum(row.waiting for row in found), len(customer_ids) - len(found))


def stop_many(ledger: Ledger, actor: Actor, customer_ids: Sequence[int], *, now: datetime) -> Answer:
    """Stop the active invitations of these customers; whoever has none stays as they are."""
    if refusal := refuse_role(actor, Action.STOP):
        return refusal
    return _each(ledger, actor, customer_ids, _STOP, now)


def restart_many(ledger: Ledger, actor: Actor, customer_ids: Sequence[int], *, now: datetime) -> Answer:
    """Let the stopped invitations of these customers go on; who must not be contacted stays stopped."""
    if refusal := refuse_role(actor, Action.RESTART):
        return refusal
    return _each(ledger, actor, customer_ids, _RESTART, now)


def _each(ledger: Ledger, actor: Actor, customer_ids: Sequence[int], to_all: _Control, now: datetime) -> Answer:
    """One transaction for each, so that nobody waits for the last; those done stay done if one is refused."""
    found = _of_status(ledger, actor, customer_ids, to_all.status)
    if not found:
        return Refused(to_all.nobody)
    answers = [to_all.control(ledger, actor, row.invitation_id, now=now) for row in found]
    reasons = Counter(answer.reason for answer in answers if isinstance(answer, Refused) and answer.reason != NOT_YOURS)
    count = sum(isinstance(answer, Done) for answer in answers)
    told = [f"{many}: {reason}" if many > 1 else reason for reason, many in reasons.most_common(3)]
    if not count:
        return Refused(" ".join(told) or NOT_YOURS)
    return Done(" ".join([f"{to_all.done} {count:,} {'customer' if count == 1 else 'customers'}.", *told]))


def _of_status(ledger: Ledger, actor: Actor, customer_ids: Sequence[int], status: InvitationStatus) -> list[AnyRow]:
    with ledger.read() as c:
        rows = latest_invitations(c, actor.account_id, actor.location_ids, customer_ids)
    return [row for row in rows if row.status is status]
