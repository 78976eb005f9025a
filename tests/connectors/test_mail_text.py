"""The mail as text, read back by the standard library: what was meant arrives, whatever it holds."""

import re
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

import pytest

from connectors import Message, Picture
from connectors.mail_text import compose
from tests.connectors.samples import ATTEMPT, LINK, mail_message

PICTURES = (
    Picture("photo-1.jpg", "image/jpeg", bytes(range(256)) * 40),
    Picture('ü"\r\nX: y.png', "image/png", b".\r\n.\r\n"),
)
TEXTS = [
    "Hi Ana", "", "\n", "...\n.\n..x\n\n.", "a\r\nb\rc\nd", "Zoë, größer — “so” 🦷\n.\n", "x" * 5000, "ü" * 3000,
    "trailing space \nand\ttab\t\n= equals =3D\n", f"long {'word ' * 300}{LINK}", "From nobody\nFrom: x\n--\n",
    "评价一下我们吧 " * 50, "nul \0 inside", "lone \ud800 surrogate", "line\u2028separator\x0b\x0c\x85",
]  # fmt: skip


def read(message: Message, sender: str = "reviews@acme.example") -> tuple[EmailMessage, bytes]:
    """What a mail program makes of it, after the relay took the doubled dots away; and the mail itself."""
    mail = compose(message, sender, f"{ATTEMPT}@acme.example")
    assert mail.endswith(b"\r\n")
    assert b"\r\n.\r\n" not in mail
    assert not mail.startswith(b".\r\n")
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)", mail)
    assert max(map(len, mail.split(b"\r\n"))) <= 998
    plain = re.sub(rb"(?m)^\.", b"", mail)
    return message_from_bytes(plain, policy=default), mail


def said(part: object) -> list[str]:
    """Lines of a part; a mail ends its last one."""
    assert isinstance(part, EmailMessage)
    lines = str(part.get_content()).replace("\r\n", "\n").split("\n")
    while lines and not lines[-1]:
        lines.pop()
    return lines


def lines_of(text: str) -> list[str]:
    lines = text.encode("utf-8", "replace").decode().replace("\r\n", "\n").replace("\r", "\n").split("\n")
    while lines and not lines[-1]:
        lines.pop()
    return lines


@pytest.mark.parametrize("pictures", [(), PICTURES])
@pytest.mark.slow
def test_texts_of_every_kind_arrive(pictures: tuple[Picture, ...]) -> None:
    for text in TEXTS:
        for html in (None, f"<p>{text}</p>"):
            mail, raw = read(mail_message(text=text, html=html, pictures=pictures))
            assert raw.isascii()
            assert mail.defects == []
            body = mail.get_body(("plain",))
            assert said(body) == lines_of(text)
            found = mail.get_body(("html",))
            assert (said(found) if found else None) == (lines_of(html) if html else None)
            files = list(mail.iter_attachments())
            assert [file.get_content() for file in files] == [picture.content for picture in pictures]
            assert [file.get_content_type() for file in files] == [picture.media_type for picture in pictures]
            assert all(re.fullmatch(r"[\w.-]+", file.get_filename() or "") for file in files)


@pytest.mark.parametrize(
    "words",
    [
        "Acme", 'Zoë "Z" Größe, Ltd', "Wie war’s, Änne? 🦷", "評価をお願いします" * 12, "a, b <c@d.example>; (x)",
        "=?utf-8?q?spoof?=", "very " * 400, "back\\slash", "Acme\r\nBcc: spy@example.com\x00\u2028x", "tab\there",
    ],
)  # fmt: skip
def test_headers_of_every_kind_arrive_on_one_logical_line(words: str) -> None:
    shown = " ".join(re.sub(r"[\x00-\x1f\u2028]+", " ", words).split())
    mail, _raw = read(mail_message(subject=words, from_name=words))
    assert " ".join(mail["Subject"].split()) == shown
    [sender] = mail["From"].addresses
    # Without spaces: the library leaves those that stand between encoded words (bpo-35547).
    assert (sender.display_name.replace(" ", ""), sender.addr_spec) == (shown.replace(" ", ""), "reviews@acme.example")
    assert mail["Bcc"] is None
    assert set(mail.keys()) == {
        "Message-ID", "Date", "From", "To", "Subject", "Reply-To", "List-Unsubscribe", "List-Unsubscribe-Post",
        "Auto-Submitted", "MIME-Version", "Content-Type",
    }  # fmt: skip


def test_who_answers_and_who_wants_no_more_find_the_way() -> None:
    way_out = "https://reviews.example/u/" + "x" * 300
    mail, raw = read(mail_message(reply_to="Schalter Süd <desk@acme.example>", unsubscribe_url=way_out))
    assert mail["Reply-To"].addresses[0].addr_spec == "desk@acme.example"
    assert mail["Reply-To"].addresses[0].display_name == "Schalter Süd"
    assert f"\r\nList-Unsubscribe: <{way_out}>\r\n".encode() in raw
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert mail["Message-ID"] == f"<{ATTEMPT}@acme.example>"
    assert mail["Date"].datetime is not None
    bare, _raw = read(mail_message(reply_to=None, unsubscribe_url=None, from_name=None, html=None))
    assert {"Reply-To", "List-Unsubscribe"}.isdisjoint(bare.keys())
    assert str(bare["From"]) == "reviews@acme.example"
