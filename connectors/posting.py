"""One POST, once, from an event loop: what the couriers over HTTP share.

Directly over kept connections (http_line.py); through aiohttp where the environment names a proxy, which repeats no
POST either (its IDEMPOTENT_METHODS).
"""

import asyncio
import os
import ssl
from contextlib import AsyncExitStack
from pathlib import Path
from types import SimpleNamespace, TracebackType
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
import certifi

from connectors import ConfigurationError
from connectors.addresses import is_loopback
from connectors.http_line import MOST_BYTES, HttpLine, NoAnswer, Posted
from connectors.transport import Unclear, quiet_loggers

_IDLE_SECONDS = 4.0  # a kept connection's, below any server's own: one that the server just closed would be doubt


class NeverLeft(Exception):
    """The connection was not made: not a byte of the request can have arrived. Holds the error's kind only."""


class Poster:
    """Connections to one provider, kept and reused. An async context manager."""

    def __init__(self, base: str, credentials: tuple[str, str], parallel: int, timeout: tuple[float, float]) -> None:
        """`timeout`: seconds to connect, seconds of silence. The deadline of a whole call is the caller's."""
        parts = urlsplit(base)
        self._is_tls = parts.scheme == "https"
        self._host, self._port = parts.hostname or "", parts.port or (443 if self._is_tls else 80)
        self._headers = {
            "Host": parts.netloc,
            "Authorization": aiohttp.encode_basic_auth(*credentials),
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": "afterword",
        }
        self._head = "".join(f"{name}: {value}\r\n" for name, value in self._headers.items()).encode("latin-1")
        self._parallel = parallel
        self._timeout = timeout
        self._idle: list[HttpLine] = []
        self._by_proxy: aiohttp.ClientSession | None = None
        self._proxy = None if is_loopback(base) else _proxy_for(parts.scheme, self._host)
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> "Poster":
        quiet_loggers()
        self._tls = tls_context() if self._is_tls else None
        if self._proxy is not None:
            traces = aiohttp.TraceConfig()
            traces.on_request_headers_sent.append(_note_leaving)
            connect, silence = self._timeout
            session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=self._parallel, keepalive_timeout=_IDLE_SECONDS, ssl=self._tls or True
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers=self._headers,
                timeout=aiohttp.ClientTimeout(total=None, connect=silence, sock_connect=connect, sock_read=silence),
                trace_configs=[traces],
            )
            self._by_proxy = await self._stack.enter_async_context(session)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self._idle:
            self._idle.pop().close()
        await self._stack.aclose()

    async def post(self, url: str, body: bytes, content_type: str) -> Posted:
        """Post once to an address of the provider's.

        Raises NeverLeft, or Unclear when no whole answer came; a redirect is an answer like any other. Canceled, it
        closes its connection: nobody reads another's answer.
        """
        if self._by_proxy is not None:
            return await self._post_by_proxy(self._by_proxy, url, body, content_type)
        path = url.partition("://")[2].partition("/")[2]
        head = f"POST /{path} HTTP/1.1\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
        line = self._kept() or await self._connect()
        try:
            answer = await line.post(b"%s%s\r\n%s" % (head.encode("ascii"), self._head, body))
        except NoAnswer as problem:
            raise Unclear(f"no whole answer: {problem}") from None
        if line.is_open and len(self._idle) < self._parallel:
            self._idle.append(line)
        else:
            line.close()
        return answer

    def _kept(self) -> HttpLine | None:
        """The connection used last, if it is still fresh."""
        now = asyncio.get_running_loop().time()
        while self._idle:
            line = self._idle.pop()
            if line.is_usable() and now - line.idle_since < _IDLE_SECONDS:
                return line
            line.close()
        return None

    async def _connect(self) -> HttpLine:
        line = HttpLine(self._timeout[1])
        name = self._host if self._tls else None
        try:
            async with asyncio.timeout(self._timeout[0]):
                await asyncio.get_running_loop().create_connection(
                    lambda: line, self._host, self._port, ssl=self._tls, server_hostname=name
                )
        except OSError as error:  # also of TLS, whose handshake comes before the request, and of the time limit
            line.close()
            raise NeverLeft(type(error).__name__) from None
        except BaseException:
            line.close()
            raise
        if not line.is_usable():  # taken and dropped at once, as by a proxy with nobody behind it
            line.close()
            raise NeverLeft("ServerDisconnected")
        return line

    async def _post_by_proxy(self, session: aiohttp.ClientSession, url: str, body: bytes, content_type: str) -> Posted:
        if urlsplit(self._proxy or "").scheme not in ("http", "https"):
            raise ConfigurationError("HTTPS_PROXY or ALL_PROXY must name a proxy that begins with http:// or https://.")
        leaving: list[
            bool
        ] = []  # filled just before the request is written; what a proxy is asked before does not count
        try:
            async with session.post(
                url, data=body, headers={"Content-Type": content_type}, allow_redirects=False, proxy=self._proxy,
                trace_request_ctx=leaving,
            ) as response:  # fmt: skip
                content = bytearray()
                async for part in response.content.iter_any():
                    content += part
                    if len(content) > MOST_BYTES:
                        raise Unclear("no whole answer: TooLarge")
                headers = {name.lower(): value for name, value in response.headers.items()}
                return Posted(response.status, headers, bytes(content))
        except (aiohttp.ClientError, OSError) as error:  # the cause is left out: its text holds the address
            if not leaving:
                raise NeverLeft(type(error).__name__) from None
            raise Unclear(f"no whole answer: {type(error).__name__}") from None


async def _note_leaving(_session: aiohttp.ClientSession, context: SimpleNamespace, _params: Any) -> None:
    context.trace_request_ctx.append(True)


def tls_context() -> ssl.SSLContext:
    """Whom we trust: as `requests` decides it, so that the courier and `send` meet the same certificates."""
    bundle = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or certifi.where()
    if Path(bundle).is_dir():
        return ssl.create_default_context(capath=bundle)
    return ssl.create_default_context(cafile=bundle)


def _proxy_for(scheme: str, host: str) -> str | None:
    """The environment's proxy for a host, as `requests` finds it."""
    proxies = getproxies()
    proxy = None if proxy_bypass(host) else proxies.get(scheme) or proxies.get("all")
    return f"http://{proxy}" if proxy and "://" not in proxy else proxy
