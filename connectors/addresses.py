"""Where a provider may live: base URLs come from the environment only, and plain text never leaves this machine."""

from functools import lru_cache
from ipaddress import ip_address
from urllib.parse import urlsplit

from connectors import ConfigurationError


@lru_cache(maxsize=256)  # asked for every message
def is_loopback(url: str) -> bool:
    """True when the URL's host is this machine: `localhost`, 127.0.0.0/8 or ::1. Names are not resolved."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def provider_base(url: str, variable: str) -> str:
    """The base URL without its last slash.

    Raises ConfigurationError, naming `variable`, for anything but https, or http to loopback, and for an address that
    carries credentials, a query or a fragment.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigurationError(f"{variable} is not a web address. Set it to one that begins with https://.")
    if parts.scheme == "http" and not is_loopback(url):
        raise ConfigurationError(f"{variable} is plain http to another machine. Use https://, or loopback in tests.")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ConfigurationError(f"{variable} must be scheme, host, port and path only.")
    return url.rstrip("/")
