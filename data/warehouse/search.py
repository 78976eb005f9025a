"""What customers are found by, held in memory: reading it out of the copy again took most of each search's time.

With it is held what a page of those found, and their counts, are made of (`FOUND`).
"""

from dataclasses import dataclass, field

import duckdb
import polars as pl

from data.warehouse import sql

FOUND = {
    "customer_id": pl.Int64(),
    "account_id": pl.Int64(),
    "location_id": pl.Int64(),
    "invited_at": pl.Datetime("us", "UTC"),
    "standing": pl.String(),
}
NOBODY = pl.DataFrame(schema=FOUND)


@dataclass(frozen=True, slots=True)
class Search:
    """What a text must contain, in lower case: the words, or the digits of a number."""

    words: str = field(repr=False)
    digits: str | None = field(default=None, repr=False)

    def leaves(self) -> pl.Expr:
        """Whether a row's `search` has it."""
        text = pl.col("search")
        has_words = text.str.contains(self.words, literal=True)
        if self.digits is None or self.digits == self.words:
            return has_words
        return has_words | text.str.contains(self.digits, literal=True)


def read_texts(connection: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """The texts of a copy's customers: `search`, and the columns of `FOUND`."""
    texts: pl.DataFrame = connection.sql(sql.statement("state/search_texts")).pl()
    return texts


def find(search: Search, texts: pl.DataFrame) -> pl.DataFrame:
    """Whom a search leaves: the columns of `FOUND`."""
    return texts.lazy().filter(search.leaves()).select(*FOUND).collect()


def found_now(search: Search, found: pl.DataFrame, touched: pl.DataFrame, laid: pl.DataFrame) -> pl.DataFrame:
    """Whom it leaves now: those `found` before, but of those `touched` since, whom the rows laid over have it for."""
    return pl.concat([found.join(touched, on="customer_id", how="anti"), laid.filter(search.leaves()).select(*FOUND)])
