"""Whatever comes in whatever order: nobody suppressed is planned, nobody is asked twice within the cap."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from data.ledger import dispatch
from data.ledger import tables as t
from data.ledger.runs import start_run
from data.ledger.store import Ledger, open_ledger
from data.ledger.suppressions import record
from data.settings import Settings
from data.words import AddressKind, Channel, RequestStatus, RunKind, Source, SuppressionEffect, SuppressionReason
from invitations.queueing import plan_and_queue
from invitations.send import send_due
from invitations.take_in import import_customers
from tests.examples import examples
from tests.many import make_due
from tests.recorder import Recorder
from tests.world import NOON, RULES, World, insert, make_world

pytestmark = pytest.mark.slow

CAP = timedelta(days=90)
EMAILS = [f"c{number}@example.com" for number in range(3)]
PHONES = [f"+1312555010{number}" for number in range(3)]

contacts = st.tuples(st.sampled_from([None, *EMAILS]), st.sampled_from([None, *PHONES])).filter(any)
imports = st.tuples(st.lists(contacts, min_size=1, max_size=3), st.sampled_from(["chicago", "new-york"]))
noes = st.tuples(st.sampled_from(EMAILS + PHONES), st.booleans())  # the person's, or of this address alone
days = st.sampled_from([0, 1, 40, 89, 91])
stories = st.lists(st.one_of(imports, noes, days), min_size=2, max_size=7)


@contextmanager
def fresh(template: Path) -> Iterator[Ledger]:
    """An empty ledger on SQLite; a fixture would be shared by all examples."""
    with TemporaryDirectory() as folder:
        shutil.copy2(template, Path(folder) / "ledger.sqlite")
        ledger = open_ledger(Settings(home=Path(folder)))
        yield ledger
        ledger.close()


class Told:
    """What a story comes down to, worked out apart from the ledger: who is one person, and what must not be used."""

    def __init__(self) -> None:
        self.linked: list[set[str]] = []
        self.noes: set[str] = set()  # addresses whose owner said no
        self.dead: set[str] = set()
        self.asked: list[tuple[str, datetime]] = []

    def link(self, addresses: set[str]) -> None:
        same = [group for group in self.linked if group & addresses]
        self.linked = [group for group in self.linked if group not in same]
        self.linked.append(addresses.union(*same))

    def person(self, address: str) -> set[str]:
        return next((group for group in self.linked if address in group), {address})

    def is_barred(self, address: str) -> bool:
        return address in self.dead or bool(self.person(address) & self.noes)


def take(ledger: Ledger, rows: list[tuple[str | None, str | None]], location: str, number: int, now: datetime) -> None:
    ledger.settings = ledger.settings.model_copy(update={"now": now})
    lines = [f"Ana,{email or ''},{phone or ''}" for email, phone in rows]
    import_customers(
        ledger, "\n".join(["First name,Email,Phone", *lines]).encode(), file_name="may.csv", location=location,
        list_name=f"list {number}", channels=None, speed=None, imported_by="ana@acme.example",
    )  # fmt: skip


def say_no(ledger: Ledger, world: World, address: str, is_the_persons: bool, now: datetime) -> None:
    is_email = "@" in address
    channel = Channel.EMAIL if is_email else Channel.SMS
    with ledger.write() as c:
        record(
            c, [(AddressKind.EMAIL if is_email else AddressKind.PHONE, address)], account_id=world.account_id,
            channel=None if is_the_persons else channel, effect=SuppressionEffect.SUPPRESS,
            reason=SuppressionReason.DO_NOT_CONTACT_LIST, recorded_by="test", occurred_at=now,
        )  # fmt: skip


@given(story=stories)
@settings(max_examples=examples(5))
def test_whatever_the_order_of_imports_and_noes_nobody_barred_is_planned_nor_anybody_asked_twice(
    sqlite_template: Path, story: list[object]
) -> None:
    with fresh(sqlite_template) as ledger:
        world, told, now = make_world(ledger), Told(), NOON
        with ledger.write() as c:
            c.execute(t.sequence_steps.delete().where(t.sequence_steps.c.step > 0))  # every message is an ask
            c.execute(t.policies.update().values(rules={**RULES, "invite_again_after_days": 90}))
        for number, happens in enumerate([*story, 0]):
            if isinstance(happens, tuple) and isinstance(happens[0], list):
                rows, location = happens
                take(ledger, rows, location, number, now)
                for row in rows:
                    told.link({address for address in row if address})
            elif isinstance(happens, tuple):
                address, is_the_persons = happens
                say_no(ledger, world, address, is_the_persons, now)
                (told.noes if is_the_persons else told.dead).add(address)
            elif isinstance(happens, int):
                now += timedelta(days=happens, minutes=1)
                plan_and_queue(ledger, now=now)
                with ledger.read() as c:
                    queued = c.scalars(sa.select(t.requests.c.address).filter_by(status=RequestStatus.QUEUED)).all()
                assert not [address for address in queued if told.is_barred(address)]
                recorder = Recorder()
                send_due(ledger, recorder.messengers, now=now)
                for message in recorder.taken:
                    assert not told.is_barred(message.to)
                    person = told.person(message.to)
                    assert not [at for whom, at in told.asked if whom in person and now - at < CAP]
                    told.asked.append((message.to, now))


@given(
    count=st.integers(1, 3),
    moments=st.lists(st.tuples(st.integers(0, 150), st.integers(1, 4)), min_size=2, max_size=12),
)
@settings(max_examples=examples(8))
def test_no_stretch_of_an_hour_starts_more_than_a_list_may_though_clocks_disagree(
    sqlite_template: Path, count: int, moments: list[tuple[int, int]]
) -> None:
    with fresh(sqlite_template) as ledger:
        world = make_due(ledger, 10, channels=(Channel.SMS,))
        with ledger.write() as c:
            paced = insert(
                c, t.lists, account_id=world.account_id, location_id=world.chicago, name="May", source=Source.CSV,
                content_sha256="0" * 64, imported_by="test", speed=f"{count}/hour",
            )  # fmt: skip
            c.execute(t.invitations.update().values(list_id=paced))
        run = start_run(ledger, RunKind.SEND, NOON)
        for minute, limit in moments:  # in no order: senders' clocks need not agree
            now = NOON + timedelta(minutes=minute)
            dispatch.claim(
                ledger,
                batch_id=run,
                carriers={Channel.SMS: dispatch.Carrier("recorder", "recorder", 100)},
                now=now,
                limit=limit,
                cap=CAP,
            )
        with ledger.read() as c:
            claimed = sorted(c.scalars(sa.select(t.quota_reservations.c.reserved_at)))
        for first, later in zip(claimed, claimed[count:], strict=False):
            assert later - first >= timedelta(hours=1)
