"""An import's whole way in a real browser: brought, checked, imported, sent, looked at, and the next one taken back."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from playwright.sync_api import Page, expect

from data.ledger import tables as t
from data.ledger.store import Ledger, open_ledger
from data.settings import Settings
from data.words import RequestStatus
from invitations.queueing import plan_and_queue
from invitations.send import send_due
from invitations.take_in import import_customers
from pipelines.asked import carry_out_jobs
from tests.dashboard.journeys.conftest import Visit
from tests.recorder import Recorder
from tests.world import NOON, World

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.parametrize("settings", ["sqlite"], indirect=True),  # what the databases differ in needs no browser
]


@pytest.fixture
def at_noon(ledger: Ledger, settings: Settings) -> Iterator[Ledger]:
    opened = open_ledger(settings.model_copy(update={"now": NOON}))
    yield opened
    opened.close()


def bring(page: Page, name: str, people: int) -> None:
    rows = "".join(f"Zoe,zoe{number}@{name.lower()}.example\n" for number in range(people))
    page.locator("input[type=file]").set_input_files(
        {"name": f"{name}.csv", "mimeType": "text/csv", "buffer": f"first name,email\n{rows}X,nowhere\n".encode()}
    )
    page.get_by_role("button", name="Check the list").click()
    page.get_by_role("button", name=f"Import {people} customers").click()
    expect(page.get_by_text("Waits for its turn")).to_be_visible()


def test_a_list_is_imported_and_goes_out_and_another_is_taken_back_before_it_does(
    at_noon: Ledger, world: World, visit: Visit
) -> None:
    recorder = Recorder()
    page = visit("customers")
    page.get_by_role("button", name="Bulk import").click()
    bring(page, "April", 3)
    assert carry_out_jobs(at_noon, {}) == {"done": 1, "failed": 0}
    april = page.locator("[class*='st-key-aw_row_lists_']", has_text="April")
    expect(april).to_contain_text("Imported")  # seen by itself: nobody pressed anything
    send_due(at_noon, recorder.messengers, now=NOON)
    assert len(recorder.taken) == 3
    april.get_by_role("button", name="Results").click()
    expect(page.get_by_role("dialog")).to_contain_text("Invited")

    import_customers(
        at_noon, b"email\nana@may.example\nbo@may.example\n", file_name="may.csv", location="chicago",
        list_name="May", channels=None, speed=None, imported_by="owner@acme.example",
    )  # fmt: skip
    plan_and_queue(at_noon, now=NOON)
    page.goto("/bulk_import")
    may = page.locator("[class*='st-key-aw_row_lists_']", has_text="May")
    may.get_by_role("button", name="Undo").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("2 queued messages won't be sent")
    dialog.get_by_role("button", name="Take it back").click()
    expect(may).to_contain_text("Taken back")
    send_due(at_noon, recorder.messengers, now=NOON)
    assert len(recorder.taken) == 3
    with at_noon.read() as c:
        statuses = c.execute(sa.select(t.requests.c.status).order_by(t.requests.c.request_id)).scalars().all()
    assert statuses == [RequestStatus.SENT] * 3 + [RequestStatus.CANCELED] * 2
