"""Whatever is said here and there, and however seldom the lists are brought together: the last word counts.

On SQLite only: what the databases differ in is tested case by case in test_suppression_sync.py.
"""

import shutil
from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors import Listed
from data.ledger import tables as t
from data.ledger.controls import open_channels
from data.ledger.store import Ledger, open_ledger
from data.ledger.suppressions import record, suppress_person
from data.settings import Settings
from data.words import AddressKind, Channel, SuppressionEffect, SuppressionReason
from invitations.suppression_sync import sync_suppressions
from tests.examples import examples
from tests.invitations.test_suppression_sync import FakeList
from tests.world import NOON, World, make_customer, make_world

NO, START, RESTORE, SYNC = "says no here", "texts START", "is restored by hand", "sync"
THERE = {
    "unsubscribes there": SuppressionReason.UNSUBSCRIBED, "complains there": SuppressionReason.COMPLAINED,
    "bounces there": SuppressionReason.UNDELIVERABLE,
}  # fmt: skip
BOUNCE = "bounces there"
NOES = (NO, "unsubscribes there", "complains there")
_numbers = count()


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[tuple[Ledger, World]]:
    home = tmp_path_factory.mktemp("said")
    shutil.copy2(sqlite_template, home / "ledger.sqlite")
    ledger = open_ledger(Settings(home=home))
    yield ledger, make_world(ledger)
    ledger.close()


class Story:
    """One person, to whom things happen ten seconds apart."""

    def __init__(self, ledger: Ledger, world: World) -> None:
        self.ledger, self.world = ledger, world
        number = next(_numbers)
        self.email, self.phone = f"p{number}@example.com", f"+1312555{number:04d}"
        customer = make_customer(ledger, world, email=self.email, phone=self.phone)
        with ledger.read() as c:
            found = sa.select(t.customers.c.person_id).where(t.customers.c.customer_id == customer)
            self.person = c.execute(found).scalar_one()
        self.list = FakeList()
        self.now = NOON
        self.last: dict[str, int] = {}

    def tell(self, step: int, event: str) -> None:
        self.now = NOON + timedelta(seconds=10 * step)
        self.last[event] = step
        if event in THERE:
            reason = THERE[event]
            self.list.entries = [e for e in self.list.entries if (e.address, e.reason) != (self.email, reason)]
            self.list.entries.append(Listed(self.email, reason, self.now))
        elif event == SYNC:
            sync_suppressions(self.ledger, {"mailgun": self.list}, now=self.now)
        else:
            self._say(event)

    def _say(self, event: str) -> None:
        account = self.world.account_id
        with self.ledger.write() as c:
            if event == NO:
                suppress_person(
                    c, account_id=account, person_id=self.person, channel=None, recorded_by="test",
                    reason=SuppressionReason.ASKED_BY_PERSON, occurred_at=self.now,
                )  # fmt: skip
                return
            is_start = event == START
            record(
                c, [(AddressKind.PHONE, self.phone) if is_start else (AddressKind.EMAIL, self.email)],
                account_id=account, channel=Channel.SMS if is_start else Channel.EMAIL, recorded_by="test",
                effect=SuppressionEffect.RESTORE, occurred_at=self.now,
                reason=SuppressionReason.START_KEYWORD if is_start else SuppressionReason.ASKED_BY_PERSON,
            )  # fmt: skip

    def is_last(self, lifting: str | None, *noes: str) -> bool:
        """Whether the lifting came after every one of these, or none of these came at all."""
        last_no = max((self.last[no] for no in noes if no in self.last), default=-1)
        return last_no < 0 or (lifting is not None and self.last.get(lifting, -1) > last_no)

    def open(self) -> set[Channel]:
        with self.ledger.read() as c:
            return set(open_channels(c, self.person, {AddressKind.EMAIL: self.email, AddressKind.PHONE: self.phone}))


@settings(max_examples=examples(15))
@given(events=st.lists(st.sampled_from([NO, START, RESTORE, SYNC, *THERE]), max_size=9))
@pytest.mark.slow
def test_the_last_word_counts_however_late_the_lists_come_together(
    scene: tuple[Ledger, World], events: list[str]
) -> None:
    story = Story(*scene)
    for step, event in enumerate([*events, SYNC]):
        story.tell(step, event)
    expected = {
        Channel.EMAIL: story.is_last(RESTORE, *NOES) and story.is_last(RESTORE, BOUNCE),
        Channel.SMS: story.is_last(START, *NOES),
        Channel.WHATSAPP: story.is_last(None, *NOES),
    }
    assert story.open() == {channel for channel, is_open in expected.items() if is_open}
    refused_there = {e.reason for e in story.list.entries if e.address == story.email}
    if expected[Channel.EMAIL]:
        assert refused_there == set()
    elif not story.is_last(RESTORE, *NOES):
        assert refused_there & {SuppressionReason.UNSUBSCRIBED, SuppressionReason.COMPLAINED}
    before = story.open(), list(story.list.entries)
    story.tell(len(events) + 1, SYNC)
    assert (story.open(), story.list.entries) == before
