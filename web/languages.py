"""The languages of customers' pages: one catalogue each (`web/languages/*.po`), read at start without a build step.

English is in web/texts.py, and what a catalogue lacks is said in it. A file's name is the language it serves (`zh`, or
`zh_Hant` for one script of it), its header what it is written in.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from functools import cache, lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any

from babel import Locale, UnknownLocaleError
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations

from web.texts import ENGLISH, STARS, Texts

FOLDER = Path(__file__).parent / "languages"
COUNTED, UNSAID = "stars", ("language", "direction")  # of the fields of Texts: in several forms; not in catalogues

_TAG = re.compile(r"[a-z]{2,3}(-[a-z0-9]{2,8}){0,3}", re.IGNORECASE)  # as much of RFC 5646 as tells languages apart
_LONGEST_HEADER, _MOST_TAGS = 1000, 20  # of Accept-Language: a browser sends a tenth


def texts_for(locale: str | None, accept_language: str, default: str) -> Texts:
    """The words for one visitor: the customer's own language, else the first the browser asks for, else the default.

    A tag is served by its language, whatever the region (`es-MX` by `es`), Chinese by its script. What nobody has a
    catalogue for is passed over; if nothing is left it is English.
    """
    for tag in (locale or "", *_accepted(accept_language), default):
        if (texts := _served(tag)) is not None:
            return texts
    return ENGLISH


@cache
def languages() -> Mapping[str, Texts]:
    """Every language that there is, by the name of its catalogue."""
    return {"en": ENGLISH, **{path.stem: _texts(read_catalogue(path)) for path in sorted(FOLDER.glob("*.po"))}}


def read_catalogue(path: Path) -> Catalog:
    """One catalogue. Raises babel.messages.pofile.PoFileError where it can't be read."""
    with path.open("rb") as file:
        return read_po(file, abort_invalid=True)


def _texts(catalogue: Catalog) -> Texts:
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    said = Translations(compiled)
    words: dict[str, Any] = {
        field.name: said.pgettext(field.name, getattr(ENGLISH, field.name))
        for field in fields(Texts)
        if field.name not in (*UNSAID, COUNTED)
    }
    stars = tuple(said.npgettext(COUNTED, *STARS, count).format(count=count) for count in range(1, 6))
    locale = catalogue.locale or Locale("en")
    return replace(
        ENGLISH, language=str(locale).replace("_", "-"), direction=locale.text_direction, stars=stars, **words
    )


def _accepted(header: str) -> Iterator[str]:
    """The tags of an Accept-Language header, the most wanted first (RFC 9110, section 12.5.4)."""
    weighed = []
    for part in header[:_LONGEST_HEADER].split(",")[:_MOST_TAGS]:
        tag, _, weight = part.partition(";")
        quality = re.fullmatch(r"\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*", weight, re.ASCII | re.IGNORECASE)
        if not weight or (quality and float(quality[1]) > 0):
            weighed.append((-float(quality[1]) if quality else -1.0, tag.strip()))
    return (tag for _, tag in sorted(weighed, key=lambda one: one[0]))


@lru_cache(maxsize=1024)  # tags are what visitors send: a bounded number is remembered
def _served(tag: str) -> Texts | None:
    if not _TAG.fullmatch(tag := tag.replace("_", "-")):
        return None
    for known in (tag, tag.partition("-")[0]):
        try:
            locale = Locale.parse(known, sep="-")
        except (ValueError, UnknownLocaleError):
            continue
        return languages().get(f"{locale.language}_{locale.script}") or languages().get(locale.language)
    return None
