"""WHO WE TALK TO: one file per outside system, behind the small Protocols below.

A provider's module opens with its codes mapped to our words, reads its own settings class, and is loaded by the
registry only when asked for. Nothing here decides anything or touches the ledger. Adding one: docs/connectors.md.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol, runtime_checkable

from connectors.callback import Callback as Callback
from connectors.callback import CallbackReader as CallbackReader
from connectors.callback import ForgedCallback as ForgedCallback
from connectors.callback import MalformedCallback as MalformedCallback
from connectors.callback import ProviderEvent as ProviderEvent
from connectors.callback import Retry as Retry
from connectors.mail_report import BounceMail as BounceMail
from connectors.mail_report import BounceMailbox as BounceMailbox
from connectors.mail_report import MailReport as MailReport
from connectors.template_desk import TemplateDesk as TemplateDesk
from connectors.template_desk import TemplateRefused as TemplateRefused
from connectors.template_desk import TemplateStanding as TemplateStanding
from connectors.template_desk import TemplateText as TemplateText
from data.words import Channel, FailureScope, SuppressionReason, TemplateApproval


class ConfigurationError(Exception):
    """Something is missing or wrong in the configuration; the message says what and how to mend it.

    Deliberately outside the outcomes below: no send loop may treat it as the failure of one message.
    """


class AccountStopped(ConfigurationError):
    """The provider refuses the account itself (wrong key, suspended, unpaid). Nothing was sent; halt the channel."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Unavailable(Exception):
    """The provider was not reached or did not answer completely. Doing the same again later is harmless."""


@dataclass(frozen=True, slots=True)
class Picture:
    """An image that goes along with an e-mail."""

    name: str  # "photo-1.jpg"
    media_type: str  # image/jpeg or image/png
    content: bytes


@dataclass(frozen=True, slots=True)
class Message:
    """One message, ready to leave. `attempt_id` is what the provider gives back later."""

    attempt_id: str
    channel: Channel
    to: str  # E.164 or an e-mail address
    text: str  # the SMS body, or the e-mail's text part
    link: str  # the request's own tracked link; `text` contains it
    subject: str | None = None
    html: str | None = None
    from_name: str | None = None  # the location's name
    reply_to: str | None = None
    unsubscribe_url: str | None = None  # one-click (RFC 8058), e-mail only
    pictures: tuple[Picture, ...] = ()  # e-mail only
    media_urls: tuple[str, ...] = ()  # SMS only: it goes as MMS, and the provider fetches these
    template_id: str | None = None  # WhatsApp: the provider's id of the approved template
    template_values: Mapping[str, str] = field(default_factory=dict)  # by the template's own numbers: {"1": "Ann"}


@dataclass(frozen=True, slots=True)
class Accepted:
    """The provider took the message and named it."""

    provider_message_id: str


@dataclass(frozen=True, slots=True)
class TemporaryFailure:
    """Certainly not sent; it may be tried again.

    `is_throttle`: the sender as a whole must slow down, or was not reached at all; that uses up no try of the message.
    """

    code: str
    reason: str
    retry_after: timedelta | None = None
    is_throttle: bool = False
    template: TemplateApproval | None = None  # WhatsApp: what Meta has made of the message's template meanwhile


@dataclass(frozen=True, slots=True)
class PermanentFailure:
    """Never again; `scope` says what else must not be tried."""

    code: str
    reason: str
    scope: FailureScope


Outcome = Accepted | TemporaryFailure | PermanentFailure


@dataclass(frozen=True, slots=True)
class Found:
    """The provider knows the message that was in doubt."""

    provider_message_id: str


@dataclass(frozen=True, slots=True)
class Absent:
    """One complete read did not show the message. `provider_time`: the provider's own clock (its Date header)."""

    provider_time: datetime


@dataclass(frozen=True, slots=True)
class CannotTell:
    """The provider keeps no record that could be asked, or the read was not complete: a person decides, or later."""

    reason: str
    is_final: bool = False  # true: this channel can never tell (SMTP, WhatsApp)


LookUp = Found | Absent | CannotTell


@dataclass(frozen=True, slots=True)
class Doubt:
    """What is known about a message in doubt, to look for it at the provider."""

    attempt_id: str
    channel: Channel
    to: str
    link: str
    handed_at: datetime
    parcel_id: str | None = None  # handed over together with others in one call


class Courier(Protocol):
    """An open connection of a messenger's, in one event loop: many messages at once."""

    async def carry(self, messages: Sequence[Message], parcel_id: str | None) -> Sequence[Outcome]:
        """Hand messages of one channel over in one call, with no retry of any kind; an outcome for each, in order.

        At most the messenger's `most_per_call`, no address twice; `parcel_id` is given exactly when there are several.
        Raises as `Messenger.send`, then for all of them. A canceled call may have arrived.
        """


@runtime_checkable
class ManyAtOnce(Protocol):
    """What a messenger has besides `send` when it can carry many messages in one thread."""

    most_per_call: int

    def courier(self, parallel: int) -> AbstractAsyncContextManager[Courier]:
        """Open for one dispatch run in the running loop, for up to `parallel` calls at a time."""


@runtime_checkable
class Messenger(Protocol):
    """A provider that carries messages of some channels."""

    name: str
    channels: frozenset[Channel]

    def send(self, message: Message) -> Outcome:
        """Hand one message over, once, with no retry of any kind.

        Raises AccountStopped when the account is refused. Any other exception means that nobody knows: doubt.
        Must be safe to call from several threads.
        """

    def sender(self, channel: Channel) -> str:
        """What its messages on this channel leave from: our number, messaging service, domain or relay."""

    def look_up(self, doubt: Doubt) -> LookUp:
        """Ask whether a message in doubt arrived. A failing read is CannotTell, never Absent."""


@runtime_checkable
class EventSource(Protocol):
    """A provider that can be asked what happened."""

    name: str

    def poll(self, open_messages: Sequence[str], since: datetime, until: datetime) -> Iterable[ProviderEvent]:
        """Everything between two moments of the provider's clock, and the state of the messages named.

        `open_messages` are provider message ids whose end we have not seen. Events may repeat: keys tell.
        """

    trust_delay: timedelta  # how long after the fact the provider's list may still be incomplete


@dataclass(frozen=True, slots=True)
class Listed:
    """An entry of a provider's own list of addresses that it does not write to."""

    address: str  # as the provider spells it
    reason: SuppressionReason  # UNDELIVERABLE, UNSUBSCRIBED or COMPLAINED: which list it is on
    listed_at: datetime | None  # provider's clock, whole seconds; None when it did not say
    is_for_all_mail: bool = True  # False: for mail of some kind only, and ours may still pass


@runtime_checkable
class SuppressionList(Protocol):
    """A provider that keeps lists of e-mail addresses it refuses to write to, whoever asks.

    Every method raises AccountStopped, or Unavailable with no address in its text; each may be repeated.
    """

    name: str

    def read(self) -> Iterable[Listed]:
        """Every entry, list after list: these lists cannot be asked for what is new."""

    def add(self, entries: Sequence[tuple[str, datetime]]) -> int:
        """List addresses as unsubscribed, each since the moment they said no; how many were taken.

        An address that the provider cannot take does not stop the others.
        """

    def remove(self, entry: Listed) -> None:
        """Take one entry off its list; one that is not there any more is no fault."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with a connection, and how to mend it."""

    what: str
    mend: str


@runtime_checkable
class Checkable(Protocol):
    """A connector that can test itself without sending anything (`afterword doctor`)."""

    name: str

    def check(self) -> Sequence[Fault]:
        """An empty answer means that it works. Never raises for a fault it can describe."""
