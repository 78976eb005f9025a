"""The one thread of a dispatch run that writes the ledger: whatever waits is written in one transaction.

At one message at a time it costs what a transaction costs; at many, a commit is shared by all that queued up behind
the one before. Nobody is told that something is done before it is durable.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, TypeVar

from sqlalchemy.engine import Connection

from data.ledger.moments import Moment, passing
from invitations.desk import Desk, Given, Leaving, Taken
from invitations.far_desk import FarDesk

FEW = 40  # answers to write down that may stand before what waits to leave, in one transaction with it
T = TypeVar("T")


@dataclass(slots=True)
class _HandOver:
    leaving: Leaving
    answer: "asyncio.Future[Given]"


@dataclass(slots=True)
class _Accepted:
    attempt_id: str
    provider_message_id: str | None
    at: datetime
    told: Callable[[BaseException | None], None]


@dataclass(slots=True)
class _Change:
    change: Callable[[Connection], Any]
    answer: "asyncio.Future[Any]"


@dataclass(slots=True)
class _Alone:
    work: Callable[[], Any]
    answer: "asyncio.Future[Any]"


_Shared = _HandOver | _Accepted | _Change
_Told = tuple[_Shared | _Alone, Any, BaseException | None]


class Clerk:
    """Made inside the running loop; every method is called from there."""

    def __init__(self, desk: Desk | FarDesk) -> None:
        self._desk = desk
        self._loop = asyncio.get_running_loop()
        self._waiting: SimpleQueue[_Shared | _Alone | None] = SimpleQueue()
        self._thread = Thread(target=self._serve, name="ledger", daemon=True)
        self._thread.start()

    async def hand_over(self, leaving: Leaving) -> Given:
        """The last look before the bytes leave, and the senders' rates: what may not go now."""
        answer: asyncio.Future[Given] = self._loop.create_future()
        self._waiting.put(_HandOver(leaving, answer))
        return await answer

    def accepted(
        self,
        attempt_id: str,
        provider_message_id: str | None,
        at: datetime,
        told: Callable[[BaseException | None], None],
    ) -> None:
        """The provider has the message; `told` is called in the loop once that is durable, or with why it is not.

        `at` is policy time. No coroutine: a task that waits for each message costs as much as writing it down.
        """
        self._waiting.put(_Accepted(attempt_id, provider_message_id, at, told))

    async def write(self, change: Callable[[Connection], T]) -> T:
        """What `change` answers, once it is durable; its exception, if it raised one."""
        answer: asyncio.Future[T] = self._loop.create_future()
        self._waiting.put(_Change(change, answer))
        return await answer

    async def alone(self, work: Callable[[], T]) -> T:
        """Something that opens its own transactions."""
        answer: asyncio.Future[T] = self._loop.create_future()
        self._waiting.put(_Alone(work, answer))
        return await answer

    def close(self) -> None:
        """Let the thread end, after what waits; waits for it."""
        self._waiting.put(None)
        self._thread.join()

    def _serve(self) -> None:
        is_open = True
        while is_open:
            found = [self._waiting.get()]
            try:
                while True:
                    found.append(self._waiting.get_nowait())
            except Empty:
                is_open = None not in found
            shared = [item for item in found if isinstance(item, _Shared)]
            leaving = [item for item in shared if isinstance(item, _HandOver)]
            if leaving and len(shared) - len(leaving) > FEW:  # whose places are empty until they know
                self._write_together(leaving)
                shared = [item for item in shared if not isinstance(item, _HandOver)]
            if shared:
                self._write_together(shared)
            for item in found:  # afterwards: nobody's hand-over waits for a claim that came with it
                if isinstance(item, _Alone):
                    self._tell([(item, *_tried(item.work))])

    def _write_together(self, items: Sequence[_Shared]) -> None:
        results, problem = _tried(lambda: self._write(items))
        if problem is None:
            self._tell([(item, result, None) for item, result in zip(items, results, strict=True)])
        elif len(items) == 1:
            self._tell([(items[0], None, problem)])
        else:  # one bad change must not take the others along
            for item in items:
                self._write_together([item])

    def _write(self, items: Sequence[_Shared]) -> list[Any]:
        taken = [item for item in items if isinstance(item, _Accepted)]
        leaving = _together([item.leaving for item in items if isinstance(item, _HandOver)])
        changes = [item for item in items if isinstance(item, _Change)]
        accepted = Taken([(one.attempt_id, one.provider_message_id) for one in taken], taken[-1].at) if taken else None
        given, answers = self._desk.put_down(accepted, leaving, [item.change for item in changes])
        if leaving:
            passing(Moment.HANDED_OVER)
        if taken or changes:
            passing(Moment.RECORDED)
        each = iter(answers)
        return [
            next(each) if isinstance(item, _Change) else given if isinstance(item, _HandOver) else None
            for item in items
        ]

    def _tell(self, told: Sequence[_Told]) -> None:
        self._loop.call_soon_threadsafe(_answer, told)


def _together(several: Sequence[Leaving]) -> Leaving | None:
    if len(several) < 2:
        return several[0] if several else None
    whole = Leaving()
    for one in several:
        whole.parcels.update(one.parcels)
        whole.segments.update(one.segments)
        for who, attempt_ids in one.by_sender.items():
            whole.by_sender.setdefault(who, []).extend(attempt_ids)
    return whole


def _tried(work: Callable[[], T]) -> tuple[Any, BaseException | None]:
    try:
        return work(), None
    except BaseException as problem:  # noqa: BLE001  (travels to whoever waits)
        return None, problem


def _answer(told: Sequence[_Told]) -> None:
    for item, result, problem in told:
        if isinstance(item, _Accepted):
            item.told(problem)
        elif item.answer.cancelled():
            continue
        elif problem is not None:
            item.answer.set_exception(problem)
        else:
            item.answer.set_result(result)
