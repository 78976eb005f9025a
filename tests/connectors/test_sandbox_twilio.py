"""The sandbox as Twilio: what it takes, refuses, lists, reports back. Twilio's own validator judges the signatures."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import requests
from twilio.request_validator import RequestValidator

from tests.connectors.server import Answer, Received, Stub, stub
from tests.sandbox import TWILIO_FROM, TWILIO_SID, TWILIO_TOKEN, Sandbox, running_sandbox
from tests.specs import Exchange, judge
from tests.waiting import wait_until

pytestmark = pytest.mark.slow
NUMBER = "+13125550111"


@pytest.fixture(scope="module")
def listener() -> Iterator[Stub]:
    """Where web/ would be."""
    with stub() as it:
        it.answer = lambda _: Answer(200)
        yield it


@pytest.fixture(scope="module")
def sandbox(listener: Stub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with running_sandbox(tmp_path_factory.mktemp("sandbox"), public_url=listener.url, pace=0.02) as it:
        yield it


def create(sandbox: Sandbox, **form: str) -> requests.Response:
    given = {"To": NUMBER, "From": TWILIO_FROM, "Body": "How was it?", **form}
    filled = {name: value for name, value in given.items() if value}
    return requests.post(f"{sandbox.twilio}/Messages.json", data=filled, auth=sandbox.twilio_auth, timeout=10)


def read_list(sandbox: Sandbox, **query: str) -> dict[str, Any]:
    answer = requests.get(f"{sandbox.twilio}/Messages.json", query, auth=sandbox.twilio_auth, timeout=10)
    judged(answer)
    found: dict[str, Any] = answer.json()
    return found


def fetch(sandbox: Sandbox, sid: str) -> dict[str, Any]:
    answer = requests.get(f"{sandbox.twilio}/Messages/{sid}.json", auth=sandbox.twilio_auth, timeout=10)
    judged(answer)
    found: dict[str, Any] = answer.json()
    return found


def judged(answer: requests.Response) -> None:
    """Hold an answer to Twilio's own OpenAPI file (which calls a plain day no DateSent, against its own examples)."""
    asked = answer.request
    body = asked.body.encode() if isinstance(asked.body, str) else asked.body or b""
    exchange = Exchange(
        asked.method or "", asked.path_url, dict(asked.headers), body, answer.status_code, answer.content
    )
    assert [fault for fault in judge("twilio", [exchange]) if ", answer:" in fault] == []


def posts(listener: Stub, path: str, word: str) -> list[Received]:
    return [r for r in listener.received if r.path == path and word in r.body.decode()]


def assert_signed(listener: Stub, request: Received) -> None:
    form = {name: values[0] for name, values in request.form.items()}
    validator: Any = RequestValidator(TWILIO_TOKEN)
    signature = request.headers["x-twilio-signature"]
    assert validator.validate(listener.url + request.target, form, signature)
    assert not validator.validate(listener.url + request.target, {**form, "To": "+1"}, signature)
    assert request.headers["i-twilio-idempotency-token"]


def test_a_created_message_is_queued_unsent_and_as_twilio_describes_it(sandbox: Sandbox) -> None:
    answer = create(sandbox)
    judged(answer)
    message = answer.json()
    assert answer.status_code == 201
    assert (message["status"], message["date_sent"], message["num_segments"]) == ("queued", None, "1")
    assert (message["direction"], message["from"], message["to"]) == ("outbound-api", TWILIO_FROM, NUMBER)
    assert abs(parsedate_to_datetime(message["date_created"]) - datetime.now(UTC)) < timedelta(seconds=30)


def test_a_message_through_a_service_is_accepted_and_gets_its_sender_later(sandbox: Sandbox) -> None:
    answer = create(sandbox, From="", MessagingServiceSid="MG" + "a" * 32)
    judged(answer)
    message = answer.json()
    assert (message["status"], message["from"], message["num_segments"]) == ("accepted", None, "0")
    wait_until(lambda: fetch(sandbox, message["sid"])["status"] == "delivered")
    assert fetch(sandbox, message["sid"])["from"] == TWILIO_FROM


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"To": ""}, 21604), ({"From": ""}, 21603), ({"Body": ""}, 21602), ({"Body": "x" * 1601}, 21617),
        ({"To": "12"}, 21211), ({"To": "+15005550001"}, 21211), ({"To": "+15005550002"}, 21612),
        ({"To": "+15005550003"}, 21408), ({"To": "+15005550004"}, 21610), ({"To": "+15005550009"}, 21614),
        ({"From": "+15005550001"}, 21212), ({"From": "+15005550007"}, 21606), ({"From": "+15005550008"}, 21611),
        ({"From": "+13125559999"}, 21606), ({"From": "", "MessagingServiceSid": "MGx"}, 21705),
        ({"To": f"whatsapp:{NUMBER}"}, 21612), ({"SendAt": "2026-11-23T18:00:00Z"}, 20001),
    ],
)  # fmt: skip
def test_what_twilio_refuses_is_refused_with_its_code(sandbox: Sandbox, form: dict[str, str], code: int) -> None:
    before = len(sandbox.record())
    answer = create(sandbox, **form)
    assert answer.status_code == 400
    assert answer.json().keys() == {"code", "message", "more_info", "status"}
    assert (answer.json()["code"], answer.json()["status"]) == (code, 400)
    assert len(sandbox.record()) == before


