"""How web/ starts: with policy time, and in words when it cannot."""

import socket
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
import uvicorn

import web.__main__ as web
from data.ledger.store import Ledger
from data.ledger.tables import system
from data.settings import utc_now
from tests.pipelines.commands import Run


@pytest.fixture(autouse=True)
def _logs_stay_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """web/ sets logging up for a process of its own; here it would bind every later test to this one's output."""
    monkeypatch.setattr(web, "_configure_logs", lambda: None)


@pytest.mark.slow
def test_pushed_events_without_a_time_are_dated_by_policy_time(
    run: Run, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ledger.write() as connection:
        connection.execute(sa.update(system).values(is_demo=True, clock_offset_seconds=3 * 86400))
    dated: list[datetime] = []

    def open_readers(clock: Callable[[], datetime]) -> dict[str, object]:
        dated.append(clock())
        return {}

    def serve(server: uvicorn.Server, sockets: list[socket.socket]) -> None:
        for listening in sockets:
            listening.close()

    monkeypatch.setattr(web, "open_callback_readers", open_readers)
    monkeypatch.setattr(uvicorn.Server, "run", serve)
    assert web.main(["--port", "0"]) == 0
    assert abs(dated[0] - utc_now() - timedelta(days=3)) < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("variable", "value"), [("AFTERWORD_LEDGER_URL", "nonsense"), ("AFTERWORD_SETTLE_SECONDS", "a while")]
)
def test_a_setting_that_cannot_be_read_is_named(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    assert web.main(["--port", "0"]) == 1
    assert variable in capsys.readouterr().err
