"""Twilio from an event loop: the same words and the same conclusions as `send`, and nothing twice."""

import asyncio
import gzip
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from connectors import Accepted, Outcome, TemporaryFailure
from connectors.transport import Unclear
from connectors.twilio.codes import ERRORS
from connectors.twilio.messenger import TwilioMessenger
from data.words import Channel
from tests.connectors.carried import carry, ending
from tests.connectors.samples import SID, text_message, twilio_error, twilio_message, twilio_settings
from tests.connectors.server import PATIENT, Answer, refused_url, stub

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
ANSWERS = [
    Answer(201, twilio_message()), Answer(200, twilio_message()), Answer(201, {}), Answer(201, b"not json"),
    Answer(201, [1]), Answer(200, {"sid": None}), Answer(204, None), Answer(401, None), Answer(404, b"<html>no</html>"),
    Answer(401, twilio_error(401, 20003)), Answer(403, twilio_error(403, 20003)), Answer(429, b"slow down"),
    Answer(429, twilio_error(429, 20429)), Answer(400, {"code": "21211"}), Answer(400, {"code": 400}),
    Answer(400, twilio_error(400, 29999)), Answer(500, twilio_error(500, 20500)), Answer(503, twilio_error(503, 30002)),
    Answer(503, {"type": "about:blank", "title": "x", "status": 400, "code": 21211}),
    Answer(302, None, {"Location": "http://127.0.0.1:9/"}), Answer(307, None, {"Location": "http://127.0.0.1:9/"}),
    *(Answer(400, twilio_error(400, code)) for code in sorted(ERRORS)),
]  # fmt: skip


@pytest.mark.slow
def test_a_courier_posts_and_concludes_what_send_does_whatever_the_answer() -> None:
    with stub() as it:
        messenger = TwilioMessenger(
            twilio_settings(it.url, messaging_service_sid="MG" + "0" * 32, whatsapp_from="+13125550199"), PATIENT
        )
        messages = [
            text_message(text=text, to=to, channel=channel)
            for text, to, channel in (
                ("Hi Ana, how was it? ü € 🦷 a+b&c=d%20", "+13125550001", Channel.SMS),
                ("Hi", "+13125550001", Channel.WHATSAPP), ("Hi", "not a number", Channel.SMS),
                ("Hi", "+13125550001", Channel.EMAIL),
            )
        ]  # fmt: skip
        it.answer = lambda _request: ANSWERS[0]
        for message in messages:
            it.exchanges.clear()
            assert ending(lambda m=message: messenger.send(m)) == ending(lambda m=message: carry(messenger, [m])[0])  # type: ignore[misc]
            assert len({request.target for request in it.received}) <= 1
            assert all(request.form == it.received[0].form for request in it.received)
            assert all(r.headers["authorization"] == it.received[0].headers["authorization"] for r in it.received)
        for answer in ANSWERS:
            it.exchanges.clear()
            it.answer = lambda _request, a=answer: a  # type: ignore[misc]
            sent = ending(lambda: messenger.send(messages[0]))
            assert sent == ending(lambda: carry(messenger, [messages[0]])[0])
            assert len(it.received) == 2


