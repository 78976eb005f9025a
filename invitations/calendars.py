"""When messages of a kind may start, looked up for everybody at once.

Recipients in the same zones and states on the same channel share a calendar; first messages of a list with hours of
its own, and steps "at 10:00 local", have calendars of theirs. `invitations.stretches` works them out. For many rows all
lie in one table with one key, so that a single binary search finds everybody's next stretch. They are made longer when
somebody looks beyond their end.
"""

from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from functools import cached_property
from itertools import chain

import polars as pl

from data.distinct import FEW, code, combine
from data.standing import Pace
from invitations.clocks import as_datetime
from invitations.policy import Policy
from invitations.stretches import NEVER, Kind, Run, list_hours, make_stretches
from invitations.windows import MOMENT, PLACE

_SPAN = 2**30  # seconds: the moments of a calendar span 34 years; windows open and close at whole seconds
_SECOND = 1_000_000  # us
_NO_KEY = 2**63 - 1
_BEFORE = timedelta(days=8)  # a time of day that fell on shut days is made up for when they open
_FURTHER = (
    timedelta(0),
    timedelta(days=10),
    timedelta(days=60),
)  # a calendar with nothing for so long is shut for good
_SHUT = Run([], [], [])
_NOBODY = -2  # no run, and not NEVER either
_ORIGIN_BEFORE = timedelta(days=366)  # no moment looked up lies further back
_NOT_BEYOND = timedelta(days=5 * 366)


class Calendars:
    """The calendars of `kinds`, each known by its number."""

    def __init__(self, kinds: Mapping[int, Kind], policy: Policy, paces: Mapping[int, Pace], now: datetime) -> None:
        self._kinds, self._policy, self._paces, self._now = kinds, policy, paces, now
        has_times = any(kind.at_minute is not None for kind in kinds.values())
        self._since = now - (_BEFORE if has_times else timedelta(0))
        self._origin = int((now - _ORIGIN_BEFORE).timestamp())
        self._make(now)

    def only(self, numbers: Collection[int]) -> "Calendars":
        """Some of the calendars, to look further ahead than the rest needs."""
        return Calendars({cal: self._kinds[cal] for cal in numbers}, self._policy, self._paces, self._now)

    def settle(self, cals: pl.Series, moments: pl.Series) -> tuple[pl.Series, pl.Series]:
        """The first moments from `moments` on at which a message may start, and when their windows close.

        Null where the moment is null, or the calendar has nothing for two months.
        """
        latest = moments.max()
        if not isinstance(latest, datetime):
            return moments, moments
        for further in _FURTHER:
            self._reach(latest + further)
            starts, closes = self._look_up(cals, moments)
            if starts.null_count() == moments.null_count():
                break
        return starts, closes

    def stretch_at(self, cal: int, moment: int) -> tuple[int, int] | None:
        """When a message may start that may from `moment` on, and until just before when: microseconds since 1970."""
        while True:
            opens, lasts, _ = self._run(cal)
            place = bisect_right(lasts, moment)
            if place < len(opens):
                return max(moment, opens[place]), lasts[place]
            if self._until >= self._now + (_NOT_BEYOND if opens else _FURTHER[-1]):
                return None
            self._reach(self._now + 2 * max(self._until - self._now, timedelta(days=31)))

    def list_opens_at(self) -> dict[int, datetime | None]:
        """For each list, from when on its own time and hours let it go; None: never."""
        return {number: self._opening(pace) for number, pace in self._paces.items()}

    def _opening(self, pace: Pace) -> datetime | None:
        since = max(self._now, pace.send_at or self._now)
        hours = list_hours(pace, self._policy, since, since)
        if hours is None:
            return since
        return max(since, as_datetime(hours[0][0])) if hours else None

    def _run(self, cal: int) -> Run:
        run = self._run_of[cal]
        return _SHUT if run == NEVER else self._runs[run]

    def _look_up(self, cals: pl.Series, moments: pl.Series) -> tuple[pl.Series, pl.Series]:
        return self._each(cals, moments) if len(cals) <= FEW else self._all(cals, moments)

    def _each(self, cals: pl.Series, moments: pl.Series) -> tuple[pl.Series, pl.Series]:
        starts: list[int | None] = []
        ends: list[int | None] = []
        for cal, moment in zip(cals.to_list(), moments.to_physical().to_list(), strict=True):
            opens, lasts, closes = self._run(cal)
            place = len(opens) if moment is None else bisect_right(lasts, moment)
            is_open = place < len(opens)
            starts.append(max(moment, opens[place]) if is_open else None)
            ends.append(closes[place] if is_open else None)
        return pl.Series(starts, dtype=pl.Int64).cast(MOMENT), pl.Series(ends, dtype=pl.Int64).cast(MOMENT)

    def _all(self, cals: pl.Series, moments: pl.Series) -> tuple[pl.Series, pl.Series]:
        """As `_each` does, by one binary search in one table."""
        runs, table = self._table
        wanted = pl.DataFrame({"run": runs.gather(cals), "moment": moments})
        keys = wanted.select(self._key("moment").fill_null(0)).to_series()
        place = table["key"].search_sorted(keys, side="right")
        found = wanted.with_columns(table.select(own="run", opens="opens_at", closes="closes_at")[place])
        is_own = (pl.col("own") == pl.col("run")) & pl.col("moment").is_not_null()
        answer = found.select(
            starts=pl.when(is_own).then(pl.max_horizontal("moment", "opens")), closes=pl.when(is_own).then("closes")
        )
        return answer["starts"], answer["closes"]

    def _reach(self, until: datetime) -> None:
        if until > self._until:
            self._make(max(until, min(self._now + 3 * (self._until - self._now), self._now + _NOT_BEYOND)))

    def _make(self, until: datetime) -> None:
        self._run_of, self._runs = make_stretches(self._kinds, self._policy, self._paces, self._since, until)
        self.__dict__.pop("_table", None)
        self._until = until

    @cached_property
    def _table(self) -> tuple[pl.Series, pl.DataFrame]:
        """Each calendar's run, by its number; and all runs."""
        columns: dict[str, Iterable[int]] = {
            "run": chain.from_iterable([number] * len(run.opens) for number, run in enumerate(self._runs)),
            "opens_at": chain.from_iterable(run.opens for run in self._runs),
            "last_at": chain.from_iterable(run.lasts for run in self._runs),
            "closes_at": chain.from_iterable(run.closes for run in self._runs),
        }
        # The last row belongs to nobody: whoever looks beyond the end finds it.
        whole = {name: pl.Series([*values, _NOBODY], dtype=pl.Int64) for name, values in columns.items()}
        table = pl.DataFrame(whole).with_columns(pl.col("opens_at", "last_at", "closes_at").cast(MOMENT))
        key = pl.when(pl.col("run") == _NOBODY).then(_NO_KEY).otherwise(self._key("last_at"))
        runs = [NEVER] * (max(self._run_of, default=-1) + 1)
        for cal, run in self._run_of.items():
            runs[cal] = run
        return pl.Series(runs, dtype=pl.Int64), table.with_columns(key=key)

    def _key(self, moment: str) -> pl.Expr:
        """Run and moment as one number, so that one binary search serves all."""
        return pl.col("run") * _SPAN + pl.col(moment).to_physical() // _SECOND - self._origin


