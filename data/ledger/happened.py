"""Writing what came back: the inbox of raw provider events, and events, both append-only."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from data.ledger.outcomes import Attempt
from data.ledger.tables import events, inbox
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
