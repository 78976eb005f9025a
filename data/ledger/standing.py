"""How an account and its lists stand at a moment: what is left of the quota, and how fast each list may go."""

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.cycle import cycle_at, cycle_of, starts_at
from data.ledger.list_speed import read_paces
from data.ledger.tables import accounts, locations, quota_cycles, quota_reservations
from data.standing import Quota, Standing

CYCLES_AHEAD = 24

_ac, _l, _q, _res = accounts.c, locations.c, quota_cycles.c, quota_reservations.c


def read_standing(connection: Connection, account_id: int, at: datetime) -> Standing:
    """The account's standing at `at` (policy time). Call it in the read transaction that reads the candidates.

    Raises sqlalchemy.exc.NoResultFound for an unknown account.
    """
    return Standing(read_quota(connection, account_id, at), read_paces(connection, account_id, at))


def read_quota(connection: Connection, account_id: int, at: datetime) -> Quota:
    """What is left in the cycle that holds `at`, for the account and for each location with a limit, and the resets."""
    account = connection.execute(
        sa.select(_ac.cycle_anchor_day, _ac.time_zone, _ac.invitations_per_cycle).where(_ac.account_id == account_id)
    ).one()
    start, end = cycle_at(at, account.cycle_anchor_day, account.time_zone)
    cycle = connection.execute(
        sa.select(_q.used, _q.allowance).where(_q.account_id == account_id, _q.cycle_start_date == start)
    ).first()
    resets = [end]
    while len(resets) < CYCLES_AHEAD:
        resets.append(cycle_of(resets[-1] + timedelta(days=1), account.cycle_anchor_day)[1])
    used = (
        sa.select(sa.func.count())
        .where(_res.location_id == _l.location_id, _res.cycle_start_date == start, _res.released_at.is_(None))
        .correlate(locations)
        .scalar_subquery()
    )
    limited = connection.execute(
        sa.select(_l.location_id, _l.invitations_per_cycle, used.label("used")).where(
            _l.account_id == account_id, _l.invitations_per_cycle.is_not(None)
        )
    ).all()
    return Quota(
        left=max(0, cycle.allowance - cycle.used) if cycle else account.invitations_per_cycle,
        per_cycle=account.invitations_per_cycle,
        resets=tuple(starts_at(day, account.time_zone) for day in resets),
        location_left={row.location_id: max(0, row.invitations_per_cycle - row.used) for row in limited},
        location_per_cycle={row.location_id: row.invitations_per_cycle for row in limited},
    )
