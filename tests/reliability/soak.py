"""`make soak`: two dispatchers, killed with SIGKILL again and again, over a thousand requests and a bad provider.

`.venv/bin/python -m tests.reliability.soak --seeds 200` for all, `--seed 17` for one. A seed decides the database, the
faults and the kills; which instruction a kill meets is the machine's. The result goes to docs/reliability.md.
"""

import argparse
import logging
import os
import platform
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa
import structlog

from connectors.registry import open_callback_readers
from connectors.sandbox.faults import FaultKind
from data.ledger import tables as t
from data.ledger.migrate import migrate
from data.ledger.store import Ledger, open_ledger
from data.settings import Settings
from tests import postgres
from tests.many import make_due
from tests.reliability.books import balance, is_all_sent, statuses
from tests.reliability.jobs import Job
from tests.reliability.nursery import Nursery, running_nursery
from tests.reliability.receiver import Receiver, listening
from tests.reliability.warm import ledger_at
from tests.sandbox import Sandbox, running_sandbox
from tests.world import NOON

REQUESTS = 1_000
KILLS = 12  # of each seed
FAULTS = [kind for kind in FaultKind if kind not in {FaultKind.UNAUTHORISED_401, FaultKind.SLOW_MS}]
NOWHERE = "http://127.0.0.1:9"
MEMORY = Path("/dev/shm")
PASSES = 30  # of the two dispatchers together; then the provider has no more faults
PATIENCE = 300  # seconds, before a seed counts as never ending
PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
BEGINS, ENDS = "<!-- soak: written by make soak -->\n", "<!-- end of soak -->"


@dataclass
class Slot:
    """One of the two dispatchers."""

    nursery: Nursery
    is_busy: bool = False
    dies_at: float | None = None  # this machine's clock


@dataclass
class Soak:
    """What all seeds share."""

    sandbox: Sandbox
    receiver: Receiver
    slots: list[Slot]
    templates: Mapping[str, Settings]  # by kind of database
    counts: Counter[str] = field(default_factory=Counter)

    def run(self, seed: int) -> None:
        """One seed. AssertionError says what did not balance."""
        dice = random.Random(seed)
        kinds = sorted(self.templates, reverse=True)
        kind = kinds[seed % len(kinds)]
        has_callbacks = dice.random() < 0.5
        with _own_ledger(kind, self.templates[kind]) as settings, ledger_at(settings) as ledger:
            self.sandbox.post("/_sandbox/forget", {})
            make_due(ledger, REQUESTS)
            with ledger.write() as c:
                c.execute(t.requests.update().values(not_after=NOON + timedelta(days=30)))
            for fault in FAULTS:
                pause = 20 if fault is FaultKind.TRICKLE else 1500
                order = {"kind": fault, "probability": dice.uniform(0, 0.02), "milliseconds": pause}
                self.sandbox.post("/_sandbox/faults", order)
            self.receiver.problems.clear()
            self.receiver.ledger = ledger if has_callbacks else None
            try:
                self._send(settings, ledger, dice, self.receiver.address if has_callbacks else NOWHERE)
                if has_callbacks:
                    self.sandbox.wait_until_quiet(120)
                    assert not self.receiver.problems, f"callbacks were not taken: {Counter(self.receiver.problems)}"
                balance(ledger, self.sandbox)
            finally:
                self.receiver.ledger = None
        self.counts["seeds"] += 1
        self.counts[kind] += 1
        self.counts["messages"] += REQUESTS

    def _send(self, settings: Settings, ledger: Ledger, dice: random.Random, public_url: str) -> None:
        environment = {**self.sandbox.environment, "AFTERWORD_PUBLIC_URL": public_url}
        kills, passes, end = 0, 0, time.monotonic() + PATIENCE
        while not is_all_sent(ledger):
            for slot in self.slots:
                if slot.is_busy:
                    continue
                passes += 1
                if passes == PASSES:
                    self.sandbox.post("/_sandbox/faults", {"clear": True})
                # An hour of the policy's clock and a quarter of the provider's for each pass: what was put off is due
                # again, and what is absent can be proved to be.
                offset = passes * 16 * 60
                self.sandbox.post("/_sandbox/clock", {"offset_seconds": offset, "date_offset_seconds": offset})
                now = NOON + timedelta(hours=passes)
                limit = dice.choice((None, 60, 200))
                pace = {"AFTERWORD_PARALLEL": dice.choice(("5", "64"))}  # with many, rows are a process of their own
                slot.nursery.start(
                    Job(str(settings.home), settings.ledger_url, environment | pace, now.isoformat(), limit=limit)
                )
                slot.is_busy = True
                slot.dies_at = time.monotonic() + dice.uniform(0.05, 2.0) if kills < KILLS else None
                kills += kills < KILLS
            self._wait_for_one()
            assert time.monotonic() < end, f"it does not end: {statuses(ledger)}"
        self._end_all()

    def recover(self) -> None:
        """Let what a failed seed left behind end, in whatever way, so that the next can begin."""
        while any(slot.is_busy for slot in self.slots):
            with suppress(AssertionError):
                self._end_all()

    def _end_all(self) -> None:
        for slot in self.slots:
            if slot.is_busy:
                self._end(slot)

    def _wait_for_one(self) -> None:
        """Until a dispatcher ends, by itself or because its time has come."""
        while True:
            for slot in self.slots:
                if slot.is_busy and slot.nursery.has_said_something():
                    self._end(slot)
                    return
                if slot.dies_at is not None and time.monotonic() >= slot.dies_at:
                    with suppress(ProcessLookupError):  # it has just ended by itself
                        os.kill(slot.nursery.child, signal.SIGKILL)
                    slot.dies_at = None
            time.sleep(0.005)

    def _end(self, slot: Slot) -> None:
        slot.is_busy, slot.dies_at = False, None  # whatever it says: it says so once
        died = slot.nursery.end()
        self.counts["killed" if died else "ended"] += 1


