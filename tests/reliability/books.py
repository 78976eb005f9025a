"""What must be true when nothing is under way any more, whatever happened before."""

from collections import Counter

import sqlalchemy as sa

from data.ledger import soundness
from data.ledger import tables as t
from data.ledger.store import Ledger
from data.words import AttemptOutcome, RequestStatus
from tests.sandbox import Sandbox

ENDS = {RequestStatus.SENT, RequestStatus.DELIVERED}


def statuses(ledger: Ledger) -> Counter[str]:
    """How many requests stand where."""
    with ledger.read() as c:
        return Counter(status.value for status in c.execute(sa.select(t.requests.c.status)).scalars())


def is_all_sent(ledger: Ledger) -> bool:
    """Whether every request has gone."""
    return set(statuses(ledger)) <= {status.value for status in ENDS}


def balance(ledger: Ledger, sandbox: Sandbox) -> None:
    """Each message once in the sandbox's record, none lost, the quota exact, and the ledger says what is true."""
    record = sandbox.record()
    r, at = t.requests.c, t.attempts.c
    with ledger.read() as c:
        wanted = set(c.execute(sa.select(r.address)).scalars())
        sent = c.execute(
            sa.select(r.address, at.attempt_id, at.provider_message_id)
            .join(t.attempts, at.attempt_id == r.attempt_id)
            .where(r.status.in_(ENDS), at.outcome == AttemptOutcome.ACCEPTED)
        ).all()
        accepted = c.execute(
            sa.select(sa.func.count()).select_from(t.attempts).where(at.outcome == AttemptOutcome.ACCEPTED)
        ).scalar_one()
        unfinished = c.execute(sa.select(at.attempt_id).where(at.outcome.is_(None))).all()
        used = c.execute(sa.select(t.quota_cycles.c.used)).scalar_one()
        notes = Counter(c.execute(sa.select(at.doubt_note).where(at.outcome == AttemptOutcome.IN_DOUBT)).scalars())
        assert soundness.count_cycles_out_of_balance(c) == 0
        assert soundness.count_invitations_sent_without_quota(c) == 0
    times = Counter(message["to"] for message in record)
    assert not (twice := {to: n for to, n in times.items() if n > 1}), f"sent more than once: {twice}"
    assert not (lost := wanted - set(times)), f"lost: {sorted(lost)}; {statuses(ledger)}; {notes}"
    assert set(times) == wanted
    assert {(m["to"], m["attempt_id"], m["provider_message_id"]) for m in record} == {tuple(row) for row in sent}
    assert accepted == len(wanted)
    assert unfinished == []
    assert used == len(wanted)
