"""What somebody who asks for an invitation may choose: channels, the text of the first message, the time.

What the settings cannot do is refused at once, each fault with what was found and what there is; what may change by
itself (hours, the cap, a pause, Meta's approval) is planning's to wait for. The same for the command line, the send
form and /hooks/customers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from data.ledger.ask_settings import AskSettings
from data.ledger.manual_asks import Asked, Wish
from data.ledger.pictures import Versions
from data.words import AddressKind, Channel, address_kind
from invitations.actor import Refused
from invitations.consent import CHANNEL_NAMES
from invitations.picture_files import PictureRefused, make_versions

LONGEST_AHEAD = timedelta(days=366)
LONGEST_REASON = 300
_FALLBACK_LANGUAGE = "en"  # as `data.ledger.candidates` chooses a text
_ADDRESSES = {AddressKind.EMAIL: "an email address", AddressKind.PHONE: "a phone number"}


@dataclass(frozen=True, slots=True)
class WishFault:
    """One thing that was asked for and cannot be. `expected` is one sentence for people."""

    field: str  # channels, template, send_at, override_reason
    found: str
    expected: str


class WishRefused(ValueError):
    """What was asked for makes no sense whatever the settings; the message is for whoever asked."""


def wish_of(
    channels: Sequence[Channel] | None, template_slug: str | None, send_at: datetime | None, override_reason: str | None
) -> Wish:
    """What is asked for, each channel once. Raises WishRefused for a reason that is none, ValueError without a zone."""
    reason = override_reason.strip() if override_reason is not None else None
    if reason is not None and not 0 < len(reason) <= LONGEST_REASON:
        raise WishRefused(
            f"Setting the frequency cap aside needs a reason of 1 to {LONGEST_REASON} characters, and {len(reason)} "
            "were given. Say why this customer may be asked again so soon."
        )
    if send_at is not None and send_at.tzinfo is None:
        raise ValueError(f"naive datetime {send_at!r}: pass one with a zone")
    named = None if channels is None else tuple(dict.fromkeys(channels))
    return Wish(named, template_slug, send_at, reason)


def read_wish(
    channels: Sequence[Channel] | None,
    template_slug: str | None,
    send_at: datetime | None,
    override_reason: str | None,
    attached: Sequence[tuple[str, bytes]] = (),
) -> tuple[Wish, Versions] | Refused:
    """What somebody asks for by hand, with its pictures made; or what makes no sense of it, in words."""
    try:
        return wish_of(channels, template_slug, send_at, override_reason), make_versions(attached)
    except WishRefused as refusal:
        return Refused(str(refusal))
    except PictureRefused as refusal:
        return Refused(f"{refusal} Nothing was asked for.")


def faults_of(wish: Wish, settings: AskSettings, now: datetime) -> list[WishFault]:
    """What the location's settings, and the calendar, cannot do whoever is asked. `now` is policy time."""
    faults = []
    slug = wish.template_slug
    if slug is not None and slug not in settings.slugs:
        there = f"There are: {', '.join(settings.slugs)}." if settings.slugs else "The account has none."
        faults.append(WishFault("template", slug, f'There is no text "{slug[:64]}". {there}'))
    elif why_not := _unusable(wish, settings):
        field = "channels" if wish.channels is not None else "template"
        found = _listed(wish.channels) if wish.channels is not None else str(slug)
        faults.append(WishFault(field, found, f"Nothing could go: {'; '.join(why_not)}."))
    if wish.send_at is not None and not now < wish.send_at <= now + LONGEST_AHEAD:
        faults.append(
            WishFault(
                "send_at",
                wish.send_at.isoformat(),
                "The time is past, or more than a year ahead. Choose another, or leave it out to begin at once.",
            )
        )
    return faults


def _unusable(wish: Wish, settings: AskSettings) -> list[str]:
    """Why no message could go by any of the channels, one reason each; [] when it could by one of them."""
    if wish.channels is None and wish.template_slug is None:
        return []  # as the rules have it
    if wish.channels is not None and not wish.channels:
        return ["no channel is named; name sms, email or whatsapp, or leave it out for the location's own"]
    slug = wish.template_slug or settings.first_slug
    reasons = {}
    for channel in wish.channels or settings.first_channels:
        name = CHANNEL_NAMES[channel]
        if channel not in settings.on:
            reasons[channel] = f"{name} is switched off for this location in the account's settings"
        elif slug is None or not settings.has_text(slug, channel, None):
            reasons[channel] = f'the text "{slug}" has no words for {name}'
        else:
            return []
    return list(reasons.values())


def unreachable(wish: Wish, found: Asked, settings: AskSettings, open_channels: Sequence[Channel]) -> str | None:
    """Why nothing could go to this customer by the channels named, in one sentence; None when it could by one.

    `open_channels`: those on which they may be contacted at all.
    """
    why_not = why_not_by(wish, found, settings, open_channels)
    if wish.channels is None or len(why_not) < len(wish.channels):
        return None
    return f"Nothing could go by the channels chosen: {'; '.join(dict.fromkeys(why_not.values()))}."


def why_not_by(wish: Wish, found: Asked, settings: AskSettings, open_channels: Sequence[Channel]) -> dict[Channel, str]:
    """Of the channels named those that cannot carry the first message to this customer, and why."""
    addresses: Mapping[AddressKind, str | None] = {AddressKind.EMAIL: found.email, AddressKind.PHONE: found.phone}
    slug = wish.template_slug or settings.first_slug
    locale = found.locale or ""
    languages = (locale, locale.split("-")[0], _FALLBACK_LANGUAGE)
    reasons = {}
    for channel in wish.channels or ():
        kind, name = address_kind(channel), CHANNEL_NAMES[channel]
        if channel not in settings.on:
            reasons[channel] = f"{name} is switched off for this location"
        elif not addresses[kind]:
            reasons[channel] = f"they have not given {_ADDRESSES[kind]} for {name}"
        elif channel not in open_channels:
            reasons[channel] = f"they do not want to be contacted by {name}"
        elif slug is None or not settings.has_text(slug, channel, languages):
            reasons[channel] = f'the text "{slug}" has no words for {name} in their language'
    return reasons


def in_words(wish: Wish, zone: str) -> list[str]:
    """What was chosen, one sentence or none: 'It goes by SMS and e-mail, with the text "spring".'"""
    parts = []
    if wish.channels is not None:
        parts.append(f"by {_listed(wish.channels, named=True)}")
    if wish.template_slug is not None:
        parts.append(f'with the text "{wish.template_slug}"')
    if wish.send_at is not None:
        local = wish.send_at.astimezone(ZoneInfo(zone))
        parts.append(f"not before {local:%a} {local.day} {local:%b %Y}, {local:%H:%M} ({zone})")
    return [f"It goes {', '.join(parts)}."] if parts else []


def _listed(channels: Sequence[Channel], *, named: bool = False) -> str:
    names = [CHANNEL_NAMES[channel] if named else channel.value for channel in channels]
    if not named:
        return ", ".join(names)
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
