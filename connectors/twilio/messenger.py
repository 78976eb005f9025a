"""Hands messages to Twilio, once each, and looks for those whose fate is not known."""

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
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
from connectors.addresses import is_loopback
from connectors.transport import CONNECT_SECONDS, READ_SECONDS, ReadFailed, Unclear, never_left
from connectors.twilio.client import Refusal, TwilioClients, moment
from connectors.twilio.codes import Treatment, meaning_of, reason_of, scope_of, template_of
from connectors.twilio.courier import TwilioCourier
from connectors.twilio.form import Form
from connectors.twilio.settings import PUBLIC_HOST, TwilioSettings
from data.words import Channel, FailureScope

_SID = re.compile(r"(SM|MM)[0-9a-fA-F]{32}")
_HIGHEST_CODE = 999_999
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_PUMPING_PROTECTION = 30450  # lasts 15 to 30 minutes
_CLOCK_MARGIN = timedelta(minutes=15)  # our clock and Twilio's may differ by this much
_MAX_PAGES = 20  # of 1,000 messages to one number


class TwilioMessenger:
    """SMS and WhatsApp. Safe to call from several threads."""

    name = "twilio"
    most_per_call = 1

    def __init__(
        self, settings: TwilioSettings, timeout: tuple[float, float] = (CONNECT_SECONDS, READ_SECONDS)
    ) -> None:
        self._settings = settings
        self._clients = TwilioClients(settings, timeout)
        self.channels = frozenset(c for c in (Channel.SMS, Channel.WHATSAPP) if not settings.missing_for(c))

    def send(self, message: Message) -> Outcome:
        """POST Messages.json, once. The attempt's id travels in its own StatusCallback."""
        form = self._compose(message)
        if not isinstance(form, dict):
            return form
        try:
            # The SDK's own request, host-tied; not its `messages.create`, so that `courier` and this share every word.
            answer = self._clients.client().request("POST", self._clients.create_url(PUBLIC_HOST), data=form)
        except requests.RequestException as error:
            if never_left(error):
                reason = f"Twilio was not reached: {type(error).__name__}"
                return TemporaryFailure("not_connected", reason, is_throttle=True)
            # Without the cause: its text holds the account, and a log may print it.
            raise Unclear(f"Twilio did not answer: {type(error).__name__}") from None
        return _conclude(answer.status_code, answer.text, message)

    def courier(self, parallel: int) -> TwilioCourier:
        """The same call as `send` makes, from an event loop and on kept connections."""
        poster = self._clients.poster(parallel)
        return TwilioCourier(poster, self._clients.create_url(), compose=self._compose, conclude=_conclude)

    def _compose(self, message: Message) -> Form | Outcome:
        """What Messages.json is posted for a message, in Twilio's own names; an outcome when it cannot leave.

        Raises ConfigurationError for a channel that has no sender here.
        """
        if message.channel not in self.channels:
            missing = ", ".join(self._settings.missing_for(message.channel)) or "another connector"
            raise ConfigurationError(f"Twilio cannot carry {message.channel.value} here: it needs {missing}.")
        if not _E164.fullmatch(message.to):
            return PermanentFailure("invalid_number", "not a phone number in E.164 form", FailureScope.ADDRESS)
        said = _said(message)
        if not isinstance(said, dict):
            return said
        form: Form = {**self._addressing(message), **said}
        callback = self._settings.status_callback(message.attempt_id)
        if callback:
            form["StatusCallback"] = callback
        return form

    def _addressing(self, message: Message) -> dict[str, str]:
        if message.channel is Channel.WHATSAPP:
            return {"To": f"whatsapp:{message.to}", "From": _whatsapp(self._settings.whatsapp_from or "")}
        if self._settings.messaging_service_sid:
            return {"To": message.to, "MessagingServiceSid": self._settings.messaging_service_sid}
        return {"To": message.to, "From": self._settings.sender or ""}

    def sender(self, channel: Channel) -> str:
        """The number or messaging service that the channel's messages leave from."""
        if channel is Channel.WHATSAPP:
            return self._settings.whatsapp_from or ""
        return self._settings.messaging_service_sid or self._settings.sender or ""

    def look_up(self, doubt: Doubt) -> LookUp:
        """Read everything sent to the number and look for the request's own link.

        Filtered by `To` alone: a DateSent filter hides what was not sent yet (its date_sent is null).
        """
        if doubt.channel is Channel.WHATSAPP:
            # The stored body of a template may not be what was rendered: nothing to recognise it by.
            return CannotTell("WhatsApp messages cannot be recognised at Twilio", is_final=True)
        try:
            pages = list(self._clients.pages({"to": doubt.to}, _MAX_PAGES))
        except ReadFailed as error:
            return CannotTell(str(error))
        except AccountStopped as error:
            return CannotTell(error.reason)
        provider_time = pages[0][1]  # of the first: what came later is not covered
        matches = [m for messages, _time in pages for m in messages if _has_link(m, doubt.link)]
        last = datetime.max.replace(tzinfo=UTC)
        made = [(moment(m.date_created) or last, m.sid) for m in matches]
        recent = [pair for pair in made if pair[0] >= doubt.handed_at - _CLOCK_MARGIN]
        if recent:
            return Found(min(recent)[1])
        if matches:  # an earlier attempt, or a clock that is far off: not ours to call absent
            return CannotTell("Twilio has this request's link in an older message only", is_final=True)
        if provider_time is None:
            return CannotTell("Twilio's answer carried no time")
        return Absent(provider_time)

    def check(self) -> Sequence[Fault]:
        """Ask for one message, and see whether callbacks can come back."""
        faults = []
        try:
            self._clients.read(lambda client: client.messages.page(page_size=1))
        except ConfigurationError as error:
            faults.append(Fault(str(error), "Check TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN."))
        except ReadFailed as error:
            faults.append(Fault(str(error), "Check the network, AFTERWORD_TWILIO_URL, and status.twilio.com."))
        if self._settings.status_callback("x") is None:
            faults.append(
                Fault(
                    "Twilio cannot call back: AFTERWORD_PUBLIC_URL is this machine only",
                    "Set AFTERWORD_PUBLIC_URL to the https address of web/. Until then statuses are polled.",
                )
            )
        elif not is_loopback(self._settings.public_url) and not self._settings.public_url.startswith("https://"):
            faults.append(Fault("Callbacks would travel in plain text", "Give AFTERWORD_PUBLIC_URL an https address."))
        return faults


