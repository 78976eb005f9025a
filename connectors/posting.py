"""One POST, once, from an event loop: what the couriers over HTTP share.

aiohttp, because a message costs it a tenth of what it costs `requests`, and because it repeats no POST, not even on a
kept connection that died (its IDEMPOTENT_METHODS; held by a test).
"""

import asyncio
import io
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType

import aiohttp

from connectors.addresses import is_loopback
from connectors.transport import Unclear, quiet_loggers

_MOST_BYTES = 1024 * 1024  # of an answer: a provider's are a few kilobytes
_LARGE = 256 * 1024  # bytes of a request
_IDLE_SECONDS = 4.0  # a kept connection's, below any server's own: one that the server just closed would be doubt


class NeverLeft(Exception):
    """The connection was not made: not a byte of the request can have arrived. Holds the error's kind only."""


@dataclass(frozen=True, slots=True)
class Posted:
    """A whole answer."""

    status: int
    headers: Mapping[str, str]  # names in any case
    content: bytes


class Poster:
    """Connections to one provider, kept and reused by up to `parallel` posts at a time. An async context manager."""

    def __init__(self, base: str, credentials: tuple[str, str], parallel: int, timeout: tuple[float, float]) -> None:
        """`timeout`: seconds to connect, seconds of silence. The deadline of a whole call is the caller's."""
        self._base = base
        self._headers = {
            "Authorization": aiohttp.encode_basic_auth(*credentials), "Accept": "application/json",
            "Accept-Encoding": "identity", "User-Agent": "afterword",
        }  # fmt: skip
        self._parallel = parallel
        self._timeout = aiohttp.ClientTimeout(total=None, sock_connect=timeout[0], sock_read=timeout[1])
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> "Poster":
        quiet_loggers()
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._parallel, keepalive_timeout=_IDLE_SECONDS, ttl_dns_cache=60),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=self._headers,
            timeout=self._timeout,
            trust_env=not is_loopback(self._base),  # the environment's proxies, as `requests` takes them
            requote_redirect_url=False,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def post(self, url: str, body: bytes, content_type: str) -> Posted:
        """Post once. Raises NeverLeft, or Unclear when no whole answer came; a redirect is an answer like any other.

        Canceled, it closes its connection: nobody reads another's answer.
        """
        if self._session is None:
            raise RuntimeError("a courier is used inside its own `async with`")
        try:
            async with self._session.post(
                url, data=_in_pieces(body), headers={"Content-Type": content_type}, allow_redirects=False
            ) as response:
                return Posted(response.status, response.headers, await _whole(response))
        # Only these are raised before a request is written. The cause is left out: its text holds the address.
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.ClientHttpProxyError) as error:
            raise NeverLeft(type(error).__name__) from None
        except (aiohttp.ClientError, OSError, asyncio.IncompleteReadError) as error:
            raise Unclear(f"no whole answer: {type(error).__name__}") from None


def _in_pieces(body: bytes) -> bytes | io.BytesIO:
    """A mail with pictures is written piece by piece: aiohttp warns of a large one, which would hold up all others."""
    return io.BytesIO(body) if len(body) > _LARGE else body


async def _whole(response: aiohttp.ClientResponse) -> bytes:
    """The body, decompressed. Raises Unclear when it is larger than any answer of a provider."""
    if response.content_length is not None and "Content-Encoding" not in response.headers:
        if response.content_length > _MOST_BYTES:
            raise Unclear("an answer too large to be the provider's")
        return await response.read()
    content = bytearray()
    async for part in response.content.iter_any():
        content += part
        if len(content) > _MOST_BYTES:
            raise Unclear("an answer too large to be the provider's")
    return bytes(content)
