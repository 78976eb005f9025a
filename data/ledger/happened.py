"""Writing what came back: the inbox of raw provider events, and events, both append-only."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from data.ledger.outcomes import Attempt
from data.ledger.tables import attempts, events, inbox
from data.ledger.tables.metadata import database_now
from data.words import EventKind


def store_raw(connection: Connection, provider: str, event_key: str, payload: Mapping[str, Any]) -> int | None:
    """Keep what a provider said, word for word; None when this key was kept before."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    return connection.execute(
        insert(inbox)
        .values(
            provider=provider,
            event_key=event_key,
            payload=dict(payload),
            received_at=database_now(),
            applied_at=database_now(),
        )
        .on_conflict_do_nothing(index_elements=["provider", "event_key"])
        .returning(inbox.c.inbox_id)
    ).scalar_one_or_none()


@dataclass(frozen=True, slots=True)
class CodeCount:
    """How often a provider gave one code."""

    provider: str
    code: str
    is_known_word: bool  # false: the event itself was of a kind that we do not know
    count: int


def count_codes(connection: Connection, since: datetime) -> list[CodeCount]:
    """How often each code was given for what failed or was not understood, recorded `since` (database clock)."""
    is_known_word = events.c.kind != EventKind.UNKNOWN
    query = (
        sa.select(attempts.c.provider, events.c.code, is_known_word, sa.func.count())
        .join(attempts, attempts.c.attempt_id == events.c.attempt_id)
        .where(
            events.c.recorded_at >= since,
            events.c.kind.in_([EventKind.FAILED, EventKind.UNKNOWN]),
            events.c.code.is_not(None),
        )
        .group_by(attempts.c.provider, events.c.code, is_known_word)
        .order_by(sa.func.count().desc(), attempts.c.provider, events.c.code)
    )
    return [CodeCount(provider, code, bool(known), count) for provider, code, known, count in connection.execute(query)]


def append_event(
    connection: Connection,
    attempt: Attempt | None,
    *,
    kind: EventKind,
    occurred_at: datetime,
    account_id: int | None = None,
    person_id: int | None = None,
    code: str | None = None,
    detail: Mapping[str, Any] | None = None,
    inbox_id: int | None = None,
) -> int:
    """Append an event about an attempt's message, or about a person; its id. `occurred_at` is policy time.

    An open or a click has no evidence yet: `invitations.grading` gives it, with all others of the message.
    """
    about: dict[str, Any] = {"account_id": account_id, "person_id": person_id}
    if attempt is not None:
        about = {
            "account_id": attempt.account_id,
            "person_id": attempt.person_id,
            "location_id": attempt.location_id,
            "invitation_id": attempt.invitation_id,
            "request_id": attempt.request_id,
            "attempt_id": attempt.attempt_id,
            "channel": attempt.channel,
        }
    event_id: int = connection.execute(
        events.insert()
        .values(
            **about,
            kind=kind,
            occurred_at=occurred_at,
            recorded_at=database_now(),
            code=code,
            detail=dict(detail) if detail else None,
            inbox_id=inbox_id,
        )
        .returning(events.c.event_id)
    ).scalar_one()
    return event_id
