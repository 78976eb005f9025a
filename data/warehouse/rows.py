"""Reading a statement's rows: by the short way where few are expected, since a page asks many small questions.

Through Arrow DuckDB plans a statement twice, once to tell its columns, which takes longer than reading a page's rows.
So what the columns are is remembered, with the statement as it was parsed, and the rows are fetched as they are.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import duckdb
import polars as pl

FEW = 1_000
_PLAIN = (pl.Int64, pl.Int32, pl.Float64, pl.String, pl.Boolean, pl.Date, pl.Datetime)  # the same on both ways


class _Known(NamedTuple):
    """A statement that answered with few rows, and their columns."""

    parsed: duckdb.Statement
    columns: pl.Schema


class Answers:
    """How the statements asked so far are answered; for one copy, whose tables stay as they are."""

    def __init__(self) -> None:
        self._known: dict[object, _Known | None] = {}  # by text and the types of its values; None: not the short way

    def read(self, connection: duckdb.DuckDBPyConnection, sql: str, params: Sequence[Any]) -> pl.DataFrame:
        """The rows of one SELECT."""
        question = sql, tuple(map(type, params))
        known = self._known.get(question)
        if known:
            found = connection.execute(known.parsed, list(params)).fetchmany(FEW + 1)
            if len(found) <= FEW:
                return pl.DataFrame(found, schema=known.columns, orient="row")
            connection.abort()
        rows: pl.DataFrame = connection.sql(sql, params=list(params)).pl()
        if known or question not in self._known:
            is_short = rows.height <= FEW and all(isinstance(kind, _PLAIN) for kind in rows.schema.values())
            self._known[question] = _Known(connection.extract_statements(sql)[0], rows.schema) if is_short else None
        return rows
