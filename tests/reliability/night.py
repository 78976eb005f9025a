"""One night on one ledger: five rounds of twenty requests, a process that dies in each, and the books at the end."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import sqlalchemy as sa

from connectors import Messenger
from data.ledger import tables as t
from data.ledger.moments import Moment
from data.ledger.store import Ledger
from data.settings import Settings
from data.words import Channel
from invitations.resolve import resolve_doubt
from invitations.send import send_due
from tests.many import make_due
from tests.reliability import clock
from tests.reliability.books import is_all_sent
from tests.reliability.jobs import Job, Jump
from tests.reliability.nursery import Nursery
from tests.sandbox import Sandbox
from tests.world import NOON

ROUNDS = 5
EACH = 20  # requests
READ_EVERY = timedelta(minutes=16)  # of the provider's clock: three reads span more than half an hour
HOUR = timedelta(hours=1)
CLOCK_JUMP = "clock_jump"  # the one fault that is not the sandbox's
OF_CALLBACKS = {"callback_first", "callbacks_astray"}
JUMP = 600.0  # seconds: two leases; less than the provider's clock may differ from ours
# How often a process passes each moment at most before it dies: late enough that it has met the fault and written down
# what came of it, seldom so late that it lives on. Moments that are not here are passed for each message.
MOST = {Moment.RUN_ENDING: 1, Moment.CLAIMING: 2, Moment.CLAIMED: 2, Moment.WRITTEN: 2, Moment.HANDING_OVER: 9,
        Moment.HANDED_OVER: 9, Moment.RECORDING: 8, Moment.RECORDED: 8}  # fmt: skip
OF_RESOLVE = {Moment.RESOLVING, Moment.RESOLVED}


@dataclass(frozen=True)
class Stage:
    """How a process finds the providers, and they it: its environment, and what it opens with that."""

    environment: Mapping[str, str]
    messengers: Mapping[Channel, Messenger]


@dataclass
class Night:
    """What one cell of the matrix works with. `faults`: those of each round.

    A text says where its callbacks go: somewhere in a round whose faults are of callbacks, which take as much work as
    the sending. In the other rounds nobody hears of a message that way, so that what is in doubt must be asked about.
    """

    ledger: Ledger
    sandbox: Sandbox
    nursery: Nursery
    quiet: Stage
    calling_back: Stage
    dice: random.Random
    moment: Moment
    faults: Sequence[Sequence[str]]

    @property
    def is_clock_moved(self) -> bool:
        """Whether any round sets the database's clock."""
        return any(CLOCK_JUMP in faults for faults in self.faults)

    def has_callbacks(self, number: int) -> bool:
        """Whether a round's faults are of callbacks."""
        return bool(OF_CALLBACKS & set(self.faults[number]))

    @property
    def settings(self) -> Settings:
        return self.ledger.settings

    def begin(self) -> None:
        """All requests of all rounds: each round's are due an hour after those before."""
        self.sandbox.post("/_sandbox/forget", {})
        make_due(self.ledger, ROUNDS * EACH)
        r = t.requests.c
        with self.ledger.write() as c:
            later = {n: NOON + HOUR * ((n - 1) // EACH) for n in range(1, ROUNDS * EACH + 1)}
            c.execute(
                t.requests.update()
                .where(r.request_id == sa.bindparam("of"))
                .values(not_before=sa.bindparam("begins"), not_after=NOON + timedelta(days=9)),
                [{"of": n, "begins": begins} for n, begins in later.items()],
            )

    def strike(self, number: int) -> int:
        """One round: faults, a child, its death. How many children died at the moment."""
        faults = self.faults[number]
        self._order_faults([fault for fault in faults if fault != CLOCK_JUMP])
        now = NOON + HOUR * number
        stage = self.calling_back if self.has_callbacks(number) else self.quiet
        job = Job(
            str(self.settings.home), self.settings.ledger_url, stage.environment, now.isoformat(), moment=self.moment,
            nth=1 if number == 0 else self.dice.randint(1, MOST.get(self.moment, 12)),
            jump=self._jump() if CLOCK_JUMP in faults else None,
        )  # fmt: skip
        if self.moment not in OF_RESOLVE:
            return self._live(job, stage, now)
        # Something must be in doubt before it can be asked about.
        died = self.nursery.live(replace(job, moment=Moment.ANSWERED, nth=self.dice.randint(1, 4), jump=None))
        assert died, "nothing was left in doubt"
        return self._live(replace(job, steps=("resolve",)), stage, now)

    def _order_faults(self, faults: Sequence[str]) -> None:
        self.sandbox.post("/_sandbox/faults", {"clear": True})
        orders = [
            {"kind": fault, "provider": provider, "milliseconds": 1500 if "hang" in fault else 50}
            for provider in ("twilio", "mailgun")
            for fault in faults
        ]
        for order in orders:
            self.sandbox.post("/_sandbox/faults", {**order, "count": self.dice.randint(1, 2)})
        for order in orders:
            self.sandbox.post("/_sandbox/faults", {**order, "probability": 0.1})

    def _jump(self) -> Jump:
        between = [Moment.CLAIMED, Moment.WRITTEN, Moment.HANDED_OVER, Moment.ANSWERED]
        return Jump(
            self.dice.choice(between), self.dice.randint(1, 3), self.dice.choice((JUMP, -JUMP)),
            wait=self.dice.random() < 0.5,
        )  # fmt: skip

    def _live(self, job: Job, stage: Stage, now: datetime) -> int:
        if job.jump is None or not job.jump.wait:
            return self.nursery.live(job)
        # The child stalls while another dispatcher takes over what its clock says has lapsed; then it goes on.
        self.nursery.start(job)
        if self.nursery.wait_for_stall():
            self._work(stage, now)
            self.nursery.go_on()
        return self.nursery.end()

    def _work(self, stage: Stage, now: datetime) -> None:
        resolve_doubt(self.ledger, stage.messengers, now=now)
        send_due(self.ledger, stage.messengers, now=now)

    def recover(self) -> None:
        """What the next runs do, on a provider that works again, until nothing is open."""
        self.sandbox.post("/_sandbox/faults", {"clear": True})
        if self.is_clock_moved:
            clock.move(self.settings, 0.0)
        now = NOON + HOUR * ROUNDS
        for step in range(1, 9):
            self._work(self.quiet, now)
            if is_all_sent(self.ledger):
                return
            offset = (READ_EVERY * step).total_seconds()
            self.sandbox.post("/_sandbox/clock", {"offset_seconds": offset, "date_offset_seconds": offset})
            now += HOUR
