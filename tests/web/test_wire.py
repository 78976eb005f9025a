"""Clients that dawdle, ramble or speak something else: refused on the connection, and nobody else notices."""

import logging
import os
import re
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import hypothesis.strategies as st
import pytest
import uvicorn
from anyio import to_thread
from hypothesis import HealthCheck, given, settings
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from web.crowd import Crowd
from web.limits import neighbourhood
from web.metrics import Metrics
from web.server import configure
from web.wire import Patience

HASTY = Patience(head_seconds=0.3, body_seconds=0.3, leave_seconds=0.1)
POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n"
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
EXAMPLES = int(os.environ.get("AFTERWORD_EXAMPLES") or 40)
LONG = 20.0  # seconds after which a test fails; nothing here waits so long


class Server:
    """An application of a few lines, and what it saw."""

    def __init__(self) -> None:
        self.metrics = Metrics()
        self.seen: list[str] = []
        self.left, self.goes_on = threading.Event(), threading.Event()
        self.port = 0
        self.stop: Callable[[], None]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            for _ in range(2):
                message = await receive()
                await send({"type": f"{message['type']}.complete"})
            return
        request = Request(scope, receive)
        if request.scope["path"] == "/slow":
            self.left.set()
            await to_thread.run_sync(self.goes_on.wait)
        self.seen.append(request.scope["path"])
        if request.scope["path"] != "/early":
            try:
                await request.body()
            except ClientDisconnect:
                self.left.set()
                return
        await PlainTextResponse(f"{request.method} {request.scope['path']}")(scope, receive, send)

    def refused(self, why: str) -> int:
        """How many connections were closed for this."""
        name = f'afterword_web_refused_connections_total{{why="{why}"}} '
        found = [line for line in self.metrics.as_text().decode().splitlines() if line.startswith(name)]
        return int(float(found[0].rpartition(" ")[2])) if found else 0

    @contextmanager
    def connected(self) -> Iterator[socket.socket]:
        """A connection to it."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=LONG) as connection:
            yield connection

    def said(self, *pieces: bytes) -> bytes:
        """Everything that comes back, until the server closes."""
        with self.connected() as connection:
            for piece in pieces:
                connection.sendall(piece)
            return rest(connection)


def rest(connection: socket.socket) -> bytes:
    answer = b""
    while True:
        try:
            part = connection.recv(65536)
        except ConnectionError:
            return answer
        if not part:
            return answer
        answer += part


def dribbled(connection: socket.socket, pieces: Sequence[bytes]) -> bytes:
    """What comes back to one who sends the last piece again now and then, for as long as the server bears it."""
    connection.settimeout(0.05)
    answer = b""
    for number in range(int(LONG / 0.05)):
        try:
            connection.sendall(pieces[min(number, len(pieces) - 1)])
            part = connection.recv(65536)
        except TimeoutError:
            continue
        except ConnectionError:
            return answer
        if not part:
            return answer
        answer += part
    raise AssertionError("the server bore it to the end")


@contextmanager
def running(patience: Patience, owner_of: Callable[[str], str | None] = neighbourhood) -> Iterator[Server]:
    served = Server()
    listening = socket.create_server(("127.0.0.1", 0))
    served.port = listening.getsockname()[1]
    config = configure(served, served.metrics, public_url="https://a", patience=patience, owner_of=owner_of)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()

    def stop() -> None:
        server.should_exit = True

    served.stop = stop
    try:
        yield served
    finally:
        served.goes_on.set()  # where a test failed before it did
        stop()
        thread.join()
        listening.close()


@pytest.fixture(scope="module")
def hasty() -> Iterator[Server]:
    with running(HASTY) as server:
        yield server


@pytest.fixture(scope="module")
def patient() -> Iterator[Server]:
    with running(Patience(connections=20, head_bytes=4096, header_count=20)) as server:
        yield server


@pytest.mark.parametrize(
    "pieces", [[b""], [b"\r\n"], [b"G", b"E", b"T", b" /", b"a"], [b"GET / HTTP/1.1\r\nX: ", b"y"]]
)
@pytest.mark.slow
def test_a_head_that_never_ends_is_waited_for_only_so_long(hasty: Server, pieces: list[bytes]) -> None:
    before = hasty.refused("slow")
    with hasty.connected() as connection:
        answer = dribbled(connection, pieces)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"\r\ncontent-security-policy: default-src 'none'" in answer
    assert b"\r\nstrict-transport-security: " in answer
    assert hasty.refused("slow") == before + 1


@pytest.mark.slow
def test_a_body_that_never_ends_is_waited_for_only_so_long(hasty: Server) -> None:
    hasty.left.clear()
    with hasty.connected() as connection:
        connection.sendall(POST)
        assert dribbled(connection, [b"x"]).startswith(b"HTTP/1.1 408 ")
    assert hasty.left.wait(LONG), "the application was not told"


@pytest.mark.slow
def test_a_body_that_nobody_wants_any_more_is_not_taken_for_ever(hasty: Server) -> None:
    with hasty.connected() as connection:
        connection.sendall(POST.replace(b"POST /", b"POST /early"))
        answer = dribbled(connection, [b"x"])
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.count(b"HTTP/1.1 ") == 1, "a second answer to one request"


@pytest.mark.slow
def test_a_second_request_on_the_same_connection_gets_no_more_patience(hasty: Server) -> None:
    with hasty.connected() as connection:
        connection.sendall(GET)
        answer = dribbled(connection, [b"GET /again HTTP/1.1\r\nX: ", b"y"])
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"HTTP/1.1 408 " in answer


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\nX: " + b"y" * 5000 + b"\r\n\r\n",  # one giant header
        b"GET /" + b"y" * 5000 + b" HTTP/1.1\r\n\r\n",  # a giant address
        b"GET / HTTP/1.1\r\nX: " + b"y" * 300_000,  # without end
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 21 + b"\r\n",  # many
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX: y\r\n\r\n",  # behind the body
    ],
    ids=["header", "address", "endless", "many", "trailer"],
)
def test_what_is_too_much_before_an_answer_is_refused(patient: Server, sent: bytes) -> None:
    before = patient.refused("too_much")
    answer = patient.said(sent)
    assert (
        answer.startswith(b"HTTP/1.1 431 ") or len(sent) > 100_000
    )  # closed while we still talk: the answer may be lost
    assert patient.refused("too_much") == before + 1


def test_a_crowd_of_requests_ahead_of_their_answers_is_refused(patient: Server) -> None:
    before = patient.refused("too_much")
    assert patient.said(GET * 1000).count(b"HTTP/1.1 200") <= Patience().waiting_requests + 1
    assert patient.refused("too_much") == before + 1


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # TLS to a plain port
        b"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        b"GET / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",  # smuggling
        b"GET /\xc3\xa9 HTTP/1.1\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/1.1\r\nX y\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: a\x00b\r\n\r\n",
        b"CONNECT example.com:443 HTTP/1.1\r\n\r\n",
    ],
)
def test_what_is_not_http_is_refused_and_reaches_nobody(patient: Server, sent: bytes) -> None:
    before = patient.refused("unreadable")
    patient.seen.clear()
    answer = patient.said(sent)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"\r\nreferrer-policy: no-referrer\r\n" in answer
    assert patient.refused("unreadable") == before + 1
    assert patient.seen == []


def test_a_phone_that_speaks_the_old_http_is_answered_and_hung_up_on(patient: Server) -> None:
    answer = patient.said(b"GET /old HTTP/1.0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b"GET /old")
    assert b"transfer-encoding" not in answer


def test_a_request_in_pieces_and_several_on_one_connection_are_answered_in_order(patient: Server) -> None:
    last = b"GET /c HTTP/1.1\r\nConnection: close\r\n\r\n"
    sent = POST.replace(b"1000", b"3").replace(b" / ", b" /a ") + b"xyz" + GET.replace(b" / ", b" /b ") + last
    answer = patient.said(*(sent[at : at + 7] for at in range(0, len(sent), 7)))
    assert re.findall(rb"(?:GET|POST) /[abc]", answer) == [b"POST /a", b"GET /b", b"GET /c"]


def test_who_comes_when_all_places_are_taken_is_told_so(patient: Server) -> None:
    before = patient.refused("full")
    held = [socket.create_connection(("127.0.0.1", patient.port), timeout=LONG) for _ in range(20)]
    try:
        for connection in held:
            connection.sendall(GET)
            assert connection.recv(12) == b"HTTP/1.1 200"
        assert patient.said().startswith(b"HTTP/1.1 503 ")
        assert patient.refused("full") == before + 1
    finally:
        for connection in held:
            connection.close()


@pytest.mark.slow
def test_who_holds_too_many_connections_loses_an_idle_one_and_nobody_else_is_held_up() -> None:
    few = Patience(connections_each=2)
    with running(few, {"127.0.0.1": "somebody"}.get) as server, server.connected() as idle, server.connected() as busy:
        busy.sendall(GET.replace(b"GET /", b"GET /slow"))
        assert server.left.wait(LONG)
        idle.sendall(b"GET / HTTP/1.1\r\nX: ")  # what it has begun is no request yet
        with server.connected() as newcomer:
            server.left.clear()
            newcomer.sendall(GET.replace(b"GET /", b"GET /slow"))
            assert rest(idle) == b"", "a word into a connection on which nothing was asked"
            assert server.left.wait(LONG)
            assert server.refused("crowded") == 1
            assert b"from your address" in server.said()
            with socket.create_connection(("127.0.0.1", server.port), LONG, ("127.0.0.2", 0)) as proxy:
                proxy.sendall(GET)
                assert proxy.recv(12) == b"HTTP/1.1 200"
            server.goes_on.set()
            assert newcomer.recv(12) == busy.recv(12) == b"HTTP/1.1 200"


def test_a_connection_that_is_gone_is_counted_no_more() -> None:
    class Idle:
        is_idle, is_given_up = True, False

        def give_up(self) -> None:
            self.is_given_up = True

    crowd, first, second = Crowd(1, str), Idle(), Idle()
    assert crowd.enter(first, "somebody")
    crowd.leave(first, "somebody")
    assert crowd.enter(second, "somebody")
    assert not first.is_given_up


def test_somebody_who_asks_for_another_protocol_is_answered_in_this_one(patient: Server) -> None:
    upgrade = b"GET /ws HTTP/1.1\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n\r\n"
    assert patient.said(upgrade).startswith(b"HTTP/1.1 200 ")


@pytest.mark.slow
def test_what_is_under_way_when_it_is_told_to_stop_is_answered_first() -> None:
    with running(Patience()) as server, server.connected() as waiting, server.connected() as idle:
        waiting.sendall(GET.replace(b"GET /", b"GET /slow"))
        assert server.left.wait(LONG)
        server.stop()
        assert rest(idle) == b"", "one that asks for nothing held it up"
        server.goes_on.set()
        assert rest(waiting).endswith(b"GET /slow")


BEGINNINGS = [
    b"GET /a HTTP/1.1\r\n", b"GET /?a=\x80&b HTTP/1.1\r\n", b"POST /early HTTP/1.0\r\n", b"HEAD /a?b HTTP/1.1\r\n",
    b"OPTIONS * HTTP/1.1\r\n", b"GET http://a:99999/ HTTP/1.1\r\n", b"GET //a/../%00%ff HTTP/1.1\r\n", b"GET ", b"",
]  # fmt: skip
PIECES = [
    b"Host: a\r\n", b"Content-Length: 5\r\n", b"Content-Length: -5\r\n", b"Transfer-Encoding: chunked\r\n",
    b"Expect: 100-continue\r\n", b"Connection: keep-alive, upgrade\r\n", b"Upgrade: h2c\r\n", b"X: \xff\xfe\r\n",
    b"X:" + b"x" * 1000 + b"\r\n", b" folded\r\n", b"\r\n", b"\r\n", b"5\r\nhello\r\n0\r\n\r\n", b"hello",
    b"ffffffffffffffffff\r\n", b"\x00", b"\n", b"\r", *BEGINNINGS,
]  # fmt: skip


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sent=st.builds(
        lambda first, more: [first, *more],
        st.sampled_from(BEGINNINGS),
        st.lists(st.sampled_from(PIECES), max_size=12),
    )
)
@pytest.mark.slow
def test_whatever_bytes_come_nothing_fails_and_the_next_one_is_answered(
    patient: Server, caplog: pytest.LogCaptureFixture, sent: list[bytes]
) -> None:
    with patient.connected() as connection:
        try:
            for piece in sent:
                connection.sendall(piece)
            connection.shutdown(socket.SHUT_WR)
        except OSError:  # refused in the middle
            assert patient.metrics.as_text()
        rest(connection)
    assert patient.said(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
