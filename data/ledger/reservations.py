"""One unit of quota per invitation: given at its first claim, kept while in doubt, given back by `outcomes`."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from data.ledger.tables import quota_cycles, quota_reservations, requests

_q, _res = quota_cycles.c, quota_reservations.c


def has_reservation() -> sa.ColumnElement[bool]:
    """Whether the request's invitation holds its unit; for a WHERE over `requests`."""
    return sa.exists().where(_res.invitation_id == requests.c.invitation_id, _res.released_at.is_(None))


def reserve(
    connection: Connection, chosen: Sequence[Row[Any]], *, account_id: int, cycle: date, room: int, now: datetime
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
    connection.execute(quota_reservations.delete().where(_res.invitation_id.in_(waiting)))  # released ones
    connection.execute(
        quota_reservations.insert(),
        [
            {
                "invitation_id": invitation_id,
                "account_id": account_id,
                "location_id": location_of[invitation_id],
                "cycle_start_date": cycle,
                "reserved_at": now,
            }
            for invitation_id in waiting
        ],
    )
    return paid | set(waiting)
