"""Clocks on the wall: between the moments at which a zone's offset changes, wall time is real time plus that offset.

All that is hard about wall clocks is in those changes, so everything here works on the spans between them: an hour
that is skipped lies in no span, an hour that is repeated lies in two. Moments and wall times are whole microseconds,
moments since 1970 in UTC, wall times as if the wall clock were UTC.
"""

import itertools
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from operator import itemgetter
from typing import NamedTuple
from zoneinfo import ZoneInfo

Stretch = tuple[int, int]  # from the first until just before the second

SECOND = 1_000_000
MINUTE = 60 * SECOND
DAY = 24 * 60 * MINUTE

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PROBE = 3 * DAY  # no two changes of a clock since 1970, or in its rules to come, are closer than six days
_OPENS, _CLOSES = itemgetter(0), itemgetter(1)


class Span(NamedTuple):
    """From `begins` until just before `ends`, the wall shows the moment plus `offset`."""

    begins: int
    ends: int
    offset: int


def as_moment(at: datetime) -> int:
    """Microseconds since 1970, UTC, of a datetime with a zone."""
    return (at - _EPOCH) // timedelta(microseconds=1)


def as_datetime(moment: int) -> datetime:
    """That moment, in UTC."""
    return _EPOCH + timedelta(microseconds=moment)


def midnight(day: date) -> int:
    """The wall time at which `day` begins; as a moment, its midnight in UTC."""
    return (day.toordinal() - _EPOCH.toordinal()) * DAY


def spans(zone: str, first: date, last: date) -> list[Span]:
    """What the zone's clocks show from midnight (UTC) of `first` until midnight of `last`, in order.

    Raises zoneinfo.ZoneInfoNotFoundError for a name that the tz database lacks.
    """
    begin, end = midnight(first), midnight(last)
    turns = [turn for year in range(first.year, last.year + 1) for turn in _turns(zone, year)]
    ends = [at for at, _ in turns[1:]] + [end]
    found = [
        Span(max(at, begin), min(until, end), offset)
        for (at, offset), until in zip(turns, ends, strict=True)
        if at < end and until > begin
    ]
    return [
        Span(same[0].begins, same[-1].ends, offset)
        for offset, group in itertools.groupby(found, key=lambda span: span.offset)
        if (same := list(group))
    ]


def real_stretches(wall: Sequence[Stretch], clock: Iterable[Span]) -> list[Stretch]:
    """The stretches of real time in which the wall clock is inside `wall` (sorted); those that touch are one."""
    found: list[Stretch] = []
    for begins, ends, offset in clock:
        shown = wall[bisect_right(wall, begins + offset, key=_CLOSES) : bisect_left(wall, ends + offset, key=_OPENS)]
        part = [(max(opens - offset, begins), min(closes - offset, ends)) for opens, closes in shown]
        if found and part and found[-1][1] == part[0][0]:
            part[0] = (found.pop()[0], part[0][1])
        found += part
    return found


def common(one: Iterable[Stretch], other: Iterable[Stretch]) -> list[Stretch]:
    """What lies in a stretch of both; each is sorted, and so is the result."""
    mine, theirs = list(one), list(other)
    found: list[Stretch] = []
    i = j = 0
    while i < len(mine) and j < len(theirs):
        start, stop = max(mine[i][0], theirs[j][0]), min(mine[i][1], theirs[j][1])
        if start < stop:
            found.append((start, stop))
        if mine[i][1] < theirs[j][1]:
            i += 1
        else:
            j += 1
    return found


def first_at_or_after(wall_times: Iterable[int], clock: Sequence[Span]) -> list[int]:
    """The moment at which the wall first shows each of these times, or a later one where it skips that one.

    `wall_times` are sorted; `clock` runs from before the first of them until after the last.
    """
    found: list[int] = []
    place = 0
    for wall in wall_times:
        while clock[place].ends + clock[place].offset <= wall:
            place += 1
        found.append(max(clock[place].begins, wall - clock[place].offset))
    return found


@lru_cache(maxsize=4096)
def _turns(name: str, year: int) -> tuple[tuple[int, int], ...]:
    """(moment, offset from then on): the year's first moment, and each change of clocks in it."""
    zone = ZoneInfo(name)
    begin, end = midnight(date(year, 1, 1)), midnight(date(year + 1, 1, 1))
    found = [(begin, _offset(zone, begin))]
    for probe in range(begin, end, _PROBE):
        following = min(probe + _PROBE, end - SECOND)
        if _offset(zone, following) != found[-1][1]:
            found.append((_change_between(zone, probe, following), _offset(zone, following)))
    return tuple(found)


def _change_between(zone: ZoneInfo, before: int, after: int) -> int:
    """The first second at which the zone's offset is no longer what it was at `before`."""
    old = _offset(zone, before)
    while after - before > SECOND:
        middle = before + (after - before) // (2 * SECOND) * SECOND
        if _offset(zone, middle) == old:
            before = middle
        else:
            after = middle
    return after


def _offset(zone: ZoneInfo, moment: int) -> int:
    offset = (_EPOCH + timedelta(microseconds=moment)).astimezone(zone).utcoffset()
    return (offset or timedelta()) // timedelta(microseconds=1)
