"""What Twilio tells about messages: asked for here, pushed in callbacks.py. Both make the same events, key for key."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog

from connectors import ProviderEvent
from connectors.storable import storable_text
from connectors.transport import CONNECT_SECONDS, READ_SECONDS, ReadFailed
from connectors.twilio.client import Gone, TwilioClients, moment
from connectors.twilio.codes import event_of, keyword_kind, reason_of, retry_of, scope_of, template_of
from connectors.twilio.settings import TwilioSettings
from data.words import AddressKind, Channel, EventKind, SuppressionReason

PROVIDER = "twilio"
_AT_ONCE = 5  # Twilio limits concurrent requests for each account, and answers 20429 above it
_FAILURES_TO_GIVE_UP = 5  # in a row: then it is Twilio, not a message
_MAX_PAGES = 200
_WHATSAPP = "whatsapp:"
_E164 = re.compile(r"\+[1-9][0-9]{2,14}")

log = structlog.get_logger(__name__)


class TwilioEvents:
    """Asks how open messages stand and what customers texted."""

    name = PROVIDER
    trust_delay = timedelta(minutes=30)  # fresh rows were seen to show late in the list (twilio-java issue 442)

    def __init__(
        self, settings: TwilioSettings, timeout: tuple[float, float] = (CONNECT_SECONDS, READ_SECONDS)
    ) -> None:
        self._settings = settings
        self._clients = TwilioClients(settings, timeout)

    def poll(self, open_messages: Sequence[str], since: datetime, until: datetime) -> Iterable[ProviderEvent]:
        """Inbound texts first, for a STOP must not wait behind statuses; then one fetch for each open message.

        Raises AccountStopped, or ReadFailed when texts cannot be read or several fetches in a row fail. A single
        message that cannot be read is left for the next time.
        """
        yield from self._inbound(since, until)
        failures = unread = 0
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="twilio-poll") as pool:
            for start in range(0, len(open_messages), 20 * _AT_ONCE):
                for answer in pool.map(self._standing, open_messages[start : start + 20 * _AT_ONCE]):
                    failures = failures + 1 if isinstance(answer, ReadFailed) else 0
                    unread += isinstance(answer, ReadFailed)
                    if failures >= _FAILURES_TO_GIVE_UP and isinstance(answer, ReadFailed):
                        raise answer
                    if isinstance(answer, ProviderEvent):
                        yield answer
        if unread:
            log.warning("twilio statuses not read", count=unread)

    def _standing(self, sid: str) -> ProviderEvent | ReadFailed | None:
        """How one message stands; None when Twilio no longer has it."""
        try:
            message, _time = self._clients.read(lambda client: client.messages(sid).fetch())
        except Gone:
            return None
        except ReadFailed as error:
            return error
        at = moment(message.date_updated) or moment(message.date_sent) or moment(message.date_created)
        if at is None:
            return ReadFailed("Twilio's answer carried no time")
        return status_event(sid, message.status or "", message.error_code, at, None, raw=_plain(message))

    def _inbound(self, since: datetime, until: datetime) -> Iterator[ProviderEvent]:
        """Texts to our numbers. The list filters by GMT day; the moments are cut here."""
        # Documented is a GMT day, the OpenAPI file wants a time: its midnight. In UTC, for the SDK converts no zone.
        first_day = since.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        for to in self._our_addresses():
            for messages, _time in self._clients.pages({**to, "date_sent_after": first_day}, _MAX_PAGES):
                yield from self._texts(messages, since, until)
                times = [time for m in messages if (time := moment(m.date_sent))]
                if times and max(times) < since:  # newest first: nothing wanted follows
                    break

    def _our_addresses(self) -> list[dict[str, str]]:
        """The `To` of what customers text; a service whose numbers we are not told is read without that filter."""
        numbers = [n for n in (self._settings.sender, self._settings.whatsapp_from) if n]
        if self._settings.whatsapp_from and not self._settings.whatsapp_from.startswith("whatsapp:"):
            numbers[-1] = f"whatsapp:{numbers[-1]}"
        if self._settings.messaging_service_sid and not self._settings.sender:
            return [{}]
        return [{"to": number} for number in numbers]

    def _texts(self, messages: Sequence[Any], since: datetime, until: datetime) -> Iterator[ProviderEvent]:
        for message in messages:
            at = moment(message.date_sent) or moment(message.date_created)
            if message.direction == "inbound" and message.sid and at is not None and since <= at <= until:
                event = text_event(message.sid, message.from_ or "", message.body or "", at, None, raw=_plain(message))
                if event.address:  # else only the callback says whose it is, and must not find its key used up
                    yield event


def status_event(
    sid: str, status: str, code: int | None, at: datetime, attempt_id: str | None, *, raw: Mapping[str, Any]
) -> ProviderEvent:
    """How one of our messages stands. Key: "{sid}:{status}:{code}"."""
    kind = event_of(status)
    is_failed = kind is EventKind.FAILED
    return ProviderEvent(
        provider=PROVIDER,
        key=f"{sid}:{status}:{code or ''}",
        kind=kind,
        occurred_at=at,
        attempt_id=attempt_id,
        provider_message_id=sid,
        code=str(code) if code else (status if is_failed or kind is EventKind.UNKNOWN else None),
        reason=(status if status == "canceled" else reason_of(code)) if is_failed else None,
        scope=scope_of(code, has_pictures=sid.startswith("MM")) if is_failed else None,
        retry=retry_of(code) if is_failed else None,
        template=template_of(code) if is_failed else None,
        raw=raw,
    )


def text_event(
    sid: str,
    sender: str,
    text: str,
    at: datetime,
    opt_out_type: str | None,
    *,
    raw: Mapping[str, Any],
    whatsapp_id: str | None = None,
) -> ProviderEvent:
    """What a customer texted. Key: "{sid}:received:".

    `opt_out_type` is Twilio's own judgement, where it has one: it knows keywords that were set there only, and is not
    told when polled; so where it judges otherwise than the words it counts besides them: "{sid}:received:stop".
    `whatsapp_id`: the number of somebody who writes under a name of WhatsApp's; without it such a text is nobody's.
    """
    kind = keyword_kind(text, opt_out_type)
    judged = "" if kind is keyword_kind(text) else (opt_out_type or "").lower()
    reasons = {
        EventKind.UNSUBSCRIBED: SuppressionReason.STOP_KEYWORD.value,
        EventKind.RESUBSCRIBED: SuppressionReason.START_KEYWORD.value,
    }
    number = _number(sender) or _number(f"+{whatsapp_id}")
    return ProviderEvent(
        provider=PROVIDER,
        key=f"{sid}:received:{judged}",
        kind=kind,
        occurred_at=at,
        address=number,
        address_kind=AddressKind.PHONE if number else None,
        reason=reasons.get(kind),
        channel=Channel.WHATSAPP if sender.startswith(_WHATSAPP) else Channel.SMS,
        text=storable_text(text),
        raw=raw,
    )


def _number(sender: str) -> str | None:
    """ "whatsapp:+13125550100" and "+13125550100" are a number, "whatsapp:US.2847..." is none."""
    number = sender.removeprefix(_WHATSAPP)
    return number if _E164.fullmatch(number) else None


def _plain(message: Any) -> dict[str, Any]:
    """What of the SDK's object is worth keeping, in the names that a callback uses."""
    return {
        "MessageSid": message.sid,
        "MessageStatus": message.status,
        "From": message.from_,
        "To": message.to,
        "ErrorCode": message.error_code,
        "Direction": message.direction,
        "Body": message.body if message.direction == "inbound" else None,
        "DateUpdated": str(message.date_updated) if message.date_updated else None,
        "polled": True,
    }
