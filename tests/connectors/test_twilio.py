"""Twilio: how answers are sorted, how a doubtful message is looked for, what is polled and what is believed."""

import logging
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from pydantic import SecretStr
from twilio.request_validator import RequestValidator

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
from connectors.transport import ReadFailed, Unclear
from connectors.twilio.callbacks import TwilioCallbacks
from connectors.twilio.client import TwilioClients
from connectors.twilio.codes import ERRORS, Treatment, keyword_kind
from connectors.twilio.events import TwilioEvents
from connectors.twilio.messenger import TwilioMessenger
from data.words import AddressKind, Channel, EventKind, FailureScope
from tests.connectors.samples import (
    ATTEMPT,
    LINK,
    NUMBER,
    SENDER,
    SID,
    text_message,
    twilio_error,
    twilio_list,
    twilio_message,
    twilio_settings,
)
from tests.connectors.server import Answer, Received, Stub, stub
from tests.world import NOON

DOUBT = Doubt(ATTEMPT, Channel.SMS, NUMBER, LINK, NOON)
CALLBACK = f"https://reviews.example/callbacks/twilio/status?s={ATTEMPT}"
OTHER = "SM" + "2" * 32


@pytest.fixture
def it() -> Iterator[Stub]:
    with stub() as started:
        yield started


def messenger(it: Stub, **values: Any) -> TwilioMessenger:
    return TwilioMessenger(twilio_settings(it.url, **values), (0.5, 0.5))


def always(it: Stub, status: int, body: Any, headers: Mapping[str, str] | None = None) -> None:
    it.answer = lambda _request: Answer(status, body, headers or {})


# Sending


def test_a_text_carries_its_attempt_in_its_own_status_callback(it: Stub) -> None:
    always(it, 201, twilio_message())
    assert messenger(it).send(text_message()) == Accepted(SID)
    assert it.received[0].form == {
        "To": [NUMBER], "From": [SENDER], "Body": [text_message().text], "StatusCallback": [CALLBACK],
    }  # fmt: skip


def test_a_messaging_service_takes_the_place_of_the_number(it: Stub) -> None:
    always(it, 201, twilio_message())
    messenger(it, messaging_service_sid="MG" + "0" * 32).send(text_message())
    assert it.received[0].form["MessagingServiceSid"] == ["MG" + "0" * 32]
    assert "From" not in it.received[0].form


def test_whatsapp_goes_from_its_own_sender(it: Stub) -> None:
    always(it, 201, twilio_message())
    messenger(it, whatsapp_from="+13125550199").send(text_message(channel=Channel.WHATSAPP))
    assert it.received[0].form["To"] == [f"whatsapp:{NUMBER}"]
    assert it.received[0].form["From"] == ["whatsapp:+13125550199"]


def test_a_channel_without_a_sender_is_a_fault_of_the_configuration(it: Stub) -> None:
    with pytest.raises(ConfigurationError, match="TWILIO_WHATSAPP_FROM"):
        messenger(it).send(text_message(channel=Channel.WHATSAPP))
    assert it.received == []


def test_no_callback_is_asked_for_where_twilio_could_not_reach_us() -> None:
    real = twilio_settings("https://api.twilio.com", public_url="http://127.0.0.1:8080")
    assert real.status_callback(ATTEMPT) is None


@pytest.mark.parametrize("code", sorted(ERRORS))
def test_every_code_of_the_table_has_its_outcome(it: Stub, code: int) -> None:
    always(it, 400, twilio_error(400, code))
    meaning, reason = ERRORS[code]
    if meaning is Treatment.ACCOUNT:
        with pytest.raises(AccountStopped) as caught:
            messenger(it).send(text_message())
        assert (caught.value.code, reason in caught.value.reason) == (str(code), True)
        return
    outcome = messenger(it).send(text_message())
    if isinstance(meaning, FailureScope):
        assert outcome == PermanentFailure(str(code), reason, meaning)
    else:
        assert isinstance(outcome, TemporaryFailure)
        assert outcome.is_throttle is (meaning is Treatment.THROTTLE)


