"""Plain SMTP: e-mail through a relay of one's own, one recipient a transaction.

What cannot be had here: no relay can be asked afterwards what became of a message, so doubt stays doubt until a person
decides or a bounce names the message. Bounces come back as mail to the envelope's sender: `bounces` reads them.
"""

import smtplib
import ssl
from collections.abc import Sequence

from connectors import (
    AccountStopped,
    CannotTell,
    ConfigurationError,
    Doubt,
    Fault,
    LookUp,
    Message,
    Outcome,
    PermanentFailure,
)
from connectors.mail_headers import is_one_address
from connectors.mail_text import compose
from connectors.smtp_courier import SmtpCourier
from connectors.smtp_replies import (
    NotSent,
    Reply,
    concluded,
    no_sign_in,
    not_reached,
    refused_data,
    refused_recipient,
    refused_sender,
    refused_sign_in,
    silence,
    unknown_script,
)
from connectors.smtp_settings import PROVIDER, Relay, SmtpSettings
from data.words import Channel, FailureScope

_SILENCE_SECONDS = 20.0


class SmtpMessenger:
    """E-mail through a relay; `send` makes a connection for each message. Safe to call from several threads."""

    name = PROVIDER
    channels = frozenset({Channel.EMAIL})
    most_per_call = 1

    def __init__(self, settings: SmtpSettings, timeout: float = _SILENCE_SECONDS) -> None:
        if not settings.address:
            raise ConfigurationError("Set AFTERWORD_SMTP_URL.")
        self._relay = Relay.parse(settings.address.get_secret_value())
        self._timeout = timeout

    def send(self, message: Message) -> Outcome:
        """Whatever fails before the final dot is certainly not sent; silence after it is doubt."""
        if not is_one_address(message.to):
            return PermanentFailure("invalid_address", "not one email address", FailureScope.ADDRESS)
        message_id = f"{message.attempt_id}@{self._relay.domain}"
        payload = compose(message, self._relay.sender, message_id)
        try:
            client = self._connect()
        except NotSent as refused:
            return refused.outcome
        try:
            refusal = self._offer(client, message.to, payload)
            if refusal:
                return refusal
            reply = _finish(client)
        finally:
            client.close()
        return concluded(reply, message_id)

    def courier(self, parallel: int) -> SmtpCourier:
        """The same talk as `send` has, from an event loop and over connections that are kept."""
        return SmtpCourier(self._relay, self._timeout, parallel)

    def _connect(self) -> smtplib.SMTP:
        """A session that may send. Raises NotSent or AccountStopped; nothing has left then."""
        relay = self._relay
        try:
            if relay.scheme == "smtps":
                client: smtplib.SMTP = smtplib.SMTP_SSL(
                    relay.host, relay.port, timeout=self._timeout, context=ssl.create_default_context()
                )
            else:
                client = smtplib.SMTP(relay.host, relay.port, timeout=self._timeout)
        except (OSError, smtplib.SMTPException) as error:
            raise NotSent(not_reached(error)) from None
        try:
            client.ehlo_or_helo_if_needed()
            if relay.scheme == "smtp+starttls":
                client.starttls(context=ssl.create_default_context())
                client.ehlo()
            if relay.user and relay.password:
                client.login(relay.user, relay.password)
        except smtplib.SMTPAuthenticationError as error:
            client.close()
            raise refused_sign_in(error.smtp_code) from None
        except smtplib.SMTPNotSupportedError:
            client.close()
            raise no_sign_in() from None
        except (OSError, smtplib.SMTPException) as error:
            client.close()
            raise NotSent(not_reached(error)) from None
        return client

    def _offer(self, client: smtplib.SMTP, to: str, payload: bytes) -> Outcome | None:
        """MAIL, RCPT, DATA and the text without its final dot; None when the relay may now be told to take it."""
        needs_utf8 = not to.isascii()
        if needs_utf8 and not client.has_extn("smtputf8"):
            return unknown_script()
        try:
            if needs_utf8:
                client.command_encoding = "utf-8"
            reply = Reply.of(client.mail(self._relay.bounces, ["SMTPUTF8"] if needs_utf8 else []))
            if reply.code != 250:
                return refused_sender(reply)
            reply = Reply.of(client.rcpt(to))
            if reply.code not in (250, 251):
                return refused_recipient(reply)
            reply = Reply.of(client.docmd("DATA"))
            if reply.code != 354:
                return refused_data(reply)
            client.send(payload)  # a message without its dot must not be delivered (RFC 5321, 4.1.1.4)
        except (OSError, smtplib.SMTPException) as error:
            return not_reached(error, has_session=True)
        return None

    def sender(self, channel: Channel) -> str:
        """The relay's host: limits and refusals are a relay's."""
        return self._relay.host

    def look_up(self, doubt: Doubt) -> LookUp:
        """A relay keeps no record that could be asked."""
        return CannotTell("a mail relay cannot be asked what it took", is_final=True)

    def check(self) -> Sequence[Fault]:
        """Connect, encrypt, sign in, and leave again."""
        try:
            client = self._connect()
        except NotSent as refused:
            return [Fault(refused.outcome.reason, "Check host, port and certificate in AFTERWORD_SMTP_URL.")]
        except AccountStopped as error:
            return [Fault(error.reason, "Check user and password in AFTERWORD_SMTP_URL.")]
        client.close()
        return []


def _finish(client: smtplib.SMTP) -> Reply:
    """The final dot, and the relay's word on it. No word is Unclear: it may have taken the message."""
    try:
        client.send(b".\r\n")
        return Reply.of(client.getreply())
    except (OSError, smtplib.SMTPException) as error:
        raise silence(error) from None
