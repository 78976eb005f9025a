"""Plain SMTP: e-mail through a relay of one's own, one recipient a transaction.

What cannot be had here: no relay can be asked afterwards what became of a message, so doubt stays doubt until a person
decides; and bounces come back as mail to the sender's box, which Afterword does not read.
"""

import re
import smtplib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import formataddr, formatdate

from connectors import (
    Accepted,
    AccountStopped,
    CannotTell,
    ConfigurationError,
    Doubt,
    Fault,
    LookUp,
    Message,
    Outcome,
    PermanentFailure,
    TemporaryFailure,
)
from connectors.mail_headers import is_one_address, one_line
from connectors.smtp_settings import Relay, SmtpSettings
from connectors.transport import Unclear
from data.words import Channel, FailureScope

PROVIDER = "smtp"
_SILENCE_SECONDS = 20.0
# Not every relay takes eight bits; and long links must stay whole in their headers.
_POLICY = SMTP_POLICY.clone(cte_type="7bit", max_line_length=900)
_ENHANCED = re.compile(rb"^\s*([245]\.\d{1,3}\.\d{1,3})")


class SmtpMessenger:
    """E-mail through a relay: a connection for each message. Safe to call from several threads."""

    name = PROVIDER
    channels = frozenset({Channel.EMAIL})

    def __init__(self, settings: SmtpSettings, timeout: float = _SILENCE_SECONDS) -> None:
        if not settings.address:
            raise ConfigurationError("Set AFTERWORD_SMTP_URL.")
        self._relay = Relay.parse(settings.address.get_secret_value())
        self._timeout = timeout

    def send(self, message: Message) -> Outcome:
        """Whatever fails before the final dot is certainly not sent; silence after it is doubt."""
        if not is_one_address(message.to):
            return PermanentFailure("invalid_address", "not one e-mail address", FailureScope.ADDRESS)
        host = self._relay.sender.partition("@")[2]
        message_id = f"{message.attempt_id}@{host}"
        payload = _compose(message, self._relay.sender, message_id)
        try:
            client = self._connect()
        except _Refused as refused:
            return refused.outcome
        try:
            refusal = self._offer(client, message.to, payload)
            if refusal:
                return refusal
            reply = _finish(client)
        finally:
            client.close()
        if reply.code == 250:
            return Accepted(message_id)
        if reply.is_temporary:
            return TemporaryFailure(reply.text, "the relay refused the message for now", is_throttle=reply.code == 421)
        if reply.is_permanent:
            return PermanentFailure(reply.text, "the relay refused the message", FailureScope.MESSAGE)
        raise Unclear(f"the relay answered {reply.code} to the message")

    def _connect(self) -> smtplib.SMTP:
        """A session that may send. Raises _Refused or AccountStopped; nothing has left then."""
        relay = self._relay
        try:
            if relay.scheme == "smtps":
                client: smtplib.SMTP = smtplib.SMTP_SSL(
                    relay.host, relay.port, timeout=self._timeout, context=ssl.create_default_context()
                )
            else:
                client = smtplib.SMTP(relay.host, relay.port, timeout=self._timeout)
        except (OSError, smtplib.SMTPException) as error:
            raise _Refused(_not_reached(error)) from None
        try:
            client.ehlo_or_helo_if_needed()
            if relay.scheme == "smtp+starttls":
                client.starttls(context=ssl.create_default_context())
                client.ehlo()
            if relay.user and relay.password:
                client.login(relay.user, relay.password)
        except smtplib.SMTPAuthenticationError as error:
            client.close()
            if 400 <= error.smtp_code < 500:
                raise _Refused(TemporaryFailure(str(error.smtp_code), "the relay cannot sign us in now")) from None
            raise AccountStopped(str(error.smtp_code), "the relay refused user and password") from None
        except smtplib.SMTPNotSupportedError:
            client.close()
            raise AccountStopped("not_supported", "the relay does not offer STARTTLS or signing in") from None
        except (OSError, smtplib.SMTPException) as error:
            client.close()
            raise _Refused(_not_reached(error)) from None
        return client

    def _offer(self, client: smtplib.SMTP, to: str, payload: bytes) -> Outcome | None:
        """MAIL, RCPT, DATA and the text without its final dot; None when the relay may now be told to take it."""
        needs_utf8 = not to.isascii()
        if needs_utf8 and not client.has_extn("smtputf8"):
            return PermanentFailure("smtputf8", "the relay takes no such address", FailureScope.ADDRESS)
        try:
            if needs_utf8:
                client.command_encoding = "utf-8"
            reply = _Reply.of(client.mail(self._relay.sender, ["SMTPUTF8"] if needs_utf8 else []))
            if reply.code != 250:
                return _refused_sender(reply)
            reply = _Reply.of(client.rcpt(to))
            if reply.code not in (250, 251):
                return _refused_recipient(reply)
            reply = _Reply.of(client.docmd("DATA"))
            if reply.code != 354:
                if reply.is_permanent:
                    return PermanentFailure(reply.text, "the relay refused the message", FailureScope.MESSAGE)
                return TemporaryFailure(reply.text, "the relay takes no message now")
            client.send(payload)  # a message without its dot must not be delivered (RFC 5321, 4.1.1.4)
        except (OSError, smtplib.SMTPException) as error:
            return _not_reached(error)
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
        except _Refused as refused:
            return [Fault(refused.outcome.reason, "Check host, port and certificate in AFTERWORD_SMTP_URL.")]
        except AccountStopped as error:
            return [Fault(error.reason, "Check user and password in AFTERWORD_SMTP_URL.")]
        client.close()
        return []


