"""After a failure told late: the provider had taken the message, and another may go. A new decision, written here.

The request is queued once more, keeping `handed_at`, for a message has left: its unit of quota stays charged, and it is
never canceled but fails. What it failed of stays on it until the next message is accepted.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.ledger.acceptance import NO_FAILURE
from data.ledger.outcomes import Attempt, has_status
from data.ledger.rows_of import moment_text, rows_of
from data.ledger.tables import attempts, invitations, requests
from data.ledger.types import UtcDateTime
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


_arrived = rows_of("arrived", request_id=sa.BigInteger(), attempt_id=sa.String(), at=UtcDateTime()).c


def _withdrawing(status: RequestStatus) -> sa.Update:
    return (
        requests.update()
        .where(_r.request_id == _arrived.request_id, has_status(*_WAITS), _r.handed_at.is_not(None))
        .values(status=status, attempt_id=_arrived.attempt_id, delivered_at=_arrived.at, **NO_FAILURE)
    )


_WITHDRAW = {status: _withdrawing(status) for status in (RequestStatus.DELIVERED, RequestStatus.SENT)}


def withdraw(connection: Connection, arrived: Iterable[tuple[Attempt, datetime | None]], status: RequestStatus) -> None:
    """Messages that were said to have failed have arrived after all: what was queued in their stead does not go.

    `status` is DELIVERED, each with its time, or SENT where no more is known, without. A message that is leaving at
    this moment leaves; it changes the request no more.
    """
    rows = {
        attempt.request_id: [attempt.request_id, attempt.attempt_id, None if at is None else moment_text(at)]
        for attempt, at in arrived
        if attempt.outcome is AttemptOutcome.ACCEPTED
    }
    if rows:
        connection.execute(_WITHDRAW[status], {"arrived": [rows[request_id] for request_id in sorted(rows)]})
