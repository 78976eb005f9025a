"""Settings, messages and provider answers that the connector tests share."""

from typing import Any

from pydantic import SecretStr

from connectors import Message
from connectors.mailgun_api import MailgunSettings
from connectors.twilio.settings import TwilioSettings
from data.words import Channel

ACCOUNT = "AC" + "a" * 32
SID = "SM" + "1" * 32
NUMBER = "+13125550001"
SENDER = "+13125550100"
ATTEMPT = "0123456789abcdef0123456789abcdef"
LINK = "https://reviews.example/r/Zm9vYmFyYmF6cXV4"
CONTENT_SID = "HX" + "c" * 32
DOMAIN = "mg.acme.example"
CREATED = "Mon, 23 Nov 2026 18:00:00 +0000"


def twilio_settings(url: str, **values: Any) -> TwilioSettings:
    given = {
        "account_sid": ACCOUNT, "auth_token": SecretStr("12345"), "sender": SENDER, "messaging_service_sid": None,
        "whatsapp_from": None, "webhook_secret": None, "url": url, "public_url": "https://reviews.example",
    }  # fmt: skip
    return TwilioSettings(**{**given, **values})


def mailgun_settings(url: str, **values: Any) -> MailgunSettings:
    given = {
        "api_key": SecretStr("key-1"), "domain": DOMAIN, "sender": None, "webhook_key": SecretStr("hook-1"), "url": url,
    }  # fmt: skip
    return MailgunSettings(**{**given, **values})


def text_message(**values: Any) -> Message:
    given = {
        "attempt_id": ATTEMPT, "channel": Channel.SMS, "to": NUMBER, "link": LINK,
        "text": f"Hi Ana, how was it? {LINK}",
    }  # fmt: skip
    if values.get("channel") is Channel.WHATSAPP:
        given |= {"template_id": CONTENT_SID, "template_values": {"1": "Ana", "2": LINK.rpartition("/")[2]}}
    return Message(**{**given, **values})


def mail_message(**values: Any) -> Message:
    given = {
        "attempt_id": ATTEMPT, "channel": Channel.EMAIL, "to": "ana@example.com", "link": LINK,
        "text": f"Hi Ana,\n.how was it? {LINK}\n", "subject": "How was your visit, Ana?",
        "html": f'<p>Hi Ana, <a href="{LINK}">how was it?</a></p>', "from_name": "Acme Chicago",
        "reply_to": "desk@acme.example", "unsubscribe_url": "https://reviews.example/u/bm9ib2R5bm9ib2R5",
    }  # fmt: skip
    return Message(**{**given, **values})


def twilio_message(**values: Any) -> dict[str, Any]:
    """A message as Twilio's API shows it; `date_sent` is null until it was sent."""
    sid = values.get("sid", SID)
    given: dict[str, Any] = {
        "account_sid": ACCOUNT, "api_version": "2010-04-01", "body": f"Hi Ana, how was it? {LINK}",
        "date_created": CREATED, "date_sent": None, "date_updated": CREATED, "direction": "outbound-api",
        "error_code": None, "error_message": None, "from": SENDER, "messaging_service_sid": None, "num_media": "0",
        "num_segments": "1", "price": None, "price_unit": None, "sid": sid, "status": "queued",
        "subresource_uris": {"media": f"/2010-04-01/Accounts/{ACCOUNT}/Messages/{sid}/Media.json"},
        "to": NUMBER, "uri": f"/2010-04-01/Accounts/{ACCOUNT}/Messages/{sid}.json",
    }  # fmt: skip
    return {**given, **values}


def twilio_list(messages: list[dict[str, Any]], next_page_uri: str | None = None) -> dict[str, Any]:
    uri = f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
    return {
        "messages": messages, "page": 0, "page_size": 1000, "start": 0, "end": max(len(messages) - 1, 0), "uri": uri,
        "first_page_uri": uri, "next_page_uri": next_page_uri, "previous_page_uri": None,
    }  # fmt: skip


def twilio_error(status: int, code: int) -> dict[str, Any]:
    return {
        "code": code, "message": f"The 'To' number {NUMBER} is at fault", "status": status,
        "more_info": f"https://www.twilio.com/docs/errors/{code}",
    }  # fmt: skip


def mailgun_event(event: str, **values: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "event": event, "id": "hK7mQVt1QtqRiOfQXta4sw", "timestamp": 1795456740.5, "recipient": "ana@example.com",
        "message": {
            "headers": {
                "message-id": f"{ATTEMPT}@{DOMAIN}", "to": "ana@example.com", "from": f"reviews@{DOMAIN}",
                "subject": "How was your visit, Ana?",
            },
            "attachments": [], "size": 867,
        },
        "user-variables": {"attempt_id": ATTEMPT}, "tags": [],
    }  # fmt: skip
    return {**given, **values}
