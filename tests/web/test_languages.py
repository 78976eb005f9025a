"""The catalogues are whole and say what English says; each visitor gets theirs."""

import re
import string
import unicodedata
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from babel.messages.catalog import Catalog, Message

from data.ledger.responses import Platform
from data.words import Channel, PageMode
from invitations.respond import ReviewPage, UnsubscribePage
from web.languages import COUNTED, FOLDER, UNSAID, languages, read_catalogue, texts_for
from web.looks import LOGO_LIMIT, Looks
from web.texts import ENGLISH, STARS, Texts

CATALOGUES = sorted(FOLDER.glob("*.po"))
SAID = {field.name for field in fields(Texts)} - set(UNSAID)
PAGE_BUDGET = 30_000 - LOGO_LIMIT * 4 // 3  # what is left beside a logo
# A letter that only this language's writing has, of the beginnings of Unicode's names.
LETTERS = {
    "ar": "ARABIC", "ja": "HIRAGANA|KATAKANA|CJK", "ko": "HANGUL", "ru": "CYRILLIC", "zh": "CJK", "zh_Hant": "CJK",
}  # fmt: skip
NOT_OF_IT = {"zh": "HIRAGANA|KATAKANA", "zh_Hant": "HIRAGANA|KATAKANA"}
OTHER_CHARACTERS = {"zh": "們請這個後頁顆讓還給寫訊電網滿發從對選", "zh_Hant": "们请这个后页颗让还给写讯电网满发从对选"}


def forms(said: str | tuple[str, ...] | list[str] | None) -> tuple[str, ...]:
    return (said,) if isinstance(said, str) else tuple(said or ("",))


