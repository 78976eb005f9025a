"""Policy time for whoever needs it at every post: once a second the ledger is asked how far the demo's is shifted."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta

from data.ledger.store import Ledger
from data.settings import utc_now

_EVERY_SECONDS = 1.0


class PolicyClock:
    """`clock()` is policy time, at most a second behind when somebody shifts the demo's. For any thread."""

    def __init__(self, ledger: Ledger, machine: Callable[[], float] = time.monotonic) -> None:
        self._ledger = ledger
        self._machine = machine
        self._ahead = timedelta(0)
        self._read_at = -_EVERY_SECONDS

    def __call__(self) -> datetime:
        if self._ledger.settings.now is not None:
            return self._ledger.settings.now
        moment = self._machine()
        if moment - self._read_at >= _EVERY_SECONDS:
            self._ahead, self._read_at = self._ledger.policy_now() - utc_now(), moment
        return utc_now() + self._ahead
