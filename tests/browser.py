"""Chromium for tests: Debian's or Playwright's own, whichever is here, and how to start it quietly."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

DEBIAN = Path("/usr/bin/chromium")
NONE_HERE = "Chromium: none here (`apt-get install chromium` or `playwright install chromium`): no test in a browser"
# No sandbox: tests may run as root in a container. The rest keeps it from calling home.
_ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


def is_available() -> bool:
    """Whether there is a Chromium, without starting anything."""
    own = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or Path.home() / ".cache" / "ms-playwright")
    return DEBIAN.exists() or any(own.glob("chromium*"))


@contextmanager
def chromium() -> Iterator[Browser]:
    """A headless browser, closed when left."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=DEBIAN if DEBIAN.exists() else None, args=_ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()
