"""What is told to whoever watches over web/: alive, ready, and figures that name nobody."""

import re
import resource
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from pydantic import SecretStr
from sqlalchemy.engine import Connection

from data.ledger import tables as t
from data.ledger.breakers import open_breaker
from data.ledger.runs import recorded_run
from data.ledger.store import Ledger, open_ledger
from data.settings import Settings
from data.web_settings import WebSettings
from data.words import Channel, RequestStatus, RunKind
from tests.web.client import PUBLIC_URL
from tests.web.conftest import LINK, Asked
from tests.web.raw import Answer, Line, line_to
from tests.world import make_customer, make_request
from web.app import create_app
from web.health import GAUGE_SECONDS, READY_SECONDS, WRITE_SECONDS, Health
from web.metrics import CallbackResult, Metrics, Refusal

TOKEN = "tell-me-the-figures"
FOREIGN = ("198.51.100.7", 5)
BEARER = [(b"authorization", f"Bearer {TOKEN}".encode())]


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def line(ledger: Ledger, metrics: Metrics) -> Iterator[Line]:
    settings = WebSettings(metrics_token=SecretStr(TOKEN))
    with line_to(create_app(ledger, {}, public_url=PUBLIC_URL, settings=settings, metrics=metrics)) as line:
        yield line


def figure(answer: Answer, name: str) -> float | None:
    found = re.search(rf"^{re.escape(name)} (\S+)$", answer.body.decode(), re.MULTILINE)
    return float(found[1]) if found else None


def test_alive_needs_no_ledger_and_ready_needs_a_current_one(line: Line, tmp_path: Path) -> None:
    assert line("GET", "/readyz").status == 200
    empty = open_ledger(Settings(home=tmp_path / "empty"))
    with line_to(create_app(empty, {}, public_url=PUBLIC_URL)) as without:
        assert without("GET", "/healthz").status == 200
        assert without("GET", "/readyz") == without("HEAD", "/readyz")
        refused = without("GET", "/readyz")
        assert (refused.status, refused.body) == (503, b"the ledger can't be used")
        assert figure(without("GET", "/metrics"), "afterword_ledger_up") == 0
    empty.close()


@pytest.mark.sqlite_only
def test_not_ready_while_the_disk_is_full_and_ready_again_when_it_has_room(ledger: Ledger, metrics: Metrics) -> None:
    now = 100.0
    health = Health(ledger, metrics, None, clock=lambda: now)
    with line_to(health.routes()[1].app) as line:

        def ask_until(status: int) -> bytes:
            """A write is looked at beside the question, so what it found is told to one that comes later."""
            nonlocal now
            ends = time.monotonic() + 20
            while (answer := line("GET", "/readyz")).status != status and time.monotonic() < ends:
                now += READY_SECONDS
            return answer.body

        assert line("GET", "/readyz").status == 200
        with full_disk():
            assert line("GET", "/readyz").status == 200, "written at each look"
            now += WRITE_SECONDS
            assert ask_until(503) == b"the ledger can't be written"
        assert ask_until(200) == b"ok"


