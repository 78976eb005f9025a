"""The steps that lie before each invitation: its sequence's, save where whoever asked named channels or a text.

Channels that an ask names stand in place of the list's and the sequence's: the first message goes by each of them,
a follow-up by those that its step has too, and a step that has none of them is left out. A text it names is the first
message's. Frames in, frames out.
"""

import polars as pl

_KEY = "ladder_key"


def with_ladders(people: pl.DataFrame, steps: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Both with `ladder_id`, by which they belong together; steps no longer have a `sequence_id`.

    `people`: sequence_id, ask_channels (null: the list's and the sequence's), ask_template_slug (null: the step's).
    `steps`: as `candidate_settings.read_steps` gives them. A sequence's own steps keep its number; others are negative.
    """
    plain = steps.rename({"sequence_id": "ladder_id"})
    is_own = pl.col("ask_channels").is_not_null() | pl.col("ask_template_slug").is_not_null()
    own = people.filter(is_own)
    if own.is_empty():
        return people.with_columns(ladder_id="sequence_id"), plain
    key = pl.concat_str(
        pl.col("sequence_id"),
        pl.col("ask_channels").list.join(",").fill_null(""),
        pl.col("ask_template_slug").fill_null(""),
        separator="|",
    )
    ladders = (
        own.select("sequence_id", "ask_channels", "ask_template_slug", key.alias(_KEY))
        .drop_nulls(_KEY)
        .unique(_KEY, keep="first", maintain_order=True)
        .with_columns(own_id=-1 - pl.int_range(pl.len(), dtype=pl.Int64))
    )
    with_own = (
        people.with_columns(pl.when(is_own).then(key).alias(_KEY))
        .join(ladders.select(_KEY, "own_id"), on=_KEY, how="left", maintain_order="left")
        .with_columns(ladder_id=pl.coalesce("own_id", "sequence_id"))
        .drop(_KEY, "own_id")
    )
    return with_own, pl.concat([plain, _own_steps(ladders, steps).select(plain.columns)])


def _own_steps(ladders: pl.DataFrame, steps: pl.DataFrame) -> pl.DataFrame:
    theirs = ladders.join(steps, on="sequence_id", how="inner").with_columns(ladder_id="own_id")
    is_first, is_as_it_is = pl.col("step") == 0, pl.col("ask_channels").is_null()
    first = (
        theirs.filter(is_first & ~is_as_it_is)
        .unique("ladder_id", keep="first", maintain_order=True)
        .drop("channel", "preference")
        .with_columns(preference=pl.int_ranges(0, pl.col("ask_channels").list.len()), channel="ask_channels")
        .explode("channel", "preference")
        .with_columns(is_all_channels=pl.lit(value=True))
    )
    others = theirs.filter(is_as_it_is | (~is_first & pl.col("ask_channels").list.contains(pl.col("channel"))))
    slug = pl.when(pl.col("step") == 0).then(pl.coalesce("ask_template_slug", "template_slug"))
    return (
        pl.concat([first.select(others.columns), others])
        .with_columns(template_slug=slug.otherwise("template_slug"))
        .sort("ladder_id", "step", "preference")
    )
