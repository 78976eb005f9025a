"""Who posts to our hooks: HMAC-SHA256 over the time and the body, in the header's form that Stripe made common.

    Afterword-Signature: t=1795449600,v1=5257a869e7ecebeda32affa62cdca3fa51cad7e77a0e56ff536d0ce8e108d8bd

`v1` is hex HMAC-SHA256(secret, "1795449600." + the body as it is posted). While a secret is being replaced a header may
hold several `v1`, and we may hold several secrets: one that fits is enough (docs.stripe.com/webhooks/signature).
"""

import hashlib
import hmac
import re
from collections.abc import Sequence

TOLERANCE_SECONDS = 300  # as in Stripe's libraries; a call that was recorded is worth nothing after
_MOST_SIGNATURES = 10
_LONGEST_HEADER = 2_000
_HEX = re.compile(r"[0-9a-f]{64}")


class Unsigned(Exception):
    """Not signed by anybody who holds a secret of ours, or not just now; its text says no more."""


def verify(header: str | None, body: bytes, secrets: Sequence[bytes], *, now: float) -> None:
    """Raises Unsigned unless `header` signs `body` with one of `secrets`. `now`: this machine's clock, seconds."""
    if not header or len(header) > _LONGEST_HEADER:
        raise Unsigned("the header Afterword-Signature is missing")
    stamps, signatures = _parts(header)
    if len(stamps) != 1 or not signatures:
        raise Unsigned('the header Afterword-Signature is not of the form "t=1795449600,v1=..."')
    expected = [hmac.new(secret, stamps[0].encode() + b"." + body, hashlib.sha256).hexdigest() for secret in secrets]
    # Every pair is compared, each in constant time: how long it takes tells nothing.
    fits = [hmac.compare_digest(given, ours) for given in signatures for ours in expected]
    if not any(fits):
        raise Unsigned("the signature does not match")
    if abs(now - int(stamps[0])) > TOLERANCE_SECONDS:
        raise Unsigned(f"the signature is older than {TOLERANCE_SECONDS} seconds, or from the future")


def sign(secret: bytes, timestamp: int, body: bytes) -> str:
    """The header that `verify` takes."""
    digest = hmac.new(secret, f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={timestamp},v1={digest}"


def _parts(header: str) -> tuple[list[str], list[str]]:
    """The times and the signatures; schemes that we do not know are passed over."""
    stamps, signatures = [], []
    for part in header.split(","):
        name, _, value = part.strip().partition("=")
        if name == "t" and re.fullmatch(r"[0-9]{1,12}", value):
            stamps.append(value)
        elif name == "v1" and _HEX.fullmatch(value):
            signatures.append(value)
    return stamps, signatures[:_MOST_SIGNATURES]
