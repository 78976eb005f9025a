"""Addresses to people, in bulk: whom each belongs to, who is new, and who turns out to be one person.

An address belongs to one person of an account. When a row links two known people they are made one: the older stays,
and customers, addresses, invitations and events follow. Suppressions are about addresses, so they follow by themselves,
save where one of the two had theirs lifted: that lifts nothing for the other's addresses.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.ledger import tables as t
from data.ledger.asks import BY_MERGE
from data.ledger.consents import is_refused, newest_bases
from data.ledger.suppressions import keep_barred
from data.words import AddressKind, ConsentBasis, InvitationStatus, Relationship

Address = tuple[AddressKind, str]
T = TypeVar("T")
_IN_ONE_QUERY = 5_000
_NO_ELSEWHERE = "said no on another record of the same person"
_FOLDED = (
    "first_name", "last_name", "email", "phone", "locale", "employee", "service", "time_zone", "postal_code", "country",
)  # fmt: skip
_NEWEST = ("visited_at", "occasion_at")


def lock_identities(connection: Connection, account_id: int) -> None:
    """Until the transaction ends, nobody else gives addresses of this account to people.

    SQLite's writers take turns anyway.
    """
    one = sa.select(t.accounts.c.account_id).where(t.accounts.c.account_id == account_id)
    connection.execute(one.with_for_update(key_share=True))


def owners(connection: Connection, account_id: int, addresses: Iterable[Address]) -> dict[Address, int]:
    """The person of each address that is known."""
    found: dict[Address, int] = {}
    wanted = list(addresses)
    owned = t.person_addresses.c
    for kind in AddressKind:
        for some in _portions(address for its_kind, address in wanted if its_kind is kind):
            rows = connection.execute(
                sa.select(owned.address, owned.person_id).where(
                    owned.account_id == account_id, owned.kind == kind, owned.address.in_(some)
                )
            )
            found.update({(kind, row.address): row.person_id for row in rows})
    return found


def resolve_people(
    connection: Connection, account_id: int, groups: Sequence[Collection[Address]], *, now: datetime
) -> list[int]:
    """The person of each group of addresses, made, extended or merged as needed; `now` is policy time.

    Call `lock_identities` first. The result is in the order of `groups`; several groups may be one person.
    """
    known = owners(connection, account_id, (address for group in groups for address in group))
    leader: dict[int, int] = {}

    def find(person: int) -> int:
        while leader.setdefault(person, person) != person:
            person = leader[person]
        return person

    chosen: list[int | None] = []
    for group in groups:
        people = sorted({find(known[address]) for address in group if address in known})
        if people:
            leader.update(dict.fromkeys(people, people[0]))
        chosen.append(people[0] if people else None)
    made = iter(_make_people(connection, account_id, chosen.count(None)))
    persons = [find(person) if person is not None else next(made) for person in chosen]
    _merge(connection, {gone: find(gone) for gone in leader if find(gone) != gone}, now)
    rows = {
        address: {"account_id": account_id, "kind": address[0], "address": address[1], "person_id": person}
        for group, person in zip(groups, persons, strict=True)
        for address in group
        if address not in known
    }
    if rows:
        connection.execute(t.person_addresses.insert(), list(rows.values()))
    return persons


def _make_people(connection: Connection, account_id: int, count: int) -> list[int]:
    if not count:
        return []
    made = t.people.insert().returning(t.people.c.person_id)
    return list(connection.execute(made, [{"account_id": account_id}] * count).scalars())


def _merge(connection: Connection, into: dict[int, int], now: datetime) -> None:
    """Make each person of `into` the one it names."""
    if not into:
        return
    stays: dict[int, list[int]] = {}
    for gone, kept in into.items():
        stays.setdefault(kept, []).append(gone)
    # A claim holds this lock while it looks at a person's invitations and suppressions (PostgreSQL). All at once and
    # in order, so that two transactions cannot wait for each other.
    people = sa.select(t.people.c.person_id).where(t.people.c.person_id.in_({*into, *stays}))
    connection.execute(people.order_by(t.people.c.person_id).with_for_update())
    for kept, leaving in sorted(stays.items()):
        everyone = sorted([kept, *leaving])
        _stop_newer_invitations(connection, everyone, now)
        _fold_customers(connection, everyone)
        keep_barred(connection, everyone)
        for table in (t.customers, t.invitations, t.events, t.person_addresses):
            connection.execute(table.update().where(table.c.person_id.in_(leaving)).values(person_id=kept))
        connection.execute(t.people.delete().where(t.people.c.person_id.in_(leaving)))


def _stop_newer_invitations(connection: Connection, everyone: Sequence[int], now: datetime) -> None:
    """At most one active invitation per person and location: one that has asked them goes on, else the older."""
    columns = t.invitations.c
    active = connection.execute(
        sa.select(columns.invitation_id, columns.location_id)
        .where(columns.person_id.in_(everyone), columns.status == InvitationStatus.ACTIVE)
        .order_by(columns.first_handed_at.is_(None), columns.started_at, columns.invitation_id)
    ).all()
    newer = [row.invitation_id for _, *rest in _by_location(active) for row in rest]
    if newer:
        connection.execute(
            t.invitations.update()
            .where(columns.invitation_id.in_(newer))
            .values(status=InvitationStatus.STOPPED, stopped_at=now, stopped_by=BY_MERGE)
        )


def _fold_customers(connection: Connection, everyone: Sequence[int]) -> None:
    """At most one customer per person and location: the older stays, its gaps filled, and takes what hangs on them."""
    columns = t.customers.c
    rows = connection.execute(
        sa.select(t.customers).where(columns.person_id.in_(everyone)).order_by(columns.customer_id)
    ).all()
    for kept, *others in _by_location(rows):
        if not others:
            continue
        gone = [row.customer_id for row in others]
        filled = {
            name: next(row._mapping[name] for row in others if row._mapping[name])
            for name in _FOLDED
            if not kept._mapping[name] and any(row._mapping[name] for row in others)
        }
        for name in _NEWEST:
            moments = [row._mapping[name] for row in (kept, *others) if row._mapping[name]]
            filled |= {name: max(moments)} if moments else {}
        named = [row.relationship for row in (kept, *others) if row.relationship is not Relationship.CUSTOMER]
        if named:  # who works there is not asked, whatever another list took them for
            filled["relationship"] = named[0]
        _keep_a_no(connection, kept.account_id, kept.customer_id, [kept.customer_id, *gone])
        # Set even when nothing is filled: the dashboard must look at this customer again.
        connection.execute(
            t.customers.update()
            .where(columns.customer_id == kept.customer_id)
            .values(list_id=max((row.list_id for row in (kept, *others) if row.list_id), default=None), **filled)
        )
        for table in (t.invitations, t.consents, t.manual_asks):
            follow = table.update().where(table.c.customer_id.in_(gone))
            connection.execute(follow.values(customer_id=kept.customer_id))
        connection.execute(t.customers.delete().where(columns.customer_id.in_(gone)))


def _keep_a_no(connection: Connection, account_id: int, kept: int, folded: Sequence[int]) -> None:
    """Who said no on one record has said no, though consent was declared for another before both were one person's."""
    its = newest_bases(connection, folded)
    if any(map(is_refused, its.values())):
        last = max(given_at for bases in its.values() for given_at in bases.values())
        values = {"basis": ConsentBasis.WITHDRAWN, "given_at": last, "how": _NO_ELSEWHERE, "recorded_by": BY_MERGE}
        connection.execute(t.consents.insert().values(account_id=account_id, customer_id=kept, **values))


def _by_location(rows: Iterable[Any]) -> Iterator[list[Any]]:
    """Rows that have a location_id, by it, in their order."""
    found: dict[int, list[Any]] = {}
    for row in rows:
        found.setdefault(row.location_id, []).append(row)
    return iter(found.values())


def _portions(values: Iterable[T]) -> Iterator[list[T]]:
    rest = iter(values)
    while some := list(islice(rest, _IN_ONE_QUERY)):
        yield some
