"""Policy time in web/: the ledger's, asked for seldom."""

import threading
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from data.ledger.store import Ledger, open_ledger
from data.ledger.tables import system
from data.settings import utc_now
from tests.world import NOON
from web.clock import PolicyClock

pytestmark = pytest.mark.one_database


def test_it_follows_a_shifted_ledger_and_asks_it_once_a_second(ledger: Ledger) -> None:
    asked: list[str] = []
    sa.event.listen(ledger.engine, "begin", lambda connection: asked.append("once"))
    moments = iter([10.0, 10.5, 10.9, 11.1])
    clock = PolicyClock(ledger, machine=lambda: next(moments))
    assert abs(clock() - utc_now()) < timedelta(seconds=30)
    with ledger.write() as c:
        c.execute(sa.update(system).values(is_demo=True, clock_offset_seconds=3 * 86400))
    asked.clear()
    shifted = [clock() - utc_now() > timedelta(days=2) for _ in range(3)]
    assert shifted == [False, False, True]
    assert asked == ["once"]


def test_a_database_that_says_nothing_stops_nobody_who_asks_for_the_time(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ledger.write() as c:
        c.execute(sa.update(system).values(is_demo=True, clock_offset_seconds=3 * 86400))
    looks, let_go = list[int](), threading.Event()

    def stuck() -> datetime:
        looks.append(1)
        let_go.wait()
        return utc_now()

    moments = iter([10.0, 20.0, 30.0, 40.0, 50.0])
    clock = PolicyClock(ledger, machine=lambda: next(moments))
    clock()
    monkeypatch.setattr(ledger, "policy_now", stuck)
    monkeypatch.setattr("web.clock._PATIENCE", 0.01)
    assert {clock() - utc_now() > timedelta(days=2) for _ in range(3)} == {True}
    assert len(looks) == 1, "others were sent after the look that hangs"
    let_go.set()


def test_a_fixed_time_stays_fixed(ledger: Ledger) -> None:
    fixed = open_ledger(ledger.settings.model_copy(update={"now": NOON}))
    assert PolicyClock(fixed)() == NOON
    fixed.close()
