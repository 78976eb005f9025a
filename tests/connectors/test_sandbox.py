"""The sandbox itself: its command, its faults, its memory."""

import contextlib
import http.server
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qsl

import pytest
import requests

from tests.sandbox import MAILGUN_DOMAIN, TWILIO_FROM, Sandbox, running_sandbox
from tests.waiting import wait_until

pytestmark = pytest.mark.slow
CREATE = {"From": TWILIO_FROM, "Body": "How was it?"}


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with running_sandbox(tmp_path_factory.mktemp("sandbox"), pace=0.02) as it:
        yield it


def create(sandbox: Sandbox, number: str, timeout: float = 10) -> requests.Response:
    url = f"{sandbox.twilio}/Messages.json"
    return requests.post(url, data={**CREATE, "To": number}, auth=sandbox.twilio_auth, timeout=timeout)


def mail(sandbox: Sandbox, recipient: str) -> requests.Response:
    form = {"from": "ask@acme.example", "to": recipient, "subject": "s", "text": "t"}
    return requests.post(f"{sandbox.mailgun}/messages", data=form, auth=sandbox.mailgun_auth, timeout=10)


def arrived(sandbox: Sandbox, address: str) -> int:
    return sum(row["to"] == address for row in sandbox.record())


@pytest.mark.parametrize(
    ("kind", "status", "code", "count"),
    [("accept_then_500", 500, 20500, 1), ("refuse_500", 500, 20500, 0), ("throttle_429", 429, 20429, 0),
     ("unauthorised_401", 401, 20003, 0)],
)  # fmt: skip
def test_a_wrong_answer_is_twilios_own_and_only_for_the_next_create(
    sandbox: Sandbox, kind: str, status: int, code: int, count: int
) -> None:
    number = f"+1312554{code}"
    sandbox.post("/_sandbox/faults", {"kind": kind, "provider": "twilio", "count": 1})
    number = f"{number}{count}"
    answer = create(sandbox, number)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert arrived(sandbox, number) == count
    assert create(sandbox, number).status_code == 201


@pytest.mark.parametrize(
    ("kind", "status", "words", "count"),
    [("accept_then_500", 500, "Internal Server Error", 1), ("throttle_429", 429, "try again after", 0),
     ("unauthorised_401", 401, "Forbidden", 0)],
)  # fmt: skip
def test_a_wrong_answer_is_mailguns_own(sandbox: Sandbox, kind: str, status: int, words: str, count: int) -> None:
    recipient = f"{kind}@example.com"
    sandbox.post("/_sandbox/faults", {"kind": kind, "provider": "mailgun", "count": 1})
    assert create(sandbox, "+13125551000").status_code == 201
    answer = mail(sandbox, recipient)
    assert answer.status_code == status
    assert words in answer.text
    assert arrived(sandbox, recipient) == count


def test_a_reset_comes_after_the_message_was_taken(sandbox: Sandbox) -> None:
    sandbox.post("/_sandbox/faults", {"kind": "accept_then_reset", "count": 1})
    with pytest.raises(requests.ConnectionError):
        create(sandbox, "+13125551001")
    assert arrived(sandbox, "+13125551001") == 1


def test_a_hang_comes_after_the_message_was_taken(sandbox: Sandbox) -> None:
    sandbox.post("/_sandbox/faults", {"kind": "accept_then_hang", "count": 1, "milliseconds": 4000})
    with pytest.raises(requests.ReadTimeout):
        create(sandbox, "+13125551002", timeout=1.5)
    wait_until(lambda: arrived(sandbox, "+13125551002") == 1)


def test_slow_and_trickling_answers_are_right_in_the_end(sandbox: Sandbox) -> None:
    sandbox.post("/_sandbox/faults", {"kind": "slow_ms", "count": 1, "milliseconds": 200})
    began = time.monotonic()
    assert create(sandbox, "+13125551003").status_code == 201
    assert time.monotonic() - began >= 0.2
    sandbox.post("/_sandbox/faults", {"kind": "trickle", "count": 1, "milliseconds": 2})
    form = {**CREATE, "To": "+13125551003"}
    began = time.monotonic()
    with requests.post(
        f"{sandbox.twilio}/Messages.json", data=form, auth=sandbox.twilio_auth, timeout=10, stream=True
    ) as answer:
        pieces = list(iter(answer.raw.read1, b""))
    assert json.loads(b"".join(pieces))["to"] == "+13125551003"
    # Each byte begins a socket timeout anew. Not by a timeout of a second: a busy machine may take that for one byte.
    assert len(pieces) > 1
    assert time.monotonic() - began >= 1


def test_faults_can_strike_by_chance_and_be_cleared(sandbox: Sandbox) -> None:
    sandbox.post("/_sandbox/faults", {"kind": "refuse_500", "probability": 0.5})
    seen = {create(sandbox, "+13125551004").status_code for _ in range(30)}
    assert seen == {201, 500}
    assert sandbox.post("/_sandbox/faults", {"clear": True}) == []
    assert {create(sandbox, "+13125551004").status_code for _ in range(10)} == {201}


@pytest.mark.parametrize("words", [{"kind": "rain"}, {}, {"kind": "slow_ms", "count": "many"}])
def test_an_order_that_cannot_be_read_is_refused(sandbox: Sandbox, words: dict[str, str]) -> None:
    assert requests.post(f"{sandbox.url}/_sandbox/faults", json=words, timeout=10).status_code == 400


