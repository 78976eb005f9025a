"""What is started together ends together, whatever ends it."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.processes import ChildEnded, Group, child_environment, choose_port
from pipelines.sessions import members

pytestmark = pytest.mark.slow

# A child with a child of its own that ignores SIGTERM, as a run that Dagster left behind might.
STUBBORN = """
import signal, subprocess, sys, time
deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
subprocess.Popen([sys.executable, "-c", deaf])
time.sleep(600)
"""
PARENT = f"""
import sys
from pathlib import Path
from pipelines.processes import Group, child_environment
with Group(Path(sys.argv[1])) as group:
    child = group.start("child", [sys.executable, "-c", {STUBBORN!r}], child_environment(), folder=Path(sys.argv[1]))
    print(child.process.pid, flush=True)
    group.watch()
"""


def wait_for(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_process_is_left_when_the_parent_ends(tmp_path: Path, number: signal.Signals) -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    with parent:
        session = int(parent.stdout.readline())
        wait_for(lambda: len(members(session)) == 2)
        parent.send_signal(number)
        parent.wait(timeout=30)
    wait_for(lambda: members(session) == [])


def test_a_child_that_ends_is_told_with_the_place_of_its_log(tmp_path: Path) -> None:
    with Group(tmp_path) as group:
        group.start("brief", [sys.executable, "-c", "print('what I said')"], child_environment(), folder=tmp_path)
        with pytest.raises(ChildEnded, match=r"brief ended by itself.*brief\.log"):
            group.watch()
    assert "what I said" in (tmp_path / "brief.log").read_text()


def test_waiting_for_an_answer_ends_when_the_process_does(tmp_path: Path) -> None:
    port = choose_port(0)
    with Group(tmp_path) as group:
        child = group.start("brief", [sys.executable, "-c", ""], child_environment(), folder=tmp_path)
        with pytest.raises(ChildEnded):
            group.wait_until_answers(child, f"http://127.0.0.1:{port}/")


def test_a_taken_port_is_passed_over() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert choose_port(port) != port


def test_children_may_write_bytecode(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    assert "PYTHONDONTWRITEBYTECODE" not in child_environment()
