"""What Twilio posts to web/: statuses of our messages and customers' texts, believed only with a good signature."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from connectors import Callback, ConfigurationError, ForgedCallback, MalformedCallback, ProviderEvent
from connectors.storable import storable, storable_text
from connectors.twilio.codes import INBOUND_STATUSES
from connectors.twilio.events import PROVIDER, status_event, text_event
from connectors.twilio.settings import TwilioSettings
from connectors.twilio.signature import SETTINGS, Fields, fields_of, is_signed

# The signature puts no mark between names and values, so that a field can be cut elsewhere and still be signed: only
# an id that could be Twilio's is taken for one, or a text heard once could be told again as another.
_SID = re.compile(r"(SM|MM)[0-9a-fA-F]{32}")
_ATTEMPT = re.compile(r"[?&]s=([0-9A-Za-z_-]{1,64})(?=&|$)")


class _Form:
    """A posted form as it was signed."""

    def __init__(self, fields: Fields, *, has_nul: bool) -> None:
        self._fields = fields
        self._has_nul = has_nul

    def only(self, name: str) -> str | None:
        """The value of a field; None where it is absent or blank. Raises MalformedCallback for several."""
        values = self._fields.get(name)
        if values is None:
            return None
        if len(values) > 1 and len(set(values)) > 1:  # which of them is meant is not signed
            raise MalformedCallback(f"one value of {name} was expected, not several")
        return values[0] or None

    def plain(self) -> dict[str, str | list[str]]:
        """To be kept as it came, but for what no database takes."""
        plain = {name: values[0] if len(values) == 1 else [*values] for name, values in self._fields.items()}
        return storable(plain) if self._has_nul else plain


class TwilioCallbacks:
    """Verifies X-Twilio-Signature over the URL that Twilio called and every field, then parses."""

    name = PROVIDER

    def __init__(self, settings: TwilioSettings, dated_by: Callable[[], datetime] | None = None) -> None:
        """`dated_by` dates what is pushed: Twilio's callbacks carry no time of their own."""
        if not settings.auth_token and not settings.webhook_secret:
            raise ConfigurationError("Set TWILIO_AUTH_TOKEN: callbacks are signed with it.")
        self._token = settings.auth_token.get_secret_value() if settings.auth_token else ""
        self._shared_key = settings.webhook_secret.get_secret_value() if settings.webhook_secret else ""
        self._now = dated_by or (lambda: datetime.now(UTC))

    def read_callback(self, url: str, headers: Mapping[str, str], body: bytes) -> Callback:
        """One event. `url`: the public one, to the byte, with its query. There is no replay window: keys tell."""
        try:
            fields = fields_of(body)
        except ValueError:
            raise ForgedCallback("not a form: Twilio posts application/x-www-form-urlencoded, in UTF-8") from None
        # With that header a SharedKey has signed; without it the account's primary Auth Token.
        secrets = (self._shared_key, self._token) if headers.get(SETTINGS) else (self._token, self._shared_key)
        if not is_signed(secrets[0] or secrets[1], url, fields, headers):
            raise ForgedCallback("the signature does not match")
        form = _Form(fields, has_nul=b"%00" in body or b"\0" in body)
        sid = form.only("MessageSid") or form.only("SmsSid") or form.only("SmsMessageSid")
        if not sid or not _SID.fullmatch(sid):
            raise MalformedCallback("a field MessageSid was expected: SM or MM and 32 hexadecimal digits")
        status = form.only("MessageStatus")
        sms_status = form.only("SmsStatus")
        is_text = status in INBOUND_STATUSES or (not status and sms_status in (None, *INBOUND_STATUSES))
        event = self._text(sid, form) if is_text else self._status(sid, status or sms_status or "", url, form)
        return Callback([event])

    def _status(self, sid: str, status: str, url: str, form: _Form) -> ProviderEvent:
        named = _ATTEMPT.search(url)
        attempt_id = named[1] if named else None
        code = _code(form.only("ErrorCode"))
        return status_event(sid, storable_text(status)[:64], code, self._now(), attempt_id, raw=form.plain())

    def _text(self, sid: str, form: _Form) -> ProviderEvent:
        sender = form.only("From")
        if not sender:
            raise MalformedCallback("an inbound text without From")
        text = form.only("Body") or ""
        return text_event(
            sid,
            sender,
            text,
            self._now(),
            form.only("OptOutType"),
            whatsapp_id=form.only("WaId"),
            raw=form.plain(),
        )


def _code(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 and int(text) else None
