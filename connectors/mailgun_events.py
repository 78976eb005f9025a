"""What Mailgun tells about messages, asked for or posted to web/: the same events, key for key."""

import hashlib
import hmac
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import Any

import structlog

from connectors import Callback, ConfigurationError, ForgedCallback, MalformedCallback, ProviderEvent
from connectors.mailgun_api import PROVIDER, MailgunApi, MailgunSettings, Timeout, message_id_of, name_of, variable_of
from connectors.mailgun_codes import SUPPRESSES, agent_of, event_of, failure_code, is_machine, retry_of, scope_of
from connectors.storable import storable
from connectors.transport import CONNECT_SECONDS, READ_SECONDS
from data.words import AddressKind, EventKind, FailureScope

# Mailgun retries a callback for about 8 hours; whether it signs each try afresh is not documented.
_STALE_AFTER = timedelta(hours=12)
_AHEAD = timedelta(hours=1)
# They are signed without a mark between them: digits only, or "1795456740" and "e0ab" would be "1795456740e0" and "ab".
_TIMESTAMP = re.compile(r"[0-9]{1,12}")
_TOKEN = re.compile(r"[0-9A-Za-z_-]{1,200}")
# What of a body may not be storable: NUL, halves of surrogate pairs, too many brackets. (And numbers without end.)
_ODD = (b"\\u0000", b"\\ud", b"\\uD")
_USUAL_BRACKETS = 64
_LONGEST_ID = 100  # the key holds domain and day as well
_LONGEST_ADDRESS = 254

log = structlog.get_logger(__name__)


class MailgunEvents:
    """Reads the domain's event list, oldest first."""

    name = PROVIDER
    trust_delay = timedelta(minutes=30)  # the documented threshold: younger pages may still gain events

    def __init__(self, settings: MailgunSettings, timeout: Timeout = (CONNECT_SECONDS, READ_SECONDS)) -> None:
        self._api = MailgunApi(settings, timeout)

    def poll(self, open_messages: Sequence[str], since: datetime, until: datetime) -> Iterable[ProviderEvent]:
        """Every event from `since` on; `open_messages` is not needed. Raises AccountStopped or ReadFailed.

        Follows paging to the empty page, or to one that lies wholly after `until`: new ones arrive while we read.
        """
        query = {"begin": str(int(since.timestamp())), "ascending": "yes", "limit": "300"}
        unreadable = 0
        for page in self._api.events(query):
            events = []
            for item in page:
                try:
                    events.append(provider_event(self._api.domain, _kept(item)))
                except MalformedCallback:
                    unreadable += 1
            yield from events
            if events and all(event.occurred_at > until for event in events):
                break
        if unreadable:
            log.warning("mailgun events not read", count=unreadable)


