"""What pages read: the published copy, with what changed in the ledger since laid over it.

    look = open_reader(ledger, settings.warehouse_folder).look()
    look.query("select * from customers where location_id = $1 order by invited_at desc limit 25", [7])

What a person did shows on their next look, however old the copy is: at each look the ledger is asked which customers
were touched since the copy's watermark, and the present rows of just those take the place of the copied ones. What
figures are counted from (`laid.COPIED`) comes from the copy alone; `as_of` says how old it is.
"""

import threading
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from data.ledger.commits import Commits
from data.ledger.store import Ledger
from data.ledger.tables import invitations, reviews
from data.warehouse import overlay, sql
from data.warehouse.laid import Copy, Laid, is_of_copy
from data.warehouse.load import MARGIN
from data.warehouse.overlay import Change, Workshop
from data.warehouse.search import Search
from data.warehouse.store import Warehouse, create_tables, is_of_today

_BEFORE_ANYTHING = datetime(2000, 1, 1, tzinfo=UTC)
_TOO_MUCH = (
    f"More than {overlay.CUSTOMER_LIMIT:,} customers changed since the history was last brought up to date: customers, "
    "messages and reviews are shown as they were then, until it is again, usually within a minute."
)


class Reader:
    """The newest published copy, and the ledger's news of it; threads may share it."""

    def __init__(self, ledger: Ledger, folder: Path) -> None:
        self.ledger = ledger
        self._warehouse = Warehouse(folder)
        self._lock = threading.Lock()
        self._opened: Copy | None = None
        self._bare: Laid | None = None
        self._laid: Laid | None = None
        self._commits = Commits(ledger)
        self._laid_at: object | None = None  # the mark of what was committed when it was laid
        self._workshop: Workshop | None = None

    def look(self) -> "Look":
        """For one run of a page: whatever it asks, it is shown one state of things."""
        return Look(self)

    def query(
        self, sql: str, params: Sequence[Any] = (), *, search: Search | None = None, of: Collection[int] = ()
    ) -> pl.DataFrame:
        """A look for one query: see `Look.query`."""
        return self.look().query(sql, params, search=search, of=of)

    def found(self, search: Search) -> pl.DataFrame:
        """A look for one search: see `Look.found`."""
        return self.look().found(search)

    @property
    def as_of(self) -> datetime | None:
        """When the copy was published; None before the first publish."""
        return self.look().as_of

    def copied(self) -> Laid:
        """The newest copy, as it is."""
        with self._lock:
            copy = self._current()
            if self._bare is None or self._bare.copy is not copy:
                self._bare, self._laid = Laid(copy, None), None  # whoever still looks at the copy before, keeps it
            return self._bare

    def lay(self, bare: Laid) -> Laid:
        """The state of things now, over this copy: the state before, where nothing happened since."""
        with self._lock:
            before = self._laid if self._laid and self._laid.copy is bare.copy else None
            mark = self._commits.mark()
            if before is None or mark is None or mark != self._laid_at:
                before = self._laid = self._changed(bare, before)
                self._laid_at = mark
            return before

    def _current(self) -> Copy:
        path = self._warehouse.current()
        if self._opened is None or self._opened.path != path:
            self._opened = self._open(path)
        return self._opened

    def _open(self, path: Path | None) -> Copy:
        while path is not None:
            try:
                return _opened(path)
            except duckdb.IOException:
                if path.exists():
                    raise
                path = self._warehouse.current()  # so slow that three newer copies pushed it out
        return _empty(None)

    def _changed(self, bare: Laid, before: Laid | None) -> Laid:
        copy, over = bare.copy, before.over if before else None
        if copy.is_outdated:
            return bare  # working all of the ledger up would take longer than the load that is due
        with self.ledger.read() as snapshot:
            now = self.ledger.now(snapshot)
            changes = overlay.find_changes(snapshot, copy.complete_until)
            if changes is None:
                return before if before is not None and before.notes else Laid(copy, None, (_TOO_MUCH,))
            if not changes:
                return bare
            if before is not None and over is not None and over.shows(changes):
                return before
            owners = _former_owners(copy, overlay.not_shown(over, changes))
            self._workshop = self._workshop or Workshop()
            over = overlay.lay_over(over, changes, owners, workshop=self._workshop, snapshot=snapshot, now=now)
            return Laid(copy, over, bare=bare)


