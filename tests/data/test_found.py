"""A search is answered from what is held in memory: the same as the statements over the tables answer it.

On SQLite only: the statements themselves run on what the load made, on both databases in test_warehouse_load.py.
"""

import random
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from data.ledger import tables as t
from data.ledger.store import Ledger, open_ledger
from data.settings import Settings
from data.warehouse import sql
from data.warehouse.customers import (
    NOT_INVITED,
    CustomerFilter,
    CustomerOrder,
    customer,
    customer_timeline,
    customers_by_status,
    customers_page,
)
from data.warehouse.laid import as_tables, relations_in
from data.warehouse.load import load_from_ledger
from data.warehouse.pages import Page, Scope, first, whole
from data.warehouse.reader import Look, open_reader
from data.warehouse.rows import FEW, Answers
from data.warehouse.store import Warehouse
from data.words import InvitationStatus
from tests import random_town
from tests.world import NOON, World, make_customer, make_world

ENDED = (InvitationStatus.STOPPED, InvitationStatus.ANSWERED, InvitationStatus.FINISHED)
SEARCHES = ("ana", "fox", "jo b", "o'ne", "c1@", "c12@example", "(312) 555", "0100", "zoe", "emile", "example.com")
HISTORY = """
    select occurred_at, kind, channel, evidence, score, stars, platform_name, detail
    from timeline where customer_id = $1
    order by occurred_at desc, kind = 'planned', event_id desc nulls last"""
EVERYBODY = tuple(range(1, 1000))


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[tuple[World, Look]]:
    """A town as published, and what happened to every fifth since."""
    settings = Settings(home=tmp_path_factory.mktemp("found"))
    shutil.copy2(sqlite_template, settings.home / "ledger.sqlite")
    ledger = open_ledger(settings)
    world = make_world(ledger)
    random_town.fill(ledger, world, 11, customers=90)
    warehouse = Warehouse(settings.warehouse_folder)
    load_from_ledger(ledger, warehouse)
    warehouse.publish()
    _happen_since(ledger, world, random.Random(3))
    look = open_reader(ledger, settings.warehouse_folder).look()
    over = look._seen().over
    assert over is not None
    assert 10 < over.touched.height < 45
    yield world, look
    ledger.close()


def _happen_since(ledger: Ledger, world: World, chance: random.Random) -> None:
    of_customer, of_invitation = t.customers.c.customer_id, t.invitations.c.customer_id
    with ledger.write() as c:
        hour_ago = ledger.now(c) - timedelta(hours=1)
        for table in (t.customers, t.invitations, t.requests, t.scores, t.reviews):
            c.execute(table.update().values(changed_at=hour_ago))
        for customer in range(1, 91, 5):
            name = {"first_name": chance.choice(("Zoë", "Ana"))}
            c.execute(t.customers.update().where(of_customer == customer).values(**name))
            about = {
                "status": chance.choice(ENDED),
                "first_handed_at": chance.choice((None, NOON - timedelta(days=chance.randrange(40)))),
            }
            c.execute(t.invitations.update().where(of_invitation == customer + 1).values(**about))
    for number in range(3):
        make_customer(ledger, world, email=f"z{number}@example.com", location_id=world.new_york, first_name="Zoë")


@pytest.mark.parametrize("search", SEARCHES)
@pytest.mark.slow
def test_a_search_finds_in_memory_what_the_statements_find(told: tuple[World, Look], search: str) -> None:
    world, look = told
    chance = random.Random(search)
    for _ in range(6):
        scope = Scope(
            chance.choice((world.account_id, world.account_id, world.account_id + 1)),
            chance.choice(((world.chicago, world.new_york), (world.new_york,), (world.chicago,), ())),
            since=chance.choice((None, NOON - timedelta(days=chance.randrange(2, 40)))),
            ends=chance.choice((None, NOON - timedelta(days=chance.randrange(2)))),
        )
        status = chance.choice((None, None, NOT_INVITED, *InvitationStatus))
        quick = CustomerFilter(status=status, search=search)
        plain = replace(quick, among=EVERYBODY)
        assert quick.is_search
        assert not plain.is_search
        page = Page(chance.randrange(1, 4), chance.choice((4, 25)))
        shown = customers_page(look, scope, quick, CustomerOrder.NEWEST, page)
        assert shown.equals(customers_page(look, scope, plain, CustomerOrder.NEWEST, page))
        assert customers_by_status(look, scope, quick) == customers_by_status(look, scope, plain)


@pytest.mark.slow
def test_the_searches_of_this_town_find_nobody_few_and_many(told: tuple[World, Look]) -> None:
    world, look = told
    scope = Scope(world.account_id, (world.chicago, world.new_york), until=datetime(2026, 11, 23, tzinfo=UTC))
    found = {search: customers_by_status(look, scope, CustomerFilter(search=search)) for search in SEARCHES}
    totals = {sum(counts.values()) for counts in found.values()}
    assert (min(totals), max(totals) > 60) == (0, True)
    assert totals & {1, 2, 3}
    assert found["zoe"][NOT_INVITED] > 2  # each a Zoë who came since
    assert sum(found["emile"].values()) > 2  # each an Émile of the copy
    assert found["emile"] == customers_by_status(look, scope, CustomerFilter(search="ÉMILE"))


@pytest.mark.slow
def test_a_panel_shows_everybody_as_they_are_now(told: tuple[World, Look]) -> None:
    world, look = told
    over = look._seen().over
    assert over is not None
    assert {of for name in ("customers", "requests", "timeline") for of in over.frames[name]["customer_id"]} == (
        over.touched_ids
    )
    scope = Scope(world.account_id, (world.chicago, world.new_york))
    for number in range(1, 95):
        profile = look.query("select * from customers where customer_id = $1", [number])
        history = look.query(HISTORY, [number])
        assert customer(look, scope, number) == first(profile)
        assert [line[1:] for line in customer_timeline(look, scope, number, "UTC")] == history.rows()


def test_what_a_panel_asks_of_a_copy_is_asked_of_its_tables_and_not_of_views_over_them() -> None:
    panel = [name.removeprefix("queries/") for name in sql.names("queries") if name.startswith("queries/customer_")]
    asked = [whole(name) for name in panel]
    assert {"customer_timeline", "customer_addresses", "customer_review"} <= set(panel)
    assert all(relations_in(text) and not relations_in(as_tables(text)) for text in asked)
    named = "select r.kind from timeline r join reviews on true"
    assert as_tables(named) == named
    assert as_tables("select kind from (from timeline)") == "select kind from (from out_timeline as timeline)"


@pytest.mark.slow
def test_few_rows_are_read_the_short_way_and_are_the_same(told: tuple[World, Look]) -> None:
    connection = told[1]._copied().copy.cursor()
    answers = Answers()
    for table in sql.names("schema"):
        statement = f"from {table.removeprefix('schema/')} where $1 order by all limit $2"
        for params in ([True, 3], [True, 40], [False, 40]):
            rows = answers.read(connection, statement, params)
            plain = connection.sql(statement, params=params).pl()
            assert (rows.schema, rows.rows()) == (plain.schema, plain.rows())


@pytest.mark.slow
def test_more_rows_than_a_page_has_are_whole_whatever_was_asked_before(told: tuple[World, Look]) -> None:
    connection = told[1]._copied().copy.cursor()
    answers = Answers()
    for count in (1, FEW, FEW, FEW - 1, FEW + 1, 3 * FEW, 2):
        assert answers.read(connection, "select range as n from range($1)", [count])["n"].to_list() == [*range(count)]
