"""Whether anything was written to the ledger: asked at each look at a page, so cheaper than asking what.

SQLite tells a connection that only listens whether anybody else committed, in microseconds. On PostgreSQL the snapshot
that a transaction would see tells: it is another one after every commit (and after some that were not of this ledger).
"""

import os
import sqlite3
import threading
from typing import Any, NamedTuple

import sqlalchemy as sa

from data.ledger.store import Ledger

_SNAPSHOT = sa.text("select cast(pg_current_snapshot() as text)")


class Commits:
    """What was committed so far, as a mark; threads may share it."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        file = ledger.engine.url.database if ledger.is_sqlite else None
        self._file = file if file != ":memory:" else None
        self._lock = threading.Lock()
        self._listener: _Listener | None = None

    def mark(self) -> object | None:
        """The same as before only if nothing was committed in between; None when nobody can tell.

        Whoever reads after it sees what it counts, and perhaps more.
        """
        if not self._ledger.is_sqlite:
            with self._ledger.read() as snapshot:
                return str(snapshot.execute(_SNAPSHOT).scalar_one())
        if self._file is None:
            return None
        with self._lock:
            try:
                return self._heard(self._file)
            except (OSError, sqlite3.Error, sa.exc.SQLAlchemyError):  # whoever reads next is told what is wrong
                self._listener = None
                return None

    def _heard(self, file: str) -> object:
        found = os.stat(file)
        if self._listener is None or self._listener.file != (found.st_dev, found.st_ino):  # replaced by a backup
            self._listener = None
            self._listener = _listen(self._ledger)
        # The listener too, since each counts for itself: while it is in a mark, no other one is the same object.
        return self._listener, self._listener.connection.execute("pragma data_version").fetchall()[0][0]


class _Listener(NamedTuple):
    """A connection of its own, outside the pool, with never a transaction open: it keeps nobody waiting."""

    file: tuple[int, int]
    connection: Any


def _listen(ledger: Ledger) -> _Listener:
    taken = ledger.engine.raw_connection()
    file = taken.info["file"]
    taken.detach()
    return _Listener(file, taken)
