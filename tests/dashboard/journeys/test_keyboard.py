"""Links as people write them, and a dialog that the keyboard leaves after something was done in it."""

import pytest
from playwright.sync_api import expect

from data.ledger import tables as t
from data.ledger.store import Ledger
from tests.dashboard.journeys.conftest import Visit, wait_until_drawn
from tests.world import NOON, World, insert

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


def test_escape_closes_a_review_after_its_draft_was_saved(ledger: Ledger, world: World, visit: Visit) -> None:
    with ledger.write() as c:
        review = insert(
            c, t.reviews, account_id=world.account_id, location_id=world.chicago, platform="google",
            provider_review_id="r1", reviewer_name="Ben O.", stars=5, body="No waiting.", reviewed_at=NOON,
        )  # fmt: skip
    page = visit(f"reviews?review={review}")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("textbox")).to_be_visible()
    wait_until_drawn(page)
    dialog.get_by_role("textbox").fill("Thank you, Ben.")
    dialog.get_by_role("button", name="Save draft").click()
    expect(dialog.get_by_text("Saved draft")).to_be_visible()
    expect(page.get_by_test_id("stToast")).to_be_visible()
    wait_until_drawn(page)
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
