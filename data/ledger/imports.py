"""Writing an import: the list, its customers in short transactions, and the rows it turned away.

The list's row comes first and `completed_at` last. A crash between them leaves an import that is not complete; the
same file again goes on with it: customers written before are recognised by their list and counted once.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, Row

from data.ledger import tables as t
from data.ledger.consents import BasisGiven, record_bases
from data.ledger.identities import Address, lock_identities, resolve_people
from data.ledger.store import Ledger, again_if_undone
from data.ledger.tables.metadata import database_now
from data.words import Channel, Relationship, Source

_VALUES = (
    "first_name", "last_name", "email", "phone", "locale", "employee", "service", "time_zone", "postal_code", "country",
    "relationship", "visited_at",
)  # fmt: skip
_REJECTED_AT_ONCE = 5_000

Key = tuple[int, int]  # a customer: location and person


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


@dataclass(frozen=True, slots=True)
class Known:
    """One person of an import: every address that came, one row of values for each location, and under the same number
    of `bases` what that row says of consent.
    """

    addresses: Sequence[Address]
    rows: Sequence[Mapping[str, Any]]
    bases: Sequence[Sequence[BasisGiven]]


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
        values |= {"channels": _json(head.channels), "speed_days": _json(head.speed_days)}
        made = insert(t.lists).values(**values, row_count=row_count)
        connection.execute(made.on_conflict_do_nothing(index_elements=["location_id", "name", "content_sha256"]))
        return connection.execute(sa.select(t.lists).where(*_same(head))).one()


def _json(values: Sequence[Channel] | Sequence[int] | None) -> Any:
    return sa.null() if values is None else [one.value if isinstance(one, Channel) else one for one in values]


@again_if_undone
def write_customers(ledger: Ledger, head: ListHead, list_id: int, people: Sequence[Known], *, now: datetime) -> None:
    """Insert these people's customers or bring them up to date, in one transaction with their consents and the counts.

    An empty value never overwrites one, nor an earlier visit a later, nor "customer" that somebody is staff. `now` is
    policy time.
    """
    with ledger.write() as connection:
        lock_identities(connection, head.account_id)
        persons = resolve_people(connection, head.account_id, [one.addresses for one in people], now=now)
        rows: dict[Key, dict[str, Any]] = {}
        for person, one in zip(persons, people, strict=True):
            for row in one.rows:
                rows.setdefault((row["location_id"], person), {}).update(
                    {name: row[name] for name in _VALUES if row[name]}
                )
        given = {name for values in rows.values() for name in values}
        known = {(row.location_id, row.person_id): row for row in _known(connection, set(persons), given)}
        shared = {"list_id": list_id, "channels": _json(head.channels)}
        fresh = [
            {"location_id": location, "person_id": person, **values}
            for (location, person), values in rows.items()
            if (location, person) not in known
        ]
        if fresh:
            shared_by_all = shared | {"account_id": head.account_id, "source": head.source, "occasion_at": now}
            fresh = _of_one_shape(fresh)
            connection.execute(t.customers.insert().values(**_bound(fresh[0]), **shared_by_all), fresh)
        brought = [(known[key], values) for key, values in rows.items() if key in known]
        _bring_up_to_date(connection, head, brought, shared, now)
        _record_consents(connection, head, _bases(persons, people), known)
        before = sum(known[key].list_id != list_id for key in rows if key in known)
        connection.execute(
            t.lists.update()
            .where(t.lists.c.list_id == list_id)
            .values(new_count=t.lists.c.new_count + len(fresh), known_count=t.lists.c.known_count + before)
        )


@again_if_undone
def write_consents(ledger: Ledger, head: ListHead, people: Sequence[Known], *, now: datetime) -> int:
    """Record what is declared of the whole list's consent, and nothing else of it; how many rows are new.

    For a list that was taken in before, and whose importer declares consent only now. What its rows say is on record.
    """
    with ledger.write() as connection:
        lock_identities(connection, head.account_id)
        persons = resolve_people(connection, head.account_id, [one.addresses for one in people], now=now)
        known = {(row.location_id, row.person_id): row for row in _known(connection, set(persons), ())}
        declared = {
            key: [basis for basis in its if basis.is_declared]
            for key, its in _bases(persons, people).items()
            if key in known
        }
        bases = {key: its for key, its in declared.items() if its}
        return _record_consents(connection, head, bases, known)


def _bases(persons: Sequence[int], people: Sequence[Known]) -> dict[Key, list[BasisGiven]]:
    """What is said of the consent of each customer of whom anything is said."""
    bases: dict[Key, list[BasisGiven]] = {}
    for person, one in zip(persons, people, strict=True):
        for row, its in zip(one.rows, one.bases, strict=True):
            if its:
                bases.setdefault((row["location_id"], person), []).extend(its)
    return bases


def _known(connection: Connection, persons: Collection[int], given: Collection[str]) -> Sequence[Row[Any]]:
    """These people's customers: what is needed to fill gaps with the values that are `given`."""
    columns = t.customers.c
    always = ("customer_id", "location_id", "person_id", "list_id", "occasion_at", "visited_at")
    names = (*always, *(name for name in _VALUES if name in given and name not in always))
    return connection.execute(sa.select(*(columns[name] for name in names)).where(columns.person_id.in_(persons))).all()


