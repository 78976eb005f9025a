"""Where posts wait to be stored: one writer takes whatever waits and stores it in one transaction (group commit).

Alone, a post waits for nobody. Under load a group grows while the one before it is being written, so that many share
the cost of a transaction and of the disk. Whoever posted goes on once theirs is durable, or is told that it is not.
The writer is at the other end of a line (web/writer.py); when it dies another is started.
"""

import asyncio
import pickle
import socket
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import structlog

from invitations.events import Posted
from web.writer import LENGTH, Result, as_frame

log = structlog.get_logger(__name__)

# What may wait: posts that are a few hundred bytes, or few that are large. Beyond it they are told to come again: at
# some thousand a second this is a wait of a few seconds, and a provider gives up after ten or fifteen.
MOST_POSTS = 10_000
MOST_BYTES = 64 * 2**20
# Of one transaction, which must not last for seconds, even if every post in it is of the costly kind.
GROUP_POSTS = 300
GROUP_BYTES = 4 * 2**20
_FIRST_SECONDS = 5.0  # for the first writer to come up, before web/ serves without it
_LIVED = 0.25  # seconds: a writer that dies younger is followed by another only after as long


class ComeAgain(Exception):
    """This post may not be stored; it may come again in a few seconds, whether or not it is."""


class NoRoom(ComeAgain):
    """Too much waits to be stored already, or web/ is ending. Nothing of this post is kept."""


class WriterGone(ComeAgain):
    """The writer died while it had this post. Nobody knows whether it is stored."""


class NotStored(Exception):
    """The ledger did not take it. The text is the kind of what it raised, which the writer has logged."""


@dataclass(slots=True)
class _Waiting:
    posted: Posted
    size: int  # bytes
    answer: "asyncio.Future[bool]"


