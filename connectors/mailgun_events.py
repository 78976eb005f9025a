"""What Mailgun tells about messages, asked for or posted to web/: the same events, key for key."""

import hashlib
import hmac
import json
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Any

import structlog

from connectors import Callback, ConfigurationError, ForgedCallback, MalformedCallback, ProviderEvent
from connectors.mailgun_api import PROVIDER, MailgunApi, MailgunSettings, Timeout, message_id_of, name_of, variable_of
from connectors.mailgun_codes import SUPPRESSES, agent_of, event_of, failure_code, is_machine, retry_of, scope_of
from connectors.transport import CONNECT_SECONDS, READ_SECONDS
from data.words import AddressKind, EventKind, FailureScope

# Mailgun retries a callback for about 8 hours; whether it signs each try afresh is not documented.
_STALE_AFTER = timedelta(hours=12)
_AHEAD = timedelta(hours=1)
_TOKENS_KEPT = 20_000

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
                    events.append(provider_event(self._api.domain, item))
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
        """`dated_by` is not needed: events carry their own time. `clock` (this machine's) judges a signature's age."""
        if not settings.webhook_key or not settings.domain:
            raise ConfigurationError(f"Set {' and '.join(settings.missing_for_callbacks())}.")
        self._key = settings.webhook_key.get_secret_value().encode()
        self._domain = settings.domain
        self._clock = clock or (lambda: datetime.now(UTC))
        self._tokens: OrderedDict[str, str] = OrderedDict()
        self._lock = Lock()

    def read_callback(self, url: str, headers: Mapping[str, str], body: bytes) -> Callback:
        """The signature covers timestamp and token only, so a token counts for the first event it came with."""
        try:
            document = json.loads(body)
        except ValueError:
            raise ForgedCallback("not JSON: Mailgun posts application/json") from None
        signature = document.get("signature") if isinstance(document, dict) else None
        token = self._verify(signature if isinstance(signature, dict) else {})
        item = document.get("event-data")
        if not isinstance(item, dict):
            raise MalformedCallback("an object event-data was expected")
        event = provider_event(self._domain, item)
        self._claim(token, event.key)
        return Callback([event], token)

    def _verify(self, signature: Mapping[str, Any]) -> str:
        """The token, once timestamp and token are signed with the webhook signing key and not too old."""
        timestamp, token, given = (str(signature.get(name) or "") for name in ("timestamp", "token", "signature"))
        expected = hmac.new(self._key, (timestamp + token).encode(), hashlib.sha256).hexdigest()
        if not token or not hmac.compare_digest(expected.encode(), given.encode()):
            raise ForgedCallback("the signature does not match")
        try:
            signed_at = datetime.fromtimestamp(float(timestamp), UTC)
        except (ValueError, OverflowError, OSError):
            raise ForgedCallback("the time of signing cannot be read") from None
        now = self._clock()
        if not now - _STALE_AFTER <= signed_at <= now + _AHEAD:
            raise ForgedCallback("signed too long ago, or in the future")
        return token

    def _claim(self, token: str, key: str) -> None:
        """A token seen again with another event was copied from a callback that was overheard."""
        with self._lock:
            if self._tokens.setdefault(token, key) != key:
                raise ForgedCallback("a signature used before, for another event")
            while len(self._tokens) > _TOKENS_KEPT:
                self._tokens.popitem(last=False)


def provider_event(domain: str, item: Mapping[str, Any]) -> ProviderEvent:
    """One of Mailgun's events in our words. Key: "{domain}:{day}:{id}", for an id is unique within a day only.

    Raises MalformedCallback when id or timestamp is missing.
    """
    identity, timestamp = item.get("id"), item.get("timestamp")
    try:
        at = datetime.fromtimestamp(float(str(timestamp)), UTC)
    except (ValueError, OverflowError, OSError):
        raise MalformedCallback("an event needs a timestamp in epoch seconds") from None
    if not identity:
        raise MalformedCallback("an event needs an id")
    kind = event_of(item)
    is_fetch = kind in (EventKind.OPENED, EventKind.CLICKED)
    is_failed = kind is EventKind.FAILED
    scope = scope_of(item) if is_failed else None
    # Named only where it matters whoever sent the message: others may use the domain too.
    is_personal = kind in SUPPRESSES or scope in (FailureScope.ADDRESS, FailureScope.OPT_OUT)
    recipient = item.get("recipient") if is_personal else None
    return ProviderEvent(
        provider=PROVIDER,
        key=f"{domain}:{at:%Y-%m-%d}:{identity}",
        kind=kind,
        occurred_at=at,
        attempt_id=variable_of(item, "attempt_id") or _attempt_in(message_id_of(item), domain),
        provider_message_id=name_of(item),
        address=str(recipient).lower() if recipient else None,
        address_kind=AddressKind.EMAIL if recipient else None,
        code=_code(kind, item),
        reason=_reason(kind, item),
        scope=scope,
        retry=retry_of(item) if is_failed else None,
        is_machine=is_machine(item) if is_fetch else None,
        agent=agent_of(item) if is_fetch else None,
        client_address=str(item.get("ip") or "") or None if is_fetch else None,
        raw=item,
    )


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
