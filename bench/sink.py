"""What every contestant sends to: Twilio's create, Mailgun's messages and an SMTP relay, in a process of its own.

    python -m bench.sink [--latency-ms 50]

The least that a provider can be, so that it is never the limit: no TLS, nothing stored but which attempts were seen.
The answer leaves `latency-ms` after the request (SMTP: after the final dot) has arrived. Prints its ports as JSON, then
answers GET / with its counts; POST / forgets them, and takes `{"latency_ms": n}`. Ends when its standard input does.
"""

import argparse
import asyncio
import contextlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.request import Request, urlopen

ATTEMPT = re.compile(rb"(?:s%3D|attempt_id\"\r\n\r\n|Message-ID: <)([0-9a-f]{24,32})")
PARCEL = re.compile(rb'"attempt_id": "([0-9a-f]{24,32})"')


class Tally:
    """What arrived: calls, messages, and how many were there before."""

    def __init__(self, latency: float) -> None:
        self.latency = latency
        self.clear()

    def clear(self) -> None:
        self.calls = self.messages = self.repeated = self.connections = 0
        self.seen: set[bytes] = set()

    def note(self, body: bytes) -> int:
        """Count a call; its number, which names it."""
        attempts = PARCEL.findall(body) if b"recipient-variables" in body else ATTEMPT.findall(body)[:1]
        self.calls += 1
        self.messages += len(attempts) or 1  # peers name no attempt
        before = len(self.seen)
        self.seen.update(attempts)
        self.repeated += len(attempts) - (len(self.seen) - before)
        return self.calls

    def as_json(self) -> bytes:
        names = ("calls", "messages", "repeated", "connections")
        return json.dumps({name: getattr(self, name) for name in names}).encode()


class Talk(asyncio.Protocol):
    """One connection; answers leave in order, `latency` after their request."""

    transport: asyncio.Transport

    def __init__(self, tally: Tally) -> None:
        self.tally = tally
        self.buffer = bytearray()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.tally.connections += 1

    def say(self, answer: bytes) -> None:
        if self.tally.latency:
            asyncio.get_running_loop().call_later(self.tally.latency, self.transport.write, answer)
        else:
            self.transport.write(answer)


class Http(Talk):
    """Twilio and Mailgun, told apart by the path."""

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = bytes(self.buffer[:end])
            place = head.lower().find(b"content-length:")
            length = int(head[place + 15 :].split(b"\r\n", 1)[0]) if place >= 0 else 0
            if len(self.buffer) < end + 4 + length:
                return
            body = bytes(self.buffer[end + 4 : end + 4 + length])
            del self.buffer[: end + 4 + length]
            self.answer(head, body)

    def answer(self, head: bytes, body: bytes) -> None:
        path = head.split(b" ", 2)[1]
        if path == b"/":
            if head.startswith(b"POST"):
                self.tally.clear()
                self.tally.latency = json.loads(body)["latency_ms"] / 1000
            self.transport.write(_http(b"200 OK", self.tally.as_json()))
        elif path.startswith(b"/v3/"):
            number = self.tally.note(body)
            self.say(_http(b"200 OK", b'{"id": "<%032x@bench.example>", "message": "Queued. Thank you."}' % number))
        else:
            self.say(_http(b"201 CREATED", TEXT % (self.tally.note(body),)))


class Smtp(Talk):
    """A relay that pipelines; a final dot counts as a message."""

    is_text = False

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        transport.write(b"220 sink ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while True:
            mark = b"\r\n.\r\n" if self.is_text else b"\r\n"
            end = self.buffer.find(mark)
            if end < 0:
                return
            piece = bytes(self.buffer[:end])
            del self.buffer[: end + len(mark)]
            if self.is_text:
                self.is_text = False
                self.tally.note(piece)
                self.say(b"250 2.0.0 taken\r\n")
            else:
                self.command(piece[:4].upper())

    def command(self, word: bytes) -> None:
        self.is_text = word == b"DATA"
        answers = {
            b"EHLO": b"250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 ENHANCEDSTATUSCODES\r\n",
            b"DATA": b"354 go on\r\n", b"QUIT": b"221 bye\r\n",
        }  # fmt: skip
        self.transport.write(answers.get(word, b"250 2.1.0 OK\r\n"))
        if word == b"QUIT":
            self.transport.close()


TEXT = (
    b'{"account_sid": "AC0123456789abcdef0123456789abcdef", "api_version": "2010-04-01", "body": "Hello", '
    b'"date_created": "Mon, 23 Nov 2026 18:00:00 +0000", "date_sent": null, '
    b'"date_updated": "Mon, 23 Nov 2026 18:00:00 +0000", "direction": "outbound-api", "error_code": null, '
    b'"error_message": null, "from": "+13125550100", "messaging_service_sid": null, "num_media": "0", '
    b'"num_segments": "1", "price": null, "price_unit": "USD", "sid": "SM%032x", "status": "queued", '
    b'"subresource_uris": {"media": "/2010-04-01/Media.json"}, "to": "+13125550001", "uri": "/2010-04-01/M.json"}'
)


def _http(status: bytes, body: bytes) -> bytes:
    return b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body)


async def serve(latency_ms: float) -> None:
    """Until standard input ends."""
    loop = asyncio.get_running_loop()
    tally = Tally(latency_ms / 1000)
    http = await loop.create_server(lambda: Http(tally), "127.0.0.1", 0, backlog=2048)
    smtp = await loop.create_server(lambda: Smtp(tally), "127.0.0.1", 0, backlog=2048)
    print(
        json.dumps({name: it.sockets[0].getsockname()[1] for name, it in (("http", http), ("smtp", smtp))}), flush=True
    )
    await loop.run_in_executor(None, sys.stdin.read)


@dataclass(frozen=True)
class Sink:
    """A running sink."""

    http: int
    smtp: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http}"

    def counts(self) -> dict[str, int]:
        """Calls, messages, those of them that had come before, connections."""
        return dict(json.load(urlopen(self.url, timeout=10)))  # noqa: S310  (a loopback address of ours)

    def forget(self, latency_ms: float) -> None:
        """Begin again, with another latency."""
        body = json.dumps({"latency_ms": latency_ms}).encode()
        urlopen(Request(self.url, data=body, method="POST"), timeout=10).read()  # noqa: S310


@contextmanager
def running_sink(latency_ms: float = 0) -> Iterator[Sink]:
    """A sink in a process of its own."""
    command = [sys.executable, "-m", "bench.sink", "--latency-ms", str(latency_ms)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield Sink(**json.loads(process.stdout.readline()))  # type: ignore[union-attr]
    finally:
        process.communicate("", timeout=10)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--latency-ms", type=float, default=0)
    asked = parser.parse_args()
    with contextlib.suppress(ImportError):  # twice as fast, and no dependency of ours
        import uvloop  # noqa: PLC0415

        asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    asyncio.run(serve(asked.latency_ms))


if __name__ == "__main__":
    main()
