"""What texts ask for, in many languages: a no is heard in any reasonable wording, and "don't stop" is none."""

import tomllib
from pathlib import Path

import pytest

from data.words import EventKind
from invitations.policy import shipped
from invitations.wishes import wish_of

pytestmark = pytest.mark.one_database
CATALOGUES = Path(__file__).parent.parent.parent / "web" / "languages"
TEXTS = tomllib.loads((Path(__file__).parent / "texts.toml").read_text(encoding="utf-8"))
STARTS = ("START", "Unstop.", "opt-in", "開始")
HELPS = ("HELP", "Info", "ayuda", "aide ?")
NEITHER = ("please start", "start stop", "Can we start at 9?", "yes", "don't START texting me", "Thanks for your help")
ODD = (
    "\x00", "\ud800 stop me", "a" * 100_000, "stop by " * 20_000, "“" * 5_000, "\u0301" * 3_000, "(" * 3_000,
)  # fmt: skip


def said(name: str) -> list[tuple[str, str]]:
    return [(language, text) for language, texts in TEXTS[name].items() for text in texts]


def test_a_no_is_heard_in_any_reasonable_wording() -> None:
    assert [one for one in said("no") if wish_of(one[1]) is not EventKind.UNSUBSCRIBED] == []


def test_what_only_looks_like_a_no_is_none() -> None:
    assert [one for one in said("none") if wish_of(one[1]) is EventKind.UNSUBSCRIBED] == []


def test_every_language_that_customers_are_written_to_in_has_its_words() -> None:
    languages = {row["language"]: row for row in shipped("texted")}
    written = {path.stem.partition("_")[0] for path in CATALOGUES.glob("*.po")}
    assert len(written) > 5
    assert {"en", *written} <= set(languages)
    for language, row in languages.items():
        assert all(row[name] for name in ("stop", "phrases", "unless", "start", "help", "polite")), language
        assert language in TEXTS["no"]


def test_start_and_help_are_whole_messages() -> None:
    assert {wish_of(text) for text in STARTS} == {EventKind.RESUBSCRIBED}
    assert {wish_of(text) for text in HELPS} == {EventKind.HELP_ASKED}
    assert [text for text in NEITHER if wish_of(text) in {EventKind.RESUBSCRIBED, EventKind.HELP_ASKED}] == []


@pytest.mark.parametrize("text", ODD, ids=range(len(ODD)))
def test_no_text_is_too_odd_to_be_read(text: str) -> None:
    assert wish_of(text) in EventKind
