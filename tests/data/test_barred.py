"""The do-not-contact list says exactly what keeps messages back, of everybody whom a person may see."""

import random
from datetime import timedelta

import pytest
import sqlalchemy as sa

from data.ledger import tables as t
from data.ledger.barred import BarredFilter, Sight, barred_by_reason, barred_rows
from data.ledger.store import Ledger
from data.ledger.suppressions import is_suppressed, record, suppress_person
from data.words import AddressKind, Channel, SuppressionEffect, SuppressionReason, address_kind
from tests.world import NOON, World, make_customer, make_world


@pytest.fixture
def world(ledger: Ledger) -> World:
    return make_world(ledger)


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
            for row in barred_rows(c, whole(world), BarredFilter(), limit=100)
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
            rows = barred_rows(c, sight or whole(world), BarredFilter(reason, search), limit=9)
        return [row["name"] or row["address"] for row in rows]

    stranger = "stranger_x@example.com"
    assert found() == [stranger, "Ben Økland", "Ana Ruiz"]  # one each, however many addresses
    assert found("økland") == found("ben@") == ["Ben Økland"]
    assert found("(312) 555-01") == ["Ana Ruiz"]
    assert found("r_x") == [stranger]
    assert found("t%r") == []
    assert found(reason=SuppressionReason.COMPLAINED) == ["Ben Økland"]
    only_chicago = Sight(world.account_id, (world.chicago,), is_whole=False)
    assert found(sight=only_chicago) == ["Ana Ruiz"]
    assert found("økland", sight=only_chicago) == []
    with ledger.read() as c:
        assert barred_by_reason(c, only_chicago, BarredFilter()) == {SuppressionReason.STOP_KEYWORD: 1}
        [row] = barred_rows(c, only_chicago, BarredFilter(), limit=9)
    assert (row["emails"], row["channels"], row["recorded_by"]) == (["ana@example.com"], tuple(Channel), "them")


@pytest.mark.one_database
def test_the_list_is_worked_out_once_while_nothing_happens_and_a_new_no_is_in_it_at_once(
    ledger: Ledger, world: World
) -> None:
    make_customer(ledger, world, email="ana@example.com", phone="+13125550100", first_name="Ana")
    with ledger.write() as c:
        c.execute(t.customers.update().values(changed_at=ledger.now(c) - timedelta(hours=1)))
    asked: list[str] = []
    sa.event.listen(
        ledger.engine,
        "before_cursor_execute",
        lambda *told: asked.append(told[2]) if told[2].startswith("SELECT") else None,
    )

    def say_no(address: str) -> None:
        with ledger.write() as c:
            record(
                c, [(AddressKind.EMAIL, address)], account_id=world.account_id, channel=None, recorded_by="them",
                effect=SuppressionEffect.SUPPRESS, reason=SuppressionReason.STOP_KEYWORD, occurred_at=NOON,
            )  # fmt: skip

    def look() -> tuple[int, list[str], int]:
        asked.clear()
        with ledger.read() as c:
            counted = sum(barred_by_reason(c, whole(world), BarredFilter()).values())
            rows = barred_rows(c, whole(world), BarredFilter(), limit=25)
        return counted, [row["name"] or row["address"] for row in rows], len(asked)

    say_no("ana@example.com")
    assert look()[:2] == (1, ["Ana Ruiz"])
    assert look() == (1, ["Ana Ruiz"], 2)  # whether anything happened is asked for each
    say_no("b@example.com")
    assert look()[:2] == (2, ["b@example.com", "Ana Ruiz"])
    with ledger.write() as c:
        c.execute(t.customers.update().values(first_name="Newt"))
    assert look()[:2] == (2, ["b@example.com", "Newt Ruiz"])
