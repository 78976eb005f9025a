"""Mailgun: what a message looks like, how answers are sorted, what is polled and what is believed."""

import hashlib
import hmac
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from email import message_from_bytes
from typing import Any

import pytest

from connectors import (
    Absent,
    Accepted,
    AccountStopped,
    CannotTell,
    ConfigurationError,
    Doubt,
    ForgedCallback,
    Found,
    MalformedCallback,
    PermanentFailure,
    ProviderEvent,
    TemporaryFailure,
)
from connectors.mailgun import MailgunMessenger
from connectors.mailgun_events import MailgunCallbacks, MailgunEvents, provider_event
from connectors.transport import ReadFailed, Unclear
from data.words import AddressKind, Channel, EventKind, FailureScope
from tests.connectors.samples import ATTEMPT, DOMAIN, LINK, mail_message, mailgun_event, mailgun_settings
from tests.connectors.server import Answer, Received, Stub, stub
from tests.world import NOON

DOUBT = Doubt(ATTEMPT, Channel.EMAIL, "ana@example.com", LINK, NOON)
QUEUED = {"id": f"<{ATTEMPT}@{DOMAIN}>", "message": "Queued. Thank you."}


@pytest.fixture
def it() -> Iterator[Stub]:
    with stub() as started:
        yield started


def messenger(it: Stub, **values: Any) -> MailgunMessenger:
    return MailgunMessenger(mailgun_settings(it.url, **values), (0.5, 0.5))


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


# Sending


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


