"""Our own access log: the route's pattern, never the path, so that no token, query or address is ever in it."""

import time
import traceback
from collections.abc import Iterable

import structlog
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = structlog.get_logger(__name__)


class AccessLog:
    """Logs each request once it is answered, and answers 500 with `broken` where an endpoint raised.

    Of an exception only its kind and where it was raised are logged: its message may quote what somebody sent.
    """

    def __init__(self, app: ASGIApp, *, routes: Iterable[Route], broken: Response) -> None:
        self.app = app
        self.routes = tuple(routes)
        self.broken = broken

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = time.perf_counter()
        status = 0

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, noting)
        except ClientDisconnect:
            status = 499  # gone before the body was whole: nobody to answer
        except Exception as problem:  # noqa: BLE001  (the last line of defence: the customer gets a page)
            frames = [f"{frame.name}:{frame.lineno}" for frame in traceback.extract_tb(problem.__traceback__)[-8:]]
            log.error("request_failed", route=self._pattern(scope), problem=type(problem).__name__, frames=frames)
            if status == 0:
                await self.broken(scope, receive, noting)
        log.info(
            "request",
            method=scope["method"] if scope["method"] in _METHODS else "other",
            route=self._pattern(scope),
            status=status,
            milliseconds=round((time.perf_counter() - began) * 1000, 1),
        )

    def _pattern(self, scope: Scope) -> str:
        for route in self.routes:
            if route.matches(scope)[0] is not Match.NONE:
                return route.path
        return "no such route"


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
