"""What customers are found by, held in memory: reading it out of the copy again took most of each search's time."""

from dataclasses import dataclass, field

import duckdb
import polars as pl

from data.warehouse import sql

NOBODY = pl.DataFrame(schema={"customer_id": pl.Int64})


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
    """The texts of a copy's customers: customer_id, search."""
    texts: pl.DataFrame = connection.sql(sql.statement("state/search_texts")).pl()
    return texts


def find(search: Search, texts: pl.DataFrame, *, touched: pl.DataFrame, laid: pl.DataFrame) -> pl.DataFrame:
    """Whom a search leaves: customer_id. Of those `touched` since the copy, the rows laid over it count."""
    found = texts.lazy().filter(search.leaves()).select("customer_id").collect()
    if touched.is_empty():
        return found
    return pl.concat(
        [found.join(touched, on="customer_id", how="anti"), laid.filter(search.leaves()).select("customer_id")]
    )
