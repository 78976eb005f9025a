"""What happens later: deliveries, callbacks, customers. One heap, one loop, a bound on what runs at once.

Every step is a row until it is done, so that a second start continues. A step killed half-way runs again: steps are
written so that this does no harm beyond what a provider's own retry does.
"""

import asyncio
import heapq
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from connectors.sandbox.store import Store

RETRY = "mailgun_retry"  # a webhook that was not taken, posted again
STEPS_OF = """
select 1 from agenda where json_extract(payload, '$.astray') is null and (
    kind = 'text_status' and json_extract(payload, '$.sid') = ?
    or kind = 'twilio_post' and json_extract(payload, '$.fields.MessageSid') = ?
    or kind = 'mailgun_post' and json_extract(payload, '$.event.message.headers."message-id"') = ?
    or kind = 'mail_delivery' and json_extract(payload, '$.mail') in (select n from mails where message_id = ?)
)
"""
Handler = Callable[[dict[str, Any]], Awaitable[None]]
log = structlog.get_logger(__name__)


class Agenda:
    """Steps by due time (this machine's clock, not the provider's: moving that must not make a customer hurry)."""

    def __init__(self, store: Store, *, pace: float, at_once: int = 64) -> None:
        self._store = store
        self._pace = pace
        self._handlers: dict[str, Handler] = {}
        self._heap = [(row["due"], row["n"]) for row in store.rows("select due, n from agenda")]
        heapq.heapify(self._heap)
        self._wake = asyncio.Event()
        self._room = asyncio.Semaphore(at_once)
        self._running: set[asyncio.Task[None]] = set()

    def on(self, kind: str, handler: Handler) -> None:
        """Say who carries out steps of a kind."""
        self._handlers[kind] = handler

    def add(self, kind: str, after: float, **payload: Any) -> None:
        """Plan a step `after` seconds from now, stretched by the pace."""
        due = time.time() + after * self._pace
        number = self._store.insert("agenda", due=due, kind=kind, payload=json.dumps(payload))
        heapq.heappush(self._heap, (due, number))
        if self._heap[0][1] == number:
            self._wake.set()

    @property
    def pending(self) -> int:
        """How many steps are still to come or under way, repeated webhooks apart: those may go on for hours."""
        row = self._store.row("select count(*) from agenda where kind <> ?", [RETRY])
        return int(row[0]) if row else 0

    def has_step_of(self, message: str) -> bool:
        """Whether the provider has still to do something with a message, callbacks that go astray apart.

        `message` is a text's sid or a mail's Message-Id; what a customer does about it later is not the provider's.
        """
        return self._store.row(STEPS_OF, [message, message, message, message]) is not None

    async def run(self) -> None:
        """Carry out steps as they fall due, until cancelled; what is under way then stays planned."""
        try:
            await self._work()
        finally:
            for task in self._running:
                task.cancel()
            await asyncio.gather(*self._running, return_exceptions=True)

    async def _work(self) -> None:
        while True:
            wait = self._heap[0][0] - time.time() if self._heap else None
            if wait is None or wait > 0:
                self._wake.clear()
                try:
                    await asyncio.wait_for(self._wake.wait(), wait)
                except TimeoutError:
                    continue
                continue
            await self._room.acquire()
            _, number = heapq.heappop(self._heap)
            task = asyncio.create_task(self._carry_out(number))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def _carry_out(self, number: int) -> None:
        try:
            row = self._store.row("select kind, payload from agenda where n = ?", [number])
            if row is None:
                return
            try:
                await self._handlers[row["kind"]](json.loads(row["payload"]))
            except Exception as fault:  # noqa: BLE001 - one customer's mishap must not stop the others
                log.warning("sandbox step failed", kind=row["kind"], fault=type(fault).__name__)
            self._store.write("delete from agenda where n = ?", [number])
        finally:
            self._room.release()
