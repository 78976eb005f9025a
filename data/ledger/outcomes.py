"""How an attempt ended, written once: accepted, failed for now, failed for good, in doubt, never left.

Every function names the attempt and the state it expects, so that a late answer, a callback that came before the
answer, and a resolver at work at the same time leave the same rows behind, in any order.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.ledger.acceptance import NO_FAILURE
from data.ledger.reservations import release_unused_unit
from data.ledger.tables import attempts, invitations, requests
from data.ledger.tables.metadata import database_now
from data.words import AttemptOutcome, Channel, FailureScope, RequestStatus

_r, _i, _at = requests.c, invitations.c, attempts.c


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt with what it was about."""

    attempt_id: str
    request_id: int
    invitation_id: int
    account_id: int
    location_id: int
    person_id: int
    channel: Channel
    address: str
    provider: str
    provider_message_id: str | None
    outcome: AttemptOutcome | None
    status: RequestStatus  # the request's
    attempt_count: int  # the request's


def find_attempt(connection: Connection, attempt_id: str) -> Attempt | None:
    """The attempt by our own id; None when it is not ours."""
    return _only(connection, _at.attempt_id == attempt_id)


def find_attempt_by_message(connection: Connection, provider: str, provider_message_id: str) -> Attempt | None:
    """The attempt by the provider's id; None when it is not ours."""
    return _only(connection, sa.and_(_at.provider == provider, _at.provider_message_id == provider_message_id))


def _only(connection: Connection, condition: sa.ColumnElement[bool]) -> Attempt | None:
    row = connection.execute(
        sa.select(
            _at.attempt_id,
            _at.request_id,
            _r.invitation_id,
            _r.account_id,
            _r.location_id,
            _i.person_id,
            _r.channel,
            _r.address,
            _at.provider,
            _at.provider_message_id,
            _at.outcome,
            _r.status,
            _r.attempt_count,
        )
        .select_from(
            attempts.join(requests, _r.request_id == _at.request_id).join(
                invitations, _i.invitation_id == _r.invitation_id
            )
        )
        .where(condition)
    ).first()
    return None if row is None else Attempt(**row._mapping)


def record_not_sent(
    connection: Connection,
    attempt_id: str,
    outcome: AttemptOutcome,
    *,
    code: str | None = None,
    reason: str | None = None,
    not_before: datetime | None = None,
    is_counted: bool = True,
) -> bool:
    """Nothing left, for certain: the request is queued again, not before `not_before` (policy time) if that is given.

    `outcome` is TEMPORARY_FAILURE, LAPSED, WITHDRAWN or PROVED_ABSENT. False when the attempt had ended otherwise.
    A temporary failure may end doubt: it is an answer, though late. Only one that `is_counted` uses up one of the
    request's tries (`attempt_count`): what was withdrawn or lapsed was never tried.
    """
    doubtful = _at.outcome == AttemptOutcome.IN_DOUBT
    expected = doubtful if outcome is AttemptOutcome.PROVED_ABSENT else _at.outcome.is_(None)
    if outcome is AttemptOutcome.TEMPORARY_FAILURE:
        expected = sa.or_(expected, doubtful)
    if outcome in (AttemptOutcome.LAPSED, AttemptOutcome.WITHDRAWN):
        expected = sa.and_(expected, _at.handed_at.is_(None))
    ended = connection.execute(
        attempts.update()
        .where(_at.attempt_id == attempt_id, expected)
        .values(outcome=outcome, finished_at=database_now(), code=code, reason=reason)
    )
    if ended.rowcount == 0:
        return False
    values: dict[str, Any] = {"status": RequestStatus.QUEUED}
    if not_before is not None:
        values["not_before"] = sa.case((_r.not_before < not_before, not_before), else_=_r.not_before)
    if not is_counted or outcome is not AttemptOutcome.TEMPORARY_FAILURE:
        values["attempt_count"] = sa.case((_r.attempt_count > 0, _r.attempt_count - 1), else_=0)
    connection.execute(
        requests.update()
        .where(_r.attempt_id == attempt_id, _r.status.in_([RequestStatus.SENDING, RequestStatus.IN_DOUBT]))
        .values(values)
    )
    release_unused_unit(connection, attempt_id)
    return True


def record_in_doubt(connection: Connection, attempt_id: str, reason: str) -> bool:
    """It was handed over, and nobody knows whether the provider took it. False when the attempt had ended."""
    ended = connection.execute(
        attempts.update()
        .where(_at.attempt_id == attempt_id, _at.outcome.is_(None), _at.handed_at.is_not(None))
        .values(outcome=AttemptOutcome.IN_DOUBT, finished_at=database_now(), reason=reason)
    )
    if ended.rowcount == 0:
        return False
    connection.execute(
        requests.update()
        .where(_r.attempt_id == attempt_id, _r.status == RequestStatus.SENDING)
        .values(status=RequestStatus.IN_DOUBT)
    )
    return True


def record_failed(
    connection: Connection, attempt_id: str, *, code: str, reason: str, scope: FailureScope, at: datetime
) -> bool:
    """The provider will never take it. `at` is policy time. False when the attempt had ended otherwise."""
    ended = connection.execute(
        attempts.update()
        .where(
            _at.attempt_id == attempt_id,
            sa.or_(_at.outcome.is_(None), _at.outcome == AttemptOutcome.IN_DOUBT),
        )
        .values(outcome=AttemptOutcome.PERMANENT_FAILURE, finished_at=database_now(), code=code, reason=reason)
    )
    if ended.rowcount == 0:
        return False
    connection.execute(
        requests.update()
        .where(_r.attempt_id == attempt_id, _r.status.in_([RequestStatus.SENDING, RequestStatus.IN_DOUBT]))
        .values(
            status=RequestStatus.FAILED, failed_at=at, failure_code=code, failure_reason=reason, failure_scope=scope
        )
    )
    release_unused_unit(connection, attempt_id)
    return True


def record_delivered(connection: Connection, attempt: Attempt, at: datetime) -> None:
    """It reached the customer; that outranks a failure told before. `at` is the provider's time."""
    connection.execute(
        requests.update()
        .where(_r.request_id == attempt.request_id, _r.status.in_([RequestStatus.SENT, RequestStatus.FAILED]))
        .values(
            status=RequestStatus.DELIVERED,
            delivered_at=at,
            **NO_FAILURE,
        )
    )


def record_failed_later(
    connection: Connection, attempt: Attempt, *, code: str, reason: str, scope: FailureScope, at: datetime
) -> None:
    """The provider took it and could not deliver it. The quota unit stays charged: a message left."""
    connection.execute(
        requests.update()
        .where(
            _r.request_id == attempt.request_id,
            _r.status == RequestStatus.SENT,
            _r.attempt_id == attempt.attempt_id,  # not another attempt's message, which may well arrive
        )
        .values(
            status=RequestStatus.FAILED,
            failed_at=at,
            failure_code=code,
            failure_reason=reason[:300],
            failure_scope=scope,
        )
    )
