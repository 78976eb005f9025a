"""Runs: what the system is doing and what came of it, one row each. A run of kind `send` is a batch.

    with recorded_run(ledger, RunKind.EVENTS) as run:   # RUNNING, then DONE, or FAILED with the exception's kind
        run.counts = {"new": 3}

Times are the database's clock; `policy_now` is the policy time that the run worked with.
"""

import math
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.ledger.store import Ledger
from data.ledger.tables import runs
from data.ledger.tables.metadata import database_now
from data.words import RunKind, RunStatus

# Polling reads the last hour again each time, and a doubt may wait for days: neither is anything new.
_NOTHING_NEW = ("repeated", "still_in_doubt", "could_not_ask", "needs_a_person")
_dagster_run_id: ContextVar[str | None] = ContextVar("dagster_run_id", default=None)


@dataclass(frozen=True)
class Progress:
    """How far a run is, for whoever watches: `done` of `total` messages, `seconds` after it began.

    `total` is None while nobody knows it. `counts` are by outcome, in the words of `AttemptOutcome`; no names.
    """

    done: int
    total: int | None
    counts: Mapping[str, int]
    seconds: float

    @property
    def rate(self) -> float:
        """Messages a second since the run began; 0 before any time has passed."""
        return self.done / self.seconds if self.seconds > 0 else 0.0

    @property
    def time_left(self) -> timedelta | None:
        """How long the rest takes at that rate; None while the total or the rate is unknown."""
        if self.total is None:
            return None
        left = max(0, self.total - self.done)
        if not left:
            return timedelta()
        return timedelta(seconds=left / self.rate) if self.rate else None

    def tell(self) -> str:
        """One line: `450 of 1,000, 83 a second, 7 s left`."""
        of_total = "" if self.total is None else f" of {self.total:,}"
        line = f"{self.done:,}{of_total}"
        if self.rate:
            line += f", {self.rate:,.0f} a second" if self.rate >= 10 else f", {self.rate:.1f} a second"
        left = self.time_left
        return f"{line}, {tell_duration(left)} left" if left else line


def tell_duration(duration: timedelta) -> str:
    """`7 s`, `4 min`, `2 h 5 min`: rounded up to what a person waits for."""
    seconds = math.ceil(duration.total_seconds())
    if seconds < 60:
        return f"{seconds} s"
    minutes = math.ceil(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


@contextmanager
def inside_dagster_run(dagster_run_id: str) -> Iterator[None]:
    """Runs started in here carry the id of the Dagster run that caused them."""
    token = _dagster_run_id.set(dagster_run_id)
    try:
        yield
    finally:
        _dagster_run_id.reset(token)


def start_run(ledger: Ledger, kind: RunKind, policy_now: datetime, dagster_run_id: str | None = None) -> int:
    """A new RUNNING run of this process; its id."""
    with ledger.write() as connection:
        started = runs.insert().values(
            kind=kind,
            status=RunStatus.RUNNING,
            started_at=database_now(),
            policy_now=policy_now,
            process=this_process(),
            dagster_run_id=dagster_run_id or _dagster_run_id.get(),
        )
        return int(connection.execute(started.returning(runs.c.run_id)).scalar_one())


def advance_run(
    ledger: Ledger, run_id: int, done: int, total: int | None = None, counts: Mapping[str, int] | None = None
) -> None:
    """Write progress, for whoever watches; a `total` or `counts` of None leaves what is there."""
    values: dict[str, object] = {"done": done}
    if total is not None:
        values["total"] = total
    if counts is not None:
        values["counts"] = dict(counts)
    with ledger.write() as connection:
        connection.execute(runs.update().where(runs.c.run_id == run_id).values(values))


def end_run(
    ledger: Ledger, run_id: int, status: RunStatus, counts: Mapping[str, int], problem: str | None = None
) -> None:
    """Close a run. `problem` says why it failed, in words and without personal data."""
    with ledger.write() as connection:
        connection.execute(
            runs.update()
            .where(runs.c.run_id == run_id)
            .values(status=status, ended_at=database_now(), counts=dict(counts), problem=problem and problem[:500])
        )


@dataclass
class RecordedRun:
    """A run under way; what is in `counts` when the block ends is kept."""

    run_id: int
    counts: dict[str, int] = field(default_factory=dict)


@contextmanager
def recorded_run(ledger: Ledger, kind: RunKind, *, policy_now: datetime | None = None) -> Iterator[RecordedRun]:
    """Record what happens in the block. An exception ends the run FAILED, naming its kind only, and goes on.

    Passes of a kind that find nothing, one after the other, share one row: a minute's look is no history.
    """
    at = policy_now or ledger.policy_now()
    run = RecordedRun(_restart_idle(ledger, kind, at) or start_run(ledger, kind, at))
    try:
        yield run
    except BaseException as problem:
        # An exception's text may hold a customer's value (PostgreSQL's DETAIL does): its kind must do.
        end_run(ledger, run.run_id, RunStatus.FAILED, run.counts, type(problem).__name__)
        raise
    end_run(ledger, run.run_id, RunStatus.DONE, run.counts)


def _restart_idle(ledger: Ledger, kind: RunKind, policy_now: datetime) -> int | None:
    """The newest run of the kind, begun again, if it ended having found nothing."""
    newest = sa.select(runs).where(runs.c.kind == kind).order_by(runs.c.run_id.desc()).limit(1)
    with ledger.write() as connection:
        row = connection.execute(newest).one_or_none()
        if row is None or any(count for word, count in row.counts.items() if word not in _NOTHING_NEW):
            return None
        return connection.execute(
            runs.update()
            .where(runs.c.run_id == row.run_id, runs.c.status == RunStatus.DONE)
            .values(
                status=RunStatus.RUNNING, started_at=database_now(), ended_at=None, policy_now=policy_now,
                process=this_process(), dagster_run_id=_dagster_run_id.get(), done=0,
            )
            .returning(runs.c.run_id)
        ).scalar_one_or_none()  # fmt: skip


def has_any_run(connection: Connection) -> bool:
    """Whether anything was ever done here."""
    return connection.execute(sa.select(runs.c.run_id).limit(1)).first() is not None


def reap_dead_runs(ledger: Ledger) -> int:
    """Mark runs of this host whose process is gone as DIED; how many. What they left undone, leases settle."""
    with ledger.read() as connection:
        running = connection.execute(
            sa.select(runs.c.run_id, runs.c.process).where(runs.c.status == RunStatus.RUNNING)
        ).all()
    dead = [run_id for run_id, process in running if not is_alive(process)]
    if not dead:
        return 0
    with ledger.write() as connection:
        reaped = connection.execute(
            runs.update()
            .where(runs.c.run_id.in_(dead), runs.c.status == RunStatus.RUNNING)
            .values(status=RunStatus.DIED, ended_at=database_now(), problem="its process vanished")
            .returning(runs.c.run_id)
        ).all()
    return len(reaped)


def this_process() -> str:
    """`host:pid:start` of this process. The start tells a process from a later one that was given the same pid."""
    return f"{socket.gethostname()[:60]}:{os.getpid()}:{_start_of(os.getpid())}"


def is_alive(process: str) -> bool:
    """Whether the process a run names still lives; of another host's nobody can tell, so those count as alive."""
    host, _, rest = process.partition(":")
    pid, _, start = rest.partition(":")
    if host != socket.gethostname()[:60]:
        return True
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return not start or start == _start_of(int(pid))


def _start_of(pid: int) -> str:
    """When the process began, in the kernel's ticks since boot; '' where there is no /proc."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    return stat.rpartition(")")[2].split()[19]  # field 22; the name in brackets before it may hold anything
