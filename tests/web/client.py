"""A client that talks to the application in this process, one request a call; and a callback reader for tests."""

import asyncio
import atexit
import json
import os
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

import httpx

from connectors import Callback, CallbackReader, ForgedCallback, MalformedCallback, ProviderEvent
from data.ledger.store import Ledger
from data.words import EventKind
from web.app import create_app

PHONE = (
    "Mozilla/5.0 (Linux; Android 14; Pixel 7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 "
    "Mobile Safari/537.36"
)
SCANNER = "Mozilla/5.0 (Windows NT 6.1; WOW64) AppleWebKit/534+ (KHTML, like Gecko) BingPreview/1.0b"
PUBLIC_URL = "https://ask.acme.example"


class Client:
    """Requests as a phone makes them, without following redirects."""

    def __init__(
        self,
        ledger: Ledger,
        readers: Mapping[str, CallbackReader] | None = None,
        receive: Callable[..., Sequence[bool]] | None = None,
        public_url: str = PUBLIC_URL,
    ) -> None:
        self.app = create_app(ledger, readers or {}, public_url=public_url, receive=receive or _refuse_events)

    def __call__(self, method: str, path: str, *, agent: str = PHONE, **more: Any) -> httpx.Response:
        headers = {"user-agent": agent, **more.pop("headers", {})}

        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            living = self.app.router.lifespan_context(self.app)
            async with living, httpx.AsyncClient(transport=transport, base_url="http://inside") as client:
                return await client.request(method, path, headers=headers, **more)

        answer = _runner(os.getpid()).run(ask())
        assert not asyncio.all_tasks(_runner(os.getpid()).get_loop()), "the application left something running"
        return answer

    def get(self, path: str, **more: Any) -> httpx.Response:
        return self("GET", path, **more)

    def post(self, path: str, data: Any = None, **more: Any) -> httpx.Response:
        return self("POST", path, data=data, **more)


@cache
def _runner(_process: int) -> asyncio.Runner:
    """One event loop for all requests of a process: to make and end one takes as long as half a request."""
    runner = asyncio.Runner()
    atexit.register(runner.close)
    return runner


def _refuse_events(*_: object, **__: object) -> Sequence[bool]:
    raise AssertionError("this test expected no event of a provider")


class SignedReader:
    """A provider whose signature is the word `sesame` and whose body is JSON; it remembers the addresses called."""

    name = "twilio"

    def __init__(self) -> None:
        self.urls: list[str] = []

    def read_callback(self, url: str, headers: Mapping[str, str], body: bytes) -> Callback:
        self.urls.append(url)
        if headers.get("x-signature") != "sesame":
            raise ForgedCallback
        try:
            message = json.loads(body)
        except ValueError:
            raise MalformedCallback("expected JSON") from None
        event = ProviderEvent("twilio", message["key"], EventKind.DELIVERED, datetime(2026, 11, 23, tzinfo=UTC))
        return Callback([event])
