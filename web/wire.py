"""The connection: how long a client may take, how much it may say before it is understood, how many there may be.

uvicorn has none of these limits: it waits for the rest of a request for ever, each byte anew, and a header may grow as
long as memory lasts (https://github.com/Kludex/uvicorn/issues/157). Whoever is refused here never reaches the
application; the answer carries the same headers as every other, and is a figure in the metrics, not a line in the log.
"""

import asyncio
from dataclasses import dataclass
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from web.crowd import Crowd
from web.metrics import Metrics, Refusal


@dataclass(frozen=True, slots=True)
class Patience:
    """The limits, and why. A proxy in front, which has its own, comes nowhere near them."""

    # A phone with one bar sends a head in a second or two; what drips it holds a place that others need.
    head_seconds: float = 15.0
    # 64 kB, the largest form, at 2 kB a second. No provider of ours takes two seconds for its callback.
    body_seconds: float = 40.0
    # Longer than a proxy keeps a connection to us that nobody uses (nginx and AWS 60 s, Caddy two minutes): were it the
    # other way round, it would send a request into one that we are closing.
    idle_seconds: int = 130
    # For an answer to be taken, once the connection is to be closed: then it is cut.
    leave_seconds: float = 30.0
    # nginx takes 32 kB, Twilio's query and signature are 1 kB.
    head_bytes: int = 32 * 1024
    header_count: int = 100
    # Requests sent ahead of their answers; no browser and no provider does it.
    waiting_requests: int = 8
    # With what one costs (some 20 kB) far below memory; `main` lowers it to what the system allows.
    connections: int = 4000
    # And of one address, an eighth of them: a phone network's customers share one, and so may a provider's flood.
    connections_each: int = 500


class _TooMuch(Exception):
    """The head, or what is sent ahead, is over a limit."""


_SENTENCES = {
    Refusal.UNREADABLE: (b"400 Bad Request", b"this is not HTTP"),
    Refusal.SLOW: (b"408 Request Timeout", b"the rest of the request did not come in time"),
    Refusal.TOO_MUCH: (b"431 Request Header Fields Too Large", b"that is too much before an answer"),
    Refusal.FULL: (b"503 Service Unavailable", b"too many connections; try again in a moment"),
    Refusal.CROWDED: (b"503 Service Unavailable", b"too many connections from your address; try again in a moment"),
}


class Wire(HttpToolsProtocol):
    """uvicorn's HTTP/1.1, with an end to its patience. `headers` are what every answer carries.

    While a request comes whole in one piece, as nearly every one does, no timer is set for it.
    """

    def __init__(
        self,
        *args: Any,
        patience: Patience,
        headers: list[tuple[bytes, bytes]],
        metrics: Metrics,
        crowd: Crowd,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.patience = patience
        self.crowd = crowd
        self._owner: str | None = None
        self.every_header = headers
        self.metrics = metrics
        self._is_within_request = self._is_within_body = False
        self._head_bytes = 0  # of the request that is coming, or of what came before it
        self._waiting_for: str | None = None  # what the timer below is for
        self._timer: asyncio.TimerHandle | None = None
        self._fault = Refusal.UNREADABLE  # if what comes can't be parsed

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody is there."""
        super().connection_made(transport)  # type: ignore[arg-type]
        self._owner = self.crowd.owner_of(self.client[0]) if self.client else None
        if self._owner is not None and not self.crowd.enter(self, self._owner):
            self._refuse(Refusal.CROWDED)
        elif len(self.connections) > self.patience.connections:
            self._refuse(Refusal.FULL)
        else:
            self._wait_for("head")

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody is there any more."""
        self._wait_for(None)
        if self._owner is not None:
            self.crowd.leave(self, self._owner)
        super().connection_lost(exc)

    @property
    def is_idle(self) -> bool:
        """Whether no request on it is whole and unanswered."""
        return not self._is_within_body and (self.cycle is None or self.cycle.response_complete)

    def give_up(self) -> None:
        """Close it without a word, which could be taken for the answer to a request that is on its way."""
        self.metrics.count_refusal(Refusal.CROWDED)
        self._wait_for(None)
        self.transport.close()
        self._cut_later()

    def data_received(self, data: bytes) -> None:
        """Some more of a request, or of several."""
        if self.transport.is_closing():
            return
        if not self._is_within_body:
            self._head_bytes += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._is_within_body:
            self._wait_for("body")
        elif self._is_within_request or self._head_bytes:
            self._wait_for("head")
            if self._head_bytes > self.patience.head_bytes:
                self._refuse(Refusal.TOO_MUCH)
        else:
            self._wait_for(None)

    def on_message_begin(self) -> None:
        """A request begins."""
        self._is_within_request = True
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header. After the body it would be a trailer, which nobody reads, and of which there may be no end."""
        if self._is_within_body:
            self._fault = Refusal.TOO_MUCH
            raise _TooMuch
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is whole: from here on the application sees it."""
        size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if (
            size > self.patience.head_bytes
            or len(self.headers) > self.patience.header_count
            or len(self.pipeline) >= self.patience.waiting_requests
        ):
            self._fault = Refusal.TOO_MUCH
            raise _TooMuch
        self._is_within_body = True
        self._head_bytes = 0
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._is_within_request = self._is_within_body = False
        self._head_bytes = 0
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """uvicorn's way out when parsing fails."""
        self._refuse(self._fault)

    def timeout_keep_alive_handler(self) -> None:
        """Nothing more came: good-bye, and an end to it even if the last answer is never taken."""
        super().timeout_keep_alive_handler()
        self._cut_later()

    def _wait_for(self, what: str | None) -> None:
        """Set the timer for a part of the request, unless it runs for that already: more bytes give no more time."""
        if what == self._waiting_for:
            return
        self._waiting_for = what
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if what is not None:
            seconds = self.patience.head_seconds if what == "head" else self.patience.body_seconds
            self._timer = self.loop.call_later(seconds, self._refuse, Refusal.SLOW)

    def _refuse(self, why: Refusal) -> None:
        """Say so, if nothing was said yet, and close."""
        if self.transport.is_closing():
            return
        self.metrics.count_refusal(why)
        # The newest cycle is this request's once its head was whole; before, it is the one before.
        may_speak = self.cycle is None or (
            not self.cycle.response_started if self._is_within_body else self.cycle.response_complete
        )
        if self.cycle is not None:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if may_speak:
            status, sentence = _SENTENCES[why]
            headers = [
                *self.server_state.default_headers,
                *self.every_header,
                (b"content-type", b"text/plain; charset=utf-8"),
                (b"content-length", str(len(sentence)).encode()),
                (b"connection", b"close"),
            ]
            lines = [b"HTTP/1.1 " + status, *(name + b": " + value for name, value in headers), b"", sentence]
            self.transport.write(b"\r\n".join(lines))
        self.transport.close()
        self._wait_for(None)
        self._cut_later()

    def _cut_later(self) -> None:
        self.loop.call_later(self.patience.leave_seconds, self.transport.abort)
