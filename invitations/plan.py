"""Who is asked, when, and why not: `plan(candidates, policy, now)`, pure, over one Polars frame. Nobody is dropped.

A candidate is a customer's next step on one channel that the step names; `data.ledger.candidates` reads them. Columns:

    account_id, location_id, customer_id, person_id  Int64
    zone                     String   tz name of the location: quiet hours are local
    invitation_id            Int64    null: never asked
    invitation_status        String   InvitationStatus; null: never asked
    sequence_id, step        Int64    step 0 is the first ask
    channel                  String   Channel
    preference               Int64    the channel's place in the step; -1 where a message is queued on it already
    is_all_channels          Boolean  every usable channel carries the step; else the first one that can
    ordered_at               Datetime who comes first for quota: invitation's start, else the customer's making
    due_at                   Datetime when the step's delay has passed; null: at once
    is_channel_off           Boolean  off at the location, not allowed by the list, or no text for it
    is_address_missing       Boolean
    is_suppressed            Boolean  the person, or this address on this channel
    is_paused                Boolean  the message, its list, or the channel at the location
    is_in_flight             Boolean  a message of the invitation is being sent or in doubt
    has_scored, has_chosen_platform, has_linked_review, has_clicked  Boolean  facts, never values
    has_unit                 Boolean  the invitation holds a unit of quota
    quota_left               Int64    the account's, in the cycle that holds `now`
    quota_resets_at          Datetime first moment of the next cycle
    list_id, request_id, request_status, address, template_id, queued_*  carried through for `queueing`

Datetimes are microseconds, UTC. The verdicts are those columns and:

    rules         List(String)    names (words.Rule) of ALL rules that hold the candidate back now
    untils        List(Datetime)  beside each, when it lets go; null: nobody knows
    earliest_at   Datetime        the exact moment at which all have let go; null: one of them has no known end
    not_before, not_after  Datetime  the window for dispatch: earliest_at until the local window closes
    is_clear      Boolean         may go now
"""

from datetime import datetime

import polars as pl

from invitations import rules
from invitations.policy import Policy
from invitations.rules import Rule
from invitations.windows import MOMENT, open_windows_of_zones

_STEP = ("customer_id", "step")
_UNUSABLE = ("is_channel_off", "is_address_missing", "is_suppressed")
_NAMES, _MOMENTS = pl.List(pl.String), pl.List(MOMENT)


def plan(candidates: pl.DataFrame, policy: Policy, now: datetime) -> pl.DataFrame:
    """One verdict for each candidate that a step comes down to, in the candidates' order.

    Of a step's channels the first usable one stays (every usable one if `is_all_channels`); if none is usable, one
    row stays and carries the reasons of all. `now` is policy time, with a zone.
    """
    chosen = choose_channels(candidates).with_columns(now=pl.lit(now, MOMENT), is_within_quota=pl.lit(True))
    before_quota = [make(policy) for make in rules.ALL if make not in (rules.quiet_hours, rules.quota)]
    # What must have passed before the wall clock is asked: only rules whose end is known can end by themselves.
    ready = chosen.with_columns(
        is_endless=pl.any_horizontal(rule.holds & rule.until.is_null() for rule in before_quota),
        ready_at=pl.max_horizontal("now", "due_at"),
    )
    windows = _windows_for(ready, policy, now)
    timed = _next_window(_window_now(ready, windows, now), windows)
    timed = _share_quota(timed)
    is_waiting = ~timed["is_within_quota"]
    if is_waiting.any():
        later = timed.filter(is_waiting).with_columns(ready_at=pl.max_horizontal("ready_at", "quota_resets_at"))
        timed = pl.concat([timed.filter(~is_waiting), _next_window(later, windows)]).sort("row_number")
    return _verdicts(timed, [make(policy) for make in rules.ALL], candidates.columns)


def choose_channels(candidates: pl.DataFrame) -> pl.DataFrame:
    """Of each customer's step: the usable channels it goes by, or one row that carries why none is usable."""
    rows = candidates.with_row_index("row_number").with_columns(
        is_usable=~pl.any_horizontal(_UNUSABLE), has_choice=pl.len().over(_STEP) > 1
    )
    alone, several = rows.filter(~pl.col("has_choice")), rows.filter("has_choice")
    if several.height:
        several = (
            several.sort(*_STEP, "preference", "row_number")
            .with_columns(
                nth_usable=pl.col("is_usable").cum_sum().over(_STEP),
                usable_count=pl.col("is_usable").sum().over(_STEP),
                nth=pl.int_range(pl.len()).over(_STEP),
            )
            .filter(
                pl.when(pl.col("usable_count") > 0)
                .then(pl.col("is_usable") & (pl.col("is_all_channels") | (pl.col("nth_usable") == 1)))
                .otherwise(pl.col("nth") == 0)
            )
        )
        reasons = rows.filter("has_choice").group_by(_STEP).agg(pl.col(name).any() for name in _UNUSABLE)
        merged = several.join(reasons, on=_STEP, how="left", suffix="_of_any").with_columns(
            pl.when(pl.col("usable_count") > 0).then(name).otherwise(f"{name}_of_any").alias(name) for name in _UNUSABLE
        )
        rows = pl.concat([alone, merged.select(alone.columns)]).sort("row_number")
    return rows.drop("is_usable", "has_choice")


