"""Requests as a server hands them to the application, to the byte: no client library that would put them right."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from anyio.from_thread import BlockingPortal, start_blocking_portal
from starlette.applications import Starlette
from starlette.types import ASGIApp, Message

LOOPBACK = ("127.0.0.1", 40000)


@dataclass(frozen=True)
class Answer:
    """What came back; status 0 when nothing did."""

    status: int
    headers: Sequence[tuple[str, str]] = ()
    body: bytes = b""

    def header(self, name: str) -> str | None:
        """The one header of this name; None when there is none."""
        found = [value for known, value in self.headers if known == name]
        assert len(found) < 2, f"{name} came {len(found)} times"
        return found[0] if found else None


@dataclass
class Line:
    """One event loop for many requests, each on its own."""

    app: ASGIApp
    portal: BlockingPortal = field(repr=False)

    def __call__(
        self,
        method: str,
        path: str,
        *,
        query: bytes = b"",
        headers: Sequence[tuple[bytes, bytes]] = (),
        parts: Sequence[bytes | None] = (b"",),
        client: tuple[str, int] | None = LOOPBACK,
        version: str = "1.1",
    ) -> Answer:
        """`path` as it is sent; `parts` are the pieces of the body, and None means that the client is gone."""
        scope: dict[str, Any] = {
            "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": version,
            "server": ("127.0.0.1", 8080), "client": client, "scheme": "http", "method": method, "root_path": "",
            "path": unquote(path), "raw_path": path.encode("ascii"), "query_string": query, "headers": list(headers),
            "state": {},
        }  # fmt: skip
        answer: Answer = self.portal.call(self._ask, scope, parts)
        return answer

    async def _ask(self, scope: dict[str, Any], parts: Sequence[bytes | None]) -> Answer:
        coming: Iterator[tuple[int, bytes | None]] = iter(enumerate(parts))
        said: list[Message] = []

        async def receive() -> Message:
            place, part = next(coming, (0, None))
            if part is None:
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": part, "more_body": place + 1 < len(parts)}

        async def send(message: Message) -> None:
            said.append(message)

        await self.app(scope, receive, send)
        if not said:
            return Answer(0)
        kept = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in said[0]["headers"]]
        return Answer(said[0]["status"], kept, b"".join(message.get("body", b"") for message in said[1:]))


@contextmanager
def line_to(app: ASGIApp) -> Iterator[Line]:
    """Ask the application in an event loop that lasts for the block, and the application's lifespan with it."""
    living = app.router.lifespan_context(app) if isinstance(app, Starlette) else nullcontext()
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(living):
        yield Line(app, portal)