@pytest.mark.parametrize(
    ("text", "wait"),
    [
        ("Domain x is not allowed to send: recipient limit exceeded, try again after 120 seconds", 120),
        ("Domain x is not allowed to send: request limit exceeded, try again after Mon, 23 Nov 2026 18:05:00 UTC", 300),
        ("request limit exceeded, try again after a while", 60),
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


# Looking for a message in doubt


def paged(it: Stub, *pages: list[dict[str, Any]]) -> None:
    """Events as Mailgun pages them: `next` is never absent, its path holds a token, an empty page is the end."""
    base = f"{it.url}/v3/{DOMAIN}/events"

    def answer(request: Received) -> Answer:
        number = 0 if request.path.endswith("/events") else int(request.path.rpartition("/")[2])
        items = pages[number] if number < len(pages) else []
        return Answer(200, {"items": items, "paging": {"next": f"{base}/{number + 1}", "previous": f"{base}/0"}})

    it.answer = answer


def test_a_message_is_found_by_its_own_id(it: Stub) -> None:
    paged(it, [mailgun_event("accepted")])
    assert messenger(it).look_up(DOUBT) == Found(f"{ATTEMPT}@{DOMAIN}")
    assert it.received[0].query["message-id"] == [f"{ATTEMPT}@{DOMAIN}"]


def test_a_message_whose_id_was_not_honoured_is_found_by_its_attempt(it: Stub) -> None:
    renamed = mailgun_event("accepted", message={"headers": {"message-id": "20261123.1.X@mg.acme.example"}})
    another = mailgun_event("accepted", **{"user-variables": {"attempt_id": "another"}})
    paged(it, [another], [renamed])
    base = it.answer
    it.answer = lambda r: Answer(200, {"items": [], "paging": {}}) if "message-id" in r.query else base(r)
    assert messenger(it).look_up(DOUBT) == Found("20261123.1.X@mg.acme.example")


def test_absence_is_a_complete_read_by_mailguns_clock(it: Stub) -> None:
    paged(it)
    assert messenger(it).look_up(DOUBT) == Absent(NOON)
    [by_id, by_recipient] = it.received
    assert by_id.query["begin"] == [str(int((NOON - timedelta(days=4)).timestamp()))]
    assert by_recipient.query["recipient"] == ["ana@example.com"]


def test_events_that_may_be_gone_prove_no_absence(it: Stub) -> None:
    paged(it)
    told = messenger(it).look_up(Doubt(ATTEMPT, Channel.EMAIL, "ana@example.com", LINK, NOON - timedelta(days=2)))
    assert isinstance(told, CannotTell)
    assert told.is_final


@pytest.mark.parametrize(
    "answer", [Answer(500), Answer(401), Answer(200, b"[]"), Answer(200, {}), Answer(hangs=True), Answer(429)]
)
def test_a_read_that_fails_is_never_absence(it: Stub, answer: Answer) -> None:
    it.answer = lambda _request: answer
    told = messenger(it).look_up(DOUBT)
    assert isinstance(told, CannotTell)
    assert not told.is_final
    assert "ana@" not in told.reason


# What happened


def poll(it: Stub) -> list[ProviderEvent]:
    return list(MailgunEvents(mailgun_settings(it.url), (0.5, 0.5)).poll([], NOON - timedelta(hours=2), NOON))


def test_pages_are_followed_to_the_empty_one(it: Stub) -> None:
    paged(it, [mailgun_event("accepted", id="a")], [mailgun_event("delivered", id="b"), {"event": "broken"}])
    assert [event.key for event in poll(it)] == [f"{DOMAIN}:2026-11-23:a", f"{DOMAIN}:2026-11-23:b"]
    assert it.received[0].query == {
        "begin": [str(int((NOON - timedelta(hours=2)).timestamp()))], "ascending": ["yes"], "limit": ["300"],
    }  # fmt: skip
    assert len(it.received) == 3


def test_reading_ends_where_every_event_is_younger_than_asked_for(it: Stub) -> None:
    paged(it, *[[mailgun_event("opened", timestamp=NOON.timestamp() + 60 + n)] for n in range(50)])
    assert len(poll(it)) == 1


def test_a_next_page_on_another_host_is_not_followed(it: Stub) -> None:
    with stub() as elsewhere:
        always(it, 200, {"items": [mailgun_event("opened")], "paging": {"next": f"{elsewhere.url}/v3/x/events/1"}})
        with pytest.raises(ReadFailed):
            poll(it)
        assert elsewhere.received == []


def test_a_read_is_asked_once_more_before_it_fails(it: Stub) -> None:
    answers = iter([Answer(500), Answer(200, {"items": [], "paging": {}})])
    it.answer = lambda _request: next(answers)
    assert poll(it) == []
    always(it, 500, None)
    with pytest.raises(ReadFailed):
        poll(it)


def failed(reason: str, severity: str = "permanent", **status: Any) -> ProviderEvent:
    values = {"severity": severity, "reason": reason, "delivery-status": {"code": 550, **status}}
    return provider_event(DOMAIN, mailgun_event("failed", **values))


@pytest.mark.parametrize(
    ("event", "kind", "scope"),
    [
        (failed("bounce", **{"enhanced-code": "5.1.1"}), EventKind.FAILED, FailureScope.ADDRESS),
        (failed("bounce", **{"enhanced-code": "5.7.1"}), EventKind.FAILED, FailureScope.MESSAGE),
        (failed("bounce", **{"enhanced-code": "5.2.2"}), EventKind.FAILED, FailureScope.MESSAGE),
        (failed("suppress-bounce", code=605), EventKind.FAILED, FailureScope.ADDRESS),
        (failed("suppress-unsubscribe", code=606), EventKind.FAILED, FailureScope.OPT_OUT),
        (failed("suppress-complaint", code=607), EventKind.FAILED, FailureScope.OPT_OUT),
        (failed("old"), EventKind.FAILED, FailureScope.MESSAGE),
        (failed("something new"), EventKind.FAILED, FailureScope.MESSAGE),
        (failed("generic", "temporary"), EventKind.DELAYED, None),
        (provider_event(DOMAIN, mailgun_event("rejected")), EventKind.FAILED, FailureScope.MESSAGE),
        (provider_event(DOMAIN, mailgun_event("accepted")), EventKind.ACCEPTED_BY_PROVIDER, None),
        (provider_event(DOMAIN, mailgun_event("delivered")), EventKind.ACCEPTED_BY_SERVER, None),
        (provider_event(DOMAIN, mailgun_event("unsubscribed")), EventKind.UNSUBSCRIBED, None),
        (provider_event(DOMAIN, mailgun_event("complained")), EventKind.COMPLAINED, None),
        (provider_event(DOMAIN, mailgun_event("stored")), EventKind.UNKNOWN, None),
    ],
)
def test_events_are_told_in_our_words(event: ProviderEvent, kind: EventKind, scope: FailureScope | None) -> None:
    assert (event.kind, event.scope, event.attempt_id) == (kind, scope, ATTEMPT)
    assert event.provider_message_id == f"{ATTEMPT}@{DOMAIN}"


def test_an_address_is_named_only_where_it_matters_whoever_wrote(it: Stub) -> None:
    assert provider_event(DOMAIN, mailgun_event("opened")).address is None
    gone = provider_event(DOMAIN, mailgun_event("unsubscribed", recipient="Ana@Example.com"))
    assert (gone.address, gone.address_kind) == ("ana@example.com", AddressKind.EMAIL)


@pytest.mark.parametrize(("client", "is_machine"), [({"bot": "apple"}, True), ({"bot": ""}, False), ({}, None)])
def test_the_bot_flag_is_mailguns_own(client: dict[str, str], is_machine: bool | None) -> None:
    assert provider_event(DOMAIN, mailgun_event("clicked", **{"client-info": client})).is_machine is is_machine


def test_our_own_message_id_names_the_attempt_where_variables_were_lost() -> None:
    event = provider_event(DOMAIN, mailgun_event("opened", **{"user-variables": {}}))
    assert event.attempt_id == ATTEMPT
    foreign = {"headers": {"message-id": "20261123.1.X@mg.acme.example"}}
    assert provider_event(DOMAIN, mailgun_event("opened", message=foreign, **{"user-variables": []})).attempt_id is None


# Callbacks


def signed(item: dict[str, Any], *, at: datetime = NOON, token: str = "t1", key: str = "hook-1") -> bytes:  # noqa: S107
    timestamp = str(int(at.timestamp()))
    signature = hmac.new(key.encode(), (timestamp + token).encode(), hashlib.sha256).hexdigest()
    document = {"signature": {"timestamp": timestamp, "token": token, "signature": signature}, "event-data": item}
    return json.dumps(document).encode()


@pytest.fixture
def reader() -> MailgunCallbacks:
    return MailgunCallbacks(mailgun_settings("https://api.mailgun.net"), clock=lambda: NOON)


def test_a_pushed_event_has_the_key_of_the_polled_one(reader: MailgunCallbacks, it: Stub) -> None:
    item = mailgun_event("clicked")
    paged(it, [item])
    [pushed] = reader.read_callback("https://reviews.example/callbacks/mailgun", {}, signed(item))
    assert [pushed] == poll(it)


@pytest.mark.parametrize("hours", [-12.1, 1.1])
def test_a_signature_is_good_for_as_long_as_mailgun_retries(reader: MailgunCallbacks, hours: float) -> None:
    item = mailgun_event("opened")
    assert reader.read_callback("", {}, signed(item, at=NOON - timedelta(hours=9)))
    with pytest.raises(ForgedCallback):
        reader.read_callback("", {}, signed(item, at=NOON + timedelta(hours=hours)))


@pytest.mark.parametrize(
    "body",
    [
        signed(mailgun_event("opened"), key="another"), b"", b"[]", b"{}", b'{"signature": "x"}',
        signed(mailgun_event("opened"), token=""), b'{"signature": {"signature": "\xc3\xa9", "token": "t"}}',
    ],
)  # fmt: skip
def test_forgeries_are_not_believed(reader: MailgunCallbacks, body: bytes) -> None:
    with pytest.raises(ForgedCallback):
        reader.read_callback("", {}, body)


def test_a_token_counts_for_the_event_it_came_with(reader: MailgunCallbacks) -> None:
    first = signed(mailgun_event("opened", id="a"))
    assert reader.read_callback("", {}, first) == reader.read_callback("", {}, first)  # Mailgun's own retry
    with pytest.raises(ForgedCallback):  # the signature does not cover the body: overheard, then changed
        reader.read_callback("", {}, signed(mailgun_event("unsubscribed", id="b")))


def test_a_signed_callback_without_an_event_is_malformed(reader: MailgunCallbacks) -> None:
    for item in (
        {"event": "opened"},
        {"event": "opened", "id": "a"},
        {"event": "opened", "timestamp": "soon", "id": "a"},
    ):
        with pytest.raises(MalformedCallback):
            reader.read_callback("", {}, signed(item))


# Doctor


def test_doctor_finds_nothing_wrong_or_says_what_to_mend(it: Stub) -> None:
    paged(it)
    assert messenger(it).check() == []
    always(it, 401, b"Forbidden")
    assert "sending key" in messenger(it).check()[0].mend
    always(it, 404, b"")
    assert "region" in messenger(it).check()[0].mend
