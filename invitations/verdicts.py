"""What the plan found, laid over the candidates: all rules that hold, when each lets go, and the window left."""

from collections.abc import Sequence
from functools import lru_cache, reduce
from operator import or_

import polars as pl

from invitations import rules
from invitations.policy import KEPT, Policy
from invitations.rules import Rule
from invitations.windows import MOMENT

_NAMES, _MOMENTS = pl.List(pl.String), pl.List(MOMENT)


@lru_cache(maxsize=KEPT)
def rules_of(policy: Policy) -> tuple[Rule, ...]:
    """All rules as this policy has them."""
    return tuple(make(policy) for make in rules.ALL)


def lay_rules(candidates: pl.DataFrame, rows: pl.DataFrame, policy: Policy) -> pl.DataFrame:
    """One verdict for each of `rows`, which are in order of `row_number`, their candidate's place in `candidates`.

    A candidate's reasons for which its channel is unusable are taken from `rows`, which has those of a whole step.
    """
    held = rows.select("row_number", mask=_mask(policy))
    lists = _lists(rows, held, rules_of(policy))
    is_endless = pl.col("is_endless") | (pl.col("consent_ends_at") <= pl.col("can_go_at")).fill_null(value=False)
    earliest = pl.when(~is_endless).then("can_go_at")
    kept = candidates if candidates.height == rows.height else candidates[rows["row_number"]]
    flags = [name for name in rules.UNUSABLE.values() if name in candidates.columns]
    return kept.with_columns(
        *rows.select("now", *flags),
        lists["rules"],
        lists["untils"],
        *rows.select(
            earliest_at=earliest,
            not_before=earliest,
            not_after=pl.when(earliest.is_not_null()).then(pl.min_horizontal("closes_at", "consent_ends_at")),
        ),
        (held["mask"] == 0).alias("is_clear"),
    )


@lru_cache(maxsize=KEPT)
def _mask(policy: Policy) -> pl.Expr:
    """One number for all rules that hold: a bit for each, in their order."""
    return pl.sum_horizontal(rule.holds.cast(pl.Int32) * 2**bit for bit, rule in enumerate(rules_of(policy)))


def _lists(rows: pl.DataFrame, held: pl.DataFrame, all_rules: Sequence[Rule]) -> pl.DataFrame:
    """`rules`, made once for each combination that occurs, and `untils`, put together from what holds, rule by rule."""
    masks = held["mask"].unique().to_list()
    words = [rule.name.value for rule in all_rules]
    names = [[word for bit, word in enumerate(words) if mask >> bit & 1] for mask in masks]
    by_mask = pl.DataFrame({"mask": masks, "rules": names}, schema={"mask": held["mask"].dtype, "rules": _NAMES})
    any_of = reduce(or_, masks, 0)
    occurring = [place for place in range(len(all_rules)) if any_of >> place & 1]
    ends = [held.head(0).select("row_number", until=pl.lit(None, MOMENT), place=pl.lit(0, pl.Int8))]
    for place in occurring:
        holds = (held["mask"] & 2**place) > 0
        until = rows.select("row_number", until=all_rules[place].until, place=pl.lit(place, pl.Int8))
        ends.append(until.filter(holds))
    untils = pl.concat(ends).sort("row_number", "place").group_by("row_number", maintain_order=True).agg(untils="until")
    return (
        held.join(by_mask, on="mask", how="left", maintain_order="left")
        .join(untils, on="row_number", how="left", maintain_order="left")
        .with_columns(pl.col("untils").fill_null(pl.lit([], _MOMENTS)))
    )
