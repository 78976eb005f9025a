"""Twilio's words in ours. Unknown codes take the default of their status and are kept as they came.

Statuses: the `message.status` enum of twilio_api_v2010.json. Errors: twilio.com/docs/api/errors, grouped by what is to
be done about them. The reasons are ours: Twilio's own texts may contain the number, and change without notice.
"""

from collections.abc import Mapping
from datetime import timedelta
from enum import Enum

from connectors import Retry
from data.words import EventKind, FailureScope, TemplateApproval

STATUSES: Mapping[str, EventKind] = {
    "accepted": EventKind.ACCEPTED_BY_PROVIDER,
    "scheduled": EventKind.ACCEPTED_BY_PROVIDER,
    "queued": EventKind.ACCEPTED_BY_PROVIDER,
    "sending": EventKind.ACCEPTED_BY_PROVIDER,
    "sent": EventKind.SENT,
    "delivered": EventKind.DELIVERED,
    "read": EventKind.READ,
    "undelivered": EventKind.FAILED,
    "failed": EventKind.FAILED,
    "canceled": EventKind.FAILED,
}
INBOUND_STATUSES = frozenset({"receiving", "received"})


class Treatment(Enum):
    """What to do about an error that is not a permanent failure of a message."""

    LATER = "certainly not sent; a later try may succeed"
    THROTTLE = "certainly not sent; the sender as a whole must slow down"
    ACCOUNT = "the account itself is refused: nothing of the sender leaves"
    TEMPLATE = "certainly not sent: Meta has withdrawn the template, and nothing more goes by it"


_ADDRESS, _OPT_OUT, _MESSAGE, _ROUTE, _SENDER = (
    FailureScope.ADDRESS, FailureScope.OPT_OUT, FailureScope.MESSAGE, FailureScope.ROUTE, FailureScope.SENDER,
)  # fmt: skip

ERRORS: Mapping[int, tuple[FailureScope | Treatment, str]] = {
    # this address, for good
    21211: (_ADDRESS, "not a valid phone number"),
    21217: (_ADDRESS, "not a valid phone number"),
    21614: (_ADDRESS, "not a mobile number"),
    30005: (_ADDRESS, "unknown handset"),
    30006: (_ADDRESS, "landline or unreachable carrier"),
    63003: (_ADDRESS, "no such WhatsApp address"),
    63024: (_ADDRESS, "invalid recipient"),
    # the person said no
    21610: (_OPT_OUT, "replied STOP"),
    63014: (_OPT_OUT, "recipient blocked the sender"),
    63033: (_OPT_OUT, "recipient blocked the sender"),
    # this message only
    11751: (_MESSAGE, "pictures too large for the carrier"),
    12300: (_MESSAGE, "a picture is not of the kind it says"),
    21602: (_MESSAGE, "no text"),
    21617: (_MESSAGE, "text longer than 1,600 characters"),
    21620: (_MESSAGE, "media address not usable"),
    21621: (_MESSAGE, "sender cannot send pictures"),  # MMS; texts without pictures go on
    21623: (_MESSAGE, "too many pictures"),
    21655: (_MESSAGE, "template id not usable"),
    21656: (_MESSAGE, "template variables not usable"),
    21670: (_MESSAGE, "this region of Twilio's sends no pictures"),
    30004: (_MESSAGE, "blocked by the carrier or the recipient"),
    30007: (_MESSAGE, "filtered by the carrier"),
    30011: (_MESSAGE, "phone takes no pictures"),
    30019: (_MESSAGE, "pictures too large for the carrier"),
    63005: (_MESSAGE, "content not accepted by the channel"),
    63013: (_MESSAGE, "against the channel's policy"),
    63016: (_MESSAGE, "outside the 24-hour window: needs an approved template"),
    63021: (_MESSAGE, "content not accepted by the channel"),
    63027: (_MESSAGE, "template missing in this language"),
    63028: (_MESSAGE, "wrong number of template variables"),
    63030: (_MESSAGE, "parameter not supported"),
    63032: (_MESSAGE, "not delivered by choice of the channel"),
    63049: (_MESSAGE, "not delivered by choice of the channel"),
    # this country, not the contact
    21408: (_ROUTE, "country not enabled for this account"),
    21612: (_ROUTE, "not reachable from this sender"),
    # our sender, not the contact
    21212: (_SENDER, "sender number not valid"),
    21606: (_SENDER, "sender cannot send to this number"),
    21659: (_SENDER, "sender is not a number of this account"),
    21660: (_SENDER, "sender does not belong to this account"),
    21703: (_SENDER, "messaging service has no sender"),
    21705: (_SENDER, "messaging service not valid"),
    63007: (_SENDER, "no such sender on this channel"),
    # may succeed later; after acceptance a retry is a new message and a new decision
    11200: (Treatment.LATER, "a picture could not be fetched"),
    30001: (Treatment.LATER, "queue overflow"),
    30003: (Treatment.LATER, "handset switched off or unreachable"),
    30008: (Treatment.LATER, "unknown error of the carrier"),
    30017: (Treatment.LATER, "carrier congested"),
    30022: (Treatment.LATER, "carrier's rate for this campaign exceeded"),
    30023: (Treatment.LATER, "carrier's daily cap reached"),
    30027: (Treatment.LATER, "carrier's daily cap reached"),
    30036: (Treatment.LATER, "expired in the queue"),
    30410: (Treatment.LATER, "carrier timed out"),
    30450: (Treatment.LATER, "held by pumping protection"),
    63012: (Treatment.LATER, "channel's internal error"),
    63018: (Treatment.LATER, "channel's rate exceeded"),
    63019: (Treatment.LATER, "media could not be fetched"),
    63037: (Treatment.LATER, "media could not be uploaded"),
    # slow down
    20429: (Treatment.THROTTLE, "too many requests at once"),
    21611: (Treatment.THROTTLE, "the sender's queue is full"),
    # the account
    20003: (Treatment.ACCOUNT, "account SID or auth token refused"),
    20005: (Treatment.ACCOUNT, "account not active"),
    20404: (Treatment.ACCOUNT, "no such account"),  # on a create nothing else can be missing
    21608: (Treatment.ACCOUNT, "trial account: recipient not verified"),
    30002: (Treatment.ACCOUNT, "account suspended"),
    30032: (Treatment.ACCOUNT, "toll-free number not verified"),
    30034: (Treatment.ACCOUNT, "sender not registered for US long codes (10DLC)"),
    30035: (Treatment.ACCOUNT, "sender number still being set up"),
    63001: (Treatment.ACCOUNT, "channel refused the sender"),
    63020: (Treatment.ACCOUNT, "WhatsApp business account in error"),
    63038: (Treatment.ACCOUNT, "account's daily limit reached"),
    63051: (Treatment.ACCOUNT, "WhatsApp business account locked"),
    # the template
    63040: (Treatment.TEMPLATE, "template rejected"),
    63041: (Treatment.TEMPLATE, "template paused"),
    63042: (Treatment.TEMPLATE, "template disabled"),
}
_FOR_PICTURES = frozenset({21612})  # of a message with pictures it is said of those: texts without may well arrive
TEMPLATES: Mapping[int, TemplateApproval] = {
    63040: TemplateApproval.REJECTED,
    63041: TemplateApproval.PAUSED,
    63042: TemplateApproval.DISABLED,
}