def test_an_unknown_code_ends_this_message_only_and_is_named(it: Stub) -> None:
    always(it, 400, twilio_error(400, 29999))
    assert messenger(it).send(text_message()) == PermanentFailure("29999", "Twilio error 29999", FailureScope.MESSAGE)


def test_too_many_requests_slow_the_sender_down(it: Stub) -> None:
    always(it, 429, twilio_error(429, 20429))
    outcome = messenger(it).send(text_message())
    assert isinstance(outcome, TemporaryFailure)
    assert outcome.is_throttle
    assert len(it.received) == 1


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (429, b"<html>slow down</html>"),  # a proxy's, not Twilio's: nothing proves that Twilio did not take it
        (429, {"message": "rate limited"}),
        (400, b"bad request"),
        (404, b"<html>no such page</html>"),
        (500, twilio_error(500, 20500)),
        (503, twilio_error(503, 30002)),  # an account's code in a server error proves nothing
        (502, b"bad gateway"),
        (201, {}),
        (201, b"not json"),
        (200, {"sid": None}),
        (503, {"type": "about:blank", "title": "x", "status": 400, "code": 21211}),  # says 400, was 503
    ],
)
def test_what_proves_nothing_is_doubt(it: Stub, status: int, body: Any) -> None:
    always(it, status, body)
    with pytest.raises(Unclear):
        messenger(it).send(text_message())
    assert len(it.received) == 1


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(it: Stub, status: int) -> None:
    with stub() as elsewhere:
        always(it, status, None, {"Location": f"{elsewhere.url}/2010-04-01/x"})
        with pytest.raises(Unclear):
            messenger(it).send(text_message())
        assert elsewhere.received == []


def test_a_401_without_a_body_still_stops_the_account(it: Stub) -> None:
    always(it, 401, None)
    with pytest.raises(AccountStopped):
        messenger(it).send(text_message())


