"""The pages' statements: each can be prepared, each is scoped, and what they compute is right."""

from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from data.warehouse import customers, pages, requests, sql
from data.warehouse.customers import CustomerFilter, CustomerOrder
from data.warehouse.pages import Page, Scope
from data.warehouse.requests import RequestFilter, RequestOrder
from data.warehouse.search import NOBODY, Search, find, read_texts
from data.warehouse.store import create_macros

QUERIES = Path(pages.__file__).parent / "queries"
RELATIONS = (
    *("customers", "requests", "timeline", "reviews", "runs"),
    *("invitations", "funnel", "reached", "nps", "nps_by"),
)
NOW = datetime(2026, 11, 23, 18, tzinfo=UTC)
SCOPE = Scope(1, (10, 20))


@cache
def _relations() -> duckdb.DuckDBPyConnection:
    """Made once: to make them takes ten times as long as to empty them."""
    connection = duckdb.connect()
    create_macros(connection)
    for name in RELATIONS:
        connection.execute(sql.statement(f"schema/out_{name}")).fetchall()
        connection.execute(f"create view {name} as from out_{name}").fetchall()
    return connection


class Memory:
    """The relations of the reader, empty, in memory: one at a time, a new one empties the one before."""

    def __init__(self) -> None:
        self.connection = _relations()
        for name in RELATIONS:
            self.connection.execute(f"truncate out_{name}").fetchall()

    def query(
        self, text: str, params: Sequence[Any], *, search: Search | None = None, of: Collection[int] = ()
    ) -> pl.DataFrame:
        self.connection.execute("set timezone = 'UTC'").fetchall()
        self.connection.register("found", NOBODY if search is None else self.found(search))
        rows: pl.DataFrame = self.connection.sql(text, params=list(params)).pl()
        return rows

    def found(self, search: Search) -> pl.DataFrame:
        self.connection.execute("set timezone = 'UTC'").fetchall()
        return find(search, read_texts(self.connection))

    def add(self, table: str, **values: Any) -> None:
        columns = ", ".join(values)
        marks = ", ".join("?" for _ in values)
        self.connection.execute(
            f"insert into out_{table} ({columns}) values ({marks})",  # noqa: S608 (our own names)
            list(values.values()),
        ).fetchall()

    def add_many(self, table: str, rows: Sequence[dict[str, Any]]) -> None:
        """At once: each statement takes longer than all of the rows."""
        self.connection.register("rows", pl.DataFrame(rows, infer_schema_length=None))
        self.connection.execute(
            sql.about("keyed/insert_mart", table=f"out_{table}", mart="select * from rows")
        ).fetchall()
        self.connection.unregister("rows")


@pytest.fixture
def memory() -> Memory:
    return Memory()


@pytest.mark.parametrize("name", sorted(path.stem for path in QUERIES.glob("*.sql")))
def test_every_statement_opens_with_what_it_returns_and_can_be_prepared(memory: Memory, name: str) -> None:
    text = pages.whole(name)
    assert text.startswith("-- ")
    named = {
        "account": 1, "places": [10], "since": NOW, "ends": NOW, "since_day": NOW.date(), "last_day": NOW.date(),
        "limit": 25, "offset": 0, "search": "ana", "digits": "312", "channel": "sms", "statuses": ["Queued"],
        "status": "active", "list": "May", "list_id": 3, "source": "csv", "list_name": "May", "employee": "Eve",
        "service": "Crown", "answer": "passive", "among": [1], "kind": "send", "customer": 1,
        "zone": "America/Chicago", "platform": "google", "stars": 5, "reply_state": "open", "drafted": [1],
        "review": 1, "now_first": None, "now_last": None, "before_first": None, "before_last": None, "on_page": [1],
        "dimension": "list", "member": "May", "stage": "opened", "counted_by": "answer",
    }  # fmt: skip
    code, params = pages.positional(text, named)
    memory.query(f"explain {code}", params)
    assert name.startswith("runs_") or ("$account" in text and "list_contains($places, location_id)" in text)


@pytest.mark.parametrize("order", list(CustomerOrder))
@pytest.mark.slow
def test_customers_can_be_ordered_each_way_and_ties_stay_in_place(memory: Memory, order: CustomerOrder) -> None:
    for number in range(60):
        memory.add(
            "customers", customer_id=number, account_id=1, location_id=10, first_name="A", last_name="B", search="a b"
        )
    seen = [
        number
        for page in (1, 2, 3)
        for number in customers.customers_page(memory, SCOPE, CustomerFilter(), order, Page(page))["customer_id"]
    ]
    assert sorted(seen) == list(range(60))


@pytest.mark.parametrize("order", list(RequestOrder))
@pytest.mark.slow
def test_requests_can_be_ordered_each_way(memory: Memory, order: RequestOrder) -> None:
    for number in range(30):
        memory.add(
            "requests", request_id=number, account_id=1, location_id=10, screen_status="Sent", name="A",
            not_before=NOW, retries=number % 3,
        )  # fmt: skip
    frames = [requests.requests_page(memory, SCOPE, RequestFilter(), order, Page(page)) for page in (1, 2)]
    assert sorted(number for frame in frames for number in frame["request_id"]) == list(range(30))


