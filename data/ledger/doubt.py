"""Messages in doubt, and what has been found out about them."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.ledger.tables import attempts, requests
from data.words import AttemptOutcome, Channel, RequestStatus


@dataclass(frozen=True, slots=True)
class DoubtRow:
    """One message in doubt: what to ask the provider for."""

    attempt_id: str
    request_id: int
    channel: Channel
    address: str
    link_token: str
    handed_at: datetime  # database clock
    absent_reads: int


def read_doubt(connection: Connection, *, limit: int = 1000) -> list[DoubtRow]:
    """Every message in doubt, longest first."""
    rows = connection.execute(
        sa.select(
            attempts.c.attempt_id,
            requests.c.request_id,
            requests.c.channel,
            requests.c.address,
            requests.c.link_token,
            attempts.c.handed_at,
            attempts.c.absent_reads,
        )
        .join(requests, requests.c.attempt_id == attempts.c.attempt_id)
        .where(requests.c.status == RequestStatus.IN_DOUBT, attempts.c.outcome == AttemptOutcome.IN_DOUBT)
        .order_by(attempts.c.handed_at)
        .limit(limit)
    )
    return [DoubtRow(**row._mapping) for row in rows]


def note_absence(connection: Connection, attempt_id: str, provider_time: datetime) -> tuple[int, datetime, datetime]:
    """Count one complete read that did not show the message: how many now, and the first and last on that clock."""
    row = connection.execute(
        attempts.update()
        .where(attempts.c.attempt_id == attempt_id)
        .values(
            absent_reads=attempts.c.absent_reads + 1,
            first_absent_at=sa.func.coalesce(attempts.c.first_absent_at, provider_time),
            last_absent_at=provider_time,
        )
        .returning(attempts.c.absent_reads, attempts.c.first_absent_at, attempts.c.last_absent_at)
    ).one()
    return row.absent_reads, row.first_absent_at, row.last_absent_at
