"""A deadline for a whole call: socket timeouts start anew with every byte, so a trickling answer never meets one."""

from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from queue import SimpleQueue
from threading import Thread
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class DeadlineExceeded(Exception):
    """The call was still running when its time was up. It goes on by itself; nobody waits for it."""


class Caller(Generic[T]):
    """Makes calls one at a time in a thread of its own, so that a provider's client keeps its connection.

    When a call overruns, its thread is left behind to finish alone (`on_late` gets what it returns) and the next call
    gets a new thread.
    """

    def __init__(self) -> None:
        self._work: SimpleQueue[tuple[Future[T], Callable[[], T]] | None] | None = None

    def call(self, function: Callable[[], T], *, seconds: float, on_late: Callable[[T], Any]) -> T:
        """The function's result; its exception; DeadlineExceeded after `seconds`."""
        if self._work is None:
            self._work = SimpleQueue()
            Thread(target=_serve, args=(self._work,), daemon=True, name="hand-over").start()
        future: Future[T] = Future()
        self._work.put((future, function))
        try:
            return future.result(timeout=seconds)
        except FutureTimeoutError:
            if future.done():  # the function's own TimeoutError, or an answer in the very last moment
                return future.result()
            self.close()
            future.add_done_callback(lambda done: None if done.exception() else on_late(done.result()))
            raise DeadlineExceeded(f"no answer after {seconds:g} s") from None

    def close(self) -> None:
        """Let the thread end once it is idle."""
        if self._work is not None:
            self._work.put(None)
            self._work = None


def _serve(work: "SimpleQueue[tuple[Future[T], Callable[[], T]] | None]") -> None:
    while (item := work.get()) is not None:
        future, function = item
        try:
            result = function()
        except BaseException as problem:  # noqa: BLE001  (travels to whoever waits for the future)
            future.set_exception(problem)
        else:
            future.set_result(result)
