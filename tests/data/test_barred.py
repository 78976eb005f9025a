"""The do-not-contact list says exactly what keeps messages back, of everybody whom a person may see."""

import random
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.ledger import tables as t
from data.ledger import weighed
from data.ledger.barred import BarredFilter, Sight, barred_rows
from data.ledger.identities import lock_identities, resolve_people
from data.ledger.store import Ledger
from data.ledger.suppressions import is_suppressed, record, suppress_person
from data.words import AddressKind, Channel, SuppressionEffect, SuppressionReason, address_kind
from tests.world import NOON, World, make_customer


def whole(world: World) -> Sight:
    return Sight(world.account_id, (world.chicago, world.new_york), is_whole=True)


@pytest.mark.parametrize("seed", range(3))
def test_a_channel_is_listed_exactly_when_the_claim_would_hold_it_back(ledger: Ledger, world: World, seed: int) -> None:
    by_chance = random.Random(seed)
    people = [
        make_customer(ledger, world, email=f"p{number}@example.com", phone=f"+1312555010{number}")
        for number in range(8)
    ]  # fmt: skip
    everybody = [
        (kind, address) for n in range(8)
        for kind, address in ((AddressKind.EMAIL, f"p{n}@example.com"), (AddressKind.PHONE, f"+1312555010{n}"))
    ]  # fmt: skip
    with ledger.write() as c:
        for _ in range(40):
            channel = by_chance.choice([None, *Channel])
            fit = [one for one in everybody if channel is None or one[0] is address_kind(channel)]
            effect = SuppressionEffect.SUPPRESS if channel is None else by_chance.choice(list(SuppressionEffect))
            record(
                c, [by_chance.choice(fit)], account_id=world.account_id, channel=channel, effect=effect,
                reason=by_chance.choice([SuppressionReason.STOP_KEYWORD, SuppressionReason.UNDELIVERABLE]),
                recorded_by="test", occurred_at=NOON,
            )  # fmt: skip
    columns = t.customers.c
    with ledger.read() as c:
        listed = {
            (row["customer_id"], channel)
            for row in barred_rows(c, whole(world), BarredFilter(), limit=100)[0]
            for channel in row["channels"]
        }
        held = {
            (customer_id, channel)
            for channel in Channel
            for customer_id in c.scalars(
                sa.select(columns.customer_id).where(
                    is_suppressed(
                        sa.literal(channel.value), columns.person_id,
                        columns.email if channel is Channel.EMAIL else columns.phone,
                    )
                )
            )
        }  # fmt: skip
    assert listed == held
    assert len(people) == 8


