"""A mail relay on loopback that behaves as a test says: takes, refuses, falls silent after the final dot."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session


@dataclass
class Relay:
    """`handed`: messages whose final dot arrived; `mails`: those that were taken."""

    case: str
    url: str = ""
    handed: int = 0
    mails: list[Envelope] = field(default_factory=list)

    async def handle_MAIL(  # noqa: N802  # the names that aiosmtpd calls
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.case == "refuses_account":
            return "550 5.7.1 sender not allowed"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        answers = {
            "unknown_mailbox": "550 5.1.1 no such user", "no_relaying": "554 5.7.1 relay access denied",
            "greylists": "451 4.7.1 try later",
        }  # fmt: skip
        if self.case in answers:
            return f"{answers[self.case]} <{address}>"
        if self.case == "drops_at_rcpt":
            _abort(server)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.handed += 1
        if self.case == "breaks":
            _abort(server)
            return "250 never seen"
        if self.case == "hangs":
            await asyncio.Event().wait()  # for ever: the session ends when the client hangs up
        answers = {"babbles": "299 hm", "refuses_text": "554 5.6.0 content", "is_full": "452 4.3.1 no space"}
        if self.case in answers:
            return answers[self.case]
        self.mails.append(envelope)
        return "250 OK"


def _abort(server: SMTP) -> None:
    transport: Any = server.transport
    transport.abort()


@contextmanager
def relay(case: str, **options: Any) -> Iterator[Relay]:
    """A relay on a free port of 127.0.0.1; `url` as http, for whoever asks only for host and port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    it = Relay(case, f"http://127.0.0.1:{port}")
    controller = Controller(it, hostname="127.0.0.1", port=port, **options)
    controller.start()
    try:
        yield it
    finally:
        controller.stop()
