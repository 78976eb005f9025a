"""The customers page in a real browser, from a Streamlit of its own: what AppTest cannot see, a dialog that closes."""

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
import sqlalchemy as sa
from playwright.sync_api import expect

from data.ledger import tables as t
from data.ledger.store import Ledger
from data.settings import Settings
from tests.browser import chromium
from tests.dashboard.conftest import APP
from tests.waiting import wait_until
from tests.world import NOON, World, make_customer, make_request

PATIENCE = 30_000  # milliseconds: two cores may be shared with the whole suite

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.parametrize("settings", ["sqlite"], indirect=True),  # what the databases differ in needs no browser
]


@contextmanager
def dashboard(home: Path) -> Iterator[str]:
    """Yields the address where a dashboard on this home, looked at by its owner, will answer; stops when left."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AFTERWORD_")} | {
        "AFTERWORD_HOME": str(home),
        "AFTERWORD_NOW": NOON.isoformat(),
        "AFTERWORD_LOCAL_USER": "owner@acme.example",
    }
    command = [sys.executable, "-m", "streamlit", "run", str(APP), "--server.port", str(port)]
    process = subprocess.Popen(
        [*command, "--server.headless", "true"], env=environment, cwd=APP.parents[1],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    try:
        yield address
    finally:
        process.terminate()
        process.wait()


def answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=1).ok
    except requests.ConnectionError:
        return False


def test_a_customer_is_found_read_stopped_restarted_and_corrected(
    ledger: Ledger, world: World, settings: Settings
) -> None:
    ana = make_customer(ledger, world, email="ana@example.com", phone="+13125550100")
    ben = make_customer(ledger, world, email="ben@example.com", phone="+12125550111", first_name="Ben")
    make_request(ledger, world, ana)
    with dashboard(settings.home) as address, chromium() as browser:
        page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
        wait_until(lambda: answers(f"{address}/_stcore/health"), seconds=60, what="the dashboard to answer")
        page.goto(f"{address}/customers")
        row, other = (page.locator(f".st-key-aw_row_customers_{number}") for number in (ana, ben))
        expect(other).to_be_visible(timeout=PATIENCE)
        page.get_by_placeholder("Name, email or phone").press_sequentially("(312) 555-01")  # live: no Enter
        expect(other).to_have_count(0, timeout=PATIENCE)

        row.get_by_role("button", name="Stop").click(timeout=PATIENCE)
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text("1 planned message won't be sent", timeout=PATIENCE)
        dialog.get_by_role("button", name="Stop messages").click()
        expect(dialog).to_have_count(0, timeout=PATIENCE)
        expect(row).to_contain_text("Stopped", timeout=PATIENCE)
        row.get_by_role("button", name="Restart").click()
        dialog.get_by_role("button", name="Restart messages").click(timeout=PATIENCE)
        expect(row).to_contain_text("Planned", timeout=PATIENCE)

        row.get_by_role("button", name="Activity").click()
        expect(dialog).to_contain_text("Message planned", timeout=PATIENCE)
        dialog.get_by_text("Correct name, email or phone").click()
        dialog.get_by_label("Email").fill("ana.ruiz@example.com")
        dialog.get_by_role("button", name="Save correction").click()
        expect(row).to_contain_text("ana.ruiz@example.com", timeout=PATIENCE)

        page.goto(f"{address}/customers?customers_status=not_invited&customer={ana}")
        expect(page.get_by_role("dialog")).to_contain_text("ana.ruiz@example.com", timeout=PATIENCE)
        expect(page.get_by_role("radio", name=re.compile("Not invited yet 2"))).to_be_checked()
    with ledger.read() as c:
        assert sorted(c.execute(sa.select(t.audit.c.action)).scalars()) == ["correct_contact", "restart", "stop"]