class Inbox:
    """One writer for everybody who posts in one event loop, from `open` to `close`."""

    def __init__(
        self,
        start_writer: Callable[[], socket.socket],
        *,
        observe_group: Callable[[int, float], None] | None = None,
        note_loss: Callable[[], None] | None = None,
    ) -> None:
        """`start_writer` gives our end of a line to a new writer; `note_loss` is told that one died, `observe_group` of
        each group its size and seconds.
        """
        self._start_writer = start_writer
        self._observe = observe_group or (lambda posts, seconds: None)
        self._note_loss = note_loss or (lambda: None)
        self._line: deque[_Waiting] = deque()  # not with the writer yet
        self._at_writer: Sequence[_Waiting] = ()  # one group: meanwhile the next one grows
        self._posts = self._bytes = 0  # taken and not answered
        self._is_open = self._is_sending = False
        self._writer: _Writer | None = None
        self._opening: asyncio.Task[None] | None = None

    def depth(self) -> int:
        """How many posts wait now, as a share of MOST_POSTS: large ones count for more."""
        return max(self._posts, self._bytes * MOST_POSTS // MOST_BYTES)

    @property
    def writer_pid(self) -> int | None:
        """The process that stores what is posted; None while there is none, and posts wait for it."""
        return self._writer.pid if self._writer else None

    async def open(self) -> None:
        """Start the first writer. May be called again after `close`."""
        self._is_open = True
        self._idle, self._up, self._ended = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._idle.set()
        self._connect()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._up.wait(), _FIRST_SECONDS)

    async def take(self, posted: Posted, size: int) -> bool:
        """Have it stored with whatever else waits; True once it is durable, False when its token was used before.

        `size` is its body's, in bytes. Raises ComeAgain, or NotStored: then it is not.
        """
        if not self._is_open or self.depth() >= MOST_POSTS:
            raise NoRoom
        waiting = _Waiting(posted, size, asyncio.get_running_loop().create_future())
        self._line.append(waiting)
        self._posts += 1
        self._bytes += size
        self._idle.clear()
        self._send_soon()
        return await waiting.answer

    async def close(self) -> None:
        """Store what was taken, and wait until the writer has ended; what comes later is not taken any more."""
        self._is_open = False
        await self._idle.wait()
        if self._opening is not None:
            await self._opening
        if self._writer is not None:
            self._writer.transport.write_eof()
            await self._ended.wait()

    def _connect(self) -> None:
        if self._is_open or self._posts:
            self._opening = asyncio.get_running_loop().create_task(self._start())

    async def _start(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            line = self._start_writer()
        except OSError as problem:  # no files left, or no memory
            log.error("callbacks_writer_not_started", problem=type(problem).__name__)
            loop.call_later(_LIVED, self._connect)
        else:
            await loop.create_unix_connection(lambda: _Writer(self), sock=line)

    def line_opened(self, writer: "_Writer") -> None:
        """Whether anybody is at its other end shows once they speak."""
        self._writer = writer

    def writer_came(self) -> None:
        """It says that it is there."""
        self._up.set()
        self._send_soon()

    def line_ended(self) -> None:
        """The writer died, unless it was told to end."""
        writer, self._writer = self._writer, None
        if not self._is_open and not self._posts:
            self._ended.set()
            return
        lost, self._at_writer = self._at_writer, ()
        log.error("callbacks_writer_gone", posts=len(lost))
        self._note_loss()
        self._answered(lost, [WriterGone()] * len(lost))
        loop = asyncio.get_running_loop()
        is_young = writer is not None and loop.time() - writer.began_at < _LIVED
        loop.call_later(_LIVED if is_young else 0, self._connect)

    def group_stored(self, results: Sequence[Result], seconds: float) -> None:
        """The writer is done with the group that it was given."""
        group, self._at_writer = self._at_writer, ()
        self._observe(len(group), seconds)
        self._answered(group, results)
        self._send_soon()

    def _send_soon(self) -> None:
        """Give the writer what waits, once everybody whose turn it is in the event loop has posted."""
        if self._line and not self._is_sending and self.writer_pid and not self._at_writer:
            self._is_sending = True
            asyncio.get_running_loop().call_soon(self._send)

    def _send(self) -> None:
        self._is_sending = False
        if self._writer is None:
            return
        group: list[_Waiting] = []
        size = 0
        while self._line and len(group) < GROUP_POSTS and (not group or size + self._line[0].size <= GROUP_BYTES):
            group.append(self._line.popleft())
            size += group[-1].size
        self._at_writer = group
        self._writer.transport.write(as_frame([one.posted for one in group]))

    def _answered(self, group: Sequence[_Waiting], results: Sequence[Result | WriterGone]) -> None:
        for one, result in zip(group, results, strict=True):
            self._bytes -= one.size
            if one.answer.done():  # who posted has gone
                continue
            if isinstance(result, bool):
                one.answer.set_result(result)
            else:
                one.answer.set_exception(NotStored(result) if isinstance(result, str) else result)
        self._posts -= len(group)
        if not self._posts:
            self._idle.set()


class _Writer(asyncio.Protocol):
    """Our end of the line to a writer. `pid`: its process, which it says first."""

    transport: asyncio.Transport

    def __init__(self, inbox: Inbox) -> None:
        self.inbox = inbox
        self.pid: int | None = None
        self.began_at = asyncio.get_running_loop().time()
        self._came = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The line is open."""
        self.transport = transport  # type: ignore[assignment]
        self.inbox.line_opened(self)

    def data_received(self, data: bytes) -> None:
        """Some frames, or a part of one."""
        self._came += data
        while len(self._came) >= LENGTH:
            end = LENGTH + int.from_bytes(self._came[:LENGTH])
            if len(self._came) < end:
                return
            frame = pickle.loads(self._came[LENGTH:end])  # noqa: S301  (our own process wrote it)
            del self._came[:end]
            self._hear(frame)

    def _hear(self, said: Any) -> None:
        if self.pid is None:
            self.pid = said
            self.inbox.writer_came()
        else:
            self.inbox.group_stored(*said)

    def connection_lost(self, exc: Exception | None) -> None:
        """The other end is gone."""
        self.inbox.line_ended()
