"""The warehouse's file, the lock that lets one process write it, and the copies that readers open.

A DuckDB file that one process writes cannot even be read by another, so readers never open it. They open
`current.duckdb`, a symlink to the newest `serving-<n>.duckdb`. Each copy has a name of its own, because DuckDB goes on
serving the old content of a file that is replaced under its own path while any connection in the process is open.
"""

import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

import duckdb
import structlog
from filelock import FileLock, Timeout

from data.settings import utc_now
from data.warehouse import sql
from data.warehouse.parquet import flush

log = structlog.get_logger(__name__)

PUBLISH_EVERY = timedelta(minutes=1)
KEPT_COPIES = 3
_COPY = re.compile(r"serving-(\d+)\.duckdb")


class WarehouseBusy(RuntimeError):
    """Another process holds the warehouse's lock."""

    def __init__(self, lock: Path, seconds: float) -> None:
        super().__init__(
            f"Another process writes the warehouse: {lock.name} was not free within {seconds:g} seconds. "
            "Wait for the run that holds it to end (the Runs page shows it) and start this one again; if no run is "
            "going, end the process that `fuser` names for that file. Deleting the file mends nothing."
        )


class Warehouse:
    """A handle on the warehouse in `folder`, made on first use; threads and processes take turns by its lock."""

    def __init__(self, folder: Path, *, lock_seconds: float = 60) -> None:
        self.folder = folder
        self.lock_seconds = lock_seconds
        self._link = os.path.join(folder, "current.duckdb")

    @property
    def file(self) -> Path:
        """The file that writers open, and nobody else."""
        return self.folder / "warehouse.duckdb"

    @contextmanager
    def write(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """One transaction under the exclusive lock: committed on leaving, rolled back on an exception.

        Raises WarehouseBusy when the lock is not free within `lock_seconds`.
        """
        with self._locked(), self._connection() as connection, _transaction(connection):
            yield connection

    def publish(
        self, *, force: bool = False, now: datetime | None = None, every: timedelta = PUBLISH_EVERY
    ) -> Path | None:
        """Copy the warehouse for readers and point `current.duckdb` at the copy; the copy, or None if none was made.

        None is made when nothing changed since the last one, or when that is younger than `every` (`force` publishes
        even so). `now` is this machine's clock. A crash at any instruction leaves the old copy current and whole.
        Raises WarehouseBusy.
        """
        now = now or utc_now()
        with self._locked():
            name = self._next_name()
            with self._connection() as connection:
                if not (force or self._is_due(connection, now - every)):
                    return None
                with _transaction(connection):
                    connection.execute(sql.statement("state/publish_state"), [name]).fetchall()
                    connection.execute("delete from published").fetchall()
                    connection.execute(sql.statement("state/publish"), [now]).fetchall()
                connection.execute("checkpoint").fetchall()
            target = self._copy_to(name)
            self._point_at(target)
            self._remove_old()
        log.info("published", copy=name, bytes=target.stat().st_size)
        return target

    def current(self) -> Path | None:
        """The copy that readers open now; None before the first publish."""
        try:
            target = os.path.join(self.folder, os.readlink(self._link))  # not by Path: every look asks
        except OSError:
            return None
        return Path(target) if os.path.isfile(target) else None

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / "warehouse.lock"
        try:
            with FileLock(path, timeout=self.lock_seconds):
                yield
        except Timeout as busy:
            raise WarehouseBusy(path, self.lock_seconds) from busy

    @contextmanager
    def _connection(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with connect(self.file) as connection:
            with _transaction(connection):
                create_tables(connection)
            yield connection

    def _is_due(self, connection: duckdb.DuckDBPyConnection, younger_than: datetime) -> bool:
        last = self.current()
        if last is None:
            return True
        is_loaded, is_same, file_name = connection.execute(sql.statement("state/publishing")).fetchall()[0]
        if not is_loaded:
            return False  # made again by an upgrade: the old copy stays until a load has filled the tables
        if file_name != last.name:
            return True  # the link decides what was published: the last publish did not come as far as the swap
        young = connection.execute("select 1 from published where published_at > $1", [younger_than]).fetchall()
        return not (is_same or young)

    def _next_name(self) -> str:
        numbers = [int(found[1]) for entry in self.folder.iterdir() if (found := _COPY.match(entry.name))]
        return f"serving-{max(numbers, default=0) + 1}.duckdb"

    def _copy_to(self, name: str) -> Path:
        for left in self.folder.glob("serving-*.partial"):
            left.unlink()  # of a process that was killed
        partial = self.folder / f"{name}.partial"
        try:
            shutil.copyfile(self.file, partial)
            flush(partial)
            return partial.rename(self.folder / name)
        finally:
            partial.unlink(missing_ok=True)  # half a copy on a full disk would take the ledger's last room

    def _point_at(self, target: Path) -> None:
        link = self.folder / "current.duckdb.new"
        link.unlink(missing_ok=True)
        link.symlink_to(target.name)
        link.replace(self.folder / "current.duckdb")
        flush(self.folder)

    def _remove_old(self) -> None:
        copies = sorted(
            (int(found[1]), entry) for entry in self.folder.iterdir() if (found := _COPY.fullmatch(entry.name))
        )
        for _, entry in copies[:-KEPT_COPIES]:
            entry.unlink()  # a reader that still has it open keeps it until it closes


@contextmanager
def connect(file: Path | str, *, read_only: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that speaks UTC, closed on leaving; `":memory:"` opens a database of its own."""
    connection = duckdb.connect(str(file), read_only=read_only)
    try:
        connection.execute("set timezone = 'UTC'").fetchall()
        yield connection
    finally:
        connection.close()


def create_tables(connection: duckdb.DuckDBPyConnection) -> None:
    """Make every table of `schema/`, and the one row of warehouse_state, where they are not there.

    Tables made by other statements than today's (an upgrade) are dropped first: the next load fills them again from
    the ledger. Only core_verdicts stays as it is, since the ledger has no verdicts.
    """
    if is_of_today(connection):
        return
    for (name,) in connection.execute(sql.statement("state/outdated_tables")).fetchall():
        connection.execute(f"drop table {name}").fetchall()
    create_macros(connection)
    for name in sql.names("schema"):
        connection.execute(sql.statement(name)).fetchall()
    connection.execute(sql.statement("state/first_state"), [_statements_hash()]).fetchall()


def create_macros(connection: duckdb.DuckDBPyConnection) -> None:
    """Make what statements call by name."""
    for name in sql.names("macros"):
        connection.execute(sql.statement(name)).fetchall()


def is_of_today(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether these tables were made by today's statements, and not before an upgrade (or after it)."""
    return _made_by(connection) == _statements_hash()


def _made_by(connection: duckdb.DuckDBPyConnection) -> str | None:
    try:
        kept = connection.table("warehouse_state").columns
    except duckdb.CatalogException:
        return None
    if tuple(kept) != sql.columns("schema/warehouse_state"):
        return None
    found = connection.execute(sql.statement("state/made_by")).fetchall()
    return str(found[0][0]) if found else None


@cache
def _statements_hash() -> str:
    """Of the tables' DDL, the marts and what they call: when one of them changes, what is stored no longer fits."""
    texts = [sql.statement(name) for folder in ("macros", "schema", "marts") for name in sql.names(folder)]
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()


@contextmanager
def _transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    connection.begin()
    try:
        yield
    except BaseException:
        connection.rollback()
        raise
    connection.commit()
