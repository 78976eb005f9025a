"""Policy time for whoever needs it at every post: once a second the ledger is asked how far the demo's is shifted."""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

import sqlalchemy as sa

from data.ledger.store import Ledger
from data.settings import utc_now

_EVERY_SECONDS = 1.0
_PATIENCE = 1.0  # seconds; a look takes a millisecond


class PolicyClock:
    """`clock()` is policy time, at most a second behind when somebody shifts the demo's. For any thread.

    It is read on the event loop, where nobody may wait for a database that says nothing: who finds a look under way
    goes by what was known before, and so does everybody while the ledger can't be read.
    """

    def __init__(self, ledger: Ledger, machine: Callable[[], float] = time.monotonic) -> None:
        self._ledger = ledger
        self._machine = machine
        self._ahead = timedelta(0)
        self._read_at = -_EVERY_SECONDS
        self._look: threading.Thread | None = None

    def __call__(self) -> datetime:
        if self._ledger.settings.now is not None:
            return self._ledger.settings.now
        moment = self._machine()
        if moment - self._read_at >= _EVERY_SECONDS and (self._look is None or not self._look.is_alive()):
            self._look = threading.Thread(target=self._read, args=[moment], name="policy-clock", daemon=True)
            self._look.start()
            self._look.join(_PATIENCE)
        return utc_now() + self._ahead

    def _read(self, moment: float) -> None:
        self._read_at = moment
        with suppress(sa.exc.SQLAlchemyError):  # whoever asks meets the same, and says so
            self._ahead = self._ledger.policy_now() - utc_now()