@contextmanager
def full_disk() -> Iterator[None]:
    """No file of this process may grow: as near to a full disk as a test can come."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_not_ready_while_callbacks_have_no_room_or_nobody_to_store_them(line: Line, metrics: Metrics) -> None:
    waiting = 9
    metrics.watch_inbox(lambda: waiting, capacity=10)
    assert line("GET", "/readyz").status == 200
    waiting = 10
    assert line("GET", "/readyz").status == 503
    waiting = 0
    assert line("GET", "/readyz").status == 200
    metrics.watch_inbox(lambda: waiting, capacity=10, has_writer=lambda: False)
    assert line("GET", "/readyz").status == 503


@pytest.mark.one_database
def test_however_often_it_is_asked_the_ledger_is_looked_at_once_a_second(
    ledger: Ledger, metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks, now, read = list[float](), 100.0, ledger.read

    def looked() -> AbstractContextManager[Connection]:
        looks.append(now)
        return read()

    monkeypatch.setattr(ledger, "read", looked)
    health = Health(ledger, metrics, None, clock=lambda: now)
    with line_to(health.routes()[1].app) as line:
        for _ in range(20):
            assert line("GET", "/readyz").status == 200
        assert len(looks) == 1
        now += READY_SECONDS
        assert line("GET", "/readyz").status == 200
        assert len(looks) == 2


@pytest.mark.one_database
def test_a_flood_of_questions_is_one_look_and_a_database_that_hangs_holds_one_thread(
    ledger: Ledger, metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks, is_stuck, let_go = list[int](), threading.Event(), threading.Event()

    def stuck(_: Ledger) -> None:
        looks.append(1)
        is_stuck.set()
        let_go.wait()

    monkeypatch.setattr("web.health.require_current", stuck)
    monkeypatch.setattr("web.health._WAIT_SECONDS", 60)
    now = 100.0
    health = Health(ledger, metrics, None, clock=lambda: now)
    with line_to(health.routes()[1].app) as line:
        with ThreadPoolExecutor(8) as pool:
            asked = [pool.submit(line, "GET", "/readyz") for _ in range(8)]
            is_stuck.wait()
            let_go.set()
            assert {one.result().status for one in asked} == {200}
        assert len(looks) == 1
        monkeypatch.setattr("web.health._WAIT_SECONDS", 0.01)
        let_go.clear()
        for _ in range(3):
            now += READY_SECONDS
            assert line("GET", "/readyz").status == 503
        assert len(looks) == 2, "others were sent after the one that hangs"
        let_go.set()


def test_figures_are_for_who_has_the_token_or_sits_at_this_machine(line: Line) -> None:
    def ask(client: tuple[str, int], *headers: tuple[bytes, bytes]) -> int:
        return line("GET", "/metrics", headers=headers, client=client).status

    assert ask(FOREIGN, *BEARER) == 200
    assert ask(("127.0.0.1", 5)) == ask(("::1", 5)) == 200
    assert ask(FOREIGN) == 401
    assert ask(FOREIGN, (b"authorization", b"Bearer wrong")) == 401
    assert ask(FOREIGN, (b"authorization", b"Bearer \xff\xfe")) == 401
    assert ask(("127.0.0.1", 5), (b"authorization", b"Bearer wrong")) == 401
    for passed_on in (b"x-forwarded-for", b"forwarded", b"via", b"x-real-ip"):
        assert ask(("127.0.0.1", 5), (passed_on, b"127.0.0.1")) == 401
    for ours in (b"127.0.0.1:8080", b"localhost:8080", b"[::1]:8080"):
        assert ask(("127.0.0.1", 5), (b"host", ours)) == 200
    assert ask(("127.0.0.1", 5), (b"host", b"reviews.example.com")) == 401  # a tunnel that adds nothing
    assert line("GET", "/metrics", client=("127.0.0.1", 5), version="1.0").status == 401  # nginx as it comes


@pytest.mark.one_database
def test_without_a_token_the_world_finds_no_figures(ledger: Ledger) -> None:
    with line_to(create_app(ledger, {}, public_url=PUBLIC_URL)) as line:
        assert line("GET", "/metrics", headers=BEARER, client=FOREIGN).status == 404
        assert line("GET", "/metrics").status == 200


def test_the_ledgers_figures_say_how_sending_stands(line: Line, ledger: Ledger, asked: Asked) -> None:
    for status in (RequestStatus.QUEUED, RequestStatus.QUEUED, RequestStatus.IN_DOUBT):
        make_request(ledger, asked.world, make_customer(ledger, asked.world), status=status)
    with recorded_run(ledger, RunKind.PLAN):
        assert True
    with ledger.write() as connection:
        open_breaker(connection, Channel.SMS, "+13125550199", code="30007", reason="filtered")
        connection.execute(t.system.update().values(halted_at=ledger.now(connection), halted_by="x", halt_reason="y"))
    answer = line("GET", "/metrics")
    assert answer.header("content-type") == "text/plain; version=0.0.4; charset=utf-8"
    assert figure(answer, 'afterword_requests{status="queued"}') == 2
    assert figure(answer, 'afterword_requests{status="in_doubt"}') == 1
    assert figure(answer, 'afterword_requests{status="sending"}') == 0
    assert figure(answer, "afterword_breakers_open") == 1
    assert figure(answer, "afterword_halted") == 1
    assert figure(answer, 'afterword_quota_used{account="acme"}') == 0
    assert figure(answer, 'afterword_quota_allowance{account="acme"}') == 200
    assert 0 <= (figure(answer, 'afterword_run_finished_age_seconds{kind="plan"}') or -1) < 60
    assert not [secret for secret in ("ana@", "5550100", "3125550199", LINK) if secret in answer.body.decode()]


@pytest.mark.one_database
def test_a_ledger_that_went_away_takes_its_figures_with_it_and_nothing_else(
    ledger: Ledger, metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    health = Health(ledger, metrics, None, clock=lambda: now)

    def gone() -> None:
        raise sa.exc.OperationalError("select", {}, OSError("no such host"))

    with line_to(health.routes()[2].app) as line:
        assert figure(line("GET", "/metrics"), "afterword_halted") == 0
        monkeypatch.setattr(ledger, "read", gone)
        assert figure(line("GET", "/metrics"), "afterword_halted") == 0, "looked at again too soon"
        now += GAUGE_SECONDS
        answer = line("GET", "/metrics")
    assert figure(answer, "afterword_ledger_up") == 0
    assert figure(answer, "afterword_halted") is None
    assert figure(answer, "afterword_web_inbox_depth") == 0


def test_requests_are_counted_by_pattern_and_callbacks_by_how_they_ended(
    line: Line, metrics: Metrics, asked: Asked
) -> None:
    for _ in range(3):
        line("GET", f"/r/{LINK}")
    line("EVIL", f"/r/{LINK}")
    line("GET", f"/nowhere/{LINK}")
    line("POST", "/callbacks/twilio/status")  # nobody reads Twilio here
    metrics.count_callback("mailgun", CallbackResult.FORGED)
    metrics.count_refusal(Refusal.SLOW)
    metrics.observe_group(7, 0.004)
    answer = line("GET", "/metrics")
    assert figure(answer, 'afterword_web_requests_total{method="GET",route="/r/{token}",status="200"}') == 3
    assert figure(answer, 'afterword_web_requests_total{method="other",route="/r/{token}",status="405"}') == 1
    assert figure(answer, 'afterword_web_requests_total{method="GET",route="no such route",status="404"}') == 1
    assert figure(answer, 'afterword_web_request_seconds_count{route="/r/{token}"}') == 4
    assert figure(answer, 'afterword_web_request_seconds_bucket{le="+Inf",route="/r/{token}"}') == 4
    assert figure(answer, 'afterword_web_callbacks_total{provider="mailgun",result="forged"}') == 1
    assert figure(answer, 'afterword_web_refused_connections_total{why="slow"}') == 1
    assert figure(answer, 'afterword_web_inbox_group_size_bucket{le="4.0"}') == 0
    assert figure(answer, 'afterword_web_inbox_group_size_bucket{le="8.0"}') == 1
    assert LINK not in answer.body.decode()


@pytest.mark.one_database
def test_the_buckets_of_the_latencies_add_up(metrics: Metrics) -> None:
    for seconds in (0.001, 0.002, 0.003, 11):
        metrics.count_request("GET", "/", 200, seconds)
    text = Answer(200, (), metrics.as_text())
    counts = [
        figure(text, f'afterword_web_request_seconds_bucket{{le="{le}",route="/"}}') for le in (0.002, 0.005, 10.0)
    ]
    assert counts == [2, 3, 3]
    assert figure(text, 'afterword_web_request_seconds_bucket{le="+Inf",route="/"}') == 4
    assert figure(text, 'afterword_web_request_seconds_sum{route="/"}') == pytest.approx(11.006)
