"""When a message may go: the stretches of real time in which each of a recipient's wall clocks is inside the hours.

Worked out once per place and span of days, not per person: a planning pass meets a few thousand places at most (zones,
states, country and channel), and a table of exact UTC stretches needs no rule about ambiguous or skipped wall times.
Where a clock is set forward over `opens`, the stretch begins the moment the clock jumps; where an hour is repeated,
each pass of it counts for itself. `invitations.days` says which hours of which days, `invitations.clocks` when a wall
shows them.
"""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache, reduce
from operator import itemgetter
from typing import NamedTuple

import polars as pl

from invitations.clocks import MINUTE, Stretch, as_moment, common, first_at_or_after, midnight, real_stretches, spans
from invitations.days import open_wall_times
from invitations.policy import Policy
from invitations.policy_parts import QuietHours, StricterHours

MOMENT = pl.Datetime("us", "UTC")
PLACE = ("zones", "regions", "recipient_country", "channel")
Place = tuple[str, str, str, str]  # those of one

_CLOSES = itemgetter(1)
# Days beyond `until`. Nearly every place opens again within eight; one whose zones meet only in summer, or on a day of
# the week that holidays take, is looked for over more than a year.
_DAY = timedelta(days=1)
_SOON, _LATE = 8 * _DAY, 400 * _DAY
_A_MONTH = 31 * _DAY  # from the first of any month into the next


def open_windows(places: pl.DataFrame, policy: Policy, since: datetime, until: datetime) -> pl.DataFrame:
    """The open stretches of each place that hold or follow any moment of [since, until].

    `places`: `zones` (tz names joined by "|": inside the hours in all of them), `regions` (ISO 3166-2, joined the same
    way, "" for none), `recipient_country` (ISO), `channel`. Returned: these, `opens_at` and `closes_at` (UTC, closes_at
    excluded), sorted by place and time. Each place's last stretch closes after `until`; a place that never opens again
    has no row. Where the hours never close, the stretch ends with the span looked at, days after `until`.
    Raises zoneinfo.ZoneInfoNotFoundError for a zone that the tz database lacks.
    """
    distinct = places.select(PLACE).unique().sort(PLACE)
    numbers: list[int] = []
    opens: list[int] = []
    closes: list[int] = []
    for number, place in enumerate(distinct.iter_rows()):
        for opens_at, closes_at in windows_at(place, policy, since, until):
            numbers.append(number)
            opens.append(opens_at)
            closes.append(closes_at)
    return distinct[numbers].with_columns(
        opens_at=pl.Series(opens, dtype=pl.Int64).cast(MOMENT), closes_at=pl.Series(closes, dtype=pl.Int64).cast(MOMENT)
    )


def windows_at(place: Place, policy: Policy, since: datetime, until: datetime) -> Sequence[Stretch]:
    """The open stretches of one place, as `open_windows` has them for many: moments, in order."""
    zones, regions, country, channel = place
    return _ahead(zones, _hours(policy, regions, country, channel), since, until)


def daily_moments(zones: str, minute: int, since: datetime, until: datetime) -> list[int]:
    """When it is so many minutes after midnight at `zones`, day by day: moments, in order.

    `zones` as a place has them: tz names joined by "|". From a day before `since` to a day after `until`, so that each
    moment between them is followed by one. With several zones: when it is at least that time in all of them on that
    day. Where the clock skips the time: the first moment after the gap; where it comes twice: the first of the two.
    """
    first, last = since.astimezone(UTC).date() - 2 * _DAY, until.astimezone(UTC).date() + 3 * _DAY
    days = [midnight(date.fromordinal(number)) for number in range(first.toordinal(), last.toordinal())]
    each = (_moments(zone, minute, days, first, last) for zone in zones.split("|"))
    return [max(at) for at in zip(*each, strict=True)]


class _Hours(NamedTuple):
    """All that a place's wall clocks are held against."""

    general: QuietHours
    stricter: tuple[StricterHours, ...]
    holidays_of: tuple[str, ...]  # ISO 3166; none: holidays are days like any other


@lru_cache(maxsize=4096)
def _hours(policy: Policy, regions: str, country: str, channel: str) -> _Hours:
    return _Hours(
        policy.quiet_hours,
        tuple(rule for rule in policy.stricter_hours if _is_about(rule, regions, country, channel)),
        (country, *regions.split("|")) if policy.quiet_hours.skip_holidays else (),
    )


def _is_about(rule: StricterHours, regions: str, country: str, channel: str) -> bool:
    return channel in rule.channels and (rule.region == country or rule.region in regions.split("|"))


def _ahead(zones: str, hours: _Hours, since: datetime, until: datetime) -> Sequence[Stretch]:
    """Those that close after `since`, to the first that closes after `until`. None: it never opens again."""
    # Whole months, so that passes on different days share what is worked out.
    first = (since.astimezone(UTC).date() - 2 * _DAY).replace(day=1)
    for reach in (_SOON, _LATE):
        last = (until.astimezone(UTC).date() + reach).replace(day=1) + _A_MONTH
        stretches = _stretches(zones, hours, first, last)
        end = bisect_right(stretches, as_moment(until), key=_CLOSES)
        if end < len(stretches):
            return stretches[bisect_right(stretches, as_moment(since), key=_CLOSES) : end + 1]
    return ()


@lru_cache(maxsize=2048)
def _stretches(zones: str, hours: _Hours, first: date, last: date) -> tuple[Stretch, ...]:
    """In all of `zones`, from midnight (UTC) of `first` to midnight of `last`."""
    wall = open_wall_times(hours.general, hours.stricter, hours.holidays_of, first - _DAY, last + _DAY)
    each = (real_stretches(wall, spans(zone, first, last)) for zone in zones.split("|"))
    return tuple(reduce(common, each))


def _moments(zone: str, minute: int, days: list[int], first: date, last: date) -> list[int]:
    clock = spans(zone, first - 2 * _DAY, last + 2 * _DAY)
    return first_at_or_after((day + minute * MINUTE for day in days), clock)
