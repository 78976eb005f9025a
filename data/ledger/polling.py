"""How far each provider has been read, and which messages' ends are still unknown."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from data.ledger.tables import attempts, cursors, requests
from data.ledger.tables.metadata import database_now
from data.words import AttemptOutcome, RequestStatus

_ASK_AGAIN_AFTER = timedelta(minutes=2)
_GIVE_UP_AFTER = timedelta(days=3)  # Twilio fails a queued message after ten hours; carriers report within three days


def read_cursor(connection: Connection, source: str) -> datetime | None:
    """The moment, on the provider's clock, until which this source has been read; None when never."""
    return connection.execute(sa.select(cursors.c.read_until).where(cursors.c.source == source)).scalar_one_or_none()


def move_cursor(connection: Connection, source: str, read_until: datetime) -> None:
    """Everything up to this moment has been read; a cursor never goes back."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    new = insert(cursors).values(source=source, read_until=read_until)
    connection.execute(
        new.on_conflict_do_update(
            index_elements=["source"],
            set_={"read_until": new.excluded.read_until, "changed_at": database_now()},
            where=cursors.c.read_until < new.excluded.read_until,
        )
    )


def open_messages(connection: Connection, provider: str, now: datetime, *, limit: int) -> list[str]:
    """Provider ids of messages that were taken and whose end nobody told us, least recently asked first.

    `now` is the database's clock. Callbacks usually tell sooner; asking is the guarantee.
    """
    asked_before = now - _ASK_AGAIN_AFTER
    ids = connection.execute(
        sa.select(attempts.c.provider_message_id)
        .join(requests, requests.c.attempt_id == attempts.c.attempt_id)
        .where(
            requests.c.status == RequestStatus.SENT,
            attempts.c.provider == provider,
            attempts.c.outcome == AttemptOutcome.ACCEPTED,
            attempts.c.provider_message_id.is_not(None),
            attempts.c.finished_at < asked_before,
            attempts.c.finished_at > now - _GIVE_UP_AFTER,
            sa.or_(attempts.c.polled_at.is_(None), attempts.c.polled_at < asked_before),
        )
        .order_by(attempts.c.polled_at.asc().nulls_first(), attempts.c.finished_at)
        .limit(limit)
    )
    return [message_id for message_id in ids.scalars() if message_id]


def mark_polled(connection: Connection, provider: str, provider_message_ids: Sequence[str]) -> None:
    """These messages have just been asked about."""
    if provider_message_ids:
        connection.execute(
            attempts.update()
            .where(
                attempts.c.provider == provider,
                attempts.c.provider_message_id.in_(provider_message_ids),
            )
            .values(polled_at=database_now())
        )
