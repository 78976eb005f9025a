"""How the house's words are said to an analyst, and how moments and counts are written."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import phonenumbers

from data.words import (
    AttemptOutcome,
    Channel,
    EventKind,
    Evidence,
    InvitationStatus,
    Role,
    RunKind,
    RunStatus,
    Source,
    SuppressionReason,
)

CHANNEL = {Channel.SMS: "SMS", Channel.EMAIL: "Email", Channel.WHATSAPP: "WhatsApp"}
SOURCE = {
    Source.MANUAL: "Manual entry",
    Source.CSV: "CSV import",
    Source.HUBSPOT: "HubSpot",
    Source.SALESFORCE: "Salesforce",
    Source.WEBHOOK: "Webhook",
}
ROLE = {
    Role.OWNER: "Owner",
    Role.ADMIN: "Admin",
    Role.MANAGER: "Manager",
    Role.VIEWER: "Viewer",
    Role.AGENCY_CLIENT: "Agency Client",
}
INVITATION = {
    InvitationStatus.ACTIVE: "Active",
    InvitationStatus.STOPPED: "Stopped",
    InvitationStatus.ANSWERED: "Answered",
    InvitationStatus.FINISHED: "Finished",
}
RUN_KIND = {
    RunKind.IMPORT: "Import",
    RunKind.PLAN: "Planning",
    RunKind.SEND: "Sending (batch)",
    RunKind.EVENTS: "Collecting answers",
    RunKind.RESOLVE: "Settling doubt",
    RunKind.SUPPRESSIONS: "Do-not-contact lists",
    RunKind.TEMPLATES: "WhatsApp templates",
    RunKind.PUBLISH: "Publishing",
}
RUN_STATUS = {
    RunStatus.RUNNING: "Running",
    RunStatus.DONE: "Done",
    RunStatus.FAILED: "Failed",
    RunStatus.HALTED: "Halted",
    RunStatus.DIED: "Interrupted",
}
RUN_COUNT = {
    AttemptOutcome.ACCEPTED: "sent",
    AttemptOutcome.TEMPORARY_FAILURE: "to be tried again",
    AttemptOutcome.PERMANENT_FAILURE: "failed",
    AttemptOutcome.LAPSED: "taken back from a dead run",
    AttemptOutcome.WITHDRAWN: "held back at the last",
    AttemptOutcome.IN_DOUBT: "in doubt",
    AttemptOutcome.PROVED_ABSENT: "never arrived, queued again",
}
SUPPRESSED = {
    SuppressionReason.STOP_KEYWORD: "Texted STOP",
    SuppressionReason.UNSUBSCRIBED: "Unsubscribed",
    SuppressionReason.COMPLAINED: "Reported a message as unwanted",
    SuppressionReason.UNDELIVERABLE: "Address takes no messages",
    SuppressionReason.PROVIDER_OPT_OUT: "Opted out at the provider",
    SuppressionReason.ASKED_BY_PERSON: "Asked not to be contacted",
    SuppressionReason.DO_NOT_CONTACT_LIST: "On a do-not-contact list",
}
PROVIDER = {"twilio": "Twilio", "mailgun": "Mailgun", "smtp": "The mail relay"}
EVENT = {
    "planned": "Message planned",
    "handed_over": "Message sent",
    EventKind.ACCEPTED_BY_PROVIDER: "Taken by the messaging provider",
    EventKind.SENT: "Passed to the carrier",
    EventKind.ACCEPTED_BY_SERVER: "Accepted by the recipient's mail server",
    EventKind.DELIVERED: "Delivered",
    EventKind.READ: "Read",
    EventKind.DELAYED: "Delayed; the provider goes on trying",
    EventKind.FAILED: "Failed",
    EventKind.OPENED: "Opened the invitation",
    EventKind.CLICKED: "Clicked the review link",
    EventKind.SCORED: "Gave a score",
    EventKind.COMMENTED: "Left a private comment",
    EventKind.PLATFORM_CHOSEN: "Chose where to review",
    EventKind.REVIEW_LINKED: "Left a review",
    EventKind.REPLIED: "Replied by text",
    EventKind.HELP_ASKED: "Asked for help by text",
    EventKind.UNSUBSCRIBED: "Asked not to be contacted",
    EventKind.RESUBSCRIBED: "Allowed messages again",
    EventKind.COMPLAINED: "Reported the message as unwanted",
    EventKind.UNKNOWN: "Something the provider reported",
}
EVIDENCE = {Evidence.MACHINE: "by a scanner, not a person", Evidence.UNKNOWN: "", Evidence.HUMAN: ""}


def said(words: Mapping[Any, str], value: str | None) -> str:
    """The screen's word for one of ours; an unknown one as it is, readable."""
    if not value:
        return ""
    return words.get(value, value.replace("_", " ").capitalize())


def in_zone(moment: datetime, zone: str) -> datetime:
    """The moment on the wall clock of a location."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.astimezone(ZoneInfo(zone))


def short_moment(moment: datetime | None, zone: str, now: datetime | None = None) -> str:
    """ "12 Nov, 14:03 CT", with the year when it is not this one; "" without a moment."""
    if moment is None:
        return ""
    local = in_zone(moment, zone)
    return f"{short_day(local.date(), now)}, {local:%H:%M} {zone_name(local)}"


def day_and_time(moment: datetime | None, zone: str, now: datetime | None = None) -> tuple[str, str, str]:
    """A moment in three parts for a cell: "12 Nov", "14:03 CT", and the exact one; empty without a moment."""
    if moment is None:
        return "–", "", ""
    local = in_zone(moment, zone)
    return short_day(local.date(), now), f"{local:%H:%M} {zone_name(local)}", exact_moment(moment, zone)


def contact(address: str | None) -> str:
    """An address as people write it: a phone number with its spaces, an e-mail as it is."""
    if not address:
        return ""
    if not address.startswith("+"):
        return address
    try:
        number = phonenumbers.parse(address)
    except phonenumbers.NumberParseException:
        return address
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)


def exact_moment(moment: datetime | None, zone: str) -> str:
    """The whole truth, for a hover: "Thursday, 12 November 2026, 14:03:21 CST (America/Chicago)"."""
    if moment is None:
        return ""
    local = in_zone(moment, zone)
    return f"{local:%A}, {local.day} {local:%B %Y, %H:%M:%S %Z} ({zone})"


def short_day(day: date, now: datetime | None = None) -> str:
    """ "12 Nov", or "12 Nov 2025" in another year than that of `now`."""
    year = f" {day.year}" if now is not None and day.year != now.year else ""
    return f"{day.day} {day:%b}{year}"


def long_day(day: date) -> str:
    """ "1 December"."""
    return f"{day.day} {day:%B}"


def zone_name(local: datetime) -> str:
    """The zone as people say it: CT all year, not CST and CDT."""
    return re.sub(r"^([A-Z])[SD]T$", r"\1T", local.tzname() or "")


def counted(count: int, one: str, many: str | None = None) -> str:
    """ "1 message", "2,041 messages"."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def share(part: float, whole: float) -> str:
    """A percentage without false precision: "0 %" means nobody, and "100 %" everybody; "–" of nothing."""
    if not whole:
        return "–"
    value = 100 * part / whole
    if 0 < value < 0.1:
        return "under 0.1 %"
    if 99 < value < 100:
        return f"{min(value, 99.9):.1f} %"
    return f"{value:.1f} %" if 0 < value < 9.95 else f"{value:.0f} %"
