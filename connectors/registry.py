"""Which connectors there are, and which of them the environment asks for.

Nothing of a provider is imported before it is opened: `PROVIDERS` holds names. Adding one is one entry here.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from pkgutil import resolve_name
from typing import Any, Protocol, cast

from pydantic import ValidationError

from connectors import (
    BounceMailbox,
    CallbackReader,
    ConfigurationError,
    EventSource,
    Fault,
    Messenger,
    SuppressionList,
    TemplateDesk,
)
from connectors.addresses import is_loopback
from connectors.smtp_settings import PROVIDER, SmtpSettings
from data.words import Channel


@dataclass(frozen=True, slots=True)
class Provider:
    """Where a provider's parts live ("module:name"), and the channels that it can carry."""

    name: str
    channels: tuple[Channel, ...]
    settings: str
    messenger: str
    event_source: str | None = None
    callback_reader: str | None = None
    suppression_list: str | None = None
    template_desk: str | None = None
    known_code: str | None = None  # whether a failure's code is in its table; None: its codes have no table


# Where two can carry a channel and both are configured, the first is used.
PROVIDERS = (
    Provider(
        "twilio", (Channel.SMS, Channel.WHATSAPP), "connectors.twilio.settings:TwilioSettings",
        "connectors.twilio.messenger:TwilioMessenger", "connectors.twilio.events:TwilioEvents",
        "connectors.twilio.callbacks:TwilioCallbacks", template_desk="connectors.twilio.content:TwilioContent",
        known_code="connectors.twilio.codes:is_known",
    ),
    Provider(
        "mailgun", (Channel.EMAIL,), "connectors.mailgun_api:MailgunSettings", "connectors.mailgun:MailgunMessenger",
        "connectors.mailgun_events:MailgunEvents", "connectors.mailgun_events:MailgunCallbacks",
        "connectors.mailgun_suppressions:MailgunSuppressions", known_code="connectors.mailgun_codes:is_known",
    ),
    Provider("smtp", (Channel.EMAIL,), "connectors.smtp_settings:SmtpSettings", "connectors.smtp:SmtpMessenger"),
)  # fmt: skip


_BOUNCES = "connectors.bounce_mailbox"  # loaded where one is opened: most processes read no mail


class ProviderSettings(Protocol):
    """What the registry asks of a settings class: variable names still to be set, and where the provider is."""

    @property
    def url(self) -> str:
        """The address that would be spoken to."""

    def missing_for(self, channel: Channel) -> list[str]:
        """For sending on a channel."""

    def missing_for_events(self) -> list[str]:
        """For asking what happened."""

    def missing_for_callbacks(self) -> list[str]:
        """For verifying callbacks."""


def open_messengers(only: Collection[Channel] = tuple(Channel)) -> dict[Channel, Messenger]:
    """A messenger for each channel that the environment configures, of those in `only`: others are not even imported.

    Raises ConfigurationError for unusable values.
    """
    opened: dict[Channel, Messenger] = {}
    for provider in PROVIDERS:
        settings = _settings(provider)
        wanted = [c for c in provider.channels if c in only and c not in opened and not settings.missing_for(c)]
        if wanted:
            messenger = cast(Messenger, resolve_name(provider.messenger)(settings))
            opened.update(dict.fromkeys(wanted, messenger))
    return opened


def open_event_sources() -> dict[str, EventSource]:
    """The providers that can be asked what happened, by name."""
    return _open_readers("event_source")


def open_bounces() -> BounceMailbox | None:
    """Where mail about a relay's mails comes to: bounces, complaints. None where AFTERWORD_BOUNCES names nothing.

    Whoever carries e-mail now: what a relay took before is bounced for days.
    """
    return cast(BounceMailbox | None, resolve_name(f"{_BOUNCES}:open_box")(SmtpSettings()))


def bounce_faults() -> list[Fault]:
    """What keeps bounces from being read. Where a relay carries e-mail, that no box is named is a fault too."""
    carrier = open_messengers([Channel.EMAIL]).get(Channel.EMAIL)
    is_used = carrier is not None and carrier.name == PROVIDER
    return list(resolve_name(f"{_BOUNCES}:check_box")(SmtpSettings(), is_used=is_used))


def open_suppression_lists() -> dict[str, SuppressionList]:
    """The providers that keep lists of addresses of their own, by name. They need what reading events needs."""
    return _open_readers("suppression_list")


def open_template_desks() -> dict[str, TemplateDesk]:
    """The providers that hand WhatsApp templates to Meta, by name. They need what reading events needs."""
    return _open_readers("template_desk")


def _open_readers(part: str) -> dict[str, Any]:
    """This part of each provider that has it, where what reading needs is configured; by the provider's name."""
    opened = {}
    for provider in PROVIDERS:
        settings, name = _settings(provider), getattr(provider, part)
        if name and not settings.missing_for_events():
            opened[provider.name] = resolve_name(name)(settings)
    return opened


def is_known_code(provider: str, code: str) -> bool:
    """Whether a failure's code has a treatment of its own; else it was treated by its status. Strangers' codes do."""
    names = {known.name: known.known_code for known in PROVIDERS}
    name = names.get(provider)
    return name is None or bool(resolve_name(name)(code))


def open_callback_readers(clock: Callable[[], datetime] | None = None) -> dict[str, CallbackReader]:
    """The providers whose callbacks can be verified, by name.

    `clock` (default: this machine's) dates what carries no time of its own: Twilio's callbacks. Pass policy time.
    """
    opened: dict[str, CallbackReader] = {}
    for provider in PROVIDERS:
        settings = _settings(provider)
        if provider.callback_reader and not settings.missing_for_callbacks():
            opened[provider.name] = resolve_name(provider.callback_reader)(settings, clock)
    return opened


def missing_settings() -> list[Fault]:
    """What is not configured for sending: a fault for SMS, a fault for e-mail. WhatsApp is an extra and not missed."""
    faults = []
    for channel in (Channel.SMS, Channel.EMAIL):
        ways = {p.name: _settings(p).missing_for(channel) for p in PROVIDERS if channel in p.channels}
        if all(ways.values()):
            told = "; or ".join(f"{_listed(names)} ({provider})" for provider, names in ways.items())
            faults.append(Fault(f"No connection for {channel.value}", f"Set {told}."))
    return faults


def _listed(names: list[str]) -> str:
    """ "A", "A and B", "A, B, and C or D"."""
    *others, last = names
    if not others:
        return last
    return f"{', '.join(others)}{',' if len(others) > 1 else ''} and {last}"


def require_loopback() -> None:
    """Raise ConfigurationError unless every configured provider is on this machine: demos and false clocks need it."""
    for provider in PROVIDERS:
        settings = _settings(provider)
        needs = [settings.missing_for_events(), *(settings.missing_for(c) for c in provider.channels)]
        if not all(needs) and not is_loopback(settings.url):
            raise ConfigurationError(
                f"{provider.name} is configured and is not on this machine. A false clock, a shortened settling time "
                "and the demo need loopback providers: unset its variables or give it a loopback address."
            )


def _settings(provider: Provider) -> ProviderSettings:
    """From the environment. The message names variables and faults, never values: some are secrets."""
    try:
        return cast(ProviderSettings, resolve_name(provider.settings)())
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise ConfigurationError(f"The settings of {provider.name} cannot be used: {faults}") from None