class MailgunCallbacks:
    """Verifies the signature of a callback, then parses. One event each."""

    name = PROVIDER

    def __init__(
        self,
        settings: MailgunSettings,
        dated_by: Callable[[], datetime] | None = None,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        """`dated_by`: no unconfirmed no is dated after it, for one from the future would outlast every later word.

        `clock` (this machine's) judges a signature's age.
        """
        if not settings.webhook_key or not settings.domain:
            raise ConfigurationError(f"Set {' and '.join(settings.missing_for_callbacks())}.")
        self._key = settings.webhook_key.get_secret_value().encode()
        self._domain = settings.domain
        self._clock = clock or (lambda: datetime.now(UTC))
        self._now = dated_by or self._clock

    def read_callback(self, url: str, headers: Mapping[str, str], body: bytes) -> Callback:
        """The signature covers timestamp and token only: the token is good for one body, and polling confirms it."""
        try:
            document = _READER.decode(body.decode("utf-8"))
        except (ValueError, RecursionError):
            raise ForgedCallback("not JSON in UTF-8: Mailgun posts application/json") from None
        signature = document.get("signature") if isinstance(document, dict) else None
        token = self._verify(signature if isinstance(signature, dict) else {})
        item = document.get("event-data")
        if not isinstance(item, dict):
            raise MalformedCallback("an object event-data was expected")
        if any(odd in body for odd in _ODD) or body.count(b"[") + body.count(b"{") > _USUAL_BRACKETS:
            item = _kept(item)
        event = provider_event(self._domain, item, is_confirmed=False)
        if event.address and event.occurred_at > (now := self._now()):
            event = replace(event, occurred_at=now)
        return Callback([event], token)

    def _verify(self, signature: Mapping[str, Any]) -> str:
        """The token, once it and a time are signed with the webhook signing key and the time is not too long ago."""
        timestamp, token, given = (str(signature.get(name) or "") for name in ("timestamp", "token", "signature"))
        if not _TIMESTAMP.fullmatch(timestamp) or not _TOKEN.fullmatch(token):
            raise ForgedCallback("no timestamp and token were signed")
        expected = hmac.new(self._key, (timestamp + token).encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected.encode(), given.encode("utf-8", "replace")):
            raise ForgedCallback("the signature does not match")
        age = timedelta(seconds=self._clock().timestamp() - int(timestamp))
        if not -_AHEAD <= age <= _STALE_AFTER:
            raise ForgedCallback("signed too long ago, or in the future")
        return token


def _finite(number: str) -> float | None:
    return value if isfinite(value := float(number)) else None


def _none(_constant: str) -> None:
    """NaN and Infinity are no JSON."""


_READER = json.JSONDecoder(parse_float=_finite, parse_constant=_none)


def _kept(item: Mapping[str, Any]) -> Mapping[str, Any]:
    """What can be kept of an event; raises MalformedCallback for one that is nested as no event of Mailgun's is."""
    try:
        kept: Mapping[str, Any] = storable(item)
    except ValueError:
        raise MalformedCallback("an event was expected, not a document nested so deeply") from None
    return kept


def provider_event(domain: str, item: Mapping[str, Any], *, is_confirmed: bool = True) -> ProviderEvent:
    """One of Mailgun's events in our words. Key: "{domain}:{day}:{id}", for an id is unique within a day only.

    Raises MalformedCallback when id or timestamp is missing.
    """
    identity, timestamp = item.get("id"), item.get("timestamp")
    try:
        at = datetime.fromtimestamp(float(str(timestamp)), UTC)
    except (ValueError, OverflowError, OSError):
        raise MalformedCallback("an event needs a timestamp in epoch seconds") from None
    if not isinstance(identity, str) or not 0 < len(identity) <= _LONGEST_ID:
        raise MalformedCallback(f"an event needs an id: a text of up to {_LONGEST_ID} characters")
    kind = event_of(item)
    is_fetch = kind in (EventKind.OPENED, EventKind.CLICKED)
    is_failed = kind is EventKind.FAILED
    scope = scope_of(item) if is_failed else None
    # Named only where it matters whoever sent the message: others may use the domain too.
    is_personal = kind in SUPPRESSES or scope in (FailureScope.ADDRESS, FailureScope.OPT_OUT)
    recipient = _address(item.get("recipient")) if is_personal else None
    return ProviderEvent(
        provider=PROVIDER,
        key=f"{domain}:{at:%Y-%m-%d}:{identity}",
        kind=kind,
        occurred_at=at,
        attempt_id=variable_of(item, "attempt_id") or _attempt_in(message_id_of(item), domain),
        provider_message_id=name_of(item),
        address=recipient,
        address_kind=AddressKind.EMAIL if recipient else None,
        code=_code(kind, item),
        reason=_reason(kind, item),
        scope=scope,
        retry=retry_of(item) if is_failed else None,
        is_machine=is_machine(item) if is_fetch else None,
        agent=agent_of(item) if is_fetch else None,
        client_address=str(item.get("ip") or "") or None if is_fetch else None,
        raw=item,
        is_confirmed=is_confirmed,
    )


def _address(recipient: object) -> str | None:
    is_one = isinstance(recipient, str) and "@" in recipient and len(recipient) <= _LONGEST_ADDRESS
    return str(recipient).lower() if is_one else None


def _attempt_in(message_id: str | None, domain: str) -> str | None:
    """Our Message-Id is "{attempt_id}@{domain}"; Mailgun's own ones have dots before the @."""
    local, _, host = (message_id or "").partition("@")
    return local if local.isalnum() and host == domain else None


def _code(kind: EventKind, item: Mapping[str, Any]) -> str | None:
    if kind in (EventKind.FAILED, EventKind.DELAYED):
        return failure_code(item)
    return str(item.get("event"))[:64] if kind is EventKind.UNKNOWN else None


def _reason(kind: EventKind, item: Mapping[str, Any]) -> str | None:
    """Mailgun's one-word reason; never its long texts, which quote the address."""
    if kind in SUPPRESSES:
        return SUPPRESSES[kind].value
    if kind in (EventKind.FAILED, EventKind.DELAYED):
        return str(item.get("reason") or item.get("event"))[:64]
    return None
