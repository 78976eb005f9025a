"""The sending speed of a list ("50/hour"): how many first messages of it may still be claimed at a moment.

Counted by the claims themselves (a reservation carries the policy time of its claim), under the lock that a claim
holds anyway, so that any number of dispatchers together never exceed N in any hour or day. Follow-ups are not paced.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from data.ledger.tables import invitations, lists, quota_reservations

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
