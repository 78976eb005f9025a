"""The processes of a run: each test once, the dead one's too, what they print in its place, and one to fork from."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MADE_UP = """
import os
from pathlib import Path

import pytest

from tests.forked import fork

IMPORTED_BY = os.getpid()

def tell(words):
    print(os.getppid(), IMPORTED_BY)
    return 0

@pytest.mark.parametrize("number", range(4))
def test_forks(number):
    process, said = fork(tell, [], os.environ)
    with said, Path("forked").open("a") as file:
        file.write(said.read())
    process.join()

@pytest.fixture(scope="module")
def of_module():
    yield
    with Path("ended").open("a") as file:
        file.write("x")

@pytest.mark.parametrize("number", range(6))
def test_passes(of_module, number):
    with Path("ran").open("a") as file:
        file.write(f"{number}\\n")

def test_dies():
    os._exit(7)

def test_fails(of_module):
    os.system("echo printed by a child")
    assert not os.getpid()
"""


@pytest.mark.slow
def test_a_run_by_several_processes_runs_each_test_once_and_tells_which_one_died(tmp_path: Path) -> None:
    (tmp_path / "test_made_up.py").write_text(MADE_UP)
    (tmp_path / "pytest.ini").write_text("[pytest]")
    words = [sys.executable, "-m", "pytest", "-q", "-p", "tests.crew", "--crew", "2", "test_made_up.py"]
    done = subprocess.run(
        words, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "2 failed, 10 passed" in done.stdout
    assert "test_dies - the process that ran it ended with 7" in done.stdout
    assert done.stdout.count("printed by a child") == 2, "once in the test's text, once as what it said"
    assert sorted((tmp_path / "ran").read_text().split()) == ["0", "1", "2", "3", "4", "5"]
    assert (tmp_path / "ended").exists()
    forked = (tmp_path / "forked").read_text().splitlines()
    assert len(forked) == 4
    assert len(set(forked)) == 1, "not all from one process, or not all from one that had imported the tests"
