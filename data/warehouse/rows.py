"""Reading a statement's rows: by the short way where few are expected, since a page asks many small questions.

Through Arrow DuckDB plans a statement twice, once to tell its columns, which takes longer than reading a page's rows.
So what the columns are is remembered, and the rows are fetched as they are.
"""

from collections.abc import Sequence
from typing import Any

import duckdb
import polars as pl

FEW = 1_000
_PLAIN = (pl.Int64, pl.Int32, pl.Float64, pl.String, pl.Boolean, pl.Date, pl.Datetime)  # the same on both ways
_MANY = pl.Schema()


class Answers:
    """What the statements asked so far answer with; for one copy, whose tables stay as they are."""

    def __init__(self) -> None:
        self._columns: dict[object, pl.Schema] = {}  # by statement and the types of its values; _MANY: no short way

    def read(self, connection: duckdb.DuckDBPyConnection, sql: str, params: Sequence[Any]) -> pl.DataFrame:
        """The rows of one SELECT."""
        question = sql, tuple(map(type, params))
        columns = self._columns.get(question)
        if columns:
            found = connection.execute(sql, list(params)).fetchmany(FEW + 1)
            if len(found) <= FEW:
                return pl.DataFrame(found, schema=columns, orient="row")
            connection.abort()
        rows: pl.DataFrame = connection.sql(sql, params=list(params)).pl()
        is_short = rows.height <= FEW and all(isinstance(kind, _PLAIN) for kind in rows.schema.values())
        if columns is None or not is_short:
            self._columns[question] = rows.schema if is_short else _MANY
        return rows
