"""Who posts in bench/web.py: a process of its own, so many connections, each with its next post once it has an answer.

    python -m bench.web_load --port 8080 --way real --connections 64 --seconds 3

Posts are Twilio's status callbacks, signed, each another one, made before the clock starts; `--way` only chooses where
they go. Prints answers, seconds and the latencies' percentiles as JSON.
"""

import argparse
import asyncio
import base64
import hmac
import json
import time
from collections.abc import Iterator
from itertools import islice
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

import uvloop

ACCOUNT, AUTH_TOKEN = "AC0123456789abcdef0123456789abcdef", "bench-token"
PUBLIC_URL = "http://127.0.0.1:8080"
SIGNING_KEY, DOMAIN = "bench-key", "bench.example"
PATHS = {
    **{way: f"/callbacks/bench/{way}" for way in ("empty", "each", "raw")},
    **dict.fromkeys(("real", "alone"), "/callbacks/twilio/status"),
    "mailgun": "/callbacks/mailgun",
}
STATUSES = ("sent", "delivered")
WARM = 200  # posts that are not counted: a server that has run for a minute has compiled its statements
_BLOCK = 500  # messages whose statuses come mixed, as those of one dispatch run do


def attempt_id(number: int) -> str:
    """As the ledger of tests.many has it."""
    return f"{number:024x}"


def posts(way: str, messages: int) -> Iterator[bytes]:
    """Whole requests: every status of every message once, in blocks."""
    make = _mailgun if way == "mailgun" else _twilio
    for start in range(1, messages + 1, _BLOCK):
        for status in STATUSES:
            for number in range(start, min(start + _BLOCK, messages + 1)):
                yield make(PATHS[way], number, status)


def _twilio(path: str, number: int, status: str) -> bytes:
    sid = f"SM{number:032x}"
    form = {
        "SmsSid": sid, "SmsStatus": status, "MessageStatus": status, "To": f"+1312{number:07d}", "MessageSid": sid,
        "MessagingServiceSid": "MG0123456789abcdef0123456789abcdef", "AccountSid": ACCOUNT, "From": "+13125550100",
        "ApiVersion": "2010-04-01",
    }  # fmt: skip
    query = f"?s={attempt_id(number)}"
    signed = f"{PUBLIC_URL}{path}{query}" + "".join(f"{name}{form[name]}" for name in sorted(form))
    signature = base64.b64encode(hmac.digest(AUTH_TOKEN.encode(), signed.encode(), "sha1")).decode()
    return _request(
        path + query, "application/x-www-form-urlencoded; charset=utf-8", urlencode(form), signature=signature
    )


def _mailgun(path: str, number: int, status: str) -> bytes:
    stamp, token = str(int(time.time())), f"{number:048x}{STATUSES.index(status):02x}"
    digest = hmac.new(SIGNING_KEY.encode(), (stamp + token).encode(), "sha256").hexdigest()
    event = {
        "event": "accepted" if status == "sent" else "delivered", "id": f"{status}{number}", "timestamp": time.time(),
        "recipient": f"customer{number}@example.com", "user-variables": {"attempt_id": attempt_id(number)},
        "message": {"headers": {"message-id": f"{attempt_id(number)}@{DOMAIN}", "from": "reviews@bench.example"}},
        "delivery-status": {"code": 250, "message": "OK", "tls": True, "mx-host": "mx.example.com"},
    }  # fmt: skip
    signed = {"timestamp": stamp, "token": token, "signature": digest}
    return _request(path, "application/json", json.dumps({"signature": signed, "event-data": event}))


def _request(target: str, kind: str, body: str, *, signature: str = "") -> bytes:
    head = (
        f"POST {target} HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
        f"X-Twilio-Signature: {signature}\r\nI-Twilio-Idempotency-Token: 0123456789abcdef0123456789abcdef\r\n"
        "User-Agent: TwilioProxy/1.1\r\nAccept: */*\r\n\r\n"
    )
    return head.encode() + body.encode()


class Poster(asyncio.Protocol):
    """One connection: posts, waits for the answer, posts again, until the clock or the posts run out."""

    transport: asyncio.Transport

    def __init__(self, load: "Load") -> None:
        self.load = load
        self.buffer = b""
        self.sent_at = 0.0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def post(self) -> None:
        self.sent_at = time.perf_counter()
        following = next(self.load.following, None) if self.sent_at < self.load.ends else None
        if following is None:
            self.transport.close()
            self.done.set_result(None)
        else:
            self.transport.write(following)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, mark, body = self.buffer.partition(b"\r\n\r\n")
        if not mark or len(body) < _length(head):
            return
        self.load.latencies.append(time.perf_counter() - self.sent_at)
        self.load.refused += not head.startswith(b"HTTP/1.1 200 ")
        self.buffer = b""
        self.post()

    def connection_lost(self, problem: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(ConnectionError("the server closed a connection"))


def _length(head: bytes) -> int:
    place = head.find(b"content-length: ")
    return int(head[place + 16 :].split(b"\r\n", 1)[0])


class Load:
    """Everything that one measurement counts."""

    def __init__(self, requests: list[bytes], seconds: float) -> None:
        self.posts = iter(requests)
        self.following: Iterator[bytes] = iter(())
        self.seconds = seconds
        self.ends = 0.0
        self.latencies: list[float] = []
        self.refused = 0

    async def run(self, port: int, connections: int) -> dict[str, float]:
        """Answers, seconds, microseconds a post of server and writer, milliseconds at the median and at 99 %."""
        await self._post(port, 8, islice(self.posts, WARM), self.seconds * 10)
        self.latencies.clear()
        before, began = _spent(port), time.perf_counter()
        await self._post(port, connections, self.posts, self.seconds)
        seconds, after = time.perf_counter() - began, _spent(port)
        told = sorted(self.latencies)
        return {
            "answers": len(told), "refused": self.refused, "seconds": seconds,
            "server": (after[0] - before[0]) / len(told) * 1e6, "writer": (after[1] - before[1]) / len(told) * 1e6,
            "p50": told[len(told) // 2] * 1e3, "p99": told[len(told) * 99 // 100] * 1e3,
        }  # fmt: skip

    async def _post(self, port: int, connections: int, following: Iterator[bytes], seconds: float) -> None:
        """Until the time or the posts are over."""
        self.following = following
        loop = asyncio.get_running_loop()
        lanes = [(await loop.create_connection(lambda: Poster(self), "127.0.0.1", port))[1] for _ in range(connections)]
        self.ends = time.perf_counter() + seconds
        for lane in lanes:
            lane.post()
        await asyncio.gather(*(lane.done for lane in lanes))


def _spent(port: int) -> list[float]:
    return list(json.load(urlopen(f"http://127.0.0.1:{port}/callbacks/bench/spent", data=b"", timeout=10)))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--way", choices=sorted(PATHS), required=True)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--messages", type=int, default=20_000)
    asked = parser.parse_args()
    load = Load(list(posts(asked.way, asked.messages)), asked.seconds)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(json.dumps(runner.run(load.run(asked.port, asked.connections))))


if __name__ == "__main__":
    main()
