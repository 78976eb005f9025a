"""A connection that ends, or falls out of step, between two requests: what was never written is never doubt."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from connectors import Accepted, TemporaryFailure
from connectors.http_line import HttpLine
from connectors.twilio.messenger import TwilioMessenger
from tests.connectors.samples import SID, text_message, twilio_settings
from tests.connectors.server import PATIENT

BODY = b'{"sid": "%s"}' % SID.encode()
REPLY = b"HTTP/1.1 201 CREATED\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY)


class Listener:
    """A server in threads of its own: it goes on while the loop is busy."""

    def __init__(self, talk: Callable[[socket.socket, int], None]) -> None:
        self.talk = talk
        self.connections = 0
        self.has_hung_up = threading.Event()
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"

    def serve(self) -> None:
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.connections += 1
            with connection:
                self.talk(connection, self.connections)
            self.has_hung_up.set()


@contextmanager
def listening(talk: Callable[[socket.socket, int], None]) -> Iterator[Listener]:
    it = Listener(talk)
    thread = threading.Thread(target=it.serve, daemon=True)
    thread.start()
    try:
        yield it
    finally:
        it.socket.shutdown(socket.SHUT_RDWR)
        it.socket.close()
        thread.join()


def courier_of(it: Listener) -> Any:
    return TwilioMessenger(twilio_settings(it.url), PATIENT).courier(1)


def test_a_kept_connection_that_was_closed_while_idle_is_not_written_to() -> None:
    """Also where the loop was too busy to hear of it: the request would be doubt, and nobody ever read it."""

    def talk(connection: socket.socket, number: int) -> None:
        connection.recv(65_536)
        connection.sendall(REPLY)

    async def go(it: Listener) -> None:
        async with courier_of(it) as courier:
            for number in (1, 2):
                assert await courier.carry([text_message()], None) == [Accepted(SID)]
                assert it.has_hung_up.wait(20)  # blocks the loop: that is what is tried here
                it.has_hung_up.clear()
                assert it.connections == number

    with listening(talk) as it:
        asyncio.run(go(it))


def test_a_connection_dropped_as_soon_as_it_was_taken_is_certainly_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    async def go(it: Listener) -> None:
        made = HttpLine.connection_made

        def made_and_lost(line: HttpLine, transport: Any) -> None:
            made(line, transport)
            assert it.has_hung_up.wait(20)

        monkeypatch.setattr(HttpLine, "connection_made", made_and_lost)
        async with courier_of(it) as courier:
            [outcome] = await courier.carry([text_message()], None)
            assert isinstance(outcome, TemporaryFailure)

    with listening(lambda _connection, _number: None) as it:
        asyncio.run(go(it))


def test_the_beginning_of_a_second_answer_ends_the_connection() -> None:
    def talk(connection: socket.socket, number: int) -> None:
        connection.recv(65_536)
        connection.sendall(REPLY + b"HTTP/1.1 2" if number == 1 else REPLY)
        connection.recv(65_536)

    async def go(it: Listener) -> None:
        async with courier_of(it) as courier:
            for number in (1, 2):
                assert await courier.carry([text_message()], None) == [Accepted(SID)]
                assert it.connections == number

    with listening(talk) as it:
        asyncio.run(go(it))
