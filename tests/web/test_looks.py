"""Contrasts, computed as WCAG 2.2 does, over the colours that the style sheet really has."""

import hashlib
import re
from base64 import b64encode
from itertools import product
from pathlib import Path

import pytest

import web
from data.words import Channel
from invitations.respond import UnsubscribePage
from web import colours
from web.languages import languages
from web.looks import LOGO_LIMIT, Looks, style_of
from web.texts import ENGLISH

STYLE = (Path(web.__file__).parent / "static" / "pages.css").read_text()
THEMES = [dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", block)) for block in re.findall(r":root \{([^}]*)\}", STYLE)]


@pytest.mark.parametrize("theme", THEMES, ids=["light", "dark"])
def test_text_and_borders_can_be_made_out(theme: dict[str, str]) -> None:
    for text, ground in (("text", "card"), ("soft", "card"), ("note-text", "note"), ("card", "text")):
        assert colours.contrast(theme[text], theme[ground]) >= 4.5, (text, ground)
    for line, ground in (("line", "card"), ("focus", "card"), ("focus", "page")):
        assert colours.contrast(theme[line], theme[ground]) >= 3, (line, ground)


def test_text_on_any_colour_of_a_business_can_be_read() -> None:
    for red, green, blue in product(range(0, 256, 15), repeat=3):
        color = f"#{red:02x}{green:02x}{blue:02x}"
        assert colours.contrast(color, colours.text_on(color)) >= 4.5, color


@pytest.mark.parametrize("color", ["red", "#fff", "#0f766e;}", "", "#0f766e\n", "url(x)"])
def test_what_is_no_colour_becomes_the_house_colour(color: str) -> None:
    assert colours.style_sheet(color).startswith(":root{--brand:#0F766E;--on-brand:#ffffff;--edge:#0f766e}")


def test_edges_in_any_colour_of_a_business_can_be_made_out_on_both_cards() -> None:
    for red, green, blue in product(range(0, 256, 51), repeat=3):
        color = f"#{red:02x}{green:02x}{blue:02x}"
        for card in colours.CARDS:
            assert colours.contrast(colours.shade(color, card), card) >= 4.5, (color, card)
    assert colours.shade("#0f766e", "#ffffff") == "#0f766e"  # what can be made out already stays as it is


def test_the_cards_are_those_of_the_style_sheet() -> None:
    assert tuple(theme["card"] for theme in THEMES) == colours.CARDS


def test_there_are_two_themes_with_the_same_names() -> None:
    light, dark = THEMES
    assert light.keys() == dark.keys()


def test_a_pages_style_is_in_its_location_s_colour_and_named_by_its_hash() -> None:
    style = style_of("#123456")
    assert style.text.startswith(":root{--brand:#123456;")
    assert "/*" not in style.text
    assert style.sha256 == b64encode(hashlib.sha256(style.text.encode()).digest()).decode()
    assert style.sha256 != style_of("#654321").sha256


@pytest.mark.parametrize(("size", "is_shown"), [(LOGO_LIMIT, True), (LOGO_LIMIT + 1, False)])
def test_a_logo_is_inside_the_page_and_a_page_with_it_stays_one_request_under_30_kb(size: int, is_shown: bool) -> None:
    page = Looks().page(
        "unsubscribe.html", texts=languages()["ru"], logo=("image/png", b"x" * size), token="t" * 24, is_done=False,
        page=UnsubscribePage("Acme Dental " * 8, "Acme " * 20, "#0F766E", None, None, "ru", Channel.SMS, False),
    )  # fmt: skip
    assert (b'<img src="data:image/png;base64,' in page.body) is is_shown
    assert len(page.body) < 30_000


def test_texts_promise_and_threaten_nothing() -> None:
    words = " ".join(str(getattr(ENGLISH, name)) for name in ENGLISH.__slots__ if "stars" not in name)
    assert not re.search(r"5.star|five star|reward|discount|happy|!", words, re.IGNORECASE)
