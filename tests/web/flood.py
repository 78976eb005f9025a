"""web/ in processes that can be killed, and somebody who posts Twilio's statuses to it and notes what was answered."""

import asyncio
import base64
import hmac
import os
import socket
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from urllib.parse import urlencode

import structlog
import uvicorn
from pydantic import SecretStr

from connectors.twilio.callbacks import TwilioCallbacks
from connectors.twilio.settings import TwilioSettings
from data.ledger.store import open_ledger
from data.settings import Settings
from web.app import create_app
from web.metrics import Metrics
from web.server import configure
from web.writer import Nursery, ledger_store

AUTH_TOKEN = "flood"
PUBLIC_URL = "https://ask.acme.example"


def serve(home: Path, ledger_url: str | None, listening: socket.socket) -> None:
    """Serve for ever. Runs in a process of its own; its log is lost."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    structlog.configure(logger_factory=structlog.WriteLoggerFactory())
    settings = Settings(home=home, ledger_url=ledger_url)
    nursery = Nursery(partial(ledger_store, settings))
    ledger = open_ledger(settings)
    reader = TwilioCallbacks(TwilioSettings(account_sid="AC" + "a" * 32, auth_token=SecretStr(AUTH_TOKEN)))
    metrics = Metrics()
    app = create_app(
        ledger, {"twilio": reader}, public_url=PUBLIC_URL, start_writer=nursery.start_writer, metrics=metrics
    )
    uvicorn.Server(configure(app, metrics, public_url=PUBLIC_URL)).run(sockets=[listening])


def writers_of(server: int) -> list[int]:
    """Who writes for a web/: children of its child."""
    return [writer for nursery in children_of(server) for writer in children_of(nursery)]


def children_of(pid: int) -> list[int]:
    """The processes that a process has started."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


def status_post(number: int, attempt_id: str, status: str) -> tuple[str, bytes]:
    """The key under which the ledger keeps it, and the whole request: `status` of message `number`."""
    sid = f"SM{number:032x}"
    form = {"MessageSid": sid, "MessageStatus": status, "To": "+13125550100", "AccountSid": "AC" + "a" * 32}
    target = f"/callbacks/twilio/status?s={attempt_id}"
    signed = PUBLIC_URL + target + "".join(f"{name}{form[name]}" for name in sorted(form))
    signature = base64.b64encode(hmac.digest(AUTH_TOKEN.encode(), signed.encode(), "sha1")).decode()
    body = urlencode(form)
    head = (
        f"POST {target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\nX-Twilio-Signature: {signature}"
    )
    return f"{sid}:{status}:", f"{head}\r\n\r\n{body}".encode()


class Flood:
    """Posts, many at a time; what was not answered is posted again, as providers do."""

    def __init__(self, posts: Iterator[tuple[str, bytes]], port: int) -> None:
        self.posts = posts
        self.port = port
        self.acknowledged: set[str] = set()
        self.enough = asyncio.Event()
        self._wanted = 0

    async def until(self, acknowledged: int) -> None:
        """Returns once so many are acknowledged, altogether."""
        self._wanted = acknowledged
        self.enough.clear()
        await self.enough.wait()

    async def post_on(self) -> None:
        """One post at a time, each until it is answered; ends when canceled or out of posts."""
        for key, request in self.posts:
            is_answered = False
            while not is_answered:
                is_answered = await self._is_answered(key, request)

    async def _is_answered(self, key: str, request: bytes) -> bool:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            try:
                writer.write(request)
                head = await reader.readuntil(b"\r\n\r\n")
            finally:
                writer.close()
        except (OSError, asyncio.IncompleteReadError):
            return False
        if head.startswith(b"HTTP/1.1 503 "):  # its writer was killed
            return False
        assert head.startswith(b"HTTP/1.1 200 "), head
        self.acknowledged.add(key)
        if len(self.acknowledged) >= self._wanted:
            self.enough.set()
        return True
