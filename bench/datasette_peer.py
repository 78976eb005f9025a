"""Datasette over the same rows as the dashboard's: FTS5 with trigrams for the search, an index for the timeline.

It runs by an interpreter that has it (never ours), with its own documented settings and nothing it need not do: no
facets are suggested, and a search may take as long as it takes. The database is made here, by the standard library's
SQLite, from the published copy.
"""

import json
import sqlite3
import subprocess
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import duckdb

PAGE = 25
_CHUNK = 50_000
_CUSTOMERS = """
    select customer_id, first_name, last_name, email, phone, location_id, location_name, source, list_name,
        invitation_status, cast(invited_at as varchar), score, stars, search from out_customers"""
_TIMELINE = """
    select event_id, customer_id, kind, cast(occurred_at as varchar), channel, evidence, score, stars, platform_name,
        detail from out_timeline"""
_MADE = (
    "pragma journal_mode = off",
    "pragma synchronous = off",
    """create table customers (customer_id integer primary key, first_name, last_name, email, phone,
        location_id integer, location_name, source, list_name, invitation_status, invited_at, score integer,
        stars integer, search)""",
    """create table timeline (event_id integer primary key, customer_id integer, kind, occurred_at, channel, evidence,
        score integer, stars integer, platform_name, detail)""",
)
_INDEXED = (
    "create index timeline_of on timeline (customer_id, occurred_at)",
    "create index customers_invited on customers (invited_at desc)",
    """create virtual table customers_fts using fts5
        (search, content="customers", content_rowid="customer_id", tokenize="trigram")""",
    "insert into customers_fts (customers_fts) values ('rebuild')",
    "analyze",
)


def make_database(copy: Path, file: Path) -> None:
    """The customers and their history as SQLite and Datasette would have them."""
    partial = file.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    target = sqlite3.connect(partial, isolation_level=None)
    for statement in (*_MADE, "begin"):
        target.execute(statement)
    with duckdb.connect(str(copy), read_only=True) as source:
        for table, query in (("customers", _CUSTOMERS), ("timeline", _TIMELINE)):
            rows = source.execute(query)
            marks = ", ".join("?" * len(rows.description or []))
            while chunk := rows.fetchmany(_CHUNK):
                target.executemany(f"insert into {table} values ({marks})", chunk)  # noqa: S608
    for statement in ("commit", *_INDEXED):
        target.execute(statement)
    target.close()
    partial.rename(file)


class Datasette:
    """A running one, asked over a connection that stays open, as a browser's does."""

    def __init__(self, port: int, database: str) -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=120)
        self._database = database

    def search(self, digits_or_words: str) -> tuple[list[int], int]:
        """The newest invited of those found, a page of them, and how many there are."""
        found = self._ask("customers", _search=digits_or_words, _sort_desc="invited_at", _size=PAGE)
        return [row["customer_id"] for row in found["rows"]], found["filtered_table_rows_count"]

    def timeline(self, customer_id: int) -> int:
        """How many rows a customer's history has, newest first."""
        return len(self._ask("timeline", customer_id=customer_id, _sort_desc="occurred_at", _size=200)["rows"])

    def _ask(self, table: str, **asked: Any) -> dict[str, Any]:
        named = urllib.parse.urlencode(asked | {"_shape": "objects", "_nofacet": 1, "_nosuggest": 1})
        self._connection.request("GET", f"/{self._database}/{table}.json?{named}")
        answer = self._connection.getresponse()
        found: dict[str, Any] = json.loads(answer.read())
        assert answer.status == 200, found
        return found


@contextmanager
def served(python: str, file: Path, port: int) -> Iterator[int]:
    """Datasette on this file, by the interpreter that has it; yields the port."""
    settings = {"sql_time_limit_ms": 100_000, "suggest_facets": "off", "max_returned_rows": 1000}
    served_at = ("--host", "127.0.0.1", "--port", str(port))
    words = [word for name, value in settings.items() for word in ("--setting", name, str(value))]
    process = subprocess.Popen(
        [python, "-m", "datasette", "serve", "--immutable", str(file), *served_at, *words],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        for line in process.stderr or ():
            if "Uvicorn running" in line:
                break
        else:
            raise RuntimeError("Datasette did not start")
        yield port
    finally:
        process.kill()
        process.wait()
