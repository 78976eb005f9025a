"""Notices: alerts and digests on their way, once by each way. Claimed, told, written down; times are the database's.

due = next_due(ledger, ways)              # ours: nobody else's for the next minute at least
… the call, with no transaction open …
note_told(ledger, due.notice_id)          # or note_failed: again later, for about a day
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from data.ledger.store import Ledger, again_if_undone
from data.ledger.tables import alerts, notices
from data.ledger.tables.metadata import database_now
from data.words import NoticeWay

TRIES = 30  # with the waits below about a day; after that it is given up, and stays in the ledger
_FIRST_WAIT = timedelta(minutes=1)  # longer than any call may take: until then the notice is its claimer's
_LONGEST_WAIT = timedelta(hours=1)
_n = notices.c


@dataclass(frozen=True, slots=True)
class DueNotice:
    """One that is ours to tell."""

    notice_id: int
    topic: str
    way: NoticeWay
    subject: str
    text: str
    written_at: datetime
    tries: int  # this one included


def write(
    connection: Connection,
    ways: Iterable[NoticeWay],
    *,
    topic: str,
    subject: str,
    text: str,
    alert_id: int | None = None,
) -> None:
    """Let it be told by these ways; one written before is not written again."""
    insert = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(notices)
    for way in ways:
        connection.execute(
            insert.values(
                topic=topic, way=way, alert_id=alert_id, subject=subject[:200], text=text, tries=0,
                written_at=database_now(), next_try_at=database_now(),
            ).on_conflict_do_nothing(index_elements=[_n.topic, _n.way])
        )  # fmt: skip


def written_ways(connection: Connection, alert_ids: Collection[int]) -> dict[int, set[NoticeWay]]:
    """By which ways each of these alerts is, or was, being told."""
    found: dict[int, set[NoticeWay]] = {alert_id: set() for alert_id in alert_ids}
    for alert_id, way in connection.execute(sa.select(_n.alert_id, _n.way).where(_n.alert_id.in_(list(alert_ids)))):
        found[alert_id].add(way)
    return found


@again_if_undone
def next_due(ledger: Ledger, ways: Collection[NoticeWay]) -> DueNotice | None:
    """Claim the oldest notice that may be tried now by one of these ways; None when there is none.

    What is over is told after what was raised, by each way.
    """
    with ledger.read() as connection:
        found = connection.execute(_due(ways)).first()
    while found is not None:
        with ledger.write() as connection:
            taken = connection.execute(
                notices.update()
                .where(
                    _n.notice_id == found.notice_id,
                    _n.tries == found.tries,
                    _n.told_at.is_(None),
                    _n.next_try_at <= database_now(),
                )
                .values(tries=_n.tries + 1, next_try_at=ledger.now(connection) + _wait_after(found.tries + 1))
                .returning(*(_n[name] for name in DueNotice.__dataclass_fields__))
            ).one_or_none()
            if taken is not None:
                return DueNotice(**taken._mapping)
            found = connection.execute(_due(ways)).first()  # somebody else's now
    return None


def _due(ways: Collection[NoticeWay]) -> sa.Select[tuple[int, int]]:
    before = notices.alias()
    is_first = ~sa.exists().where(
        before.c.alert_id == _n.alert_id,
        before.c.way == _n.way,
        before.c.notice_id < _n.notice_id,
        before.c.told_at.is_(None),
        before.c.tries < TRIES,
    )
    return (
        sa.select(_n.notice_id, _n.tries)
        .where(
            _n.told_at.is_(None),
            _n.next_try_at <= database_now(),
            _n.tries < TRIES,
            _n.way.in_(list(ways)),
            is_first,
        )
        .order_by(_n.notice_id)
        .limit(1)
    )


def _wait_after(tries: int) -> timedelta:
    return min(_FIRST_WAIT * (1 << min(tries - 1, 10)), _LONGEST_WAIT)


@again_if_undone
def note_told(ledger: Ledger, notice_id: int) -> None:
    """It was taken; so is the alert that it tells of, if this way was the first."""
    with ledger.write() as connection:
        alert_id = connection.execute(
            notices.update()
            .where(_n.notice_id == notice_id, _n.told_at.is_(None))
            .values(told_at=database_now(), problem=None)
            .returning(_n.alert_id)
        ).scalar_one_or_none()
        connection.execute(
            alerts.update()
            .where(alerts.c.alert_id == alert_id, alerts.c.told_at.is_(None))
            .values(told_at=database_now())
        )


@again_if_undone
def note_failed(ledger: Ledger, notice_id: int, problem: str) -> None:
    """It was not taken, or nobody knows; `problem` holds no secret and no address. It stays due for later."""
    with ledger.write() as connection:
        connection.execute(
            notices.update().where(_n.notice_id == notice_id, _n.told_at.is_(None)).values(problem=problem[:200])
        )


def count_given_up(connection: Connection) -> int:
    """Notices of the last seven days that no try got through."""
    since = connection.execute(sa.select(database_now())).scalar_one() - timedelta(days=7)
    return connection.execute(
        sa.select(sa.func.count())
        .select_from(notices)
        .where(_n.told_at.is_(None), _n.tries >= TRIES, _n.written_at >= since)
    ).scalar_one()
