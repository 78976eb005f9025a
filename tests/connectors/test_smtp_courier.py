"""A relay from an event loop: what `send` says and concludes, over connections that are kept."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes
from typing import Any

import pytest
from aiosmtpd.smtp import AuthResult

from connectors import Accepted, AccountStopped, Outcome, TemporaryFailure
from connectors.smtp_line import Line
from connectors.transport import Unclear
from tests.connectors.carried import carry, ending
from tests.connectors.relay import relay
from tests.connectors.samples import ATTEMPT, mail_message
from tests.connectors.test_smtp import messenger

CASES = [
    "accepts", "unknown_mailbox", "no_relaying", "greylists", "refuses_text", "is_full", "refuses_account", "breaks",
    "babbles",
]  # fmt: skip
TAKEN = Accepted(f"{ATTEMPT}@acme.example")


@pytest.mark.parametrize("case", CASES)
def test_a_courier_says_and_concludes_what_send_does(case: str) -> None:
    with relay(case) as it:
        sent = ending(lambda: messenger(it.url).send(mail_message()))
        carried = ending(lambda: carry(messenger(it.url), [mail_message()])[0])
        if case == "breaks":  # the two name the broken connection each in its own words
            assert (sent[0], carried[0]) == ("Unclear", "Unclear")  # type: ignore[index]
        else:
            assert sent == carried
        assert it.handed in (0, 2)
        if case == "accepts":
            one, two = it.mails
            assert (one.mail_from, one.rcpt_tos) == (two.mail_from, two.rcpt_tos)
            assert without_date(one.content) == without_date(two.content)


def without_date(content: Any) -> list[Any]:
    mail = message_from_bytes(content)
    return [[pair for pair in mail.items() if pair[0] != "Date"], mail.as_string().partition("\n\n")[2]]


def test_what_breaks_before_the_text_is_certainly_not_sent() -> None:
    with relay("drops_at_rcpt") as it:
        assert isinstance(carry(messenger(it.url), [mail_message()])[0], TemporaryFailure)


def test_a_relay_that_is_slow_before_the_text_is_not_doubt(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call's deadline would cut it off, and what is cut off may have arrived: nobody can ask a relay."""
    monkeypatch.setattr("connectors.smtp_courier._OFFER_SECONDS", 0.05)

    async def go() -> None:
        is_over = asyncio.Event()

        async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with suppress(ConnectionError):
                await reader.read()
            writer.transport.abort()
            is_over.set()

        server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
        async with messenger(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}").courier(1) as courier:
            [outcome] = await courier.carry([mail_message()], None)
        await is_over.wait()
        server.close()
        assert isinstance(outcome, TemporaryFailure)
        assert (outcome.code, outcome.is_throttle) == ("not_connected", True)

    asyncio.run(go())


def test_a_session_that_the_relay_does_not_accept_is_not_held_against_the_recipient() -> None:
    async def story(courier: Any) -> None:
        with pytest.raises(AccountStopped):
            await carried(courier)

    run(Scripted(lambda _connection, word: "503 AUTH first (#5.5.1)" if word == "RCPT" else ""), story)


@pytest.mark.slow
def test_ways_to_sign_in_and_scripts_are_those_of_send() -> None:
    def judge(_server: object, _session: object, _envelope: object, _mechanism: str, given: object) -> AuthResult:
        return AuthResult(success=getattr(given, "password", b"") == b"p@ss", handled=False)

    for excluded in ([], ["PLAIN"], ["LOGIN"], ["PLAIN", "LOGIN"]):
        with relay("accepts", authenticator=judge, auth_require_tls=False, auth_exclude_mechanism=excluded) as it:
            for user in ("acme:p%40ss@", "acme:wrong@"):
                sent = ending(lambda u=user: messenger(it.url, u).send(mail_message()))  # type: ignore[misc]
                carried = ending(lambda u=user: carry(messenger(it.url, u), [mail_message()])[0])  # type: ignore[misc]
                assert sent == carried
    for is_known in (True, False):
        with relay("accepts", enable_SMTPUTF8=is_known) as it:
            message = mail_message(to="änne@example.com")
            assert messenger(it.url).send(message) == carry(messenger(it.url), [message])[0]
    with relay("accepts") as it, pytest.raises(AccountStopped):
        carry(messenger(it.url, scheme="smtp+starttls"), [mail_message()])


