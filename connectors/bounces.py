"""Mails about mails in our words: bounces (RFC 3464, and the plain text of Exim and qmail) and complaints (RFC 5965).

| what it says | in our words |
| --- | --- |
| Action: failed | FAILED; its scope by `enhanced_codes` |
| Action: delayed | DELAYED: the server goes on trying |
| Action: delivered, relayed, expanded | ACCEPTED_BY_SERVER, as Mailgun's `delivered` |
| X-Failed-Recipients, or qmail's own form | FAILED |
| Feedback-Type: abuse, fraud | COMPLAINED |

Which message it is about, the mail that is given back says: our Message-ID is `<attempt@domain>`, and where a relay
wrote another over it, the boundary between its parts names the attempt too. MIME is the standard library's to read.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from email import message_from_bytes, message_from_string
from email.message import Message as Mail
from email.utils import getaddresses, parsedate_to_datetime
from typing import Any

from connectors.enhanced_codes import ENHANCED, has_detail, scope_of
from connectors.mail_report import MailReport
from connectors.smtp_settings import PROVIDER
from connectors.storable import storable
from data.words import EventKind, FailureScope, SuppressionReason

_STATUS_PARTS = ("message/delivery-status", "message/global-delivery-status")
_FEEDBACK_PART = "message/feedback-report"
_RETURNED_MAILS = ("message/rfc822", "message/global", "message/global-headers")
_RETURNED_HEADERS = ("text/rfc822-headers", "message/rfc822-headers")

_ACTIONS = {
    "failed": EventKind.FAILED,
    "delayed": EventKind.DELAYED,
    "delivered": EventKind.ACCEPTED_BY_SERVER,
    "relayed": EventKind.ACCEPTED_BY_SERVER,
    "expanded": EventKind.ACCEPTED_BY_SERVER,
}
_COMPLAINTS = ("abuse", "fraud")

_OUR_ID = re.compile(r"<?([0-9a-f]{24,32})@")
_OUR_BOUNDARY = re.compile(r"=_(?:alternative|mixed)_([0-9a-f]{24,32})")  # mail_text
_STATUS = re.compile(ENHANCED)
_NUMBER = re.compile(rf"(?<![\w.])([45]\d\d)[ -](?:#?({ENHANCED})(?![\d.]))?")  # "550 5.1.1 …", "550-5.1.1 …", "550 …"
_COPY_BEGINS = re.compile(r"(?m)^-{3,} ?(?:This is a copy of|The header of the original|Below this line is a copy).*$")
_QMAIL_SAYS = "Hi. This is the "
_QMAIL_FAILED = re.compile(r"(?m)^<([^<>\s]+@[^<>\s]+)>:\s*$")
_NESTING = re.compile(rb"(?i)boundary\s*=|message/")
_MOST_NESTING = 64  # each level costs the parser all lines below it once more; a bounce of ours has five
_LONGEST_FIELD = 500
_MOST_FIELDS = 40
_MOST_RECIPIENTS = 20  # ours have one; an alias of theirs may have more


class NestedTooDeeply(Exception):
    """No server builds such a mail: whoever did wants it to take long."""


def read_mail(content: bytes) -> tuple[MailReport, ...]:
    """What a mail reports, by recipient; nothing for any other mail. Raises whatever it is that breaks the parser."""
    if len(_NESTING.findall(content)) > _MOST_NESTING:
        raise NestedTooDeeply
    mail = message_from_bytes(content)
    parts = list(_parts(mail))
    for part in parts:
        if part.get_content_type() in _STATUS_PARTS:
            return tuple(_of_status(mail, parts, part))
    for part in parts:
        if part.get_content_type() == _FEEDBACK_PART:
            return tuple(_of_complaint(mail, parts, part))
    return tuple(_of_text(mail))


def _parts(mail: Mail) -> Iterator[Mail]:
    """Those that are no multiparts, not descending into mails that are given back: what they report is not ours."""
    if mail.get_content_maintype() != "multipart":
        yield mail
        return
    for part in _inner(mail):
        yield from _parts(part)


def _inner(part: Mail) -> Sequence[Mail]:
    """The mails or parts inside; none where there should be some and are not."""
    payload = part.get_payload()
    return [one for one in payload if isinstance(one, Mail)] if isinstance(payload, list) else []


def _of_status(mail: Mail, parts: Sequence[Mail], status: Mail) -> Iterator[MailReport]:
    """A delivery status notification: fields of the message, then those of each recipient."""
    groups = list(_groups(status))
    of_message = next((group for group in groups if _said(group, "Final-Recipient") == ""), Mail())
    ids = _attempt_ids([*_returned(parts)], [mail, of_message])
    for group in [group for group in groups if _said(group, "Final-Recipient")][:_MOST_RECIPIENTS]:
        found = [*_STATUS.findall(_said(group, "Status")), ""]
        number, enhanced = _codes(_said(group, "Diagnostic-Code"), found[0])
        kind = _kind(_said(group, "Action"), enhanced)
        if kind is None:
            continue
        is_failed = kind is EventKind.FAILED
        scope = scope_of(number, enhanced) if is_failed else None
        yield MailReport(
            PROVIDER,
            ids,
            _addresses(group, "Original-Recipient", "Final-Recipient"),
            kind,
            _date(mail),
            code=_code(number, enhanced, _said(group, "Action")),
            reason=_reason(kind, scope, enhanced),
            scope=scope,
            raw=_raw(message=of_message, recipient=group),
        )


def _groups(status: Mail) -> Iterator[Mail]:
    """The groups of fields, an empty line between them. The library takes apart only the older of the two types."""
    for group in _inner(status):
        yield group
        rest = group.get_payload()
        if isinstance(rest, str):
            yield from (message_from_string(text) for text in rest.replace("\r\n", "\n").split("\n\n") if text.strip())


def _of_complaint(mail: Mail, parts: Sequence[Mail], feedback: Mail) -> Iterator[MailReport]:
    for fields in _inner(feedback)[:1]:
        if _said(fields, "Feedback-Type").lower() in _COMPLAINTS:
            yield MailReport(
                PROVIDER,
                _attempt_ids([*_returned(parts)], []),
                _addresses(fields, "Original-Rcpt-To"),
                EventKind.COMPLAINED,
                _date(mail),
                reason=SuppressionReason.COMPLAINED.value,
                raw=_raw(complaint=fields),
            )


def _of_text(mail: Mail) -> Iterator[MailReport]:
    """Exim before 4.83, and qmail: for readers only, with what was sent below a line."""
    text = _text(mail)
    failed = _addresses(mail, "X-Failed-Recipients")
    said, line, copy = _apart(text)
    if not failed and text.startswith(_QMAIL_SAYS):
        failed = tuple(_QMAIL_FAILED.findall(said))
    if not line:
        return
    ids = _attempt_ids([message_from_string(copy)], [])
    for address in failed[:_MOST_RECIPIENTS]:
        about = said[max(said.find(address), 0) :]
        number, enhanced = _codes(about, "")
        scope = scope_of(number, enhanced)
        yield MailReport(
            PROVIDER,
            ids,
            (address,),
            EventKind.FAILED,
            _date(mail),
            code=_code(number, enhanced, "failed"),
            reason=_reason(EventKind.FAILED, scope, enhanced),
            scope=scope,
            raw=storable({"said": about[:_LONGEST_FIELD]}),
        )


def _text(mail: Mail) -> str:
    """The first part that is text."""
    part = next((part for part in _parts(mail) if part.get_content_type() == "text/plain"), None)
    content = part.get_payload(decode=True) if part is not None else None
    return content.decode("utf-8", "replace").replace("\r\n", "\n") if isinstance(content, bytes) else ""


def _apart(text: str) -> tuple[str, str, str]:
    """What the server says, the line below it, and the mail that it gives back."""
    line = _COPY_BEGINS.search(text)
    return (text[: line.start()], line[0], text[line.end() :].lstrip("\n")) if line else (text, "", "")


def _returned(parts: Sequence[Mail]) -> Iterator[Mail]:
    """The mail that is given back, or its headers."""
    for part in parts:
        kind = part.get_content_type()
        if kind in _RETURNED_MAILS:
            yield from _inner(part)[:1]
        elif kind in _RETURNED_HEADERS:
            content = part.get_payload(decode=True)
            if isinstance(content, bytes):
                yield message_from_bytes(content)
            else:
                yield from _inner(part)[:1]


def _attempt_ids(returned: Sequence[Mail], others: Sequence[Mail]) -> tuple[str, ...]:
    """Ours, each once: of the mail given back first, then of the mail that this one answers (Exchange, Gmail)."""
    ids: list[str] = []
    for mail in returned:
        ids += _OUR_ID.findall(_said(mail, "Message-ID"))
        ids += _OUR_BOUNDARY.findall(_said(mail, "Content-Type"))
    for mail in others:
        for name in ("X-Original-Message-ID", "Original-Message-ID", "In-Reply-To", "References"):
            ids += _OUR_ID.findall(_said(mail, name))
    return tuple(dict.fromkeys(ids))[:5]


def _said(fields: Mail, name: str) -> str:
    """A field in one line; empty where it is not there."""
    return " ".join(str(fields.get(name, "")).split())


def _addresses(fields: Mail, *names: str) -> tuple[str, ...]:
    """What stands in these fields, without the type before it ("rfc822; ana@example.com")."""
    told = [str(value) for name in names for value in fields.get_all(name, [])]
    bare = [text.partition(";")[2] or text for text in told]
    return tuple(dict.fromkeys(address for _, address in getaddresses(bare) if "@" in address))


def _codes(told: str, status: str) -> tuple[int | None, str]:
    """The server's number, and the enhanced code: the status, or the server's own where that has no detail."""
    found = _NUMBER.search(told)
    number = int(found[1]) if found else None
    of_server = str(found[2] or "") if found else ""
    return number, of_server if has_detail(of_server) and not has_detail(status) else status or of_server


def _kind(action: str, enhanced: str) -> EventKind | None:
    """By the action, which some servers leave out."""
    word = action.lower().partition(" ")[0]
    by_class = {"5": "failed", "4": "delayed", "2": "delivered"}
    return _ACTIONS.get(word or by_class.get(enhanced[:1], ""))


def _code(number: int | None, enhanced: str, word: str) -> str:
    return f"{number or ''} {enhanced}".strip() or word.lower()[:64]


def _reason(kind: EventKind, scope: FailureScope | None, enhanced: str) -> str | None:
    """Ours: the server's words quote the address."""
    if kind is EventKind.DELAYED:
        return "not delivered yet; the server goes on trying"
    if kind is not EventKind.FAILED:
        return None
    if scope is FailureScope.ADDRESS:
        return "no such mailbox"
    if enhanced.startswith("4."):
        return "the server gave up after trying for days"
    of_detail = {"2.2": "the mailbox is full", "2.3": "the message is too large", "3.4": "the message is too large"}
    policy = "refused by a rule of the recipient's server" if enhanced.startswith("5.7.") else ""
    return of_detail.get(enhanced[2:]) or policy or "the recipient's server refused the message"


def _date(mail: Mail) -> datetime | None:
    try:
        told = parsedate_to_datetime(str(mail.get("Date", "")))
        return told.astimezone(UTC) if told.tzinfo else told.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def _raw(**groups: Mail) -> Any:
    """The fields of the report, for whoever looks later; never the mail that was given back."""
    told = {name: fields.items()[:_MOST_FIELDS] for name, fields in groups.items()}
    return storable({name: [[field, _cut(value)] for field, value in fields] for name, fields in told.items()})


def _cut(value: object) -> str:
    return " ".join(str(value).split())[:_LONGEST_FIELD]
