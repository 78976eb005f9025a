"""A query's rows as a Polars frame, and a moment as Polars compares it quickly."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Connection

MOMENT = pl.Datetime("us", "UTC")
Schema = dict[str, Any]


_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)


def at_moment(at: datetime) -> pl.Expr:
    """`at` as a literal: `pl.lit` of a datetime with a zone takes longer than most of what it is compared in."""
    return pl.lit((at - _EPOCH) // _MICROSECOND, pl.Int64).cast(MOMENT)


def word(column: sa.ColumnElement[Any]) -> sa.ColumnElement[str]:
    """A word as its text: Polars has no use for the enum's members."""
    return sa.type_coerce(column, sa.String)


def frame(connection: Connection, query: sa.Select[Any], schema: Schema) -> pl.DataFrame:
    """What `query` gives, its columns named and typed as `schema` says, in that order."""
    rows = [tuple(row) for row in connection.execute(query)]
    return pl.DataFrame(rows, schema=schema, orient="row") if rows else _empty(tuple(schema.items())).clone()


@lru_cache(maxsize=256)
def _empty(columns: tuple[tuple[str, Any], ...]) -> pl.DataFrame:
    return pl.DataFrame(schema=dict(columns))
