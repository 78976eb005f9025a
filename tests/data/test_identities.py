"""Whom addresses belong to, and people who turn out to be one, on both databases."""

import itertools
import random
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data.ledger import tables as t
from data.ledger.identities import Address, lock_identities, owners, resolve_people
from data.ledger.store import Ledger
from data.ledger.suppressions import is_suppressed
from data.words import AddressKind, Channel, EventKind, InvitationStatus
from tests.examples import examples
from tests.world import NOON, World, insert, make_customer, make_request, make_world, suppress

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


def fresh_account(ledger: Ledger) -> World:
    """Another account beside those there are: its addresses are its own."""
    with ledger.write() as c:
        row = c.execute(sa.select(t.accounts).order_by(t.accounts.c.account_id.desc())).first()
        assert row is not None
        number = row.account_id + 1
        insert(c, t.accounts, **{**row._mapping, "account_id": number, "slug": f"account-{number}"})
    return World(number, 0, 0, 0, 0, {})


ADDRESS = st.tuples(st.sampled_from(AddressKind), st.sampled_from("abcde"))
ARRIVALS = st.lists(st.lists(ADDRESS, min_size=1, max_size=3, unique=True), min_size=2, max_size=6)


@pytest.mark.slow
@given(ARRIVALS, st.sampled_from("abcde"), st.integers(0, 6), st.randoms(use_true_random=False))
@settings(max_examples=examples(12), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_order_of_imports_gives_the_same_people_and_who_said_no_stays_suppressed(
    ledger: Ledger, arrivals: list[list[Address]], refused: str, when: int, chance: random.Random
) -> None:
    if not all_of(ledger, t.accounts):
        make_world(ledger)
    shuffled = chance.sample(arrivals, len(arrivals))
    people = []
    for order in (arrivals, shuffled):
        world = fresh_account(ledger)
        for number, group in enumerate([*order, []]):
            if number == min(when, len(order)):
                suppress(ledger, world, AddressKind.EMAIL, refused)
            if group:
                resolve(ledger, world, group)
        owned = t.person_addresses.alias("owned").c  # is_suppressed looks into person_addresses itself
        with ledger.read() as c:
            rows = c.execute(
                sa.select(
                    owned.kind, owned.address, owned.person_id,
                    is_suppressed(sa.literal("sms"), owned.person_id, owned.address).label("is_held"),
                ).where(owned.account_id == world.account_id)
            ).all()  # fmt: skip
        members: dict[int, set[tuple[Address, bool]]] = {}
        for row in rows:
            members.setdefault(row.person_id, set()).add(((row.kind, row.address), row.is_held))
        people.append({frozenset(one) for one in members.values()})
        for one in members.values():
            is_hers = any(address == (AddressKind.EMAIL, refused) for address, _ in one)
            assert {held for _, held in one} == {is_hers}
    assert people[0] == people[1]


def test_imports_at_the_same_time_make_no_person_twice(ledger: Ledger) -> None:
    world = make_world(ledger)
    mails = [(AddressKind.EMAIL, f"c{number}@example.com") for number in range(30)]

    def arrive(number: int) -> list[int]:
        return resolve(ledger, world, *([mail] for mail in mails[number % 3 :]))

    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(arrive, range(12)))
    assert len(all_of(ledger, t.people)) == len(mails)
    assert {tuple(people[-1:]) for people in found} == {(found[0][-1],)}
