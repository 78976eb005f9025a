"""Mailgun's words in ours: event types, why a message failed, and refusals of a send.

Sources: openapi.yaml of mailgun/mailgun-mcp-server (EventResponse, SendMessageResponse) and Mailgun's own
api-events.rst. Unknown words become UNKNOWN and are kept raw.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from connectors import Retry
from connectors.enhanced_codes import spares_the_address
from data.words import EventKind, FailureScope, SuppressionReason

EVENTS: Mapping[str, EventKind] = {
    "accepted": EventKind.ACCEPTED_BY_PROVIDER,
    "delivered": EventKind.ACCEPTED_BY_SERVER,  # the recipient's server took it: no more is known
    "rejected": EventKind.FAILED,
    "opened": EventKind.OPENED,
    "clicked": EventKind.CLICKED,
    "unsubscribed": EventKind.UNSUBSCRIBED,
    "complained": EventKind.COMPLAINED,
}  # and `failed`, which is told apart by its severity

# `failed` with severity permanent, by `reason`. The suppress- ones were not attempted at all (code 605 and the like).
FAILURE_REASONS: Mapping[str, FailureScope] = {
    "bounce": FailureScope.ADDRESS,
    "suppress-bounce": FailureScope.ADDRESS,
    "suppress-unsubscribe": FailureScope.OPT_OUT,
    "suppress-complaint": FailureScope.OPT_OUT,
}

# Reasons and words that concern their message only, as unknown ones do; those are counted.
_OF_THE_MESSAGE = frozenset({"generic", "espblock", "delayed-bounce", "rejected", "invalid_address"})

# Of mail that was taken and then not sent for the account's sake: it waits behind the sender's breaker.
_ONCE_MENDED = Retry(most=3, after=timedelta(hours=2))

SUPPRESSES: Mapping[EventKind, SuppressionReason] = {
    EventKind.UNSUBSCRIBED: SuppressionReason.UNSUBSCRIBED,
    EventKind.COMPLAINED: SuppressionReason.COMPLAINED,
}

# Words in a 400's message that mean the account, not the message (docs section 3.5).
ACCOUNT_WORDS = ("unverified", "activate your mailgun account", "free accounts are for test purposes", "sandbox")
_BAD_TO = re.compile(r"(?<![\w-])'?to'? parameter is not a valid", re.IGNORECASE)  # both ways are seen
_LIMIT = re.compile(r"limit exceeded|try again after", re.IGNORECASE)
_SECONDS = re.compile(r"try again after (\d{1,6}) second", re.IGNORECASE)
_LONGEST_WAIT = timedelta(days=1)  # a date further off is a mistake, and would strand its message
_DATE = re.compile(r"try again after (.+)$", re.IGNORECASE)


def event_of(event: Mapping[str, Any]) -> EventKind:
    """Our word for one event; a failure that Mailgun goes on trying is DELAYED."""
    word = event.get("event")
    if word == "failed":
        return EventKind.DELAYED if event.get("severity") == "temporary" else EventKind.FAILED
    return EVENTS.get(str(word), EventKind.UNKNOWN)


def scope_of(event: Mapping[str, Any]) -> FailureScope:
    """What a permanent failure is about; an unknown reason concerns this message only."""
    if _is_of_the_account(event):
        return FailureScope.SENDER
    reason = str(event.get("reason") or "")
    scope = FAILURE_REASONS.get(reason, FailureScope.MESSAGE)
    if reason == "bounce" and spares_the_address(enhanced_code(event)):
        return FailureScope.MESSAGE
    return scope


def retry_of(event: Mapping[str, Any]) -> Retry | None:
    """Whether another message may go after a permanent failure: Mailgun has tried for hours what may pass."""
    return _ONCE_MENDED if _is_of_the_account(event) else None


def is_known(code: str) -> bool:
    """Whether a failure's code, as events keep it, has its treatment here: a server's number, or a known reason."""
    return code.isdecimal() or code in FAILURE_REASONS or code in _OF_THE_MESSAGE


def _is_of_the_account(event: Mapping[str, Any]) -> bool:
    """`rejected` says why in words, some of which are those of a refused send."""
    reject = event.get("reject")
    reason = str(reject.get("reason") or "") if isinstance(reject, Mapping) else ""
    return event.get("event") == "rejected" and any(word in reason.lower() for word in ACCOUNT_WORDS)


def enhanced_code(event: Mapping[str, Any]) -> str:
    """The RFC 3463 code of a delivery status, or an empty string."""
    status = event.get("delivery-status")
    return str(status.get("enhanced-code") or "") if isinstance(status, Mapping) else ""


def failure_code(event: Mapping[str, Any]) -> str:
    """The code of a failure: the server's number where there is one, else Mailgun's reason."""
    status = event.get("delivery-status")
    number = status.get("code") if isinstance(status, Mapping) else None
    return str(number or event.get("reason") or event.get("event") or "")[:64]


def is_machine(event: Mapping[str, Any]) -> bool | None:
    """Mailgun's own bot flag on an open or click: empty for none, absent where it did not look."""
    client = event.get("client-info")
    bot = client.get("bot") if isinstance(client, Mapping) else None
    return None if bot is None else bool(bot)


def agent_of(event: Mapping[str, Any]) -> str | None:
    """The user agent of an open or a click; None where Mailgun names none."""
    client = event.get("client-info")
    agent = client.get("user-agent") if isinstance(client, Mapping) else None
    return str(agent) if agent else None


def is_bad_address(message: str) -> bool:
    """True when a 400 is about the recipient's address; not when it is about ours ("from", "reply-to")."""
    return bool(_BAD_TO.search(message))


def is_limit(message: str) -> bool:
    """True when a 429 carries Mailgun's own words, rather than a proxy's page."""
    return bool(_LIMIT.search(message))


def wait_of(message: str, provider_time: datetime | None) -> timedelta:
    """How long to wait after a limit: "try again after 120 seconds" or "… after <RFC 2822 date>"; else 60 s."""
    default = timedelta(seconds=60)
    seconds = _SECONDS.search(message)
    if seconds:
        return min(timedelta(seconds=int(seconds[1])), _LONGEST_WAIT)
    date = _DATE.search(message)
    try:
        until = parsedate_to_datetime(date[1].strip()) if date else None
    except ValueError:
        return default
    if until is None or provider_time is None:
        return default
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return min(max(until - provider_time, timedelta(seconds=1)), _LONGEST_WAIT)
