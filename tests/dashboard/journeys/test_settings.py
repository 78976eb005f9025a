"""Settings in a real browser: a rule that cannot be, one that can, a new colleague, and what the audit kept of it."""

import re

import pytest
import sqlalchemy as sa
from playwright.sync_api import expect

from data.ledger import tables as t
from data.ledger.store import Ledger
from data.words import Role
from tests.dashboard.journeys.conftest import Visit, wait_until_drawn
from tests.world import World

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.parametrize("settings", ["sqlite"], indirect=True),  # what the databases differ in needs no browser
]


def test_an_owner_changes_a_rule_and_adds_a_colleague_and_finds_both_in_the_audit(
    ledger: Ledger, world: World, visit: Visit
) -> None:
    page = visit("settings?settings_part=Rules")
    once_in = page.get_by_label("Ask a person once in")
    save = page.get_by_role("button", name="Save as a new version")
    expect(once_in).to_be_visible()
    wait_until_drawn(page)
    once_in.fill("5")
    save.click()
    expect(page.get_by_role("alert").filter(has_text="Not saved")).to_contain_text("found 5")
    wait_until_drawn(page)
    once_in.fill("60")
    save.click()
    expect(page.get_by_text("It is a new version and holds at once")).to_be_visible()
    expect(once_in).to_have_value("60")

    page.get_by_role("radio", name="Users").click()
    page.get_by_role("button", name="Add a user").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("button", name="Save")).to_be_visible()
    wait_until_drawn(page)
    dialog.get_by_role("textbox", name="Email").fill("kim@acme.example")
    dialog.get_by_role("textbox", name="Name").fill("Kim Vega")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_have_count(0)
    expect(page.locator("[class*='st-key-aw_row_people_']", has_text="Kim Vega")).to_contain_text("Viewer")

    page.goto("/audit?audit_search=kim")
    line = page.locator("[class*='st-key-aw_row_audit_']", has_text="kim@acme.example")
    line.get_by_role("button", name="Details").click()
    expect(dialog).to_contain_text("Kim Vega")
    expect(page).to_have_url(re.compile(r"\bline=\d+"))
    page.goto(page.url.replace("audit_search=kim", "audit_search=policy"))  # the line's link, whatever is searched
    expect(dialog).to_contain_text("Kim Vega")
    wait_until_drawn(page)
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(page.get_by_text("Policy, version 2")).to_be_visible()
    with ledger.read() as c:
        rules = c.execute(sa.select(t.policies.c.rules).order_by(t.policies.c.version.desc())).scalars().first()
        role = c.execute(sa.select(t.users.c.role).where(t.users.c.email == "kim@acme.example")).scalar_one()
    assert rules is not None
    assert (rules["cap_days"], role) == (60, Role.VIEWER)
