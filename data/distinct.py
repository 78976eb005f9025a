"""Work done once for each distinct value of a column instead of once a row: a million rows hold a few hundred answers.

A column is kept as numbers into the list of its values, so that several can be combined, and Python asked about each
combination that occurs, without joining on texts. A few rows are numbered by Python itself: what Polars takes for any
column, however short, is as long as Python takes for a thousand rows.
"""

from collections.abc import Callable
from typing import Any, Generic, NamedTuple, TypeVar, cast

import polars as pl

T = TypeVar("T")
U = TypeVar("U")


FEW = 500  # rows


class Coded(NamedTuple, Generic[T]):
    """A column: row n holds `values[codes[n]]`."""

    codes: pl.Series  # UInt32
    values: list[T]


def code(column: pl.Series) -> Coded[Any]:
    """A column of texts or whole numbers; null is a value like any other."""
    if len(column) <= FEW:
        return _numbered(column.to_list())
    if column.null_count() == len(column):
        return Coded(pl.zeros(len(column), pl.UInt32, eager=True), [None])
    if column.dtype == pl.String:  # categories of its own, so from 0 on
        numbers = column.cast(pl.Categorical(pl.Categories.random())).to_physical()
    else:
        numbers = column.rank("dense").cast(pl.UInt32) - 1
    highest = cast("int | None", numbers.max())
    of_null = 0 if highest is None else highest + 1
    codes = numbers.fill_null(of_null)
    first = codes.arg_unique()
    values: list[Any] = [None] * (of_null + 1)
    for number, value in zip(codes.gather(first), column.gather(first), strict=True):
        values[number] = value
    return Coded(codes, values)


def combine(*columns: Coded[Any]) -> Coded[tuple[Any, ...]]:
    """The combinations that occur of these columns' values, all of one height."""
    if len(columns[0].codes) <= FEW:
        rows = _numbered(list(zip(*(column.codes.to_list() for column in columns), strict=True)))
        combinations = (tuple(column.values[n] for column, n in zip(columns, row, strict=True)) for row in rows.values)
        return Coded(rows.codes, list(combinations))
    key = pl.zeros(columns[0].codes.len(), pl.Int64, eager=True)
    for column in columns:
        key = key * len(column.values) + column.codes
    first = key.arg_unique()
    numbers = pl.DataFrame({"key": key.gather(first)}).with_row_index("number")
    codes = key.to_frame("key").join(numbers, on="key", how="left", maintain_order="left")["number"]
    occurring = ([column.values[number] for number in column.codes.gather(first)] for column in columns)
    return Coded(codes, list(zip(*occurring, strict=True)))


def _numbered(values: list[T]) -> Coded[T]:
    numbers: dict[T, int] = {}
    codes = [numbers.setdefault(value, len(numbers)) for value in values]
    return Coded(pl.Series(codes, dtype=pl.UInt32), list(numbers))


def answer(column: Coded[T], question: Callable[[T], U]) -> Coded[U]:
    """The column of answers, each distinct value asked about once."""
    numbers: dict[U, int] = {}
    by_value = [numbers.setdefault(question(value), len(numbers)) for value in column.values]
    return Coded(pl.Series(by_value, dtype=pl.UInt32).gather(column.codes), list(numbers))
