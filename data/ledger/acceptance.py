"""The provider has the message: what follows in the ledger, in any order with callbacks, resolvers and late answers.

The statements are built once: putting Core expressions together for every message took longer than running them.
"""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.ledger.reservations import keep_unit, keep_units
from data.ledger.rows_of import listed, one_of, pairs_of
from data.ledger.tables import attempts, invitations, requests
from data.ledger.tables.metadata import database_now
from data.ledger.types import UtcDateTime
from data.words import AttemptOutcome, RequestStatus

_r, _i, _at = requests.c, invitations.c, attempts.c

NO_FAILURE = dict.fromkeys(("failed_at", "failure_code", "failure_reason", "failure_scope"))

# What a provider that has the message may overrule: nobody knew, three reads did not show it and yet it came, or its
# first answer said that it had not taken it.
_OVERRULED_BY_ACCEPTANCE = (AttemptOutcome.IN_DOUBT, AttemptOutcome.PROVED_ABSENT, AttemptOutcome.TEMPORARY_FAILURE)
# Open, or canceled meanwhile: it has gone all the same.
_OPEN = (RequestStatus.SENDING, RequestStatus.IN_DOUBT, RequestStatus.QUEUED, RequestStatus.CANCELED)

_attempt_id = sa.bindparam("named_attempt", type_=sa.String)
_message_id = sa.bindparam("message_id", type_=sa.String)
_request_id = sa.bindparam("named_request", type_=sa.BigInteger)
_invitation_id = sa.bindparam("named_invitation", type_=sa.BigInteger)
_moment = sa.bindparam("moment", type_=UtcDateTime)

# A doubt that is looked up while its request is being sent anew finds the new attempt's message, by the request's link:
# the id stays with whichever attempt brought it first, and the request has gone either way.
_other = attempts.alias("other")


def _unless_taken(message_id: sa.ColumnElement[str]) -> sa.ColumnElement[str | None]:
    is_taken = sa.exists().where(
        _other.c.provider == _at.provider,
        _other.c.provider_message_id == message_id,
        _other.c.attempt_id != _at.attempt_id,
    )
    return sa.case((is_taken, sa.null()), else_=message_id)


_SETTLE = (
    attempts.update()
    .where(
        _at.attempt_id == _attempt_id,
        sa.or_(_at.outcome.is_(None), _at.outcome.in_(_OVERRULED_BY_ACCEPTANCE)),
    )
    .values(
        outcome=AttemptOutcome.ACCEPTED,
        finished_at=database_now(),
        handed_at=sa.func.coalesce(_at.handed_at, database_now()),
        provider_message_id=sa.func.coalesce(_unless_taken(_message_id), _at.provider_message_id),
    )
)
_BRING_MESSAGE_ID = (
    attempts.update()
    .where(_at.attempt_id == _attempt_id, _at.provider_message_id.is_(None))
    .values(provider_message_id=_unless_taken(_message_id))
)
_FIND_REQUEST = (
    sa.select(_at.request_id, _r.invitation_id)
    .join(requests, _r.request_id == _at.request_id)
    .where(_at.attempt_id == _attempt_id)
)
_MARK_SENT = (
    requests.update()
    .where(
        _r.request_id == _request_id,
        sa.or_(
            _r.status.in_(_OPEN),
            # a newer attempt was turned away before this answer came
            sa.and_(_r.status == RequestStatus.FAILED, _r.handed_at.is_(None), _r.attempt_id != _attempt_id),
        ),
    )
    .values(status=RequestStatus.SENT, attempt_id=_attempt_id, handed_at=_moment, **NO_FAILURE)
)
_WITHDRAW_OTHERS = (
    attempts.update()
    .where(
        _at.request_id == _request_id,
        _at.attempt_id != _attempt_id,
        _at.outcome.is_(None),
        _at.handed_at.is_(None),
    )
    .values(outcome=AttemptOutcome.WITHDRAWN, finished_at=database_now())
)
_DATE_INVITATION = (
    invitations.update()
    .where(_i.invitation_id == _invitation_id, _i.first_handed_at.is_(None))
    # Follow-ups count from here: what a stop and restart before it added is over.
    .values(first_handed_at=_moment, shift_minutes=0)
)


