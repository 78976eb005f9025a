"""Mailgun: what a mail looks like on the wire, and how every answer to it is sorted."""

from collections.abc import Iterator
from datetime import timedelta
from email import message_from_bytes
from typing import Any

import pytest

from connectors import Accepted, AccountStopped, ConfigurationError, PermanentFailure, TemporaryFailure, Unavailable
from connectors.mailgun import MailgunMessenger
from connectors.mailgun_api import MailgunApi
from connectors.transport import Unclear
from data.words import FailureScope
from tests.connectors.samples import ATTEMPT, DOMAIN, mail_message, mailgun_settings
from tests.connectors.server import PATIENT, Answer, Received, Stub, stub

QUEUED = {"id": f"<{ATTEMPT}@{DOMAIN}>", "message": "Queued. Thank you."}


@pytest.fixture
def it() -> Iterator[Stub]:
    with stub() as started:
        yield started


def messenger(it: Stub, **values: Any) -> MailgunMessenger:
    return MailgunMessenger(mailgun_settings(it.url, **values), PATIENT)


def always(it: Stub, status: int, body: Any) -> None:
    it.answer = lambda _request: Answer(status, body)


def fields(request: Received) -> dict[str, str]:
    """The parts of a multipart form, as the standard library reads them."""
    form = message_from_bytes(b"Content-Type: " + request.headers["content-type"].encode() + b"\r\n\r\n" + request.body)
    parts = form.get_payload()
    assert isinstance(parts, list)
    return {
        str(part.get_param("name", header="content-disposition")): part.get_payload(decode=True).decode()  # type: ignore[union-attr]
        for part in parts
    }


