"""Work done once for each distinct value of a column instead of once a row: a million rows hold a few hundred answers.

A column is kept as numbers into the list of its values, so that several can be combined, and Python asked about each
combination that occurs, without joining on texts.
"""

from collections.abc import Callable
from typing import Any, Generic, NamedTuple, TypeVar, cast

import polars as pl

T = TypeVar("T")
U = TypeVar("U")


class Coded(NamedTuple, Generic[T]):
    """A column: row n holds `values[codes[n]]`."""

    codes: pl.Series  # UInt32
    values: list[T]


def code(texts: pl.Series) -> Coded[str | None]:
    """A column of texts; null is a value like any other."""
    numbers = texts.cast(pl.Categorical(pl.Categories.random())).to_physical()  # categories of its own, so from 0 on
    highest = cast("int | None", numbers.max())
    of_null = 0 if highest is None else highest + 1
    codes = numbers.fill_null(of_null)
    first = codes.arg_unique()
    values: list[str | None] = [None] * (of_null + 1)
    for number, text in zip(codes.gather(first), texts.gather(first), strict=True):
        values[number] = text
    return Coded(codes, values)


def combine(*columns: Coded[Any]) -> Coded[tuple[Any, ...]]:
    """The combinations that occur of these columns' values, all of one height."""
    key = pl.zeros(columns[0].codes.len(), pl.Int64, eager=True)
    for column in columns:
        key = key * len(column.values) + column.codes
    first = key.arg_unique()
    numbers = pl.DataFrame({"key": key.gather(first)}).with_row_index("number")
    codes = key.to_frame("key").join(numbers, on="key", how="left", maintain_order="left")["number"]
    occurring = ([column.values[number] for number in column.codes.gather(first)] for column in columns)
    return Coded(codes, list(zip(*occurring, strict=True)))


def answer(column: Coded[T], question: Callable[[T], U]) -> Coded[U]:
    """The column of answers, each distinct value asked about once."""
    numbers: dict[U, int] = {}
    by_value = [numbers.setdefault(question(value), len(numbers)) for value in column.values]
    return Coded(pl.Series(by_value, dtype=pl.UInt32).gather(column.codes), list(numbers))
