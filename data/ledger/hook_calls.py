"""Calls of POST /hooks/customers by their sender's key: the same key gets the same answer, and does nothing twice."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from data.ledger.tables import hook_calls
from data.ledger.tables.metadata import database_now

KEPT = timedelta(days=35)  # as long as the keys of providers' events
_UNDER_WAY = 0  # the status while the call is being carried out, seen by nobody: it ends in the same transaction
_FORGET_AT_ONCE = 100

_h = hook_calls.c


@dataclass(frozen=True, slots=True)
class EarlierCall:
    """What a call of this key was answered before."""

    body_sha256: str
    status: int
    answer: Mapping[str, Any]


def find_call(connection: Connection, account_id: int, key: str) -> EarlierCall | None:
    """The call of this key, if it was carried out."""
    row = connection.execute(
        sa.select(_h.body_sha256, _h.status, _h.answer).where(_h.account_id == account_id, _h.idempotency_key == key)
    ).first()
    return None if row is None else EarlierCall(*row)


def take_key(connection: Connection, account_id: int, key: str, body_sha256: str) -> EarlierCall | None:
    """Take the key for this transaction; the earlier call where it is taken.

    Of two at once the second waits until the first has ended, and finds its answer.
    """
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    taken = connection.execute(
        insert(hook_calls)
        .values(
            account_id=account_id, idempotency_key=key, body_sha256=body_sha256, status=_UNDER_WAY, answer={},
            received_at=database_now(),
        )
        .on_conflict_do_nothing()
        .returning(_h.idempotency_key)
    ).first()  # fmt: skip
    return find_call(connection, account_id, key) if taken is None else None


def note_answer(connection: Connection, account_id: int, key: str, status: int, answer: Mapping[str, Any]) -> None:
    """Keep what the call of a key that was taken is answered."""
    connection.execute(
        hook_calls.update()
        .where(_h.account_id == account_id, _h.idempotency_key == key)
        .values(status=status, answer=dict(answer))
    )


def forget_old(connection: Connection) -> int:
    """Let go of some that are older than KEPT; how many."""
    now = connection.execute(sa.select(database_now())).scalar_one()
    old = sa.select(_h.account_id, _h.idempotency_key).where(_h.received_at < now - KEPT).order_by(_h.received_at)
    gone = connection.execute(old.limit(_FORGET_AT_ONCE).with_for_update(skip_locked=True)).all()
    if gone:
        connection.execute(
            hook_calls.delete().where(sa.tuple_(_h.account_id, _h.idempotency_key).in_([tuple(row) for row in gone]))
        )
    return len(gone)
