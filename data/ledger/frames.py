"""A query's rows as a Polars frame."""

from typing import Any

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Connection

MOMENT = pl.Datetime("us", "UTC")
Schema = dict[str, Any]


def word(column: sa.ColumnElement[Any]) -> sa.ColumnElement[str]:
    """A word as its text: Polars has no use for the enum's members."""
    return sa.type_coerce(column, sa.String)


def frame(connection: Connection, query: sa.Select[Any], schema: Schema) -> pl.DataFrame:
    """What `query` gives, its columns named and typed as `schema` says, in that order."""
    rows = [tuple(row) for row in connection.execute(query)]
    return pl.DataFrame(rows, schema=schema, orient="row")
