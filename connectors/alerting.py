"""How alerts and digests leave: a signed webhook, and e-mail through the provider that carries e-mail anyway.

The webhook is a POST of JSON `{"topic", "subject", "text", "written_at"}`. Whoever receives it verifies the header
`Afterword-Signature`: hex HMAC-SHA256, under AFTERWORD_ALERT_WEBHOOK_SECRET, of the header `Afterword-Timestamp`
(seconds since 1970), a dot, and the body as it came. `topic` and `written_at` name a notice: one that comes again is
the same.
"""

import hashlib
import hmac
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import requests
from pydantic import SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from connectors import (
    Accepted,
    AccountStopped,
    ConfigurationError,
    Fault,
    Message,
    Messenger,
    Unavailable,
)
from connectors.addresses import is_loopback
from connectors.mail_headers import is_one_address, one_line
from connectors.registry import open_messengers, require_loopback
from connectors.transport import CONNECT_SECONDS, new_session, quiet_loggers
from data.words import Channel, NoticeWay

_READ_SECONDS = 10.0


class AlertSettings(BaseSettings):
    """`AFTERWORD_ALERT_…`; all explained in .env.example."""

    model_config = SettingsConfigDict(
        env_prefix="AFTERWORD_ALERT_", frozen=True, env_ignore_empty=True, hide_input_in_errors=True
    )

    webhook: SecretStr | None = None  # many such addresses are secrets themselves
    webhook_secret: SecretStr | None = None
    email: str | None = None


class Carrier(Protocol):
    """One way in which notices leave."""

    @property
    def way(self) -> NoticeWay:
        """Its name."""

    def tell(self, topic: str, subject: str, text: str, written_at: datetime) -> None:
        """Hand a notice over, once. Raises Unavailable, with a code and no secret in its text, when it was not taken.

        `topic` ("alert 12 raised") and `written_at` are the same when it is told again.
        """


@dataclass(frozen=True)
class Ways:
    """The ways that can be used, and what is wrong with those that are configured and cannot."""

    carriers: Sequence[Carrier]
    faults: Sequence[Fault]


def open_ways(*, only_loopback: bool) -> Ways:
    """What the environment configures; never raises, because one wrong way must not silence the other.

    `only_loopback`: nothing may leave this machine (a demo).
    """
    carriers: list[Carrier] = []
    faults: list[Fault] = []
    try:
        settings = AlertSettings()
    except ValidationError:
        return Ways((), (Fault("AFTERWORD_ALERT_… cannot be read.", "Every variable is explained in .env.example."),))
    if settings.webhook:
        try:
            carriers.append(Webhook(settings, only_loopback=only_loopback))
        except ConfigurationError as problem:
            faults.append(_fault(problem))
    if settings.email:
        try:
            if only_loopback:
                require_loopback()
            carriers.append(Mail(settings.email, open_messengers([Channel.EMAIL])))
        except ConfigurationError as problem:
            faults.append(_fault(problem))
    return Ways(tuple(carriers), tuple(faults))


class Webhook:
    """A POST to an address of the operator's."""

    way = NoticeWay.WEBHOOK

    def __init__(self, settings: AlertSettings, *, only_loopback: bool = False) -> None:
        """Raises ConfigurationError, without the address: it may be a secret."""
        url = settings.webhook.get_secret_value() if settings.webhook else ""
        if not url.startswith(("https://", "http://")) or (url.startswith("http://") and not is_loopback(url)):
            raise ConfigurationError("AFTERWORD_ALERT_WEBHOOK is no https address. Set it to one, or unset it.")
        if only_loopback and not is_loopback(url):
            raise ConfigurationError(
                "AFTERWORD_ALERT_WEBHOOK leaves this machine, and this is a demo. Unset it, or use a loopback address."
            )
        if not settings.webhook_secret:
            raise ConfigurationError(
                "AFTERWORD_ALERT_WEBHOOK has no secret to sign with. Set AFTERWORD_ALERT_WEBHOOK_SECRET, "
                "for example to what `openssl rand -hex 32` prints."
            )
        self._url = url
        self._secret = settings.webhook_secret.get_secret_value().encode()
        quiet_loggers()

    def tell(self, topic: str, subject: str, text: str, written_at: datetime) -> None:
        """One POST, redirects not followed; any 2xx means that it was taken."""
        told = {"topic": topic, "subject": subject, "text": text, "written_at": written_at.isoformat()}
        body = json.dumps(told, ensure_ascii=False).encode()
        timestamp = str(int(time.time()))
        headers = {
            "Content-Type": "application/json",
            "Afterword-Timestamp": timestamp,
            "Afterword-Signature": sign(self._secret, timestamp, body),
        }
        try:
            with (
                new_session(direct=is_loopback(self._url)) as session,
                session.post(
                    self._url, data=body, headers=headers, timeout=(CONNECT_SECONDS, _READ_SECONDS),
                    allow_redirects=False, stream=True,
                ) as response,
            ):  # fmt: skip
                status = response.status_code  # of the answer's body not a byte is read
        except (requests.RequestException, ValueError) as problem:
            raise Unavailable(f"the webhook did not answer: {type(problem).__name__}") from None
        if not 200 <= status < 300:
            raise Unavailable(f"the webhook answered HTTP {status}")


class Mail:
    """A mail to one address of the operator's; a group's address reaches several."""

    way = NoticeWay.EMAIL

    def __init__(self, address: str, messengers: Mapping[Channel, Messenger]) -> None:
        """Raises ConfigurationError, without the address."""
        if not is_one_address(address):
            raise ConfigurationError("AFTERWORD_ALERT_EMAIL is not one email address, such as ops@example.com.")
        messenger = messengers.get(Channel.EMAIL)
        if messenger is None:
            raise ConfigurationError(
                "AFTERWORD_ALERT_EMAIL is set, and nobody carries email. Configure a provider, or use a webhook."
            )
        self._address, self._messenger = address, messenger

    def tell(self, topic: str, subject: str, text: str, written_at: datetime) -> None:
        """One mail, by its own path: no suppression, quota or quiet hour of customers' holds it."""
        message = Message(
            attempt_id=f"notice-{_identity(topic, written_at)}",
            channel=Channel.EMAIL,
            to=self._address,
            subject=one_line(subject),
            text=text,
            link="",
            from_name="Afterword",
        )
        try:
            outcome = self._messenger.send(message)
        except AccountStopped as stopped:
            raise Unavailable(f"the email provider refuses the account: {stopped.code}") from None
        except Exception as problem:  # noqa: BLE001  (whatever it was may quote the address)
            raise Unavailable(f"the email provider's answer is unclear: {type(problem).__name__}") from None
        if not isinstance(outcome, Accepted):
            raise Unavailable(f"the email provider did not take it: {outcome.code}")


def sign(secret: bytes, timestamp: str, body: bytes) -> str:
    """What `Afterword-Signature` holds."""
    return hmac.new(secret, timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def _identity(topic: str, written_at: datetime) -> str:
    """The same each time this notice is told, another for any other: ledgers number their alerts alike."""
    return hashlib.sha256(f"{topic} {written_at.isoformat()}".encode()).hexdigest()[:24]


def _fault(problem: ConfigurationError) -> Fault:
    """Our own refusals say what is wrong in the first sentence and what to do in the rest."""
    what, _, mend = str(problem).partition(". ")
    return Fault(f"{what}.", mend or "Correct it or unset it; .env.example explains each variable.")