def gaps(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def messages(catalogue: Catalog) -> dict[str, Message]:
    return {message.context or "": message for message in catalogue if message.id}


@pytest.fixture(params=CATALOGUES, ids=lambda path: path.stem)
def catalogue(request: pytest.FixtureRequest) -> tuple[str, Catalog]:
    path: Path = request.param
    return path.stem, read_catalogue(path)


def test_there_are_twelve_languages_and_chinese_in_both_its_scripts() -> None:
    assert {name.partition("_")[0] for name in languages()} == {
        "ar", "en", "es", "fil", "fr", "ja", "ko", "pl", "pt", "ru", "vi", "zh",
    }  # fmt: skip
    assert {texts.language for texts in languages().values()} >= {"zh-Hans", "zh-Hant", "pt-BR"}
    assert {name for name, texts in languages().items() if texts.direction == "rtl"} == {"ar"}


def test_no_message_is_missing_and_none_was_translated_from_an_english_that_has_changed(
    catalogue: tuple[str, Catalog],
) -> None:
    found = messages(catalogue[1])
    assert found.keys() == SAID
    assert not catalogue[1].obsolete
    for name, message in found.items():
        english = STARS if name == COUNTED else getattr(ENGLISH, name)
        assert message.id == english, f"{name}: the English of this message has changed; translate it anew"
        assert not message.fuzzy, name
        assert all(forms(message.string)), name


def test_every_gap_is_kept_and_every_language_counts_in_its_own_forms(catalogue: tuple[str, Catalog]) -> None:
    for name, message in messages(catalogue[1]).items():
        assert list(message.check(catalogue[1])) == [], name  # Babel's checks: as many forms as the language has
        for said in forms(message.string):
            if name == COUNTED:  # "one star" may be without a number
                assert gaps(said) <= {"count"}, said
            else:
                assert gaps(said) == gaps(str(message.id)), f"{name}: {said}"


def test_every_message_is_in_the_letters_of_its_language_and_none_was_left_in_english(
    catalogue: tuple[str, Catalog],
) -> None:
    language, messages_of = catalogue[0], messages(catalogue[1])
    for name, message in messages_of.items():
        for said in forms(message.string):
            assert said not in forms(message.id), name
            assert not re.search(r"[!！¡]|\s$|^\s|  ", said), said  # no shouting, no stray spaces
            names = {unicodedata.name(sign, "").split(" ")[0].split("-")[0] for sign in said}
            assert name == "score_name" or any(re.fullmatch(LETTERS.get(language, "LATIN"), each) for each in names)
            assert not any(re.fullmatch(NOT_OF_IT.get(language, "CYRILLIC" if language != "ru" else "-"), each)
                           for each in names)  # fmt: skip
            assert not set(said) & set(OTHER_CHARACTERS.get(language, "")), said


def test_stars_are_counted_as_each_language_counts() -> None:
    assert languages()["en"].stars == ("1 star", "2 stars", "3 stars", "4 stars", "5 stars")
    assert languages()["pl"].stars == ("1 gwiazdka", "2 gwiazdki", "3 gwiazdki", "4 gwiazdki", "5 gwiazdek")
    assert languages()["ru"].stars[0::4] == ("1 звезда", "5 звёзд")
    assert languages()["ar"].stars[:3] == ("نجمة واحدة", "نجمتان", "3 نجوم")
    assert all(len(set(texts.stars)) == 5 for texts in languages().values())


@pytest.mark.parametrize(
    ("locale", "accept", "default", "language"),
    [
        ("es-MX", "fr-CA,fr;q=0.9", "pl", "es"),  # the customer's own goes before the browser's
        ("es_US", "", "en", "es"),
        (None, "fr-CA,fr;q=0.9,en;q=0.8", "pl", "fr"),
        (None, "en;q=0.5, ko;q=0.9, ja;q=0.7", "pl", "ko"),  # the most wanted, wherever it stands
        (None, "sv-SE,sv;q=0.9,en;q=0.5", "pl", "en"),  # passed over, then one that they read too
        (None, "sv", "pl", "pl"),
        (None, "*", "ar", "ar"),
        (None, "", "ar", "ar"),
        ("sv", "", "nl", "en"),
        ("", "de;q=0, en;q=0", "vi", "vi"),  # q=0: not this one
        ("zh-TW", "", "en", "zh-Hant"),
        ("zh-HK", "", "en", "zh-Hant"),
        ("zh-Hant-HK", "", "en", "zh-Hant"),
        ("zh", "", "en", "zh-Hans"),
        ("zh-CN", "", "en", "zh-Hans"),
        ("zh-Hans-HK", "", "en", "zh-Hans"),
        ("tl", "", "en", "fil"),
        ("PT", "", "en", "pt-BR"),
        ("es-XX-whatever", "", "en", "es"),
        ("english", "ES", "fr", "es"),
    ],
)
def test_a_visitor_reads_their_own_language(locale: str | None, accept: str, default: str, language: str) -> None:
    assert texts_for(locale, accept, default).language == language


@pytest.mark.parametrize(
    "header",
    ["../../etc/passwd", "en/../../x", "e", ";;;,,,", "es;q=abc", "es;q=2;q=1", "\x00", "ä", "-", "a-" * 9000,
     "en_" * 9, "x" * 100_000, ",".join(["zz-zz"] * 5000)],
)  # fmt: skip
def test_a_header_that_is_none_changes_nothing(header: str) -> None:
    assert texts_for(header, header, header) is ENGLISH
    assert texts_for(None, header, "fr").language == "fr"


def pages(texts: Texts) -> dict[str, str]:
    """Each page as a customer of that language gets it, by what it is."""
    shown: dict[str, Any] = {"business_name": "Acme Dental", "location_name": "Acme Chicago", "color": "#0F766E",
                             "logo": None, "locale": None, "language": "en"}  # fmt: skip
    platforms = [Platform(1, "google", "Google", "https://google.example/")]
    review = ReviewPage(**shown, mode=PageMode.SCORE, is_scored=False, platforms=platforms, direct=None)
    looks, made = Looks(), {}

    def add(name: str, template: str, page: object, **values: Any) -> None:
        made[name] = bytes(looks.page(template, texts=texts, token="t", page=page, **values).body).decode()

    for template in ("question.html", "stars.html", "platforms.html", "thanks.html"):
        add(template, template, review, is_told=True, problem=texts.choose_number)
        add(f"{template}, chosen", template, review, chosen=4)
    for channel in Channel:
        leave = UnsubscribePage(**shown, channel=channel, is_unsubscribed=False)
        for is_done, scope in ((False, None), (True, None), (True, channel)):
            add(f"{channel} {is_done} {scope}", "unsubscribe.html", leave, is_done=is_done, scope=scope)
    return made


@pytest.mark.parametrize("name", sorted(languages()))
def test_every_page_speaks_one_language_says_which_and_stays_small(name: str) -> None:
    texts = languages()[name]
    others = {
        re.split(r"\{.*?\}", said)[0] for field, said in vars_of(ENGLISH).items() if said != getattr(texts, field)
    }
    for what, page in pages(texts).items():
        assert f'<html lang="{texts.language}" dir="{texts.direction}">' in page, what
        assert len(page.encode()) < PAGE_BUDGET, what
        words = re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL)
        assert not [said for said in others if len(said) > 9 and said in words], what
        assert not re.search(r"\{\w+\}", words), what  # no gap was left open


def vars_of(texts: Texts) -> dict[str, str]:
    return {name: getattr(texts, name) for name in SAID - {COUNTED}}
