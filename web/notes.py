"""Visits as they are noted: never at the price of the page. A ledger that can't be written now costs nobody their way.

Whoever visits waits until theirs is noted, for a moment. It is noted all the same after that, unless the ledger refuses
it; and once one took too long the next ones hardly wait, until one is quick again.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime

import sqlalchemy as sa
import structlog

from data.ledger.store import Ledger
from web.threads import NOTES_AT_ONCE, LedgerThreads

log = structlog.get_logger(__name__)

_PATIENCE = 5.0  # seconds; a note takes milliseconds, and SQLite waits fifteen seconds for whoever else writes
_PATIENCE_WHEN_SLOW = 0.1
_MOST_WAITING = 2_000  # some kilobytes each; beyond it visits go by unnoted


class Notes:
    """For one event loop at a time."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.threads = LedgerThreads(NOTES_AT_ONCE)
        self._under_way: set[asyncio.Task[None]] = set()
        self._is_slow = False

    async def take(self, work: Callable[[datetime], object]) -> None:
        """Have `work` done at policy time, in a thread; back when it is, or when that takes too long."""
        if len(self._under_way) >= _MOST_WAITING:
            log.warning("visit_not_noted", problem="too many wait")
            return
        task = asyncio.create_task(self._do(work))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        done, _ = await asyncio.wait({task}, timeout=_PATIENCE_WHEN_SLOW if self._is_slow else _PATIENCE)
        self._is_slow = not done
        for one in done:
            one.result()

    async def _do(self, work: Callable[[datetime], object]) -> None:
        try:
            await self.threads.run(lambda: work(self.ledger.policy_now()))
        except sa.exc.SQLAlchemyError as problem:  # locked, full, read-only, gone
            log.warning("visit_not_noted", problem=type(problem).__name__)
