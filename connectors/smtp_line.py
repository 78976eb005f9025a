"""One connection to a relay in an event loop: says commands, reads replies, encrypts, signs in. Knows nothing of mails.

By hand over asyncio's protocols: aiosmtplib, the maintained library, carries 1,700 mails a second here where this
carries ten times that (bench/dispatch.py), and its `data` cannot tell what failed before the final dot from what failed
after it.
"""

import asyncio
import hmac
import re
import smtplib
import socket
import ssl
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Callable
from typing import Any

from connectors.smtp_replies import NotSent, Reply, no_sign_in, not_reached, refused_sign_in
from connectors.smtp_settings import Relay
from connectors.transport import CONNECT_SECONDS

_MOST_BYTES = 64 * 1024  # of replies waiting to be read: a relay's are short
_LONGEST = 4096  # of a line that another follows; RFC 5321 allows 512
_LAST = re.compile(rb"\d{3}(?: .*)?")  # the last line of a reply: no hyphen after the code


class LineLost(ConnectionError):
    """The relay hung up, fell silent, or said what is no reply."""


class Line(asyncio.Protocol):
    """Commands and replies. Every wait is limited by `silence` seconds; when one fails, the line is closed."""

    def __init__(self, silence: float) -> None:
        self._silence = silence
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._text: list[bytes] = []  # of the reply that is being read
        self._replies: list[tuple[int, bytes]] = []
        self._wanted = 0
        self._waiter: asyncio.Future[None] | None = None
        self.is_open = False
        self.mails = 0
        self.extensions: dict[str, str] = {}

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self.is_open = True

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail("ConnectionLost")

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\n")) >= 0:
            line = bytes(self._buffer[:end]).rstrip(b"\r")
            del self._buffer[: end + 1]
            self._text.append(line[4:])
            if _LAST.fullmatch(line):
                self._replies.append((int(line[:3]), b"\n".join(self._text)))
                self._text = []
            elif not line[:3].isdigit() or line[3:4] != b"-" or len(line) > _LONGEST:
                self._fail("NoReply")
                return
        if len(self._buffer) + sum(map(len, self._text)) > _MOST_BYTES or len(self._replies) > 16:
            self._fail("TooLong")
        elif self._waiter and not self._waiter.done() and len(self._replies) >= self._wanted:
            self._waiter.set_result(None)

    def _fail(self, why: str) -> None:
        self.close()
        if self._waiter and not self._waiter.done():
            self._waiter.set_exception(LineLost(why))

    async def say(self, words: bytes, replies: int = 1) -> list[Reply]:
        """Send commands, and wait for as many replies. Raises LineLost. Canceled, the line is closed."""
        return [Reply.of(answer) for answer in await self._exchange(words, replies)]

    async def _exchange(self, words: bytes, replies: int) -> list[tuple[int, bytes]]:
        if not self.is_open or self._transport is None:
            raise LineLost("closed")
        loop = asyncio.get_running_loop()
        self._wanted = replies
        if words:
            self._replies.clear()  # what was said unasked (a 421 before it hangs up) answers nothing
            self._transport.write(words)
        if len(self._replies) < replies:
            self._waiter = loop.create_future()
            timer = loop.call_later(self._silence, self._fail, "Silence")
            try:
                await self._waiter
            except BaseException:
                self.close()
                raise
            finally:
                timer.cancel()
                self._waiter = None
        answers, self._replies = self._replies[:replies], self._replies[replies:]
        return answers

    def close(self) -> None:
        """At once, without a word: what was not ended with its dot must not be delivered (RFC 5321, 4.1.1.4)."""
        self.is_open = False
        if self._transport is not None:
            self._transport.abort()

    def leave(self) -> None:
        """With a QUIT, not waiting for the answer."""
        if self.is_open and self._transport is not None:
            self._transport.write(b"QUIT\r\n")
            self.is_open = False
            self._transport.close()

    async def greet(self, name: str) -> None:
        """EHLO, or HELO where that is not known; remembers the extensions, in lower case. Raises NotSent."""
        [(code, text)] = await self._exchange(f"EHLO {name}\r\n".encode("ascii", "replace"), 1)
        self.extensions = {}
        if code == 250:
            for line in text.decode("latin-1").split("\n")[1:]:
                word, _, rest = line.replace("=", " ", 1).strip().partition(" ")
                self.extensions[word.lower()] = f"{self.extensions.get(word.lower(), '')} {rest}".strip()
            return
        [(code, text)] = await self._exchange(f"HELO {name}\r\n".encode("ascii", "replace"), 1)
        if code != 250:
            raise NotSent(not_reached(smtplib.SMTPHeloError(code, b"")))

    async def encrypt(self, host: str, seconds: float) -> None:
        """STARTTLS (RFC 3207). Raises AccountStopped where it is not offered, NotSent where it is refused."""
        if "starttls" not in self.extensions:
            raise no_sign_in()
        [(code, _text)] = await self._exchange(b"STARTTLS\r\n", 1)
        if code != 220:
            raise NotSent(not_reached(smtplib.SMTPResponseException(code, b"")))
        if self._buffer or self._text or self._replies or self._transport is None:
            raise LineLost("words before encryption")  # somebody else's, to be taken for the relay's after it
        upgraded = await asyncio.get_running_loop().start_tls(
            self._transport, self, ssl.create_default_context(), server_hostname=host, ssl_handshake_timeout=seconds
        )
        if upgraded is None:
            raise LineLost("no encryption")
        self._transport = upgraded

    async def sign_in(self, user: str, password: str) -> None:
        """AUTH, in smtplib's order: CRAM-MD5, PLAIN, LOGIN, each that is offered until one is taken.

        Raises AccountStopped when none is taken, NotSent when that is for now only or no way is known to both.
        """
        if "auth" not in self.extensions:
            raise no_sign_in()
        offered = self.extensions["auth"].upper().split()
        code = 0
        for way, first, answer in _ways(user, password):
            if way not in offered:
                continue
            [(code, text)] = await self._exchange(f"AUTH {way}{first}\r\n".encode("ascii"), 1)
            while code == 334:
                [(code, text)] = await self._exchange(answer(text) + b"\r\n", 1)
            if code in (235, 503):  # signed in; signed in already
                return
        if code == 0:
            raise NotSent(not_reached(smtplib.SMTPException("no way to sign in")))
        raise refused_sign_in(code)


