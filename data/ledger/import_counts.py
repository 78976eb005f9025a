"""How the people of a list stand before it comes in: invited already, suppressed, staff or relatives, their consents.

Only those of the list are looked at, in portions, so that a short list stays quick in a large account.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.ledger import tables as t
from data.ledger.contactable import is_excluded
from data.ledger.identities import Address
from data.words import AddressKind, ConsentBasis, SuppressionEffect

_IN_ONE_QUERY = 5_000
_a, _s, _p = t.person_addresses.c, t.suppressions.c, t.past_invitations.c


@dataclass(frozen=True, slots=True)
class StandingOfPeople:
    """People by their ids, and addresses, which nobody may own yet.

    `invited_addresses`: when the system before us asked there last, by location.
    """

    invited: set[int] = field(default_factory=set)
    suppressed: set[int] = field(default_factory=set)
    excluded: set[int] = field(default_factory=set)
    invited_addresses: dict[Address, dict[int, datetime]] = field(default_factory=dict)
    suppressed_addresses: set[Address] = field(default_factory=set)
    bases: dict[tuple[int, int], dict[ConsentBasis, datetime]] = field(default_factory=dict)  # by person and location


def standing_of_people(
    connection: Connection, account_id: int, people: Collection[int], addresses: Iterable[tuple[str, str]]
) -> StandingOfPeople:
    """What the ledger knows of these people, and of these addresses (kind and address)."""
    found = StandingOfPeople()
    for some in _portions(sorted(people)):
        found.invited.update(connection.execute(_invited(account_id, some)).scalars())
        found.suppressed.update(connection.execute(_suppressed(account_id, some)).scalars())
        excluded = sa.select(t.people.c.person_id).where(
            t.people.c.person_id.in_(some), is_excluded(t.people.c.person_id)
        )
        found.excluded.update(connection.execute(excluded).scalars())
        _add_bases(connection, account_id, some, found)
    are_any = [_are_any(connection, table, account_id) for table in (t.suppressions, t.past_invitations)]
    wanted: dict[AddressKind, list[str]] = {}
    for kind, address in addresses if any(are_any) else ():
        wanted.setdefault(AddressKind(kind), []).append(address)
    if are_any[0]:
        found.suppressed_addresses.update(_suppressed_addresses(connection, account_id, wanted))
    if are_any[1]:
        _add_past_invitations(connection, account_id, wanted, found)
    return found


def _invited(account_id: int, people: Sequence[int]) -> sa.Select[int]:
    ours = sa.select(t.invitations.c.person_id).where(t.invitations.c.person_id.in_(people))
    theirs = (
        sa.select(_a.person_id)
        .join(t.past_invitations, sa.and_(_a.account_id == _p.account_id, _a.kind == _p.kind, _a.address == _p.address))
        .where(_p.account_id == account_id, _a.person_id.in_(people))
    )
    both = sa.union(ours, theirs).subquery()
    return sa.select(both.c.person_id)


def _suppressed(account_id: int, people: Sequence[int]) -> sa.Select[int]:
    """On every channel; who may be texted again after START may still not be mailed, and is counted."""
    return (
        sa.select(_a.person_id)
        .join(t.suppressions, sa.and_(_a.account_id == _s.account_id, _a.kind == _s.kind, _a.address == _s.address))
        .where(
            _s.account_id == account_id,
            _s.channel.is_(None),
            _s.effect == SuppressionEffect.SUPPRESS,
            _a.person_id.in_(people),
        )
        .distinct()
    )


def _add_bases(connection: Connection, account_id: int, people: Sequence[int], found: StandingOfPeople) -> None:
    customers, consents = t.customers.c, t.consents.c
    query = (
        sa.select(customers.person_id, customers.location_id, consents.basis, sa.func.max(consents.given_at))
        .join(t.consents, consents.customer_id == customers.customer_id)
        .where(customers.account_id == account_id, customers.person_id.in_(people))
        .group_by(customers.person_id, customers.location_id, consents.basis)
    )
    for person, location, basis, given_at in connection.execute(query):
        found.bases.setdefault((person, location), {})[basis] = given_at


def _are_any(connection: Connection, table: sa.Table, account_id: int) -> bool:
    return bool(connection.execute(sa.select(sa.exists().where(table.c.account_id == account_id))).scalar_one())


def _suppressed_addresses(
    connection: Connection, account_id: int, addresses: Mapping[AddressKind, Sequence[str]]
) -> Iterator[Address]:
    """Those that are barred on every channel."""
    for kind, some in _portions_of(addresses):
        query = sa.select(_s.address).where(
            _s.account_id == account_id, _s.kind == kind, _s.address.in_(some),
            _s.channel.is_(None), _s.effect == SuppressionEffect.SUPPRESS,
        )  # fmt: skip
        yield from ((kind, address) for address in connection.execute(query).scalars())


def _add_past_invitations(
    connection: Connection,
    account_id: int,
    addresses: Mapping[AddressKind, Sequence[str]],
    found: StandingOfPeople,
) -> None:
    for kind, some in _portions_of(addresses):
        query = (
            sa.select(_p.address, _p.location_id, sa.func.max(_p.invited_at))
            .where(_p.account_id == account_id, _p.kind == kind, _p.address.in_(some))
            .group_by(_p.address, _p.location_id)
        )
        for address, location, invited_at in connection.execute(query):
            found.invited_addresses.setdefault((kind, address), {})[location] = invited_at


def _portions_of(addresses: Mapping[AddressKind, Sequence[str]]) -> Iterator[tuple[AddressKind, Sequence[str]]]:
    return ((kind, some) for kind, texts in addresses.items() for some in _portions(texts))


def _portions(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    return (values[first : first + _IN_ONE_QUERY] for first in range(0, len(values), _IN_ONE_QUERY))