@dataclass
class Scripted:
    """A relay that pipelines and does as `answers` say: by connection, then by command, "" hangs up."""

    answers: Callable[[int, str], str] = lambda _connection, _word: ""
    url: str = ""
    connections: int = 0
    mails: list[str] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)
    held: asyncio.Event = field(default_factory=asyncio.Event)
    plain: Sequence[str] = ("250-PIPELINING", "250 8BITMIME")

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        connection = self.connections
        writer.write(b"220 hello\r\n")
        while line := (await reader.readline()).decode():
            word = line[:4].strip().upper()
            self.heard.append(word)
            if word == "EHLO":
                writer.write("".join(f"{said}\r\n" for said in ("250-relay", *self.plain)).encode())
                continue
            answer = self.answers(connection, word) or {"DATA": "354 go on", "QUIT": "221 bye"}.get(word, "250 OK")
            if answer == "hang up":
                return
            writer.write(f"{answer}\r\n".encode())
            if answer.startswith("354"):
                text = (await reader.readuntil(b"\r\n.\r\n")).decode()
                last = self.answers(connection, ".")
                if last == "hold":
                    self.held.set()
                    await reader.read()
                    return
                if last == "hang up":
                    self.mails.append(text)
                    return
                self.mails.append(text)
                writer.write(f"{last or '250 taken'}\r\n".encode())


@asynccontextmanager
async def scripted(it: Scripted) -> AsyncIterator[Any]:
    """A courier of two connections to `it`."""

    async def guarded(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await it.talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            writer.close()
        finally:
            writer.close()

    server = await asyncio.start_server(guarded, "127.0.0.1", 0)
    it.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        async with messenger(it.url).courier(2) as courier:
            yield courier
    finally:
        server.close()


def run(it: Scripted, story: Callable[[Any], Awaitable[None]]) -> None:
    async def go() -> None:
        async with scripted(it) as courier:
            await story(courier)

    asyncio.run(go())


async def carried(courier: Any) -> Outcome:
    outcome: Outcome = (await courier.carry([mail_message()], None))[0]
    return outcome


def test_connections_are_kept_up_to_a_number_of_mails() -> None:
    it = Scripted()

    async def story(courier: Any) -> None:
        for _ in range(101):
            assert await carried(courier) == TAKEN
        assert len(it.mails) == 101
        assert it.connections == 2

    run(it, story)


@pytest.mark.parametrize("farewell", ["hang up", "421 4.4.2 too many messages"])
@pytest.mark.parametrize("at", ["MAIL", "RCPT", "DATA"])
def test_a_kept_connection_that_the_relay_ends_costs_no_message(at: str, farewell: str) -> None:
    it = Scripted(lambda connection, word: farewell if connection == 1 and word == at and it.mails else "")

    async def story(courier: Any) -> None:
        assert await carried(courier) == TAKEN
        again = await carried(courier)
        if at == "DATA" and farewell != "hang up":
            assert isinstance(again, TemporaryFailure) or again == TAKEN
        else:
            assert again == TAKEN
            assert (len(it.mails), it.connections) == (2, 2)

    run(it, story)


def test_silence_after_the_text_is_doubt_and_the_text_is_not_said_again() -> None:
    it = Scripted(lambda connection, word: "hang up" if connection == 1 and word == "." and it.mails else "")

    async def story(courier: Any) -> None:
        assert await carried(courier) == TAKEN
        with pytest.raises(Unclear):
            await carried(courier)
        assert (len(it.mails), it.connections) == (2, 1)
        assert await carried(courier) == TAKEN

    run(it, story)


def test_a_refused_recipient_never_gets_the_text_though_the_relay_asked_for_it() -> None:
    """Pipelined, DATA may be answered 354 all the same (RFC 2920): the line is cut, and no dot is sent."""
    it = Scripted(lambda connection, word: "550 5.1.1 nobody" if word == "RCPT" and connection == 1 else "")

    async def story(courier: Any) -> None:
        assert getattr(await carried(courier), "scope", None) == "address"
        assert it.mails == []
        assert await carried(courier) == TAKEN

    run(it, story)


def test_who_gives_up_waiting_leaves_no_answer_behind_for_the_next() -> None:
    it = Scripted(lambda connection, word: "hold" if connection == 1 and word == "." else "")

    async def story(courier: Any) -> None:
        call = asyncio.create_task(courier.carry([mail_message()], None))
        await it.held.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert await carried(courier) == TAKEN
        assert it.connections == 2

    run(it, story)


@pytest.mark.parametrize("noise", ["no reply at all", "25", "250-" + "x" * 70_000, "999999 x"])
def test_what_is_no_reply_ends_the_line(noise: str) -> None:
    it = Scripted(lambda _connection, word: noise if word in ("MAIL", ".") else "")

    async def story(courier: Any) -> None:
        assert isinstance(await carried(courier), TemporaryFailure)
        it.answers = lambda _connection, word: noise if word == "." else ""
        with pytest.raises(Unclear):
            await carried(courier)

    run(it, story)


def test_words_before_encryption_are_not_taken_for_the_relays() -> None:
    """RFC 3207: what somebody put behind the answer to STARTTLS in plain text must not count as said under TLS."""

    async def go() -> None:
        line = Line(5)

        class Wire:
            def write(self, data: bytes) -> None:
                line.data_received(b"220 go\r\n250 you are signed in\r\n")

            def abort(self) -> None:
                """Cut."""

        line.connection_made(Wire())
        line.extensions = {"starttls": ""}
        with pytest.raises((ConnectionError, ssl.SSLError)):
            await line.encrypt("relay.example", 5)

    asyncio.run(go())
