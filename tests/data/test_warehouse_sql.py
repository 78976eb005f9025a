"""Every .sql file of the warehouse is prepared against the empty schema, says what it is for, and spells its words."""

import re
from collections.abc import Iterator
from enum import EnumMeta, StrEnum

import duckdb
import polars as pl
import pytest

from data import words
from data.warehouse import sql
from data.warehouse.sources import SOURCES
from data.warehouse.store import connect, create_tables

pytestmark = pytest.mark.slow

FOLDERS = ("schema", "state", "keyed", "marts")
FILES = [name for folder in FOLDERS for name in sql.names(folder)]
PARTS = {
    "table": "core_customers", "key": "customer_id", "relation": "reviews", "mart": "select * from core_customers",
    "row": "'x'",
}  # fmt: skip
# Words of the warehouse's own columns, beside those of data.words.
OWN_WORDS = {
    "planned",
    "handed_over",
    "paused",
    "not_invited",
    "in doubt",
    "sending",
    "goes again",
    "Automation",
    "first request",
    "follow-up ",
    "core_verdicts",
    "second",
    *("location", "employee", "service", "template", "channel", "list"),  # by which answers are told apart
}
NOT_WORDS = re.compile(r"[^A-Za-z]*|\$\.\w+|g")  # separators, patterns, JSON paths, a regular expression's option


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    """The empty schema, and what statements find registered; nothing here writes to it."""
    with connect(":memory:") as connection:
        create_tables(connection)
        frames = {
            "incoming": next(s for s in SOURCES if s.name == "core_customers").schema,
            "known": {"customer_id": pl.Int64()},
            "moved_invitations": {"invitation_id": pl.Int64()},
            "moved_reviews": {"review_id": pl.Int64()},
            "touched": {"customer_id": pl.Int64()},
        }
        for name, schema in frames.items():
            connection.register(name, pl.DataFrame(schema=schema))
        for name in ("reviews", "runs"):
            connection.execute(f"create temp table laid_{name} as from out_{name}").fetchall()
        connection.execute("create temp table changed_rows as from core_customers").fetchall()
        yield connection


@pytest.mark.parametrize("name", FILES)
def test_every_statement_prepares(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    text = sql.about(name, **PARTS) if name.startswith("keyed/") else sql.statement(name)
    parameters = [None] * len(set(re.findall(r"\$\d", text)))
    assert connection.execute(f"explain {text}", parameters).fetchall()
    assert len(connection.extract_statements(text)) == 1


@pytest.mark.parametrize("name", FILES)
def test_every_file_opens_with_what_it_is_for(name: str) -> None:
    assert sql.statement(name).startswith("-- "), name


@pytest.mark.parametrize("name", sql.names("marts"))
def test_a_mart_has_the_columns_and_types_of_its_table(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    table = connection.table(name.removeprefix("marts/"))
    made = connection.sql(sql.statement(name))
    types = dict(zip(made.columns, made.types, strict=True))
    assert types == dict(zip(table.columns, table.types, strict=True))


def test_statements_use_no_word_that_is_not_in_the_vocabulary() -> None:
    vocabulary = {
        word.value
        for kind in vars(words).values()
        if isinstance(kind, EnumMeta) and kind is not StrEnum
        for word in kind
    }
    for name in FILES:
        code = "\n".join(line.split("--")[0] for line in sql.statement(name).splitlines())
        used = {text for text in re.findall(r"'([^']*)'", code) if not NOT_WORDS.fullmatch(text)}
        assert used <= vocabulary | OWN_WORDS, name


def test_a_statement_that_is_not_there_is_an_error() -> None:
    assert sql.names("nowhere") == ()
    with pytest.raises(FileNotFoundError):
        sql.statement("marts/out_nothing")
