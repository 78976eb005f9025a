"""The model's world: one ledger, one provider, what is under way, and what must hold at every step and in the end."""

import shutil
import tempfile
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from hypothesis.stateful import RuleBasedStateMachine, invariant

from connectors import Outcome
from data.ledger import soundness
from data.ledger import tables as t
from data.ledger.dispatch import Carrier, Claim
from data.ledger.runs import end_run
from data.settings import Settings
from data.words import (
    Channel,
    InvitationStatus,
    RequestStatus,
    Role,
    RunStatus,
)
from invitations.controls import (
    Actor,
    resume,
    resume_request,
)
from invitations.queueing import plan_and_queue
from invitations.resolve import resolve_doubt
from invitations.send import send_due
from tests.recorder import Recorder
from tests.reliability.conftest import MEMORY
from tests.reliability.warm import ledger_at
from tests.world import NOON, make_customer, make_request, make_world

PEOPLE = 4
HERE = MEMORY if MEMORY.is_dir() else None
DONE = {RequestStatus.SENT, RequestStatus.DELIVERED}


@dataclass
class Open:
    """A claim in the hands of a sender that lives. `answer` is what the provider says once it was handed over."""

    claim: Claim
    batch: int
    is_ours: bool = True  # False: the ledger has given it up, and the sender does not know
    answer: Outcome | None = None
    has_left: bool = False


class ModelWorld(RuleBasedStateMachine):
    """One ledger, one provider, senders, people."""

    template: Path

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        home = Path(self.stack.enter_context(tempfile.TemporaryDirectory(dir=HERE)))
        shutil.copy2(self.template, home / "ledger.sqlite")
        self.ledger = self.stack.enter_context(ledger_at(Settings(home=home)))
        self.world = make_world(self.ledger)
        with self.ledger.write() as c:  # "SMS, Email or both": two messages of a step share one unit
            c.execute(t.sequence_steps.update().where(t.sequence_steps.c.step == 0).values(is_all_channels=True))
        self.provider = Recorder()
        self.carriers = {
            channel: Carrier(self.provider.name, self.provider.sender(channel), 5)
            for channel in (Channel.SMS, Channel.EMAIL)
        }
        self.actor = Actor("owner@acme.example", Role.OWNER, self.world.account_id)
        self.now = NOON
        self.open: list[Open] = []
        self.unanswered: list[tuple[str, Outcome]] = []  # what senders heard after they had given up
        self.taken: Counter[int] = Counter()  # the model: how often the provider took each request
        self.attempts: dict[str, int] = {}  # of what the provider took: the request, by attempt
        self.refused: set[int] = set()  # requests that the provider will never take
        self.paused: set[int] = set()
        self.stopped: set[int] = set()  # invitations
        self.said_no: set[int] = set()  # invitations whose person did
        self.is_halted = False
        self.phones = {}
        for number in range(PEOPLE):
            phone = f"+1312555{number:04d}"
            customer = make_customer(self.ledger, self.world, email=f"c{number}@example.com", phone=phone)
            make_request(self.ledger, self.world, customer, channel=Channel.EMAIL)
            request = make_request(self.ledger, self.world, customer)
            self.phones[self.invitation_of(request)] = phone

    def teardown(self) -> None:
        try:
            self.settle()
        finally:
            self.stack.close()

    # What there is

    def rows(self, query: sa.Select[Any]) -> list[Any]:
        with self.ledger.read() as c:
            return list(c.execute(query).all())

    def requests(self) -> list[Any]:
        return self.rows(sa.select(t.requests).order_by(t.requests.c.request_id))

    def invitation_of(self, request_id: int) -> int:
        [row] = self.rows(sa.select(t.requests.c.invitation_id).where(t.requests.c.request_id == request_id))
        return int(row.invitation_id)

    def is_held(self, request_id: int) -> bool:
        invitation = self.invitation_of(request_id)
        return request_id in self.paused or invitation in self.stopped | self.said_no or self.is_halted

    # What always holds

    @invariant()
    def the_books_balance(self) -> None:
        with self.ledger.read() as c:
            assert soundness.count_cycles_out_of_balance(c) == 0
            assert soundness.count_invitations_sent_without_quota(c) == 0

    @invariant()
    def what_is_told_as_sent_was_taken(self) -> None:
        for row in self.requests():
            if row.status in DONE:
                assert self.taken[row.request_id] == 1

    def settle(self) -> None:
        """Everybody lets go, every sender dies, the provider is asked: each message has gone once, or is held."""
        for one in {one.batch for one in self.open}:
            end_run(self.ledger, one, RunStatus.DIED, {})
        self.open.clear()
        if self.is_halted:
            resume(self.ledger, self.actor, now=self.now)
        for request in sorted(self.paused):
            resume_request(self.ledger, self.actor, request, now=self.now)
        for _ in range(4):
            resolve_doubt(self.ledger, self.provider.messengers, now=self.now)
        for _ in range(2):
            self.now = NOON + timedelta(days=(self.now - NOON).days + 1)
            plan_and_queue(self.ledger, now=self.now)
            before = len(self.provider.taken)
            send_due(self.ledger, self.provider.messengers, now=self.now)
            tokens = {row.link_token: row.request_id for row in self.requests()}
            self.taken.update(tokens[message.link.rpartition("/")[2]] for message in self.provider.taken[before:])
        assert not [request for request, times in self.taken.items() if times > 1], "sent twice"
        self.the_books_balance()
        self.what_is_told_as_sent_was_taken()
        active = {
            row.invitation_id
            for row in self.rows(
                sa.select(t.invitations.c.invitation_id).where(t.invitations.c.status == InvitationStatus.ACTIVE)
            )
        }
        assert not active & (self.stopped | self.said_no)
        for row in self.requests():
            if self.taken[row.request_id]:
                assert row.status in DONE, f"{row.status}: it has gone"
            elif row.step == 0 and row.invitation_id in active:
                assert row.status is RequestStatus.FAILED, f"lost: {row.status}"
        charged = {self.invitation_of(request) for request in self.taken if self.taken[request]}
        with self.ledger.read() as c:
            used = c.execute(sa.select(sa.func.coalesce(sa.func.sum(t.quota_cycles.c.used), 0))).scalar_one()
        assert used == len(charged), "the quota is not what was sent"