def test_the_magic_sender_is_good(sandbox: Sandbox) -> None:
    assert create(sandbox, From="+15005550006").status_code == 201


def test_a_body_of_161_plain_characters_is_two_segments_and_of_71_with_an_emoji_too(sandbox: Sandbox) -> None:
    assert create(sandbox, Body="x" * 160).json()["num_segments"] == "1"
    assert create(sandbox, Body="x" * 161).json()["num_segments"] == "2"
    assert create(sandbox, Body="é" * 160).json()["num_segments"] == "1"
    assert create(sandbox, Body="x" * 69 + "😀").json()["num_segments"] == "2"


def test_a_stranger_gets_20003_and_another_account_is_not_found(sandbox: Sandbox) -> None:
    stranger = requests.get(f"{sandbox.twilio}/Messages.json", auth=(TWILIO_SID, "wrong"), timeout=10)
    assert (stranger.status_code, stranger.json()["code"]) == (401, 20003)
    nobody = requests.get(f"{sandbox.twilio}/Messages.json", timeout=10)
    assert nobody.status_code == 401
    other = sandbox.twilio.replace(TWILIO_SID, "AC" + "f" * 32)
    answer = requests.get(f"{other}/Messages.json", auth=sandbox.twilio_auth, timeout=10)
    assert (answer.status_code, answer.json()["code"]) == (404, 20404)


def test_an_unknown_message_is_20404(sandbox: Sandbox) -> None:
    url = f"{sandbox.twilio}/Messages/SM{'0' * 32}.json"
    answer = requests.get(url, auth=sandbox.twilio_auth, timeout=10)
    assert (answer.status_code, answer.json()["code"]) == (404, 20404)


def test_a_delivered_text_is_told_by_signed_callbacks(sandbox: Sandbox, listener: Stub) -> None:
    sid = create(sandbox, StatusCallback=f"{listener.url}/callbacks/twilio/status?s=attempt-1").json()["sid"]
    sandbox.wait_until_quiet()
    told = [r for r in posts(listener, "/callbacks/twilio/status", sid) if r.query == {"s": ["attempt-1"]}]
    assert {r.form["MessageStatus"][0] for r in told} == {"sent", "delivered"}
    for request in told:
        assert_signed(listener, request)
        assert request.form["SmsSid"] == [sid]
    message = fetch(sandbox, sid)
    assert (message["status"], message["error_code"]) == ("delivered", None)
    assert message["date_sent"] is not None
    assert [row["attempt_id"] for row in sandbox.record() if row["provider_message_id"] == sid] == ["attempt-1"]


def test_a_number_that_ends_in_an_error_code_is_undelivered_with_it(sandbox: Sandbox, listener: Stub) -> None:
    url = f"{listener.url}/callbacks/twilio/status?s=attempt-2"
    sid = create(sandbox, To="+13125530005", StatusCallback=url).json()["sid"]
    sandbox.wait_until_quiet()
    message = fetch(sandbox, sid)
    assert (message["status"], message["error_code"]) == ("undelivered", 30005)
    told = [r for r in posts(listener, "/callbacks/twilio/status", sid) if "ErrorCode" in r.form]
    assert [r.form["ErrorCode"] for r in told] == [["30005"]]


def test_whatsapp_without_a_template_fails_outside_the_window(tmp_path: Path) -> None:
    env = {"TWILIO_WHATSAPP_FROM": "+13125550199"}
    with running_sandbox(tmp_path, pace=0.02, env=env) as own:
        form = {"To": f"whatsapp:{NUMBER}", "From": "whatsapp:+13125550199"}
        sid = create(own, **form).json()["sid"]
        own.wait_until_quiet()
        message = fetch(own, sid)
        assert (message["status"], message["error_code"], message["date_sent"]) == ("failed", 63016, None)
        own.post("/_sandbox/texts", {"from": f"whatsapp:{NUMBER}", "body": "hello"})
        sid = create(own, **form).json()["sid"]
        own.wait_until_quiet()
        assert fetch(own, sid)["status"] == "delivered"


