"""HTTP Basic, as both providers use it."""

import base64
import binascii
import hmac

from starlette.requests import Request


def has_credentials(request: Request, user: str, password: str) -> bool:
    """Whether the request carries exactly this user and password (RFC 7617)."""
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return False
    try:
        given = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return False
    return hmac.compare_digest(given, f"{user}:{password}".encode())
