"""What must hold before anything is opened, planned or sent: real customers never meet a test's clock."""

from pathlib import Path

import sqlalchemy as sa

from connectors import ConfigurationError
from connectors.registry import require_loopback
from data.ledger.migrate import WrongRevision, current_revision, migrate, newer_than_this
from data.ledger.store import Ledger
from data.settings import Settings

SHORTEST_SETTLE_SECONDS = 1800
UNKNOWN_USER = "AFTERWORD_LOCAL_USER names nobody of this account. Name a user of the account file, or unset it."


def refuse_unsafe_clock(settings: Settings) -> None:
    """A fixed policy clock, or less than half an hour of doubt, only with providers on loopback.

    Raises ConfigurationError naming the variable and how to mend it.
    """
    lowered = [
        variable
        for variable, is_lowered in (
            ("AFTERWORD_NOW", settings.now is not None),
            ("AFTERWORD_SETTLE_SECONDS", settings.settle_seconds < SHORTEST_SETTLE_SECONDS),
        )
        if is_lowered
    ]
    if not lowered:
        return
    try:
        require_loopback()
    except ConfigurationError as problem:
        raise ConfigurationError(
            f"{' and '.join(lowered)} may be set only while every provider is on loopback, as in tests and the demo. "
            f"{problem} Unset {' and '.join(lowered)}, or point the providers at 127.0.0.1."
        ) from None


def refuse_unreadable_address(settings: Settings) -> None:
    """Raises ConfigurationError, without the address: it may hold a password."""
    form = "postgresql://user:password@host/database"
    try:
        kind = sa.make_url(settings.ledger_address).get_backend_name()
    except (sa.exc.ArgumentError, ValueError):
        raise ConfigurationError(f"AFTERWORD_LEDGER_URL cannot be read. Its form is {form}.") from None
    if kind not in ("sqlite", "postgresql"):
        raise ConfigurationError(f"AFTERWORD_LEDGER_URL names neither PostgreSQL nor SQLite. Its form is {form}.")


def refuse_absent_ledger(settings: Settings) -> None:
    """Raises WrongRevision where SQLite would make an empty file by being asked: `init` and `demo` make ledgers."""
    if is_absent(settings):
        raise WrongRevision("There is no ledger here yet. Run `afterword init FILE` with your account's TOML file.")


def is_absent(settings: Settings) -> bool:
    """Whether the ledger is a SQLite file that does not exist yet."""
    url = sa.make_url(settings.ledger_address)
    return url.get_backend_name() == "sqlite" and bool(url.database) and not Path(str(url.database)).exists()


def bring_up(ledger: Ledger) -> None:
    """Migrate. Raises WrongRevision where the ledger is newer than this code."""
    from alembic.util import CommandError  # noqa: PLC0415 - only who migrates loads it

    try:
        migrate(ledger)
    except CommandError:
        raise newer_than_this(str(current_revision(ledger))) from None
