"""What Twilio posts to web/: statuses of our messages and customers' texts, believed only with a good signature."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from urllib.parse import parse_qs, parse_qsl, urlsplit

from twilio.request_validator import (  # type: ignore[import-untyped]
    SIGNATURE_HEADER,
    SIGNATURE_SETTINGS_HEADER,
    RequestValidator,
    get_signature_algorithm,
)

from connectors import Callback, ConfigurationError, ForgedCallback, MalformedCallback, ProviderEvent
from connectors.twilio.codes import INBOUND_STATUSES
from connectors.twilio.events import PROVIDER, status_event, text_event
from connectors.twilio.settings import TwilioSettings

_MAX_FIELDS = 200


class _Form:
    """A posted form, names repeated or not, as the SDK's validator asks for it."""

    def __init__(self, body: bytes) -> None:
        self._values: dict[str, list[str]] = {}
        # Blank values are signed too. Unknown names are kept: Twilio adds some without notice, and signs them.
        for name, value in parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=_MAX_FIELDS):
            self._values.setdefault(name, []).append(value)

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def getall(self, name: str) -> list[str]:
        return self._values[name]

    def first(self, name: str) -> str | None:
        return self._values.get(name, [""])[0] or None

    def plain(self) -> dict[str, str | list[str]]:
        return {name: values[0] if len(values) == 1 else values for name, values in self._values.items()}


class TwilioCallbacks:
    """Verifies X-Twilio-Signature over the URL that Twilio called and every field, then parses."""

    name = PROVIDER

    def __init__(self, settings: TwilioSettings, dated_by: Callable[[], datetime] | None = None) -> None:
        """`dated_by` dates what is pushed: Twilio's callbacks carry no time of their own."""
        if not settings.auth_token and not settings.webhook_secret:
            raise ConfigurationError("Set TWILIO_AUTH_TOKEN: callbacks are signed with it.")
        self._token = settings.auth_token
        self._shared_key = settings.webhook_secret
        self._now = dated_by or (lambda: datetime.now(UTC))

    def read_callback(self, url: str, headers: Mapping[str, str], body: bytes) -> Callback:
        """One event. `url`: the public one, to the byte, with its query. There is no replay window: keys tell."""
        try:
            form = _Form(body)
        except ValueError:
            raise ForgedCallback("not a form: Twilio posts application/x-www-form-urlencoded") from None
        self._verify(url, headers, form)
        sid = form.first("MessageSid") or form.first("SmsSid") or form.first("SmsMessageSid")
        if not sid:
            raise MalformedCallback("a field MessageSid was expected")
        status = form.first("MessageStatus")
        sms_status = form.first("SmsStatus")
        is_text = status in INBOUND_STATUSES or (not status and sms_status in (None, *INBOUND_STATUSES))
        if is_text:
            return Callback([self._text(sid, form)])
        attempt_ids = parse_qs(urlsplit(url).query).get("s", [])
        code = _code(form.first("ErrorCode"))
        attempt_id = attempt_ids[0] if attempt_ids else None
        event = status_event(sid, status or sms_status or "", code, self._now(), attempt_id, raw=form.plain())
        return Callback([event])

    def _verify(self, url: str, headers: Mapping[str, str], form: _Form) -> None:
        settings_header = headers.get(SIGNATURE_SETTINGS_HEADER.lower())
        # With that header a SharedKey has signed; without it the account's primary Auth Token.
        secret = (self._shared_key or self._token) if settings_header else (self._token or self._shared_key)
        signature = headers.get(SIGNATURE_HEADER.lower(), "")
        algorithm = get_signature_algorithm(settings_header)
        is_good = (
            secret
            and signature
            and RequestValidator(secret.get_secret_value()).validate(url, form, signature, algorithm)
        )
        if not is_good:
            raise ForgedCallback("the signature does not match")

    def _text(self, sid: str, form: _Form) -> ProviderEvent:
        sender = form.first("From")
        if not sender:
            raise MalformedCallback("an inbound text without From")
        return text_event(
            sid, sender, form.first("Body") or "", self._now(), form.first("OptOutType"), raw=form.plain()
        )


def _code(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and int(text) else None