def _ways(user: str, password: str) -> list[tuple[str, str, Callable[[bytes], bytes]]]:
    """Ways to sign in: name, what stands behind it, and what answers a challenge (base64 both)."""

    def coded(text: str) -> str:
        return b64encode(text.encode()).decode("ascii")

    def digest(challenge: bytes) -> bytes:
        try:
            asked = b64decode(challenge)
        except NotBase64:
            return b"*"  # gives up (RFC 4954)
        return b64encode(f"{user} {hmac.new(password.encode(), asked, 'md5').hexdigest()}".encode())

    plain = coded(f"\0{user}\0{password}")
    return [
        ("CRAM-MD5", "", digest),
        ("PLAIN", f" {plain}", lambda _challenge: plain.encode()),
        ("LOGIN", f" {coded(user)}", lambda _challenge: coded(password).encode()),
    ]


async def open_line(relay: Relay, silence: float) -> Line:
    """A session that may send. Raises NotSent or AccountStopped; nothing has left then."""
    loop = asyncio.get_running_loop()
    line = Line(silence)
    seconds = min(silence, CONNECT_SECONDS)
    try:
        context = ssl.create_default_context() if relay.scheme == "smtps" else None
        async with asyncio.timeout(seconds):
            await loop.create_connection(lambda: line, relay.host, relay.port, ssl=context)
        [(code, _text)] = await line._exchange(b"", 1)
        if code != 220:
            raise NotSent(not_reached(smtplib.SMTPConnectError(code, b"")))
        name = await loop.run_in_executor(None, _own_name)
        await line.greet(name)
        if relay.scheme == "smtp+starttls":
            await line.encrypt(relay.host, seconds)
            await line.greet(name)
        if relay.user and relay.password:
            await line.sign_in(relay.user, relay.password)
    except OSError as error:
        line.close()
        raise NotSent(not_reached(error)) from None
    except BaseException:
        line.close()
        raise
    return line


def _own_name() -> str:
    """As smtplib calls itself: this machine's full name, or its address in brackets."""
    name = socket.getfqdn()
    if "." in name:
        return name
    try:
        return f"[{socket.gethostbyname(socket.gethostname())}]"
    except OSError:
        return "[127.0.0.1]"
