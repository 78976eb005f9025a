"""Twilio: what is polled and what is pushed are the same events, and only a good signature is believed."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from pydantic import SecretStr
from twilio.request_validator import RequestValidator

from connectors import ForgedCallback, MalformedCallback, ProviderEvent
from connectors.transport import ReadFailed
from connectors.twilio.callbacks import TwilioCallbacks
from connectors.twilio.codes import keyword_kind
from connectors.twilio.events import TwilioEvents
from data.words import AddressKind, EventKind, FailureScope
from tests.connectors.samples import (
    ATTEMPT,
    NUMBER,
    SENDER,
    SID,
    twilio_error,
    twilio_list,
    twilio_message,
    twilio_settings,
)
from tests.connectors.server import PATIENT, Answer, Received, Stub, stub
from tests.world import NOON

CALLBACK = f"https://reviews.example/callbacks/twilio/status?s={ATTEMPT}"
OTHER = "SM" + "2" * 32


@pytest.fixture
def it() -> Iterator[Stub]:
    with stub() as started:
        yield started


def always(it: Stub, status: int, body: Any, headers: Mapping[str, str] | None = None) -> None:
    it.answer = lambda _request: Answer(status, body, headers or {})


def poll(it: Stub, *sids: str, **values: Any) -> list[ProviderEvent]:
    return list(TwilioEvents(twilio_settings(it.url, **values), PATIENT).poll(sids, NOON - timedelta(hours=2), NOON))


def test_a_status_has_the_same_key_polled_and_pushed(it: Stub) -> None:
    failed = twilio_message(status="undelivered", error_code=30003)
    it.answer = lambda r: Answer(200, twilio_list([]) if r.path.endswith("Messages.json") else failed)
    [polled] = poll(it, SID)
    [pushed] = read(CALLBACK, {"MessageSid": SID, "MessageStatus": "undelivered", "ErrorCode": "30003", "To": NUMBER})
    assert polled.key == pushed.key == f"{SID}:undelivered:30003"
    assert (polled.kind, polled.scope, polled.code) == (EventKind.FAILED, FailureScope.MESSAGE, "30003")
    assert (pushed.attempt_id, pushed.provider_message_id) == (ATTEMPT, SID)
    assert polled.occurred_at == NOON


def test_inbound_texts_are_cut_to_the_moments_asked_for(it: Stub) -> None:
    at = {"now": "Mon, 23 Nov 2026 17:59:00 +0000", "old": "Mon, 23 Nov 2026 01:00:00 +0000"}
    texts = [
        twilio_message(sid="SM" + c * 32, direction="inbound", body=body, date_sent=at[when], status="received",
                       **{"from": NUMBER, "to": SENDER})
        for c, body, when in (("a", " Stop. ", "now"), ("b", "lovely, thanks", "now"), ("c", "STOP", "old"))
    ]  # fmt: skip
    always(it, 200, twilio_list([*texts, twilio_message(date_sent=at["now"])]))
    stop, reply = poll(it)
    assert (stop.kind, stop.address, stop.address_kind) == (EventKind.UNSUBSCRIBED, NUMBER, AddressKind.PHONE)
    assert stop.key == "SM" + "a" * 32 + ":received:"
    assert (reply.kind, reply.text) == (EventKind.REPLIED, "lovely, thanks")
    assert it.received[0].query["To"] == [SENDER]
    assert it.received[0].query["DateSent>"] == ["2026-11-23T00:00:00Z"]


def test_what_only_twilio_knows_of_a_text_is_not_lost_when_it_is_polled_first(it: Stub) -> None:
    sent: dict[str, Any] = {"direction": "inbound", "date_sent": "Mon, 23 Nov 2026 17:59:00 +0000", "to": SENDER}
    texts = [
        twilio_message(sid=SID, body="NOPE", **sent, **{"from": NUMBER}),
        twilio_message(sid=OTHER, body="STOP", **sent, **{"from": "whatsapp:US.13491208655302741918"}),
    ]
    always(it, 200, twilio_list(texts))
    [polled] = poll(it)
    form = {"MessageSid": SID, "SmsStatus": "received", "From": NUMBER, "To": SENDER, "Body": "NOPE"}
    [judged] = read(CALLBACK, form | {"OptOutType": "STOP"})
    assert (polled.kind, judged.kind) == (EventKind.REPLIED, EventKind.UNSUBSCRIBED)
    assert (polled.key, judged.key) == (f"{SID}:received:", f"{SID}:received:stop")
    [plain] = read(CALLBACK, form | {"Body": "Stop", "OptOutType": "STOP"})
    assert plain.key == polled.key
    named = {"From": "whatsapp:US.13491208655302741918", "WaId": NUMBER.lstrip("+")}
    assert [event.address for event in read(CALLBACK, form | named)] == [NUMBER]


def test_a_service_whose_numbers_we_are_not_told_is_read_without_them(it: Stub) -> None:
    always(it, 200, twilio_list([]))
    poll(it, sender=None, messaging_service_sid="MG" + "0" * 32, whatsapp_from="whatsapp:+13125550199")
    assert ["To" in request.query for request in it.received] == [False]
    poll(it, whatsapp_from="+13125550199")
    assert [r.query["To"] for r in it.received[1:]] == [[SENDER], ["whatsapp:+13125550199"]]


def test_one_message_that_cannot_be_read_does_not_hide_the_others(it: Stub) -> None:
    def answer(request: Received) -> Answer:
        if request.path.endswith("Messages.json"):
            return Answer(200, twilio_list([]))
        if SID in request.path:
            return Answer(500)
        if OTHER in request.path:
            return Answer(404, twilio_error(404, 20404))  # redacted and removed
        return Answer(200, twilio_message(sid="SM" + "3" * 32, status="delivered"))

    it.answer = answer
    assert [e.kind for e in poll(it, SID, OTHER, "SM" + "3" * 32)] == [EventKind.DELIVERED]


def test_a_provider_that_does_not_answer_is_not_asked_for_every_message(it: Stub) -> None:
    it.answer = lambda r: Answer(200, twilio_list([])) if r.path.endswith("Messages.json") else Answer(503)
    with pytest.raises(ReadFailed):
        poll(it, *[f"SM{n:032d}" for n in range(1000)])
    assert len(it.received) < 250


def test_texts_that_cannot_be_read_are_an_error_so_that_the_cursor_stays(it: Stub) -> None:
    always(it, 500, None)
    with pytest.raises(ReadFailed):
        poll(it, SID)


def read(url: str, form: Mapping[str, str], **values: Any) -> list[ProviderEvent]:
    reader = TwilioCallbacks(twilio_settings("https://api.twilio.com", **values), dated_by=lambda: NOON)
    signature = RequestValidator("12345").compute_signature(url, dict(form))
    body = urlencode(form).encode()
    return list(reader.read_callback(url, {"x-twilio-signature": signature}, body).events)


VECTORS = [
    ("https://example.com/myapp.php?foo=1&bar=2", "+14158675310", "L/OH5YylLD5NRKLltdqwSvS0BnU="),
    ("https://mycompany.com/myapp.php?foo=1&bar=2", "+14158675309", "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
]


@pytest.mark.parametrize(("url", "caller", "signature"), VECTORS)
def test_twilios_own_signatures_are_believed_and_no_others(url: str, caller: str, signature: str) -> None:
    form = {"CallSid": "CA1234567890ABCDE", "Digits": "1234", "To": "+18005551212", "Caller": caller, "From": caller}
    reader = TwilioCallbacks(twilio_settings("https://api.twilio.com"))
    body = urlencode(form).encode()
    with pytest.raises(MalformedCallback):  # signed, but about a call
        reader.read_callback(url, {"x-twilio-signature": signature}, body)
    for forged_url, forged_body, forged in (
        (f"{url}&s=other", body, signature),
        (url, body + b"&MessageSid=SM1", signature),
        (url, body, signature[:-2] + "A="),
        (url, body, ""),
        (url, b"{}", signature),
        (url, b"\xff", signature),
    ):
        with pytest.raises(ForgedCallback):
            reader.read_callback(forged_url, {"x-twilio-signature": forged} if forged else {}, forged_body)


def test_blank_and_unknown_fields_are_signed_too() -> None:
    [event] = read(CALLBACK, {"MessageSid": SID, "MessageStatus": "sent", "Body": "", "SomethingNew": "1"})
    assert (event.kind, event.key) == (EventKind.SENT, f"{SID}:sent:")
    assert event.raw["SomethingNew"] == "1"


def test_a_shared_key_signs_with_sha256_where_the_header_says_so() -> None:
    settings = twilio_settings("https://api.twilio.com", webhook_secret=SecretStr("shared"))
    form = {"MessageSid": SID, "MessageStatus": "delivered"}
    signature = RequestValidator("shared").compute_signature(CALLBACK, form, "HMAC_SHA256")
    headers = {
        "x-twilio-signature": signature, "x-twilio-webhooks-signature-settings": "key=wk_1,algorithm=HMAC_SHA256",
    }  # fmt: skip
    [event] = TwilioCallbacks(settings).read_callback(CALLBACK, headers, urlencode(form).encode()).events
    assert event.kind is EventKind.DELIVERED
    for settings_header in ("key=wk_1,algorithm=HMAC_MD5", "key=wk_1"):
        forged = {**headers, "x-twilio-webhooks-signature-settings": settings_header}
        with pytest.raises(ForgedCallback):
            TwilioCallbacks(settings).read_callback(CALLBACK, forged, urlencode(form).encode())


def test_an_inbound_text_is_told_from_a_status() -> None:
    form = {"MessageSid": SID, "SmsStatus": "received", "From": f"whatsapp:{NUMBER}", "To": SENDER, "Body": "UNSTOP"}
    [event] = read("https://reviews.example/callbacks/twilio/inbound", form)
    assert (event.kind, event.address, event.attempt_id) == (EventKind.RESUBSCRIBED, NUMBER, None)
    assert event.occurred_at == NOON


def test_an_unknown_status_is_kept_as_it_came() -> None:
    [event] = read(CALLBACK, {"MessageSid": SID, "MessageStatus": "teleported"})
    assert (event.kind, event.code) == (EventKind.UNKNOWN, "teleported")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("STOP", EventKind.UNSUBSCRIBED), (" stopall\n", EventKind.UNSUBSCRIBED), ("Stop!", EventKind.UNSUBSCRIBED),
        ("OptOut", EventKind.UNSUBSCRIBED), ("cancel", EventKind.UNSUBSCRIBED), ("revoke", EventKind.UNSUBSCRIBED),
        ("don't stop", EventKind.REPLIED), ("stop by any time", EventKind.REPLIED), ("", EventKind.REPLIED),
        ("Start", EventKind.RESUBSCRIBED), ("yes", EventKind.RESUBSCRIBED), ("HELP", EventKind.HELP_ASKED),
        ("info", EventKind.HELP_ASKED), ("9", EventKind.REPLIED),
    ],
)  # fmt: skip
def test_only_a_whole_message_is_a_keyword(text: str, kind: EventKind) -> None:
    assert keyword_kind(text) is kind


def test_twilios_own_judgement_of_a_text_comes_first() -> None:
    assert keyword_kind("arrêt", "STOP") is EventKind.UNSUBSCRIBED
    assert keyword_kind("yes", "HELP") is EventKind.HELP_ASKED