# The same for many at once, of attempts that run as they should: each still holds its request.
_accepted = pairs_of("accepted", attempt_id=sa.String(), message_id=sa.String()).c
_RUNNING = (
    sa.select(_at.attempt_id, _r.request_id, _r.invitation_id)
    .join(requests, sa.and_(_r.request_id == _at.request_id, _r.attempt_id == _at.attempt_id))
    .where(
        _at.attempt_id.in_(one_of("attempt_ids", sa.String())),
        _at.outcome.is_(None),
        _r.status == RequestStatus.SENDING,
    )
    .with_for_update()
)
_SETTLE_RUNNING = (
    attempts.update()
    .where(_at.attempt_id == _accepted.attempt_id)
    .values(
        outcome=AttemptOutcome.ACCEPTED,
        finished_at=database_now(),
        handed_at=sa.func.coalesce(_at.handed_at, database_now()),
        provider_message_id=_unless_taken(_accepted.message_id),
    )
)
_MARK_SENT_RUNNING = (
    requests.update()
    .where(_r.request_id.in_(one_of("request_ids", sa.BigInteger())), _r.status == RequestStatus.SENDING)
    .values(status=RequestStatus.SENT, handed_at=_moment, **NO_FAILURE)
)
_DATE_INVITATIONS = (
    invitations.update()
    .where(_i.invitation_id.in_(one_of("invitation_ids", sa.BigInteger())), _i.first_handed_at.is_(None))
    .values(first_handed_at=_moment, shift_minutes=0)
)


def record_many_accepted(connection: Connection, accepted: Sequence[tuple[str, str | None]], at: datetime) -> None:
    """As `record_accepted`, for (attempt_id, provider_message_id) of many attempts in a few statements.

    Those that do not run as they should (a callback was first, the lease was lost) are recorded one by one.
    """
    names = {"attempt_ids": listed(attempt_id for attempt_id, _ in accepted)}
    running = {row.attempt_id: row for row in connection.execute(_RUNNING, names).all()}
    usual = {attempt_id: message_id for attempt_id, message_id in accepted if attempt_id in running}
    if usual:
        connection.execute(_SETTLE_RUNNING, {"accepted": usual})
        requested = listed(row.request_id for row in running.values())
        connection.execute(_MARK_SENT_RUNNING, {"request_ids": requested, "moment": at})
        invited = sorted({row.invitation_id for row in running.values()})
        connection.execute(_DATE_INVITATIONS, {"invitation_ids": listed(invited), "moment": at})
        keep_units(connection, invited)
    for attempt_id, message_id in accepted:
        if attempt_id not in running:
            record_accepted(connection, attempt_id, message_id, at)


def record_accepted(connection: Connection, attempt_id: str, provider_message_id: str | None, at: datetime) -> bool:
    """The provider has the message. `at` is policy time. False when that was known already.

    Whatever else was under way for the request is over: a request queued again is taken back from the queue (one that
    was canceled meanwhile has gone all the same, and is never revived), and a newer attempt that has not handed over
    is withdrawn (its hand-over finds the request gone). One that has handed over changes the request no more.
    """
    named = {"named_attempt": attempt_id, "message_id": provider_message_id}
    if connection.execute(_SETTLE, named).rowcount == 0:
        if provider_message_id:  # a callback told first, without the id; the answer brings it
            connection.execute(_BRING_MESSAGE_ID, named)
        return False
    found = connection.execute(_FIND_REQUEST, named).one()
    values = {**named, "named_request": found.request_id, "named_invitation": found.invitation_id, "moment": at}
    if connection.execute(_MARK_SENT, values).rowcount == 1:
        connection.execute(_WITHDRAW_OTHERS, values)
        connection.execute(_DATE_INVITATION, values)
        keep_unit(connection, found.invitation_id)
    return True
