"""Bringing a ledger to this version of the code, under a lock and after a backup.

Only `afterword init`, `up` and `demo` migrate, and only they load Alembic. Every other process refuses a ledger of
another revision.
"""

import sqlite3
from pathlib import Path

import sqlalchemy as sa
from filelock import FileLock

from data.ledger.store import Ledger
from data.ledger.tables import system


class WrongRevision(Exception):
    """The ledger was made by another version of Afterword."""


_SCRIPTS = Path(__file__).parent / "migrations"


def current_revision(ledger: Ledger) -> str | None:
    """The revision the ledger is at; None when it holds no tables of ours."""
    version = sa.table("alembic_version", sa.column("version_num", sa.String))
    with ledger.read() as connection:
        if not sa.inspect(connection).has_table(version.name):
            return None
        return connection.execute(sa.select(version.c.version_num)).scalar()


def newest_revision() -> str:
    """The revision this code works with: migrations are numbered, and each follows the one before."""
    return max(script.name[:4] for script in (_SCRIPTS / "versions").glob("[0-9]*.py"))


def migrate(ledger: Ledger) -> None:
    """Bring the ledger to the newest revision; does nothing when it is there.

    A SQLite file is copied to `<name>.before-<revision>` first. PostgreSQL is backed up by its own tools
    (docs/operations.md). Raises WrongRevision where a newer version made the ledger.
    """
    ledger.settings.home.mkdir(parents=True, exist_ok=True)
    with FileLock(ledger.settings.home / "migrate.lock", timeout=60):
        current, newest = current_revision(ledger), newest_revision()
        if current == newest:
            return
        if current is not None and current > newest:
            raise newer_than_this(current)  # before a copy of it takes the place of the one made before that revision
        if current is not None and ledger.is_sqlite and ledger.engine.url.database:
            _back_up(ledger, Path(ledger.engine.url.database), newest)
        _upgrade(ledger)
        with ledger.write() as connection:
            if connection.execute(sa.select(system.c.system_id)).first() is None:
                connection.execute(system.insert().values(system_id=1))


def _upgrade(ledger: Ledger) -> None:
    from alembic import command  # noqa: PLC0415 - it takes as long as a sending run's whole start, and this is rare
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    config.attributes["engine"] = ledger.engine
    command.upgrade(config, "head")


def _back_up(ledger: Ledger, path: Path, newest: str) -> None:
    """Copy the file through SQLite itself, which sees what is still in the write-ahead log."""
    source = ledger.engine.raw_connection()
    target = sqlite3.connect(path.with_name(f"{path.name}.before-{newest}"))
    try:
        source.driver_connection.backup(target)  # type: ignore[union-attr]
    finally:
        target.close()
        source.close()


def newer_than_this(revision: str) -> WrongRevision:
    """What is said of a ledger that a newer version made: nothing here can bring it down again."""
    return WrongRevision(
        f"The ledger is at revision {revision}, which this version does not know: a newer one made it. Install that "
        "version again. The copy that it made (ledger.sqlite.before-…) has forgotten what was sent since: read "
        '"Backups" in docs/operations.md before going back to it.'
    )


def require_current(ledger: Ledger) -> None:
    """Refuse to work on a ledger of another revision.

    Raises WrongRevision with the command that mends it.
    """
    current, newest = current_revision(ledger), newest_revision()
    if current is None:
        raise WrongRevision("There is no ledger here yet. Run `afterword init FILE` with your account's TOML file.")
    if current > newest:
        raise newer_than_this(current)
    if current != newest:
        raise WrongRevision(
            f"The ledger is at revision {current}, this version needs {newest}. "
            "Run `afterword init FILE` to bring it up (it makes a backup first)."
        )