def test_a_customers_text_is_posted_signed_and_listed_as_inbound(sandbox: Sandbox, listener: Stub) -> None:
    sid = sandbox.post("/_sandbox/texts", {"from": "+13125550122", "body": "Thanks é"})["sid"]
    sandbox.wait_until_quiet()
    (request,) = posts(listener, "/callbacks/twilio/inbound", sid)
    assert_signed(listener, request)
    assert (request.form["Body"], request.form["To"]) == (["Thanks é"], [TWILIO_FROM])
    (message,) = read_list(sandbox, From="+13125550122")["messages"]
    assert (message["sid"], message["direction"], message["status"]) == (sid, "inbound", "received")
    assert sid not in {row["provider_message_id"] for row in sandbox.record()}


def test_a_number_that_texted_stop_is_blocked_until_it_texts_start(sandbox: Sandbox) -> None:
    number = "+13125550133"
    assert create(sandbox, To=number).status_code == 201
    sandbox.post("/_sandbox/texts", {"from": number, "body": " Stop "})
    refused = create(sandbox, To=number)
    assert (refused.status_code, refused.json()["code"]) == (400, 21610)
    assert create(sandbox, To="+13125550134").status_code == 201
    sandbox.post("/_sandbox/texts", {"from": number, "body": "START"})
    assert create(sandbox, To=number).status_code == 201


def test_the_list_pages_through_everything_once_newest_first(sandbox: Sandbox) -> None:
    number = "+13125550144"
    made = [create(sandbox, To=number, Body=f"message {n}").json()["sid"] for n in range(7)]
    sandbox.wait_until_quiet()
    page = read_list(sandbox, To=number, PageSize="3")
    seen, sizes = [], []
    while True:
        seen += [m["sid"] for m in page["messages"]]
        sizes.append(len(page["messages"]))
        if not page["next_page_uri"]:
            break
        assert page["next_page_uri"].startswith("/2010-04-01/Accounts/")
        answer = requests.get(sandbox.url + page["next_page_uri"], auth=sandbox.twilio_auth, timeout=10)
        judged(answer)
        page = answer.json()
    assert sizes == [3, 3, 1]
    assert sorted(seen) == sorted(made)
    sent = [parsedate_to_datetime(m["date_sent"]) for m in read_list(sandbox, To=number)["messages"]]
    assert sent == sorted(sent, reverse=True)


def test_the_list_filters_by_day_and_hides_what_is_not_sent(sandbox: Sandbox) -> None:
    number = "+13125550155"
    create(sandbox, To=number)
    sandbox.wait_until_quiet()
    now = datetime.now(UTC)
    today, tomorrow, yesterday = (f"{now + timedelta(days=d):%Y-%m-%d}" for d in (0, 1, -1))
    counts = {
        urlencode(query): len(read_list(sandbox, To=number, **query)["messages"])
        for query in (
            {"DateSent": today}, {"DateSent>": today}, {"DateSent<": today}, {"DateSent": yesterday},
            {"DateSent>": tomorrow}, {"DateSent<": yesterday},
        )
    }  # fmt: skip
    assert list(counts.values()) == [1, 1, 1, 0, 0, 0]


@pytest.mark.parametrize("query", [{"PageSize": "0"}, {"PageSize": "1001"}, {"PageToken": "x"}, {"DateSent": "soon"}])
def test_a_list_question_that_cannot_be_read_is_refused(sandbox: Sandbox, query: dict[str, str]) -> None:
    answer = requests.get(f"{sandbox.twilio}/Messages.json", query, auth=sandbox.twilio_auth, timeout=10)
    assert (answer.status_code, answer.json()["code"]) == (400, 20001)


def test_the_clock_moves_payloads_and_leaves_the_date_header_alone(tmp_path: Path) -> None:
    with running_sandbox(tmp_path, pace=0.02) as own:
        own.post("/_sandbox/clock", {"offset_seconds": 3 * 86_400})
        answer = create(own)
        ahead = parsedate_to_datetime(answer.json()["date_created"]) - parsedate_to_datetime(answer.headers["Date"])
        assert abs(ahead - timedelta(days=3)) < timedelta(seconds=10)
