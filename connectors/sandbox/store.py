"""The sandbox's state: one SQLite file in WAL, written by one event loop.

Statements run at once inside an open transaction; `settled()` waits for the commit that covers them. Everyone who
asks within one turn of the loop shares a commit, so that a thousand creates a second cost a few hundred commits and
yet nothing is answered 2xx before it would survive a kill.
"""

import asyncio
import json
import sqlite3
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

SCHEMA = """
create table if not exists texts (
    n integer primary key, sid text not null unique, direction text not null, sender text, recipient text not null,
    service_sid text, content_sid text, body text not null, status text not null, error_code integer,
    segments text not null, created real not null, sent real, updated real not null,
    callback_url text, attempt_id text
);
create table if not exists text_media (
    sid text not null, position integer not null, url text not null, media_type text, size integer,
    primary key (sid, position)
);
create index if not exists texts_recipient on texts (recipient);
create index if not exists texts_order on texts (coalesce(sent, created), n);
create table if not exists mails (
    n integer primary key, message_id text not null, sender text not null, recipient text not null,
    header_to text not null, subject text not null, body_text text not null, body_html text not null,
    variables text not null, tags text not null, unsubscribe text, is_test integer not null, status text not null,
    size integer not null, created real not null, attempt_id text
);
create table if not exists mail_files (
    message_id text not null, position integer not null, name text not null, media_type text not null,
    size integer not null, primary key (message_id, position)
);
create index if not exists mails_message on mails (message_id);
create table if not exists mail_events (
    n integer primary key, id text not null, at real not null, visible_at real not null, event text not null,
    recipient text not null, message_id text not null, severity text, subject text, header_to text,
    payload text not null
);
create index if not exists mail_events_order on mail_events (at, n);
create index if not exists mail_events_message on mail_events (message_id);
create index if not exists mail_events_recipient on mail_events (recipient);
create table if not exists contents (
    n integer primary key, sid text not null unique, friendly_name text not null, language text not null,
    variables text not null, types text not null, status text not null, name text not null, category text not null,
    reason text not null, created real not null, updated real not null
);
create table if not exists text_values (sid text primary key, given text not null);
create table if not exists blocked (recipient text not null, sender text not null, primary key (recipient, sender));
create table if not exists mail_lists (
    name text not null, address text not null, tags text not null, created real not null, code text not null,
    error text not null, primary key (name, address)
);
create table if not exists agenda (n integer primary key, due real not null, kind text not null, payload text not null);
create table if not exists facts (name text primary key, value text not null);
"""


class FolderInUse(Exception):
    """Another sandbox holds this folder."""


class Store:
    """One connection, one thread: everything here is called from the event loop."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._connection = sqlite3.connect(folder / "sandbox.sqlite", isolation_level=None, timeout=1)
        self._connection.row_factory = sqlite3.Row
        self._commit: asyncio.Future[None] | None = None
        try:
            # Exclusive: a second sandbox on the same folder would play every customer twice.
            self._connection.execute("pragma locking_mode=exclusive")
            self._connection.execute("pragma journal_mode=wal")
            # NORMAL survives the death of the process, which is what a test inflicts; only a power cut could lose more.
            self._connection.execute("pragma synchronous=normal")
            self._connection.executescript(SCHEMA)
        except sqlite3.OperationalError as fault:
            raise FolderInUse(f"the folder {folder.name} is in use by another sandbox ({fault})") from fault
        self._offset = float(self.fact("clock_offset", 0.0))
        self.date_offset = 0.0  # seconds by which the Date header of the answers runs ahead of this machine's clock

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """What a query finds, uncommitted writes of this loop included."""
        return self._connection.execute(sql, values).fetchall()

    def row(self, sql: str, values: Sequence[Any] = ()) -> sqlite3.Row | None:
        """The first row of a query, if any."""
        found: sqlite3.Row | None = self._connection.execute(sql, values).fetchone()
        return found

    def write(self, sql: str, values: Sequence[Any] = ()) -> int:
        """Run one writing statement; the number of the row it made. Lasting only after `settled()`."""
        self._open()
        return int(self._connection.execute(sql, values).lastrowid or 0)

    def insert(self, table: str, **values: Any) -> int:
        """Insert one row; its number. Table and columns are the code's own words, never input."""
        columns = ", ".join(values)
        marks = ", ".join("?" * len(values))
        return self.write(f"insert into {table} ({columns}) values ({marks})", list(values.values()))  # noqa: S608

    def write_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run one writing statement for each row."""
        self._open()
        self._connection.executemany(sql, rows)

    def _open(self) -> None:
        if not self._connection.in_transaction:
            self._connection.execute("begin")
            loop = asyncio.get_running_loop()
            self._commit = loop.create_future()
            loop.call_soon(self._settle, self._commit)

    def _settle(self, done: "asyncio.Future[None]") -> None:
        try:
            self._connection.execute("commit")
        except sqlite3.Error as fault:  # a full disk: those who wait must not answer 2xx
            self._connection.execute("rollback")
            done.set_exception(fault)
            done.exception()  # looked at here: nobody may be waiting for this commit
        else:
            done.set_result(None)

    async def settled(self) -> None:
        """Wait until everything written so far would survive a kill."""
        if self._connection.in_transaction and self._commit is not None:
            await asyncio.shield(self._commit)

    def fact(self, name: str, default: Any = None) -> Any:
        """A remembered value."""
        row = self.row("select value from facts where name = ?", [name])
        return default if row is None else json.loads(row["value"])

    def remember(self, name: str, value: Any) -> None:
        """Keep a value over restarts."""
        self.write("insert or replace into facts values (?, ?)", [name, json.dumps(value)])

    def forget(self) -> None:
        """Empty every table of the providers' own; what is on the agenda finds nothing when its time comes."""
        self._open()
        for table in (
            "texts",
            "text_media",
            "text_values",
            "mails",
            "mail_files",
            "mail_events",
            "blocked",
            "mail_lists",
        ):
            self._connection.execute(f"delete from {table}")  # noqa: S608
        self.set_offset(0.0)
        self.date_offset = 0.0

    @property
    def offset(self) -> float:
        """Seconds by which the provider's timestamps run ahead of this machine's clock."""
        return self._offset

    def set_offset(self, seconds: float) -> None:
        """Move the provider's clock."""
        self._offset = seconds
        self.remember("clock_offset", seconds)

    def now(self) -> float:
        """The provider's clock: epoch seconds as they appear in payloads."""
        return time.time() + self._offset

    def close(self) -> None:
        """Commit what is open and let the file go."""
        if self._connection.in_transaction:
            self._connection.execute("commit")
        self._connection.close()
