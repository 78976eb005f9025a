"""Whether the ledger is in order: its file, and counts that must be zero, asked by Dagster's checks and by `doctor`."""

import time
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.ledger.tables import attempts, events, quota_cycles, quota_reservations, requests
from data.ledger.tables.metadata import database_now

# Resolve looks every minute; a lease that ran out longer ago than this means that it does not.
RESOLVE_LATE_AFTER = timedelta(minutes=15)


def is_damaged(connection: Connection, *, seconds: float = 10.0) -> bool:
    """Whether SQLite's file contradicts itself, looked through for so long at most (200 MB take half a second).

    Elsewhere, and where the time did not suffice, False. Raises sqlalchemy.exc.DatabaseError for what cannot be read.
    """
    if connection.dialect.name != "sqlite":
        return False
    driver: Any = connection.connection.driver_connection
    ends = time.monotonic() + seconds
    driver.set_progress_handler(lambda: time.monotonic() > ends, 1_000)
    try:
        return bool(connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one() != "ok")
    except sa.exc.OperationalError as problem:
        if getattr(problem.orig, "sqlite_errorname", "") != "SQLITE_INTERRUPT":
            raise
        return False
    finally:
        driver.set_progress_handler(None, 0)


def count_events_without_request(connection: Connection) -> int:
    """Events that name an attempt of ours and yet belong to no request."""
    return connection.execute(
        sa.select(sa.func.count())
        .select_from(events)
        .where(events.c.attempt_id.is_not(None), events.c.request_id.is_(None))
    ).scalar_one()


def count_cycles_out_of_balance(connection: Connection) -> int:
    """Quota cycles whose `used` is not the number of reservations they hold."""
    held = (
        sa.select(sa.func.count())
        .select_from(quota_reservations)
        .where(
            quota_reservations.c.account_id == quota_cycles.c.account_id,
            quota_reservations.c.cycle_start_date == quota_cycles.c.cycle_start_date,
            quota_reservations.c.released_at.is_(None),
        )
        .correlate(quota_cycles)
        .scalar_subquery()
    )
    return connection.execute(
        sa.select(sa.func.count()).select_from(quota_cycles).where(quota_cycles.c.used != held)
    ).scalar_one()


def count_invitations_sent_without_quota(connection: Connection) -> int:
    """Invitations with a message handed over for certain, and no unit of the quota held for them."""
    held = sa.exists().where(
        quota_reservations.c.invitation_id == requests.c.invitation_id, quota_reservations.c.released_at.is_(None)
    )
    return connection.execute(
        sa.select(sa.func.count(sa.distinct(requests.c.invitation_id)))
        .join_from(requests, attempts, attempts.c.attempt_id == requests.c.attempt_id)
        .where(requests.c.handed_at.is_not(None), attempts.c.provider_message_id.is_not(None), ~held)
    ).scalar_one()


def count_attempts_past_their_lease(connection: Connection) -> int:
    """Unfinished attempts whose lease ran out and which resolve should have settled by now."""
    now = connection.execute(sa.select(database_now())).scalar_one()
    return connection.execute(
        sa.select(sa.func.count())
        .select_from(attempts)
        .where(attempts.c.outcome.is_(None), attempts.c.lease_until < now - RESOLVE_LATE_AFTER)
    ).scalar_one()