def _said(message: Message) -> Form | Outcome:
    """The text itself; over WhatsApp a template's id and values: free text goes only in answer to a customer."""
    if message.channel is not Channel.WHATSAPP:
        pictures: Form = {"MediaUrl": list(message.media_urls)} if message.media_urls else {}
        return {"Body": message.text, **pictures}
    if not message.template_id:
        return PermanentFailure("no_template", "WhatsApp messages need a template's id", FailureScope.MESSAGE)
    if not all(message.template_values.values()):
        return PermanentFailure("empty_value", "WhatsApp takes no empty value in a template", FailureScope.MESSAGE)
    values = json.dumps(dict(message.template_values), ensure_ascii=False)
    return {"ContentSid": message.template_id, "ContentVariables": values}


def _whatsapp(number: str) -> str:
    return number if number.startswith("whatsapp:") else f"whatsapp:{number}"


def _has_link(message: Any, link: str) -> bool:
    """Told by the link's token, which is random: AFTERWORD_PUBLIC_URL may differ from when the message was written."""
    token = link.rpartition("/")[2]
    return bool(message.direction == "outbound-api" and f"/{token}" in (message.body or ""))


def _conclude(status: int, content: str | bytes, message: Message) -> Outcome:
    """What the whole answer to a message's create proves; the status is the answer's own, whatever its body says.

    Raises AccountStopped, or Unclear for all that is neither an accepted message nor a 4xx of Twilio's own.
    """
    try:
        answer = json.loads(content if isinstance(content, str) else content.decode("utf-8"))
    except ValueError:
        answer = None
    named = answer if isinstance(answer, dict) else {}
    if 200 <= status < 300:
        sid = named.get("sid")
        if not isinstance(sid, str) or not _SID.fullmatch(sid):
            raise Unclear("Twilio answered without naming the message")
        return Accepted(sid)
    if 300 <= status < 400:
        raise Unclear(f"HTTP {status} from Twilio's address: redirects are not followed")
    code = named.get("code")
    refusal = Refusal(status, code if isinstance(code, int) and 10_000 <= code <= _HIGHEST_CODE else None)
    return _outcome_of(refusal, has_pictures=bool(message.media_urls))


def _outcome_of(refusal: Refusal, *, has_pictures: bool) -> Outcome:
    """An error answer to a create: only Twilio's own 4xx proves that nothing was sent."""
    refusal.stop_if_account()
    code = refusal.code
    if code is None or not 400 <= refusal.status < 500:
        raise Unclear(f"Twilio's address answered HTTP {refusal.status} without an error of its own") from None
    meaning = meaning_of(code)
    if meaning is Treatment.THROTTLE or refusal.status == 429:
        return TemporaryFailure(str(code), reason_of(code), is_throttle=True)
    if meaning is Treatment.TEMPLATE:
        return TemporaryFailure(str(code), reason_of(code), template=template_of(code))
    if meaning is Treatment.LATER:
        wait = timedelta(minutes=30) if code == _PUMPING_PROTECTION else None
        return TemporaryFailure(str(code), reason_of(code), retry_after=wait)
    return PermanentFailure(str(code), reason_of(code), scope_of(code, has_pictures=has_pictures))
