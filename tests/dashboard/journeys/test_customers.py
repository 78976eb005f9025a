"""A customer is found, read, stopped, restarted and corrected."""

import re

import pytest
import sqlalchemy as sa
from playwright.sync_api import expect

from data.ledger import tables as t
from data.ledger.store import Ledger
from tests.dashboard.journeys.conftest import Visit, wait_until_drawn
from tests.world import World, make_customer, make_request

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.parametrize("settings", ["sqlite"], indirect=True),  # what the databases differ in needs no browser
]


def test_a_customer_is_found_read_stopped_restarted_and_corrected(ledger: Ledger, world: World, visit: Visit) -> None:
    ana = make_customer(ledger, world, email="ana@example.com", phone="+13125550100")
    ben = make_customer(ledger, world, email="ben@example.com", phone="+12125550111", first_name="Ben")
    make_request(ledger, world, ana)
    page = visit("customers")
    row, other = (page.locator(f".st-key-aw_row_customers_{number}") for number in (ana, ben))
    expect(other).to_be_visible()
    wait_until_drawn(page)
    page.get_by_placeholder("Name, email or phone").press_sequentially("(312) 555-01")  # live: no Enter
    expect(other).to_have_count(0)

    row.get_by_role("button", name="Stop").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("1 planned message won't be sent")
    dialog.get_by_role("button", name="Stop messages").click()
    expect(dialog).to_have_count(0)
    expect(row).to_contain_text("Stopped")
    row.get_by_role("button", name="Restart").click()
    dialog.get_by_role("button", name="Restart messages").click()
    expect(row).to_contain_text("Planned")

    row.get_by_role("button", name="Activity").click()
    expect(dialog).to_contain_text("Message planned")
    wait_until_drawn(page)
    dialog.get_by_text("Correct name, email or phone").click()
    dialog.get_by_label("Email").fill("ana.ruiz@example.com")
    dialog.get_by_role("button", name="Save correction").click()
    expect(row).to_contain_text("ana.ruiz@example.com")
    wait_until_drawn(page)
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)

    page.goto(f"/customers?customers_status=not_invited&customer={ana}")
    expect(page.get_by_role("dialog")).to_contain_text("ana.ruiz@example.com")
    expect(page.get_by_role("radio", name=re.compile("Not invited yet 2"))).to_be_checked()
    with ledger.read() as c:
        assert sorted(c.execute(sa.select(t.audit.c.action)).scalars()) == ["correct_contact", "restart", "stop"]
