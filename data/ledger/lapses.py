"""Attempts whose sender is gone."""

import sqlalchemy as sa

from data.ledger.outcomes import record_in_doubt, record_not_sent
from data.ledger.store import Ledger, again_if_undone
from data.ledger.tables import attempts, runs
from data.ledger.tables.metadata import database_now
from data.words import AttemptOutcome, RunStatus

_at = attempts.c
_CHUNK = 500  # a transaction's: well under the five seconds that any may last


def end_lapsed(ledger: Ledger) -> dict[str, int]:
    """Take attempts from senders that are gone: back to the queue if nothing left, else in doubt; counts of both.

    An attempt lapses with its lease, or at once when its batch's process is known to have died. Wrongly thinking a
    sender dead does no harm: its hand-over would find the attempt ended, and its late answer still counts.
    """
    counts = {"lapsed": 0, "in_doubt": 0}
    while True:
        found, ended = _end_some(ledger)
        for word, count in ended.items():
            counts[word] += count
        if found < _CHUNK:
            return counts


@again_if_undone
def _end_some(ledger: Ledger) -> tuple[int, dict[str, int]]:
    is_gone = sa.or_(
        _at.lease_until <= database_now(),
        sa.exists().where(runs.c.run_id == _at.batch_id, runs.c.status != RunStatus.RUNNING),
    )
    query = sa.select(_at.attempt_id, _at.handed_at).where(_at.outcome.is_(None), is_gone).order_by(_at.attempt_id)
    with ledger.write() as connection:
        found = connection.execute(query.limit(_CHUNK)).all()
        counts = {"lapsed": 0, "in_doubt": 0}
        for row in found:
            if row.handed_at is None:
                counts["lapsed"] += record_not_sent(connection, row.attempt_id, AttemptOutcome.LAPSED)
            else:
                counts["in_doubt"] += record_in_doubt(connection, row.attempt_id, "the sender vanished")
    return len(found), counts
