"""When a message may go: the stretches of real time in which a zone's wall clock is inside the policy's hours.

Worked out once per zone and span of days, not per person: a planning pass meets a few hundred zones at most, and a
table of exact UTC stretches needs no rule about ambiguous or skipped wall times. Where a clock is set forward over
`opens`, the stretch begins the moment the clock jumps; where an hour is repeated, each pass of it counts for itself.
"""

import itertools
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import polars as pl

from invitations.policy_parts import QuietHours

MOMENT = pl.Datetime("us", "UTC")

_DAY = timedelta(days=1)
_PROBE = timedelta(hours=6)  # no zone changes its offset there and back within six hours
_MARGIN = 3  # days: a window that one change of clocks swallows whole comes again within them


def open_windows(zones: Iterable[str], hours: QuietHours, since: datetime, until: datetime) -> pl.DataFrame:
    """The open stretches of each zone, enough to find the one that holds or follows any moment of [since, until].

    Columns: `zone`, `opens_at`, `closes_at` (UTC, closes_at excluded), sorted by zone and time. Where the hours never
    close, the stretch ends with the span. Raises zoneinfo.ZoneInfoNotFoundError for a name the tz database lacks.
    """
    first, last = since.date() - 2 * _DAY, until.date() + _MARGIN * _DAY
    rows = [
        (zone, opens_at, closes_at)
        for zone in sorted(set(zones))
        for opens_at, closes_at in _stretches(zone, hours, first, last)
    ]
    return pl.DataFrame(rows, schema={"zone": pl.String, "opens_at": MOMENT, "closes_at": MOMENT}, orient="row")


@lru_cache(maxsize=2048)
def _stretches(name: str, hours: QuietHours, first: date, last: date) -> tuple[tuple[datetime, datetime], ...]:
    zone = ZoneInfo(name)
    begin, end = _utc_midnight(first), _utc_midnight(last)
    # Between two of these points the wall clock runs on without crossing `opens` or `closes`.
    points = sorted({begin, end} | {p for p in _points(zone, hours, first, last) if begin < p < end})
    found: list[tuple[datetime, datetime]] = []
    for point, following in itertools.pairwise(points):
        local = point.astimezone(zone)
        if not _is_open(hours, local.hour * 60 + local.minute):
            continue
        if found and found[-1][1] == point:
            found[-1] = (found[-1][0], following)
        else:
            found.append((point, following))
    return tuple(found)


def _points(zone: ZoneInfo, hours: QuietHours, first: date, last: date) -> Iterable[datetime]:
    """Every moment at which the window may open or close: its wall times on each day, and each change of clocks."""
    for number in range((last - first).days + 2):
        day = first + (number - 1) * _DAY
        for minute in (hours.opens, hours.closes):
            wall = datetime.combine(day, time(), tzinfo=zone) + timedelta(minutes=minute)  # wall-clock arithmetic
            for fold in (0, 1):
                yield wall.replace(fold=fold).astimezone(UTC)
    probe, end = _utc_midnight(first), _utc_midnight(last)
    while probe < end:
        if _offset(zone, probe) != _offset(zone, probe + _PROBE):
            yield _change_between(zone, probe, probe + _PROBE)
        probe += _PROBE


def _is_open(hours: QuietHours, minute: int) -> bool:
    if hours.opens < hours.closes:
        return hours.opens <= minute < hours.closes
    return minute >= hours.opens or minute < hours.closes


def _change_between(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """The first second at which the zone's offset is no longer what it was at `before`."""
    old = _offset(zone, before)
    while after - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=(after - before) // timedelta(seconds=2))
        if _offset(zone, middle) == old:
            before = middle
        else:
            after = middle
    return after


def _offset(zone: ZoneInfo, at: datetime) -> timedelta | None:
    return at.astimezone(zone).utcoffset()


def _utc_midnight(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=UTC)