def test_nobody_elses_rows_are_seen(memory: Memory) -> None:
    memory.add("customers", customer_id=1, account_id=2, location_id=10, search="x")
    memory.add("customers", customer_id=2, account_id=1, location_id=30, search="x")
    assert customers.customers_by_status(memory, SCOPE, CustomerFilter()) == {}
    assert customers.customer(memory, SCOPE, 1) is None
    assert customers.customer(memory, SCOPE, 2) is None


def test_a_period_leaves_out_who_was_invited_before_it_but_never_who_was_not_invited(memory: Memory) -> None:
    for number, invited_at in enumerate([None, NOW - timedelta(days=5), NOW - timedelta(days=50)]):
        memory.add("customers", customer_id=number, account_id=1, location_id=10, invited_at=invited_at, search="x")
    scope = Scope(1, (10,), NOW - timedelta(days=30), NOW)
    found = customers.customers_page(memory, scope, CustomerFilter(), CustomerOrder.NEWEST, Page())
    assert found["customer_id"].to_list() == [1, 0]


def test_canceled_messages_show_only_when_asked_for(memory: Memory) -> None:
    for number, status in enumerate(["Canceled", "Sent"]):
        memory.add("requests", request_id=number, account_id=1, location_id=10, screen_status=status)
    found = requests.requests_page(memory, SCOPE, RequestFilter(), RequestOrder.NEWEST, Page())
    assert found["request_id"].to_list() == [1]


@pytest.mark.parametrize("text", ["50%", "a_b", "back\\slash", "o'connor"])
def test_search_takes_every_character_for_itself(memory: Memory, text: str) -> None:
    memory.add("customers", customer_id=1, account_id=1, location_id=10, search=f"before {text} after")
    memory.add("customers", customer_id=2, account_id=1, location_id=10, search="before 50x axb after")
    found = customers.customers_page(memory, SCOPE, CustomerFilter(search=text.upper()), CustomerOrder.NEWEST, Page())
    assert found["customer_id"].to_list() == [1]


@pytest.mark.slow
def test_a_message_is_found_by_its_customer_and_by_the_address_it_went_to_before(memory: Memory) -> None:
    memory.add("customers", customer_id=1, account_id=1, location_id=10, search="ana ruiz 13125550199")
    for number, former in ((1, "13125550101"), (2, None)):
        memory.add(
            "requests", request_id=number, account_id=1, location_id=10, screen_status="Sent", customer_id=number,
            former_address=former,
        )  # fmt: skip
    for text, expected in (("ruiz", [1]), ("555-0199", [1]), ("(312) 555-0101", [1]), ("nobody", [])):
        chosen = RequestFilter(search=text)
        found = requests.requests_page(memory, SCOPE, chosen, RequestOrder.NEWEST, Page())
        assert found["request_id"].to_list() == expected, text
        assert sum(requests.requests_by_status(memory, SCOPE, chosen).values()) == len(expected)


def test_a_timeline_is_newest_first_by_the_locations_own_days(memory: Memory) -> None:
    late = datetime(2026, 11, 23, 3, 30, tzinfo=UTC)  # still the 22nd in Chicago
    for kind, moment, event_id in (
        ("planned", late, None), ("handed_over", late, None), ("delivered", late, 1), ("opened", NOW, 2),
    ):  # fmt: skip
        memory.add(
            "timeline", event_id=event_id, customer_id=1, account_id=1, location_id=10, kind=kind, occurred_at=moment
        )
    found = customers.customer_timeline(memory, SCOPE, 1, "America/Chicago")
    assert [line.kind for line in found] == ["opened", "delivered", "handed_over", "planned"]
    assert [line.day for line in found] == [date(2026, 11, 23)] + [date(2026, 11, 22)] * 3


def test_a_name_without_a_value_is_an_error_and_not_a_null() -> None:
    with pytest.raises(KeyError, match="forgotten"):
        pages.positional("select $forgotten", {})


def test_the_addresses_are_those_that_the_latest_invitations_messages_went_to(memory: Memory) -> None:
    memory.add("customers", customer_id=1, account_id=1, location_id=10, invitation_id=7)
    shared = {"account_id": 1, "location_id": 10, "customer_id": 1}
    for number, (invitation, channel, address, handed_at) in enumerate([
        (7, "email", "a@example.com", NOW), (7, "sms", "+13125550100", NOW - timedelta(days=3)),
        (7, "email", "a@example.com", NOW + timedelta(days=3)), (7, "whatsapp", "+13125550100", None),
        (6, "email", "old@example.com", NOW),
    ]):  # fmt: skip
        memory.add(
            "requests", request_id=number, invitation_id=invitation, channel=channel, address=address,
            handed_at=handed_at, **shared,
        )  # fmt: skip
    assert customers.customer_addresses(memory, SCOPE, 1) == [("sms", "+13125550100"), ("email", "a@example.com")]
    assert customers.customer_addresses(memory, Scope(1, (20,)), 1) == []
