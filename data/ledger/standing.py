"""How an account and its lists stand at a moment: what is left of the quota, and how fast each list may go."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

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


_ACCOUNT = sa.select(_ac.cycle_anchor_day, _ac.time_zone, _ac.invitations_per_cycle).where(
    _ac.account_id == sa.bindparam("account", type_=sa.BigInteger)
)
_CYCLE = sa.select(_q.used, _q.allowance).where(
    _q.account_id == sa.bindparam("account", type_=sa.BigInteger),
    _q.cycle_start_date == sa.bindparam("cycle", type_=sa.Date),
)
_LIMITED: sa.Select[Any] = sa.select(
    _l.location_id,
    _l.invitations_per_cycle,
    sa.select(sa.func.count())
    .where(
        _res.location_id == _l.location_id,
        _res.cycle_start_date == sa.bindparam("cycle", type_=sa.Date),
        _res.released_at.is_(None),
    )
    .correlate(locations)
    .scalar_subquery()
    .label("used"),
).where(_l.account_id == sa.bindparam("account", type_=sa.BigInteger), _l.invitations_per_cycle.is_not(None))


def read_quota(connection: Connection, account_id: int, at: datetime) -> Quota:
    """What is left in the cycle that holds `at`, for the account and for each location with a limit, and the resets."""
    account = connection.execute(_ACCOUNT, {"account": account_id}).one()
    start, end = cycle_at(at, account.cycle_anchor_day, account.time_zone)
    resets = [end]
    while len(resets) < CYCLES_AHEAD:
        resets.append(cycle_of(resets[-1] + timedelta(days=1), account.cycle_anchor_day)[1])
    left, limited = _left(connection, account_id, start, account.invitations_per_cycle)
    return Quota(
        left=left,
        per_cycle=account.invitations_per_cycle,
        resets=tuple(starts_at(day, account.time_zone) for day in resets),
        location_left={row.location_id: max(0, row.invitations_per_cycle - row.used) for row in limited},
        location_per_cycle={row.location_id: row.invitations_per_cycle for row in limited},
    )


def read_left(connection: Connection, account_id: int, at: datetime) -> tuple[int, dict[int, int]]:
    """What is left in the cycle that holds `at`: the account's, and each limited location's. For the claim."""
    account = connection.execute(_ACCOUNT, {"account": account_id}).one()
    start, _end = cycle_at(at, account.cycle_anchor_day, account.time_zone)
    left, limited = _left(connection, account_id, start, account.invitations_per_cycle)
    return left, {row.location_id: max(0, row.invitations_per_cycle - row.used) for row in limited}


def _left(connection: Connection, account_id: int, cycle: date, per_cycle: int) -> tuple[int, Sequence[Row[Any]]]:
    named = {"account": account_id, "cycle": cycle}
    found = connection.execute(_CYCLE, named).first()
    left = max(0, found.allowance - found.used) if found else per_cycle
    return left, connection.execute(_LIMITED, named).all()
