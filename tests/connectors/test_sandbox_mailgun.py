"""The sandbox as Mailgun: messages, events and their paging, signed webhooks."""

import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.connectors.server import Answer, Received, Stub, stub
from tests.sandbox import MAILGUN_DOMAIN, WEBHOOK_KEY, Sandbox, running_sandbox
from tests.specs import Exchange, judge
from tests.waiting import wait_until

pytestmark = pytest.mark.slow  # starts processes


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


def judged(answer: requests.Response) -> requests.Response:
    """Hold an exchange to Mailgun's own OpenAPI file."""
    asked = answer.request
    body = asked.body.encode() if isinstance(asked.body, str) else asked.body or b""
    headers = {"Content-Type": answer.headers["content-type"]}
    exchange = Exchange(
        asked.method or "", asked.path_url, dict(asked.headers), body, answer.status_code, answer.content, headers
    )
    assert [fault for fault in judge("mailgun", [exchange]) if ", answer:" in fault] == []
    return answer


def send(sandbox: Sandbox, *, files: Any = None, **form: str) -> requests.Response:
    given = {"from": "Acme <ask@acme.example>", "to": "ana@example.com", "subject": "How was it?", "text": "Hi", **form}
    filled = {name: value for name, value in given.items() if value}
    return judged(
        requests.post(f"{sandbox.mailgun}/messages", data=filled, files=files, auth=sandbox.mailgun_auth, timeout=10)
    )


def events(sandbox: Sandbox, **query: str) -> list[dict[str, Any]]:
    """Every event of a question, through all its pages."""
    found: list[dict[str, Any]] = []
    answer = requests.get(
        f"{sandbox.mailgun}/events", {"ascending": "yes", **query}, auth=sandbox.mailgun_auth, timeout=10
    )
    while answer.status_code == 200 and (items := judged(answer).json()["items"]):
        assert len(items) <= int(query.get("limit", "100"))
        found += items
        address = answer.json()["paging"]["next"]
        assert address.startswith(f"{sandbox.mailgun}/events/")
        answer = requests.get(address, auth=sandbox.mailgun_auth, timeout=10)
    assert answer.status_code == 200, answer.text
    return found


def names(found: list[dict[str, Any]]) -> list[str]:
    return [event["event"] for event in found]


def told(listener: Stub, recipient: str) -> list[dict[str, Any]]:
    hooks = [r for r in listener.received if r.path == "/callbacks/mailgun" and recipient in r.body.decode()]
    return [json.loads(r.body) for r in hooks]


def test_a_message_is_queued_under_the_id_it_asked_for(sandbox: Sandbox) -> None:
    answer = send(sandbox, **{"h:Message-Id": f"<a1@{MAILGUN_DOMAIN}>", "v:attempt_id": "a1"})
    assert (answer.status_code, answer.json()) == (
        200, {"id": f"<a1@{MAILGUN_DOMAIN}>", "message": "Queued. Thank you."},
    )  # fmt: skip
    sandbox.wait_until_quiet()
    found = events(sandbox, **{"message-id": f"a1@{MAILGUN_DOMAIN}"})
    assert names(found) == ["accepted", "delivered"]
    for event in found:
        assert event["user-variables"] == {"attempt_id": "a1"}
        assert event["recipient"] == "ana@example.com"
        assert event["message"]["headers"]["message-id"] == f"a1@{MAILGUN_DOMAIN}"
    (row,) = [row for row in sandbox.record() if row["attempt_id"] == "a1"]
    assert (row["provider"], row["to"], row["subject"], row["status"]) == (
        "mailgun", "ana@example.com", "How was it?", "delivered",
    )  # fmt: skip


