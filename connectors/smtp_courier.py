"""Mails to a relay from an event loop: connections are kept, commands pipelined where it allows that (RFC 2920)."""

import asyncio
from collections.abc import Sequence
from types import TracebackType

from connectors import Message, Outcome, PermanentFailure
from connectors.mail_headers import is_one_address
from connectors.mail_text import compose
from connectors.smtp_line import Line, LineLost, open_line
from connectors.smtp_replies import (
    NotSent,
    Reply,
    concluded,
    not_reached,
    refused_data,
    refused_recipient,
    refused_sender,
    silence,
    unknown_script,
)
from connectors.smtp_settings import Relay
from data.words import FailureScope

_MOST_MAILS = 100  # over one connection: relays begin to refuse somewhere above
# Until the relay waits for the text, connecting included: with the silence after it well inside a call's deadline, for
# a call that is cut off is doubt, and a relay that is slow to greet has not taken anything.
_OFFER_SECONDS = 22.0


class SmtpCourier:
    """`carry` of one message at a time over one of its connections. An async context manager."""

    def __init__(self, relay: Relay, timeout: float, parallel: int) -> None:
        self._relay = relay
        self._timeout = timeout
        self._parallel = parallel
        self._idle: list[Line] = []

    async def __aenter__(self) -> "SmtpCourier":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self._idle:
            self._idle.pop().leave()

    async def carry(self, messages: Sequence[Message], parcel_id: str | None = None) -> Sequence[Outcome]:
        """Whatever fails before the final dot is certainly not sent; silence after it is doubt.

        A kept connection that turns out to be dead, or that the relay ends (421), before the message's text was begun
        is replaced once: nothing of the message can have been taken.
        """
        (message,) = messages  # most_per_call is 1
        if not is_one_address(message.to):
            return [PermanentFailure("invalid_address", "not one email address", FailureScope.ADDRESS)]
        message_id = f"{message.attempt_id}@{self._relay.domain}"
        payload = compose(message, self._relay.sender, message_id) + b".\r\n"
        try:
            async with asyncio.timeout(_OFFER_SECONDS):
                waiting = await self._line_for(message.to)
        except NotSent as refused:
            return [refused.outcome]
        except TimeoutError as error:
            return [not_reached(error)]
        if not isinstance(waiting, Line):
            return [waiting]
        return [await self._finish(waiting, payload, message_id)]

    async def _line_for(self, to: str) -> Line | Outcome:
        """A line whose relay waits for the text of a mail to this recipient; else what it said instead."""
        while True:
            line = self._kept()
            is_kept = line is not None
            line = line or await open_line(self._relay, self._timeout)
            try:
                refusal = await self._offer(line, to)
            except LineLost as error:
                if is_kept:
                    continue
                return not_reached(error, has_session=True)
            except BaseException:
                line.close()
                raise
            if refusal is None:  # and hung up at once: not a byte of the text has left
                return line if line.is_open else not_reached(LineLost("closed"), has_session=True)
            line.close()
            if not (is_kept and str(getattr(refusal, "code", "")).startswith("421")):
                return refusal

    def _kept(self) -> Line | None:
        while self._idle:
            line = self._idle.pop()
            if line.is_open:
                return line
        return None

    async def _offer(self, line: Line, to: str) -> Outcome | None:
        """MAIL, RCPT and DATA; None when the relay waits for the text. Raises LineLost or AccountStopped."""
        option = ""
        if not to.isascii():
            if "smtputf8" not in line.extensions:
                return unknown_script()
            option = " SMTPUTF8"
        commands = (
            f"MAIL FROM:<{self._relay.bounces}>{option}\r\n".encode(),
            f"RCPT TO:<{to}>\r\n".encode(),
            b"DATA\r\n",
        )
        replies: list[Reply] = []
        if "pipelining" in line.extensions:
            replies = await line.say(b"".join(commands), 3)
        for n in range(3):
            if len(replies) == n:
                replies += await line.say(commands[n])
            code = replies[n].code
            if n == 0 and code != 250:
                return refused_sender(replies[n])
            if n == 1 and code not in (250, 251):
                return refused_recipient(replies[n])
            if n == 2 and code != 354:
                return refused_data(replies[n])
        return None

    async def _finish(self, line: Line, payload: bytes, message_id: str) -> Outcome:
        """The text with its final dot, and the relay's word on it. No word is Unclear."""
        try:
            [reply] = await line.say(payload)
        except LineLost as error:
            raise silence(error) from None
        line.mails += 1
        if reply.code == 250 and line.mails < _MOST_MAILS and line.is_open and len(self._idle) < self._parallel:
            self._idle.append(line)
        else:
            line.leave()
        return concluded(reply, message_id)
