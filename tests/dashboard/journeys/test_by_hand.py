"""A review request sent by hand in a real browser: what AppTest cannot see, fields that are followed while typing."""

import pytest
import sqlalchemy as sa
from playwright.sync_api import expect

from data.ledger import tables as t
from data.ledger.store import Ledger
from data.words import Channel, JobKind, Source
from invitations.queueing import plan_and_queue
from tests.dashboard.journeys.conftest import Visit, wait_until_drawn
from tests.world import NOON, World, make_customer, make_request

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.parametrize("settings", ["sqlite"], indirect=True),  # what the databases differ in needs no browser
]


def test_somebody_is_asked_by_hand_with_the_verdict_before_the_button_and_then_stands_in_the_list(
    ledger: Ledger, world: World, visit: Visit
) -> None:
    ana = make_customer(ledger, world, email="ana@example.com", phone="+13125550100")
    make_request(ledger, world, ana)
    page = visit("requests", width=360, height=780)
    page.get_by_role("button", name="Send review request").click()
    form = page.get_by_role("dialog")
    press = form.get_by_role("button", name="Send review request")
    expect(press).to_be_disabled()
    wait_until_drawn(page)
    form.get_by_role("textbox", name="Name").fill("Dana Fox")
    form.get_by_role("textbox", name="Phone", exact=True).fill("312 555 0100")  # Ana's, by a slip
    expect(form.get_by_role("status")).to_contain_text("They are being asked already")
    expect(press).to_be_disabled()
    wait_until_drawn(page)
    form.get_by_role("textbox", name="Phone", exact=True).fill("312 555 0123")
    expect(form.get_by_role("status")).to_contain_text("Would go by SMS with the next batch")
    expect(form).to_contain_text("Hi Dana, how was Acme Chicago?")
    press.click()
    expect(form).to_have_count(0)
    expect(page.get_by_text("Asked for. Planning finds it a time")).to_be_visible()
    with ledger.read() as c:
        assert c.execute(sa.select(t.jobs.c.kind)).scalar_one() is JobKind.PLAN
    plan_and_queue(ledger, now=NOON)  # as the sensor would
    page.reload()
    expect(page.get_by_text("+1 312-555-0123")).to_be_visible()
    with ledger.read() as c:
        fox = c.execute(t.customers.select().where(t.customers.c.source == Source.MANUAL)).one()
        queued = c.execute(t.requests.select().where(t.requests.c.address == "+13125550123")).one()
    assert (fox.first_name, queued.channel) == ("Dana", Channel.SMS)
