"""The two kinds of transaction, on both databases."""

import shutil
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from data.ledger.migrate import WrongRevision, migrate, require_current
from data.ledger.store import Ledger, open_ledger
from data.ledger.tables import system
from data.settings import Settings
from tests.world import NOON


def test_a_read_transaction_cannot_write(ledger: Ledger) -> None:
    with pytest.raises(sa.exc.DBAPIError), ledger.read() as connection:
        connection.execute(system.update().values(halted_by="somebody"))


def test_concurrent_read_then_write_transactions_lose_no_increment(ledger: Ledger) -> None:
    def add_one(_: int) -> None:
        with ledger.write() as connection:
            row = connection.execute(sa.select(system.c.clock_offset_seconds).with_for_update()).one()
            connection.execute(system.update().values(is_demo=True, clock_offset_seconds=row[0] + 1))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add_one, range(80)))
    with ledger.read() as connection:
        assert connection.execute(sa.select(system.c.clock_offset_seconds)).scalar_one() == 80


def test_only_a_demo_ledger_shifts_its_clock(ledger: Ledger) -> None:
    with pytest.raises(sa.exc.IntegrityError), ledger.write() as connection:
        connection.execute(system.update().values(clock_offset_seconds=60))


def test_migrating_twice_changes_nothing(ledger: Ledger) -> None:
    migrate(ledger)
    require_current(ledger)


def test_an_empty_ledger_is_refused_with_the_command_that_makes_it(home: object, tmp_path: object) -> None:
    ledger = open_ledger(Settings(home=home))
    with pytest.raises(WrongRevision, match="afterword init"):
        require_current(ledger)
    ledger.close()


@pytest.mark.one_database
@pytest.mark.slow
def test_nothing_is_written_to_a_file_that_was_moved_away_and_a_backup_in_its_place_is_opened(tmp_path: Path) -> None:
    ledger = open_ledger(Settings(home=tmp_path))
    migrate(ledger)
    path, away = tmp_path / "ledger.sqlite", tmp_path / "away.sqlite"
    with ledger.read() as connection:  # everything is in the file, nothing in its log
        connection.exec_driver_sql("pragma wal_checkpoint(truncate)")

    def write(who: str) -> None:
        with ledger.write() as connection:
            connection.execute(system.update().values(halted_by=who, halted_at=NOON, halt_reason="x"))

    path.rename(away)
    for _ in range(3):
        with pytest.raises(sa.exc.OperationalError, match="gone"):
            write("lost")
    assert not path.exists(), "an empty ledger was made where there was one"
    shutil.copy(away, path)
    write("kept")
    with ledger.read() as connection:
        assert connection.execute(sa.select(system.c.halted_by)).scalar_one() == "kept"
    with closing(sqlite3.connect(path)) as other:
        assert other.execute("select halted_by from system").fetchone() == ("kept",)
    ledger.close()


@pytest.mark.sqlite_only
def test_a_connection_is_told_whether_it_may_write_only_when_that_changes(ledger: Ledger) -> None:
    """Being told has SQLite prepare every statement of the connection anew: twice the time of a small transaction."""
    told: list[str] = []

    @sa.event.listens_for(ledger.engine, "before_cursor_execute")
    def listen(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if "query_only" in statement:
            told.append(statement.rpartition(" ")[2])

    for transaction in (ledger.read, ledger.write, ledger.write, ledger.write, ledger.read, ledger.write):
        with transaction() as connection:
            connection.execute(sa.select(1))
    assert told[-4:] in (["ON", "OFF", "ON", "OFF"], ["OFF", "ON", "OFF"])  # what it was told before, it may have kept
    with ledger.read() as connection, pytest.raises(sa.exc.OperationalError, match="readonly"):
        connection.execute(sa.text("DELETE FROM runs"))


def test_a_connection_that_outlives_its_ledger_is_closed_by_whoever_lets_it_go(ledger: Ledger) -> None:
    closed: list[object] = []
    other = open_ledger(ledger.settings)
    sa.event.listen(other.engine, "close", lambda connection, _record: closed.append(connection))
    with other.read() as connection:
        held = connection.connection.driver_connection
        other.close()
        assert closed == []
    assert closed == [held]
