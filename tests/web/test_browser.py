"""A customer with a real browser. Screenshots are kept where AFTERWORD_SHOTS names a folder."""

import os
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, Page

from data.ledger import tables as t
from data.ledger.migrate import migrate
from data.ledger.store import Ledger, open_ledger
from data.settings import Settings
from data.words import Channel, EventKind, Evidence, RequestStatus
from tests import browser
from tests.web.client import PHONE
from tests.web.served import served
from tests.world import make_customer, make_request, make_world

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SHOTS = os.environ.get("AFTERWORD_SHOTS")
SIZES = {"phone": (360, 740), "desktop": (1280, 800)}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser.chromium() as started:
        yield started


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Ledger]:
    """SQLite only: what the databases differ in is tested without a browser."""
    ledger = open_ledger(Settings(home=tmp_path))
    migrate(ledger)
    yield ledger
    ledger.close()


@pytest.fixture
def address(book: Ledger) -> Iterator[str]:
    world = make_world(book)
    for score in range(11):
        make_request(
            book, world, make_customer(book, world), channel=Channel.EMAIL, link_token=f"score-{score}",
            unsubscribe_token=f"leave-{score}", status=RequestStatus.SENT,
        )  # fmt: skip
    with served(book) as address:
        yield address


def visit(
    chromium: Browser, address: str, path: str, *, size: str = "phone", scheme: str = "light", script: bool = False
) -> Page:
    width, height = SIZES[size]
    context = chromium.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if scheme == "dark" else "light",
        user_agent=PHONE,
        java_script_enabled=script,
        base_url=address,
    )
    page = context.new_page()
    page.goto(path)
    return page


def shoot(page: Page, name: str) -> None:
    if SHOTS:
        page.screenshot(path=Path(SHOTS) / f"{name}.png", full_page=True)


def boxes(page: Page, selector: str) -> list[tuple[int, int]]:
    found = [element.bounding_box() for element in page.locator(selector).all()]
    return [(round(box["width"]), round(box["height"])) for box in found if box is not None]


def test_all_eleven_scores_show_the_same_links_in_the_same_order_and_size(
    chromium: Browser, address: str, book: Ledger
) -> None:
    seen: list[Any] = []
    page = visit(chromium, address, "/healthz")
    for score in range(11):
        page.goto(f"/r/score-{score}")
        page.get_by_role("button", name=f"{score} out of 10", exact=True).click()
        page.wait_for_url("**?after=score")
        links = [(link.inner_text(), link.bounding_box()) for link in page.locator(".platforms a").all()]
        seen.append((page.locator("main").inner_text(), links))
    assert [words for words, _ in seen[0][1]] == ["Write a review on Google", "Write a review on Facebook"]
    assert all(other == seen[0] for other in seen)
    with book.read() as c:
        assert sorted(c.execute(sa.select(t.scores.c.score)).scalars()) == list(range(11))


def test_a_customer_without_javascript_scores_writes_and_goes_on(chromium: Browser, address: str, book: Ledger) -> None:
    page = visit(chromium, address, "/r/score-3")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**?after=score")
    page.get_by_label("Your message").fill("The wait was long.")
    page.get_by_role("button", name="Send message").click()
    page.wait_for_url("**?after=comment")
    with book.write() as c:  # a platform that this machine has
        c.execute(t.platforms.update().values(url=f"{address}/healthz"))
    page.get_by_role("link", name="Write a review on Google").click()
    page.wait_for_url("**/healthz")
    with book.read() as c:
        score = c.execute(t.scores.select()).one()
        kinds = c.execute(sa.select(t.events.c.kind, t.events.c.evidence).order_by(t.events.c.event_id)).all()
    assert (score.score, score.comment) == (3, "The wait was long.")
    assert [tuple(row) for row in kinds] == [
        (EventKind.CLICKED, Evidence.HUMAN),
        (EventKind.SCORED, Evidence.HUMAN),
        (EventKind.COMMENTED, Evidence.HUMAN),
        (EventKind.PLATFORM_CHOSEN, Evidence.HUMAN),
    ]


@pytest.mark.parametrize("width", [320, 360, 1280])
def test_every_target_is_at_least_44_pixels_and_nothing_runs_off_the_side(
    chromium: Browser, address: str, width: int
) -> None:
    for path in ("/r/score-1", "/r/score-2", "/u/leave-1"):
        page = visit(chromium, address, path, script=True)
        page.set_viewport_size({"width": width, "height": 740})
        if path.endswith("2"):
            page.get_by_role("button", name="5 out of 10").click()
        for size in boxes(page, "button, .platforms a, .choice"):
            assert min(size) >= 44, (path, size)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.context.close()


def test_eleven_buttons_stand_in_two_rows_on_a_phone_and_one_on_a_desk(chromium: Browser, address: str) -> None:
    for size, rows in (("phone", 2), ("desktop", 1)):
        page = visit(chromium, address, "/r/score-1", size=size)
        tops = {round(button.bounding_box()["y"]) for button in page.locator(".scores button").all()}  # type: ignore[index]
        assert len(tops) == rows
        assert len(set(boxes(page, ".scores button"))) <= 2  # all alike, but for a pixel of rounding
        page.context.close()


def test_pages_hold_when_letters_are_twice_as_large(chromium: Browser, address: str) -> None:
    for size, scheme in product(SIZES, ("light", "dark") if SHOTS else ("light",)):
        page = visit(chromium, address, "/healthz", size=size, scheme=scheme, script=True)
        pages = {"question": "/r/score-7", "unsubscribe": "/u/leave-7", "missing": "/r/nothing", "thanks": "/r/score-8"}
        for what, path in pages.items():
            page.goto(path)
            if what == "thanks" and page.locator(".scores").count():
                page.get_by_role("button", name="7 out of 10").click()
            shoot(page, f"{what}-{size}-{scheme}")
            page.evaluate("document.documentElement.style.fontSize = '200%'")
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (what, size)
            shoot(page, f"{what}-{size}-{scheme}-200")
        page.context.close()


def test_unsubscribing_by_the_button(chromium: Browser, address: str, book: Ledger) -> None:
    page = visit(chromium, address, "/u/leave-5")
    page.get_by_role("button", name="Stop messages").click()
    page.get_by_role("heading", name="You won’t get more messages").wait_for()
    shoot(page, "unsubscribed-phone")
    with book.read() as c:
        assert {channel for (channel,) in c.execute(sa.select(t.suppressions.c.channel))} == {None}
