"""A ledger handle that can be pointed at one database after another and forgets no compiled statement on the way.

Compiling a dispatch run's statements takes longer than running them; a thousand ledgers would spend minutes on it.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.util import Finalize
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from data.ledger.store import Ledger, open_ledger
from data.settings import Settings
from tests.reliability import clock


class WarmLedger:
    """One engine for one kind of database."""

    def __init__(self, first: Settings) -> None:
        self._settings = first
        # A ledger refuses to go on without the file that it was opened on: this one stays, the databases come and go.
        home = Path(tempfile.mkdtemp(prefix="afterword-warm-"))
        Finalize(None, shutil.rmtree, (home, True), exitpriority=0)  # not atexit: a forked process ends without it
        (home / "ledger.sqlite").touch()
        self._engine = open_ledger(first.model_copy(update={"home": home})).engine
        sa.event.listen(self._engine, "do_connect", self._connect)
        sa.event.listen(self._engine, "connect", self._connected)

    @contextmanager
    def at(self, settings: Settings) -> Iterator[Ledger]:
        """The ledger that `settings` name, which must be of the same kind."""
        self._settings = settings
        self._engine.dispose()
        yield Ledger(self._engine, settings)
        self._engine.dispose()

    def _connect(self, dialect: Any, record: Any, words: list[Any], named: dict[str, Any]) -> None:
        url = sa.make_url(self._settings.ledger_address)
        if url.get_backend_name() == "sqlite":
            words[0] = url.database
        else:
            named["dbname"] = url.database

    def _connected(self, connection: Any, record: Any) -> None:
        if clock.is_movable(self._settings):
            clock.follow(connection, self._settings)


_warm: dict[str, WarmLedger] = {}


@contextmanager
def ledger_at(settings: Settings) -> Iterator[Ledger]:
    """The ledger that `settings` name, through this process's one engine of its kind; one at a time of each kind."""
    kind = sa.make_url(settings.ledger_address).get_backend_name()
    if kind not in _warm:
        _warm[kind] = WarmLedger(settings)
    with _warm[kind].at(settings) as ledger:
        yield ledger
