"""Every word that holds, weighed once and kept: who must not be contacted, on which channels, and how they are found.

What counts is told in `suppressions`: a word without a channel is the person's and holds for all their addresses, until
something was lifted after it for a channel; a word with a channel is about one address on that channel. Weighing 40,000
of them takes more than half a second, so only owners of whom something was said since, or a customer changed, are
weighed anew: suppressions are append-only, and addresses change owners only with a customer.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import chain, islice
from threading import Lock
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from data.folding import folded
from data.ledger.tables import customers, person_addresses, suppressions
from data.ledger.tables.metadata import database_now
from data.words import AddressKind, Channel, SuppressionEffect, SuppressionReason

Address = tuple[str, str]  # kind and text
# What is kept is tuples of plain values: Streamlit has all garbage collected after each run of any page, and the
# collector leaves those out, where 40,000 objects of our own cost every page a tenth of a second and more.
Word = tuple[int, int | None, str, str, bool, str, str, datetime, tuple[str, ...]]  # the columns of `Barred`
Names = tuple[tuple[int, str], ...]
Held = tuple[Word, str, Names]  # and what its owner is found by, in small letters: addresses in lines, a name by place
Owner = int | Address  # a person, or an address that nobody has
T = TypeVar("T")
_MARGIN = timedelta(seconds=30)  # no transaction lasts so long: what was written before it is all there to be seen
_IN_ONE_QUERY = 5_000
_s, _a, _c = suppressions.c, person_addresses.c, customers.c
_OWNED = sa.and_(_a.account_id == _s.account_id, _a.kind == _s.kind, _a.address == _s.address)


@dataclass(frozen=True, slots=True)
class Barred:
    """One word that holds. Without a person, nobody we know has the address."""

    suppression_id: int
    person_id: int | None
    kind: AddressKind
    address: str = field(repr=False)
    is_person: bool  # else this address only
    reason: SuppressionReason
    recorded_by: str
    occurred_at: datetime  # policy time
    channels: tuple[Channel, ...]  # on which it holds

    @classmethod
    def of(cls, word: Word) -> "Barred":
        number, person_id, kind, address, is_person, reason, recorded_by, occurred_at, channels = word
        return cls(
            number, person_id, AddressKind(kind), address, is_person, SuppressionReason(reason), recorded_by,
            occurred_at, tuple(map(Channel, channels)),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Weighed:
    """One account's words as they stood at a moment of the database's clock."""

    as_of: datetime
    by_owner: Mapping[Owner, tuple[Held, ...]]
    owner_of: Mapping[Address, Owner]  # of the addresses that these words name
    newest_first: Sequence[Held]


_kept: WeakKeyDictionary[Engine, dict[int, _Weighed]] = WeakKeyDictionary()
_turn = Lock()  # who opens the page first weighs for all the others who open it meanwhile


def holding(connection: Connection, account_id: int) -> Sequence[Held]:
    """Every word that holds, the newest first."""
    with _turn:
        of_engine = _kept.setdefault(connection.engine, {})
        known = of_engine.get(account_id)
        as_of = connection.execute(sa.select(database_now())).scalar_one()
        of_engine[account_id] = weighed = (
            _whole(connection, account_id, as_of) if known is None else _anew(connection, account_id, known, as_of)
        )
    return weighed.newest_first


def _whole(connection: Connection, account_id: int, as_of: datetime) -> _Weighed:
    of_anybody = sa.select(_a.person_id).join(suppressions, _OWNED).where(_a.account_id == account_id)
    found = _weigh(
        connection.execute(_WORDS.where(_s.account_id == account_id)),
        _owners(connection.execute(_ADDRESSES.where(_a.person_id.in_(of_anybody)))),
        connection.execute(_NAMES.where(_c.person_id.in_(of_anybody))),
    )
    return _Weighed(as_of, found, _named(found), _sorted([], found))


def _anew(connection: Connection, account_id: int, known: _Weighed, as_of: datetime) -> _Weighed:
    """What was known, with those weighed again about whom anything can have come since."""
    since = known.as_of - _MARGIN
    changed = sa.select(_c.person_id).where(_c.changed_at >= since)
    met = _NAMED.join_from(person_addresses, suppressions, _OWNED).where(_a.person_id.in_(changed))
    said = _NAMED.join_from(suppressions, person_addresses, _OWNED, isouter=True).where(_s.created_at >= since)
    touched = [row for query in (said, met) for row in connection.execute(query) if row.account_id == account_id]
    people = {row.person_id for row in touched if row.person_id is not None}
    owner = _owners(chain.from_iterable(_of(connection, _ADDRESSES, _a.person_id, people)))
    addresses = {*owner, *((row.kind.value, row.address) for row in touched)}
    words = chain.from_iterable(
        _of(connection, _WORDS.where(_s.account_id == account_id, _s.kind == kind), _s.address, theirs)
        for kind, theirs in _by_kind(addresses)
    )
    names = chain.from_iterable(_of(connection, _NAMES, _c.person_id, people))
    in_order = sorted(chain.from_iterable(words), key=lambda row: row.suppression_id)
    found = _weigh(in_order, owner, names)
    before = {*people, *(known.owner_of[one] for one in addresses if one in known.owner_of)}
    if {one: known.by_owner[one] for one in before if one in known.by_owner} == found:
        return replace(known, as_of=as_of)
    gone = {id(held) for one in before for held in known.by_owner.get(one, ())}
    rest = {one: its for one, its in known.by_owner.items() if one not in before}
    owner_of = dict(known.owner_of)
    for one in before & known.by_owner.keys():
        for held in known.by_owner[one]:
            owner_of.pop(_address(held), None)
    others = [held for held in known.newest_first if id(held) not in gone]
    return _Weighed(as_of, rest | found, owner_of | _named(found), _sorted(others, found))


def _named(found: Mapping[Owner, tuple[Held, ...]]) -> dict[Address, Owner]:
    return {_address(held): owner for owner, its in found.items() for held in its}


def _address(held: Held) -> Address:
    return held[0][2], held[0][3]


def _sorted(others: Sequence[Held], found: Mapping[Owner, tuple[Held, ...]]) -> Sequence[Held]:
    every = [*others, *chain.from_iterable(found.values())]
    every.sort(key=lambda held: (held[0][7], held[0][0]), reverse=True)
    return every


_WORDS = sa.select(
    _s.suppression_id, _s.kind, _s.address, _s.channel, _s.effect, _s.reason, _s.recorded_by, _s.occurred_at
).order_by(_s.suppression_id)
_NAMED = sa.select(_s.account_id, _s.kind, _s.address, _a.person_id)  # by what, and whose it is
_ADDRESSES = sa.select(_a.person_id, _a.kind, _a.address).order_by(_a.person_id, _a.address)
_NAMES = sa.select(_c.person_id, _c.location_id, _c.first_name, _c.last_name).order_by(_c.customer_id)


def _of(
    connection: Connection, query: sa.Select[Any], column: sa.ColumnElement[Any], values: Collection[Any]
) -> Iterator[sa.CursorResult[Any]]:
    for some in _portions(sorted(values)):
        yield connection.execute(query.where(column.in_(some)))


def _by_kind(addresses: Iterable[Address]) -> Iterator[tuple[AddressKind, list[str]]]:
    for kind in AddressKind:
        yield kind, [address for its_kind, address in addresses if its_kind == kind.value]


def _owners(rows: Iterable[sa.Row[Any]]) -> dict[Address, int]:
    return {(row.kind.value, row.address): row.person_id for row in rows}


def _weigh(
    words: Iterable[sa.Row[Any]], owner: Mapping[Address, int], names: Iterable[sa.Row[Any]]
) -> dict[Owner, tuple[Held, ...]]:
    """The words that hold, of these, by whose they are; all of an owner's words must be among them, in their order."""
    its_words: dict[Owner, list[sa.Row[Any]]] = {}
    for row in words:
        address = (row.kind.value, row.address)
        its_words.setdefault(owner.get(address, address), []).append(row)
    its_names: dict[int, list[tuple[int, str]]] = {}
    for row in names:
        its_names.setdefault(row.person_id, []).append((row.location_id, folded(f"{row.first_name} {row.last_name}")))
    its_addresses: dict[int, list[str]] = {}
    for (_, text), person_id in owner.items():
        its_addresses.setdefault(person_id, []).append(text.lower())
    found: dict[Owner, tuple[Held, ...]] = {}
    for whose, said in its_words.items():
        person = whose if isinstance(whose, int) else None
        if holds := [_word(row, person, channels) for row, channels in _that_hold(said)]:
            known_by = "\n".join(its_addresses.get(person, ())) if person is not None else holds[0][3].lower()
            called = tuple(its_names.get(person, ())) if person is not None else ()
            found[whose] = tuple((word, known_by, called) for word in holds)
    return found


