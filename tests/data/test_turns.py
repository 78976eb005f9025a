"""Who waits to write is not overtaken: neither a customer's answer by a dispatch, nor anybody by who was killed."""

import os
import threading
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from data.ledger.store import Ledger, open_ledger
from data.settings import Settings
from tests.forked import fork

pytestmark = [pytest.mark.one_database, pytest.mark.slow]  # PostgreSQL's writers do not take turns

COUNT = sa.text("update counted set times = times + 1")
COUNTED = sa.text("select times from counted")


@pytest.fixture
def ledger(ledger: Ledger) -> Ledger:
    with ledger.write() as c:
        c.execute(sa.text("create table counted as select 0 as times"))
    return ledger


def write_without_pause(words: list[str]) -> int:
    """What a dispatch does, and a flood of callbacks: the next transaction begins when the last one has ended."""
    ledger = open_ledger(Settings(home=Path(words[0])))
    print("writing", flush=True)  # noqa: T201  (the test waits for it)
    while True:
        with ledger.write() as c:
            c.execute(COUNT)
            ends = time.perf_counter() + 0.01
            while time.perf_counter() < ends:  # works, as whoever writes does; sleeping would let others come first
                os.getpid()


def counted(ledger: Ledger) -> int:
    with ledger.read() as c:
        return int(c.execute(COUNTED).scalar_one())


def test_whoever_waits_to_write_is_not_overtaken_by_who_writes_without_pause(ledger: Ledger) -> None:
    process, said = fork(write_without_pause, [str(ledger.settings.home)], os.environ)
    with said:
        assert said.readline() == "writing\n"
        overtaken = 0
        for _ in range(10):
            before = counted(ledger)
            with ledger.write() as c:
                overtaken += int(c.execute(COUNTED).scalar_one()) - before
        # Each time the one that is being written, and the few that are over before we are first asked who is next.
        assert overtaken <= 50, "without turns hundreds, and then 'database is locked'"
        process.kill()
        process.join()
    last = counted(ledger)
    with ledger.write() as c:  # it was killed while it wrote, most likely
        c.execute(COUNT)
    assert counted(ledger) == last + 1


def test_many_threads_write_in_turn(ledger: Ledger) -> None:
    def write_five() -> None:
        for _ in range(5):
            with ledger.write() as c:
                c.execute(COUNT)

    threads = [threading.Thread(target=write_five) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counted(ledger) == 40
