"""The watch, in the background of web/: it goes on when Dagster is what died.

with Watcher(ledger):
    serve()
"""

import threading
from types import TracebackType
from typing import Self

import structlog

from connectors.alerting import Ways, open_ways
from data.ledger.demo_clock import is_demo
from data.ledger.store import Ledger
from invitations.watch import watch

log = structlog.get_logger(__name__)

EVERY_SECONDS = 60.0
_LEAVING_SECONDS = 1.0  # a call under way is not waited for: its notice is told again by whoever looks next


class Watcher:
    """A thread that looks each minute, the first time after one; it never ends web/ nor holds it up."""

    def __init__(self, ledger: Ledger, *, every_seconds: float = EVERY_SECONDS) -> None:
        self._ledger = ledger
        self._every = every_seconds
        self._ways: Ways | None = None
        self._leaving = threading.Event()
        self._thread = threading.Thread(target=self._go_on, name="watch", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leaving.set()
        self._thread.join(_LEAVING_SECONDS)

    def _go_on(self) -> None:
        while not self._leaving.wait(self._every):
            self.look()

    def look(self) -> None:
        """One look; what goes wrong in it is a line in the log, by its kind."""
        try:
            if self._ways is None:
                self._ways = open_ways(only_loopback=is_demo(self._ledger))
                for fault in self._ways.faults:
                    log.error("alerts_cannot_leave", what=fault.what, mend=fault.mend)
            watch(self._ledger, self._ways.carriers, now=self._ledger.policy_now())
        except Exception as problem:  # noqa: BLE001  (a database that restarts must not end the watch)
            log.error("watch_failed", problem=type(problem).__name__)
