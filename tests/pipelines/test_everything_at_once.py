"""`afterword up` and `afterword demo`, as a person types them: everything comes up, and nothing is left behind."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from data.ledger.store import open_ledger
from data.ledger.tables import requests, scores
from data.settings import Settings
from pipelines.processes import answers, choose_port
from pipelines.sessions import members
from tests.pipelines.commands import Run
from tests.sandbox import running_sandbox
from tests.waiting import wait_until

ACCOUNT = Path(__file__).parents[2] / "data" / "samples" / "account.toml"
AFTERWORD = str(Path(sys.executable).with_name("afterword"))
OWNER = "nora.lindqvist@harborandpine.example.com"


def environment(home: Path, **variables: str) -> dict[str, str]:
    """This process's environment without anybody's accounts."""
    foreign = ("TWILIO_", "MAILGUN_", "AFTERWORD_", "DAGSTER_", "STREAMLIT_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    return {**kept, "AFTERWORD_HOME": str(home), "PYTHONUNBUFFERED": "1", "COLUMNS": "200", **variables}


def descendants(pid: int) -> set[int]:
    """The live processes below `pid`, and itself."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:  # it ended while we looked
            continue
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found


@contextmanager
def running(*arguments: str, env: dict[str, str], said: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A command that runs until Ctrl-C, which ends it here; then no process of its own may be left."""
    with said.open("wb") as out:
        process = subprocess.Popen([AFTERWORD, *arguments], env=env, stdout=out, stderr=out, start_new_session=True)
    started: set[int] = set()
    try:
        yield process
        started = descendants(process.pid)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=40)
    sessions = started | {process.pid}
    wait_until(lambda: not any(members(pid) for pid in sessions), seconds=10, what="every process to end")
    assert process.returncode == 0, said.read_text()


def told(said: Path) -> str:
    return said.read_text(encoding="utf-8")


@pytest.mark.slow
def test_up_serves_all_three_says_what_is_missing_and_ends_on_ctrl_c(tmp_path: Path, home: Path, run: Run) -> None:
    ports = {name: choose_port(0) for name in ("web", "dashboard", "dagster")}
    options = [word for name, port in ports.items() for word in (f"--{name}-port", str(port))]
    web = f"http://127.0.0.1:{ports['web']}"
    with running_sandbox(tmp_path / "sandbox", public_url=web) as sandbox:
        only_sms = {name: value for name, value in sandbox.environment.items() if not name.startswith("MAILGUN_")}
        env = environment(home, **only_sms, AFTERWORD_LOCAL_USER=OWNER)
        assert run("init", str(ACCOUNT)).code == 0
        said = tmp_path / "said"
        with running("up", *options, env=env, said=said) as process:
            wait_until(
                lambda: process.poll() is not None or "Afterword is running." in told(said),
                seconds=60, what="`afterword up` to say that it runs",
            )  # fmt: skip
            assert process.poll() is None, told(said)
            for port, path in (("web", "/healthz"), ("dashboard", "/_stcore/health"), ("dagster", "/server_info")):
                assert answers(f"http://127.0.0.1:{ports[port]}{path}"), port
            assert "No connection for email" in told(said)
            assert "MAILGUN_API_KEY" in told(said)


@pytest.mark.demo
def test_the_whole_demo_scores_goes_forward_and_leaves_nothing_behind(tmp_path: Path, home: Path) -> None:
    env = environment(home)
    said = tmp_path / "said"
    began = time.monotonic()
    with running("demo", env=env, said=said) as process:
        wait_until(
            lambda: process.poll() is not None or "Afterword is running." in told(said),
            seconds=60, what="the demo to say that it runs",
        )  # fmt: skip
        assert process.poll() is None, told(said)
        ledger = open_ledger(Settings(home=home))
        try:

            def count(column: sa.ColumnElement[Any]) -> int:
                with ledger.read() as connection:
                    return connection.execute(sa.select(sa.func.count(column))).scalar_one()

            wait_until(lambda: count(scores.c.score) > 0, seconds=90 - (time.monotonic() - began), what="scores")
            before = count(requests.c.handed_at)
            moved = subprocess.run(
                [AFTERWORD, "demo", "--forward", "3d", "--json"], env=env, capture_output=True, text=True, check=False
            )
            assert moved.returncode == 0, moved.stderr
            assert json.loads(moved.stdout)["handed_over"] > 0
            assert count(requests.c.handed_at) > before
        finally:
            ledger.close()
    assert "Ended." in told(said)
