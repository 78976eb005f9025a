"""Mailgun: e-mail over plain HTTPS, no automatic retry. Many at once: mailgun_courier.py; events: mailgun_events.py.

Its own SDK is not used: by default it posts a message again after a 5xx or a read timeout. AFTERWORD_MAILGUN_URL is
https://api.mailgun.net, or https://api.eu.mailgun.net for a domain of the EU region (the wrong region answers 404).
"""

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from email.utils import formataddr
from typing import Any

import requests

from connectors import (
    Absent,
    Accepted,
    AccountStopped,
    CannotTell,
    ConfigurationError,
    Doubt,
    Fault,
    Found,
    LookUp,
    Message,
    Outcome,
    PermanentFailure,
    TemporaryFailure,
)
from connectors.mail_headers import is_one_address, one_line
from connectors.mailgun_api import (
    PARCEL,
    PROVIDER,
    MailgunApi,
    MailgunSettings,
    Part,
    Timeout,
    message_id_of,
    name_of,
    object_of,
    own_name,
    variable_of,
)
from connectors.mailgun_codes import ACCOUNT_WORDS, is_bad_address, is_limit, wait_of
from connectors.mailgun_courier import MOST_RECIPIENTS, MailgunCourier
from connectors.transport import CONNECT_SECONDS, READ_SECONDS, ReadFailed, Unclear, never_left, provider_clock
from data.words import Channel, FailureScope

_KEPT_FOR = timedelta(days=1)  # the shortest retention of events that Mailgun documents (free plan)
_MESSAGE_ID = re.compile(r"[!-~]{1,150}")
# Our Message-Id names one attempt, so a wide window costs nothing, and a clock that is days off hides nothing.
_WINDOW = timedelta(days=4)


class MailgunMessenger:
    """E-mail. Safe to call from several threads."""

    name = PROVIDER
    channels = frozenset({Channel.EMAIL})
    most_per_call = MOST_RECIPIENTS

    def __init__(self, settings: MailgunSettings, timeout: Timeout = (CONNECT_SECONDS, READ_SECONDS)) -> None:
        self._api = MailgunApi(settings, timeout)
        self._sender = one_line(settings.sender or f"reviews@{settings.domain}")
        if not is_one_address(self._sender):
            raise ConfigurationError("MAILGUN_FROM must be one email address, without a name.")

    def send(self, message: Message) -> Outcome:
        """One message to one recipient, named by our own Message-Id so that it can be found again."""
        fields = self._compose(message)
        if not isinstance(fields, list):
            return fields
        try:
            response = self._api.post_message(fields)
        except requests.RequestException as error:
            if never_left(error):
                reason = f"Mailgun was not reached: {type(error).__name__}"
                return TemporaryFailure("not_connected", reason, is_throttle=True)
            raise Unclear(f"Mailgun did not answer: {type(error).__name__}") from None
        return _conclude(response.status_code, response.headers, response.content)

    def courier(self, parallel: int) -> MailgunCourier:
        """The same call as `send` makes, from an event loop; and many recipients in one call."""
        poster, url = self._api.poster(parallel), self._api.messages_url
        return MailgunCourier(poster, url, self._api.domain, compose=self._compose, conclude=_conclude)

    def _compose(self, message: Message) -> list[Part] | Outcome:
        if not is_one_address(message.to):
            return PermanentFailure("invalid_address", "not one email address", FailureScope.ADDRESS)
        return self._fields(message)

    def _fields(self, message: Message) -> list[Part]:
        sender = formataddr((one_line(message.from_name), self._sender)) if message.from_name else self._sender
        fields: list[Part] = [
            ("from", sender),
            ("to", message.to),
            ("subject", one_line(message.subject or "")),
            ("text", message.text),
            ("h:Message-Id", f"<{message.attempt_id}@{self._api.domain}>"),
            ("v:attempt_id", message.attempt_id),
            ("o:tracking-opens", "yes"),
            ("o:tracking-clicks", "no"),  # our links are our own: rewritten ones would not be the request's
        ]
        if message.html:
            fields.append(("html", message.html))
        if message.reply_to:
            fields.append(("h:Reply-To", one_line(message.reply_to)))
        if message.unsubscribe_url:  # RFC 8058: both, or the mail program shows no button
            fields.append(("h:List-Unsubscribe", f"<{one_line(message.unsubscribe_url)}>"))
            fields.append(("h:List-Unsubscribe-Post", "List-Unsubscribe=One-Click"))
        fields += [("attachment", picture) for picture in message.pictures]
        return fields

    def sender(self, channel: Channel) -> str:
        """The domain: limits and refusals are a domain's."""
        return self._api.domain

    def look_up(self, doubt: Doubt) -> LookUp:
        """Ask for events by our Message-Id, then by recipient and attempt in case the id was not honoured."""
        message_id = f"{doubt.attempt_id}@{self._api.domain}"
        begin = str(int((doubt.handed_at - _WINDOW).timestamp()))
        window = {"begin": begin, "ascending": "yes", "limit": "300"}
        try:
            by_id = self._api.events({**window, "message-id": message_id})
            for event in (event for page in by_id for event in page):
                return Found(name_of(event) or message_id)
            by_recipient = self._api.events({**window, "recipient": doubt.to})
            for event in (event for page in by_recipient for event in page):
                if _is_ours(event, doubt):
                    named = message_id_of(event) or message_id
                    return Found(own_name(named, doubt.attempt_id) if doubt.parcel_id else named)
        except ReadFailed as error:
            return CannotTell(str(error))
        except AccountStopped as error:
            return CannotTell(error.reason)
        provider_time = by_id.provider_time
        if provider_time is None:
            return CannotTell("Mailgun's answer carried no time")
        if provider_time - doubt.handed_at > _KEPT_FOR:
            return CannotTell("older than Mailgun surely keeps events", is_final=True)
        return Absent(provider_time)

    def check(self) -> Sequence[Fault]:
        """Ask for one event: proves address, region, key and domain, and that the key may read."""
        try:
            next(iter(self._api.events({"ascending": "no", "limit": "1"})), None)
        except AccountStopped as error:
            return [
                Fault(error.reason, "Check MAILGUN_API_KEY. A domain sending key can only send: use an account key.")
            ]
        except ReadFailed as error:
            region = "A 404 means MAILGUN_DOMAIN is unknown in this region: AFTERWORD_MAILGUN_URL names the region."
            return [Fault(str(error), f"Check the network and AFTERWORD_MAILGUN_URL. {region}")]
        return []


