"""What Mailgun refuses, and in which words; its filter expressions.

Sources: the examples in Mailgun's OpenAPI file; https://documentation.mailgun.com/docs/mailgun/user-manual/events
"""

import json
import re
from collections.abc import Callable, Mapping
from email.utils import getaddresses
from enum import StrEnum
from typing import Any

from starlette.datastructures import FormData
from starlette.responses import JSONResponse


class MailEvent(StrEnum):
    """Mailgun's own words for what happened to a mail (EventType), those that are played."""

    ACCEPTED = "accepted"
    DELIVERED = "delivered"
    FAILED = "failed"
    OPENED = "opened"
    CLICKED = "clicked"
    UNSUBSCRIBED = "unsubscribed"
    COMPLAINED = "complained"


PERMANENT, TEMPORARY = "permanent", "temporary"
MOST_RECIPIENTS = 1000
MOST_BYTES = 25 * 1024 * 1024  # of a message
MOST_OPTIONS = 16 * 1024  # bytes of o:, h:, v: and t: together
VARIABLE = re.compile(r"%recipient\.([^%\s]+)%")
ADDRESS = re.compile(r"[^@\s<>,;]+@[^@\s<>,;]+\.[^@\s<>,;]+")
SUPPRESSED = {
    "suppress-bounce": (605, "Not delivering to previously bounced address"),
    "suppress-unsubscribe": (606, "Not delivering to unsubscribed address"),
    "suppress-complaint": (607, "Not delivering to a user who marked your messages as spam"),
}
FILTERS = {
    "event": "event",
    "recipient": "recipient",
    "message-id": "message_id",
    "severity": "severity",
    "subject": "subject",
    "to": "header_to",
}
UNPLAYED_FILTERS = frozenset({"list", "attachment", "from", "size", "recipients", "tags"})


def refuse(status: int, message: str) -> JSONResponse:
    """An error answer."""
    return JSONResponse({"message": message}, status)


def forbidden() -> JSONResponse:
    """401: a bare word, a JSON string by Mailgun's OpenAPI file."""
    return JSONResponse("Forbidden", 401)


def too_many(domain: str) -> JSONResponse:
    """429; no Retry-After is documented, the text says when."""
    text = f"Domain {domain} is not allowed to send: account-requests-per-sec limit exceeded, try again after 2 seconds"
    return refuse(429, text)


def recipients_of(form: FormData) -> list[str]:
    """Every bare address in to, cc and bcc, which may repeat and may hold commas."""
    given = [str(value) for name in ("to", "cc", "bcc") for value in form.getlist(name)]
    return [address for _, address in getaddresses(given)]


def recipient_variables(form: FormData) -> dict[str, dict[str, Any]] | None:
    """What differs, by recipient's bare address; None without the parameter. Raises ValueError when it is not that."""
    given = form.get("recipient-variables")
    if given is None:
        return None
    variables = json.loads(str(given))
    if not isinstance(variables, dict) or not all(isinstance(own, dict) for own in variables.values()):
        raise ValueError("not a dictionary of dictionaries")
    return variables


def filler(variables: Mapping[str, Mapping[str, Any]] | None, recipient: str) -> Callable[[str], str]:
    """Puts a recipient's variables in, once: what they hold is not looked at again. Unknown ones stay as they are."""
    if variables is None:
        return lambda text: text
    own = variables.get(recipient, {})
    return lambda text: VARIABLE.sub(lambda found: str(own.get(found[1], found[0])), text)


def what_is_wrong(form: FormData) -> str | None:
    """Mailgun's words for the first fault of a message, if it has one."""
    if not form.get("from"):
        return "from parameter is missing"
    addresses = recipients_of(form)
    if not form.get("to"):
        return "to parameter is missing"
    if not addresses or not all(ADDRESS.fullmatch(address) for address in addresses):
        return "to parameter is not a valid address. please check documentation"
    if len(addresses) > MOST_RECIPIENTS:
        return f"The number of recipients exceeds {MOST_RECIPIENTS}"
    if not form.get("subject"):
        return "subject parameter is missing"
    if not any(form.get(name) for name in ("text", "html", "amp-html", "template")):
        return "Need at least one of 'text', 'html', 'amp-html' or 'template' parameters specified"
    if form.get("html") and form.get("template"):
        return "Only one parameters 'html' or 'template' is allowed."
    try:
        recipient_variables(form)
    except ValueError:
        return "recipient-variables is not a valid JSON dictionary of dictionaries"
    options = sum(len(k) + len(str(v)) for k, v in form.multi_items() if k[:2] in {"o:", "h:", "v:", "t:"})
    if options > MOST_OPTIONS:
        return "Send options (parameters starting with o:, h:, or v:) are limited to 16KB total"
    return None


def filter_sql(query: Mapping[str, str]) -> tuple[list[str], list[Any]]:
    """SQL for the filter expressions `a`, `a OR b`, `NOT a`, `"a"`. Raises ValueError naming what is not played."""
    wheres: list[str] = []
    values: list[Any] = []
    for name, given in query.items():
        if name in UNPLAYED_FILTERS:
            raise ValueError(f"the filter {name} is not played by the sandbox")
        if name not in FILTERS or not given:
            continue
        is_negated = given.upper().startswith("NOT ")
        words = [word.strip().strip('"').lower() for word in re.split(r"\s+OR\s+", given[4:] if is_negated else given)]
        marks = ", ".join("?" * len(words))
        wheres.append(f"coalesce(lower({FILTERS[name]}), '') {'not in' if is_negated else 'in'} ({marks})")
        values += words
    return wheres, values
