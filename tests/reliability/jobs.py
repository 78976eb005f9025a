"""What a child process does: part of a night's work, on a ledger of its own, until it dies at a named moment."""

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import structlog

from connectors import Messenger
from connectors.registry import open_messengers
from data.ledger import moments
from data.ledger.moments import Moment
from data.settings import Settings
from data.words import Channel
from invitations import gate, lane
from invitations.resolve import resolve_doubt
from invitations.send import SendingHalted, send_due
from tests.reliability import clock
from tests.reliability.warm import ledger_at

DIED = 9  # the exit code of a child that reached its moment
# Of one call, in seconds: a provider that hangs costs a cell this much. A call that a busy machine makes late is in
# doubt then and looked for, so that the time it takes depends on this and the result does not.
DEADLINE = 0.3

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Jump:
    """The database's clock is set `seconds` ahead at the `nth` passing of `moment`; with `wait`, the child stalls
    there until it is told to go on."""

    moment: Moment
    nth: int
    seconds: float
    wait: bool = False


@dataclass(frozen=True)
class Job:
    """`steps` are "send" and "resolve"; the process dies at the `nth` passing of `moment`, if there is one."""

    home: str
    ledger_url: str | None
    environment: Mapping[str, str]
    now: str  # policy time
    steps: tuple[str, ...] = ("resolve", "send")
    moment: Moment | None = None
    nth: int = 1
    jump: Jump | None = None
    limit: int | None = None

    def as_words(self) -> dict[str, Any]:
        return asdict(self)

    @staticmethod
    def of(words: dict[str, Any]) -> "Job":
        jump = words.pop("jump")
        moment = words.pop("moment")
        return Job(
            **{**words, "steps": tuple(words["steps"])},
            moment=Moment(moment) if moment else None,
            jump=Jump(**{**jump, "moment": Moment(jump["moment"])}) if jump else None,
        )

    @property
    def settings(self) -> Settings:
        return Settings(
            home=Path(self.home), ledger_url=self.ledger_url, public_url=self.environment["AFTERWORD_PUBLIC_URL"],
            settle_seconds=1800,
        )  # fmt: skip


@dataclass
class Watcher:
    """Counts the moments as they pass, and strikes."""

    job: Job
    passed: dict[Moment, int] = field(default_factory=dict)

    def __call__(self, moment: Moment) -> None:
        self.passed[moment] = nth = self.passed.get(moment, 0) + 1
        jump = self.job.jump
        if jump and (moment, nth) == (jump.moment, jump.nth):
            clock.move(self.job.settings, jump.seconds)
            if jump.wait:
                sys.stdout.write("stalled\n")
                sys.stdout.flush()
                os.read(0, 1)
        if (moment, nth) == (self.job.moment, self.job.nth):
            os._exit(DIED)


_opened: dict[str, Mapping[Channel, Messenger]] = {}


def messengers_of(job: Job) -> Mapping[Channel, Messenger]:
    """The job's providers: opened once in the nursery, used in its children only, so that no connection is shared."""
    key = json.dumps(dict(job.environment), sort_keys=True)
    if key not in _opened:
        os.environ.update(job.environment)
        _opened[key] = open_messengers()
    return _opened[key]


def forget_messengers() -> None:
    """They have connections now: the next job gets others."""
    _opened.clear()


def carry_out(job: Job) -> None:
    """Do it in this process."""
    lane.DEADLINE_SECONDS = DEADLINE
    gate.LONGEST_PAUSE = timedelta(0)  # a throttled channel waits for the next run: nobody here has its seconds
    moments.watch(Watcher(job))
    try:
        messengers = messengers_of(job)
        with ledger_at(job.settings) as ledger:
            now = datetime.fromisoformat(job.now)
            for step in job.steps:
                if step == "resolve":
                    resolve_doubt(ledger, messengers, now=now)
                else:
                    try:
                        send_due(ledger, messengers, now=now, limit=job.limit)
                    except SendingHalted:
                        log.warning("halted")
    finally:
        moments.unwatch()
