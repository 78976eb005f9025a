"""The quota cycle's calendar: from anchor day to anchor day, at midnight in the account's zone.

Plain arithmetic, here rather than in `invitations` because the ledger's own counting needs it.
"""

import calendar
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


def cycle_of(day: date, anchor_day: int) -> tuple[date, date]:
    """The cycle that holds `day`: its first day, and the first day of the next one (the reset date).

    `anchor_day` is 1..31; in a month that is shorter, its last day stands in.
    """
    turn = _turn(day.year, day.month, anchor_day)
    if day >= turn:
        following = turn.replace(day=1) + timedelta(days=31)
        return turn, _turn(following.year, following.month, anchor_day)
    before = day.replace(day=1) - timedelta(days=1)
    return _turn(before.year, before.month, anchor_day), turn


def cycle_at(at: datetime, anchor_day: int, time_zone: str) -> tuple[date, date]:
    """The cycle that holds the moment `at`, by the calendar on the wall in `time_zone`."""
    return cycle_of(at.astimezone(ZoneInfo(time_zone)).date(), anchor_day)


def starts_at(day: date, time_zone: str) -> datetime:
    """The first moment of `day` in `time_zone`, UTC; where clocks skip midnight, the moment they do."""
    return datetime.combine(day, time(), tzinfo=ZoneInfo(time_zone)).astimezone(UTC)


def _turn(year: int, month: int, anchor_day: int) -> date:
    return date(year, month, min(anchor_day, calendar.monthrange(year, month)[1]))
