"""What My Reviews asks: every review on a platform, the customer it is known to come from, and how far its reply is.

Drafts are the ledger's (`data.ledger.reply_drafts`), so the reviews that have one are told to the statements.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import polars as pl

from data.folding import folded
from data.warehouse.pages import SEARCH_FROM, Page, Reader, Scope, counts, first, query
from data.words import ReplyState

_ALL = Page(1, 1_000_000)


class ReviewOrder(StrEnum):
    """How My Reviews can be sorted."""

    NEWEST = "reviewed_at desc, review_id desc"
    OLDEST = "reviewed_at, review_id"
    WORST = "stars nulls last, reviewed_at desc, review_id desc"
    BEST = "stars desc nulls last, reviewed_at desc, review_id desc"


@dataclass(frozen=True, slots=True)
class ReviewFilter:
    """What My Reviews leaves in. `drafted`: the reviews with a draft, without which no state is known."""

    drafted: Sequence[int] = ()
    reply_state: ReplyState | None = None
    platform: str | None = None
    stars: int | None = None
    search: str = ""

    def named(self) -> dict[str, Any]:
        term = " ".join(self.search.split())
        return {
            "drafted": list(self.drafted),
            "reply_state": self.reply_state,
            "platform": self.platform,
            "stars": self.stars,
            "search": folded(term) if len(term) >= SEARCH_FROM else None,
        }


def reviews_page(reader: Reader, scope: Scope, chosen: ReviewFilter, order: ReviewOrder, page: Page) -> pl.DataFrame:
    """One page of reviews; the columns are told in queries/reviews_page.sql."""
    return query(reader, "reviews_page", scope.named() | chosen.named() | page.named(), order)


def reviews_by_reply(reader: Reader, scope: Scope, chosen: ReviewFilter) -> dict[str, int]:
    """How many reviews stand where: `ReplyState`, of those that the other filters leave."""
    return counts(query(reader, "reviews_by_reply", scope.named() | chosen.named()))


def reviews_total(reader: Reader, scope: Scope) -> dict[str, Any]:
    """The period's reviews in figures; the columns are told in queries/reviews_total.sql."""
    return first(query(reader, "reviews_total", scope.named())) or {}


def platforms(reader: Reader, scope: Scope) -> list[str]:
    """The platforms that reviews of these locations are on, those with most of them first."""
    return query(reader, "review_platforms", scope.named())["platform"].to_list()


def review(reader: Reader, scope: Scope, review_id: int) -> dict[str, Any] | None:
    """One review's row, columns as on a page; None when there is none that the viewer may see."""
    return first(query(reader, "review", scope.named() | {"review": review_id}))


def whole_list(
    reader: Reader, scope: Scope, chosen: ReviewFilter, order: ReviewOrder, places: Mapping[int, str]
) -> pl.DataFrame:
    """Every review that the filters leave, under headings a reader knows, to be taken away; `places`: their names."""
    return reviews_page(reader, scope, chosen, order, _ALL).select(
        pl.col("reviewed_at").alias("Date"),
        pl.col("platform").str.to_titlecase().alias("Platform"),
        pl.col("stars").alias("Stars"),
        pl.col("reviewer_name").alias("Reviewer"),
        pl.col("body").alias("Review"),
        pl.col("sentiment").alias("Sentiment"),
        pl.col("reply").alias("Reply"),
        pl.col("location_id").replace_strict(places, default="", return_dtype=pl.String).alias("Location"),
        pl.col("customer_name").alias("Customer"),
        pl.col("score").alias("NPS"),
    )
