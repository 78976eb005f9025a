"""A customer with a real browser. Screenshots of every page are kept where AFTERWORD_SHOTS names a folder."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser, Page

from data.ledger import tables as t
from data.ledger.migrate import migrate
from data.ledger.store import open_ledger
from data.settings import Settings
from data.words import EventKind, Evidence, PageMode
from tests import browser
from tests.web.client import PHONE
from tests.web.served import served
from tests.web.town import PLATFORMS, Town, all_pages, make_town

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SHOTS = os.environ.get("AFTERWORD_SHOTS")
SIZES = {"phone": (360, 740), "desktop": (1280, 800)}
LANGUAGES = {"en": None, "ar": "ar", "ja": "ja-JP", "es": "es-MX"}
# Contrasts are the same in every language; for screenshots it is all of them in both.
LOOKS = dict.fromkeys(LANGUAGES, ("light", "dark")) if SHOTS else {"en": ("light", "dark"), "ar": ("light",), "es": ()}
WIDTHS = {"en": (320, 1280), "ar": (320,), "es": (360,)}
# WCAG 2.2, levels A and AA, and what axe itself holds to be good practice; in the other theme only what differs there.
_ALL = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
RULES: dict[str, Any] = {"light": _ALL, "dark": {"type": "rule", "values": ["color-contrast"]}}
# What makes one link weigh more than another: all that can be seen of it, and where it stands.
_BOX = "one => { const box = one.getBoundingClientRect(); return [box.x, box.y, box.width, box.height]; }"
_WEIGHT = """link => {
  const seen = getComputedStyle(link), box = link.getBoundingClientRect();
  const names = ["color", "backgroundColor", "borderTopColor", "borderTopWidth", "fontSize", "fontWeight", "opacity",
    "visibility", "textDecorationLine", "boxShadow", "order"];
  return [link.innerText, box.x, box.y, box.width, box.height, ...names.map(name => seen[name])];
}"""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser.chromium() as started:
        yield started


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """SQLite only: what the databases differ in is tested without a browser."""
    ledger = open_ledger(Settings(home=tmp_path_factory.mktemp("town")))
    migrate(ledger)
    yield make_town(ledger)
    ledger.close()


@pytest.fixture(scope="module")
def address(town: Town) -> Iterator[str]:
    with served(town.ledger) as found:
        yield found


@pytest.fixture(scope="module")
def pages(town: Town) -> dict[str, dict[str, str]]:
    """Every page in each of LANGUAGES."""
    return {name: all_pages(town, locale, at=name) for name, locale in LANGUAGES.items()}


@pytest.fixture(scope="module")
def tab(chromium: Browser, address: str) -> Iterator[Page]:
    """One for all tests: a window and a process of its own for each cost more than what is looked at in it."""
    context = chromium.new_context(user_agent=PHONE, base_url=address)
    yield context.new_page()
    context.close()


@pytest.fixture
def page(tab: Page) -> Iterator[Page]:
    """A phone; JavaScript is on so that tests can measure, though no page has any."""
    tab.set_viewport_size(_size("phone"))
    tab.emulate_media(color_scheme="light")
    yield tab
    tab.goto("about:blank")


def _size(name: str) -> Any:
    return dict(zip(("width", "height"), SIZES[name], strict=True))


def shoot(page: Page, name: str) -> None:
    if SHOTS:
        for size in reversed(SIZES):
            page.set_viewport_size(_size(size))
            page.screenshot(path=Path(SHOTS) / f"{name}-{size}.png", full_page=True)


def each(page: Page, selector: str, script: str) -> list[Any]:
    """What `script`, a function, makes of every element found; in one call to the browser."""
    found: list[Any] = page.locator(selector).evaluate_all(f"all => all.map({script})")
    return found


def sizes(page: Page, selector: str) -> list[tuple[int, int]]:
    return [(round(width), round(height)) for _, _, width, height in each(page, selector, _BOX)]


def test_whatever_is_answered_leads_to_the_same_links_in_the_same_order_and_size(page: Page, town: Town) -> None:
    seen: list[Any] = []
    answers = [(PageMode.SCORE, score, f"{score} out of 10") for score in range(11)]
    answers += [(PageMode.STARS, stars, f"{stars} star{'s' if stars > 1 else ''}") for stars in range(1, 6)]
    for mode, value, name in answers:
        token = f"walk-{mode.value}-{value}"
        town.ask(token, town.places[mode])
        page.goto(f"/r/{token}")
        page.get_by_role("button", name=name, exact=True).click()
        page.wait_for_url("**?after=score")
        links, fields = each(page, "main a", _WEIGHT), each(page, "main textarea, main button", _WEIGHT)
        seen.append((page.locator("body").inner_text(), links, fields))
    assert [link[0] for link in seen[0][1]] == [f"Write a review on {platform}" for platform in PLATFORMS]
    assert all(other == seen[0] for other in seen)
    town.ask("walk-platforms", town.places[PageMode.PLATFORMS])
    page.goto("/r/walk-platforms")  # nothing is asked there, and the links stand as high as the others
    assert list(map(_weight, each(page, "main a", _WEIGHT))) == list(map(_weight, seen[0][1]))
    with town.ledger.read() as c:
        given = c.execute(
            sa.select(t.scores.c.score, t.scores.c.stars)
            .join(t.requests, t.requests.c.invitation_id == t.scores.c.invitation_id)
            .where(t.requests.c.link_token.startswith("walk-"))
        ).all()
    assert sorted(score for score, _ in given if score is not None) == list(range(11))
    assert sorted(stars for _, stars in given if stars is not None) == list(range(1, 6))


def _weight(link: list[Any]) -> list[Any]:
    return link[:2] + link[3:]  # but for how far down: a heading of two lines stands above it, or of one


def test_a_customer_without_javascript_answers_by_keyboard_writes_and_goes_on(
    chromium: Browser, address: str, town: Town
) -> None:
    town.ask("plain", town.places[PageMode.STARS])
    context = chromium.new_context(java_script_enabled=False, user_agent=PHONE, base_url=address)
    page = context.new_page()
    page.goto("/r/plain?stars=5")  # pressed in the mail, and changed
    page.get_by_text("It counts once you send it").wait_for()
    for _ in range(4):  # past the button that confirms, to the third star
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**?after=score")
    page.get_by_label("Your message").fill("The wait was long.")
    page.get_by_role("button", name="Send message").click()
    page.wait_for_url("**?after=comment")
    page.get_by_role("status").wait_for()
    with town.ledger.write() as c:  # a platform that this machine has
        c.execute(t.platforms.update().values(url=f"{address}/healthz").where(
            t.platforms.c.location_id == town.places[PageMode.STARS]
        ))  # fmt: skip
    page.get_by_role("link", name="Write a review on Google").click()
    page.wait_for_url("**/healthz")
    context.close()
    with town.ledger.read() as c:
        own = sa.select(t.requests.c.invitation_id).where(t.requests.c.link_token == "plain")
        score = c.execute(t.scores.select().where(t.scores.c.invitation_id.in_(own))).one()
        events = t.events.select().where(t.events.c.invitation_id.in_(own)).order_by(t.events.c.event_id)
        kinds = [(row.kind, row.evidence) for row in c.execute(events)]
    assert (score.score, score.stars, score.comment) == (None, 3, "The wait was long.")
    assert kinds == [
        (EventKind.CLICKED, Evidence.HUMAN),
        (EventKind.SCORED, Evidence.HUMAN),
        (EventKind.COMMENTED, Evidence.HUMAN),
        (EventKind.PLATFORM_CHOSEN, Evidence.HUMAN),
    ]


def test_a_page_is_one_request_of_less_than_30_kb_and_refuses_nothing_of_its_own(
    page: Page, pages: dict[str, dict[str, str]]
) -> None:
    asked: list[str] = []
    said: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda line: said.append(line.text))  # a browser says there what a policy refused
    for path in pages["en"].values():
        asked.clear()
        answer = page.goto(path)
        assert answer is not None
        weight = len(answer.body()) + sum(len(name) + len(value) + 4 for name, value in answer.all_headers().items())
        assert weight < 30_000, path
        assert [each for each in asked if not each.startswith("data:")] == [answer.url]
        assert page.locator("script").count() == 0
        assert page.evaluate("getComputedStyle(document.querySelector('header')).backgroundColor") != "rgba(0, 0, 0, 0)"
    assert [line for line in said if "404" not in line] == []
    page.goto(pages["en"]["branch"])
    assert page.evaluate("document.querySelector('header img').naturalWidth") == 240


@pytest.mark.parametrize("language", LOOKS)
def test_axe_finds_no_fault_targets_are_large_and_nothing_runs_off_the_side_of_any_page(
    page: Page, pages: dict[str, dict[str, str]], language: str
) -> None:
    for what, path in pages[language].items():
        page.set_viewport_size(_size("phone"))
        page.goto(path)
        page.evaluate(Axe().axe_script)
        for scheme in LOOKS[language]:
            axe_finds_no_fault(page, what, scheme)
            shoot(page, f"{what}-{language}-{scheme}")
        for width in WIDTHS.get(language, ()):
            targets_are_large_and_nothing_runs_off_the_side(page, what, width)


def axe_finds_no_fault(page: Page, what: str, scheme: Any) -> None:
    page.emulate_media(color_scheme=scheme)
    options = {"runOnly": RULES[scheme], "resultTypes": ["violations", "incomplete"]}
    found = page.evaluate("options => axe.run(options)", options)
    assert len(found["passes"]) >= (10 if scheme == "light" else 1)
    faults = [(fault["id"], [node["html"] for node in fault["nodes"]]) for fault in found["violations"]]
    assert faults == [], (what, scheme)
    # What axe could not judge, it says too: only the stars, of whose colour test_looks knows.
    unsure = {node["html"] for fault in found["incomplete"] for node in fault["nodes"]}
    assert unsure <= {'<span aria-hidden="true">★</span>'}, (what, scheme)


def targets_are_large_and_nothing_runs_off_the_side(page: Page, what: str, width: int) -> None:
    """With letters twice as large too."""
    page.set_viewport_size({"width": width, "height": 740})
    for size in sizes(page, "button, main a, .choice"):
        assert min(size) >= 44, (what, width, size)
    assert len(set(sizes(page, ".platforms a"))) <= 1, (what, width)  # a longer name makes none of them larger
    assert page.evaluate("document.documentElement.scrollWidth") <= width, (what, width)
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    assert page.evaluate("document.documentElement.scrollWidth") <= width, (what, width)
    cut = page.evaluate(
        "[...document.querySelectorAll('button, main a, p, h1, h2, label')]"
        ".filter(each => each.scrollWidth > each.clientWidth + 1).map(each => each.innerText)"
    )
    assert cut == [], (what, width)
    page.evaluate("document.documentElement.style.fontSize = ''")


def test_buttons_stand_in_two_rows_on_a_phone_and_in_one_on_a_desk_all_of_one_size(
    page: Page, pages: dict[str, dict[str, str]]
) -> None:
    for what, size, rows in (("question", "phone", 2), ("question", "desktop", 1), ("stars", "phone", 1)):
        page.set_viewport_size(_size(size))
        page.goto(pages["en"][what])
        tops = {round(top) for _, top, _, _ in each(page, ".scores button", _BOX)}
        assert len(tops) == rows
        assert len(set(sizes(page, ".scores button"))) <= 2  # all alike, but for a pixel of rounding


def test_arabic_runs_from_right_to_left_with_its_numbers_and_names_whole(
    page: Page, pages: dict[str, dict[str, str]]
) -> None:
    page.set_viewport_size(_size("desktop"))
    page.goto(pages["ar"]["branch"])
    assert page.evaluate("getComputedStyle(document.body).direction") == "rtl"
    places = [left for left, _, _, _ in each(page, ".scores button", _BOX)]
    assert places == sorted(places, reverse=True)  # 0 where reading begins
    assert page.locator(".scores button").all_inner_texts() == [str(score) for score in range(11)]
    lowest, highest = (page.locator(where).evaluate(_START_OF_TEXT) for where in ("#lowest", "#highest"))
    assert lowest > highest  # each label under its end of the scale
    assert page.locator("h1 bdi").inner_text() == "Acme New York (Broadway)"
    logo, name = (page.locator(f"header {part}").bounding_box() for part in ("img", "strong bdi"))
    assert logo is not None
    assert name is not None
    assert logo["x"] > name["x"]


_START_OF_TEXT = """each => {
  const range = document.createRange();
  range.selectNodeContents(each);
  return range.getBoundingClientRect().x;
}"""


def test_unsubscribing_by_the_button(page: Page, town: Town) -> None:
    town.ask("leaving", town.places[PageMode.SCORE])
    page.goto("/u/u-leaving")
    page.get_by_role("button", name="Stop messages").click()
    page.get_by_role("heading", name="You won’t get more messages").wait_for()
    with town.ledger.read() as c:
        left = sa.select(t.events.c.kind).join(t.requests, t.requests.c.request_id == t.events.c.request_id)
        kinds = set(c.execute(left.where(t.requests.c.link_token == "leaving")).scalars())
    assert EventKind.UNSUBSCRIBED in kinds
