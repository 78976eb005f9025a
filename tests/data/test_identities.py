"""Whom addresses belong to, and people who turn out to be one, on both databases."""

import itertools
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from data.ledger import tables as t
from data.ledger.identities import Address, lock_identities, owners, resolve_people
from data.ledger.store import Ledger
from data.words import AddressKind, Channel, EventKind, InvitationStatus
from tests.world import NOON, World, insert, make_customer, make_request, make_world

MAIL, PHONE = (AddressKind.EMAIL, "ana@example.com"), (AddressKind.PHONE, "+13125550101")
OTHER = (AddressKind.EMAIL, "ruiz@example.com")


def resolve(ledger: Ledger, world: World, *groups: list[Address]) -> list[int]:
    with ledger.write() as c:
        lock_identities(c, world.account_id)
        return resolve_people(c, world.account_id, groups, now=NOON)


def all_of(ledger: Ledger, table: sa.Table) -> list[Any]:
    with ledger.read() as c:
        return list(c.execute(sa.select(table).order_by(*table.primary_key.columns)))


def test_new_addresses_make_people_and_known_ones_find_them(ledger: Ledger) -> None:
    world = make_world(ledger)
    ana, bo = resolve(ledger, world, [MAIL, PHONE], [OTHER])
    assert ana != bo
    assert resolve(ledger, world, [OTHER], [PHONE]) == [bo, ana]
    with ledger.read() as c:
        assert owners(c, world.account_id, [MAIL, OTHER]) == {MAIL: ana, OTHER: bo}


def test_a_known_person_gets_an_address_more(ledger: Ledger) -> None:
    world = make_world(ledger)
    [ana] = resolve(ledger, world, [MAIL])
    assert (
        resolve(
            ledger,
            world,
            [MAIL, PHONE],
        )
        == resolve(ledger, world, [PHONE])
        == [ana]
    )


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_whatever_the_order_of_imports_linked_addresses_end_with_one_person(
    ledger: Ledger, order: tuple[int, ...]
) -> None:
    world = make_world(ledger)
    arriving = [[MAIL, PHONE], [PHONE, OTHER], [OTHER]]
    for index in order:
        resolve(ledger, world, arriving[index])
    assert len({row.person_id for row in all_of(ledger, t.person_addresses)}) == 1
    assert len(all_of(ledger, t.person_addresses)) == 3
    assert len(all_of(ledger, t.people)) == 1


def test_a_chain_through_several_known_people_makes_one_of_all(ledger: Ledger) -> None:
    world = make_world(ledger)
    mails = [(AddressKind.EMAIL, f"c{number}@example.com") for number in range(4)]
    people = resolve(ledger, world, *([mail] for mail in mails))
    one = resolve(ledger, world, [mails[3], mails[2]], [mails[1], mails[2]], [mails[0], mails[1]])
    assert set(one) == {min(people)}


def test_everything_of_two_people_follows_when_they_become_one(ledger: Ledger) -> None:
    world = make_world(ledger)
    older = make_customer(ledger, world, email=MAIL[1], employee="Dr. Lee")
    newer = make_customer(ledger, world, phone=PHONE[1], service="Cleaning", employee="Dr. Who")
    abroad = make_customer(ledger, world, email=OTHER[1], location_id=world.new_york)
    make_request(ledger, world, older, channel=Channel.EMAIL)
    make_request(ledger, world, newer, now=NOON + timedelta(hours=1))
    make_request(ledger, world, abroad, channel=Channel.EMAIL)
    before = {row.customer_id: row for row in all_of(ledger, t.customers)}
    with ledger.write() as c:
        insert(c, t.events, account_id=world.account_id, kind=EventKind.REPLIED, occurred_at=NOON, recorded_at=NOON,
               person_id=before[newer].person_id)  # fmt: skip
    [person] = resolve(ledger, world, [MAIL, PHONE, OTHER])

    assert person == before[older].person_id
    assert [row.person_id for row in all_of(ledger, t.people)] == [person]
    kept, other = all_of(ledger, t.customers)
    assert (kept.customer_id, kept.email, kept.phone) == (older, MAIL[1], PHONE[1])
    assert (kept.employee, kept.service) == ("Dr. Lee", "Cleaning")  # gaps are filled, what is there stays
    assert (other.customer_id, other.person_id) == (abroad, person)
    invitations = all_of(ledger, t.invitations)
    assert {row.person_id for row in invitations} == {person}
    assert [row.customer_id for row in invitations] == [older, older, abroad]
    assert [row.status for row in invitations] == [
        InvitationStatus.ACTIVE, InvitationStatus.STOPPED, InvitationStatus.ACTIVE,
    ]  # fmt: skip
    assert invitations[1].stopped_at == NOON
    assert {row.person_id for row in all_of(ledger, t.events)} == {person}


def test_people_of_different_accounts_never_become_one(ledger: Ledger) -> None:
    world = make_world(ledger)
    with ledger.write() as c:
        account = dict(c.execute(sa.select(t.accounts)).one()._mapping)
        other = insert(c, t.accounts, **{**account, "account_id": world.account_id + 1, "slug": "other"})
    [ours] = resolve(ledger, world, [MAIL])
    with ledger.write() as c:
        assert resolve_people(c, other, [[MAIL]], now=NOON) != [ours]
