"""The speed of lists: N first messages in any hour or day, never N + 1; of those who can go, the first in line does.

A list has N places. A message takes the place that is free first, and keeps it for one period; so two messages on one
place are at least a period apart, and no stretch of that length, wherever it begins, holds more than N. The claims of
the last period hold their places from the start.

Nobody holds a place while their hours are shut: it goes to the first in line who can use it. Who that is depends on
nothing but the moment, so a later pass finds the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from heapq import heapify, heappop, heappush, heapreplace

import polars as pl

from data.ledger.frames import at_moment
from data.standing import Pace
from invitations.calendars import Calendars
from invitations.windows import MOMENT

_MICROSECOND = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NEVER, _LATER = -1, -2  # no moment in years; not before the moment asked about


class Places:
    """When each place of each paced list is free again: microseconds since 1970, as heaps."""

    def __init__(self, paces: Mapping[int, Pace], calendars: Calendars) -> None:
        self._calendars = calendars
        self._free: dict[int, list[int]] = {}
        self._periods: dict[int, int] = {}
        for list_id, pace in paces.items():
            if pace.count is not None and pace.period is not None:
                self._periods[list_id] = pace.period // _MICROSECOND
                self._free[list_id] = _free_places(pace.count, pace.period, pace.recent)

    def line_up(self, takers: pl.DataFrame, before: datetime | None) -> pl.DataFrame:
        """`takers` (list_id, cal, at, rank, consent_ends_at) with `at` moved to when their list lets them go, none but
        these asking: of those who can go when a place is free, the lowest rank.

        Who would come out at or after `before` takes no place, nor does whose consent has run out by then. Where
        nothing is found in years, `at` is null. The places are taken for good only by `keep`.
        """
        rows = takers.sort("list_id", "at", "cal", "rank")
        if rows.is_empty():
            return rows
        line = _Line(
            rows["cal"].to_list(),
            rows["at"].to_physical().to_list(),
            rows["rank"].to_list(),
            rows["consent_ends_at"].to_physical().to_list(),
            [_LATER] * rows.height,
        )
        last = None if before is None else _number(before)
        alike = rows.with_row_index("first").group_by("list_id", "at", "cal", maintain_order=True)
        groups = alike.agg(pl.col("first").first(), end=pl.col("first").last() + 1)
        for (list_id,), own in groups.group_by("list_id"):
            run = _Run(line, self._calendars, self._free[int(str(list_id))].copy(), self._periods[int(str(list_id))])
            run.let_go(own.select("first", "end").rows(), last)
        later = pl.col("at") if before is None else pl.max_horizontal("at", at_moment(before))
        moved = (
            pl.when(pl.col("given") >= 0).then(pl.col("given").cast(MOMENT)).when(pl.col("given") == _LATER).then(later)
        )
        return rows.with_columns(given=pl.Series(line.moments, dtype=pl.Int64)).with_columns(at=moved).drop("given")

    def keep(self, gone: pl.DataFrame) -> None:
        """These (list_id, at) hold their places from now on."""
        for list_id, moments in gone.group_by("list_id").agg(pl.col("at").to_physical()).iter_rows():
            free, period = self._free[list_id], self._periods[list_id]
            free[:] = sorted([*free, *(moment + period for moment in moments)])[-len(free) :]


@dataclass(frozen=True, slots=True)
class _Line:
    """Those who line up, by list, moment, calendar and rank; `moments` is where each comes out."""

    cals: list[int]
    wanted: list[int]
    ranks: list[int]
    consent_ends: list[int]
    moments: list[int]


class _Run:
    """One list let go: who waits, by calendar, and which calendars are open.

    Those who may go from one moment on by one calendar are a group, kept as (rank of the first, first row, end).
    """

    def __init__(self, line: _Line, calendars: Calendars, free: list[int], period: int) -> None:
        self._line, self._calendars, self._free, self._period = line, calendars, free, period
        self._waiting: dict[int, list[tuple[int, int, int]]] = {}  # by calendar: a heap of groups
        self._openings: list[tuple[int, int]] = []  # a heap: when a calendar opens next, calendar
        self._shuts: dict[int, int] = {}  # by calendar: when the stretch ends that is open, or opens next
        self._firsts: list[tuple[int, int]] = []  # a heap: rank of the first in line, calendar; outdated ones stay
        self._first_of: dict[int, int] = {}  # by calendar that is open: rank of its first

    def let_go(self, groups: list[tuple[int, int]], before: int | None) -> None:
        """Give a moment to each of the rows (first, end) of `groups` that comes out before `before`."""
        coming = [(self._line.wanted[first], first, end) for first, end in reversed(groups)]
        now = self._free[0]
        while coming or self._openings or self._first_of:
            now = max(now, self._free[0])
            if not self._first_of:
                following = [*(at for at, _, _ in coming[-1:]), *(at for at, _ in self._openings[:1])]
                now = max(now, min(following))
            if before is not None and now >= before:
                return
            while coming and coming[-1][0] <= now:
                self._admit(*coming.pop()[1:], now)
            while self._openings and self._openings[0][0] <= now:
                self._call(heappop(self._openings)[1])
            self._take_first(now)

    def _admit(self, first: int, end: int, now: int) -> None:
        cal, group = self._line.cals[first], (self._line.ranks[first], first, end)
        if cal in self._waiting:
            heappush(self._waiting[cal], group)
            if group[0] < self._first_of.get(cal, -1):
                self._call(cal)
        else:
            self._waiting[cal] = [group]
            self._wait_for_opening(cal, now)

    def _wait_for_opening(self, cal: int, now: int) -> None:
        stretch = self._calendars.stretch_at(cal, now)
        if stretch is None:
            for _, first, end in self._waiting.pop(cal):
                self._line.moments[first:end] = [_NEVER] * (end - first)
            return
        self._shuts[cal] = stretch[1]
        if stretch[0] <= now:
            self._call(cal)
        else:
            heappush(self._openings, (stretch[0], cal))

    def _call(self, cal: int) -> None:
        """The first in line of an open calendar stands in line with those of others."""
        rank = self._waiting[cal][0][0]
        self._first_of[cal] = rank
        heappush(self._firsts, (rank, cal))

    def _take_first(self, now: int) -> None:
        """The first in line of all who can go now takes the place that is free; nobody, if nobody can."""
        while self._firsts:
            rank, cal = self._firsts[0]
            if self._first_of.get(cal) != rank:
                heappop(self._firsts)
            elif self._shuts[cal] <= now:
                heappop(self._firsts)
                del self._first_of[cal]
                self._wait_for_opening(cal, now)
            else:
                self._take(cal, now)
                return

    def _take(self, cal: int, now: int) -> None:
        waiting = self._waiting[cal]
        _, row, end = waiting[0]
        self._line.moments[row] = now
        if now < self._line.consent_ends[row]:
            heapreplace(self._free, now + self._period)
        if row + 1 < end:
            heapreplace(waiting, (self._line.ranks[row + 1], row + 1, end))
        else:
            heappop(waiting)
        if waiting:
            self._first_of[cal] = waiting[0][0]
            heapreplace(self._firsts, (waiting[0][0], cal))
        else:
            heappop(self._firsts)
            del self._waiting[cal], self._first_of[cal]


def _free_places(count: int, period: timedelta, recent: tuple[datetime, ...]) -> list[int]:
    taken = [_number(claim + period) for claim in sorted(recent)[-count:]]
    free = [0] * (count - len(taken)) + taken
    heapify(free)
    return free


def _number(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND
