"""Which channel carries a step: the first usable one, or every usable one if the step says so. Nobody is dropped."""

import polars as pl

from data.words import RequestStatus
from invitations import rules

_STEP = ("customer_id", "step")
_UNUSABLE = tuple(rules.UNUSABLE.values())


def choose_channels(rows: pl.DataFrame) -> pl.DataFrame:
    """Of each customer's step, the rows that stay, in the order of `row_number`.

    Columns: row_number, customer_id, step, preference, is_all_channels, is_in_flight, request_status, and those of
    `rules.UNUSABLE`. If no channel is usable one row stays and carries the reasons of all. While a message of the
    invitation is on its way or in doubt no other channel takes over: its own row stays, or the step's first.
    """
    is_several = pl.struct(_STEP).is_duplicated() if rows.height else pl.lit(value=False)
    several = rows.filter(is_several)
    if several.is_empty():
        return rows
    is_under_way = pl.col("request_status").is_in([RequestStatus.SENDING.value, RequestStatus.IN_DOUBT.value])
    is_usable = ~pl.any_horizontal(_UNUSABLE)
    ranked = (
        several.with_columns(is_under_way=is_under_way.fill_null(value=False), is_usable=is_usable)
        .sort(*_STEP, ~pl.col("is_under_way"), "preference", "row_number")
        .with_columns(
            nth=pl.int_range(pl.len()).over(_STEP),
            nth_usable=pl.col("is_usable").cum_sum().over(_STEP),
            is_any_usable=pl.col("is_usable").any().over(_STEP),
            is_held=pl.col("is_in_flight").any().over(_STEP),
            **{f"{name}_of_any": pl.col(name).any().over(_STEP) for name in _UNUSABLE},
        )
    )
    carries = pl.col("is_usable") & (pl.col("is_all_channels") | (pl.col("nth_usable") == 1))
    stays = (
        pl.when(pl.col("is_held") & ~pl.col("is_all_channels")).then(pl.col("nth") == 0)
        .when("is_held").then(
            pl.col("is_usable") | pl.col("is_under_way") | (~pl.col("is_any_usable") & (pl.col("nth") == 0))
        )
        .otherwise(pl.when("is_any_usable").then(carries).otherwise(pl.col("nth") == 0))
    )  # fmt: skip
    kept = ranked.filter(stays).with_columns(
        pl.when("is_any_usable").then(name).otherwise(f"{name}_of_any").alias(name) for name in _UNUSABLE
    )
    return pl.concat([rows.filter(~is_several), kept.select(rows.columns)]).sort("row_number")