def test_the_list_is_found_by_name_address_number_and_reason_within_the_locations_in_sight(
    ledger: Ledger, world: World
) -> None:
    ana = make_customer(ledger, world, email="ana@example.com", phone="+13125550100", first_name="Ana")
    ben = make_customer(
        ledger, world, email="ben@example.com", first_name="Ben", last_name="Økland", location_id=world.new_york
    )
    with ledger.write() as c:
        for customer, reason in ((ana, SuppressionReason.STOP_KEYWORD), (ben, SuppressionReason.COMPLAINED)):
            person = c.execute(t.customers.select().where(t.customers.c.customer_id == customer)).one().person_id
            suppress_person(
                c, account_id=world.account_id, person_id=person, channel=None, reason=reason, recorded_by="them",
                occurred_at=NOON,
            )  # fmt: skip
        record(
            c, [(AddressKind.EMAIL, "stranger_x@example.com")], account_id=world.account_id, channel=None,
            effect=SuppressionEffect.SUPPRESS, reason=SuppressionReason.DO_NOT_CONTACT_LIST, recorded_by="owner",
            occurred_at=NOON,
        )  # fmt: skip

    def found(search: str = "", reason: SuppressionReason | None = None, sight: Sight | None = None) -> list[str]:
        with ledger.read() as c:
            rows, total = barred_rows(c, sight or whole(world), BarredFilter(reason, search), limit=9)
        assert total == len(rows)
        return [row["name"] or row["address"] for row in rows]

    stranger = "stranger_x@example.com"
    assert found() == [stranger, "Ben Økland", "Ana Ruiz"]  # one each, however many addresses
    assert found("økland") == found("okland") == found("ben@") == ["Ben Økland"]
    assert found("(312) 555-01") == ["Ana Ruiz"]
    assert found("r_x") == [stranger]
    assert found("t%r") == []
    assert found(reason=SuppressionReason.COMPLAINED) == ["Ben Økland"]
    only_chicago = Sight(world.account_id, (world.chicago,), is_whole=False)
    assert found(sight=only_chicago) == ["Ana Ruiz"]
    assert found("økland", sight=only_chicago) == []
    with ledger.read() as c:
        [row], _ = barred_rows(c, only_chicago, BarredFilter(), limit=9)
        past_the_last, total = barred_rows(c, whole(world), BarredFilter(), limit=2, offset=4)
    assert [row["address"] for row in past_the_last][:1] == [stranger]  # a link to a page that is no more
    assert total == 3
    assert (row["emails"], row["channels"], row["recorded_by"]) == (["ana@example.com"], tuple(Channel), "them")


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.one_database) for seed in (0, 2))])
@pytest.mark.slow
def test_the_list_that_is_kept_is_at_every_turn_what_weighing_every_word_gives(
    ledger: Ledger, world: World, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weighed, "_MARGIN", timedelta(milliseconds=2))  # what is older than the last look is not read
    by_chance = random.Random(seed)
    numbers = iter(range(100))

    def arrive() -> None:
        one = next(numbers)
        make_customer(
            ledger, world, email=f"p{one}@example.com", phone=f"+131255501{one:02}", first_name=f"N{one}",
            location_id=by_chance.choice([world.chicago, world.new_york]),
        )  # fmt: skip

    def say() -> None:
        channel = by_chance.choice([None, *Channel])
        kind = by_chance.choice(list(AddressKind)) if channel is None else address_kind(channel)
        one = by_chance.randrange(9)  # some of them of nobody yet
        address = f"p{one}@example.com" if kind is AddressKind.EMAIL else f"+131255501{one:02}"
        with ledger.write() as c:
            record(
                c, [(kind, address)], account_id=world.account_id, channel=channel, recorded_by="them",
                effect=by_chance.choice([SuppressionEffect.SUPPRESS, *SuppressionEffect]),
                reason=SuppressionReason.STOP_KEYWORD, occurred_at=NOON,
            )  # fmt: skip

    def become_one() -> None:
        some = [[(AddressKind.EMAIL, f"p{by_chance.randrange(5)}@example.com") for _ in range(2)]]
        with ledger.write() as c:
            lock_identities(c, world.account_id)
            resolve_people(c, world.account_id, some, now=NOON)

    def be_renamed() -> None:
        with ledger.write() as c:
            chosen = t.customers.c.customer_id == c.scalar(
                sa.select(t.customers.c.customer_id).order_by(sa.func.random()).limit(1)
            )
            c.execute(t.customers.update().where(chosen).values(first_name=f"R{by_chance.random()}"))

    def listed(c: Connection) -> list[object]:
        sights = (whole(world), Sight(world.account_id, (world.new_york,), is_whole=False))
        finds = [BarredFilter(search=search) for search in ("", "@ex", "r0.")]
        return [barred_rows(c, sight, find, limit=99) for sight in sights for find in finds]

    for _ in range(5):
        arrive()
    for _ in range(40):
        by_chance.choice([arrive, say, say, say, become_one, be_renamed])()
        with ledger.read() as c:
            found = listed(c), list(weighed.holding(c, world.account_id))
            kept = weighed._kept.pop(ledger.engine)
            assert found == (listed(c), list(weighed.holding(c, world.account_id)))
            weighed._kept[ledger.engine] = kept  # the next turn goes on from it


@pytest.mark.one_database
def test_only_owners_of_whom_something_is_new_are_weighed_and_a_new_no_is_in_the_list_at_once(
    ledger: Ledger, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ana", "ben", "eve"):
        make_customer(ledger, world, email=f"{name}@example.com", first_name=name.title())
    weighed_anew: list[int] = []
    weigh = weighed._weigh

    def say_no(address: str) -> None:
        with ledger.write() as c:
            record(
                c, [(AddressKind.EMAIL, address)], account_id=world.account_id, channel=None, recorded_by="them",
                effect=SuppressionEffect.SUPPRESS, reason=SuppressionReason.STOP_KEYWORD, occurred_at=NOON,
            )  # fmt: skip

    def look() -> tuple[list[str], int]:
        with ledger.read() as c:
            rows, _ = barred_rows(c, whole(world), BarredFilter(), limit=25)
        return [row["name"] or row["address"] for row in rows], weighed_anew.pop()

    def counted(words: Iterable[sa.Row[Any]], *rest: Any) -> dict[weighed.Owner, tuple[weighed.Held, ...]]:
        its = list(words)
        weighed_anew.append(len(its))
        return weigh(its, *rest)

    monkeypatch.setattr(weighed, "_weigh", counted)
    say_no("ana@example.com")
    say_no("ben@example.com")
    with ledger.write() as c:
        hour_ago = ledger.now(c) - timedelta(hours=1)
        c.execute(t.customers.update().values(changed_at=hour_ago))
        c.execute(t.suppressions.update().values(created_at=hour_ago))
    assert look() == (["Ben Ruiz", "Ana Ruiz"], 2)
    assert look() == (["Ben Ruiz", "Ana Ruiz"], 0)
    say_no("b@example.com")
    assert look() == (["b@example.com", "Ben Ruiz", "Ana Ruiz"], 1)
    with ledger.write() as c:
        c.execute(t.customers.update().where(t.customers.c.email == "ana@example.com").values(first_name="Newt"))
    assert look() == (["b@example.com", "Ben Ruiz", "Newt Ruiz"], 2)
    with ledger.write() as c:
        c.execute(t.customers.update().where(t.customers.c.email == "eve@example.com").values(first_name="Ewa"))
    assert look()[1] == 2  # a change of somebody of whom nothing was ever said
