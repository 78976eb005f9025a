"""The speed of lists: N first messages in any hour or day, never N + 1, in order of who can go first.

A list has N places. A message takes the place that is free first, and keeps it for one period; so two messages on one
place are at least a period apart, and no stretch of that length, wherever it begins, holds more than N. The claims of
the last period hold their places from the start.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from heapq import heapify, heapreplace

import polars as pl

from data.standing import Pace
from invitations.calendars import Calendars
from invitations.windows import MOMENT

ORDER = ("order_at", "ordered_at", "customer_id")

_MICROSECOND = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NEVER, _LATER = -1, -2  # no moment in years; not before the moment asked about


class Places:
    """When each place of each paced list is free again: microseconds since 1970, as heaps."""

    def __init__(self, paces: Mapping[int, Pace], calendars: Calendars) -> None:
        self._calendars = calendars
        self._free: dict[int, list[int]] = {}
        self._tried: dict[int, list[int]] = {}
        self._periods: dict[int, int] = {}
        for list_id, pace in paces.items():
            if pace.count is not None and pace.period is not None:
                self._periods[list_id] = pace.period // _MICROSECOND
                self._free[list_id] = _free_places(pace.count, pace.period, pace.recent)

    def line_up(self, takers: pl.DataFrame, before: datetime | None) -> pl.DataFrame:
        """`takers` (list_id, cal, at, ORDER) with `at` moved to when their list lets them go, none but these asking.

        Who comes out at or after `before` takes no place. Where nothing is found in years, `at` is null.
        The places are taken for good only by `keep`.
        """
        self._tried = {}
        rows = takers.sort("list_id", *ORDER)
        cals, wanted = rows["cal"].to_list(), rows["at"].to_physical().to_list()
        last = None if before is None else _number(before)
        moments: list[int] = []
        for list_id, count in rows.group_by("list_id", maintain_order=True).len().iter_rows():
            free = self._tried[list_id] = self._free[list_id].copy()
            own = slice(len(moments), len(moments) + count)
            moments += self._line_up(cals[own], wanted[own], free, self._periods[list_id], last)
        later = pl.max_horizontal("at", pl.lit(before, MOMENT))
        moved = (
            pl.when(pl.col("given") >= 0).then(pl.col("given").cast(MOMENT)).when(pl.col("given") == _LATER).then(later)
        )
        return rows.with_columns(given=pl.Series(moments, dtype=pl.Int64)).with_columns(at=moved).drop("given")

    def keep(self) -> None:
        """What was tried last holds from now on."""
        self._free |= self._tried

    def _line_up(
        self, cals: list[int], wanted: list[int], free: list[int], period: int, before: int | None
    ) -> list[int]:
        moments: list[int] = []
        settle = self._calendars.settle_one
        for cal, since in zip(cals, wanted, strict=True):
            if before is not None and free[0] >= before:
                break  # every place is taken for as long as that
            at = settle(cal, max(since, free[0]))
            if at is None:
                moments.append(_NEVER)
                continue
            moments.append(at)
            if before is None or at < before:
                heapreplace(free, at + period)
        return moments + [_LATER] * (len(cals) - len(moments))


def _free_places(count: int, period: timedelta, recent: tuple[datetime, ...]) -> list[int]:
    taken = [_number(claim + period) for claim in sorted(recent)[-count:]]
    free = [0] * (count - len(taken)) + taken
    heapify(free)
    return free


def _number(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND
