"""`afterword send`, killed with SIGKILL at twenty random moments over 2,000 due requests and run again until done."""

import random
import signal
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from data.ledger import tables as t
from data.ledger.migrate import migrate
from data.ledger.store import Ledger, open_ledger
from data.settings import Settings
from data.words import RequestStatus
from tests.e2e.forks import Forks, running_forks
from tests.many import make_due
from tests.sandbox import Sandbox, running_sandbox
from tests.waiting import wait_until
from tests.world import NOON

REQUESTS = 2_000
KILLS = 20


def statuses(ledger: Ledger) -> Counter[RequestStatus]:
    with ledger.read() as c:
        return Counter(c.execute(sa.select(t.requests.c.status)).scalars())


def _environment(sandbox: Sandbox, settings: Settings) -> dict[str, str]:
    return {
        **sandbox.environment,
        "AFTERWORD_HOME": str(settings.home),
        "AFTERWORD_LEDGER_URL": settings.ledger_address,
        "AFTERWORD_NOW": NOON.isoformat(),
        "AFTERWORD_SETTLE_SECONDS": "1",
    }


def let_it_load(afterword: Forks, sandbox: Sandbox, scratch: Path) -> None:
    """Send a little from another ledger, which the sandbox then forgets."""
    elsewhere = Settings(home=scratch)
    scratch.mkdir()
    with closing(open_ledger(elsewhere)) as ledger:
        migrate(ledger)
        make_due(ledger, 8)
    for words in ("send", "resolve"):
        afterword.load(words, AFTERWORD_HOME=str(scratch), AFTERWORD_LEDGER_URL=elsewhere.ledger_address)
    sandbox.post("/_sandbox/forget", {})


# On PostgreSQL processes die in tests/reliability, at every moment that matters; starting sixty more shows nothing new.
@pytest.mark.one_database
@pytest.mark.slow
def test_killed_twenty_times_and_yet_each_message_arrives_exactly_once(settings: Settings, tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(10**6)
    chance = random.Random(seed)
    ledger = open_ledger(settings)
    migrate(ledger)
    make_due(ledger, REQUESTS)
    with (
        running_sandbox(tmp_path / "sandbox") as sandbox,
        running_forks(tmp_path / "log", _environment(sandbox, settings)) as afterword,
    ):
        let_it_load(afterword, sandbox, tmp_path / "scratch")

        def handed_over() -> int:
            with ledger.read() as c:
                return c.execute(
                    sa.select(sa.func.count()).select_from(t.attempts).where(t.attempts.c.handed_at.is_not(None))
                ).scalar_one()

        kills = 0
        while kills < KILLS:
            enough = handed_over() + chance.randrange(REQUESTS // KILLS // 2)
            afterword.start("send")
            wait_until(lambda n=enough: handed_over() > n or afterword.has_ended(), what="so many messages")
            if afterword.has_ended(chance.uniform(0.0, 0.05)):
                afterword.wait(0)
                break  # everything went out before the twentieth kill; say so below
            kills += afterword.kill() == -signal.SIGKILL
        assert kills == KILLS, f"seed {seed}: only {kills} kills: make more requests or kill sooner"

        ends = {RequestStatus.SENT, RequestStatus.DELIVERED, RequestStatus.FAILED}
        for _ in range(12):
            for words in ("resolve", "send"):
                afterword.start(words)
                assert afterword.wait(120) == 0, (tmp_path / "log").read_text()[-2000:]
            if set(statuses(ledger)) <= ends:
                break
        record = sandbox.record()
    assert set(statuses(ledger)) <= ends, f"seed {seed}: {statuses(ledger)}"
    assert Counter(message["to"] for message in record).most_common(1)[0][1] == 1, f"seed {seed}: sent twice"
    assert len(record) == REQUESTS, f"seed {seed}: lost"
    with ledger.read() as c:
        assert c.execute(sa.select(t.quota_cycles.c.used)).scalar_one() == REQUESTS
    ledger.close()
