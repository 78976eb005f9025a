"""After a failure told late: the provider had taken the message, and another may go. A new decision, written here.

The request is queued once more, keeping `handed_at`, for a message has left: its unit of quota stays charged, and it is
never canceled but fails. What it failed of stays on it until the next message is accepted.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.ledger.acceptance import NO_FAILURE
from data.ledger.outcomes import Attempt
from data.ledger.tables import attempts, invitations, requests
from data.words import AttemptOutcome, FailureScope, InvitationStatus, RequestStatus

# Told later than this after the message left, a failure comes too late for another: the moment to ask has passed.
TOLD_IN_TIME = timedelta(days=3)

_r, _i, _at = requests.c, invitations.c, attempts.c
_later = requests.alias("later")
_COMES = (RequestStatus.QUEUED, RequestStatus.SENDING, RequestStatus.IN_DOUBT)  # queued is what goes within two days
_WAITS = (RequestStatus.QUEUED, RequestStatus.SENDING, RequestStatus.IN_DOUBT, RequestStatus.CANCELED)


@dataclass(frozen=True, slots=True)
class LateFailure:
    """What a provider says of a message that it had taken."""

    code: str
    reason: str
    scope: FailureScope
    at: datetime  # the provider's time


def count_accepted(connection: Connection, request_id: int) -> int:
    """How many messages of the request a provider has taken."""
    query = sa.select(sa.func.count()).where(_at.request_id == request_id, _at.outcome == AttemptOutcome.ACCEPTED)
    return int(connection.execute(query).scalar_one())


def queue_again(
    connection: Connection, attempt: Attempt, failure: LateFailure, *, not_before: datetime, now: datetime
) -> datetime | None:
    """Queue the request of a message that was not delivered; the end of its window, or None when nothing may follow.

    Nothing follows where the invitation is over, a later step has gone or is about to, the failure is told more than
    three days after the message left, or the request has gone on otherwise. Times are policy time. Past its window, it
    waits for planning to give it another.
    """
    goes_on = sa.exists().where(_i.invitation_id == _r.invitation_id, _i.status == InvitationStatus.ACTIVE)
    is_overtaken = sa.exists().where(
        _later.c.invitation_id == _r.invitation_id,
        _later.c.step > _r.step,
        sa.or_(_later.c.handed_at.is_not(None), _later.c.status.in_(_COMES)),
    )
    window_end: datetime | None = connection.execute(
        requests.update()
        .where(
            _r.request_id == attempt.request_id,
            _r.attempt_id == attempt.attempt_id,
            _r.status == RequestStatus.SENT,
            _r.handed_at > now - TOLD_IN_TIME,
            goes_on,
            ~is_overtaken,
        )
        .values(
            status=RequestStatus.QUEUED,
            not_before=not_before,
            failed_at=failure.at,
            failure_code=failure.code,
            failure_reason=failure.reason[:300],
            failure_scope=failure.scope,
        )
        .returning(_r.not_after)
    ).scalar_one_or_none()
    return window_end


def withdraw(connection: Connection, attempt: Attempt, status: RequestStatus, *, delivered_at: datetime | None) -> bool:
    """A message that was said to have failed has arrived after all: what was queued in its stead does not go.

    `status` is DELIVERED, or SENT where no more is known. A message that is leaving at this moment leaves; it changes
    the request no more. False when nothing was queued in its stead.
    """
    if attempt.outcome is not AttemptOutcome.ACCEPTED:
        return False
    withdrawn = connection.execute(
        requests.update()
        .where(_r.request_id == attempt.request_id, _r.status.in_(_WAITS), _r.handed_at.is_not(None))
        .values(status=status, attempt_id=attempt.attempt_id, delivered_at=delivered_at, **NO_FAILURE)
    )
    return withdrawn.rowcount == 1
