"""What a customer's text asks for, in any reasonable wording: to be left alone, to be written to again, help.

47 CFR 64.1200(a)(10): whoever texts back in words that a reasonable person takes for a no has said no; keywords are
only the plainest of them. The words are data, data/rules/texted.toml, in many languages at once. Read so that a no
taken by mistake is likelier than one overheard, and a START not taken likelier than one made up.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from data.words import EventKind
from invitations.policy import shipped

_LONGEST = 1600  # characters of a text; more than an SMS can be says nothing further
_SHORT_QUOTE = 24  # characters: somebody who writes "STOP" with the quotes means it
_QUOTED = re.compile(r'"[^"]*"|“[^”]*”|«[^»]*»|„[^“”]*[“”]|「[^」]*」')  # a phone's reactions quote what they react to
_ELISION = re.compile(r"\b([djlmnst]|qu)['’](?=\w)", re.IGNORECASE)  # French and Italian: two words
_APOSTROPHES = re.compile("['’‘ʼ`´]")
_SENTENCE_END = re.compile(r"[.!?,;:\n\r…。！？、，；：،؟؛।]+|\s[-–—]+\s")
_NOT_LETTERS = re.compile(r"[^\w\s🛑⛔🚫✋]+")
_STRETCHED = re.compile(r"(\w)\1{2,}")
_SAID_TWICE = re.compile(r"\b(\w+)( \1\b)+|([🛑⛔🚫✋])\3+")
_NO_SPACES_FROM = "\u2e80"  # Chinese, Japanese, Korean
_APART = " . "  # between sentences
_WITHOUT_MARKS = str.maketrans("łøđıæœ", "lodiao")


@dataclass(frozen=True, slots=True)
class _Words:
    """All languages' words, folded."""

    stop: frozenset[str]
    alone: frozenset[str]  # the whole message only
    squeezed: frozenset[str]  # both, without any spaces
    start: frozenset[str]
    help: frozenset[str]
    polite: tuple[str, ...]
    phrases: tuple[re.Pattern[str], ...]
    unless: tuple[re.Pattern[str], ...]


def wish_of(text: str) -> EventKind:
    """UNSUBSCRIBED, RESUBSCRIBED, HELP_ASKED, or REPLIED for a text that asks for none of these."""
    words = _words()
    said = _SENTENCE_END.split(_unquoted(text[:_LONGEST]))
    sentences = [sentence for part in said if (sentence := _folded(part))]
    whole = " ".join(sentences)
    if whole in words.start:
        return EventKind.RESUBSCRIBED
    if whole in words.help:
        return EventKind.HELP_ASKED
    return EventKind.UNSUBSCRIBED if _is_no(sentences, whole, words) else EventKind.REPLIED


def _is_no(sentences: list[str], whole: str, words: _Words) -> bool:
    if whole.replace(" ", "") in words.squeezed:
        return True
    told = _APART.join(sentences)
    for exception in words.unless:
        told = exception.sub(_APART, told)
    if any(phrase.search(told) for phrase in words.phrases):
        return True
    left = [sentence for part in told.split(_APART) if (sentence := part.strip(" ."))]
    ends = {" ".join(left), *left[:1], *left[-1:]}
    return any(core in words.stop for sentence in ends for core in _cores(sentence, words.polite))


def _cores(text: str, polite: tuple[str, ...]) -> Iterator[str]:
    """The text, then with one polite word after the other taken from its ends."""
    yield text
    while text:
        for word in polite:
            apart = "" if word[0] >= _NO_SPACES_FROM else " "
            if text.startswith(word + apart):
                text = text[len(word + apart) :].strip()
                break
            if text.endswith(apart + word):
                text = text[: -len(apart + word)].strip()
                break
        else:
            return
        yield text


def _unquoted(text: str) -> str:
    """Without what is quoted from somebody else: our own text tells how to opt out."""
    return _QUOTED.sub(lambda found: found[0][1:-1] if len(found[0]) <= _SHORT_QUOTE else " ", text)


def _folded(text: str) -> str:
    """Lower case, without accents, marks, punctuation, stretched letters and repeated words."""
    plain = _NOT_LETTERS.sub(" ", _without_marks(text))
    return " ".join(_SAID_TWICE.sub(r"\1\3", _STRETCHED.sub(r"\1", " ".join(plain.split()))).split())


def _without_marks(text: str) -> str:
    apart = unicodedata.normalize("NFKD", _APOSTROPHES.sub("", _ELISION.sub(r"\1 ", text)).casefold())
    bare = "".join(letter for letter in apart if unicodedata.category(letter) != "Mn")
    return unicodedata.normalize("NFC", bare).translate(_WITHOUT_MARKS)


@cache
def _words() -> _Words:
    rows: list[dict[str, Any]] = shipped("texted")

    def all_of(*names: str) -> Iterator[str]:
        return (word for row in rows for name in names for word in row.get(name, ()))

    return _Words(
        stop=_set(all_of("stop")),
        alone=_set(all_of("alone")),
        squeezed=frozenset(word.replace(" ", "") for word in _set(all_of("stop", "alone"))),
        start=_set(all_of("start")),
        help=_set(all_of("help")),
        polite=tuple(sorted(_set(all_of("polite")), key=len, reverse=True)),
        phrases=_patterns(all_of("phrases")),
        unless=_patterns(all_of("unless")),
    )


def _set(words: Iterable[str]) -> frozenset[str]:
    return frozenset(map(_folded, words))


def _patterns(patterns: Iterable[str]) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(_without_marks(pattern)) for pattern in patterns)
