"""`python -m web` as a process of its own."""

import gc
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from starlette.types import Receive, Scope, Send

from data.garbage import rarely_collected
from data.ledger.migrate import migrate
from data.ledger.store import open_ledger
from data.settings import Settings
from tests.waiting import wait_until
from tests.web.conftest import LINK
from tests.web.flood import children_of, writers_of
from tests.world import make_customer, make_request, make_world
from web.metrics import Metrics
from web.server import configure, left_out_of_collections, serve

ROOT = Path(__file__).parents[2]


@contextmanager
def started(home: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """The process, which does not outlive the block."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("TWILIO_", "MAILGUN_"))}
    with subprocess.Popen(
        [sys.executable, "-m", "web", *arguments],
        cwd=ROOT, env=environment | {"AFTERWORD_HOME": str(home)}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        try:
            yield process
        finally:
            process.kill()


def figures_of(address: str) -> str:
    figures: bytes = urllib.request.urlopen(f"{address}/metrics", timeout=10).read()
    return figures.decode()


def is_ready(address: str) -> bool:
    try:
        return bool(urllib.request.urlopen(f"{address}/readyz", timeout=10))
    except urllib.error.HTTPError:
        return False


@pytest.mark.slow
def test_it_serves_with_another_writer_when_one_dies_and_its_log_holds_no_token_and_no_address(home: Path) -> None:
    ledger = open_ledger(Settings(home=home))
    migrate(ledger)
    world = make_world(ledger)
    make_request(ledger, world, make_customer(ledger, world), link_token=LINK)
    ledger.close()
    with started(home, "--port", "0") as process:
        assert process.stdout is not None
        said = json.loads(process.stdout.readline())
        assert said["event"] == "web_started"
        address = f"http://127.0.0.1:{said['port']}"
        page = urllib.request.urlopen(f"{address}/r/{LINK}?mail=ana@example.com", timeout=10)
        assert b"How likely" in page.read()
        assert page.headers["server"] is None
        figures = figures_of(address)
        assert 'afterword_web_requests_total{method="GET",route="/r/{token}",status="200"} 1.0' in figures
        assert "afterword_ledger_up 1.0" in figures
        (writer,) = writers_of(process.pid)
        os.kill(writer, signal.SIGKILL)
        wait_until(lambda: "afterword_web_inbox_lost_writers_total 1.0" in figures_of(address) and is_ready(address))
        (successor,) = writers_of(process.pid)
        assert successor != writer
        os.kill(successor, signal.SIGTERM)  # systemd tells every process of a service, and who writes must leave last
        assert is_ready(address)
        assert writers_of(process.pid) == [successor]
        for child in children_of(process.pid):  # who starts writers: the next one is a thread
            os.kill(child, signal.SIGKILL)
        os.kill(successor, signal.SIGKILL)
        wait_until(lambda: "afterword_web_inbox_lost_writers_total 2.0" in figures_of(address) and is_ready(address))
        with socket.create_connection(("127.0.0.1", said["port"])) as slow:
            slow.sendall(f"GET /r/{LINK} HTTP/1.1\r\nnonsense {LINK}\r\n\r\n".encode())
            assert slow.recv(12) == b"HTTP/1.1 400"
        process.terminate()
        out, err = process.communicate(timeout=20)
    assert process.returncode == 0, "it was ended on the spot, before it closed the ledger"
    lines = [json.loads(line) for line in out.splitlines()]
    assert lines[0]["route"] == "/r/{token}"
    assert [line["event"] for line in lines].count("callbacks_writers_nursery_gone") == 1
    assert lines[-1]["event"] == "web_stopped"
    assert err == ""
    for secret in (LINK, "ana@example.com", "urllib"):
        assert secret not in out + err


@pytest.mark.slow
def test_without_a_ledger_it_says_what_to_run(home: Path) -> None:
    with started(home, "--port", "0") as process:
        out, err = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "afterword init" in err
    assert "Traceback" not in err
    assert out == ""


@pytest.mark.slow
def test_a_variable_that_cannot_be_used_is_named_with_what_is_expected_and_not_shown(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AFTERWORD_HOOK_SECRET", "brief")
    with started(home, "--port", "0") as process:
        _, err = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "AFTERWORD_HOOK_SECRET is wrong" in err
    assert "shorter than 16 characters" in err
    assert "brief" not in err


@pytest.fixture
def usual_collector() -> Iterator[None]:
    """The collector as Python starts with it; conftest.py lets it look more seldom."""
    before = gc.get_threshold()
    gc.set_threshold(700, 10, 10)
    yield
    gc.set_threshold(*before)


@pytest.mark.usefixtures("usual_collector")
@pytest.mark.slow
def test_while_it_serves_no_answer_waits_for_a_search_for_garbage_among_all_that_was_loaded() -> None:
    before = gc.get_threshold()
    gc.unfreeze()  # what conftest.py left out of collections
    try:
        with left_out_of_collections(), rarely_collected():
            assert gc.get_freeze_count() > 10_000
            assert gc.get_threshold()[0] > 10 * before[0]
        assert gc.get_threshold() == before
        assert not gc.get_freeze_count()
    finally:
        gc.freeze()


@pytest.mark.usefixtures("usual_collector")
@pytest.mark.slow
def test_who_is_served_is_served_by_a_process_that_rarely_looks_for_garbage() -> None:
    thresholds = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        thresholds.append(gc.get_threshold()[0])
        await send({"type": "lifespan.startup.failed", "message": ""})  # it need not serve anybody

    before = gc.get_threshold()[0]
    with socket.create_server(("127.0.0.1", 0)) as listening, pytest.raises(SystemExit):
        serve(configure(app, Metrics(), public_url="http://127.0.0.1"), listening)
    assert thresholds[0] > 10 * before
    assert gc.get_threshold()[0] == before


@pytest.mark.slow
def test_what_others_left_out_of_collections_stays_left_out() -> None:
    gc.freeze()
    with left_out_of_collections():
        assert gc.get_freeze_count()
    assert gc.get_freeze_count()