def _windows_for(ready: pl.DataFrame, policy: Policy, now: datetime) -> pl.DataFrame:
    """Every zone's open stretches for as far as these candidates look ahead, sorted by `key`."""
    ends = ready.select(pl.max_horizontal(pl.col("ready_at").max(), pl.col("quota_resets_at").max())).item()
    windows = open_windows_of_zones(ready["zone"].unique().to_list(), policy.quiet_hours, now, max(now, ends or now))
    return windows.with_columns(zone_number=pl.col("zone").rank("dense").cast(pl.Int64)).with_columns(
        key=_key("closes_at")
    )


def _window_now(rows: pl.DataFrame, windows: pl.DataFrame, now: datetime) -> pl.DataFrame:
    """Adds `zone_number`, and `opens_at`: when the window that holds `now`, or else the next one, opens."""
    coming = windows.filter(pl.col("closes_at") > now)
    first = coming.group_by("zone").agg(pl.col("zone_number").first(), pl.col("opens_at").min())
    return rows.join(first, on="zone", how="left", maintain_order="left")


def _next_window(rows: pl.DataFrame, windows: pl.DataFrame) -> pl.DataFrame:
    """Adds `can_go_at`, the first moment from `ready_at` on that is inside a window, and `closes_at`, its end."""
    # The first window to close after the moment (its end is excluded). The table reaches days beyond every moment, so
    # that is one of the same zone.
    place = windows["key"].search_sorted(rows.select(_key("ready_at")).to_series(), side="right")
    return rows.with_columns(
        can_go_at=pl.max_horizontal("ready_at", windows["opens_at"].gather(place)),
        closes_at=windows["closes_at"].gather(place),
    )


def _key(moment: str) -> pl.Expr:
    """Zone and moment as one number, so that one binary search serves all zones. A zone spans 2**53 us: 285 years."""
    return pl.col("zone_number") * 2**53 + pl.col(moment).to_physical()


def _share_quota(rows: pl.DataFrame) -> pl.DataFrame:
    """Sets `is_within_quota`: units go to invitations under way first, then by time, then by customer id.

    Only those who could otherwise go in this cycle take part; an invitation takes one unit for all its messages.
    """
    takers = (
        rows.filter(~pl.col("is_endless") & ~pl.col("has_unit") & (pl.col("can_go_at") < pl.col("quota_resets_at")))
        .select("account_id", "customer_id", "ordered_at", "quota_left", is_new=pl.col("invitation_id").is_null())
        .unique("customer_id")
        .sort("account_id", "is_new", "ordered_at", "customer_id")
        .with_columns(place=pl.int_range(pl.len()).over("account_id"))
    )
    too_late = takers.filter(pl.col("place") >= pl.col("quota_left"))["customer_id"]
    if too_late.is_empty():
        return rows
    waits = (
        pl.col("customer_id").is_in(too_late.implode())
        & ~pl.col("has_unit")
        & (pl.col("can_go_at") < pl.col("quota_resets_at"))
    )
    return rows.with_columns(is_within_quota=~waits)


def _verdicts(rows: pl.DataFrame, all_rules: list[Rule], kept: list[str]) -> pl.DataFrame:
    """Lays every rule over the rows, which are in order of `row_number`."""
    mask = pl.sum_horizontal(rule.holds.cast(pl.Int32) * 2**bit for bit, rule in enumerate(all_rules))
    held = rows.select("row_number", mask.alias("mask"), *(rule.until.alias(rule.name.value) for rule in all_rules))
    # The lists are made once for each combination of rules that occurs (a few dozen), not row by row.
    parts = [held.head(0).select("row_number", "mask", rules=pl.lit([], _NAMES), untils=pl.lit([], _MOMENTS))]
    for (number,), group in held.group_by("mask"):
        names = [rule.name.value for bit, rule in enumerate(all_rules) if int(number) >> bit & 1]
        untils = pl.concat_list(names) if names else pl.lit([], _MOMENTS)
        parts.append(group.select("row_number", "mask", rules=pl.lit(names, _NAMES), untils=untils))
    lists = pl.concat(parts).sort("row_number")
    earliest = pl.when(~pl.col("is_endless")).then("can_go_at")
    return rows.select(
        *kept,
        lists["rules"],
        lists["untils"],
        earliest_at=earliest,
        not_before=earliest,
        not_after=pl.when(~pl.col("is_endless")).then("closes_at"),
        is_clear=lists["mask"] == 0,
    )