@contextmanager
def _own_ledger(kind: str, template: Settings) -> Iterator[Settings]:
    """A migrated, empty ledger of the kind, gone afterwards."""
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        home = Path(folder)
        if kind == "sqlite":
            shutil.copy2(template.home / "ledger.sqlite", home / "ledger.sqlite")
            yield Settings(home=home)
            return
        assert template.ledger_url is not None
        url = sa.make_url(template.ledger_url)
        name = f"soak_{uuid.uuid4().hex[:12]}"
        _administer(url, f'create database "{name}" template "{url.database}"')
        yield Settings(home=home, ledger_url=url.set(database=name).render_as_string(hide_password=False))
        _administer(url, f'drop database "{name}" with (force)')


def _administer(url: sa.URL, statement: str) -> None:
    server = url.set(drivername="postgresql+psycopg", database="postgres")
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(statement)
    engine.dispose()


@contextmanager
def _template(folder: Path, server_url: str | None) -> Iterator[Settings]:
    """A migrated, empty ledger to copy."""
    folder.mkdir()
    ledger_url = None
    if server_url is not None:
        url = sa.make_url(server_url).set(database="soak_template")
        _administer(url, 'create database "soak_template"')
        ledger_url = url.render_as_string(hide_password=False)
    settings = Settings(home=folder, ledger_url=ledger_url)
    ledger = open_ledger(settings)
    migrate(ledger)
    ledger.close()
    yield settings


@contextmanager
def _running(databases: str) -> Iterator[Soak]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        templates = {"sqlite": stack.enter_context(_template(folder / "template", None))}
        if databases != "sqlite" and postgres.is_available():
            url = stack.enter_context(postgres.server())
            templates["postgresql"] = stack.enter_context(_template(folder / "postgresql", url))
            if databases == "postgresql":
                del templates["sqlite"]
        scratch = open_ledger(Settings(home=folder / "template", now=NOON))
        receiver = stack.enter_context(listening())
        sandbox = stack.enter_context(running_sandbox(folder / "sandbox", public_url=receiver.address, pace=0.02))
        os.environ.update({**sandbox.environment, "AFTERWORD_PUBLIC_URL": receiver.address})
        stack.enter_context(receiver.serving(open_callback_readers(), scratch))
        slots = [Slot(stack.enter_context(running_nursery(folder / f"nursery-{n}"))) for n in range(2)]
        soak = Soak(sandbox, receiver, slots, templates)
        environment = {**sandbox.environment, "AFTERWORD_PUBLIC_URL": NOWHERE}
        for kind, template in templates.items():
            for slot in slots:  # children inherit what their nursery has compiled and loaded
                with _own_ledger(kind, template) as settings:
                    with ledger_at(settings) as ledger:
                        make_due(ledger, 8)
                    job = Job(
                        str(settings.home), settings.ledger_url, environment, NOON.isoformat(), ("send", "resolve")
                    )
                    slot.nursery.warm(job)
        yield soak
        scratch.close()


def _write(seeds: int, command: str, failed: list[int], counts: Mapping[str, int], seconds: float) -> None:
    """Put the result into docs/reliability.md, where the last one was."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True, cwd=PAGE.parent
    ).stdout.strip()
    found = f"failed: {', '.join(map(str, failed))}" if failed else "none sent twice, none lost, every quota exact"
    lines = f"""
| | |
| --- | --- |
| date | {datetime.now(UTC):%Y-%m-%d %H:%M} UTC |
| commit | `{commit}` |
| command | `{command}` |
| machine | {os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()} |
| seeds | {counts["seeds"]} of {seeds} ({counts["sqlite"]} on SQLite, {counts["postgresql"]} on PostgreSQL) |
| messages | {counts["messages"]:,} |
| dispatch processes | {counts["killed"] + counts["ended"]:,}, of which {counts["killed"]:,} were killed with SIGKILL |
| time | {seconds / 60:.0f} minutes |
| found | {found} |

"""
    text = PAGE.read_text()
    before, _, rest = text.partition(BEGINS)
    _, _, after = rest.partition(ENDS)
    PAGE.write_text(f"{before}{BEGINS}{lines}{ENDS}{after}")


def main(words: list[str] | None = None) -> int:
    """Run the seeds asked for; exit code 1 when one failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.reliability.soak", description=__doc__)
    parser.add_argument("--seeds", type=int, default=200, help="how many, from --first on")
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--seed", type=int, help="this one alone; writes no result")
    parser.add_argument("--databases", choices=("both", "sqlite", "postgresql"), default="both")
    parser.add_argument("--minutes", type=float, help="begin no further seed after that many")
    given = parser.parse_args(words)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    began, failed = time.monotonic(), []
    seeds = [given.seed] if given.seed is not None else list(range(given.first, given.first + given.seeds))
    with _running(given.databases) as soak:
        for seed in seeds:
            if given.minutes and time.monotonic() - began > given.minutes * 60:
                break
            try:
                soak.run(seed)
            except AssertionError as problem:
                failed.append(seed)
                print(f"seed {seed} FAILED: {problem}", flush=True)  # noqa: T201
                soak.recover()
            else:
                print(f"seed {seed} is in order; {time.monotonic() - began:.0f} s", flush=True)  # noqa: T201
        if given.seed is None:
            command = f"make soak SEEDS={given.seeds}" + (f" MINUTES={given.minutes:g}" if given.minutes else "")
            _write(given.seeds, command, failed, soak.counts, time.monotonic() - began)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
