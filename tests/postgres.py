"""A private PostgreSQL for the suite: the one `AFTERWORD_TEST_POSTGRES` names, else one started on loopback with the
machine's own `initdb`, in a folder of its own, ended with the suite. And a database in it for each test."""

import glob
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg import sql

from data.ledger.tables import metadata

VARIABLE = "AFTERWORD_TEST_POSTGRES"


def binary_folder() -> Path | None:
    """Where this machine's server binaries are; None when it has none."""
    found = [*filter(None, [shutil.which("initdb")]), *sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"))]
    return Path(found[-1]).parent if found else None


def is_available() -> bool:
    return bool(os.environ.get(VARIABLE)) or binary_folder() is not None


@contextmanager
def server() -> Iterator[str]:
    """The URL of a running server (its maintenance database), ended when left."""
    with tempfile.TemporaryDirectory(prefix="afterword-postgres-") as folder:
        Path(folder).chmod(0o755)  # or PostgreSQL's own user could not enter it
        try:
            yield start(Path(folder))
        finally:
            stop(Path(folder))


def start(folder: Path) -> str:
    """Make a server in `folder`, which every user can enter, and start it: the URL of its maintenance database."""
    named = os.environ.get(VARIABLE)
    if named:
        return named
    cluster = folder / "postgres"
    cluster.mkdir()
    if user := _user():
        os.chown(cluster, pwd.getpwnam(user).pw_uid, -1)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    _run(cluster, "initdb", "-A", "trust", "-U", "afterword", "-E", "UTF8", "--no-sync", "--locale=C.UTF-8")
    options = " ".join([
        f"-h 127.0.0.1 -p {port} -c unix_socket_directories='' -c max_connections=200",
        # Nothing here outlives the suite: what guards against a power cut costs a third of the time, and buys nothing.
        "-c fsync=off -c full_page_writes=off -c synchronous_commit=off -c wal_level=minimal -c max_wal_senders=0",
        "-c checkpoint_timeout=1d -c max_wal_size=4GB -c autovacuum=off -c jit=off",
    ])  # fmt: skip
    _run(cluster, "pg_ctl", "-w", "-l", str(cluster / "log"), "-o", options, "start")
    return f"postgresql://afterword@127.0.0.1:{port}/postgres"


def stop(folder: Path) -> None:
    """End the server that was started in `folder`, if one was."""
    cluster = folder / "postgres"
    if (cluster / "data" / "postmaster.pid").exists():
        _run(cluster, "pg_ctl", "-m", "immediate", "-w", "stop")


def _run(cluster: Path, command: str, *arguments: str) -> None:
    binaries = binary_folder()
    assert binaries is not None
    whole = [str(binaries / command), "-D", str(cluster / "data"), *arguments]
    subprocess.run(whole, check=True, user=_user(), cwd=cluster, stdout=subprocess.DEVNULL)


def _user() -> str | None:
    """PostgreSQL refuses to run as root; the packages make a user for it."""
    return "postgres" if os.geteuid() == 0 else None


def make_database(server_url: str, name: str) -> str:
    """Create an empty database on the server; its URL."""
    url = sa.make_url(server_url)
    with closing(_connect(url)) as connection:
        connection.execute(_statement("create database {}", name))
    return url.set(database=name).render_as_string(hide_password=False)


# What shows that a test changed a table and not only its rows: each such change writes to one of these.
_SCHEMA = """select array_agg(array[count, newest]) from (
    select count(*), max(xmin::text::bigint) from pg_class union all
    select count(*), max(xmin::text::bigint) from pg_attribute union all
    select count(*), max(xmin::text::bigint) from pg_constraint union all
    select count(*), max(xmin::text::bigint) from pg_proc) as parts(count, newest)"""
_OTHERS = "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> %s"
_USED_SEQUENCES = "select setval(quote_ident(sequencename)::regclass, 1, false) from pg_sequences where last_value >= 0"
_TESTS_EACH = 50  # deleted rows stay in a table's pages: after so many tests a new database is the cheaper one


class Databases:
    """Databases like the `template`: one that a test gives back is emptied for the next one, and renamed.

    Making one costs the server twenty times as much. The new name keeps out whatever the last test left running.
    """

    def __init__(self, server_url: str, template: str) -> None:
        self._server = sa.make_url(server_url)
        self._template = template
        self._control = self._connect(str(self._server.database))
        self._free: list[tuple[str, int]] = []  # name, and how many tests had it
        # In an order in which no row is deleted before those that refer to it.
        self._tables = [table.name for table in reversed(metadata.sorted_tables)]
        self._filled = sql.SQL(" union all ").join(
            sql.SQL("select {} where exists (select from {})").format(table, sql.Identifier(table))
            for table in self._tables
        )
        with closing(self._connect(template)) as connection:
            self._schema = connection.execute(_SCHEMA).fetchone()
            self._rows = {name: rows for name in ("system", "alembic_version") if (rows := _rows(connection, name))}

    @contextmanager
    def one(self) -> Iterator[str]:
        """The URL of a database with the template's tables and rows, and no others."""
        name = f"test_{uuid.uuid4().hex[:12]}"
        tests = 0
        if self._free:
            old, tests = self._free.pop()
            self._control.execute(_statement("alter database {} rename to {}", old, name))
        else:
            self._control.execute(_statement("create database {} template {}", name, self._template))
        yield self._server.set(database=name).render_as_string(hide_password=False)
        if tests < _TESTS_EACH and self._is_emptied(name):
            self._free.append((name, tests + 1))
        else:
            self._control.execute(_statement("drop database {} with (force)", name))

    def close(self) -> None:
        """Drop what is left."""
        for name, _ in self._free:
            self._control.execute(_statement("drop database {} with (force)", name))
        self._control.close()

    def _is_emptied(self, name: str) -> bool:
        """Bring a database back to the template's rows; False when its tables are no longer the template's."""
        with closing(self._connect(name)) as connection:
            connection.execute(_OTHERS, [connection.info.backend_pid])
            if connection.execute(_SCHEMA).fetchone() != self._schema:
                return False
            filled = {table for (table,) in connection.execute(self._filled).fetchall()}
            for table in self._tables:
                if table in filled:
                    connection.execute(_statement("delete from {}", table))
            connection.execute(_USED_SEQUENCES)
            for table, rows in self._rows.items():
                connection.execute(_statement("delete from {}", table))
                for row in rows:
                    places = sql.SQL(", ").join(sql.Placeholder() * len(row))
                    connection.execute(sql.SQL("insert into {} values ({})").format(sql.Identifier(table), places), row)
        return True

    def _connect(self, database: str) -> "psycopg.Connection[tuple[Any, ...]]":
        return _connect(self._server.set(database=database))


def _connect(url: sa.URL) -> "psycopg.Connection[tuple[Any, ...]]":
    plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
    return psycopg.connect(plain, autocommit=True)


def _rows(connection: "psycopg.Connection[tuple[Any, ...]]", table: str) -> list[tuple[Any, ...]]:
    return connection.execute(_statement("select * from {}", table)).fetchall()


def _statement(text: str, *names: str) -> sql.Composed:
    return sql.SQL(text).format(*map(sql.Identifier, names))
