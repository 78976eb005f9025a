"""Hours as the minutes of a week that they leave open: what two sets of hours have in common is their AND.

Only for judging settings; when a message really goes is worked out in real time, by `invitations.windows`.
"""

from collections.abc import Iterable

from data.words import Channel
from invitations.policy import Policy
from invitations.policy_parts import DAY_MINUTES, Hours, StricterHours

_WEEK = 7 * DAY_MINUTES
_ALL = (1 << _WEEK) - 1


def open_minutes(hours: Hours) -> int:
    """One bit per minute, Monday 00:00 the lowest; a window past midnight reaches into the next day."""
    length = (hours.closes - hours.opens) % DAY_MINUTES or DAY_MINUTES
    return _union((day * DAY_MINUTES + hours.opens, length) for day in hours.weekdays)


def left_open(policy: Policy, region: str, channel: Channel) -> int:
    """What the policy's hours leave open for a region ("US-CT", or a country) and channel."""
    minutes = open_minutes(policy.quiet_hours)
    for row in policy.stricter_hours:
        if row.region in (region, region[:2]) and channel in row.channels:
            minutes &= _allowed(row)
    return minutes


def is_open_at(minutes: int, minute_of_day: int) -> bool:
    """Whether that time of day is open on any day of the week."""
    return any(minutes >> (day * DAY_MINUTES + minute_of_day) & 1 for day in range(7))


def _allowed(row: StricterHours) -> int:
    """On the weekdays that the row does not name it narrows nothing."""
    unnamed = _union((day * DAY_MINUTES, DAY_MINUTES) for day in range(7) if day not in row.weekdays)
    return unnamed | open_minutes(row)


def _union(stretches: Iterable[tuple[int, int]]) -> int:
    minutes = 0
    for start, length in stretches:
        bits = ((1 << length) - 1) << start
        minutes |= (bits | bits >> _WEEK) & _ALL  # Sunday's night goes on into Monday
    return minutes
