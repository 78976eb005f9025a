"""What the ledger has been told already of messages that a bounce names."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.ledger.outcomes import Attempt
from data.ledger.rows_of import listed, one_of
from data.ledger.tables import events, requests
from data.words import EventKind

_e, _r = events.c, requests.c


@dataclass(frozen=True, slots=True)
class Reported:
    """`told`: attempt, kind and code of each event; `handed_at`: when each request left, by its id (policy time)."""

    told: frozenset[tuple[str, EventKind, str | None]]
    handed_at: dict[int, datetime]


_HANDED = sa.select(_r.request_id, _r.handed_at).where(
    _r.request_id.in_(one_of("request_ids", sa.BigInteger())), _r.handed_at.is_not(None)
)
_TOLD = sa.select(_e.attempt_id, _e.kind, _e.code).where(
    _e.invitation_id.in_(one_of("invitation_ids", sa.BigInteger())),  # events are indexed by it, and it has few
    _e.attempt_id.in_(one_of("attempt_ids", sa.String())),
)


def read_reported(connection: Connection, attempts: Collection[Attempt]) -> Reported:
    """All of it, in two statements."""
    handed = connection.execute(_HANDED, {"request_ids": listed({one.request_id for one in attempts})}).all()
    named = {
        "invitation_ids": listed({one.invitation_id for one in attempts}),
        "attempt_ids": listed({one.attempt_id for one in attempts}),
    }
    told = connection.execute(_TOLD, named).all()
    return Reported(
        frozenset((row.attempt_id, row.kind, row.code) for row in told),
        {row.request_id: row.handed_at for row in handed},
    )
