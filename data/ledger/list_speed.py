"""How fast a list goes ("50/hour", from Monday to Friday, between nine and five): how many may start at a moment.

Counted by the claims themselves (a reservation carries the policy time of its claim), under the lock that a claim
holds anyway, so that any number of dispatchers together never exceed N in any hour or day. Follow-ups are not paced.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from data.ledger.tables import invitations, lists, locations, quota_reservations
from data.standing import Pace

DAY_MINUTES = 24 * 60
_PERIODS = {"hour": timedelta(hours=1), "day": timedelta(days=1)}

_ls = lists.c
_LISTS: sa.Select[Any] = (
    sa.select(
        _ls.list_id, _ls.speed, _ls.send_at, _ls.speed_days, _ls.speed_opens, _ls.speed_closes, locations.c.time_zone
    )
    .join(locations, locations.c.location_id == _ls.location_id)
    .where(_ls.account_id == sa.bindparam("account", type_=sa.BigInteger))
)


def left_of(pace: Pace, at: datetime) -> int | None:
    """How many more invitations of a list may start at `at`; None: it sets no limit now."""
    if (pace.send_at and at < pace.send_at) or not _is_open(pace, at):
        return 0
    if pace.count is None or pace.period is None:
        return None
    return max(0, pace.count - sum(claimed_at > at - pace.period for claimed_at in pace.recent))


def _is_open(pace: Pace, at: datetime) -> bool:
    """Whether `at` is on one of the list's days and within its hours, by the clock on the wall in its zone.

    The closing minute is excluded. Hours that cross midnight belong to the day on which they open.
    """
    local = at.astimezone(ZoneInfo(pace.zone))
    days = range(7) if pace.days is None else pace.days
    opens = pace.opens or 0
    closes = DAY_MINUTES if pace.closes is None else pace.closes
    minute = local.hour * 60 + local.minute
    if opens < closes:
        return local.weekday() in days and opens <= minute < closes
    return (minute >= opens and local.weekday() in days) or (minute < closes and (local.weekday() - 1) % 7 in days)


def read_paces(connection: Connection, account_id: int, at: datetime) -> dict[int, Pace]:
    """The lists that are not "all at once", by list id, each with its claims within the last period before `at`.

    A claim that another process dates after `at` (its clock is ahead) counts as well.
    """
    found = {row.list_id: _pace(row) for row in connection.execute(_LISTS, {"account": account_id})}
    paces = {list_id: pace for list_id, pace in found.items() if pace is not None}
    if not any(pace.period for pace in paces.values()):
        return paces
    longest = max(_PERIODS.values())
    claims = connection.execute(
        sa.select(invitations.c.list_id, quota_reservations.c.reserved_at)
        .join(invitations, invitations.c.invitation_id == quota_reservations.c.invitation_id)
        .where(
            quota_reservations.c.account_id == account_id,
            quota_reservations.c.reserved_at > at - longest,
            invitations.c.list_id.in_([list_id for list_id, pace in paces.items() if pace.period]),
        )
        .order_by(quota_reservations.c.reserved_at)
    ).all()
    recent: dict[int, list[datetime]] = {}
    for row in claims:
        period = paces[row.list_id].period
        if period and row.reserved_at > at - period:
            recent.setdefault(row.list_id, []).append(row.reserved_at)
    return {list_id: replace(pace, recent=tuple(recent.get(list_id, ()))) for list_id, pace in paces.items()}


def _pace(row: Row[Any]) -> Pace | None:
    """A list's pace, without its claims; None: all at once."""
    limits = (row.speed, row.send_at, row.speed_days, row.speed_opens, row.speed_closes)
    if all(limit is None for limit in limits):
        return None
    count, _, period = (row.speed or "").partition("/")
    return Pace(
        zone=row.time_zone,
        count=int(count) if count else None,
        period=_PERIODS[period] if period else None,
        send_at=row.send_at,
        days=tuple(row.speed_days) if row.speed_days is not None else None,
        opens=row.speed_opens,
        closes=row.speed_closes,
    )