@contextlib.contextmanager
def listening() -> Iterator[tuple[str, list[str]]]:
    """An address that takes any post, and the words for a message's state in the order in which they came."""
    told: list[str] = []

    class Listener(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            if self.path.startswith("/callbacks/mailgun"):
                told.append(json.loads(body)["event-data"]["event"])
            else:
                told.append(dict(parse_qsl(body))["MessageStatus"])
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Listener) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", told
        server.shutdown()
        thread.join()


def test_callbacks_can_come_before_the_answer_and_in_disorder_and_twice(tmp_path: Path) -> None:
    with listening() as (address, told), running_sandbox(tmp_path, public_url=address, pace=0.02) as sandbox:
        text = {**CREATE, "To": "+13125551008", "StatusCallback": f"{address}/callbacks/twilio/status?s=a1"}

        def post_text() -> list[str]:
            requests.post(f"{sandbox.twilio}/Messages.json", data=text, auth=sandbox.twilio_auth, timeout=10)
            return told[:]

        sandbox.post("/_sandbox/faults", {"kind": "callback_first", "count": 1})
        assert "sent" in post_text()  # when the answer came; on a slow machine the next had come too
        sandbox.post("/_sandbox/faults", {"kind": "callback_first", "count": 1})
        mail(sandbox, "ana@example.com")
        assert told.count("delivered") >= 1
        sandbox.wait_until_quiet()
        assert sorted(told) == ["delivered", "delivered", "sent"]
        told.clear()
        sandbox.post("/_sandbox/faults", {"kind": "callbacks_astray", "count": 1})
        post_text()
        sandbox.wait_until_quiet()
        assert told == ["delivered", "delivered", "sent", "sent"]  # however slow the machine is
        told.clear()
        sandbox.post("/_sandbox/faults", {"kind": "callbacks_astray", "count": 1})
        mail(sandbox, "ana@example.com")
        sandbox.wait_until_quiet()
        assert told == ["delivered", "delivered"]


def test_a_second_start_continues_where_the_first_ended(tmp_path: Path) -> None:
    with running_sandbox(tmp_path, pace=50) as first:
        first.post("/_sandbox/clock", {"offset_seconds": 86_400})
        sid = create(first, "+13125551005").json()["sid"]
        mail(first, "ana@example.com")
        first.post("/_sandbox/texts", {"from": "+13125551006", "body": "STOP"})
        before = first.record()
    with running_sandbox(tmp_path, pace=0.02) as second:
        assert [row["provider_message_id"] for row in second.record()] == [r["provider_message_id"] for r in before]
        assert second.get("/_sandbox/clock")["offset_seconds"] == 86_400
        assert create(second, "+13125551006").json()["code"] == 21610
        assert sid == second.record()[0]["provider_message_id"]
        assert second.get("/_sandbox/health")["pending"] >= 2  # what the first had still to deliver


def test_what_was_due_while_it_was_down_happens_at_the_next_start(tmp_path: Path) -> None:
    with running_sandbox(tmp_path, pace=0.5) as first:
        create(first, "+13125551007")
    with running_sandbox(tmp_path, pace=0.02) as second:
        second.wait_until_quiet()
        assert [row["status"] for row in second.record()] == ["delivered"]


def test_nothing_answered_is_lost_when_it_is_killed_under_load(tmp_path: Path) -> None:
    answered: list[str] = []
    with running_sandbox(tmp_path, pace=100) as first:

        def keep_creating(sender: int) -> None:
            with requests.Session() as session:
                for n in range(10_000):
                    form = {**CREATE, "To": f"+1312{sender}{n:06d}"}
                    try:
                        answer = session.post(
                            f"{first.twilio}/Messages.json", data=form, auth=first.twilio_auth, timeout=10
                        )
                    except requests.RequestException:
                        return
                    answered.append(answer.json()["sid"])

        threads = [threading.Thread(target=keep_creating, args=(sender,)) for sender in range(4)]
        for thread in threads:
            thread.start()
        wait_until(lambda: len(answered) >= 200)
        first.process.kill()
        for thread in threads:
            thread.join()
    with running_sandbox(tmp_path, pace=100) as second:
        kept = [row["provider_message_id"] for row in second.record()]
    assert set(answered) <= set(kept)
    assert len(kept) == len(set(kept))
    assert len(kept) <= len(answered) + 4  # at most the one under way for each sender


def start(folder: Path, *words: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "connectors.sandbox", "--folder", str(folder), *words]
    return subprocess.run(
        command, env={"PATH": os.environ["PATH"], **variables}, capture_output=True, text=True, timeout=60,
        cwd=Path(__file__).parents[2], check=False,
    )  # fmt: skip


def test_it_refuses_to_listen_to_anybody_but_this_machine(tmp_path: Path) -> None:
    done = start(tmp_path, "--host", "0.0.0.0")  # noqa: S104
    assert done.returncode == 2
    assert "loopback" in done.stderr


def test_it_names_the_variables_that_are_missing(tmp_path: Path) -> None:
    done = start(tmp_path, TWILIO_ACCOUNT_SID="AC1", TWILIO_AUTH_TOKEN="x", MAILGUN_DOMAIN=MAILGUN_DOMAIN)
    assert done.returncode == 2
    assert "MAILGUN_API_KEY" in done.stderr
    assert "TWILIO_ACCOUNT_SID" in done.stderr


def test_one_folder_takes_one_sandbox(tmp_path: Path) -> None:
    with running_sandbox(tmp_path) as first:
        own = {name: value for name, value in first.environment.items() if not name.endswith("_URL")}
        done = start(tmp_path, **own)
    assert done.returncode == 2
    assert "in use" in done.stderr
