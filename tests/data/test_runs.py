"""Runs are recorded, and those whose process vanished are found."""

import subprocess
import sys
from datetime import timedelta

import pytest
import sqlalchemy as sa

from data.ledger.runs import (
    Progress,
    advance_run,
    end_run,
    inside_dagster_run,
    is_alive,
    reap_dead_runs,
    recorded_run,
    start_run,
    tell_duration,
    this_process,
)
from data.ledger.store import Ledger
from data.ledger.tables import runs
from data.words import RunKind, RunStatus
from tests.world import NOON


def _run(ledger: Ledger, run_id: int) -> sa.Row[tuple[object, ...]]:
    with ledger.read() as connection:
        return connection.execute(runs.select().where(runs.c.run_id == run_id)).one()


def test_a_run_goes_from_running_to_done_with_its_counts(ledger: Ledger) -> None:
    with inside_dagster_run("abc"):
        run_id = start_run(ledger, RunKind.SEND, NOON)
    advance_run(ledger, run_id, 3, 10, {"sent": 3})
    row = _run(ledger, run_id)
    assert (row.status, row.done, row.total, row.dagster_run_id) == (RunStatus.RUNNING, 3, 10, "abc")
    end_run(ledger, run_id, RunStatus.DONE, {"sent": 10})
    row = _run(ledger, run_id)
    assert (row.status, row.counts, row.policy_now) == (RunStatus.DONE, {"sent": 10}, NOON)
    assert row.ended_at >= row.started_at


def _fail_with_a_name(ledger: Ledger) -> None:
    with recorded_run(ledger, RunKind.EVENTS) as run:
        run.counts = {"new": 1}
        raise ValueError("ana@example.com")


def test_a_failing_run_keeps_the_kind_of_its_problem_but_not_its_text(ledger: Ledger) -> None:
    with pytest.raises(ValueError, match="ana"):
        _fail_with_a_name(ledger)
    with ledger.read() as connection:
        row = connection.execute(runs.select()).one()
    assert (row.status, row.problem, row.counts) == (RunStatus.FAILED, "ValueError", {"new": 1})


def test_only_runs_whose_process_is_gone_are_reaped(ledger: Ledger) -> None:
    mine, gone, elsewhere = (start_run(ledger, RunKind.SEND, NOON) for _ in range(3))
    finished = subprocess.Popen([sys.executable, "-c", ""])
    finished.wait()
    host = this_process().partition(":")[0]
    with ledger.write() as connection:
        for run_id, process in ((gone, f"{host}:{finished.pid}:1"), (elsewhere, "another-host:1:1")):
            connection.execute(runs.update().where(runs.c.run_id == run_id).values(process=process))
    assert reap_dead_runs(ledger) == 1
    assert reap_dead_runs(ledger) == 0
    assert [_run(ledger, r).status for r in (mine, gone, elsewhere)] == [
        RunStatus.RUNNING,
        RunStatus.DIED,
        RunStatus.RUNNING,
    ]


def test_a_later_process_with_the_same_pid_is_not_taken_for_the_one_that_died() -> None:
    host, pid, start = this_process().split(":")
    assert is_alive(this_process())
    assert start
    assert not is_alive(f"{host}:{pid}:{int(start) - 1}")


def test_passes_that_find_nothing_share_one_row(ledger: Ledger) -> None:
    for new in (0, 0, 2, 0, 0):
        with recorded_run(ledger, RunKind.EVENTS, policy_now=NOON) as run:
            run.counts = {"new": new, "repeated": 7}
    with ledger.read() as connection:
        counts = connection.execute(sa.select(runs.c.counts).order_by(runs.c.run_id)).scalars().all()
    assert [found["new"] for found in counts] == [2, 0]


def test_progress_tells_the_rate_and_the_time_left() -> None:
    progress = Progress(done=450, total=1000, counts={"sent": 450}, seconds=5.0)
    assert (progress.rate, progress.time_left) == (90.0, timedelta(seconds=550 / 90))
    assert progress.tell() == "450 of 1,000, 90 a second, 7 s left"


def test_progress_promises_nothing_it_cannot_know() -> None:
    assert Progress(done=0, total=10, counts={}, seconds=0.0).tell() == "0 of 10"
    assert Progress(done=0, total=10, counts={}, seconds=4.0).time_left is None
    assert Progress(done=3, total=None, counts={}, seconds=2.0).tell() == "3, 1.5 a second"


def test_a_run_that_is_through_has_no_time_left() -> None:
    assert Progress(done=12, total=10, counts={}, seconds=1.0).time_left == timedelta()


@pytest.mark.parametrize(
    ("seconds", "told"), [(0.2, "1 s"), (59.5, "1 min"), (61, "2 min"), (3600, "1 h"), (7499, "2 h 5 min")]
)
def test_a_duration_is_told_as_a_person_would(seconds: float, told: str) -> None:
    assert tell_duration(timedelta(seconds=seconds)) == told
