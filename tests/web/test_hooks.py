"""POST /hooks/customers over HTTP: who may call, what they are answered, and that nothing else is stored."""

import json
import time
from typing import Any

import pytest
import structlog
from pydantic import SecretStr, ValidationError

from data.ledger import tables as t
from data.ledger.store import Ledger
from data.web_settings import WebSettings
from tests.web.client import PUBLIC_URL, Client
from tests.world import make_world
from web import hooks
from web.app import create_app
from web.signatures import sign

pytestmark = [pytest.mark.slow, pytest.mark.one_database]

SECRET, OLD = "0123456789abcdef", "fedcba9876543210"
PATH, JSON = "/hooks/customers", {"content-type": "application/json"}
BODY = json.dumps({"location": "chicago", "id": "visit-4711", "name": "Ana Ruiz", "email": "ana@example.com"}).encode()


@pytest.fixture
def client(ledger: Ledger) -> Client:
    make_world(ledger)
    client = Client(ledger)
    settings = WebSettings(hook_secret=(SecretStr(SECRET), SecretStr(OLD)))
    client.app = create_app(ledger, {}, public_url=PUBLIC_URL, settings=settings)
    return client


def post(client: Client, body: bytes = BODY, *, secret: str = SECRET, at: float | None = None, **headers: Any) -> Any:
    """Signed as it should be, unless a test says otherwise; `_` in a header's name stands for `-`."""
    signature = sign(secret.encode(), int(time.time() if at is None else at), body)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client("POST", PATH, content=body, headers={**JSON, "afterword-signature": signature, **named})


def stored(ledger: Ledger) -> int:
    with ledger.read() as c:
        return sum(len(c.execute(table.select()).all()) for table in (t.customers, t.manual_asks, t.hook_calls, t.jobs))


def test_a_signed_call_is_taken_and_its_repetition_gets_the_same_answer(client: Client, ledger: Ledger) -> None:
    first = post(client)
    assert first.status_code == 202
    assert first.json()["asked"] is True
    again = post(client, secret=OLD, idempotency_key="visit-4711", content_type='Application/JSON; charset="UTF-8"')
    assert (again.status_code, again.json()) == (202, first.json())
    assert stored(ledger) == 4
    assert post(client, BODY + b" ").status_code == 409
    assert first.headers["content-type"] == "application/json"
    assert first.headers["cache-control"] == "no-store"


@pytest.mark.usefixtures("ledger")
def test_whoever_holds_no_secret_of_ours_is_told_how_to_sign_and_nothing_is_stored(
    client: Client, ledger: Ledger
) -> None:
    late = time.time() - 400
    answers = [
        post(client, secret="some other secret"),
        post(client, at=late),
        post(client, at=time.time() + 400),
        post(client, afterword_signature=""),
        post(client, afterword_signature="t=1,v1=é".encode("latin-1")),
        client("POST", PATH, content=BODY, headers=JSON),
        client("POST", PATH, content=b"\xff", headers={"content-type": "text/plain"}),
        client("POST", f"{PATH}?afterword-signature={sign(SECRET.encode(), int(time.time()), BODY)}", content=BODY),
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert all("Afterword-Signature: t=" in answer.json()["message"] for answer in answers)
    assert stored(ledger) == 0


def test_every_fault_has_a_code_and_words_in_json(client: Client, ledger: Ledger) -> None:
    giant = b'{"name": "' + b"a" * 66_000 + b'"}'

    def call(**changed: Any) -> bytes:
        return json.dumps({**json.loads(BODY), **changed}).encode()

    answers = {
        413: post(client, giant),
        415: post(client, content_type="application/x-www-form-urlencoded"),
        400: post(client, BODY[:-1]),
        404: post(client, call(location="boston")),
        422: post(client, call(email="nonsense", chanels=["sms"])),
    }
    for code, answer in answers.items():
        assert answer.status_code == code
        assert answer.json()["message"]
    assert post(client, content_type="application/json; charset=latin-1").status_code == 415
    assert [fault["field"] for fault in answers[404].json()["faults"]] == ["location"]
    assert answers[422].json()["faults"][0] == {
        "field": "chanels", "found": '["sms"]', "expected": answers[422].json()["faults"][0]["expected"],
    }  # fmt: skip
    assert client.get(PATH).status_code == 405
    assert stored(ledger) == 0


def test_a_failure_of_ours_and_a_wrong_method_are_told_in_json_too(client: Client, ledger: Ledger) -> None:
    with ledger.write() as c:
        c.exec_driver_sql("alter table hook_calls rename to hook_calls_gone")
    broken = post(client)
    assert (broken.status_code, broken.json()["message"]) == (
        500, "Something broke here. Call again, with the same key.",
    )  # fmt: skip
    assert client.get(PATH).json() == {"message": "Method Not Allowed", "faults": []}


def test_without_a_secret_there_are_no_hooks(ledger: Ledger) -> None:
    make_world(ledger)
    assert post(Client(ledger)).status_code == 404
    assert stored(ledger) == 0


def test_a_flood_is_told_to_come_again_before_it_fills_the_memory(
    client: Client, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hooks, "_MOST_WAITING", 0)
    answer = post(client)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
    assert stored(ledger) == 0


def test_the_log_of_calls_names_nobody(client: Client) -> None:
    with structlog.testing.capture_logs() as lines:
        post(client)
        post(client, secret="some other secret")
        post(client, BODY[:-1])
    assert {line.get("route") for line in lines if line["event"] == "request"} == {PATH}
    assert not [private for private in ("Ana", "ana@", "visit-4711", SECRET) if private in str(lines)]


def test_a_short_secret_is_refused_and_several_may_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFTERWORD_HOOK_SECRET", f"{SECRET}, {OLD}")
    assert [secret.get_secret_value() for secret in WebSettings().hook_secret] == [SECRET, OLD]
    monkeypatch.setenv("AFTERWORD_HOOK_SECRET", f"{SECRET},short")
    with pytest.raises(ValidationError):
        WebSettings()
    monkeypatch.setenv("AFTERWORD_HOOK_SECRET", "")
    assert WebSettings().hook_secret == ()
