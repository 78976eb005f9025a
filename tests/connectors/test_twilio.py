"""Twilio: what a text looks like on the wire, and how every answer to it is sorted."""

import json
import logging
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from connectors import Accepted, AccountStopped, ConfigurationError, Doubt, PermanentFailure, TemporaryFailure
from connectors.transport import Unclear
from connectors.twilio.client import TwilioClients
from connectors.twilio.codes import ERRORS, Treatment
from connectors.twilio.messenger import TwilioMessenger
from data.words import Channel, FailureScope
from tests.connectors.samples import (
    ATTEMPT,
    CONTENT_SID,
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
from tests.connectors.server import PATIENT, Answer, Stub, stub
from tests.world import NOON

DOUBT = Doubt(ATTEMPT, Channel.SMS, NUMBER, LINK, NOON)
CALLBACK = f"https://reviews.example/callbacks/twilio/status?s={ATTEMPT}"


@pytest.fixture
def it() -> Iterator[Stub]:
    with stub() as started:
        yield started


def messenger(it: Stub, **values: Any) -> TwilioMessenger:
    return TwilioMessenger(twilio_settings(it.url, **values), PATIENT)


def always(it: Stub, status: int, body: Any, headers: Mapping[str, str] | None = None) -> None:
    it.answer = lambda _request: Answer(status, body, headers or {})


def test_a_text_carries_its_attempt_in_its_own_status_callback(it: Stub) -> None:
    always(it, 201, twilio_message())
    assert messenger(it).send(text_message()) == Accepted(SID)
    assert it.received[0].form == {
        "To": [NUMBER], "From": [SENDER], "Body": [text_message().text], "StatusCallback": [CALLBACK],
    }  # fmt: skip


@pytest.mark.parametrize("sid", ["AC" + "0" * 32, SID + "0", "\0", "S" * 100_000])
def test_an_answer_that_names_something_else_than_a_message_is_doubt(it: Stub, sid: str) -> None:
    always(it, 201, twilio_message(sid=sid))
    with pytest.raises(Unclear):
        messenger(it).send(text_message())


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


def test_whatsapp_carries_the_templates_id_and_its_values_and_no_words_of_our_own(it: Stub) -> None:
    always(it, 201, twilio_message())
    opened = messenger(it, whatsapp_from="+13125550199")
    opened.send(text_message(channel=Channel.WHATSAPP, template_values={"1": "Ana \u00d1", "2": 'say "hi"'}))
    [form] = [request.form for request in it.received]
    assert form["ContentSid"] == [CONTENT_SID]
    assert json.loads(form["ContentVariables"][0]) == {"1": "Ana \u00d1", "2": 'say "hi"'}
    assert {"Body", "MediaUrl"} & set(form) == set()


@pytest.mark.parametrize("values", [{"template_id": None}, {"template_values": {"1": "Ana", "2": ""}}])
def test_whatsapp_without_a_template_or_with_an_empty_value_never_leaves(it: Stub, values: dict[str, Any]) -> None:
    opened = messenger(it, whatsapp_from="+13125550199")
    outcome = opened.send(text_message(channel=Channel.WHATSAPP, **values))
    assert getattr(outcome, "scope", None) is FailureScope.MESSAGE
    assert it.received == []


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


def test_doctor_finds_nothing_wrong_or_says_what_to_mend(it: Stub) -> None:
    always(it, 200, twilio_list([]))
    assert messenger(it).check() == []
    assert len(messenger(it, public_url="http://reviews.example").check()) == 1
    always(it, 401, twilio_error(401, 20003))
    [fault] = messenger(it).check()
    assert "TWILIO_AUTH_TOKEN" in fault.mend
    always(it, 503, None)
    assert len(messenger(it).check()) == 1
