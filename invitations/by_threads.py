"""A courier for messengers that only know `send`: each call in a thread of its own, left behind when it overruns."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from queue import SimpleQueue
from threading import Thread

from connectors import Message, Messenger, Outcome

Late = Callable[[Message, Outcome], None]  # called in the thread of an answer that nobody waits for any more


class ByThreads:
    """Keeps as many threads as calls were ever under way at once: a provider's client keeps a connection per thread."""

    def __init__(self, messenger: Messenger, on_late: Late) -> None:
        self._messenger = messenger
        self._on_late = on_late
        self._idle: list[_Caller] = []

    async def carry(self, messages: Sequence[Message], parcel_id: str | None) -> Sequence[Outcome]:
        """One message. Canceled, the call goes on by itself; what it answers then is told to `on_late`."""
        [message] = messages
        caller = self._idle.pop() if self._idle else _Caller()
        call = caller.start(lambda: self._messenger.send(message))
        try:
            outcome = await asyncio.wrap_future(call)
        except asyncio.CancelledError:
            caller.close()
            call.add_done_callback(lambda done: None if done.exception() else self._on_late(message, done.result()))
            raise
        except BaseException:
            self._idle.append(caller)
            raise
        self._idle.append(caller)
        return [outcome]

    def close(self) -> None:
        """Let idle threads end."""
        for caller in self._idle:
            caller.close()
        self._idle.clear()


class _Caller:
    """Makes calls one at a time in a thread."""

    def __init__(self) -> None:
        self._work: SimpleQueue[tuple[Future[Outcome], Callable[[], Outcome]] | None] = SimpleQueue()
        Thread(target=_serve, args=(self._work,), daemon=True, name="hand-over").start()

    def start(self, function: Callable[[], Outcome]) -> "Future[Outcome]":
        call: Future[Outcome] = Future()
        call.set_running_or_notify_cancel()  # from here on nobody can cancel it: it may have left
        self._work.put((call, function))
        return call

    def close(self) -> None:
        """Let the thread end once it is idle."""
        self._work.put(None)


def _serve(work: "SimpleQueue[tuple[Future[Outcome], Callable[[], Outcome]] | None]") -> None:
    while (item := work.get()) is not None:
        call, function = item
        try:
            result = function()
        except BaseException as problem:  # noqa: BLE001  (travels to whoever waits for the call)
            call.set_exception(problem)
        else:
            call.set_result(result)
