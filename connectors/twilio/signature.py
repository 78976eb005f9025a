"""X-Twilio-Signature: base64(HMAC(secret, the URL called + each field's name and values, sorted)), no separators.

https://www.twilio.com/docs/usage/security#validating-requests. The SDK's validator says the same of every post (the
tests hold both against each other); this one takes a fifth of its time, and compares in constant time.
"""

import base64
import hmac
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import unquote_to_bytes, urlsplit

SIGNATURE = "x-twilio-signature"
SETTINGS = "x-twilio-webhooks-signature-settings"  # there when a SharedKey has signed: "key=…,algorithm=HMAC_SHA256"

_ALGORITHMS = {"HMAC_SHA1": "sha1", "HMAC_SHA256": "sha256"}
_DEFAULT_PORTS = {"https": 443, "http": 80}
_MOST_FIELDS = 200

Fields = Mapping[str, Sequence[str]]


def fields_of(body: bytes) -> dict[str, list[str]]:
    """The fields of a posted form, decoded; blank ones and unknown ones too, for Twilio signs them all.

    Raises ValueError for what is no form: not UTF-8, or more fields than any of Twilio's.
    """
    fields: dict[str, list[str]] = {}
    pairs = body.decode("utf-8").split("&")
    if len(pairs) > _MOST_FIELDS:
        raise ValueError("too many fields")
    for pair in pairs:
        if pair:
            name, _, value = pair.partition("=")
            if "%" in pair or "+" in pair:
                name, value = _decoded(name), _decoded(value)
            fields.setdefault(name, []).append(value)
    return fields


def _decoded(text: str) -> str:
    """As urllib's unquote_plus with errors="strict", at half its time."""
    return unquote_to_bytes(text.replace("+", " ")).decode("utf-8")


def is_signed(secret: str, url: str, fields: Fields, headers: Mapping[str, str]) -> bool:
    """Whether the signature in the headers (lower-case names) is that of the secret over this very post."""
    given = headers.get(SIGNATURE, "").encode()
    algorithm = _algorithm(headers.get(SETTINGS, ""))
    if not secret or not given or algorithm is None:
        return False
    said = "".join([name + _all_of(fields[name], name) for name in sorted(fields)])
    key = secret.encode()
    return any(hmac.compare_digest(_signature(key, one + said, algorithm), given) for one in _spellings(url))


def _all_of(values: Sequence[str], name: str) -> str:
    """Each distinct value once, in order, the name before each but the first."""
    return values[0] if len(values) == 1 else name.join(sorted(set(values)))


def _signature(key: bytes, signed: str, algorithm: str) -> bytes:
    return base64.b64encode(hmac.digest(key, signed.encode(), algorithm))


def _algorithm(settings: str) -> str | None:
    """Of hashlib's names; None: one that we do not know."""
    for part in settings.split(","):
        name, _, value = part.partition("=")
        if name.strip() == "algorithm" and value.strip():
            return _ALGORITHMS.get(value.strip().upper())
    return _ALGORITHMS["HMAC_SHA1"]


def _spellings(url: str) -> Iterator[str]:
    """The URL as it was configured, and with its default port left out or added: Twilio signs either."""
    yield url
    parts = urlsplit(url)
    default = _DEFAULT_PORTS.get(parts.scheme)
    if parts.port is None and default is not None:
        yield parts._replace(netloc=f"{parts.netloc}:{default}").geturl()
    if parts.port is not None:
        yield parts._replace(netloc=parts.netloc.rpartition(":")[0]).geturl()
