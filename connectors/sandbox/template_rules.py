"""What Meta thinks of a WhatsApp template, as far as it is played: refused by rule, never by chance.

Sources: twilio.com/docs/whatsapp/tutorial/message-template-approvals-statuses and Meta's template guidelines. That real
reviewers are moodier is what tests order a rejection for (`/_sandbox/templates`).
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from itertools import pairwise
from typing import Any


class TemplateStatus(StrEnum):
    """Twilio's own words for how a template stands."""

    UNSUBMITTED = "unsubmitted"
    RECEIVED = "received"
    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    PAUSED = "paused"
    DISABLED = "disabled"


MARKETING, UTILITY = "MARKETING", "UTILITY"
CATEGORIES = frozenset({MARKETING, UTILITY, "AUTHENTICATION"})
NAME = re.compile(r"[a-z0-9_]{1,512}")
PLACE = re.compile(r"\{\{(.*?)\}\}")
LONGEST_BODY = 1024
LONGEST_TITLE = 25
# What makes a utility template a marketing one in Meta's eyes: it sells. Asking how a visit went does not ("feedback
# surveys" are among Meta's own examples of utility).
_SELLS = re.compile(
    r"\b(offers?|discounts?|coupons?|sale|promo(tion)?s?|vouchers?|gifts?|\d+ ?% off|free)\b", re.IGNORECASE
)


def bodies_of(types: Mapping[str, Any]) -> tuple[str, list[str]]:
    """What WhatsApp shows of a content: the body and its buttons' addresses. A button's kind goes before plain text."""
    chosen: Mapping[str, Any] = (
        types.get("twilio/call-to-action") or types.get("twilio/text") or next(iter(types.values()), {})
    )
    body = str(chosen.get("body", ""))
    return body, [str(action["url"]) for action in chosen.get("actions", []) if action.get("url")]


def content_type_of(types: Mapping[str, Any]) -> str:
    """The kind that is submitted of several."""
    return "twilio/call-to-action" if "twilio/call-to-action" in types else next(iter(types), "")


def numbers_of(types: Mapping[str, Any]) -> set[str]:
    """The values that WhatsApp needs to show a content."""
    body, addresses = bodies_of(types)
    return {number for text in (body, *addresses) for number in PLACE.findall(text)}


def fill(text: str, values: Mapping[str, str]) -> str:
    """A text with its values in it; one that is not given stays as it was written."""
    return PLACE.sub(lambda found: values.get(found[1], found[0]), text)


def judge(types: Mapping[str, Any], samples: Mapping[str, str]) -> str | None:
    """Why Meta rejects it; None when it does not."""
    body, addresses = bodies_of(types)
    numbers = numbers_of(types)
    if not body or len(fill(body, samples)) > LONGEST_BODY:
        return f"INVALID_FORMAT. The body must have 1 to {LONGEST_BODY} characters."
    if numbers != {str(number + 1) for number in range(len(numbers))}:
        return "INVALID_FORMAT. Variables must be numbers, in sequence and without a gap."
    if any(not samples.get(number) for number in numbers):
        return "INVALID_FORMAT. A sample is missing for a variable."
    if reason := _misplaced(body):
        return reason
    for address in addresses:
        if PLACE.search(address) and not re.fullmatch(r"https?://[^/{]+/[^{]*\{\{\d+\}\}", address):
            return "INVALID_FORMAT. A URL's variable must stand at its end, after the domain."
    titles = [str(action.get("title", "")) for kind in types.values() for action in kind.get("actions", [])]
    if any(not 1 <= len(title) <= LONGEST_TITLE for title in titles):
        return f"INVALID_FORMAT. A button's title must have 1 to {LONGEST_TITLE} characters."
    return None


def _misplaced(body: str) -> str | None:
    """Variables at an end of the body, side by side, or too many for its words."""
    places = list(PLACE.finditer(body.strip()))
    if not places:
        return None
    if places[0].start() == 0 or places[-1].end() == len(body.strip()):
        return "INVALID_FORMAT. Variables can't be at the start or end of the template."
    if any(not body.strip()[one.end() : other.start()].strip() for one, other in pairwise(places)):
        return "INVALID_FORMAT. Variables can't stand side by side."
    if len(re.findall(r"\w+", PLACE.sub(" ", body))) < 2 * len(places) + 1:
        return "INVALID_FORMAT. This template has too many variables for its length."
    return None


def category_of(asked: str, types: Mapping[str, Any]) -> str:
    """What Meta takes it for: utility that sells is marketing."""
    body, _ = bodies_of(types)
    return MARKETING if asked == UTILITY and _SELLS.search(body) else asked
