"""What pages read: the published copy, with what changed in the ledger since laid over it."""

import threading
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from data.ledger.store import Ledger
from data.warehouse.store import Warehouse, create_tables

RELATIONS = ("customers", "requests", "timeline", "reviews", "funnel", "nps", "runs")


class Reader:
    """Queries over the newest published copy; threads may share it.

    In the SQL the relations `customers`, `requests`, `timeline`, `reviews`, `funnel`, `nps` and `runs` are visible.
    They are views: columns as in `schema/out_*.sql`, and no rowid.
    """

    def __init__(self, ledger: Ledger, folder: Path) -> None:
        self.ledger = ledger
        self.notes: list[str] = []
        self._warehouse = Warehouse(folder)
        self._lock = threading.Lock()
        self._opened: tuple[Path | None, duckdb.DuckDBPyConnection] | None = None

    def query(self, sql: str, params: list[Any] | None = None) -> pl.DataFrame:
        """The rows of one SELECT; `$1` or `?` are bound from `params`, times come back in UTC."""
        with self._copy().cursor() as cursor:
            cursor.execute("set timezone = 'UTC'").fetchall()
            for name in RELATIONS:
                cursor.execute(f"create temp view {name} as select * from out_{name}").fetchall()  # noqa: S608 (our names)
            rows: pl.DataFrame = cursor.sql(sql, params=params or []).pl()
            return rows

    @property
    def as_of(self) -> datetime | None:
        """When the copy was published; None before the first publish."""
        with self._copy().cursor() as cursor:
            found = cursor.sql("select published_at from published").pl()
        return found["published_at"].item() if found.height else None

    def _copy(self) -> duckdb.DuckDBPyConnection:
        path = self._warehouse.current()
        with self._lock:
            if self._opened is None or self._opened[0] != path:
                self._opened = (path, _open(path))
            return self._opened[1]


def _open(path: Path | None) -> duckdb.DuckDBPyConnection:
    if path is not None:
        return duckdb.connect(str(path), read_only=True)
    connection = duckdb.connect(":memory:")
    create_tables(connection)
    return connection


def open_reader(ledger: Ledger, warehouse_folder: Path) -> Reader:
    """A reader of the copies published in `warehouse_folder`, which need not exist yet."""
    return Reader(ledger, warehouse_folder)
