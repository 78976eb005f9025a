"""The demo's clock: an offset in the ledger that policy time is shifted by. Only a demo ledger has one."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from data.ledger.store import Ledger
from data.ledger.tables import system

_NOON = 12
_SATURDAY = 5
_OPENS, _CLOSES = 9, 16  # outside these hours a demo would start with nobody to be asked


class NotADemo(Exception):
    """The ledger is a real one: its time cannot be moved."""


def begin_demo(ledger: Ledger) -> None:
    """Mark a ledger as a demo's; from then on its clock can be moved."""
    with ledger.write() as connection:
        connection.execute(system.update().values(is_demo=True))


def is_demo(ledger: Ledger) -> bool:
    """Whether this ledger is a demo's."""
    with ledger.read() as connection:
        return bool(connection.execute(sa.select(system.c.is_demo)).scalar_one_or_none())


def clock_offset(ledger: Ledger) -> timedelta:
    """How far policy time is from this machine's clock."""
    with ledger.read() as connection:
        return timedelta(seconds=connection.execute(sa.select(system.c.clock_offset_seconds)).scalar_one())


def move_clock(ledger: Ledger, by: timedelta) -> timedelta:
    """Move policy time; the whole offset after that. Raises NotADemo on a real ledger."""
    with ledger.write() as connection:
        moved = connection.execute(
            system.update()
            .where(system.c.is_demo)
            .values(clock_offset_seconds=system.c.clock_offset_seconds + int(by.total_seconds()))
            .returning(system.c.clock_offset_seconds)
        ).scalar_one_or_none()
    if moved is None:
        raise NotADemo("Only a demo's time can be moved; this ledger is a real one.")
    return timedelta(seconds=moved)


def to_weekday_noon(policy_now: datetime, zone: ZoneInfo, *, may_go_back: bool) -> timedelta:
    """How far to move so that it is working hours on a weekday in `zone`: nothing when it is, else to a noon.

    `may_go_back`: a fresh demo goes to the noon of this very day; one that has a history only ever goes forward.
    """
    local = policy_now.astimezone(zone)
    if local.weekday() < _SATURDAY and _OPENS <= local.hour < _CLOSES and not may_go_back:
        return timedelta()
    noon = local.replace(hour=_NOON, minute=0, second=0, microsecond=0)
    while noon.weekday() >= _SATURDAY or (noon < local and not may_go_back):
        noon = (noon + timedelta(days=1)).replace(hour=_NOON)
    return noon.astimezone(UTC) - policy_now
