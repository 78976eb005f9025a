"""A business's own words in a sentence: shown as text, and in their own direction."""

from types import SimpleNamespace
from typing import Any

from web.languages import languages
from web.phrases import fill, say


def context(language: str) -> Any:
    return {"t": languages()[language]}


def test_a_name_is_shown_as_text_whatever_it_holds() -> None:
    assert fill(context("en"), "A & {x}", x="<b>{0} {{ 7*7 }} %s") == "A &amp; &lt;b&gt;{0} {{ 7*7 }} %s"
    assert say(context("en"), "A & {x}", x="<b>") == "A & <b>"  # the template escapes it


def test_a_name_in_letters_that_run_the_other_way_is_set_apart_and_no_other() -> None:
    name = "Acme (Chicago)"
    assert fill(context("ar"), "زيارة {x}؟", x=name) == f"زيارة <bdi>{name}</bdi>؟"
    assert say(context("ar"), "زيارة {x}؟", x=name) == f"زيارة \u2068{name}\u2069؟"
    assert fill(context("en"), "{x}?", x=name) == f"{name}?"
    assert fill(context("en"), "{x}?", x="مركز <الأسنان>") == "<bdi>مركز &lt;الأسنان&gt;</bdi>?"
    assert say(context("ar"), "{x}؟", x="مركز") == "مركز؟"


def test_numbers_need_no_setting_apart() -> None:
    assert say(context("ar"), "{x} من 10", x=9) == "9 من 10"
    assert fill({"t": SimpleNamespace(direction="ltr")}, "{x}", x=10) == "10"  # type: ignore[arg-type]