def test_a_mail_names_itself_its_attempt_and_its_way_out(it: Stub) -> None:
    always(it, 200, QUEUED)
    assert messenger(it).send(mail_message()) == Accepted(f"{ATTEMPT}@{DOMAIN}")
    [request] = it.received
    assert request.path == f"/v3/{DOMAIN}/messages"
    assert request.headers["content-type"].startswith("multipart/form-data")
    assert fields(request) == {
        "from": f"Acme Chicago <reviews@{DOMAIN}>", "to": "ana@example.com", "subject": "How was your visit, Ana?",
        "text": mail_message().text, "html": mail_message().html, "h:Message-Id": f"<{ATTEMPT}@{DOMAIN}>",
        "v:attempt_id": ATTEMPT, "o:tracking-opens": "yes", "o:tracking-clicks": "no",
        "h:Reply-To": "desk@acme.example",
        "h:List-Unsubscribe": f"<{mail_message().unsubscribe_url}>",
        "h:List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }  # fmt: skip


def test_line_ends_never_enter_a_header(it: Stub) -> None:
    always(it, 200, QUEUED)
    evil = "Acme\r\nBcc: spy@example.com\x00\u2028x"
    messenger(it).send(mail_message(from_name=evil, subject=evil, reply_to=evil, unsubscribe_url=evil))
    sent = fields(it.received[0])
    for name in ("from", "subject", "h:Reply-To", "h:List-Unsubscribe"):
        assert not set("\r\n\x00\u2028") & set(sent[name])
    assert "bcc" not in sent


def test_names_of_every_script_travel(it: Stub) -> None:
    always(it, 200, QUEUED)
    messenger(it).send(mail_message(from_name='Zoë "Z" Größe, Ltd', subject="Wie war’s, Änne? 🦷"))
    sent = fields(it.received[0])
    assert sent["subject"] == "Wie war’s, Änne? 🦷"
    assert sent["from"].endswith(f" <reviews@{DOMAIN}>")
    assert sent["from"].isascii()


def test_a_sender_of_ones_own_is_used(it: Stub) -> None:
    always(it, 200, QUEUED)
    messenger(it, sender="hello@acme.example").send(mail_message(from_name=None))
    assert fields(it.received[0])["from"] == "hello@acme.example"
    with pytest.raises(ConfigurationError, match="MAILGUN_FROM"):
        messenger(it, sender="Acme <hello@acme.example>")


@pytest.mark.parametrize("named", ["", "<>", "\0", "two words", "i" * 100_000])
def test_an_answer_without_a_message_id_is_doubt(it: Stub, named: str) -> None:
    it.answer = lambda _request: Answer(200, {"id": named, "message": "Queued. Thank you."})
    with pytest.raises(Unclear):
        messenger(it).send(mail_message())


@pytest.mark.parametrize(
    ("text", "wait"),
    [
        ("Domain x is not allowed to send: recipient limit exceeded, try again after 120 seconds", 120),
        ("Domain x is not allowed to send: request limit exceeded, try again after Mon, 23 Nov 2026 18:05:00 UTC", 300),
        ("request limit exceeded, try again after a while", 60),
        ("request limit exceeded, try again after Fri, 31 Dec 9999 23:59:59 UTC", 86_400),
        ("bytes limit exceeded", 60),
    ],
)
def test_mailguns_limits_say_how_long_to_wait(it: Stub, text: str, wait: int) -> None:
    always(it, 429, {"message": text})
    assert messenger(it).send(mail_message()) == TemporaryFailure(
        "429", "Mailgun's rate limit", retry_after=timedelta(seconds=wait), is_throttle=True
    )


@pytest.mark.parametrize(
    ("status", "text", "scope"),
    [
        (400, "to parameter is not a valid address. please check documentation", FailureScope.ADDRESS),
        (400, "Send options (parameters starting with o:, h:, or v:) are limited to 16KB total", FailureScope.MESSAGE),
        (413, "Request Entity Too Large", FailureScope.MESSAGE),
    ],
)
def test_refusals_say_what_else_must_not_be_tried(it: Stub, status: int, text: str, scope: FailureScope) -> None:
    always(it, status, {"message": text})
    outcome = messenger(it).send(mail_message())
    assert isinstance(outcome, PermanentFailure)
    assert outcome.scope is scope


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (401, b"Forbidden"), (402, None), (403, {"message": "IP not allowed"}),
        (404, {"message": "Domain not found: mg.acme.example"}),
        (400, {"message": "Please activate your Mailgun account. Check your inbox."}),
        (400, {"message": "Domain mg.acme.example is unverified and requires DNS configuration."}),
        (400, {"message": "Free accounts are for test purposes only."}),
        (400, {"message": "Sandbox subdomains are for test purposes only."}),
    ],
)  # fmt: skip
def test_a_fault_of_the_account_stops_the_channel(it: Stub, status: int, body: Any) -> None:
    always(it, status, body)
    with pytest.raises(AccountStopped):
        messenger(it).send(mail_message())


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, {"message": "Internal Server Error"}), (502, b""), (429, b"<html>"), (429, {"message": "slow down"}),
        (404, b"404 page not found"), (400, b"<html>"), (200, b"ok"), (200, {}), (200, {"id": ""}), (302, None),
        (408, {"message": "timeout"}), (201, {"message": "Queued."}),
    ],
)  # fmt: skip
def test_what_proves_nothing_is_doubt(it: Stub, status: int, body: Any) -> None:
    always(it, status, body)
    with pytest.raises(Unclear):
        messenger(it).send(mail_message())
    assert len(it.received) == 1


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(it: Stub, status: int) -> None:
    """By a 307 a mail would be posted a second time, by any other the key or an address would travel elsewhere."""
    with stub() as elsewhere:
        it.answer = lambda request: Answer(status, None, {"Location": f"{elsewhere.url}{request.path}"})
        elsewhere.answer = lambda _request: Answer(200, QUEUED | {"items": []})
        with pytest.raises(Unclear):
            messenger(it).send(mail_message())
        api = MailgunApi(mailgun_settings(it.url), PATIENT)
        for call in (
            lambda: api.get(f"{it.url}/v3/{DOMAIN}/events"),
            lambda: api.post_listed("unsubscribes", [{"address": "ana@example.com"}]),
            lambda: api.delete_listed("bounces", "ana@example.com"),
        ):
            with pytest.raises(Unavailable):
                call()
        assert elsewhere.received == []
        assert len(it.received) == 4


def test_doctor_finds_nothing_wrong_or_says_what_to_mend(it: Stub) -> None:
    always(it, 200, {"items": [], "paging": {}})
    assert messenger(it).check() == []
    always(it, 401, b"Forbidden")
    assert "sending key" in messenger(it).check()[0].mend
    always(it, 404, b"")
    assert "region" in messenger(it).check()[0].mend