def test_multipart_is_taken_as_urlencoded_is_and_a_made_up_id_given(sandbox: Sandbox) -> None:
    answer = send(sandbox, to="mp@example.com", files={"attachment": ("a.jpg", b"\xff\xd8hello", "image/jpeg")})
    assert answer.status_code == 200
    assert answer.json()["id"].endswith(f"@{MAILGUN_DOMAIN}>")
    sandbox.wait_until_quiet()
    file = {"filename": "a.jpg", "content-type": "image/jpeg", "size": 7}
    assert [event["message"]["attachments"] for event in events(sandbox, recipient="mp@example.com")] == [[file]] * 2
    (row,) = [row for row in sandbox.record() if row["to"] == "mp@example.com"]
    assert row["media"] == [{"name": "a.jpg", "media_type": "image/jpeg", "size": 7}]


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"from": ""}, "from parameter is missing"), ({"to": "nobody"}, "to parameter is not a valid address"),
        ({"to": ""}, "to parameter is missing"), ({"subject": ""}, "subject parameter is missing"),
        ({"text": ""}, "Need at least one of"), ({"html": "<p>", "template": "t"}, "Only one parameters"),
        ({"v:x": "x" * 17_000}, "limited to 16KB"),
    ],
)  # fmt: skip
def test_what_mailgun_refuses_is_refused_in_its_words(sandbox: Sandbox, form: dict[str, str], words: str) -> None:
    before = len(sandbox.record())
    answer = send(sandbox, **form)
    assert answer.status_code == 400
    assert words in answer.json()["message"]
    assert len(sandbox.record()) == before


def test_a_stranger_is_forbidden_and_another_domain_not_found(sandbox: Sandbox) -> None:
    for path in ("messages", "events"):
        method = "POST" if path == "messages" else "GET"
        stranger = requests.request(method, f"{sandbox.mailgun}/{path}", auth=("api", "wrong"), timeout=10)
        assert (stranger.status_code, stranger.json()) == (401, "Forbidden")
        other = f"{sandbox.url}/v3/other.example/{path}"
        assert requests.request(method, other, auth=sandbox.mailgun_auth, timeout=10).status_code == 404


def test_webhooks_are_signed_and_tell_what_the_list_tells(sandbox: Sandbox, listener: Stub) -> None:
    send(sandbox, to="hook@example.com")
    sandbox.wait_until_quiet()
    (hook,) = told(listener, "hook@example.com")
    signature = hook["signature"]
    signed = (signature["timestamp"] + signature["token"]).encode()
    assert hmac.new(WEBHOOK_KEY.encode(), signed, hashlib.sha256).hexdigest() == signature["signature"]
    (listed,) = events(sandbox, recipient="hook@example.com", event="delivered")
    assert hook["event-data"] == listed


def test_paging_shows_everything_once_in_order_and_ends_with_an_empty_page(sandbox: Sandbox) -> None:
    for n in range(5):
        send(sandbox, to=f"page{n}@example.com", subject="paging")
    sandbox.wait_until_quiet()
    found = events(sandbox, subject="paging", limit="3")
    assert sorted(names(found)) == ["accepted"] * 5 + ["delivered"] * 5
    assert len({event["id"] for event in found}) == 10
    times = [event["timestamp"] for event in found]
    assert times == sorted(times)
    falling = events(sandbox, subject="paging", limit="4", ascending="no")
    assert [event["id"] for event in falling] == [event["id"] for event in found][::-1]


def test_the_page_before_leads_back(sandbox: Sandbox) -> None:
    send(sandbox, to="back@example.com")
    sandbox.wait_until_quiet()
    query = {"ascending": "yes", "limit": "1", "recipient": "back@example.com"}
    first = requests.get(f"{sandbox.mailgun}/events", query, auth=sandbox.mailgun_auth, timeout=10).json()
    second = requests.get(first["paging"]["next"], auth=sandbox.mailgun_auth, timeout=10).json()
    back = requests.get(second["paging"]["previous"], auth=sandbox.mailgun_auth, timeout=10).json()
    assert (names(first["items"]), names(second["items"])) == (["accepted"], ["delivered"])
    assert back["items"] == first["items"]


def test_an_event_that_comes_later_is_on_the_page_that_was_empty(sandbox: Sandbox) -> None:
    send(sandbox, to="later@example.com")
    sandbox.wait_until_quiet()
    query = {"ascending": "yes", "recipient": "later@example.com"}
    page = requests.get(f"{sandbox.mailgun}/events", query, auth=sandbox.mailgun_auth, timeout=10).json()
    empty = requests.get(page["paging"]["next"], auth=sandbox.mailgun_auth, timeout=10).json()
    assert empty["items"] == []
    sandbox.post("/_sandbox/events", {"recipient": "later@example.com", "event": "opened"})
    again = requests.get(empty["paging"]["next"], auth=sandbox.mailgun_auth, timeout=10).json()
    assert names(again["items"]) == ["opened"]


