"""What a request says about who made it, for `invitations.evidence` to weigh: nothing is judged here, and nothing kept.

A proxy of ours in front hides the visitor's address and names it in X-Forwarded-For: the last address there that is
not of a private network is believed, and only where the connection itself came from one. A visitor who forges the
header can only make a machine of themselves.
"""

from ipaddress import ip_address

from starlette.requests import Request

from invitations.evidence import Visit


def visit_of(request: Request) -> Visit:
    """How this request came. HEAD, prefetches and navigations are told apart; addresses are never logged or stored.

    Ahead of the person: Sec-Purpose and Purpose, https://wicg.github.io/nav-speculation/prefetch.html. A page shown in
    a browser's window: Sec-Fetch-Mode and -Dest, https://www.w3.org/TR/fetch-metadata/ (every current browser sends
    them over https; Sec-Fetch-User would say more, and Safari leaves it out).
    """
    headers = request.headers
    purpose = f"{headers.get('sec-purpose', '')} {headers.get('purpose', '')} {headers.get('x-moz', '')}".lower()
    return Visit(
        agent=headers.get("user-agent", ""),
        address=_address(request),
        is_head=request.method == "HEAD",
        is_ahead="prefetch" in purpose or "prerender" in purpose,
        is_navigation=headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document",
    )


def _address(request: Request) -> str | None:
    connected = request.client.host if request.client else None
    if connected is None or not _is_private(connected):
        return connected
    forwarded = [part.strip() for part in request.headers.get("x-forwarded-for", "").split(",")]
    return next((part for part in reversed(forwarded) if part and not _is_private(part)), connected)


def _is_private(address: str) -> bool:
    try:
        return ip_address(address).is_private
    except ValueError:
        return False
