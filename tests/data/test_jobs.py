"""Jobs asked for on the dashboard are begun once each."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from data.ledger.jobs import ABANDONED_AFTER, ask_for, end_abandoned_jobs, end_job, take_job, waiting_job_ids
from data.ledger.store import Ledger
from data.ledger.tables import jobs
from data.words import JobKind
from tests.world import make_world


def _ask(ledger: Ledger, account_id: int) -> int:
    with ledger.write() as connection:
        return ask_for(connection, account_id=account_id, kind=JobKind.PLAN, payload={}, asked_by="owner@acme.example")


def test_each_job_is_taken_by_one_taker_only(ledger: Ledger) -> None:
    account = make_world(ledger).account_id
    asked = [_ask(ledger, account) for _ in range(12)]
    with ThreadPoolExecutor(4) as pool:
        taken = [job.job_id for job in pool.map(lambda _: take_job(ledger), range(20)) if job]
    assert sorted(taken) == asked
    with ledger.read() as connection:
        assert waiting_job_ids(connection) == []


def test_a_job_cut_off_is_closed_with_words_and_not_begun_again(ledger: Ledger) -> None:
    account = make_world(ledger).account_id
    done, lost = _ask(ledger, account), _ask(ledger, account)
    assert take_job(ledger) is not None
    assert take_job(ledger) is not None
    end_job(ledger, done)
    with ledger.write() as connection:
        long_ago = ledger.now(connection) - ABANDONED_AFTER - timedelta(seconds=1)
        connection.execute(jobs.update().values(started_at=long_ago))
    assert end_abandoned_jobs(ledger) == 1
    with ledger.read() as connection:
        rows = {row.job_id: row for row in connection.execute(jobs.select())}
    assert rows[done].problem is None
    assert "Ask for it again" in rows[lost].problem
    assert take_job(ledger) is None
