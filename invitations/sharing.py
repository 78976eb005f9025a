"""Who goes when there is not room for all: one ask for a person inside the cap, a list's places, units of quota.

These three depend on other people. Everybody else's moment stands when it comes here, and can only become later. It is
settled cycle by cycle: of those who can go before the reset, each person's first ask lines up for its list; units go
to invitations under way, then by time, then by customer id; who gets none lines up again at the reset. Nothing that is
given is taken back, so no rule is broken by another's doing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from data.ledger.frames import at_moment
from data.standing import Quota
from invitations.calendars import Calendars
from invitations.pacing import Places
from invitations.windows import MOMENT

# What comes back beside `at` (null: no known moment), for the rules to read; at first nobody is held by anything.
OUTCOME = {
    **dict.fromkeys(("is_slowed", "is_over_location", "is_over_quota"), pl.Boolean),
    **dict.fromkeys(("list_ends_at", "location_ends_at", "quota_ends_at", "other_ends_at"), MOMENT),
}
_PLENTY = 2**62
_NO_MOMENT = pl.lit(None, MOMENT)
_RANK = ("is_new", "ordered_at", "customer_id")
_FIRST_OF_PERSON = ("person_id", "is_not_overridden", "at", "rank")


@dataclass(slots=True)
class _Cycle:
    end: datetime | None  # None: beyond the known resets
    left: int
    location_left: dict[int, int]


def is_scarce(asks: pl.DataFrame, quota: Quota) -> bool:
    """Whether there may be too few units in some cycle, for the account or a location: each of `asks` takes one."""
    if asks.height > min(quota.left, quota.per_cycle):
        return True
    limited = asks["location_id"].value_counts().filter(pl.col("location_id").is_in(list(quota.location_left)))
    return any(
        wanted > min(quota.location_left[location], quota.location_per_cycle.get(location, wanted))
        for location, wanted in limited.iter_rows()
    )


def share(
    asks: pl.DataFrame, quota: Quota | None, cap: timedelta | None, calendars: Calendars, places: Places
) -> pl.DataFrame:
    """Settle `asks`, one row for each customer_id: person_id, location_id, list_id (null: not paced), cal, at,
    ordered_at, is_new, is_not_overridden, consent_ends_at. Back come `customer_id`, `at` and OUTCOME.

    `quota` None: there is enough for everybody. `cap` None: a person may be asked any number of times.
    """  # fmt: skip
    waiting = _prepared(asks, cap)
    done = [waiting.head(0)]
    for cycle in _cycles(quota):
        while True:
            is_now = waiting.select(_leads(waiting, cycle.end) & _is_before(cycle.end)).to_series()
            turn, rest = waiting.filter(is_now), waiting.filter(~is_now)
            if turn.is_empty():
                break
            settled, again = _take_turn(turn, cycle, calendars, places)
            done.append(settled)
            waiting = pl.concat([_after(settled, rest, cap, calendars), again])
        if waiting.is_empty():
            break
    nowhere = waiting.with_columns(at=_NO_MOMENT)
    return pl.concat([*done, nowhere]).select("customer_id", "at", *OUTCOME)


def _prepared(asks: pl.DataFrame, cap: timedelta | None) -> pl.DataFrame:
    nobody_yet = {name: pl.lit(value=False) if kind is pl.Boolean else _NO_MOMENT for name, kind in OUTCOME.items()}
    is_multi = pl.len().over("person_id") > 1 if cap else pl.lit(value=False)
    ranked = asks.sort(_RANK).with_row_index("rank")
    return ranked.with_columns(is_multi=is_multi, **nobody_yet).drop("is_new")


def _cycles(quota: Quota | None) -> Iterator[_Cycle]:
    if quota is None:
        yield _Cycle(None, _PLENTY, {})
        return
    for number, end in enumerate((*quota.resets, None)):
        if number == 0:
            yield _Cycle(end, quota.left, dict(quota.location_left))
        else:
            yield _Cycle(end, quota.per_cycle, dict(quota.location_per_cycle))


def _is_before(end: datetime | None) -> pl.Expr:
    return pl.col("at").is_not_null() if end is None else (pl.col("at") < at_moment(end)).fill_null(value=False)


def _leads(waiting: pl.DataFrame, end: datetime | None) -> pl.Expr:
    """Whose turn it may be: of each person's asks before `end` the first. A person's word (an override) comes before
    rules.
    """
    several = waiting.filter(pl.col("is_multi") & _is_before(end))
    if several.is_empty():
        return ~pl.col("is_multi")
    first = several.sort(_FIRST_OF_PERSON).unique("person_id", keep="first", maintain_order=True)["customer_id"]
    return ~pl.col("is_multi") | ~pl.col("is_not_overridden") | pl.col("customer_id").is_in(first.implode())


def _take_turn(
    turn: pl.DataFrame, cycle: _Cycle, calendars: Calendars, places: Places
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Those of a turn that are settled, and those that come again in a later cycle (`at` null: in none known)."""
    turn = turn.with_columns(own_at="at", was_slowed="is_slowed")
    is_paced = pl.col("list_id").is_not_null()
    paced = turn.filter(is_paced)
    later, can_go = turn.head(0), turn
    if paced.height:
        lined_up = pl.concat([turn.filter(~is_paced), _slowed(places.line_up(paced, cycle.end))])
        is_later = ~lined_up.select(_is_before(cycle.end)).to_series()
        later, can_go = lined_up.filter(is_later), lined_up.filter(~is_later)
    # Whose consent will have run out takes no unit; the rule says so.
    lapsed = can_go.filter(pl.col("at") >= pl.col("consent_ends_at"))
    given, over = _give_units(can_go.filter(pl.col("at") < pl.col("consent_ends_at")), cycle)
    if over.height:
        given = _closed_up(given, cycle, places)
    if paced.height:
        places.keep(given.filter(is_paced))
    over = over.with_columns(at=_NO_MOMENT if cycle.end is None else at_moment(cycle.end))
    if over.height:
        over = over.with_columns(at=calendars.settle(over["cal"], over["at"])[0])
    extra = ("own_at", "was_slowed")
    return pl.concat([given, lapsed]).drop(extra), pl.concat([later, over]).drop(extra)


