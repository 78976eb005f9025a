"""From a template and a customer's values to the message that leaves. Values are data: they cannot open a tag,
start a line or become a template."""

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from html import escape
from typing import Any

from jinja2.exceptions import TemplateError

from connectors import ConfigurationError, Message
from data.ledger.messages import Contents
from data.words import Channel
from invitations.filling import filled
from invitations.whatsapp import values_of

_TEXT_LIMIT = 10_000  # characters of a rendered message; Twilio takes 1,600, an e-mail anything
_LINE_BREAKS_AND_MARKS = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]+|\{[{%#]|[}%#]\}")


_BLANK_LINES = re.compile(r"\n\s*\n")
_HTML_HEAD = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width,initial-scale=1"></head>'
    '<body style="margin:0;background:#f4f4f5">'
    '<div style="max-width:560px;margin:0 auto;padding:32px 24px;background:#ffffff;color:#18181b;'
    'font:16px/1.55 -apple-system,Segoe UI,Roboto,Helvetica,Arial,sans-serif">'
)


@dataclass(frozen=True, slots=True)
class Content:
    """What a message is made of. `subject` and `body` are templates; the rest are values."""

    channel: Channel
    subject: str | None
    body: str
    values: dict[str, str]  # first_name, last_name, location, employee, service
    account: str
    postal_address: str
    reply_to: str | None
    color: str
    language: str = "en"
    provider_template_id: str | None = None  # WhatsApp only


@lru_cache(maxsize=4096)  # places, services and most first names come again and again
def clean(value: str | None) -> str:
    """A customer's value as one harmless line: no line breaks, control characters or template marks."""
    value = value or ""
    if not value.isprintable() or "{" in value or "}" in value:  # most hold nothing that the pattern could find
        value = _LINE_BREAKS_AND_MARKS.sub(" ", value)
    return " ".join(value.split())


def fill(source: str, values: dict[str, str]) -> str:
    """The template with the values in it.

    Raises ConfigurationError when the template is broken or names an unknown value: that is not one message's fault.
    """
    try:
        text = filled(source, values)
    except TemplateError as problem:
        raise ConfigurationError(
            f"A template cannot be used: {problem.message}. Mend it in the account's file."
        ) from None
    except Exception as problem:  # noqa: BLE001  (a template may calculate: whatever it fails of, it is its own fault)
        raise ConfigurationError(  # the exception's text may hold a customer's value
            f"A template cannot be used: it fails of {type(problem).__name__}. Mend it in the account's file."
        ) from None
    if len(text) > _TEXT_LIMIT:
        raise ConfigurationError(f"A template renders to {len(text)} characters; {_TEXT_LIMIT} are allowed.")
    return text


def render(content: Content, *, attempt_id: str, to: str, link: str, unsubscribe_url: str) -> Message:
    """The message for one attempt. E-mails get a text and an HTML part, the postal address and a way out."""
    values = {name: clean(value) for name, value in content.values.items()}
    values["link"] = link
    body = fill(content.body, values).strip()
    if link not in body:
        raise ConfigurationError("A template does not contain {{ link }}: the customer could not answer.")
    if content.channel is Channel.WHATSAPP:
        return _by_template(content, values, Message(attempt_id, content.channel, to, body, link))
    if content.channel is not Channel.EMAIL:
        return Message(attempt_id, content.channel, to, body, link, from_name=content.values.get("location"))
    footer = f"{content.account}\n{content.postal_address}".strip()
    return Message(
        attempt_id,
        content.channel,
        to,
        f"{body}\n\n-- \n{footer}\nDon't want these messages? {unsubscribe_url}\n",
        link,
        subject=clean(fill(content.subject or "", values)),
        html=_html(body, link, footer, unsubscribe_url, content.color),
        from_name=clean(content.values.get("location")),
        reply_to=content.reply_to,
        unsubscribe_url=unsubscribe_url,
    )


def _by_template(content: Content, values: dict[str, str], message: Message) -> Message:
    """WhatsApp: what travels are the template's id and its values by number; the text is what will be read."""
    numbers = values_of(content.body, content.language, values, message.link)
    return replace(
        message,
        from_name=content.values.get("location"),
        template_id=content.provider_template_id,
        template_values=numbers,
    )


def _html(body: str, link: str, footer: str, unsubscribe_url: str, color: str) -> str:
    """The same words as the text part, the link as a button. Inline styles, because mail programs know no others."""
    href = escape(link, quote=True)
    button = (
        f'<a href="{href}" style="display:inline-block;padding:12px 22px;border-radius:8px;'
        f'background:{_escaped(color)};color:#ffffff;text-decoration:none;font-weight:600">'
        "Tell us how it was</a>"
    )
    paragraphs = []
    for paragraph in _BLANK_LINES.split(escape(body)):
        text = paragraph.strip().replace("\n", "<br>")
        if href in text:
            text = text.replace(href, button)
        paragraphs.append(f'<p style="margin:0 0 18px">{text}</p>')
    return (
        f"{_HTML_HEAD}{''.join(paragraphs)}"
        '<p style="margin:32px 0 0;padding-top:16px;border-top:1px solid #e4e4e7;color:#52525b;font-size:13px">'
        f'{_escaped(footer)}<br><a href="{escape(unsubscribe_url, quote=True)}" style="color:#52525b">'
        "Don't want these messages?</a></p></div></body></html>"
    )


@lru_cache(maxsize=1024)
def _escaped(ours: str) -> str:
    """What every message of a location repeats, its lines broken."""
    return escape(ours, quote=True).replace("\n", "<br>")


def content_of(channel: Channel, row: Any, contents: Contents) -> Content:
    """What the message of one of the `contents`' rows is made of."""
    _request_id, template_id, location_id, _address, _link, _out, first_name, last_name, employee, service = row
    _template_id, subject, body, language, provider_template_id = contents.templates[template_id]
    _location_id, location, reply_to, color, account, postal_address = contents.locations[location_id]
    values = {
        "first_name": first_name, "last_name": last_name, "location": location, "employee": employee or "",
        "service": service or "",
    }  # fmt: skip
    return Content(
        channel, subject, body, values, account, postal_address, reply_to, color, language, provider_template_id
    )
