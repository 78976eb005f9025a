"""Links that lead nowhere any more because a person said so. Unsubscribing by them works on for ever."""

from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.ledger.tables import attempts, invitations, requests
from data.ledger.tables.metadata import database_now
from data.words import RequestStatus

_r, _i, _a = requests.c, invitations.c, attempts.c
_ON_ITS_WAY = sa.exists().where(_a.attempt_id == _r.attempt_id, _a.outcome.is_(None), _a.handed_at.is_not(None))
_HAS_LEFT = sa.or_(
    sa.and_(_r.handed_at.is_not(None), _r.status.not_in([RequestStatus.QUEUED, RequestStatus.SENDING])),
    _r.status == RequestStatus.IN_DOUBT,
    sa.and_(_r.status == RequestStatus.SENDING, _ON_ITS_WAY),
)


@dataclass(frozen=True, slots=True)
class Revoked:
    """How many links end now, how many had ended before, how many are in messages that have yet to leave."""

    now: int
    before: int
    to_come: int


def revoke(
    connection: Connection, account_id: int, locations: Collection[int] | None, person_ids: Collection[int], *, by: str
) -> Revoked:
    """End the links of every message to these people that has left, at these locations (None: every one).

    A message still to come keeps its link: a dead one would tell the customer nothing. Lock the people first.
    """
    theirs = [
        _r.account_id == account_id,
        _r.invitation_id.in_(sa.select(_i.invitation_id).where(_i.person_id.in_(list(person_ids)))),
    ]
    if locations is not None:
        theirs.append(_r.location_id.in_(sorted(locations)))
    is_revoked = _r.link_revoked_at.is_not(None)
    is_waiting = sa.and_(_r.status.in_([RequestStatus.QUEUED, RequestStatus.SENDING]), ~_HAS_LEFT)
    before, to_come = (
        connection.execute(sa.select(sa.func.count()).select_from(requests).where(*theirs, which)).scalar_one()
        for which in (is_revoked, is_waiting)
    )
    ended = connection.execute(
        requests.update()
        .where(*theirs, _HAS_LEFT, ~is_revoked)
        .values(link_revoked_at=database_now(), link_revoked_by=by)
    )
    return Revoked(ended.rowcount, before, to_come)
