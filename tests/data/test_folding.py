"""Searches leave accents aside: what is typed and what it is looked for in are folded alike, in Python and DuckDB."""

from unicodedata import category

import polars as pl
import pytest

from data.folding import folded
from data.warehouse.store import connect, create_tables


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("jose", "José"), ("José", "jose"), ("muller", "Müller"), ("MÜLLER", "Muller"), ("lukasz", "Łukasz"),
        ("soren", "Søren"), ("strasse", "Straße"), ("istanbul", "İstanbul"), ("nguyen", "Nguye\u0302\u0303n"),
    ],
)  # fmt: skip
def test_an_accent_keeps_nobody_from_being_found(typed: str, name: str) -> None:
    assert folded(typed) == folded(name)


@pytest.mark.slow
def test_what_is_typed_is_folded_as_what_it_is_looked_for_in() -> None:
    letters = [chr(code) for code in (*range(1, 0x3100), *range(0xAC00, 0xAD00), *range(0xF900, 0x10000))]
    letters = [letter for letter in letters if category(letter) != "Cn"]  # which newer tables may know
    texts = pl.DataFrame({"text": [*letters, *(f"{one}x" for one in letters), "Ὀδυσσεύς ΟΔΥΣΣΕΥΣ", "각각"]})
    with connect(":memory:") as connection:
        create_tables(connection)
        connection.register("texts", texts)
        rows = connection.execute("select text, folded(text) from texts").fetchall()
    assert [(text, found) for text, found in rows if folded(text) != found] == []