class _Refused(Exception):
    def __init__(self, outcome: TemporaryFailure) -> None:
        super().__init__(outcome.reason)
        self.outcome = outcome


@dataclass(frozen=True, slots=True)
class _Reply:
    """A relay's answer: its code and, where given, the enhanced one. Its text is left: it quotes the address."""

    code: int
    enhanced: str

    @classmethod
    def of(cls, answer: tuple[int, bytes]) -> "_Reply":
        found = _ENHANCED.match(answer[1])
        return cls(answer[0], found[1].decode("ascii") if found else "")

    @property
    def text(self) -> str:
        return f"{self.code} {self.enhanced}".strip()

    @property
    def is_temporary(self) -> bool:
        return 400 <= self.code < 500

    @property
    def is_permanent(self) -> bool:
        return 500 <= self.code < 600


def _not_reached(error: Exception) -> TemporaryFailure:
    code = error.smtp_code if isinstance(error, smtplib.SMTPResponseException) else "not_connected"
    return TemporaryFailure(str(code), f"the relay was not reached: {type(error).__name__}")


def _refused_sender(reply: _Reply) -> Outcome:
    """MAIL FROM: our own address or session is at fault, so no other message would fare better."""
    if reply.is_permanent:
        raise AccountStopped(reply.text, "the relay does not let us send as this sender")
    return TemporaryFailure(reply.text, "the relay takes no message now", is_throttle=reply.code == 421)


def _refused_recipient(reply: _Reply) -> Outcome:
    if reply.code == 530:
        raise AccountStopped(reply.text, "the relay wants us to sign in")
    if not reply.is_permanent:
        return TemporaryFailure(reply.text, "the relay does not take this recipient now", is_throttle=reply.code == 421)
    # RFC 3463: policy, the relay and the network say nothing against the address.
    is_route = reply.enhanced.startswith(("5.7.", "5.3.", "5.4.")) or (reply.code == 554 and not reply.enhanced)
    if is_route:
        return PermanentFailure(reply.text, "the relay does not send to this recipient", FailureScope.ROUTE)
    return PermanentFailure(reply.text, "no such mailbox", FailureScope.ADDRESS)


def _finish(client: smtplib.SMTP) -> _Reply:
    """The final dot, and the relay's word on it. No word is Unclear: it may have taken the message."""
    try:
        client.send(b".\r\n")
        return _Reply.of(client.getreply())
    except (OSError, smtplib.SMTPException) as error:
        raise Unclear(f"the relay fell silent after the message: {type(error).__name__}") from None


def _compose(message: Message, sender: str, message_id: str) -> bytes:
    """The mail as it travels: CRLF line ends, dots doubled, without the final dot."""
    mail = EmailMessage(policy=_POLICY.clone(utf8=not message.to.isascii()))
    mail["Message-ID"] = f"<{message_id}>"
    mail["Date"] = formatdate()
    mail["From"] = formataddr((one_line(message.from_name), sender)) if message.from_name else sender
    mail["To"] = message.to
    mail["Subject"] = one_line(message.subject or "")
    if message.reply_to:
        mail["Reply-To"] = one_line(message.reply_to)
    if message.unsubscribe_url:  # RFC 8058
        mail["List-Unsubscribe"] = f"<{one_line(message.unsubscribe_url)}>"
        mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers
    mail.set_content(message.text)
    if message.html:
        mail.add_alternative(message.html, subtype="html")
    lines = mail.as_bytes()
    stuffed = re.sub(rb"(?m)^\.", b"..", lines)
    return stuffed if stuffed.endswith(b"\r\n") else stuffed + b"\r\n"
