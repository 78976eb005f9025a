"""A mail as text, by RFC 5322 and the MIME RFCs. By hand: email.message takes thirty times as long.

What it may hold is narrow (addresses that `is_one_address` let through, one text, one HTML part, pictures), and
tests/connectors/test_mail_text.py reads it back with the standard library.
"""

import re
import time
from base64 import b64encode, encodebytes
from binascii import b2a_qp
from email.utils import formataddr, formatdate, parseaddr
from functools import lru_cache

from connectors import Message, Picture
from connectors.mail_headers import one_line

_LONGEST_LINE = 900  # RFC 5322 allows 998, and long links should stay whole in their headers
_WORD_BYTES = 45  # of an encoded word (RFC 2047): 75 characters with its frame
_DOT = re.compile(rb"(?m)^\.")


def compose(message: Message, sender: str, message_id: str) -> bytes:
    """The mail as it travels: CRLF line ends, seven bits, dots doubled (RFC 5321, 4.5.2), without the final dot.

    An address that is not ASCII stands as it is: the relay must know SMTPUTF8.
    """
    headers = [
        f"Message-ID: <{message_id}>",
        _date(int(time.time())),
        f"From: {_mailbox(one_line(message.from_name or ''), sender)}",
        f"To: {message.to}",
        f"Subject: {_words(one_line(message.subject or ''))}",
    ]
    if message.reply_to:
        headers.append(f"Reply-To: {_reader(message.reply_to)}")
    if message.unsubscribe_url:  # RFC 8058: both, or the mail program shows no button
        headers.append(f"List-Unsubscribe: <{one_line(message.unsubscribe_url)}>")
        headers.append("List-Unsubscribe-Post: List-Unsubscribe=One-Click")
    headers.append("Auto-Submitted: auto-generated")  # RFC 3834: no out-of-office answers
    headers.append("MIME-Version: 1.0")
    body = _text(message.text, "plain")
    if message.html:
        body = _many("alternative", message.attempt_id, [body, _text(message.html, "html")])
    if message.pictures:
        body = _many("mixed", message.attempt_id, [body, *map(_picture, message.pictures)])
    mail = "\r\n".join(headers).encode("utf-8", "replace") + b"\r\n" + body
    if b"\n." in mail:
        mail = _DOT.sub(b"..", mail)
    return mail if mail.endswith(b"\r\n") else mail + b"\r\n"


@lru_cache(maxsize=2)
def _date(second: int) -> str:
    return f"Date: {formatdate(second)}"


@lru_cache(maxsize=1024)
def _mailbox(name: str, address: str) -> str:
    """One mailbox: the name quoted, or encoded when it is not ASCII."""
    if not name:
        return address
    return formataddr((name, address)) if _is_plain(name) else f"{_words(name)} <{address}>"


@lru_cache(maxsize=1024)
def _reader(given: str) -> str:
    """Where answers go: as it was given, unless its name needs encoding."""
    given = one_line(given)
    return given if _is_plain(given) else _mailbox(*parseaddr(given))


def _is_plain(text: str) -> bool:
    return text.isascii() and "=?" not in text and len(text) < _LONGEST_LINE


def _words(text: str) -> str:
    """Text of a header; as encoded words, split between characters, when it is not plain."""
    if _is_plain(text):
        return text
    data = text.encode("utf-8", "replace")
    words = []
    while data:
        cut = min(_WORD_BYTES, len(data))
        while cut < len(data) and data[cut] & 0xC0 == 0x80:
            cut -= 1
        words.append(f"=?utf-8?b?{b64encode(data[:cut]).decode()}?=")
        data = data[cut:]
    return "\r\n ".join(words)


def _text(text: str, kind: str) -> bytes:
    """A part of text: as it is where ASCII and short lines allow it, else quoted-printable or base64, the shorter."""
    data = text.replace("\r\n", "\n").replace("\r", "\n").encode("utf-8", "replace")
    way, charset = "7bit", "us-ascii"
    if not data.isascii() or b"\0" in data or max(map(len, data.split(b"\n"))) > _LONGEST_LINE:
        way, charset, plain = "quoted-printable", "utf-8", data
        data = b2a_qp(plain)
        if len(data) * 3 > len(plain) * 4:
            way, data = "base64", encodebytes(plain.replace(b"\n", b"\r\n"))
    head = f'Content-Type: text/{kind}; charset="{charset}"\r\nContent-Transfer-Encoding: {way}\r\n\r\n'
    return head.encode() + data.replace(b"\n", b"\r\n")


def _picture(picture: Picture) -> bytes:
    name = re.sub(r"[^\w.-]|[^\x00-\x7f]", "_", picture.name)
    head = (
        f'Content-Type: {picture.media_type}\r\nContent-Disposition: attachment; filename="{name}"\r\n'
        "Content-Transfer-Encoding: base64\r\n\r\n"
    )
    return head.encode() + encodebytes(picture.content).replace(b"\n", b"\r\n")


def _many(kind: str, attempt_id: str, parts: list[bytes]) -> bytes:
    """Parts of one whole. The boundary holds `=_`, which no encoded line does, and a number nobody can guess."""
    mark = f"=_{kind}_{attempt_id}".encode()
    inner = b"".join(b"--%s\r\n%s\r\n" % (mark, part) for part in parts)
    return b'Content-Type: multipart/%s; boundary="%s"\r\n\r\n%s--%s--\r\n' % (kind.encode(), mark, inner, mark)
