"""A provider's stand-in on loopback: answers as a test says, and remembers what it was sent."""

import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.world import NOON

# Seconds to connect and to wait for an answer. Patient wherever an answer comes, however busy the machine is;
# hasty only towards a provider that never answers.
PATIENT = (20.0, 20.0)
HASTY = (20.0, 0.7)


@dataclass(frozen=True)
class Received:
    """One request, as it arrived."""

    method: str
    target: str
    headers: Mapping[str, str]  # lower-case names
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.target).query, keep_blank_values=True)

    @property
    def form(self) -> dict[str, list[str]]:
        return parse_qs(self.body.decode(), keep_blank_values=True)


@dataclass(frozen=True)
class Answer:
    """What is sent back. `hangs`: nothing, until the client gives up. `resets`: the connection breaks."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    hangs: bool = False
    resets: bool = False

    @property
    def patience(self) -> tuple[float, float]:
        """How long a client under test waits for this answer."""
        return HASTY if self.hangs else PATIENT

    @property
    def content(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        return b"" if self.body is None else json.dumps(self.body).encode()


@dataclass
class Stub:
    """The server: its address, what it was asked, and what it answers from now on."""

    url: str
    answer: Callable[[Received], Answer] = lambda _request: Answer(404)
    exchanges: list[tuple[Received, Answer]] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)

    @property
    def received(self) -> list[Received]:
        return [request for request, _ in self.exchanges]


@contextmanager
def stub() -> Iterator[Stub]:
    """A stub on a free port; stopped at the end."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            request = Received(
                self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, self.rfile.read(length)
            )
            answer = it.answer(request)
            it.exchanges.append((request, answer))
            self.close_connection = True
            if answer.hangs:
                it.closing.wait(30)
                return
            if answer.resets:
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
                self.connection.close()
                return
            headers = {
                "Date": format_datetime(NOON, usegmt=True), "Content-Type": "application/json", "Connection": "close",
                **answer.headers, "Content-Length": str(len(answer.content)),
            }  # fmt: skip
            self.send_response_only(answer.status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.content)

        do_GET = do_HEAD = do_POST = do_DELETE = do_CONNECT = handle_any  # noqa: N815  # the names that http.server calls

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Silent."""

        def handle(self) -> None:
            try:
                super().handle()
            except ConnectionError:
                self.close_connection = True

        def finish(self) -> None:
            try:
                super().finish()
            except (ConnectionError, ValueError, OSError):
                self.close_connection = True

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    it = Stub(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield it
    finally:
        it.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()


def refused_url() -> str:
    """An address on loopback where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"