def kinds_of(rows: pl.DataFrame, paces: Mapping[int, Pace]) -> tuple[list[Kind], pl.Series, pl.DataFrame]:
    """The kinds of calendars that `rows` (PLACE, pace_id, at_minute) need, and the rows with `cal` in PLACE's stead.

    `cal` is a kind's place among them. Between the two: for each `cal` that of the same place without a list's hours
    and time of day.
    """
    list_id = code(rows.select("pace_id", hours_of=_hours_of(paces))["hours_of"])
    found = combine(*(code(rows[name]) for name in PLACE), list_id, code(rows["at_minute"]))
    kinds = (Kind(row[: len(PLACE)], *row[len(PLACE) :]) for row in found.values)
    numbers = {kind: cal for cal, kind in enumerate(kinds)}
    plain = [numbers.setdefault(Kind(kind.place, None, None), len(numbers)) for kind in tuple(numbers)]
    numbered = rows.drop(PLACE).with_columns(found.codes.cast(pl.Int64).alias("cal"))
    return list(numbers), pl.Series(plain, dtype=pl.Int64), numbered


def _hours_of(paces: Mapping[int, Pace]) -> pl.Expr:
    """For each list with hours of its own, one that has the same: they share calendars."""
    same: dict[tuple[object, ...], int] = {}
    named = {
        number: same.setdefault((pace.zone, pace.days, pace.opens, pace.closes), number)
        for number, pace in paces.items()
        if (pace.days, pace.opens, pace.closes) != (None, None, None)
    }
    if not named:
        return pl.lit(None, pl.Int64)
    return pl.col("pace_id").replace_strict(named, default=None, return_dtype=pl.Int64)
