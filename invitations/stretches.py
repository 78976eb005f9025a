"""The stretches of time in which messages of a kind may start: the recipient's open windows, cut by a list's own hours,
or only a time of day in them ("at 10:00 local").

Worked out once for each run of stretches that really differs: most states of a zone have the same hours, on every
channel, and lists tend to go out at the same hours.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

import polars as pl

from data.standing import Pace
from data.words import Channel
from invitations.policy import Policy
from invitations.policy_parts import DAY_MINUTES, WEEKDAYS, QuietHours
from invitations.windows import MOMENT, PLACE, daily_moments, open_windows

_STRETCH = ("run", "opens_at", "last_at", "closes_at")
_TICK = pl.lit(timedelta(minutes=1), pl.Duration("us"))  # "at 10:00" is all of that minute
_SECOND = pl.lit(timedelta(seconds=1), pl.Duration("us"))


def make_stretches(
    kinds: pl.DataFrame, policy: Policy, paces: Mapping[int, Pace], since: datetime, until: datetime
) -> tuple[pl.Series, pl.DataFrame]:
    """`kinds`: cal (Int64, ascending), PLACE, list_id (null: no list's hours), at_minute (null: any time).

    Returned: for each number up to the highest `cal`, its run (-1: it is never open); and the runs: run, opens_at,
    last_at, closes_at, sorted. A message may start from `opens_at` until just before `last_at`, and be handed over
    until just before `closes_at`.
    """
    hours, windows = _distinct_hours(open_windows(kinds.select(PLACE).unique(), policy, since, until))
    kinds = kinds.join(hours, on=PLACE, how="left", nulls_equal=True, maintain_order="left").with_columns(
        daily_zones=pl.when(pl.col("at_minute").is_not_null()).then("zones")
    )
    key = ["hours", "list_id", "at_minute", "daily_zones"]
    runs = kinds.drop_nulls("hours").select(key).unique(maintain_order=True)
    runs = runs.with_columns(run=pl.int_range(pl.len(), dtype=pl.Int64))
    stretches = runs.join(windows, on="hours", how="inner").sort("run", "opens_at")
    parts = [stretches.filter(pl.col("list_id").is_null())]
    for (list_id,), own in stretches.filter(pl.col("list_id").is_not_null()).group_by("list_id"):
        list_windows = list_hours(paces[int(str(list_id))], policy, since, until)
        parts.append(own if list_windows is None else _intersect(own, list_windows))
    stretches = pl.concat(parts).with_columns(last_at="closes_at")
    if runs["at_minute"].count():
        daily = stretches.filter(pl.col("at_minute").is_not_null())
        at_any_time = stretches.filter(pl.col("at_minute").is_null())
        stretches = pl.concat([at_any_time.select(_STRETCH), _points(runs, daily, since, until)])
    found = kinds.join(runs, on=key, how="left", nulls_equal=True).select("cal", pl.col("run").fill_null(-1))
    numbers = pl.select(cal=pl.int_range(kinds["cal"].to_list()[-1] + 1 if kinds.height else 0, dtype=pl.Int64))
    run_of = numbers.join(found, on="cal", how="left", maintain_order="left")["run"].fill_null(-1)
    return run_of, stretches.select(_STRETCH).sort("run", "opens_at")


def _distinct_hours(windows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The places with the number of their hours (places never open are missing), and the hours' windows."""
    seen: dict[tuple[tuple[int, ...], tuple[int, ...]], int] = {}
    numbers = []
    moments = windows.with_columns(pl.col("opens_at", "closes_at").to_physical())
    places = moments.group_by(PLACE, maintain_order=True).agg("opens_at", "closes_at")
    for opens, closes in places.select("opens_at", "closes_at").iter_rows():
        numbers.append(seen.setdefault((tuple(opens), tuple(closes)), len(seen)))
    places = places.with_columns(hours=pl.Series(numbers, dtype=pl.Int64))
    distinct = places.unique("hours", keep="first").select("hours", "opens_at", "closes_at")
    return places.select(*PLACE, "hours"), distinct.explode("opens_at", "closes_at").with_columns(
        pl.col("opens_at", "closes_at").cast(MOMENT)
    )


def _points(runs: pl.DataFrame, windows: pl.DataFrame, since: datetime, until: datetime) -> pl.DataFrame:
    """The moments of a time of day; where the window is shut then, its next opening."""
    wanted = runs.drop_nulls("at_minute").select("run", "at_minute", zones="daily_zones")
    days = daily_moments(wanted["zones"].unique().to_list(), wanted["at_minute"].unique().to_list(), since, until)
    following = windows.select("run", "opens_at", "closes_at", final_second=pl.col("closes_at") - _SECOND)
    return (
        wanted.join(days, on=["zones", "at_minute"], how="inner")
        .sort("at")
        .join_asof(
            following.sort("final_second"), left_on="at", right_on="final_second", by="run", strategy="forward",
            check_sortedness=False,
        )
        .drop_nulls("opens_at")
        .select("run", "closes_at", opens_at=pl.max_horizontal("at", "opens_at"))
        .unique(["run", "opens_at"])
        .with_columns(last_at=pl.min_horizontal(pl.col("opens_at") + _TICK, "closes_at"))
        .select(_STRETCH)
    )  # fmt: skip


def list_hours(pace: Pace, policy: Policy, since: datetime, until: datetime) -> pl.DataFrame | None:
    """The stretches (opens_at, closes_at) in which a list goes out, by its own zone's clock; None: at any time."""
    if pace.days is None and pace.opens is None and pace.closes is None:
        return None
    hours = QuietHours.model_construct(
        opens=0 if pace.opens is None else pace.opens,
        closes=DAY_MINUTES if pace.closes is None else pace.closes,
        weekdays=tuple(range(len(WEEKDAYS))) if pace.days is None else tuple(pace.days),
        skip_holidays=False,
    )
    own = policy.model_copy(update={"quiet_hours": hours, "stricter_hours": ()})
    place = pl.DataFrame(
        {"zones": [pace.zone], "regions": [""], "recipient_country": [""], "channel": [Channel.SMS.value]}
    )
    return open_windows(place, own, since, until).select("opens_at", "closes_at")


def _intersect(windows: pl.DataFrame, hours: pl.DataFrame) -> pl.DataFrame:
    """The parts of `windows` that lie within `hours`; both sorted by time within a calendar."""
    first = hours["closes_at"].search_sorted(windows["opens_at"], side="right")
    last = hours["opens_at"].search_sorted(windows["closes_at"], side="left")
    cut = windows.with_columns(hour=pl.int_ranges(first, last)).explode("hour").drop_nulls("hour")
    own = hours[cut["hour"]]
    return cut.drop("hour").with_columns(
        opens_at=pl.max_horizontal("opens_at", own["opens_at"]),
        closes_at=pl.min_horizontal("closes_at", own["closes_at"]),
    )
