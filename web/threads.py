"""Where calls to the ledger run: they wait for a disk or a server, and the event loop must not."""

from collections.abc import Callable
from typing import TypeVar

from anyio import CapacityLimiter, to_thread

T = TypeVar("T")

# Fewer than the ledger's pool has connections (15 on SQLite, 20 on PostgreSQL): a flood waits in line here, for as long
# as it takes, and not for a connection, which fails after 30 seconds.
_AT_ONCE = 10


class LedgerThreads:
    """Runs calls in threads, a few at a time."""

    def __init__(self) -> None:
        self.limiter = CapacityLimiter(_AT_ONCE)

    async def run(self, call: Callable[[], T]) -> T:
        """What `call` gives, or raises."""
        return await to_thread.run_sync(call, limiter=self.limiter)
