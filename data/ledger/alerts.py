"""Alerts: one row from the moment something is wrong until it is right again. Times are the database's clock."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from data.ledger.tables import alerts
from data.ledger.tables.metadata import database_now
from data.words import AlertKind

_a = alerts.c


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that is, or was, wrong."""

    alert_id: int
    kind: AlertKind
    subject: str  # which one
    text: str  # what is wrong and how to mend it; no personal data
    raised_at: datetime
    told_at: datetime | None
    cleared_at: datetime | None


_FIELDS = [_a[name] for name in Alert.__dataclass_fields__]


def take_turns(connection: Connection) -> None:
    """Of two that settle alerts at once, let the second see what the first did. SQLite's writers take turns anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("lock table alerts in share row exclusive mode"))


def read_open(connection: Connection) -> list[Alert]:
    """What is wrong now, oldest first."""
    found = connection.execute(sa.select(*_FIELDS).where(_a.cleared_at.is_(None)).order_by(_a.alert_id))
    return [Alert(**row._mapping) for row in found]


def raise_alert(connection: Connection, kind: AlertKind, subject: str, text: str) -> Alert | None:
    """The alert, if it was not raised already."""
    insert = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(alerts)
    made = connection.execute(
        insert.values(kind=kind, subject=subject[:200], text=text[:500], raised_at=database_now())
        .on_conflict_do_nothing(index_elements=[_a.kind, _a.subject], index_where=sa.text("cleared_at is null"))
        .returning(*_FIELDS)
    ).one_or_none()
    return None if made is None else Alert(**made._mapping)


def clear(connection: Connection, alert_ids: Collection[int]) -> list[Alert]:
    """These are right again; those that were not cleared already."""
    if not alert_ids:
        return []
    cleared = connection.execute(
        alerts.update()
        .where(_a.alert_id.in_(list(alert_ids)), _a.cleared_at.is_(None))
        .values(cleared_at=database_now())
        .returning(*_FIELDS)
    )
    return sorted((Alert(**row._mapping) for row in cleared), key=lambda alert: alert.alert_id)