def _that_hold(said: Iterable[sa.Row[Any]]) -> Iterator[tuple[sa.Row[Any], tuple[Channel, ...]]]:
    """Of one owner's words, oldest first: the last about all of them, and the last about each address on a channel."""
    of_all: sa.Row[Any] | None = None
    lifted: set[Channel] = set()  # since the last word about all of them
    of_address: dict[tuple[str, Channel], sa.Row[Any]] = {}
    for row in said:
        if row.channel is None:
            of_all = row
            lifted.clear()
            continue
        of_address[row.address, row.channel] = row  # a number and an e-mail address are never the same text
        if row.effect is SuppressionEffect.RESTORE:
            lifted.add(row.channel)
    channels = tuple(channel for channel in Channel if channel not in lifted)
    if of_all is not None and of_all.effect is SuppressionEffect.SUPPRESS and channels:
        yield of_all, channels
    for row in of_address.values():
        if row.effect is SuppressionEffect.SUPPRESS:
            yield row, (row.channel,)


def _word(row: sa.Row[Any], person_id: int | None, channels: tuple[Channel, ...]) -> Word:
    return (
        row.suppression_id, person_id, row.kind.value, row.address, row.channel is None, row.reason.value,
        row.recorded_by, row.occurred_at, tuple(channel.value for channel in channels),
    )  # fmt: skip


def _portions(values: Iterable[T]) -> Iterator[list[T]]:
    rest = iter(values)
    while some := list(islice(rest, _IN_ONE_QUERY)):
        yield some