def test_filters_understand_or_and_not_and_ranges_of_time(sandbox: Sandbox) -> None:
    before = time.time()
    send(sandbox, to="filter@example.com")
    sandbox.wait_until_quiet()
    own = {"recipient": "FILTER@example.com"}
    assert names(events(sandbox, **own, event="delivered OR failed")) == ["delivered"]
    assert names(events(sandbox, **own, event="NOT delivered")) == ["accepted"]
    assert names(events(sandbox, **own, begin=str(before))) == ["accepted", "delivered"]
    assert events(sandbox, **own, end=str(before)) == []
    written = format_datetime(datetime.fromtimestamp(before - 1, UTC))
    assert len(events(sandbox, **own, begin=written)) == 2


@pytest.mark.parametrize(
    "query",
    [{"limit": "301"}, {"begin": "1"}, {"begin": "soon", "ascending": "yes"}, {"ascending": "up"}, {"tags": "x"}],
)  # fmt: skip
def test_a_question_that_cannot_be_read_is_refused(sandbox: Sandbox, query: dict[str, str]) -> None:
    answer = requests.get(f"{sandbox.mailgun}/events", query, auth=sandbox.mailgun_auth, timeout=10)
    assert answer.status_code == 400
    token = requests.get(f"{sandbox.mailgun}/events/nonsense", auth=sandbox.mailgun_auth, timeout=10)
    assert token.status_code == 400


def test_a_bounce_is_permanent_and_the_next_mail_is_not_attempted(sandbox: Sandbox) -> None:
    for _ in range(2):
        send(sandbox, to="bounce@example.com")
        sandbox.wait_until_quiet()
    failed = events(sandbox, recipient="bounce@example.com", event="failed")
    assert [event["severity"] for event in failed] == ["permanent", "permanent"]
    assert [event["reason"] for event in failed] == ["bounce", "suppress-bounce"]
    assert failed[1]["delivery-status"]["code"] == 605


def test_a_soft_bounce_is_delayed_and_then_delivered(sandbox: Sandbox) -> None:
    send(sandbox, to="softbounce@example.com")
    sandbox.wait_until_quiet()
    found = events(sandbox, recipient="softbounce@example.com")
    assert [(e["event"], e.get("severity")) for e in found] == [
        ("accepted", None), ("failed", "temporary"), ("delivered", None),
    ]  # fmt: skip


def test_a_complaint_suppresses_what_follows(sandbox: Sandbox) -> None:
    send(sandbox, to="angry@example.com")
    sandbox.post("/_sandbox/events", {"recipient": "angry@example.com", "event": "complained"})
    send(sandbox, to="angry@example.com")
    sandbox.wait_until_quiet()
    failed = events(sandbox, recipient="angry@example.com", event="failed")
    assert {event["reason"] for event in failed} == {"suppress-complaint"}


def test_a_webhook_is_posted_again_until_taken_and_406_ends_it(tmp_path: Path) -> None:
    with stub() as receiver, running_sandbox(tmp_path, public_url=receiver.url, pace=0.001) as own:
        answers = {"twice@example.com": [500, 500, 200], "never@example.com": [406]}

        def answer(request: Received) -> Answer:
            recipient = json.loads(request.body)["event-data"]["recipient"]
            return Answer(answers[recipient].pop(0))

        receiver.answer = answer
        send(own, to="twice@example.com")
        send(own, to="never@example.com")
        wait_until(lambda: not any(answers.values()))
        own.wait_until_quiet()
        tokens = {hook["signature"]["token"] for hook in told(receiver, "twice@example.com")}
        assert len(tokens) == 3
        assert len({hook["event-data"]["id"] for hook in told(receiver, "twice@example.com")}) == 1
        assert len(told(receiver, "never@example.com")) == 1
