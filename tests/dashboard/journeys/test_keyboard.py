"""Links as people write them, and a dialog that the keyboard leaves after something was done in it."""

import pytest
from playwright.sync_api import expect

from data.ledger.store import Ledger
from tests.dashboard.journeys.conftest import Visit
from tests.world import World, make_customer, make_request

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.parametrize("settings", ["sqlite"], indirect=True),  # what the databases differ in needs no browser
]


def test_the_overview_is_found_by_its_name_and_what_was_chosen_stays(world: World, visit: Visit) -> None:
    page = visit("overview?period=All+time&customer=1")
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    expect(page.get_by_text("of all time")).to_be_visible()
    expect(page.get_by_text("Page not found")).to_have_count(0)


def test_escape_closes_the_panel_after_messages_were_stopped_in_it(ledger: Ledger, world: World, visit: Visit) -> None:
    ana = make_customer(ledger, world)
    make_request(ledger, world, ana)
    page = visit(f"customers?customer={ana}")
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Stop").click()
    dialog.get_by_role("button", name="Stop messages").click()
    expect(page.get_by_text("Stopped. Nothing more will be sent.")).to_be_visible()
    expect(dialog.get_by_role("button", name="Restart")).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
