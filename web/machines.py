"""What a request says about who made it, for `invitations.evidence` to weigh: nothing is judged here, and nothing kept.

A proxy of ours in front hides the visitor's address and names it in X-Forwarded-For: the last address there that is
neither of a private network nor of a proxy we were told of is believed, and only where the connection itself came from
one of those. A visitor who forges the header can only make a machine of themselves.
"""

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import Scope

from invitations.evidence import Visit

_PROXIED = ("x-forwarded-for", "x-forwarded-host", "x-real-ip", "forwarded", "via")


class Visitors:
    """Whose address a request comes from. `proxies`: networks of proxies beside the private ones."""

    def __init__(self, proxies: Sequence[IPv4Network | IPv6Network] = ()) -> None:
        self.proxies = tuple(proxies)
        self._is_ours = lru_cache(4096)(self._look_up)

    def address_of(self, scope: Scope) -> str | None:
        """The visitor's address as text; None where the server knows none."""
        connected: str | None = scope["client"][0] if scope.get("client") else None
        if connected is None or not self._is_ours(connected):
            return connected
        named = Headers(scope=scope).getlist("x-forwarded-for")
        forwarded = [_bare(part) for line in named for part in line.split(",")]
        return next((part for part in reversed(forwarded) if part and not self._is_ours(part)), connected)

    def is_ours(self, address: str) -> bool:
        """Whether this is a proxy of ours, or may be one, whose connections are everybody's."""
        return self._is_ours(address)

    def _look_up(self, address: str) -> bool:
        try:
            known = ip_address(address)
        except ValueError:
            return False
        known = getattr(known, "ipv4_mapped", None) or known  # all of ::ffff:0:0/96 counts as private, anybody's too
        return known.is_private or any(known in network for network in self.proxies)


NO_PROXIES = Visitors()
_ADDRESS = "afterword.visitor_address"  # in the scope, once it was looked for


def note_address(scope: Scope, visitors: Visitors) -> str | None:
    """Look for the visitor's address, and keep it in the scope for `visit_of`."""
    address = scope[_ADDRESS] = visitors.address_of(scope)
    return address


def visit_of(request: Request) -> Visit:
    """How this request came. HEAD, prefetches and navigations are told apart; addresses are never logged or stored.

    Ahead of the person: Sec-Purpose and Purpose, https://wicg.github.io/nav-speculation/prefetch.html. A page shown in
    a browser's window: Sec-Fetch-Mode and -Dest, https://www.w3.org/TR/fetch-metadata/ (every current browser sends
    them over https; Sec-Fetch-User would say more, and Safari leaves it out).
    """
    headers, scope = request.headers, request.scope
    purpose = f"{headers.get('sec-purpose', '')} {headers.get('purpose', '')} {headers.get('x-moz', '')}".lower()
    return Visit(
        agent=headers.get("user-agent", ""),
        address=scope[_ADDRESS] if _ADDRESS in scope else NO_PROXIES.address_of(scope),
        is_head=request.method == "HEAD",
        is_ahead="prefetch" in purpose or "prerender" in purpose,
        is_navigation=headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document",
    )


def is_on_this_machine(scope: Scope) -> bool:
    """Whether the request comes from this machine itself, and nothing shows that a proxy or a tunnel passed it on.

    Some say so in a header; some leave the name that the world called in Host; and nginx, which by itself does neither,
    speaks HTTP/1.0 to us where nobody told it otherwise (proxy_http_version, before 1.29.7).
    """
    client, headers = scope.get("client"), Headers(scope=scope)
    if not client or scope.get("http_version") == "1.0" or any(name in headers for name in _PROXIED):
        return False
    called = _bare(headers.get("host", "localhost"))
    return _is_loopback(client[0]) and (called == "localhost" or _is_loopback(called))


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False


def _bare(part: str) -> str:
    """An address without the port that some proxies add (203.0.113.9:4711, [2001:db8::1]:443)."""
    text = part.strip().removeprefix('"').removesuffix('"')
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text
