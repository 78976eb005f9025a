"""One kept connection to a provider in an event loop: a POST at a time, its whole answer, nothing ever repeated.

Over httptools (the parser that uvicorn serves web/ with) instead of an HTTP client: aiohttp spends six times as much
time on a message, and that time is what limits a run (bench/dispatch.py; docs/decisions.md).
"""

import asyncio
import select
import zlib
from dataclasses import dataclass, field
from typing import Any

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

MOST_BYTES = 1024 * 1024  # of an answer: a provider's are a few kilobytes
_MOST_HEADERS = 64 * 1024
_HUNG_UP = getattr(select, "POLLRDHUP", 0)  # Linux; elsewhere POLLHUP, which is told unasked


class NoAnswer(Exception):
    """No whole answer came, for a reason without any address in it. The request may have arrived."""


@dataclass(slots=True)
class Posted:
    """A whole answer."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)  # lower-case names
    content: bytes = b""


class HttpLine(asyncio.Protocol):
    """Written by one task at a time. Whatever goes wrong, and a cancellation, closes it for good."""

    def __init__(self, silence: float) -> None:
        self._silence = silence
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._heard = 0.0
        self._wire = select.poll()
        self.is_open = False
        self.idle_since = 0.0
        self._begin()

    def _begin(self) -> None:
        self._parser = HttpResponseParser(self)
        self._headers: dict[str, str] = {}
        self._body = bytearray()
        self._header_bytes = self._status = 0
        self._is_headed: bool = False
        self._is_whole: bool = False
        self._is_kept = False

    def is_usable(self) -> bool:
        """Whether a request may be written: not where the other side hung up, though the loop has yet to hear of it."""
        return self.is_open and not self._wire.poll(0)

    async def post(self, request: bytes) -> Posted:
        """Write a request, head and body; wait for its answer. Raises NoAnswer."""
        if not self.is_open or self._transport is None:
            raise NoAnswer("closed")
        self._begin()
        self._waiter = waiter = self._loop.create_future()
        self._heard = self._loop.time()
        self._timer = self._loop.call_later(self._silence, self._listen)
        self._transport.write(request)
        try:
            await waiter
        except BaseException:
            self.close()
            raise
        finally:
            self._timer.cancel()
            self._waiter = None
        if not self._is_kept or self._transport.get_write_buffer_size():  # answered before it was heard out
            self.close()
        self.idle_since = self._loop.time()
        return Posted(self._status, self._headers, self._plain())

    def _plain(self) -> bytes:
        """The body; unpacked where a server does so though it was asked not to."""
        packing = self._headers.get("content-encoding", "identity").strip().lower()
        if packing == "identity":
            return bytes(self._body)
        unpacker = zlib.decompressobj(47)  # gzip or zlib, whichever it says
        try:
            content = unpacker.decompress(bytes(self._body), MOST_BYTES + 1)
        except zlib.error:
            raise NoAnswer("packed in a way that cannot be read") from None
        if len(content) > MOST_BYTES or not unpacker.eof:
            raise NoAnswer("TooLarge")
        return content

    def _listen(self) -> None:
        """The timer rang: fail, unless something was heard meanwhile."""
        left = self._heard + self._silence - self._loop.time()
        if left <= 0:
            self._fail("Silence")
        else:
            self._timer = self._loop.call_later(left, self._listen)

    def _fail(self, why: str) -> None:
        self.close()
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(NoAnswer(why))

    def close(self) -> None:
        """At once."""
        self.is_open = False
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._wire.register(transport.get_extra_info("socket"), _HUNG_UP)
        self.is_open = True

    def data_received(self, data: bytes) -> None:
        waiter = self._waiter
        if waiter is None or waiter.done():  # unasked: whatever it is, nobody may take it for an answer
            self.close()
            return
        self._heard = self._loop.time()
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade, UnicodeError):
            self._fail("NoHttp")
            return
        if not self._is_headed:
            self._header_bytes += len(data)
        if self._header_bytes > _MOST_HEADERS or len(self._body) > MOST_BYTES:
            self._fail("TooLarge")
        elif self._is_whole and not waiter.done():
            waiter.set_result(None)

    def eof_received(self) -> bool:
        """An answer without a length ends with the connection (RFC 9112, 6.3); any other is cut off by it."""
        measures = {"content-length", "transfer-encoding"}
        waiter = self._waiter
        if self._is_headed and measures.isdisjoint(self._headers) and waiter is not None and not waiter.done():
            self.is_open, self._status = False, self._parser.get_status_code()
            waiter.set_result(None)
        elif waiter is None:  # while it was idle: what is written now would never arrive
            self.close()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail("ServerDisconnected")

    # What httptools calls.

    def on_message_begin(self) -> None:
        if self._is_whole:  # another answer behind the whole one: this connection is out of step
            self._is_kept = False

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._is_whole:
            return
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self._is_headed = True

    def on_body(self, part: bytes) -> None:
        if not self._is_whole:
            self._body += part

    def on_message_complete(self) -> None:
        if self._is_whole:
            return
        self._status = self._parser.get_status_code()
        if self._status < 200:  # 100 Continue and the like: the answer is still to come
            self._headers, self._is_headed = {}, False
        else:
            self._is_whole, self._is_kept = True, self._parser.should_keep_alive()
