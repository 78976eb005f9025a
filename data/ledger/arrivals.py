"""Customers as they come in, by a list or one by one: made or brought up to date, with what is said of consent."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from data.ledger import tables as t
from data.ledger.consents import BasisGiven, record_bases
from data.ledger.identities import Address, lock_identities, resolve_people
from data.words import Channel, Relationship, Source

_VALUES = (
    "first_name", "last_name", "email", "phone", "locale", "employee", "service", "time_zone", "postal_code", "country",
    "relationship", "visited_at",
)  # fmt: skip

Key = tuple[int, int]  # a customer: location and person


@dataclass(frozen=True, slots=True)
class Coming:
    """How they come: by which list (None: by none), from where, and who says so."""

    account_id: int
    location_id: int  # whose list it is, or whose customer comes alone
    source: Source
    by: str
    list_id: int | None = None
    list_name: str | None = None
    channels: Sequence[Channel] | None = None  # what the list allows


@dataclass(frozen=True, slots=True)
class Known:
    """One person of an import: every address that came, one row of values for each location, and under the same number
    of `bases` what that row says of consent.
    """

    addresses: Sequence[Address]
    rows: Sequence[Mapping[str, Any]]
    bases: Sequence[Sequence[BasisGiven]]


def bring_in(connection: Connection, coming: Coming, people: Sequence[Known], *, now: datetime) -> tuple[int, int]:
    """Insert these people's customers or bring them up to date, with their consents; how many are new, how many known.

    An empty value never overwrites one, nor an earlier visit a later, nor "customer" that somebody is staff. Known are
    those that were not in this list before. `now` is policy time.
    """
    lock_identities(connection, coming.account_id)
    persons = resolve_people(connection, coming.account_id, [one.addresses for one in people], now=now)
    rows: dict[Key, dict[str, Any]] = {}
    for person, one in zip(persons, people, strict=True):
        for row in one.rows:
            rows.setdefault((row["location_id"], person), {}).update({name: row[name] for name in _VALUES if row[name]})
    given = {name for values in rows.values() for name in values}
    known = {(row.location_id, row.person_id): row for row in _known(connection, set(persons), given)}
    shared = {"list_id": coming.list_id, "channels": as_json(coming.channels)}
    fresh = [
        {"location_id": location, "person_id": person, **values}
        for (location, person), values in rows.items()
        if (location, person) not in known
    ]
    if fresh:
        shared_by_all = shared | {"account_id": coming.account_id, "source": coming.source, "occasion_at": now}
        fresh = _of_one_shape(fresh)
        connection.execute(t.customers.insert().values(**_bound(fresh[0]), **shared_by_all), fresh)
    brought = [(known[key], values) for key, values in rows.items() if key in known]
    _bring_up_to_date(connection, coming, brought, shared, now)
    _record_consents(connection, coming, _bases(persons, people), known)
    before = sum(known[key].list_id != coming.list_id for key in rows if key in known)
    return len(fresh), before


def record_declared(connection: Connection, coming: Coming, people: Sequence[Known], *, now: datetime) -> int:
    """Record what was declared for all of these people's consent, and nothing else; how many rows are new."""
    lock_identities(connection, coming.account_id)
    persons = resolve_people(connection, coming.account_id, [one.addresses for one in people], now=now)
    known = {(row.location_id, row.person_id): row for row in _known(connection, set(persons), ())}
    declared = {
        key: [basis for basis in its if basis.is_declared]
        for key, its in _bases(persons, people).items()
        if key in known
    }
    bases = {key: its for key, its in declared.items() if its}
    return _record_consents(connection, coming, bases, known)


def as_json(values: Sequence[Channel] | Sequence[int] | None) -> Any:
    """For a JSON column: a null of SQL's where there is nothing, not JSON's."""
    return sa.null() if values is None else [one.value if isinstance(one, Channel) else one for one in values]


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
    coming: Coming,
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
        if _comes_again(row, values, was_in_it=names.get(row.list_id) == (coming.list_name, coming.location_id)):
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
    coming: Coming,
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
    return record_bases(connection, coming.account_id, given, before, by=coming.by)
