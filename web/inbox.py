"""Where posts wait to be stored: one writer takes whatever waits and stores it in one transaction (group commit).

Alone, a post waits for nobody. Under load a group grows while the one before it is being written, so that many share
the cost of a transaction and of the disk. Whoever posted goes on once theirs is durable, or is told that it is not.
"""

import asyncio
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
import structlog

from invitations.events import Posted

log = structlog.get_logger(__name__)

Store = Callable[[Sequence[Posted]], Sequence[bool]]  # in one transaction, all or nothing

# What may wait: posts that are a few hundred bytes, or few that are large. Beyond it they are told to come again: at
# some thousand a second this is a wait of a few seconds, and a provider gives up after ten or fifteen.
MOST_POSTS = 10_000
MOST_BYTES = 64 * 2**20
# Of one transaction, which must not last for seconds, even if every post in it is of the costly kind.
GROUP_POSTS = 300
GROUP_BYTES = 4 * 2**20
_HOPELESS = 3  # posts in a row that the ledger took neither together nor one by one: it is the ledger, not the posts


class NoRoom(Exception):
    """Too much waits to be stored already. Nothing of this post is kept; it may come again in a few seconds."""


@dataclass(slots=True)
class _Waiting:
    posted: Posted
    size: int  # bytes
    answer: "asyncio.Future[bool]"
    result: bool | Exception = False


class Inbox:
    """One writer for everybody who posts, from any event loop. Its thread begins with the first post."""

    def __init__(self, store: Store, *, observe_group: Callable[[int, float], None] | None = None) -> None:
        """`store` keeps posts durably in one transaction; `observe_group` is told each one's size and seconds."""
        self._store = store
        self._observe = observe_group or (lambda posts, seconds: None)
        self._line: deque[_Waiting] = deque()
        self._bytes = 0
        self._changed = threading.Condition()
        self._is_closing = False
        self._writer: threading.Thread | None = None

    def depth(self) -> int:
        """How many posts wait now, as a share of MOST_POSTS: large ones count for more."""
        return max(len(self._line), self._bytes * MOST_POSTS // MOST_BYTES)

    async def take(self, posted: Posted, size: int) -> bool:
        """Have it stored with whatever else waits; True once it is durable, False when its token was used before.

        `size` is its body's, in bytes. Raises NoRoom, or what the ledger raised: then it is not stored.
        """
        if self.depth() >= MOST_POSTS:
            raise NoRoom
        waiting = _Waiting(posted, size, asyncio.get_running_loop().create_future())
        with self._changed:
            if self._is_closing:
                raise NoRoom
            self._line.append(waiting)
            self._bytes += size
            if self._writer is None or not self._writer.is_alive():
                self._writer = threading.Thread(target=self._write_on, name="inbox", daemon=True)
                self._writer.start()
            self._changed.notify()
        return await waiting.answer

    def close(self) -> None:
        """Store what was taken, then end; what comes later is not taken any more. May be called again."""
        with self._changed:
            self._is_closing = True
            self._changed.notify()
        if self._writer is not None:
            self._writer.join()

    def _write_on(self) -> None:
        while group := self._next_group():
            self._write(group)
            _answer(group)

    def _next_group(self) -> list[_Waiting]:
        """What waits, up to a group's limits; empty when nothing does and nothing more will come."""
        with self._changed:
            while not self._line and not self._is_closing:
                self._changed.wait()
            group: list[_Waiting] = []
            size = 0
            while self._line and len(group) < GROUP_POSTS and (not group or size + self._line[0].size <= GROUP_BYTES):
                group.append(self._line.popleft())
                size += group[-1].size
            self._bytes -= size
            return group

    def _write(self, group: Sequence[_Waiting]) -> None:
        began = time.perf_counter()
        try:
            for one, is_taken in zip(group, self._store([one.posted for one in group]), strict=True):
                one.result = is_taken
        except Exception as problem:  # noqa: BLE001  (whoever waits must be told, and the writer must go on)
            if len(group) == 1:
                group[0].result = problem
            else:
                log.warning("callbacks_stored_one_by_one", posts=len(group), problem=type(problem).__name__)
                self._write_one_by_one(group)
        self._observe(len(group), time.perf_counter() - began)

    def _write_one_by_one(self, group: Sequence[_Waiting]) -> None:
        """One bad post must not fail its neighbours; but a ledger that cannot be written is not asked for each."""
        failed = 0
        for place, one in enumerate(group):
            if failed >= _HOPELESS:
                one.result = group[place - 1].result
                continue
            try:
                (one.result,) = self._store([one.posted])
                failed = 0
            except Exception as problem:  # noqa: BLE001  (as above)
                one.result = problem
                failed = failed + 1 if isinstance(problem, sa.exc.OperationalError) else 0


def _answer(group: Sequence[_Waiting]) -> None:
    """Wake everybody of a group, once for each event loop."""
    by_loop: dict[asyncio.AbstractEventLoop, list[_Waiting]] = defaultdict(list)
    for one in group:
        by_loop[one.answer.get_loop()].append(one)
    for loop, waiting in by_loop.items():
        try:
            loop.call_soon_threadsafe(_resolve, waiting)
        except RuntimeError:  # that loop has ended, and with it whoever waited: stored it is all the same
            log.warning("callbacks_stored_and_not_answered", posts=len(waiting))


def _resolve(group: Sequence[_Waiting]) -> None:
    for one in group:
        if one.answer.done():  # who posted has gone
            continue
        if isinstance(one.result, Exception):
            one.answer.set_exception(one.result)
        else:
            one.answer.set_result(one.result)