def _closed_up(given: pl.DataFrame, cycle: _Cycle, places: Places) -> pl.DataFrame:
    """`given` without the gaps that those leave who got no unit; as they were, where that would put somebody out.

    (One who goes earlier may take a place a little before another, with short hours, could have had it.)
    """
    is_paced = pl.col("list_id").is_not_null()
    lined_up = _slowed(
        places.line_up(given.filter(is_paced).with_columns(at="own_at", is_slowed="was_slowed"), cycle.end)
    )
    still_goes = _is_before(cycle.end) & (pl.col("at") < pl.col("consent_ends_at")).fill_null(value=False)
    if lined_up.select(still_goes.all()).item():
        return pl.concat([given.filter(~is_paced), lined_up])
    return given


def _slowed(rows: pl.DataFrame) -> pl.DataFrame:
    is_slowed = pl.col("was_slowed") | (pl.col("at") > pl.col("own_at")).fill_null(value=True)
    return rows.with_columns(is_slowed=is_slowed, list_ends_at=pl.when(is_slowed).then("at"))


def _give_units(takers: pl.DataFrame, cycle: _Cycle) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Those who get a unit of this cycle, in order, and those for whom none is left (at the location, or at all)."""
    is_limited = pl.col("location_id").is_in(list(cycle.location_left))
    if takers.height <= cycle.left and not (cycle.location_left and takers.select(is_limited.any()).item()):
        cycle.left -= takers.height
        return takers, takers.head(0)
    ranked = takers.sort("rank")
    left = pl.col("location_id").replace_strict(cycle.location_left, default=None, return_dtype=pl.Int64)
    is_over = ranked.select((pl.int_range(pl.len()).over("location_id") >= left).fill_null(value=False)).to_series()
    within = ranked.filter(~is_over)
    given = within.head(cycle.left)
    ends = _NO_MOMENT if cycle.end is None else at_moment(cycle.end)
    over_location = ranked.filter(is_over).with_columns(is_over_location=pl.lit(value=True), location_ends_at=ends)
    over_account = within.slice(cycle.left).with_columns(is_over_quota=pl.lit(value=True), quota_ends_at=ends)
    cycle.left -= given.height
    for location, taken in given.filter(is_limited)["location_id"].value_counts().iter_rows():
        cycle.location_left[location] -= taken
    return given, pl.concat([over_location, over_account])


def _after(settled: pl.DataFrame, rest: pl.DataFrame, cap: timedelta | None, calendars: Calendars) -> pl.DataFrame:
    """`rest`, with those whose person has now been given a moment put off to that and the cap."""
    went = settled.filter(pl.col("is_multi") & (pl.col("at") < pl.col("consent_ends_at")))
    if cap is None or went.is_empty():
        return rest
    ends = went.group_by("person_id").agg(ends_at=pl.col("at").max() + pl.lit(cap, pl.Duration("us")))
    is_touched = (
        pl.col("is_multi") & pl.col("is_not_overridden") & pl.col("person_id").is_in(ends["person_id"].implode())
    )
    touched = rest.filter(is_touched).join(ends, on="person_id", how="left", maintain_order="left")
    touched = touched.with_columns(
        other_ends_at=pl.max_horizontal("other_ends_at", "ends_at"), at=pl.max_horizontal("at", "ends_at")
    )
    touched = touched.with_columns(at=calendars.settle(touched["cal"], touched["at"])[0])
    return pl.concat([rest.filter(~is_touched), touched.select(rest.columns)])