@asynccontextmanager
async def talking(talk: Talk) -> AsyncIterator[str]:
    """A server that keeps its connections and does as `talk` says; its address."""

    async def guarded(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            writer.close()  # the other side hung up: some of these tests do
        finally:
            writer.close()

    server = await asyncio.start_server(guarded, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


async def read_request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(
        int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")
    )
    return head + await reader.readexactly(length)


def reply(sid: str, more: bytes = b"") -> bytes:
    body = b'{"sid": "%s"}' % sid.encode()
    return b"HTTP/1.1 201 CREATED\r\nContent-Type: application/json\r\n%sContent-Length: %d\r\n\r\n%s" % (
        more, len(body), body,
    )  # fmt: skip


def packed(body: bytes) -> bytes:
    body = gzip.compress(body, mtime=0)  # it names a test, and workers must agree on names
    head = b"HTTP/1.1 201 CREATED\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"
    return head % len(body) + body


def courier_of(url: str, parallel: int = 1) -> Any:
    return TwilioMessenger(twilio_settings(url), PATIENT).courier(parallel)


def test_a_kept_connection_that_dies_is_doubt_and_nothing_is_posted_again() -> None:
    requests = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal requests
        while True:
            await read_request(reader)
            requests += 1
            if requests == 2:
                return  # hangs up after the second request arrived, without a word
            writer.write(reply(SID))

    async def go() -> None:
        async with talking(talk) as url, courier_of(url) as courier:
            assert await courier.carry([text_message()], None) == [Accepted(SID)]
            with pytest.raises(Unclear):
                await courier.carry([text_message()], None)
            assert requests == 2
            assert await courier.carry([text_message()], None) == [Accepted(SID)]
            assert requests == 3

    asyncio.run(go())


def test_who_gives_up_waiting_leaves_no_answer_behind_for_the_next() -> None:
    """A canceled call may have arrived, and its late answer must never be taken for another message's."""
    arrived = asyncio.Event()
    connections = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        while True:
            await read_request(reader)
            if connections == 1:
                arrived.set()
                await reader.read()  # until the other side is gone
                writer.write(reply("SM" + "f" * 32))
                return
            writer.write(reply(SID))

    async def go() -> None:
        async with talking(talk) as url, courier_of(url) as courier:
            call = asyncio.create_task(courier.carry([text_message()], None))
            await arrived.wait()
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            assert await courier.carry([text_message()], None) == [Accepted(SID)]

    asyncio.run(go())


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 201 CREATED\r\nContent-Length: 99999999\r\n\r\n{",
        b"HTTP/1.1 201 CREATED\r\nTransfer-Encoding: chunked\r\n\r\n" + (b"10000\r\n" + b" " * 65536 + b"\r\n") * 17,
        b"HTTP/1.1 201 CREATED\r\nContent-Length: 50\r\n\r\n{",  # and then nothing more
        b"HTTP/1.1 201 CREATED\r\nX: " + b"y" * 70_000 + b"\r\n\r\n",
        b"no HTTP at all\r\n\r\n",
        packed(b" " * 2_000_000),
        packed(b"{}").replace(b"\x1f\x8b", b"zz"),
        b"",
    ],
)
def test_an_answer_too_large_cut_off_or_not_http_is_doubt(answer: bytes) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(answer)

    async def go() -> None:
        async with talking(talk) as url, courier_of(url) as courier:
            with pytest.raises(Unclear) as caught:
                await courier.carry([text_message()], None)
            assert text_message().to.lstrip("+") not in str(caught.value)
            assert caught.value.__context__ is None or caught.value.__suppress_context__

    asyncio.run(go())


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 100 Continue\r\n\r\n" + reply(SID),
        b'HTTP/1.1 201 CREATED\r\n\r\n{"sid": "%s"}' % SID.encode(),  # ends with the connection
        b'HTTP/1.0 201 CREATED\r\n\r\n{"sid": "%s"}' % SID.encode(),
        reply(SID, b"Connection: close\r\n"),
        b'HTTP/1.1 201 CREATED\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{"sid": "\r\n24\r\n%s"}\r\n0\r\n\r\n'
        % SID.encode(),
        packed(b'{"sid": "%s"}' % SID.encode()),
        reply(SID) + reply("SM" + "f" * 32),  # and somebody else's: nobody may read it
    ],
)
def test_whatever_form_a_whole_answer_has_it_is_understood(answer: bytes) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        is_kept = b"Content-Length" in answer or b"chunked" in answer
        size = 7 if answer.count(b"201 CREATED") == 1 else len(answer)
        while True:
            await read_request(reader)
            for n in range(0, len(answer), size):
                writer.write(answer[n : n + size])
                await writer.drain()
            if not is_kept:
                return

    async def go() -> None:
        async with talking(talk) as url, courier_of(url) as courier:
            for _ in range(2):
                assert await courier.carry([text_message()], None) == [Accepted(SID)]

    asyncio.run(go())


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "ALL_PROXY"])
@pytest.mark.parametrize("answer", [Answer(403), Answer(resets=True), Answer(502, b"<html>")])
@pytest.mark.slow
def test_a_proxy_of_the_environment_is_used_and_whatever_it_answers_first_nothing_has_left(
    monkeypatch: pytest.MonkeyPatch, name: str, answer: Answer
) -> None:
    """Until it has connected us it hears of the provider's name only; which a proxy that is not there does not."""
    for known in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(known, raising=False)
    with stub() as proxy:
        proxy.answer = lambda _request: answer
        monkeypatch.setenv(name, proxy.url)
        messenger = TwilioMessenger(twilio_settings("https://twilio.example"), PATIENT)
        for _ in range(2):
            outcome = carry(messenger, [text_message()])[0]
            assert isinstance(outcome, TemporaryFailure)
            assert (outcome.code, outcome.is_throttle) == ("not_connected", True)
            assert len(proxy.received) == 1
            monkeypatch.setenv(name, refused_url())


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_connection_that_was_not_made_is_certainly_not_sent(scheme: str) -> None:
    """Refused; and over https also whatever goes wrong in the handshake, which is before the request."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"this is no TLS\r\n\r\n")
        await reader.read(1)

    async def go() -> Outcome:
        if scheme == "https":
            async with talking(talk) as url, courier_of(url.replace("http:", "https:")) as courier:
                return (await courier.carry([text_message()], None))[0]  # type: ignore[no-any-return]
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            async with courier_of(f"http://127.0.0.1:{probe.getsockname()[1]}") as courier:
                return (await courier.carry([text_message()], None))[0]  # type: ignore[no-any-return]

    outcome = asyncio.run(go())
    assert isinstance(outcome, TemporaryFailure)
    assert (outcome.code, outcome.is_throttle) == ("not_connected", True)  # no message's fault: it uses up no try


def test_loopback_is_reached_directly_whatever_proxy_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    with stub() as it:
        it.answer = lambda _request: ANSWERS[0]
        assert carry(TwilioMessenger(twilio_settings(it.url), PATIENT), [text_message()]) == [Accepted(SID)]
