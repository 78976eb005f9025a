"""When messages of a kind may start, looked up for everybody at once.

Recipients in the same zones and states on the same channel share a calendar; first messages of a list with hours of
its own, and steps "at 10:00 local", have calendars of theirs. `invitations.stretches` works them out. All lie in one
table with one key, so that a single binary search finds everybody's next stretch. The table is made longer when
somebody looks beyond its end.
"""

from bisect import bisect_right
from collections.abc import Mapping
from datetime import datetime, timedelta

import polars as pl

from data.standing import Pace
from invitations.policy import Policy
from invitations.stretches import list_hours, make_stretches
from invitations.windows import PLACE

_SPAN = 2**30  # seconds: the moments of a calendar span 34 years; windows open and close at whole seconds
_SECOND = 1_000_000  # us
_NO_KEY = 2**63 - 1
_BEFORE = timedelta(days=8)  # a time of day that fell on shut days is made up for when they open
_FURTHER = (
    timedelta(0),
    timedelta(days=10),
    timedelta(days=60),
)  # a calendar with nothing for so long is shut for good
_SHUT: tuple[list[int], list[int]] = ([], [])
_NOBODY = -2  # no run; -1 is the run of whoever is never open
_ORIGIN_BEFORE = timedelta(days=366)  # no moment looked up lies further back
_NOT_BEYOND = timedelta(days=5 * 366)


class Calendars:
    """The calendars of `kinds`: cal (Int64, unique), PLACE, list_id and at_minute (null: none of either).

    A message may start from `opens_at` until just before `last_at`, and be handed over until just before `closes_at`.
    """

    def __init__(self, kinds: pl.DataFrame, policy: Policy, paces: Mapping[int, Pace], now: datetime) -> None:
        self._kinds, self._policy, self._paces, self._now = kinds, policy, paces, now
        self._since = now - (_BEFORE if kinds["at_minute"].count() else timedelta(0))
        self._origin = int((now - _ORIGIN_BEFORE).timestamp())
        self._lists: dict[int, tuple[list[int], list[int]]] = {}
        self._make(now)

    def only(self, numbers: pl.Series) -> "Calendars":
        """Some of the calendars, to look further ahead than the rest needs."""
        kinds = self._kinds.filter(pl.col("cal").is_in(numbers.implode()))
        return Calendars(kinds, self._policy, self._paces, self._now)

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
            opens, lasts = self._stretches_of(cal)
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
        following = hours.filter(pl.col("closes_at") > since)["opens_at"]
        return max(since, following[0]) if len(following) else None

    def _look_up(self, cals: pl.Series, moments: pl.Series) -> tuple[pl.Series, pl.Series]:
        wanted = pl.DataFrame({"run": self._runs.gather(cals), "moment": moments})
        keys = wanted.select(self._key("moment").fill_null(0)).to_series()
        place = self._table["key"].search_sorted(keys, side="right")
        found = wanted.with_columns(self._table.select(own="run", opens="opens_at", closes="closes_at")[place])
        is_own = (pl.col("own") == pl.col("run")) & pl.col("moment").is_not_null()
        answer = found.select(
            starts=pl.when(is_own).then(pl.max_horizontal("moment", "opens")), closes=pl.when(is_own).then("closes")
        )
        return answer["starts"], answer["closes"]

    def _stretches_of(self, cal: int) -> tuple[list[int], list[int]]:
        if not self._lists:
            moments = self._table.select("run", pl.col("opens_at", "last_at").to_physical())
            grouped = moments.group_by("run", maintain_order=True).agg("opens_at", "last_at")
            self._lists = {number: (opens, lasts) for number, opens, lasts in grouped.iter_rows()}
        return self._lists.get(self._run_of[cal], _SHUT)

    def _reach(self, until: datetime) -> None:
        if until > self._until:
            self._make(max(until, min(self._now + 3 * (self._until - self._now), self._now + _NOT_BEYOND)))

    def _make(self, until: datetime) -> None:
        self._runs, stretches = make_stretches(self._kinds, self._policy, self._paces, self._since, until)
        # The last row belongs to nobody: whoever looks beyond the end finds it.
        nobody = pl.DataFrame([[_NOBODY, None, None, None]], schema=stretches.schema, orient="row")
        self._table = pl.concat([stretches, nobody]).with_columns(key=self._key("last_at").fill_null(_NO_KEY))
        self._run_of: list[int] = self._runs.to_list()
        self._lists = {}
        self._until = until

    def _key(self, moment: str) -> pl.Expr:
        """Run and moment as one number, so that one binary search serves all."""
        return pl.col("run") * _SPAN + pl.col(moment).to_physical() // _SECOND - self._origin


def kinds_of(rows: pl.DataFrame, paces: Mapping[int, Pace]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The kinds of calendars that `rows` (PLACE, pace_id, at_minute) need, and the rows with `cal` in PLACE's stead.

    `cal` is a kind's place in its frame, `plain_cal` that of the same place without a list's hours and time of day.
    """
    rows = rows.with_columns(hours_of=_hours_of(paces))
    rows = rows.with_columns(key=_number_of(rows))
    wanted = rows.unique("key").select("key", *PLACE, "at_minute", list_id="hours_of")
    plain = wanted.select(PLACE).unique(maintain_order=True).with_row_index("plain_cal")
    plain = plain.with_columns(pl.col("plain_cal").cast(pl.Int64))
    wanted = wanted.join(plain, on=PLACE, how="left", nulls_equal=True).with_columns(
        cal=pl.int_range(pl.len(), dtype=pl.Int64) + plain.height
    )
    kinds = pl.concat([plain.with_columns(cal="plain_cal"), wanted], how="diagonal")
    numbered = rows.join(wanted.select("key", "cal"), on="key", how="left", maintain_order="left")
    return kinds, numbered.drop("key", "hours_of", *PLACE)


def _number_of(rows: pl.DataFrame) -> pl.Expr:
    """One number for each combination of place, list and time of day: quicker to compare than four texts."""
    number = pl.lit(0, pl.Int64)
    for name in PLACE:
        texts = rows[name].unique().drop_nulls().sort()
        place = pl.col(name).cast(pl.Enum(texts)).to_physical().cast(pl.Int64)
        number = number * (len(texts) + 1) + place.fill_null(-1) + 1
    for name in ("hours_of", "at_minute"):
        values = rows[name].unique().drop_nulls().sort()
        if len(values):
            places = pl.Series(range(len(values)), dtype=pl.Int64)
            number = number * (len(values) + 1) + pl.col(name).replace_strict(values, places, default=-1) + 1
    return number


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
