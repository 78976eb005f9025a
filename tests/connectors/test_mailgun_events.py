"""Mailgun: what is polled and what is pushed are the same events, and only a good signature is believed."""

import hashlib
import hmac
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from connectors import ForgedCallback, MalformedCallback, ProviderEvent
from connectors.mailgun_events import MailgunCallbacks, MailgunEvents, provider_event
from connectors.transport import ReadFailed
from data.words import AddressKind, EventKind, FailureScope
from tests.connectors.mailgun_pages import paged
from tests.connectors.samples import ATTEMPT, DOMAIN, mailgun_event, mailgun_settings
from tests.connectors.server import PATIENT, Answer, Stub, stub
from tests.world import NOON


@pytest.fixture
def it() -> Iterator[Stub]:
    with stub() as started:
        yield started


def always(it: Stub, status: int, body: Any) -> None:
    it.answer = lambda _request: Answer(status, body)


def poll(it: Stub) -> list[ProviderEvent]:
    return list(MailgunEvents(mailgun_settings(it.url), PATIENT).poll([], NOON - timedelta(hours=2), NOON))


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


TOKEN = "f" * 50


def signed(item: dict[str, Any], *, at: datetime = NOON, token: str = "t1", key: str = "hook-1") -> bytes:  # noqa: S107
    timestamp = str(int(at.timestamp()))
    signature = hmac.new(key.encode(), (timestamp + token).encode(), hashlib.sha256).hexdigest()
    document = {"signature": {"timestamp": timestamp, "token": token, "signature": signature}, "event-data": item}
    return json.dumps(document).encode()


def nested(depth: int) -> Any:
    document: Any = 1
    for _ in range(depth):
        document = [document]
    return document


@pytest.fixture
def reader() -> MailgunCallbacks:
    return MailgunCallbacks(mailgun_settings("https://api.mailgun.net"), clock=lambda: NOON)


def test_a_pushed_event_has_the_key_of_the_polled_one(reader: MailgunCallbacks, it: Stub) -> None:
    item = mailgun_event("clicked")
    paged(it, [item])
    [pushed] = reader.read_callback("https://reviews.example/callbacks/mailgun", {}, signed(item)).events
    assert [replace(pushed, is_confirmed=True)] == poll(it)


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
        b'{"signature": {"timestamp": "1", "token": "t", "signature": "\\ud800"}}', b"[" * 100_000, b"\xff{}",
        b'{"signature": {"timestamp": 1e999, "token": {}, "signature": []}}', '{"signature": {}}'.encode("utf-16"),
    ],
)  # fmt: skip
def test_forgeries_are_not_believed(reader: MailgunCallbacks, body: bytes) -> None:
    with pytest.raises(ForgedCallback):
        reader.read_callback("", {}, body)


def test_a_token_cannot_be_cut_elsewhere_to_be_another(reader: MailgunCallbacks) -> None:
    whole = json.loads(signed(mailgun_event("opened"), token="e0ab"))
    stamp = whole["signature"]["timestamp"]
    for timestamp, token in ((stamp + "e0", "ab"), (stamp[:-1], stamp[-1] + "e0ab"), ("", stamp + "e0ab")):
        cut = {**whole, "signature": {**whole["signature"], "timestamp": timestamp, "token": token}}
        with pytest.raises(ForgedCallback):
            reader.read_callback("", {}, json.dumps(cut).encode())


def test_the_token_goes_along_for_it_is_good_for_one_body(reader: MailgunCallbacks) -> None:
    assert reader.read_callback("", {}, signed(mailgun_event("opened"), token=TOKEN)).token == TOKEN


def test_what_is_pushed_waits_for_polling_to_confirm_it(reader: MailgunCallbacks, it: Stub) -> None:
    item = mailgun_event("unsubscribed")
    paged(it, [item])
    assert [event.is_confirmed for event in reader.read_callback("", {}, signed(item)).events] == [False]
    assert [event.is_confirmed for event in poll(it)] == [True]


def test_nobody_says_no_in_the_future_where_it_would_outlast_every_later_word(reader: MailgunCallbacks) -> None:
    told = mailgun_event("unsubscribed", timestamp=(NOON + timedelta(days=3_000)).timestamp())
    [event] = reader.read_callback("", {}, signed(told)).events
    assert event.occurred_at == NOON


def test_what_no_database_can_keep_is_marked(reader: MailgunCallbacks) -> None:
    odd = {"tag\x00": ["a\x00b", "\ud800", "fine é", float("inf"), 1e999], "user-variables": {"attempt_id": "a\x00"}}
    [event] = reader.read_callback("", {}, signed(mailgun_event("opened", **odd))).events
    assert event.raw["tag\ufffd"] == ["a\ufffdb", "\ufffd", "fine é", None, None]
    assert event.attempt_id == "a\ufffd"


def test_a_signed_callback_without_an_event_is_malformed(reader: MailgunCallbacks) -> None:
    for item in (
        {"event": "opened"},
        {"event": "opened", "id": "a"},
        {"event": "opened", "timestamp": "soon", "id": "a"},
        {"event": "opened", "timestamp": NOON.timestamp(), "id": "a" * 5_000},
        {"event": "opened", "timestamp": NOON.timestamp(), "id": ["a"]},
        mailgun_event("opened", deep=nested(100)),
    ):
        with pytest.raises(MalformedCallback):
            reader.read_callback("", {}, signed(item))