def _of_one_shape(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The same names in every row: those that any has. Names and the relationship are never null in the ledger."""
    blank: dict[str, Any] = dict.fromkeys(name for row in rows for name in row)
    blank |= {"first_name": "", "last_name": ""}
    if "relationship" in blank:
        blank["relationship"] = Relationship.CUSTOMER
    return [{**blank, **row} for row in rows]


def _bound(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: sa.bindparam(name) for name in row}


def _bring_up_to_date(
    connection: Connection,
    head: ListHead,
    known: Sequence[tuple[Row[Any], Mapping[str, Any]]],
    shared: Mapping[str, Any],
    now: datetime,
) -> None:
    if not known:
        return
    given = {name for _, values in known for name in values}
    bound = [(name, f"the_{name}") for name in (*(name for name in _VALUES if name in given), "occasion_at")]
    names = _lists(connection, {row.list_id for row, _ in known})
    update = (
        t.customers.update()
        .where(t.customers.c.customer_id == sa.bindparam("the_customer_id"))
        .values(**{name: sa.bindparam(theirs) for name, theirs in bound}, **shared)
    )
    rows = []
    for row, values in known:
        new = {**row._mapping, **values}
        if _comes_again(row, values, was_in_it=names.get(row.list_id) == (head.name, head.location_id)):
            new["occasion_at"] = now
        if values.get("relationship") == Relationship.CUSTOMER and row.relationship is not None:
            new["relationship"] = (
                row.relationship
            )  # staff are patients too: another list makes nobody's colleague less one
        if row.visited_at and "visited_at" in values:
            new["visited_at"] = max(row.visited_at, values["visited_at"])
        rows.append({"the_customer_id": row.customer_id, **{theirs: new[name] for name, theirs in bound}})
    connection.execute(update, rows)


def _lists(connection: Connection, list_ids: set[int | None]) -> dict[int, tuple[str, int]]:
    """The name and the location of each list."""
    columns = t.lists.c
    query = sa.select(columns.list_id, columns.name, columns.location_id).where(columns.list_id.in_(list_ids - {None}))
    return {list_id: (name, location_id) for list_id, name, location_id in connection.execute(query)}


def _comes_again(row: Row[Any], values: Mapping[str, Any], *, was_in_it: bool) -> bool:
    """Whether the list tells of a new occasion, not of one that we know.

    A later visit is one, an earlier or the same is none. Without a visit it is one unless the customer came in the list
    of this name last: one that was cut off, or whose bad rows were mended.
    """
    visited_at = values.get("visited_at")
    if visited_at is not None and row.visited_at is not None:
        return bool(visited_at > row.visited_at)
    return not was_in_it


def _record_consents(
    connection: Connection,
    head: ListHead,
    bases: Mapping[Key, Sequence[BasisGiven]],
    known: Mapping[Key, Row[Any]],
) -> int:
    if not bases:
        return 0
    columns = t.customers.c
    people = {person for _, person in bases}
    ids = sa.select(columns.location_id, columns.person_id, columns.customer_id).where(columns.person_id.in_(people))
    customers = {(row.location_id, row.person_id): row.customer_id for row in connection.execute(ids)}
    given = {customers[key]: its_bases for key, its_bases in bases.items()}
    before = [row.customer_id for row in known.values()]
    return record_bases(connection, head.account_id, given, before, by=head.imported_by)


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
