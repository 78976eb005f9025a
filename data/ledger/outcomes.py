"""How an attempt ended, written once: accepted, failed for now, failed for good, in doubt, never left.

Every function names the attempt and the state it expects, so that a late answer, a callback that came before the
answer, and a resolver at work at the same time leave the same rows behind, in any order.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.ledger.acceptance import NO_FAILURE
from data.ledger.reservations import release_unused_unit
from data.ledger.rows_of import listed, moment_text, one_of, rows_of
from data.ledger.tables import attempts, invitations, requests
from data.ledger.tables.metadata import database_now
from data.ledger.types import UtcDateTime
from data.words import AttemptOutcome, Channel, FailureScope, RequestStatus

_r, _i, _at = requests.c, invitations.c, attempts.c


def has_status(*statuses: RequestStatus) -> sa.ColumnElement[bool]:
    """Whether a request has one of these; for a WHERE about requests that are named by their ids.

    Told no index: SQLite would read every request that was ever sent, rather than the few that are named.
    """
    return sa.cast(_r.status, sa.String).in_([status.value for status in statuses])


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


_ATTEMPTS = (
    sa.select(  # in the order of Attempt's fields
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
    .join_from(attempts, requests, _r.request_id == _at.request_id)
    .join(invitations, _i.invitation_id == _r.invitation_id)
)
_BY_ID = _ATTEMPTS.where(_at.attempt_id.in_(one_of("attempt_ids", sa.String())))
_named = rows_of("messages", provider=sa.String(), message_id=sa.String()).c
_BY_MESSAGE = _ATTEMPTS.join(
    _named.provider.table, sa.and_(_at.provider == _named.provider, _at.provider_message_id == _named.message_id)
)


def find_attempt(connection: Connection, attempt_id: str) -> Attempt | None:
    """The attempt by our own id; None when it is not ours."""
    return find_attempts(connection, [attempt_id]).get(attempt_id)


def find_attempts(connection: Connection, attempt_ids: Collection[str]) -> dict[str, Attempt]:
    """Attempts by our own ids; those that are not ours are absent."""
    if not attempt_ids:
        return {}
    found: Sequence[Any] = connection.execute(_BY_ID, {"attempt_ids": listed(attempt_ids)}).all()
    return {row[0]: Attempt(*row) for row in found}


def find_attempts_by_message(
    connection: Connection, messages: Collection[tuple[str, str]]
) -> dict[tuple[str, str], Attempt]:
    """Attempts by (provider, the provider's id of the message); those that are not ours are absent."""
    if not messages:
        return {}
    found: Sequence[Any] = connection.execute(_BY_MESSAGE, {"messages": list(messages)}).all()
    return {(one.provider, one.provider_message_id or ""): one for one in (Attempt(*row) for row in found)}


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


_delivered = rows_of("delivered", request_id=sa.BigInteger(), at=UtcDateTime()).c
_DELIVER = (
    requests.update()
    .where(
        _r.request_id == _delivered.request_id,
        sa.or_(
            has_status(RequestStatus.SENT, RequestStatus.FAILED),
            sa.and_(has_status(RequestStatus.DELIVERED), _r.delivered_at > _delivered.at),
        ),
    )
    .values(status=RequestStatus.DELIVERED, delivered_at=_delivered.at, **NO_FAILURE)
)


def record_delivered(connection: Connection, delivered: Mapping[int, datetime]) -> bool:
    """Requests, by id, whose messages reached the customer, each when; that outranks a failure told before.

    Times are the provider's; whichever is told first, the earliest counts. Whether all of them were sent or had failed:
    False when one had been delivered before, or was queued again.
    """
    if not delivered:
        return True
    rows = [[request_id, moment_text(at)] for request_id, at in sorted(delivered.items())]
    return connection.execute(_DELIVER, {"delivered": rows}).rowcount == len(rows)


def record_failed_later(
    connection: Connection,
    attempt: Attempt,
    *,
    code: str,
    reason: str,
    scope: FailureScope,
    at: datetime,
    is_final: bool = True,
) -> None:
    """The provider took it and could not deliver it. The quota unit stays charged: a message left.

    What is told first decides nothing: a failure that `is_final` outranks one that may pass, after which the request
    was queued once more, and of several such the earliest counts.
    """
    outranked = [_r.status == RequestStatus.SENT]
    if is_final:
        is_later = sa.or_(_r.failed_at > at, sa.and_(_r.failed_at == at, _r.failure_code > code))
        outranked += [
            sa.and_(_r.status == RequestStatus.QUEUED, _r.handed_at.is_not(None), _r.failed_at.is_not(None)),
            sa.and_(_r.status == RequestStatus.FAILED, is_later),
        ]
    connection.execute(
        requests.update()
        .where(
            _r.request_id == attempt.request_id,
            _r.attempt_id == attempt.attempt_id,  # not another attempt's message, which may well arrive
            sa.or_(*outranked),
        )
        .values(
            status=RequestStatus.FAILED,
            failed_at=at,
            failure_code=code,
            failure_reason=reason[:300],
            failure_scope=scope,
        )
    )
