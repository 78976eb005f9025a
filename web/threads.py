"""Where calls to the ledger run: they wait for a disk or a server, and the event loop must not."""

from collections.abc import Callable
from typing import TypeVar

from anyio import CapacityLimiter, to_thread

T = TypeVar("T")

# With all others (hooks, the inbox, health, the watch) fewer than the ledger's pool has connections (25): a crowd waits
# in line here, as long as it takes, and not for a connection, which fails after 30 seconds. Each has its own line, for
# while the ledger can't be written nobody who only reads may have to wait.
READS_AT_ONCE, WRITES_AT_ONCE, NOTES_AT_ONCE = 8, 4, 3


class LedgerThreads:
    """Runs calls in threads, a few at a time."""

    def __init__(self, at_once: int = READS_AT_ONCE) -> None:
        self.limiter = CapacityLimiter(at_once)

    @property
    def waiting(self) -> int:
        """How many calls wait for their turn."""
        return self.limiter.statistics().tasks_waiting

    async def run(self, call: Callable[[], T]) -> T:
        """What `call` gives, or raises."""
        return await to_thread.run_sync(call, limiter=self.limiter)