def test_the_sdk_reaches_no_host_but_its_own_and_ignores_regions(it: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWILIO_REGION", "ie1")
    monkeypatch.setenv("TWILIO_EDGE", "dublin")
    always(it, 201, twilio_message())
    assert messenger(it).send(text_message()) == Accepted(SID)
    client = TwilioClients(twilio_settings(it.url)).client()
    for url in (
        "https://content.twilio.com/v1/Content",
        "http://api.twilio.com/x",
        "https://api.twilio.com.evil.example/",
    ):
        with pytest.raises(ConfigurationError):
            client.request("GET", url)
    assert len(it.received) == 1


def test_loopback_is_reached_directly_whatever_proxy_is_set(it: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    always(it, 201, twilio_message())
    assert messenger(it).send(text_message()) == Accepted(SID)


def test_nothing_of_a_message_is_logged_even_at_the_lowest_level(it: Stub, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    always(it, 200, twilio_list([]))
    opened = messenger(it)
    opened.look_up(DOUBT)
    always(it, 400, twilio_error(400, 21211))
    outcome = opened.send(text_message())
    told = caplog.text + repr(outcome)
    assert NUMBER not in told
    assert NUMBER.removeprefix("+") not in told


# Looking for a message in doubt


def test_a_message_is_found_by_the_link_that_only_it_contains(it: Stub) -> None:
    others = [
        twilio_message(sid=OTHER, body="another link"),
        twilio_message(sid=OTHER, direction="inbound"),
        twilio_message(sid=OTHER, date_created="Mon, 23 Nov 2026 12:00:00 +0000"),  # an attempt of this morning
    ]
    always(it, 200, twilio_list([*others, twilio_message()]))
    assert messenger(it).look_up(DOUBT) == Found(SID)
    assert it.received[0].query == {"To": [NUMBER], "PageSize": ["1000"]}


def test_an_older_message_with_the_link_is_neither_ours_nor_absence(it: Stub) -> None:
    always(it, 200, twilio_list([twilio_message(date_created="Mon, 23 Nov 2026 12:00:00 +0000")]))
    told = messenger(it).look_up(DOUBT)
    assert isinstance(told, CannotTell)
    assert told.is_final


def test_every_page_is_read_before_a_message_counts_as_absent(it: Stub) -> None:
    def answer(request: Received) -> Answer:
        page = int(request.query.get("Page", ["0"])[0])
        uri = f"{request.path}?PageSize=1000&Page={page + 1}&PageToken=PA{page}" if page < 2 else None
        return Answer(200, twilio_list([], uri))

    it.answer = answer
    assert messenger(it).look_up(DOUBT) == Absent(NOON)
    assert len(it.received) == 3
    it.answer = lambda r: Answer(200, twilio_list([twilio_message()])) if r.query.get("Page") == ["2"] else answer(r)
    assert messenger(it).look_up(DOUBT) == Found(SID)


def test_a_list_without_end_tells_nothing(it: Stub) -> None:
    it.answer = lambda request: Answer(200, twilio_list([], f"{request.path}?PageSize=1000&PageToken=PA1"))
    assert isinstance(messenger(it).look_up(DOUBT), CannotTell)
    assert len(it.received) < 50


@pytest.mark.parametrize("answer", [Answer(500), Answer(401), Answer(200, b"[]"), Answer(hangs=True), Answer(429)])
def test_a_read_that_fails_is_never_absence(it: Stub, answer: Answer) -> None:
    it.answer = lambda _request: answer
    told = messenger(it).look_up(DOUBT)
    assert isinstance(told, CannotTell)
    assert not told.is_final
    assert NUMBER not in told.reason


def test_absence_needs_the_providers_clock(it: Stub) -> None:
    always(it, 200, twilio_list([]), {"Date": "some day"})
    assert isinstance(messenger(it).look_up(DOUBT), CannotTell)


def test_whatsapp_can_never_tell(it: Stub) -> None:
    told = messenger(it).look_up(Doubt(ATTEMPT, Channel.WHATSAPP, NUMBER, LINK, NOON))
    assert isinstance(told, CannotTell)
    assert told.is_final
    assert it.received == []


# What happened


def poll(it: Stub, *sids: str, **values: Any) -> list[ProviderEvent]:
    return list(TwilioEvents(twilio_settings(it.url, **values), (0.5, 0.5)).poll(sids, NOON - timedelta(hours=2), NOON))


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


# Callbacks


def read(url: str, form: Mapping[str, str], **values: Any) -> list[ProviderEvent]:
    reader = TwilioCallbacks(twilio_settings("https://api.twilio.com", **values), dated_by=lambda: NOON)
    signature = RequestValidator("12345").compute_signature(url, dict(form))
    body = urlencode(form).encode()
    return list(reader.read_callback(url, {"x-twilio-signature": signature}, body))


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
    [event] = TwilioCallbacks(settings).read_callback(CALLBACK, headers, urlencode(form).encode())
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
        ("Start", EventKind.RESUBSCRIBED), ("yes", EventKind.RESUBSCRIBED), ("HELP", EventKind.REPLIED),
        ("info", EventKind.REPLIED), ("9", EventKind.REPLIED),
    ],
)  # fmt: skip
def test_only_a_whole_message_is_a_keyword(text: str, kind: EventKind) -> None:
    assert keyword_kind(text) is kind


def test_twilios_own_judgement_of_a_text_comes_first() -> None:
    assert keyword_kind("arrêt", "STOP") is EventKind.UNSUBSCRIBED
    assert keyword_kind("yes", "HELP") is EventKind.REPLIED


# Doctor


def test_doctor_finds_nothing_wrong_or_says_what_to_mend(it: Stub) -> None:
    always(it, 200, twilio_list([]))
    assert messenger(it).check() == []
    assert len(messenger(it, public_url="http://reviews.example").check()) == 1
    always(it, 401, twilio_error(401, 20003))
    [fault] = messenger(it).check()
    assert "TWILIO_AUTH_TOKEN" in fault.mend
    always(it, 503, None)
    assert len(messenger(it).check()) == 1
