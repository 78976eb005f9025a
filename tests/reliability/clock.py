"""The database's clock, movable: what a machine does whose time is set while it works.

Production code is not asked: on SQLite a function of our own takes the place of `strftime`, on PostgreSQL one stands
before `clock_timestamp` in the search path. How far the clock is off lies in a file or a table, for every process.
"""

import sqlite3
import struct
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from data.settings import Settings

_FORMAT = "d"  # seconds, as eight bytes
_POSTGRESQL = """
create schema moved;
create table moved.clock (seconds double precision not null);
insert into moved.clock values (0);
create function moved.clock_timestamp() returns timestamptz language sql stable as
    'select pg_catalog.clock_timestamp() + make_interval(secs => seconds) from moved.clock';
"""


def _file(settings: Settings) -> Path:
    return settings.home / "moved-clock"


def _is_sqlite(settings: Settings) -> bool:
    return sa.make_url(settings.ledger_address).get_backend_name() == "sqlite"


def make_movable(settings: Settings) -> None:
    """From now on connections of `WarmLedger` follow a clock that `move` moves."""
    _file(settings).write_bytes(struct.pack(_FORMAT, 0.0))
    if not _is_sqlite(settings):
        with _administer(settings) as connection:
            for statement in _POSTGRESQL.strip().split(";\n"):
                connection.exec_driver_sql(statement)
            name = sa.make_url(settings.ledger_address).database
            connection.exec_driver_sql(f'alter database "{name}" set search_path = moved, public, pg_catalog')


def is_movable(settings: Settings) -> bool:
    return _file(settings).exists()


def move(settings: Settings, seconds: float) -> None:
    """Set the database's clock that far ahead of (or behind) the right time, for every process at once."""
    with _file(settings).open("r+b") as file:  # in place: whoever reads meanwhile finds eight bytes
        file.write(struct.pack(_FORMAT, seconds))
    if not _is_sqlite(settings):
        with _administer(settings) as connection:
            connection.execute(sa.text("update moved.clock set seconds = :seconds"), {"seconds": seconds})


def follow(connection: Any, settings: Settings) -> None:
    """Give a new SQLite connection the moved clock; PostgreSQL's have it by their search path."""
    if not isinstance(connection, sqlite3.Connection):
        return
    file = _file(settings)

    def strftime(form: str, moment: str) -> str:
        assert (form, moment) == ("%Y-%m-%d %H:%M:%f", "now"), "database_now() asks otherwise: teach this one"
        (seconds,) = struct.unpack(_FORMAT, file.read_bytes())
        now = datetime.now(UTC) + timedelta(seconds=seconds)
        return now.strftime("%Y-%m-%d %H:%M:%S.") + f"{now.microsecond // 1000:03d}"

    connection.create_function("strftime", 2, strftime)


class _administer:  # noqa: N801  (reads as a verb)
    def __init__(self, settings: Settings) -> None:
        url = sa.make_url(settings.ledger_address).set(drivername="postgresql+psycopg")
        self._engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")

    def __enter__(self) -> sa.Connection:
        self._connection = self._engine.connect()
        return self._connection

    def __exit__(self, *_: object) -> None:
        self._connection.close()
        self._engine.dispose()