def _is_ours(event: Mapping[str, Any], doubt: Doubt) -> bool:
    """An event of the recipient's that names the attempt, or the parcel that it travelled in."""
    if variable_of(event, "attempt_id") == doubt.attempt_id:
        return True
    return bool(doubt.parcel_id) and (message_id_of(event) or "").startswith(f"{PARCEL}{doubt.parcel_id}.")


def _conclude(status: int, headers: Mapping[str, str], content: bytes) -> Outcome:
    """What the whole answer to a send proves. Raises AccountStopped or Unclear."""
    if status != 200:
        return _outcome_of(status, headers, content)
    named = object_of(status, content).get("id")
    if not isinstance(named, str) or not _MESSAGE_ID.fullmatch(named.strip("<> ")):
        raise Unclear("Mailgun answered without naming the message")
    return Accepted(named.strip("<> "))


def _outcome_of(status: int, headers: Mapping[str, str], content: bytes) -> Outcome:
    """An answer to a send that is not 200. Only Mailgun's own 4xx proves that nothing was sent."""
    code = str(status)
    if status in (401, 402, 403):
        raise AccountStopped(code, f"Mailgun refused the account: HTTP {status}")
    if not 400 <= status < 500:
        raise Unclear(f"Mailgun's address answered HTTP {status}")
    text = object_of(status, content).get("message")
    if not isinstance(text, str):
        raise Unclear(f"Mailgun's address answered HTTP {status} without an error of its own")
    if status == 429:
        if not is_limit(text):
            raise Unclear("HTTP 429 that is not Mailgun's own")
        wait = wait_of(text, provider_clock(headers))
        return TemporaryFailure(code, "Mailgun's rate limit", retry_after=wait, is_throttle=True)
    if status == 404:
        raise AccountStopped(code, "Mailgun does not know the domain: MAILGUN_DOMAIN, or the region of its address")
    if any(word in text.lower() for word in ACCOUNT_WORDS):
        raise AccountStopped(code, "Mailgun: the account or domain is not activated or verified")
    if status == 400 and is_bad_address(text):
        return PermanentFailure(code, "not a valid address", FailureScope.ADDRESS)
    if status in (400, 413):
        return PermanentFailure(code, "Mailgun refused the message", FailureScope.MESSAGE)
    raise Unclear(f"Mailgun's address answered HTTP {status}")
