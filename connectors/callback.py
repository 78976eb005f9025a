"""What a provider tells us, and how it posts it: believed with a good signature only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any, Protocol, runtime_checkable

from data.words import AddressKind, Channel, EventKind, FailureScope, TemplateApproval


class ForgedCallback(Exception):
    """A callback's signature does not match: nothing of it may be believed or stored."""


class MalformedCallback(Exception):
    """A signed callback that cannot be read; the message says what was expected."""


@dataclass(frozen=True, slots=True)
class Retry:
    """What a failure after acceptance allows, where it may pass: another message later, as a decision of its own."""

    most: int  # messages besides the first
    after: timedelta  # before the first of them; before each next one twice as long
    day_zone: str | None = None  # a day's limit is used up: not before the next midnight there


@dataclass(frozen=True, slots=True)
class ProviderEvent:
    """Something a provider told us, pushed or polled: the same `key` either way, so that it counts once."""

    provider: str
    key: str
    kind: EventKind
    occurred_at: datetime
    attempt_id: str | None = None
    provider_message_id: str | None = None
    address: str | None = None  # whose it is when no message of ours is named (an inbound text)
    address_kind: AddressKind | None = None
    code: str | None = None
    reason: str | None = None
    scope: FailureScope | None = None  # `failed` only, as are the next two
    retry: Retry | None = None  # None: nothing more is tried
    template: TemplateApproval | None = None  # WhatsApp: what Meta has made of the message's template
    is_machine: bool | None = None  # opens and clicks: the provider's own bot flag
    agent: str | None = None  # opens and clicks: the user agent, weighed and not kept
    client_address: str | None = None  # opens and clicks: where they came from, weighed and not kept
    channel: Channel | None = None  # an inbound text: on which it came
    text: str | None = None  # an inbound text
    raw: Mapping[str, Any] = field(default_factory=dict)
    # False: pushed, and no signature covers what it says (Mailgun's covers no body). Then only what suppresses is
    # applied at once, for that errs on the safe side; the rest is kept until polling brings the same key.
    is_confirmed: bool = True

    def __reduce__(self) -> tuple[Any, ...]:
        """For pickle, which takes three times as long by a frozen dataclass's own way (web/ hands on each of them)."""
        return ProviderEvent, _FIELDS(self)


_FIELDS = attrgetter(*ProviderEvent.__slots__)


@dataclass(frozen=True, slots=True)
class Callback:
    """What one post of a provider's says."""

    events: Sequence[ProviderEvent]
    token: str | None = None  # signed, and good for one body (Mailgun); None where the signature covers the body

    def __reduce__(self) -> tuple[Any, ...]:
        """As ProviderEvent."""
        return Callback, (self.events, self.token)


@runtime_checkable
class CallbackReader(Protocol):
    """A provider that posts to web/."""

    name: str

    def read_callback(self, url: str, headers: Mapping[str, str], body: bytes) -> Callback:
        """Verify the signature in constant time, then parse. `url` is the public one that was configured, with query.

        `headers` has lower-case names. Raises ForgedCallback or MalformedCallback.
        """
