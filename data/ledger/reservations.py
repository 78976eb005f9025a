"""One unit of quota per invitation: given at its first claim, kept while in doubt, given back when nothing left.

Whoever gives one back locks the account's cycles first, as the claim does: two who each see the other's message on its
way would both keep a unit that nobody uses, or give one back under a message that is leaving.
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.ledger.rows_of import listed, one_of, pairs_of
from data.ledger.tables import attempts, quota_cycles, quota_reservations, requests
from data.ledger.tables.metadata import database_now
from data.ledger.types import UtcDateTime
from data.words import RequestStatus

if TYPE_CHECKING:
    from data.ledger.claimable import Due

_r, _at, _q, _res = requests.c, attempts.c, quota_cycles.c, quota_reservations.c

# The message may have reached somebody, so the unit stays charged.
_MAY_HAVE_LEFT = (RequestStatus.SENDING, RequestStatus.IN_DOUBT, RequestStatus.SENT, RequestStatus.DELIVERED)


def has_reservation() -> sa.ColumnElement[bool]:
    """Whether the request's invitation holds its unit; for a WHERE over `requests`."""
    return sa.exists().where(_res.invitation_id == requests.c.invitation_id, _res.released_at.is_(None))


_reserved = pairs_of("reserved", invitation_id=sa.BigInteger(), location_id=sa.BigInteger()).c
_FORGET_RELEASED = quota_reservations.delete().where(_res.invitation_id.in_(one_of("invitation_ids", sa.BigInteger())))
_RESERVE = quota_reservations.insert().from_select(
    ["invitation_id", "location_id", "account_id", "cycle_start_date", "reserved_at"],
    sa.select(
        _reserved.invitation_id,
        _reserved.location_id,
        sa.bindparam("account", type_=sa.BigInteger),
        sa.bindparam("cycle", type_=sa.Date),
        sa.bindparam("moment", type_=UtcDateTime),
    ),
)


def reserve(
    connection: Connection, chosen: Sequence["Due"], *, account_id: int, cycle: date, room: int, now: datetime
) -> set[int]:
    """Give each invitation its one unit while there is room; the invitations that have one."""
    paid = {row.invitation_id for row in chosen if row.is_reserved}
    waiting = list(dict.fromkeys(row.invitation_id for row in chosen if not row.is_reserved))[: max(room, 0)]
    if not waiting:
        return paid
    charged = connection.execute(
        quota_cycles.update()
        .where(
            _q.account_id == account_id,
            _q.cycle_start_date == cycle,
            _q.used + len(waiting) <= _q.allowance,
        )
        .values(used=_q.used + len(waiting))
    )
    if charged.rowcount != 1:
        return paid
    location_of = {row.invitation_id: row.location_id for row in chosen}
    connection.execute(_FORGET_RELEASED, {"invitation_ids": listed(waiting)})
    reserved = {invitation_id: location_of[invitation_id] for invitation_id in waiting}
    connection.execute(_RESERVE, {"reserved": reserved, "account": account_id, "cycle": cycle, "moment": now})
    return paid | set(waiting)


_KEEP = (
    quota_reservations.update()
    .where(
        _res.invitation_id == sa.bindparam("named_invitation", type_=sa.BigInteger),
        _res.released_at.is_(None),
        _res.is_handed_over.is_(sa.false()),
    )
    .values(is_handed_over=True)
)


_KEEP_MANY = (
    quota_reservations.update()
    .where(
        _res.invitation_id.in_(one_of("invitation_ids", sa.BigInteger())),
        _res.released_at.is_(None),
    )
    .values(is_handed_over=True)
    .returning(_res.invitation_id)
)


def keep_units(connection: Connection, invitation_ids: Sequence[int]) -> None:
    """As `keep_unit`, for many."""
    kept = set(connection.execute(_KEEP_MANY, {"invitation_ids": listed(invitation_ids)}).scalars().all())
    for invitation_id in invitation_ids:
        if invitation_id not in kept:
            keep_unit(connection, invitation_id)


def keep_unit(connection: Connection, invitation_id: int) -> None:
    """A message of the invitation left for certain. A unit given back too early is charged again, if there is room."""
    if connection.execute(_KEEP, {"named_invitation": invitation_id}).rowcount:
        return
    released = connection.execute(
        sa.select(_res.account_id, _res.cycle_start_date).where(
            _res.invitation_id == invitation_id, _res.released_at.is_not(None)
        )
    ).first()
    if released is None:
        return
    charged = connection.execute(
        quota_cycles.update()
        .where(
            _q.account_id == released.account_id,
            _q.cycle_start_date == released.cycle_start_date,
            _q.used < _q.allowance,
            sa.exists().where(_res.invitation_id == invitation_id, _res.released_at.is_not(None)),
        )
        .values(used=_q.used + 1)
    )
    if charged.rowcount:
        connection.execute(
            quota_reservations.update()
            .where(_res.invitation_id == invitation_id)
            .values(released_at=None, is_handed_over=True)
        )


def release_unused_unit(connection: Connection, attempt_id: str) -> None:
    """Give the invitation's unit back once every attempt of it has certainly failed."""
    invitation_id, account_id = connection.execute(
        sa.select(_r.invitation_id, _r.account_id)
        .join(attempts, _at.request_id == _r.request_id)
        .where(_at.attempt_id == attempt_id)
    ).one()
    cycles = sa.select(_q.cycle_start_date).where(_q.account_id == account_id).order_by(_q.cycle_start_date)
    connection.execute(cycles.with_for_update())
    released = connection.execute(
        quota_reservations.update()
        .where(
            _res.invitation_id == invitation_id,
            _res.released_at.is_(None),
            ~sa.exists().where(_r.invitation_id == invitation_id, _r.status.in_(_MAY_HAVE_LEFT)),
            ~sa.exists().where(_r.invitation_id == invitation_id, _r.handed_at.is_not(None)),
        )
        .values(released_at=database_now(), is_handed_over=False)
        .returning(_res.account_id, _res.cycle_start_date)
    ).first()
    if released is not None:
        connection.execute(
            quota_cycles.update()
            .where(_q.account_id == released.account_id, _q.cycle_start_date == released.cycle_start_date)
            .values(used=_q.used - 1)
        )