class Look:
    """What there is to see at one moment, that of its first query; nothing that happens later changes it.

    Once it is over, each query looks anew: so whoever keeps one holds no old copy open.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._bare: Laid | None = None
        self._laid: Laid | None = None
        self._is_over = False

    def query(
        self, sql: str, params: Sequence[Any] = (), *, search: Search | None = None, of: Collection[int] = ()
    ) -> pl.DataFrame:
        """The rows of one SELECT; `$1` or `?` are bound from `params`, times come back in UTC.

        The relations `customers`, `requests`, `timeline`, `reviews`, `runs` and those of `laid.COPIED` are visible:
        views with the columns of `schema/out_*.sql`, and no rowid. `found`: whom the search leaves (customer_id).
        `of`: the only customers whose rows the statement reads, where it names them.
        """
        seen = self._copied() if is_of_copy(sql) else self._seen()
        return seen.query(sql, params, search, of, lambda: self._moved_runs(seen.copy))

    def found(self, search: Search) -> pl.DataFrame:
        """Whom a search leaves, of all accounts, in no order: the columns of `search.FOUND`."""
        return self._seen().found(search)

    @property
    def as_of(self) -> datetime | None:
        """When the copy was published; None before the first publish."""
        return self._copied().copy.published_at

    @property
    def is_outdated(self) -> bool:
        """Whether the copy is of before an upgrade: nothing is seen until a load has made the next one."""
        return self._copied().copy.is_outdated

    @property
    def notes(self) -> Sequence[str]:
        """What a page should say about the rows that it was shown; a page that only counts was shown none."""
        return self._laid.notes if self._laid else ()

    @property
    def is_over(self) -> bool:
        return self._is_over

    def again(self) -> "Look":
        """Another one, now."""
        return self._reader.look()

    def end(self) -> None:
        """Let go of what was seen."""
        self._bare, self._laid, self._is_over = None, None, True

    def _copied(self) -> Laid:
        bare = self._bare or self._reader.copied()
        if not self._is_over:
            self._bare = bare
        return bare

    def _seen(self) -> Laid:
        laid = self._laid or self._reader.lay(self._copied())
        if not self._is_over:
            self._laid = laid
        return laid

    def _moved_runs(self, copy: Copy) -> pl.DataFrame:
        with self._reader.ledger.read() as snapshot:
            return overlay.moved_runs(snapshot, copy.complete_until)


def _opened(path: Path) -> Copy:
    connection = duckdb.connect(str(path), read_only=True)
    if not is_of_today(connection):
        connection.close()
        return _empty(path, is_outdated=True)
    connection.execute("set timezone = 'UTC'").fetchall()
    found = connection.sql("select published_at, watermark from published").pl().row(0)
    published_at, watermark = found
    return Copy(path, connection, published_at, watermark - MARGIN if watermark else _BEFORE_ANYTHING)


def _empty(path: Path | None, *, is_outdated: bool = False) -> Copy:
    connection = duckdb.connect(":memory:")
    create_tables(connection)
    return Copy(path, connection, None, _BEFORE_ANYTHING, is_outdated=is_outdated)


def _former_owners(copy: Copy, changes: frozenset[Change]) -> set[int]:
    """The customers to whom the copy ascribes rows that changed since."""
    with copy.connection.cursor() as cursor:
        for name, table, key in (
            ("moved_invitations", invitations, "invitation_id"),
            ("moved_reviews", reviews, "review_id"),
        ):
            ids = [change.row_id for change in changes if change.kind == table.name]
            cursor.register(name, pl.DataFrame({key: ids}, schema={key: pl.Int64}))
        return {customer_id for (customer_id,) in cursor.execute(sql.statement("state/former_owners")).fetchall()}


def open_reader(ledger: Ledger, warehouse_folder: Path) -> Reader:
    """A reader of the copies published in `warehouse_folder`, which need not exist yet."""
    return Reader(ledger, warehouse_folder)
