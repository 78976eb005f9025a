"""Writing an import: the list, its customers in short transactions, and the rows it turned away.

The list's row comes first and `completed_at` last. A crash between them leaves an import that is not complete; the
same file again goes on with it: customers written before are recognised by their list and counted once.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, Row

from data.ledger import tables as t
from data.ledger.arrivals import Coming, Known, as_json, bring_in, record_declared
from data.ledger.store import Ledger, again_if_undone
from data.ledger.tables.metadata import database_now
from data.words import Channel, Source

_REJECTED_AT_ONCE = 5_000


class ListUndone(Exception):
    """The list was taken back while it came in: nobody else of it does."""


@dataclass(frozen=True, slots=True)
class ListHead:
    """What is known of a list before its first row: the same location, name and content are the same list."""

    account_id: int
    location_id: int
    name: str
    content_sha256: str
    file_name: str | None
    imported_by: str
    source: Source = Source.CSV
    channels: Sequence[Channel] | None = None
    speed: str | None = None
    send_at: datetime | None = None
    speed_days: Sequence[int] | None = None  # Monday = 0
    speed_opens: int | None = None  # minutes of the location's day
    speed_closes: int | None = None


def find_list(connection: Connection, head: ListHead) -> Row[Any] | None:
    """The list, begun or complete."""
    return connection.execute(sa.select(t.lists).where(*_same(head))).first()


def _same(head: ListHead) -> list[sa.ColumnElement[bool]]:
    columns = t.lists.c
    return [
        columns.location_id == head.location_id,
        columns.name == head.name,
        columns.content_sha256 == head.content_sha256,
    ]


def begin_list(ledger: Ledger, head: ListHead, row_count: int) -> Row[Any]:
    """The list's row, made if it is not there."""
    with ledger.write() as connection:
        insert = sqlite.insert if ledger.is_sqlite else postgresql.insert
        values = {name: getattr(head, name) for name in ListHead.__dataclass_fields__}
        values |= {"channels": as_json(head.channels), "speed_days": as_json(head.speed_days)}
        made = insert(t.lists).values(**values, row_count=row_count)
        connection.execute(made.on_conflict_do_nothing(index_elements=["location_id", "name", "content_sha256"]))
        return connection.execute(sa.select(t.lists).where(*_same(head))).one()


def _coming(head: ListHead, list_id: int | None = None) -> Coming:
    return Coming(
        account_id=head.account_id, location_id=head.location_id, source=head.source, by=head.imported_by,
        list_id=list_id, list_name=head.name, channels=head.channels,
    )  # fmt: skip


@again_if_undone
def write_customers(ledger: Ledger, head: ListHead, list_id: int, people: Sequence[Known], *, now: datetime) -> None:
    """Bring these people in, in one transaction with their consents and the list's counts. `now` is policy time.

    Raises ListUndone, and writes nothing, once the list was taken back.
    """
    with ledger.write() as connection:
        fresh, before = bring_in(connection, _coming(head, list_id), people, now=now)
        counted = connection.execute(
            t.lists.update()
            .where(t.lists.c.list_id == list_id, t.lists.c.undone_at.is_(None))
            .values(new_count=t.lists.c.new_count + fresh, known_count=t.lists.c.known_count + before)
        )
        if not counted.rowcount:
            raise ListUndone


@again_if_undone
def write_consents(ledger: Ledger, head: ListHead, people: Sequence[Known], *, now: datetime) -> int:
    """Record what is declared of the whole list's consent, and nothing else of it; how many rows are new.

    For a list that was taken in before, and whose importer declares consent only now. What its rows say is on record.
    """
    with ledger.write() as connection:
        return record_declared(connection, _coming(head), people, now=now)


def end_list(
    ledger: Ledger, list_id: int, rejected: Sequence[Mapping[str, Any]], *, row_count: int, rejected_count: int
) -> Row[Any]:
    """Write the complaints (columns of rejected_rows, by line), then say that the list is complete; its row.

    What is neither turned away nor a customer of its own was the same person again: `merged_count`.
    """
    for first, last, some in _by_lines(rejected):
        with ledger.write() as connection:
            columns = t.rejected_rows.c
            stale = sa.and_(columns.list_id == list_id, columns.line >= first)
            connection.execute(t.rejected_rows.delete().where(stale & (columns.line <= last) if last else stale))
            if some:
                connection.execute(t.rejected_rows.insert(), [{**row, "list_id": list_id} for row in some])
    with ledger.write() as connection:
        columns = t.lists.c
        connection.execute(
            t.lists.update()
            .where(columns.list_id == list_id, columns.completed_at.is_(None))
            .values(
                row_count=row_count,
                rejected_count=rejected_count,
                merged_count=row_count - rejected_count - columns.new_count - columns.known_count,
                completed_at=database_now(),
            )
        )
        return connection.execute(sa.select(t.lists).where(columns.list_id == list_id)).one()


def _by_lines(rejected: Sequence[Mapping[str, Any]]) -> Iterator[tuple[int, int | None, list[Mapping[str, Any]]]]:
    """Portions that never part a line, with the lines each covers; the last one covers every line after it too.

    Each portion replaces what stands at its lines, so an import that was cut off leaves no complaint twice.
    """
    portion: list[Mapping[str, Any]] = []
    first = 0
    for line, rows in groupby(rejected, key=lambda row: row["line"]):
        if len(portion) >= _REJECTED_AT_ONCE:
            yield first, line - 1, portion
            portion, first = [], line
        portion.extend(rows)
    yield first, None, portion


def rejected_of(connection: Connection, list_id: int) -> Sequence[Row[Any]]:
    """The complaints of a list, by line."""
    columns = t.rejected_rows.c
    order = (columns.line, columns.rejected_row_id)
    return connection.execute(sa.select(t.rejected_rows).where(columns.list_id == list_id).order_by(*order)).all()
