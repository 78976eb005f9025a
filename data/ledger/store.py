"""Opening the ledger, and the two kinds of transaction.

A write transaction on SQLite begins IMMEDIATE: with SQLAlchemy's default, two claimers read the same rows before
either writes (410 of 3,000 taken twice in a trial). A read transaction sees one snapshot and cannot write.
No transaction may span a network call.
"""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import datetime, timedelta
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.pool import ConnectionPoolEntry

from data.ledger.postgres import postgres_engine
from data.ledger.tables import system
from data.ledger.tables.metadata import database_now
from data.ledger.turns import Turns
from data.settings import Settings, utc_now

_WRITE = "afterword_write"
_BUSY_MILLISECONDS = 15_000
_POOL = {"pool_size": 10, "max_overflow": 15}  # connections of one process; web/threads.py counts on them
# PostgreSQL undid this transaction, and the same work done again can succeed: a deadlock, a serialization failure, or a
# person who was merged into another between our reading and our writing.
_UNDONE = ("40P01", "40001", "23503")
_TRIES = 8
_LONGEST_PAUSE = 0.25  # seconds, by chance: two that undid each other must not meet again at once

P = ParamSpec("P")
R = TypeVar("R")


class Ledger:
    """A handle on the ledger's database; threads may share it, processes may not.

    `settings` supplies the fixed policy clock, if one is set.
    """

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self.engine = engine
        self.settings = settings
        file = engine.url.database if self.is_sqlite else None
        self._turns = Turns(Path(file)) if file and file != ":memory:" else None

    @property
    def is_sqlite(self) -> bool:
        """Whether claims need no row locks because writers take turns."""
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent snapshot; writing through it is an error."""
        options: dict[str, Any] = {_WRITE: False}
        if not self.is_sqlite:
            options |= {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        with self.engine.connect().execution_options(**options) as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One write transaction: committed on leaving, rolled back on an exception."""
        options: dict[str, Any] = {_WRITE: True}
        if not self.is_sqlite:
            options |= {"isolation_level": "READ COMMITTED", "postgresql_readonly": False}
        turn = self._turns.one(_BUSY_MILLISECONDS / 1000) if self._turns else nullcontext()
        with turn, self.engine.connect().execution_options(**options) as connection, connection.begin():
            yield connection

    def now(self, connection: Connection) -> datetime:
        """The database's clock: leases, rates, freshness."""
        return connection.execute(sa.select(database_now())).scalar_one()

    def policy_now(self) -> datetime:
        """The clock that decides what is due and quiet: this machine's, or a fixed or shifted one in tests and demo."""
        if self.settings.now is not None:
            return self.settings.now
        with self.read() as connection:
            offset = connection.execute(sa.select(system.c.clock_offset_seconds)).scalar_one_or_none()
        return utc_now() + timedelta(seconds=offset or 0)

    def close(self) -> None:
        """Give back every connection; one that a thread still holds is closed when that lets it go."""
        pool = self.engine.pool
        self.engine.dispose()
        sa.event.listen(pool, "checkin", _close)
        if self._turns:
            self._turns.close()


def _close(_connection: object, record: ConnectionPoolEntry) -> None:
    record.close()


def again_if_undone(function: Callable[P, R]) -> Callable[P, R]:
    """For a function that is one write transaction: done again when PostgreSQL undid it for the sake of another.

    Events come in any order, so no order of locks can keep all who write from ever waiting for each other.
    """

    @wraps(function)
    def done_again(*args: P.args, **kwargs: P.kwargs) -> R:
        for _ in range(_TRIES - 1):
            try:
                return function(*args, **kwargs)
            except sa.exc.DBAPIError as problem:
                if getattr(problem.orig, "sqlstate", None) not in _UNDONE:
                    raise
                time.sleep(random.uniform(0, _LONGEST_PAUSE))  # noqa: S311  (no secret)
        return function(*args, **kwargs)

    return done_again


def open_ledger(settings: Settings | None = None) -> Ledger:
    """Open the ledger that the settings name, creating its folder but none of its tables."""
    settings = settings or Settings()
    url = sa.make_url(settings.ledger_address)
    if url.get_backend_name() == "sqlite":
        return Ledger(_sqlite_engine(url), settings)
    return Ledger(postgres_engine(url, **_POOL), settings)


def _sqlite_engine(url: sa.URL) -> Engine:
    if url.database:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(
        url,
        hide_parameters=True,
        connect_args={"check_same_thread": False, "timeout": _BUSY_MILLISECONDS / 1000},
        **_POOL,
    )

    @sa.event.listens_for(engine, "connect")
    def _configure(driver_connection: Any, record: object) -> None:
        driver_connection.isolation_level = None  # we say BEGIN ourselves
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
            driver_connection.execute(f"PRAGMA {pragma}")

    if url.database and url.database != ":memory:":
        _hold_to_file(engine, Path(url.database))

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        is_write = connection.get_execution_options().get(_WRITE, True)
        if connection.info.get(_WRITE) is not is_write:  # else not: every statement would be prepared anew for it
            connection.exec_driver_sql(f"PRAGMA query_only = {'OFF' if is_write else 'ON'}")
            connection.info[_WRITE] = is_write
        connection.exec_driver_sql("BEGIN IMMEDIATE" if is_write else "BEGIN")

    return engine


def _hold_to_file(engine: Engine, path: Path) -> None:
    """Let no connection go on with a file that is not at its path any more.

    SQLite would write to one that was moved away, deleted or replaced by a backup, and what was acknowledged would be
    gone with it. A replaced one is opened anew; without one every transaction is refused.
    """

    was_opened = False

    def gone() -> sa.exc.OperationalError:
        return sa.exc.OperationalError("open", None, FileNotFoundError("the ledger's file is gone"))

    @sa.event.listens_for(engine, "do_connect")
    def _refuse(*_: Any) -> None:
        if was_opened and not path.exists():  # SQLite would make an empty one
            raise gone()

    @sa.event.listens_for(engine, "connect")
    def _note(driver_connection: Any, record: Any) -> None:
        nonlocal was_opened
        record.info["file"], was_opened = _identity(path), True

    @sa.event.listens_for(engine, "checkout")
    def _compare(driver_connection: Any, record: Any, fairy: object) -> None:
        found = _identity(path)
        if found is None:
            raise gone()
        if record.info["file"] != found:
            raise sa.exc.DisconnectionError("the ledger's file was replaced")


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
