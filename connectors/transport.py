"""What an HTTP exchange proves. A message is certainly not sent only when its request never left this machine.

The classes of section 0 of the provider contracts: `never_left` is "not_sent"; `Unclear` is "in_doubt".
"""

import logging
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from ssl import SSLCertVerificationError

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError, ProxyError

from connectors import Unavailable

CONNECT_SECONDS = 5.0
READ_SECONDS = 20.0  # of silence; with the connect time well inside a lease of minutes

_TALKATIVE = ("twilio.http_client", "urllib3", "requests")  # at INFO and DEBUG they print numbers and addresses


class Unclear(Exception):
    """An answer, or none, that proves nothing: the message is in doubt. Holds codes only, never what was sent."""


class ReadFailed(Unavailable):
    """A question to a provider was not answered completely. Nothing was changed by asking."""


def quiet_loggers() -> None:
    """Hold the HTTP libraries at WARNING: below that they log query strings, which hold addresses."""
    for name in _TALKATIVE:
        logger = logging.getLogger(name)
        logger.setLevel(max(logger.level, logging.WARNING))


def new_session(*, direct: bool) -> requests.Session:
    """A session that never retries by itself. `direct`: ignore the environment's proxies (loopback)."""
    session = requests.Session()
    session.trust_env = not direct
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(max_retries=0))
    return session


def never_left(error: requests.RequestException) -> bool:
    """True when the connection was not made, so not a byte of the request can have arrived.

    A name that does not resolve, a refused or timed out connect, a proxy that could not be passed, a certificate that
    was not accepted. Other TLS errors may come after the request and count as doubt.
    """
    proofs = (ConnectTimeoutError, NewConnectionError, ProxyError, SSLCertVerificationError)
    return isinstance(error, requests.ConnectTimeout) or any(isinstance(cause, proofs) for cause in _causes(error))


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The exceptions wrapped in one another: requests around urllib3 around the socket's own."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        current = waiting.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        inner = [getattr(current, "reason", None), current.__cause__, *current.args]
        waiting.extend(cause for cause in inner if isinstance(cause, BaseException))


def provider_clock(headers: Mapping[str, str]) -> datetime | None:
    """The provider's own time: the Date header (RFC 9110, whole seconds, UTC); None when it is absent or unreadable."""
    try:
        moment = parsedate_to_datetime(headers.get("Date") or headers.get("date") or "")
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
