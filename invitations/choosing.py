"""Which channel carries a step: the first usable one, or every usable one if the step says so. Nobody is dropped."""

import polars as pl

from data.words import RequestStatus
from invitations import rules

_UNUSABLE = tuple(rules.UNUSABLE.values())
_OF_ANY = "_of_any"
_UNUSABLE_OR_ANY = tuple(pl.col(name) | pl.col(name + _OF_ANY).fill_null(value=False) for name in _UNUSABLE)
_STEPS = 1000  # more than a sequence ever has: customer and step make one number


def choose_channels(rows: pl.DataFrame) -> pl.DataFrame:
    """Of each customer's step, the rows that stay, in their order.

    Columns: row_number (ascending), customer_id, step, preference, is_all_channels, is_in_flight, request_status, and
    those of `rules.UNUSABLE`. If no channel is usable one row stays and carries the reasons of all. While a message of
    the invitation is on its way or in doubt no other channel takes over: its own row stays, or the step's first.
    """
    is_several = (pl.col("customer_id") * _STEPS + pl.col("step")).is_duplicated()
    several = rows.filter(is_several).select(
        *("row_number", "customer_id", "step", "preference", "is_all_channels", "is_in_flight", *_UNUSABLE),
        step_id=pl.col("customer_id") * _STEPS + pl.col("step"),
        is_usable=~pl.any_horizontal(_UNUSABLE),
        is_not_under_way=_is_not_under_way(),
    )
    if several.is_empty():
        return rows
    free = several.sort("step_id", "is_not_under_way", "preference", "row_number")
    chosen = []
    if free["is_in_flight"].any():
        held = pl.col("step_id").is_in(free.filter("is_in_flight")["step_id"].unique().implode())
        chosen.append(_of_steps_in_flight(free.filter(held)))
        free = free.filter(~held)
    usable = free.filter("is_usable")
    first_usable = usable.unique("step_id", keep="first", maintain_order=True)
    without = free.join(first_usable, on="step_id", how="anti", maintain_order="left")
    merged = without if without.is_empty() else _with_all_reasons(without)
    chosen += [usable.filter("is_all_channels"), first_usable, merged]
    numbers = pl.concat([part.select("row_number") for part in chosen])["row_number"].unique()
    stays = rows.select(~is_several | pl.col("row_number").is_in(numbers.implode())).to_series()
    kept = rows.filter(stays)
    if merged.is_empty():
        return kept
    joined = kept.join(merged, on="row_number", how="left", maintain_order="left", suffix=_OF_ANY)
    return joined.with_columns(_UNUSABLE_OR_ANY).select(kept.columns)


def _is_not_under_way() -> pl.Expr:
    under_way = [RequestStatus.SENDING.value, RequestStatus.IN_DOUBT.value]
    return ~pl.col("request_status").is_in(under_way).fill_null(value=False)


def _with_all_reasons(ranked: pl.DataFrame) -> pl.DataFrame:
    """The first row of each step, with the reasons of all of its rows."""
    reasons = ranked.group_by("step_id").agg(pl.col(name).any() for name in _UNUSABLE)
    first = ranked.unique("step_id", keep="first", maintain_order=True).select("row_number", "step_id")
    return first.join(reasons, on="step_id", how="left").select("row_number", *_UNUSABLE)


def _of_steps_in_flight(ranked: pl.DataFrame) -> pl.DataFrame:
    """The message under way, or else the first row; where all channels carry the step, the usable ones too."""
    first = ranked.unique("step_id", keep="first", maintain_order=True)
    beside = ranked.filter(pl.col("is_all_channels") & (pl.col("is_usable") | ~pl.col("is_not_under_way")))
    has_beside = pl.col("step_id").is_in(beside["step_id"].implode())
    return pl.concat([first.filter(~has_beside), beside])
