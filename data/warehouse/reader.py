"""What pages read: the published copy, with what changed in the ledger since laid over it.

    reader = open_reader(ledger, settings.warehouse_folder)
    reader.query("select * from customers where location_id = $1 order by invited_at desc limit 25", [7])

What a person did shows on their next look, however old the copy is: at each query the ledger is asked which customers
were touched since the copy's watermark, and the present rows of just those take the place of the copied ones. What
figures are counted from (`_COPIED`) comes from the copy alone; `as_of` says how old it is.
"""

import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from data.ledger.store import Ledger
from data.ledger.tables import invitations, reviews
from data.warehouse import overlay, sql
from data.warehouse.load import MARGIN
from data.warehouse.overlay import Change, Overlay
from data.warehouse.store import Warehouse, create_tables

_COPIED = ("invitations", "funnel", "reached", "nps", "nps_by")
_BEFORE_ANYTHING = datetime(2000, 1, 1, tzinfo=UTC)
_TOO_MUCH = (
    f"More than {overlay.CUSTOMER_LIMIT:,} customers changed since this copy was made: their rows are shown as they "
    "were then, until the next copy."
)


@dataclass(frozen=True)
class _Copy:
    """One published copy, opened once and shared: each query takes a cursor of its own."""

    path: Path | None  # None: nothing is published, the tables are empty
    connection: duckdb.DuckDBPyConnection
    published_at: datetime | None
    complete_until: datetime  # every ledger row committed with an older time is in it


class Reader:
    """Queries over the newest published copy; threads may share it.

    In the SQL the relations `customers`, `requests`, `timeline`, `reviews`, `runs` and those of `_COPIED` are visible.
    They are views: columns as in `schema/out_*.sql`, and no rowid.
    """

    def __init__(self, ledger: Ledger, folder: Path) -> None:
        self.ledger = ledger
        self.notes: list[str] = []  # what a page should say about the rows it shows; made anew at each query
        self._warehouse = Warehouse(folder)
        self._lock = threading.Lock()
        self._opened: _Copy | None = None
        self._laid: tuple[_Copy, Overlay] | None = None

    def query(self, sql: str, params: list[Any] | None = None) -> pl.DataFrame:
        """The rows of one SELECT; `$1` or `?` are bound from `params`, times come back in UTC."""
        with self._lock:
            copy = self._current()
            laid, moved_runs = self._changes_since(copy)
        with copy.connection.cursor() as cursor:
            cursor.execute("set timezone = 'UTC'").fetchall()
            _show(cursor, laid, moved_runs)
            rows: pl.DataFrame = cursor.sql(sql, params=params or []).pl()
            return rows

    @property
    def as_of(self) -> datetime | None:
        """When the copy was published; None before the first publish."""
        with self._lock:
            return self._current().published_at

    def _current(self) -> _Copy:
        path = self._warehouse.current()
        if self._opened is None or self._opened.path != path:
            self._opened = self._open(path)
        return self._opened

    def _open(self, path: Path | None) -> _Copy:
        while path is not None:
            try:
                return _opened(path)
            except duckdb.IOException:
                if path.exists():
                    raise
                path = self._warehouse.current()  # so slow that three newer copies pushed it out
        connection = duckdb.connect(":memory:")
        create_tables(connection)
        return _Copy(None, connection, None, _BEFORE_ANYTHING)

    def _changes_since(self, copy: _Copy) -> tuple[Overlay | None, pl.DataFrame]:
        with self.ledger.read() as snapshot:
            now = self.ledger.now(snapshot)
            moved_runs = overlay.moved_runs(snapshot, copy.complete_until)
            changes = overlay.find_changes(snapshot, copy.complete_until)
            self.notes = [_TOO_MUCH] if changes is None else []
            if not changes:
                return None, moved_runs
            if self._laid and self._laid[0] is copy and self._laid[1].is_settled and self._laid[1].changes == changes:
                return self._laid[1], moved_runs
            laid = overlay.build_overlay(snapshot, now, changes, _former_owners(copy, changes))
        self._laid = (copy, laid)
        return laid, moved_runs


def _opened(path: Path) -> _Copy:
    connection = duckdb.connect(str(path), read_only=True)
    connection.execute("set timezone = 'UTC'").fetchall()
    found = connection.sql("select published_at, watermark from published").pl().row(0)
    published_at, watermark = found
    return _Copy(path, connection, published_at, watermark - MARGIN if watermark else _BEFORE_ANYTHING)


def _former_owners(copy: _Copy, changes: frozenset[Change]) -> set[int]:
    """The customers to whom the copy ascribes rows that changed since."""
    with copy.connection.cursor() as cursor:
        for name, table, key in (
            ("moved_invitations", invitations, "invitation_id"),
            ("moved_reviews", reviews, "review_id"),
        ):
            ids = [change.row_id for change in changes if change.kind == table.name]
            cursor.register(name, pl.DataFrame({key: ids}, schema={key: pl.Int64}))
        return {customer_id for (customer_id,) in cursor.execute(sql.statement("state/former_owners")).fetchall()}


def _show(cursor: duckdb.DuckDBPyConnection, laid: Overlay | None, moved_runs: pl.DataFrame) -> None:
    """Make the relations visible to this cursor alone, as temporary views."""
    for relation in _COPIED:
        cursor.execute(sql.about("keyed/as_copied", relation=relation)).fetchall()
    cursor.register("laid_runs", moved_runs)
    cursor.execute(sql.statement("keyed/laid_over_runs")).fetchall()
    if laid is not None:
        cursor.register("touched", laid.touched)
    for relation in overlay.RELATIONS:
        if laid is None:
            step = "as_copied"
        else:
            cursor.register(f"laid_{relation}", laid.frames[relation])
            step = "laid_over_by_key" if relation == "reviews" else "laid_over"
        cursor.execute(sql.about(f"keyed/{step}", relation=relation, key="review_id")).fetchall()


def open_reader(ledger: Ledger, warehouse_folder: Path) -> Reader:
    """A reader of the copies published in `warehouse_folder`, which need not exist yet."""
    return Reader(ledger, warehouse_folder)
