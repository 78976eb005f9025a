"""Our own access log: the route's pattern, never the path, so that no token, query or address is ever in it."""

import logging
import time
import traceback
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TextIO

import structlog
from starlette.requests import ClientDisconnect
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from web.metrics import Metrics

log = structlog.get_logger(__name__)

NO_ROUTE = "no such route"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_REFUSED_EVERY = 10.0  # seconds: who is refused for asking too often must not fill the disk instead


class AccessLog:
    """Logs and counts each request once it is answered, and answers with `broken` where an endpoint raised.

    Of an exception only its kind and where it was raised are logged: its message may quote what somebody sent. Refused
    ones (429) share a line in ten seconds.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        routes: Iterable[Route],
        broken: ASGIApp,
        metrics: Metrics,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.app = app
        self.broken = broken
        self.metrics = metrics
        self.clock = clock
        self._fixed = {route.path for route in routes if "{" not in route.path}
        self._routes = {route.path: route for route in routes if "{" in route.path}.values()
        self._refused = 0
        self._refused_at = -_REFUSED_EVERY

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = self.clock()
        status = 0

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        route = self._pattern(scope)
        try:
            await self.app(scope, receive, noting)
        except ClientDisconnect:
            status = 499  # gone before the body was whole: nobody to answer
        except Exception as problem:  # noqa: BLE001  (the last line of defence: the customer gets a page)
            log.error("request_failed", route=route, problem=type(problem).__name__, frames=frames_of(problem))
            if status == 0:
                await self.broken(scope, receive, noting)
        method = scope["method"] if scope["method"] in _METHODS else "other"
        seconds = self.clock() - began
        self.metrics.count_request(method, route, status, seconds)
        if status == 429:
            self._note_refused()
        else:
            log.info("request", method=method, route=route, status=status, milliseconds=round(seconds * 1000, 1))

    def _note_refused(self) -> None:
        self._refused += 1
        if self.clock() - self._refused_at >= _REFUSED_EVERY:
            log.info("requests_refused", status=429, count=self._refused)
            self._refused, self._refused_at = 0, self.clock()

    def _pattern(self, scope: Scope) -> str:
        if scope["path"] in self._fixed:
            return str(scope["path"])
        for route in self._routes:
            if route.matches(scope)[0] is not Match.NONE:
                return route.path
        return NO_ROUTE


def frames_of(problem: BaseException) -> list[str]:
    """Where it was raised: functions and lines, no values."""
    return [f"{frame.name}:{frame.lineno}" for frame in traceback.extract_tb(problem.__traceback__)[-8:]]


class Lossy:
    """Where lines are written if they can be: a full disk under the log must cost nobody their page."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, line: str) -> None:
        """As a stream's."""
        with suppress(OSError):
            self._stream.write(line)

    def flush(self) -> None:
        """As a stream's."""
        with suppress(OSError):
            self._stream.flush()


class Discreet(logging.Formatter):
    """For what libraries log, uvicorn's own errors among it: an exception's kind and place instead of its message.

    A driver's message quotes a row, a parser's what it could not parse: an address, or a link with its token.
    """

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        line = f"{record.levelname} {record.name} {record.getMessage()}"
        problem = record.exc_info[1] if record.exc_info else None
        if problem is None:
            return line
        return f"{line.strip()} {type(problem).__name__} at {' '.join(frames_of(problem))}"
