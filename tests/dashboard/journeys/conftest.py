"""One dashboard and one Chromium for all journeys: their first page costs more than the rest of a journey.

The dashboard is served in this process, which has loaded everything already, and reads from the environment whose home
it shows: each journey has a ledger of its own. `afterword up`'s own way to start it is walked by test_signing_in.py.
"""

import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import streamlit as st
import uvicorn
from playwright.sync_api import Browser, BrowserContext, Page, expect
from streamlit.runtime import Runtime

from data.settings import Settings
from tests import browser
from tests.dashboard.conftest import APP
from tests.waiting import wait_until
from tests.world import NOON

PATIENCE = 30_000  # milliseconds: two cores may be shared with the whole suite
Visit = Callable[..., Page]

# Playwright presses a button the moment it is seen, which nobody else can: while the page is still being drawn, or a
# fold opens, it may move between down and up, and then nothing was pressed. So nothing can be hit while a page is drawn
# (it tries again), and what moves by itself is where it goes at once.
_HIT_NOTHING_THAT_MOVES = """
const animate = Element.prototype.animate;
Element.prototype.animate = function (frames, options) {
    return animate.call(this, frames, { ...(typeof options === "number" ? {} : options), duration: 0 });
};
document.addEventListener("DOMContentLoaded", () => {
    const style = document.createElement("style");
    style.textContent = "body:has([data-test-script-state]:not([data-test-script-state=notRunning])) * "
        + "{ pointer-events: none !important }"
        + "*, ::before, ::after { animation-duration: 0s !important; transition-duration: 0s !important }";
    document.head.append(style);
});
"""


def quiet_context(chromium: Browser, **options: Any) -> BrowserContext:
    """Windows of somebody who presses what stands still."""
    context = chromium.new_context(**options)
    context.set_default_timeout(PATIENCE)
    context.add_init_script(_HIT_NOTHING_THAT_MOVES)
    return context


def wait_until_drawn(page: Page) -> None:
    """Wait until a page is drawn: before that it may take away what is typed, and overhear a key."""
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    expect.set_options(timeout=PATIENCE)
    with browser.chromium() as started:
        yield started


@pytest.fixture(scope="package")
def visitor(chromium: Browser, address: str) -> Iterator[Page]:
    """Somebody who comes again, in the same tab: a new one would compile all that the pages consist of once more."""
    context = quiet_context(chromium, base_url=address)
    yield context.new_page()
    context.close()


@pytest.fixture(scope="package")
def address() -> Iterator[str]:
    """Where the dashboard is served."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(st.App(APP), log_config=None, ws="websockets-sansio"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        wait_until(lambda: server.started, what="the dashboard")
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listening.close()
        Runtime._instance = None  # there may be one in a process, and AppTest brings its own


@pytest.fixture
def visit(visitor: Page, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Visit]:
    """Open the dashboard on this test's home, as its owner: `visit("customers", width=360)`."""
    monkeypatch.setenv("AFTERWORD_HOME", str(settings.home))
    monkeypatch.setenv("AFTERWORD_NOW", NOON.isoformat())
    monkeypatch.setenv("AFTERWORD_LOCAL_USER", "owner@acme.example")

    def open_page(path: str, *, width: int = 1440, height: int = 900) -> Page:
        visitor.set_viewport_size({"width": width, "height": height})
        visitor.goto(f"/{path}")
        return visitor

    yield open_page
    visitor.goto("about:blank")  # which ends what ran for it, before its home goes
    st.cache_resource.clear()