# After acceptance a failure that may pass allows another message: hours later, and not often.
_USUALLY = Retry(most=3, after=timedelta(hours=2))
_RETRIES: Mapping[int, Retry] = {
    30003: Retry(most=1, after=timedelta(hours=4)),  # the phone is off, or the carrier does not say what it was:
    30008: Retry(most=1, after=timedelta(hours=4)),  # somebody who is not there need not be tried all day
    30023: Retry(most=3, after=timedelta(), day_zone="America/Los_Angeles"),  # the carrier's day ends at midnight
    30027: Retry(most=3, after=timedelta(), day_zone="America/Los_Angeles"),
    30450: Retry(most=3, after=timedelta(minutes=30)),  # pumping protection lasts 15 to 30 minutes
}

# Keywords that Twilio itself acts on (twilio.com/docs/messaging/tutorials/advanced-opt-out), the whole message only.
STOP_WORDS = frozenset({"stop", "unsubscribe", "end", "quit", "stopall", "revoke", "optout", "cancel"})
START_WORDS = frozenset({"start", "yes", "unstop"})
HELP_WORDS = frozenset({"help", "info"})
_KEYWORDS = (
    (STOP_WORDS, EventKind.UNSUBSCRIBED), (START_WORDS, EventKind.RESUBSCRIBED), (HELP_WORDS, EventKind.HELP_ASKED),
)  # fmt: skip


def meaning_of(code: int | None) -> FailureScope | Treatment:
    """What is to be done about an error; an unknown one is permanent for its message, not for the contact."""
    return FailureScope.MESSAGE if code is None or code not in ERRORS else ERRORS[code][0]


def event_of(status: str) -> EventKind:
    """Our word for a message status; UNKNOWN for one that is not in the table."""
    return STATUSES.get(status, EventKind.UNKNOWN)


def reason_of(code: int | None) -> str:
    """Why, in our words; an unknown code is named as it is."""
    if code is None:
        return "no reason given"
    return ERRORS[code][1] if code in ERRORS else f"Twilio error {code}"


def scope_of(code: int | None, *, has_pictures: bool = False) -> FailureScope:
    """What a failure is about: unknown codes, passing troubles and what its pictures met concern this message only."""
    if has_pictures and code in _FOR_PICTURES:
        return FailureScope.MESSAGE
    meaning = meaning_of(code)
    if meaning is Treatment.ACCOUNT:
        return FailureScope.SENDER  # our fault, never the contact's
    return meaning if isinstance(meaning, FailureScope) else FailureScope.MESSAGE


def retry_of(code: int | None) -> Retry | None:
    """Whether another message may go after this failure of an accepted one; None: not."""
    if code is None or not isinstance(meaning_of(code), Treatment):
        return None
    return _RETRIES.get(code, _USUALLY)


def template_of(code: int | None) -> TemplateApproval | None:
    """What an error says that Meta has made of the message's template; None: nothing."""
    return None if code is None else TEMPLATES.get(code)


def is_known(code: str) -> bool:
    """Whether a failure's code, as events keep it, is in the tables above, or is a word of ours or of a status."""
    return not (code.isascii() and code.isdecimal()) or int(code) in ERRORS


def keyword_kind(text: str, opt_out_type: str | None = None) -> EventKind:
    """What Twilio takes a text for. `opt_out_type` is its own judgement (Advanced Opt-Out), where it has one.

    Compared whole, without case, spaces and closing punctuation: "Stop." is a STOP, "don't stop by" is not.
    """
    judged = {"STOP": EventKind.UNSUBSCRIBED, "START": EventKind.RESUBSCRIBED, "HELP": EventKind.HELP_ASKED}
    if opt_out_type and opt_out_type.upper() in judged:
        return judged[opt_out_type.upper()]
    word = text.strip().rstrip(".!").strip().casefold()
    for words, kind in _KEYWORDS:
        if word in words:
            return kind
    return EventKind.REPLIED
