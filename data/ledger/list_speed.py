"""The sending speed of a list ("50/hour"): how many first messages of it may still be claimed at a moment.

Counted by the claims themselves (a reservation carries the policy time of its claim), under the lock that a claim
holds anyway, so that any number of dispatchers together never exceed N in any hour or day. Follow-ups are not paced.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from data.ledger.tables import invitations, lists, locations, quota_reservations
from data.standing import Pace

_PERIODS = {"hour": timedelta(hours=1), "day": timedelta(days=1)}


def allowed_now(connection: Connection, account_id: int, now: datetime) -> dict[int, int]:
    """For each list with a speed, how many more of its invitations may start at `now` (policy time)."""
    paced = connection.execute(
        sa.select(lists.c.list_id, lists.c.speed).where(lists.c.account_id == account_id, lists.c.speed.is_not(None))
    ).all()
    return {row.list_id: _left(connection, row.list_id, row.speed, now) for row in paced}


def _left(connection: Connection, list_id: int, speed: str, now: datetime) -> int:
    count, _, period = speed.partition("/")
    claimed = connection.execute(
        sa.select(sa.func.count())
        .select_from(quota_reservations)
        .join(invitations, invitations.c.invitation_id == quota_reservations.c.invitation_id)
        .where(invitations.c.list_id == list_id, quota_reservations.c.reserved_at > now - _PERIODS[period])
    ).scalar_one()
    return max(0, int(count) - claimed)


def keep_pace(chosen: Sequence[Row[Any]], allowed: Mapping[int, int]) -> list[Row[Any]]:
    """Leave out first messages beyond what their list's speed allows; all messages of one invitation go together."""
    started: dict[int, set[int]] = {list_id: set() for list_id in allowed}
    kept = []
    for row in chosen:
        if row.list_id in started and not row.is_reserved:
            invitations_of_list = started[row.list_id]
            if row.invitation_id not in invitations_of_list and len(invitations_of_list) >= allowed[row.list_id]:
                continue
            invitations_of_list.add(row.invitation_id)
        kept.append(row)
    return kept


def read_paces(connection: Connection, account_id: int, at: datetime) -> dict[int, Pace]:
    """The lists that are not "all at once", by list id, each with its claims within the last period before `at`.

    A claim that another process dates after `at` (its clock is ahead) counts as well.
    """
    found = {row.list_id: _pace(row) for row in connection.execute(_list_rows(account_id))}
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


def _list_rows(account_id: int) -> sa.Select[Any]:
    of = lists.c
    return (
        sa.select(
            of.list_id, of.speed, of.send_at, of.speed_days, of.speed_opens, of.speed_closes, locations.c.time_zone
        )
        .join(locations, locations.c.location_id == of.location_id)
        .where(of.account_id == account_id)
    )


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
