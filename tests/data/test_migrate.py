"""The migrations make the tables that the code describes; a ledger of another revision is refused."""

import contextlib
import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from data.ledger.migrate import WrongRevision, migrate, newest_revision, require_current
from data.ledger.store import Ledger, open_ledger
from data.ledger.tables import metadata
from data.settings import Settings


@pytest.mark.slow
def test_the_migrations_make_what_the_tables_describe(ledger: Ledger) -> None:
    with ledger.engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, metadata) == []


def test_each_check_is_in_the_database_too(ledger: Ledger) -> None:
    described = {
        (table.name, str(constraint.name))
        for table in metadata.tables.values()
        for constraint in table.constraints
        if isinstance(constraint, sa.CheckConstraint)
    }
    inspector = sa.inspect(ledger.engine)
    made = {(table, check["name"]) for table in metadata.tables for check in inspector.get_check_constraints(table)}
    assert described <= made


def test_a_ledger_of_another_revision_is_refused_and_says_how_to_mend_it(ledger: Ledger) -> None:
    with ledger.write() as connection:
        connection.execute(sa.text("update alembic_version set version_num = '0000'"))
    with pytest.raises(WrongRevision, match="afterword init FILE"):
        require_current(ledger)


def test_a_ledger_that_a_newer_version_made_is_not_to_be_brought_up_by_this_one(ledger: Ledger) -> None:
    with ledger.write() as connection:
        connection.execute(sa.text("update alembic_version set version_num = '9999'"))
    with pytest.raises(WrongRevision, match="a newer one made it") as refused:
        require_current(ledger)
    assert "afterword init" not in str(refused.value)


@pytest.mark.slow
def test_a_newer_ledger_does_not_take_the_place_of_an_older_copy(home: Path) -> None:
    ledger = open_ledger(Settings(home=home))
    migrate(ledger)
    with ledger.write() as connection:
        connection.execute(sa.text("update alembic_version set version_num = '9999'"))
    kept = home / f"ledger.sqlite.before-{newest_revision()}"
    kept.touch()  # to SQLite an empty database
    with pytest.raises(WrongRevision, match="a newer one made it"):
        migrate(ledger)
    ledger.close()
    assert kept.stat().st_size == 0


@pytest.mark.slow
def test_a_sqlite_ledger_is_copied_before_it_is_changed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = open_ledger(Settings(home=home))
    migrate(ledger)
    with ledger.write() as connection:
        connection.execute(sa.text("update alembic_version set version_num = '0000'"))
    monkeypatch.setattr("alembic.command.upgrade", lambda *_: None)
    migrate(ledger)
    ledger.close()
    with contextlib.closing(sqlite3.connect(home / "ledger.sqlite.before-0005")) as copy:
        assert copy.execute("select count(*) from system").fetchall() == [(1,)]
