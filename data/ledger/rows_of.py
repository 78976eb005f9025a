"""Many values in one parameter: a JSON document that the database reads as rows.

A statement about a thousand rows costs SQLAlchemy as much as one about a single row so, where `executemany` and long IN
lists cost it ten to thirty microseconds for each. Both databases read JSON natively (SQLite from 3.38).
"""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import GenericFunction
from sqlalchemy.types import TypeDecorator, TypeEngine

from data.ledger.types import UtcDateTime


class _JsonText(TypeDecorator[Any]):
    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return value if value is None or isinstance(value, str) else json.dumps(value)


class _Each(GenericFunction[Any]):
    """One row for each element of a JSON array, in its column `value`."""

    inherit_cache = True
    name = "afterword_each"


@compiles(_Each, "sqlite")
def _sqlite(element: _Each, compiler: Any, **kw: Any) -> str:
    return f"json_each({compiler.process(element.clauses, **kw)})"


@compiles(_Each)
def _postgresql(element: _Each, compiler: Any, **kw: Any) -> str:
    return f"jsonb_array_elements(cast({compiler.process(element.clauses, **kw)} as jsonb))"


class _Pairs(GenericFunction[Any]):
    """One row for each member of a JSON object, in its columns `key` and `value`."""

    inherit_cache = True
    name = "afterword_pairs"


@compiles(_Pairs, "sqlite")
def _sqlite_pairs(element: _Pairs, compiler: Any, **kw: Any) -> str:
    return f"json_each({compiler.process(element.clauses, **kw)})"


@compiles(_Pairs)
def _postgresql_pairs(element: _Pairs, compiler: Any, **kw: Any) -> str:
    return f"jsonb_each_text(cast({compiler.process(element.clauses, **kw)} as jsonb))"


class _Text(GenericFunction[str]):
    """What an element of an array of texts or numbers says."""

    inherit_cache = True
    name = "afterword_text"


@compiles(_Text, "sqlite")
def _sqlite_text(element: _Text, compiler: Any, **kw: Any) -> str:
    return str(compiler.process(element.clauses, **kw))  # json_each has taken it out of its quotes


@compiles(_Text)
def _postgresql_text(element: _Text, compiler: Any, **kw: Any) -> str:
    return f"({compiler.process(element.clauses, **kw)} #>> '{{}}')"


class _Moment(GenericFunction[datetime]):
    """The text that `moment_text` makes, as the database keeps moments."""

    type = UtcDateTime()
    inherit_cache = True
    name = "afterword_moment"


@compiles(_Moment, "sqlite")
def _sqlite_moment(element: _Moment, compiler: Any, **kw: Any) -> str:
    return str(compiler.process(element.clauses, **kw))  # it is kept as this very text


@compiles(_Moment)
def _postgresql_moment(element: _Moment, compiler: Any, **kw: Any) -> str:
    return f"cast(({compiler.process(element.clauses, **kw)}) || '+00' as timestamptz)"


def moment_text(moment: datetime) -> str:
    """A moment as an item of `rows_of`: UTC, in the one shape in which all of them sort together.

    Raises ValueError when it has no zone.
    """
    if moment.tzinfo is None:
        raise ValueError(f"naive datetime {moment!r}: pass one with a zone")
    in_utc = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    return in_utc.isoformat(" ", "microseconds").removesuffix("+00:00")


def rows_of(parameter: str, **columns: TypeEngine[Any]) -> sa.Subquery:
    """The rows of the list of lists bound to `parameter`; their items are named and typed by `columns`, in order.

    Bound may be as well the JSON text of such a list. Items are texts, whole numbers or None; a moment is bound as its
    `moment_text`, a document (JSON) as itself.
    """
    each = _Each(sa.bindparam(parameter, type_=_JsonText)).table_valued("value")
    items = [
        _item(each.c.value, sa.literal_column(str(place)), kind).label(name)
        for place, (name, kind) in enumerate(columns.items())
    ]
    return sa.select(*items).subquery(f"rows_of_{parameter}")


def pairs_of(parameter: str, **columns: TypeEngine[Any]) -> sa.Subquery:
    """The members of the mapping bound to `parameter`: two columns, its keys (texts or whole numbers) and its values.

    As `rows_of` of two columns, at a quarter of the time: SQLite parses each item of a list of lists once for each
    column.
    """
    each = _Pairs(sa.bindparam(parameter, type_=_JsonText)).table_valued("key", "value")
    (key, of_key), (value, of_value) = columns.items()
    items = sa.cast(each.c.key, of_key).label(key), sa.cast(each.c.value, of_value).label(value)
    return sa.select(*items).subquery(f"pairs_of_{parameter}")


def _item(row: Any, place: sa.ColumnElement[Any], kind: TypeEngine[Any]) -> sa.ColumnElement[Any]:
    if isinstance(kind, sa.JSON):
        return sa.type_coerce(row.op("->")(place), kind)
    text = row.op("->>")(place)
    return _Moment(text) if isinstance(kind, UtcDateTime) else sa.cast(text, kind)


def one_of(parameter: str, kind: TypeEngine[Any]) -> sa.Select[Any]:
    """For `column.in_(…)`: the values that `listed` bound to `parameter`."""
    each = _Each(sa.bindparam(parameter, type_=_JsonText)).table_valued("value")
    return sa.select(sa.cast(_Text(each.c.value), kind))


def listed(values: Iterable[Any]) -> list[Any]:
    """Values for the parameter of `one_of`."""
    return list(values)


def items_of(column: sa.ColumnElement[Any]) -> sa.TableValuedAlias:
    """The items of a column's JSON array as rows, in `value`: compare them with each other only. Null has none."""
    return _Each(column).table_valued("value")
