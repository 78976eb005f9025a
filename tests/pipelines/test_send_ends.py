"""`afterword send` that is told to end writes down what is under way."""

import os
import re
import signal

import pytest
import sqlalchemy as sa

from connectors import Message, Outcome
from data.ledger import tables as t
from data.ledger.store import Ledger
from data.words import RequestStatus, RunStatus
from pipelines.commands import sending
from tests.many import make_due
from tests.pipelines.commands import Run
from tests.recorder import Recorder
from tests.world import NOON


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.slow
def test_a_signal_lets_calls_under_way_end_and_ends_the_run(
    run: Run, ledger: Ledger, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    make_due(ledger, 300)

    def told_to_end(message: Message) -> Outcome:
        accepted = recorder.take(message)
        if len(recorder.taken) == 1:
            os.kill(os.getpid(), number)
        return accepted

    recorder = Recorder(told_to_end)
    monkeypatch.setattr(sending, "required_messengers", lambda: recorder.messengers)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
    try:
        ended = run("send", AFTERWORD_NOW=NOON.isoformat())
    finally:
        signal.signal(signal.SIGINT, before)
    assert ended.code == 130
    with ledger.read() as c:
        [of_run] = c.execute(sa.select(t.runs)).all()
        unfinished = c.execute(sa.select(t.attempts.c.attempt_id).where(t.attempts.c.outcome.is_(None))).all()
        sent = c.scalars(sa.select(t.requests.c.status).where(t.requests.c.status != RequestStatus.QUEUED)).all()
    assert (of_run.status, unfinished) == (RunStatus.FAILED, [])
    assert set(sent) == {RequestStatus.SENT}
    assert 0 < len(recorder.taken) == len(sent) < 300
    assert re.search(rf"accepted\W+{len(sent)}\b", ended.output), ended.output
