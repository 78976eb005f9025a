"""Mailgun's event pages, played by a stub."""

from typing import Any

from tests.connectors.samples import DOMAIN
from tests.connectors.server import Answer, Received, Stub


def paged(it: Stub, *pages: list[dict[str, Any]]) -> None:
    """Events as Mailgun pages them: `next` is never absent, its path holds a token, an empty page is the end."""
    base = f"{it.url}/v3/{DOMAIN}/events"

    def answer(request: Received) -> Answer:
        number = 0 if request.path.endswith("/events") else int(request.path.rpartition("/")[2])
        items = pages[number] if number < len(pages) else []
        return Answer(200, {"items": items, "paging": {"next": f"{base}/{number + 1}", "previous": f"{base}/0"}})

    it.answer = answer
