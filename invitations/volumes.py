"""How much a set of foreseen messages comes to, as it is billed: messages by channel, country and category, and the
segments of every text, each rendered with the customer's own values and a link as long as the real one.
"""

import polars as pl

from data.ledger.texts import VALUES, Texts
from data.words import Channel
from invitations.prices import Volume
from invitations.render import clean, fill
from invitations.segments import count_segments

_TOKEN_LENGTH = 16  # of a link's token: 12 random bytes in base64 (invitations.queueing)


def link_like(public_url: str) -> str:
    """A link of the length that the real ones have."""
    return f"{public_url.rstrip('/')}/r/{'x' * _TOKEN_LENGTH}"


def sized(messages: pl.DataFrame, texts: Texts, link: str) -> pl.DataFrame:
    """Adds `category` (WhatsApp only) and `segments` (texts only, else 0) to `messages`, whose order is kept.

    `messages`: customer_id, template_id, channel, …; one row each. Raises ConfigurationError (invitations.render) when
    a template cannot be filled.
    """
    sizes = _sizes(messages.filter(pl.col("channel") == Channel.SMS.value), texts, link)
    is_text = pl.col("channel") == Channel.SMS.value
    return (
        messages.join(
            texts.templates.select("template_id", "category"), on="template_id", how="left", maintain_order="left"
        )
        .join(sizes, on=["customer_id", "template_id"], how="left", maintain_order="left")
        .with_columns(segments=pl.when(is_text).then(pl.col("segments").fill_null(1)).otherwise(0))
    )


def volumes_of(messages: pl.DataFrame) -> list[Volume]:
    """What `sized` messages add up to, by channel, country and category, in that order."""
    groups = (
        messages.group_by("channel", "recipient_country", "category")
        .agg(pl.len(), pl.col("segments").sum())
        .sort("channel", "recipient_country", "category")
    )
    return [Volume(Channel(channel), *rest) for channel, *rest in groups.iter_rows()]


def _sizes(messages: pl.DataFrame, texts: Texts, link: str) -> pl.DataFrame:
    """`customer_id`, `template_id`, `segments`. Each wording is rendered once, however many customers share it."""
    pairs = (
        messages.select("customer_id", "template_id")
        .unique()
        .join(texts.customers, on="customer_id", how="left")
        .join(texts.templates.select("template_id", "body"), on="template_id", how="left")
    )
    wordings = pairs.select("body", *VALUES).unique()
    segments = [
        count_segments(fill(body, _values(values, link)).strip()) if body else 1
        for body, *values in wordings.iter_rows()
    ]
    counted = wordings.with_columns(segments=pl.Series(segments, dtype=pl.Int64))
    return pairs.join(counted, on=["body", *VALUES], how="left", nulls_equal=True).select(
        "customer_id", "template_id", "segments"
    )


def _values(values: list[str | None], link: str) -> dict[str, str]:
    """As `invitations.render` fills a template."""
    return {name: clean(value) for name, value in zip(VALUES, values, strict=True)} | {"link": link}
