"""How much of the account's quota is used, and when it comes back. Reserving a unit is the claim's (`dispatch`)."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, Row

from data.cycle import cycle_at, starts_at
from data.ledger.tables import accounts, quota_cycles, quota_reservations


@dataclass(frozen=True, slots=True)
class QuotaStanding:
    """The cycle that holds a moment, for both dashboard cards. Units are invitations.

    `used` and `allowance` are the account's, over all locations; `location_used` is the reservations of some
    locations in this cycle that were not given back (None when none were asked for).
    """

    used: int
    allowance: int
    start_date: date  # first day of the cycle
    resets_date: date  # first day of the next cycle
    location_used: int | None
    resets_at: datetime  # its midnight in the account's zone

    @property
    def left(self) -> int:
        """Invitations that may still be claimed in this cycle."""
        return max(0, self.allowance - self.used)


def ensure_cycle(connection: Connection, account_id: int, at: datetime) -> date:
    """Make the row of the cycle that holds `at` if it is missing; its `cycle_start_date`.

    Safe beside others doing the same. Raises sqlalchemy.exc.NoResultFound for an unknown account.
    """
    account = _account(connection, account_id)
    start, end = cycle_at(at, account.cycle_anchor_day, account.time_zone)
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    connection.execute(
        dialect.insert(quota_cycles)
        .values(
            account_id=account_id,
            cycle_start_date=start,
            cycle_end_date=end,
            allowance=account.invitations_per_cycle,
            used=0,
        )
        .on_conflict_do_nothing()
    )
    return start


def standing(
    connection: Connection, account_id: int, at: datetime, location_ids: Collection[int] | None = None
) -> QuotaStanding:
    """How the quota stands in the cycle that holds `at`. A cycle nobody has claimed in yet stands at zero."""
    account = _account(connection, account_id)
    start, end = cycle_at(at, account.cycle_anchor_day, account.time_zone)
    cycle = connection.execute(
        sa.select(quota_cycles.c.used, quota_cycles.c.allowance).where(
            quota_cycles.c.account_id == account_id, quota_cycles.c.cycle_start_date == start
        )
    ).first()
    location_used = None
    if location_ids is not None:
        location_used = connection.execute(
            sa.select(sa.func.count()).where(
                quota_reservations.c.account_id == account_id,
                quota_reservations.c.cycle_start_date == start,
                quota_reservations.c.location_id.in_(sorted(location_ids)),
                quota_reservations.c.released_at.is_(None),
            )
        ).scalar_one()
    return QuotaStanding(
        used=cycle.used if cycle else 0,
        allowance=cycle.allowance if cycle else account.invitations_per_cycle,
        start_date=start,
        resets_date=end,
        location_used=location_used,
        resets_at=starts_at(end, account.time_zone),
    )


def cycle_used(connection: Connection, account_id: int, cycle_start: date) -> int:
    """How many units of a cycle are used, over all locations."""
    found = connection.execute(
        sa.select(quota_cycles.c.used).where(
            quota_cycles.c.account_id == account_id, quota_cycles.c.cycle_start_date == cycle_start
        )
    ).scalar()
    return found or 0


def _account(connection: Connection, account_id: int) -> Row[Any, *tuple[Any, ...]]:
    return connection.execute(
        sa.select(accounts.c.cycle_anchor_day, accounts.c.time_zone, accounts.c.invitations_per_cycle).where(
            accounts.c.account_id == account_id
        )
    ).one()
