"""Suppressing many people at once because the business says so: each once, known to us or not."""

from collections.abc import Collection, Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.ledger.controls import record_audit
from data.ledger.identities import Address, owners
from data.ledger.people import stop_open_invitations
from data.ledger.store import Ledger, again_if_undone
from data.ledger.suppressions import record, suppress_person
from data.ledger.tables import person_addresses, suppressions
from data.words import AddressKind, SuppressionEffect, SuppressionReason

_IN_ONE_QUERY = 5_000
_s, _a = suppressions.c, person_addresses.c


@again_if_undone
def add_suppressions(
    ledger: Ledger,
    account_id: int,
    groups: Sequence[Sequence[Address]],
    *,
    reason: SuppressionReason,
    by: str,
    at: datetime,
    told: str,
) -> int:
    """Suppress whoever each group of addresses belongs to, on every channel; how many groups told us something new.

    One transaction. People's open invitations end; addresses that nobody has yet are kept for whoever brings them.
    `at` is policy time; `told`, what the audit keeps of the reason, in the words of whoever asked.
    """
    with ledger.write() as connection:
        owner = owners(connection, account_id, (address for group in groups for address in group))
        of_people = _addresses_of(connection, set(owner.values()))
        barred = _barred(connection, account_id, {*of_people, *(address for group in groups for address in group)})
        barred_people = _barred_people(of_people, barred)
        to_stop: set[int] = set()
        to_record: dict[Address, None] = {}  # in the order of the list, each once
        new = 0
        for group in groups:
            people = {owner[address] for address in group if address in owner} - barred_people - to_stop
            loose = [one for one in group if one not in owner and one not in to_record and not _is_barred(barred, one)]
            new += bool(people or loose)
            to_stop |= people
            to_record |= dict.fromkeys(loose)
        for person in sorted(to_stop):  # in order, so that two of these cannot wait for each other
            suppress_person(
                connection, account_id=account_id, person_id=person, channel=None, reason=reason, recorded_by=by,
                occurred_at=at,
            )  # fmt: skip
            stop_open_invitations(connection, person, by=by, at=at)
        record(
            connection, to_record, account_id=account_id, channel=None, effect=SuppressionEffect.SUPPRESS,
            reason=reason, recorded_by=by, occurred_at=at,
        )  # fmt: skip
        if new:
            record_audit(
                connection, account_id, actor=by, action="do_not_contact",
                subject=_named(to_stop, new), before=None,
                after={"reason": told},
            )  # fmt: skip
        return new


def _named(people: Collection[int], new: int) -> str:
    """Whom a line of the audit is about: one person we know by their number, others by how many they are."""
    if new == 1 and len(people) == 1:
        return f"person {min(people)}"
    return "1 address" if new == 1 else f"{new} people"


def _addresses_of(connection: Connection, people: Collection[int]) -> dict[Address, int]:
    found: dict[Address, int] = {}
    ids = sorted(people)
    for first in range(0, len(ids), _IN_ONE_QUERY):
        query = sa.select(_a.kind, _a.address, _a.person_id).where(_a.person_id.in_(ids[first : first + _IN_ONE_QUERY]))
        found |= {(kind, address): person for kind, address, person in connection.execute(query)}
    return found


def _barred(
    connection: Connection, account_id: int, addresses: Collection[Address]
) -> dict[Address, tuple[int, SuppressionEffect]]:
    """The newest that was said of each address on every channel, or to lift it on any: its number and its effect."""
    found: dict[Address, tuple[int, SuppressionEffect]] = {}
    for kind in AddressKind:
        texts = [address for its_kind, address in addresses if its_kind is kind]
        for first in range(0, len(texts), _IN_ONE_QUERY):
            query = (
                sa.select(_s.address, _s.suppression_id, _s.effect)
                .where(
                    _s.account_id == account_id,
                    _s.kind == kind,
                    _s.address.in_(texts[first : first + _IN_ONE_QUERY]),
                    sa.or_(_s.channel.is_(None), _s.effect == SuppressionEffect.RESTORE),
                )
                .order_by(_s.suppression_id)
            )
            found |= {(kind, address): (number, effect) for address, number, effect in connection.execute(query)}
    return found


def _is_barred(barred: dict[Address, tuple[int, SuppressionEffect]], address: Address) -> bool:
    return address in barred and barred[address][1] is SuppressionEffect.SUPPRESS


def _barred_people(of_people: dict[Address, int], barred: dict[Address, tuple[int, SuppressionEffect]]) -> set[int]:
    """People of whom the newest that was said, over all their addresses, is no."""
    newest: dict[int, tuple[int, SuppressionEffect]] = {}
    for address, person in of_people.items():
        if address in barred:
            newest[person] = max(newest.get(person, barred[address]), barred[address])
    return {person for person, (_, effect) in newest.items() if effect is SuppressionEffect.SUPPRESS}
