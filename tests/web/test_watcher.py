"""web/ watches too: an alarm that Dagster is silent must come from somebody who is not."""

import threading
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from data.ledger.store import Ledger, open_ledger
from data.ledger.tables import accounts, alerts
from data.settings import Settings
from data.words import AlertKind
from tests.world import make_world
from web.watcher import Watcher

pytestmark = pytest.mark.one_database


def test_it_raises_that_nothing_has_finished_and_ends_with_web(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("AFTERWORD_ALERT_WEBHOOK", "AFTERWORD_ALERT_EMAIL"):
        monkeypatch.delenv(variable, raising=False)
    make_world(ledger)
    with ledger.write() as connection:
        connection.execute(accounts.update().values(created_at=ledger.now(connection) - timedelta(days=2)))
    watcher = Watcher(ledger, every_seconds=0.01)
    looked, look = threading.Event(), watcher.look

    def look_and_say() -> None:
        look()
        looked.set()

    monkeypatch.setattr(watcher, "look", look_and_say)
    with watcher:
        assert looked.wait(20)
    with ledger.read() as connection:
        assert connection.execute(sa.select(alerts.c.kind, alerts.c.subject)).all() == [(AlertKind.NO_RUN, "nothing")]


def test_a_ledger_that_cannot_be_read_is_a_line_in_the_log_and_no_end(home: Path) -> None:
    empty = open_ledger(Settings(home=home))  # without a table
    with capture_logs() as lines:
        Watcher(empty).look()
    empty.close()
    assert lines == [{"event": "watch_failed", "log_level": "error", "problem": "OperationalError"}]
