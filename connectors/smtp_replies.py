"""What a relay's replies prove, shared by `send` and the courier. Codes: RFC 5321, enhanced ones RFC 3463.

Before the final dot everything is certainly not sent; after it, only the relay's own word says what became of it.
"""

import re
import smtplib
from dataclasses import dataclass

from connectors import Accepted, AccountStopped, Outcome, PermanentFailure, TemporaryFailure
from connectors.enhanced_codes import ENHANCED, scope_of
from connectors.transport import Unclear
from data.words import FailureScope

_ENHANCED = re.compile(rb"^\s*(%s)" % ENHANCED.encode())


class NotSent(Exception):
    """There is no session that could send: nothing has left."""

    def __init__(self, outcome: TemporaryFailure) -> None:
        super().__init__(outcome.reason)
        self.outcome = outcome


@dataclass(frozen=True, slots=True)
class Reply:
    """A relay's answer: its code and, where given, the enhanced one. Its text is left: it quotes the address."""

    code: int
    enhanced: str

    @classmethod
    def of(cls, answer: tuple[int, bytes]) -> "Reply":
        """From code and text, as smtplib gives them."""
        found = _ENHANCED.match(answer[1])
        return cls(answer[0], found[1].decode("ascii") if found else "")

    @property
    def text(self) -> str:
        """ "550 5.1.1"."""
        return f"{self.code} {self.enhanced}".strip()

    @property
    def is_temporary(self) -> bool:
        """Of the 400s."""
        return 400 <= self.code < 500

    @property
    def is_permanent(self) -> bool:
        """Of the 500s."""
        return 500 <= self.code < 600


def not_reached(error: Exception, *, has_session: bool = False) -> TemporaryFailure:
    """There was no session, which is no message's fault and uses up none of its tries; or one broke before the dot."""
    code = error.smtp_code if isinstance(error, smtplib.SMTPResponseException) else "not_connected"
    reason = f"the relay was not reached: {type(error).__name__}"
    return TemporaryFailure(str(code), reason, is_throttle=not has_session)


def refused_sign_in(code: int) -> NotSent:
    """AUTH was refused. Raises AccountStopped unless it was for now only."""
    if 400 <= code < 500:
        return NotSent(TemporaryFailure(str(code), "the relay cannot sign us in now"))
    raise AccountStopped(str(code), "the relay refused user and password") from None


def no_sign_in() -> AccountStopped:
    """It offers no STARTTLS, or no way to sign in."""
    return AccountStopped("not_supported", "the relay does not offer STARTTLS or signing in")


def refused_sender(reply: Reply) -> Outcome:
    """MAIL FROM: our own address or session is at fault, so no other message would fare better."""
    if reply.is_permanent:
        raise AccountStopped(reply.text, "the relay does not let us send as this sender")
    return TemporaryFailure(reply.text, "the relay takes no message now", is_throttle=reply.code == 421)


def refused_recipient(reply: Reply) -> Outcome:
    """RCPT TO."""
    if reply.code in (503, 530):  # 503: "AUTH first", or whatever else our session lacks; nothing against the address
        raise AccountStopped(reply.text, "the relay wants us to sign in")
    if not reply.is_permanent:
        return TemporaryFailure(reply.text, "the relay does not take this recipient now", is_throttle=reply.code == 421)
    # RFC 3463: policy, the relay and the network.
    is_route = reply.enhanced.startswith(("5.7.", "5.3.", "5.4.")) or (reply.code == 554 and not reply.enhanced)
    if is_route:
        return PermanentFailure(reply.text, "the relay does not send to this recipient", FailureScope.ROUTE)
    if scope_of(reply.code, reply.enhanced) is FailureScope.ADDRESS:
        return PermanentFailure(reply.text, "no such mailbox", FailureScope.ADDRESS)
    return PermanentFailure(reply.text, "the relay refused the message", FailureScope.MESSAGE)


def refused_data(reply: Reply) -> Outcome:
    """DATA."""
    if reply.is_permanent:
        return PermanentFailure(reply.text, "the relay refused the message", FailureScope.MESSAGE)
    return TemporaryFailure(reply.text, "the relay takes no message now", is_throttle=reply.code == 421)


def unknown_script() -> Outcome:
    """An address that is not ASCII, at a relay without SMTPUTF8."""
    return PermanentFailure("smtputf8", "the relay takes no such address", FailureScope.ADDRESS)


def concluded(reply: Reply, message_id: str) -> Outcome:
    """The reply to the final dot. Raises Unclear for one that is neither taking nor refusing."""
    if reply.code == 250:
        return Accepted(message_id)
    if reply.is_temporary:
        return TemporaryFailure(reply.text, "the relay refused the message for now", is_throttle=reply.code == 421)
    if reply.is_permanent:
        return PermanentFailure(reply.text, "the relay refused the message", FailureScope.MESSAGE)
    raise Unclear(f"the relay answered {reply.code} to the message")


def silence(error: Exception) -> Unclear:
    """No reply to the final dot: the relay may have taken the message."""
    return Unclear(f"the relay fell silent after the message: {type(error).__name__}")
