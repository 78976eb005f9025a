"""How often one address may ask for public pages: a clinic's waiting room may, a program that hammers may not.

The library `limits` keeps the moving window. Its own store in memory starts a thread every ten milliseconds that walks
over every address, and never forgets one (limits 5.8, storage/memory.py); ours forgets as it goes, and is bounded.
"""

import math
import time
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable
from ipaddress import IPv6Address, ip_address

from limits import RateLimitItemPerMinute
from limits.storage import Storage
from limits.storage.base import MovingWindowSupport
from limits.strategies import MovingWindowRateLimiter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from web.machines import Visitors, note_address

# Never limited: providers and other systems, which are signed; whoever asks whether we live; what never changes.
_FREE = ("/callbacks/", "/hooks/", "/healthz", "/readyz", "/static/", "/brand/")
# Fetched for everybody by a few addresses of mail providers (pixels, and one-click unsubscribing, which must never be
# refused to a person) and of Twilio (the pictures of texts): as many times more.
_SHARED = ("/o/", "/m/")
_SHARED_TIMES = 20
_MOST_ADDRESSES = 50_000


class Windows(Storage, MovingWindowSupport):
    """When each key was used within the last window; for one thread.

    A key that was not used for a whole window is forgotten, and with `most_keys` the one that was used longest ago: who
    goes through so many addresses is stopped by none of them, and costs no memory.
    """

    STORAGE_SCHEME = None  # made by hand, not by an address

    def __init__(self, *, most_keys: int = _MOST_ADDRESSES, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._most_keys = most_keys
        self._clock = clock
        self._used: OrderedDict[str, deque[float]] = OrderedDict()

    @property
    def base_exceptions(self) -> type[Exception]:
        """What its calls may raise: nothing."""
        return KeyError

    def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Use the key, unless it was used `limit` times in the last `expiry` seconds."""
        now = self._clock()
        while self._used and next(iter(self._used.values()))[-1] <= now - expiry:
            self._used.popitem(last=False)
        used = self._used.setdefault(key, deque())
        while used and used[0] <= now - expiry:
            used.popleft()
        if len(used) + amount > limit:
            return False  # its place in the order stays: a refusal is no use
        used.extend([now] * amount)
        self._used.move_to_end(key)
        if len(self._used) > self._most_keys:
            self._used.popitem(last=False)
        return True

    def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:
        """When the oldest use within the window was, and how many there are."""
        now = self._clock()
        used = [at for at in self._used.get(key, ()) if at > now - expiry]
        return (used[0] if used else now), len(used)

    def __len__(self) -> int:
        return len(self._used)

    def reset(self) -> int:
        """Forget everything; how many keys that were."""
        forgotten = len(self._used)
        self._used.clear()
        return forgotten

    def clear(self, key: str) -> None:
        """Forget one key."""
        self._used.pop(key, None)

    def check(self) -> bool:
        """Memory is there."""
        return True

    def get(self, key: str) -> int:
        """How often a key was used."""
        return len(self._used.get(key, ()))

    def get_expiry(self, key: str) -> float:
        """For fixed windows: this store keeps moving ones only."""
        raise TypeError("a moving window was expected")

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """For fixed windows: this store keeps moving ones only."""
        raise TypeError("a moving window was expected")


class RateLimit:
    """Answers 429 with Retry-After to an address that asks too often. A refused request counts for nothing."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        visitors: Visitors,
        per_minute: int,
        refuse: Callable[[Request, Exception], Awaitable[Response]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.app = app
        self.visitors = visitors
        self.refuse = refuse
        self.clock = clock
        self.windows = Windows(clock=clock)
        self.limiter = MovingWindowRateLimiter(self.windows)
        self.own = RateLimitItemPerMinute(per_minute, namespace="own")
        self.shared = RateLimitItemPerMinute(per_minute * _SHARED_TIMES, namespace="shared")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(_FREE):
            await self.app(scope, receive, send)
            return
        address = note_address(scope, self.visitors)
        neighbours = None if address is None else neighbourhood(address)
        is_shared = scope["path"].startswith(_SHARED) or (scope["method"] == "POST" and scope["path"].startswith("/u/"))
        limit = self.shared if is_shared else self.own
        if neighbours is None or self.limiter.hit(limit, neighbours):
            await self.app(scope, receive, send)
            return
        opens_at = self.limiter.get_window_stats(limit, neighbours).reset_time
        wait = max(1, math.ceil(opens_at - self.clock()))
        # Closed, so that the next one costs a new connection.
        problem = HTTPException(429, headers={"Retry-After": str(wait), "Connection": "close"})
        answer = await self.refuse(Request(scope, receive), problem)
        await answer(scope, receive, send)


def neighbourhood(address: str) -> str | None:
    """What one visitor may own: an IPv4 address, or the /64 of an IPv6 one (RFC 6177: a site has at least that).

    None for an address that says nothing about who it is: one of a private network (a proxy of ours that names nobody,
    or this machine itself), or no address at all.
    """
    try:
        known = ip_address(address)
    except ValueError:
        return None
    if isinstance(known, IPv6Address):
        mapped = known.ipv4_mapped
        if mapped is None:
            return None if known.is_private else known.packed[:8].hex()
        known = mapped
    return None if known.is_private else str(known)
