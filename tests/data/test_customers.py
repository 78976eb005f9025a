"""What the Customers page asks of the history: filters, the tabs' counts, what its menus offer."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from data.warehouse import customers
from data.warehouse.customers import Answer, CustomerFilter, CustomerOrder
from data.warehouse.pages import Page, Scope
from tests.data.test_pages import Memory

NOW = datetime(2026, 11, 23, 18, tzinfo=UTC)
SCOPE = Scope(1, (10, 20))


@pytest.fixture
def memory() -> Memory:
    return Memory()


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        (CustomerFilter(answer=Answer.PROMOTER), [1]),
        (CustomerFilter(answer=Answer.DETRACTOR), [2]),
        (CustomerFilter(answer=Answer.STARS), [3]),
        (CustomerFilter(answer=Answer.REVIEW), [1]),
        (CustomerFilter(answer=Answer.NONE), [4, 5]),
        (CustomerFilter(list_name="May"), [4]),
        (CustomerFilter(employee="Eve", service="Crown"), [5]),
        (CustomerFilter(among=[2, 4, 99]), [2, 4]),
        (CustomerFilter(status="not_invited"), [4]),
        (CustomerFilter(status="stopped"), [5]),
        (CustomerFilter(search="07700 900123"), [3]),
        (CustomerFilter(search="+44 (0)7700 900-123"), [3]),
        (CustomerFilter(search="0044 7700"), [3]),
    ],
)
def test_a_filter_leaves_those_it_names_and_the_tabs_count_the_same(
    memory: Memory, chosen: CustomerFilter, expected: list[int]
) -> None:
    about: dict[int, dict[str, Any]] = {
        1: {"score": 9, "review_id": 1, "standing": "answered"},
        2: {"score": 6, "standing": "answered"},
        3: {"stars_given": 4, "standing": "answered", "search": "c 447700900123"},
        4: {"list_name": "May", "standing": "not_invited", "invited_at": None},
        5: {"employee": "Eve", "service": "Crown", "standing": "stopped", "invited_at": None},
    }
    for number, values in about.items():
        shared = {"account_id": 1, "location_id": 10, "invitation_id": number, "invited_at": NOW, "search": "a"}
        memory.add("customers", **{"customer_id": number, **shared, **values})
    found = customers.customers_page(memory, SCOPE, chosen, CustomerOrder.NEWEST, Page())["customer_id"].to_list()
    assert sorted(found) == expected
    counted = customers.customers_by_status(memory, SCOPE, chosen)
    assert (sum(counted.values()) if chosen.status is None else counted[chosen.status]) == len(expected)
    assert customers.customers_to_export(memory, SCOPE, chosen).height == len(expected)


def test_the_menus_offer_what_there_is_most_frequent_first(memory: Memory) -> None:
    for number, (source, employee) in enumerate([("csv", "Eve"), ("csv", "Adam"), ("hubspot", "Eve"), ("csv", None)]):
        memory.add(
            "customers", customer_id=number, account_id=1, location_id=10, source=source, employee=employee
        )  # fmt: skip
    memory.add("customers", customer_id=9, account_id=1, location_id=99, source="webhook", employee="Hidden")
    assert customers.customer_choices(memory, SCOPE) == {
        "source": ["csv", "hubspot"], "list_name": [], "employee": ["Eve", "Adam"], "service": [],
    }  # fmt: skip


def test_a_period_that_is_over_leaves_out_who_was_invited_after_it_but_never_who_was_not_invited(
    memory: Memory,
) -> None:
    for number, invited_at in enumerate([None, NOW - timedelta(days=5), NOW - timedelta(days=20)]):
        memory.add(
            "customers", customer_id=number, account_id=1, location_id=10, invited_at=invited_at, standing="active"
        )
    scope = Scope(1, (10,), NOW - timedelta(days=30), NOW, NOW - timedelta(days=10))
    found = customers.customers_page(memory, scope, CustomerFilter(), CustomerOrder.NEWEST, Page())
    assert found["customer_id"].to_list() == [2, 0]
    assert sum(customers.customers_by_status(memory, scope, CustomerFilter()).values()) == 2
