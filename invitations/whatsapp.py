"""Our WhatsApp texts as Meta takes them: fixed words, and values by number.

    Hi {{ first_name or 'there' }}, thank you for your visit.      Hi {{1}}, thank you for your visit.
                                                              ->
    {{ link }}                                                     a button to https://reviews.example/r/{{2}}

A line that holds the link alone becomes a button, in a language that TITLES knows; else the link stays in the text.
The n-th value of the text is number n, a button's link the last. Rules: provider-contracts, section 2.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from itertools import pairwise

from jinja2 import Environment
from jinja2.exceptions import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from connectors import ConfigurationError, TemplateText
from data.words import TemplateCategory

LONGEST_TEXT = 1024  # characters of an approved body, samples filled in
TITLES = {  # what the button says, at most 20 characters
    "en": "Tell us how it was",
    "de": "Rückmeldung geben",
    "es": "Dar mi opinión",
    "fr": "Donner mon avis",
    "it": "Lascia un parere",
    "pt": "Dar minha opinião",
}
SAMPLES = {
    "first_name": "Ana",
    "last_name": "Ruiz",
    "location": "Acme Chicago",
    "employee": "Dr. Lee",
    "service": "check-up",
}
_SAMPLE_LINK = "Zm9vYmFyYmF6cXV4"  # as long as a link's token is
_ALWAYS_KNOWN = ("location",)
_WORD = re.compile(r"\w+")
_SPACES = re.compile(r" {5,}")
_environment = ImmutableSandboxedEnvironment(autoescape=False)


class UnfitTemplate(ConfigurationError):
    """A text that Meta would not take; the message says what was found and how to mend it."""


@dataclass(frozen=True, slots=True)
class Numbered:
    """A text taken apart: `pieces` are fixed words (str) and values (int, their number)."""

    pieces: tuple[str | int, ...]
    expressions: Mapping[int, str]  # by number: "first_name or 'there'"
    link: int  # the link's number; 0 when there is none
    has_button: bool  # the link stands on a line of its own

    def text(self, link_address: str) -> str:
        """The text as submitted; the link is `link_address` and its token's number."""
        return "".join(self._written(piece, link_address) for piece in self.pieces).strip()

    def button_text(self) -> str:
        """The text as submitted without the link's own line."""
        rest = "".join(self._written(piece, "") for piece in self.pieces if piece != self.link)
        return re.sub(r"\n\s*\n\s*\n", "\n\n", rest).strip()

    def _written(self, piece: str | int, link_address: str) -> str:
        if isinstance(piece, str):
            return piece
        return f"{link_address if piece == self.link else ''}{{{{{piece}}}}}"


@lru_cache(maxsize=256)
def numbered(body: str, language: str = "en") -> Numbered:
    """A Jinja text taken apart. Raises UnfitTemplate where it is not words and values only."""
    parts = list(_parts(body.strip()))
    links = [at for at, (kind, value) in enumerate(parts) if kind == "value" and value == "link"]
    has_button = len(links) == 1 and language.partition("-")[0] in TITLES and _is_alone(parts, links[0])
    pieces: list[str | int] = []
    expressions: dict[int, str] = {}
    for at, (kind, value) in enumerate(parts):
        if kind == "words":
            pieces.append(value)
        elif has_button and at == links[0]:
            pieces.append(0)  # numbered when all others are
        else:
            expressions[len(expressions) + 1] = value
            pieces.append(len(expressions))
    if has_button:
        expressions[len(expressions) + 1] = "link"
        pieces = [len(expressions) if piece == 0 else piece for piece in pieces]
    number = next((number for number, value in expressions.items() if value == "link"), 0)
    return Numbered(tuple(pieces), expressions, number, has_button)


def _parts(body: str) -> Iterator[tuple[str, str]]:
    """("words", …) and ("value", its expression), in order."""
    expression: list[str] | None = None
    try:
        for _line, kind, value in Environment.lex(_environment, body):
            if kind == "variable_begin":
                expression = []
            elif kind == "variable_end" and expression is not None:
                yield "value", " ".join("".join(expression).split())
                expression = None
            elif kind in ("block_begin", "raw_begin"):
                raise UnfitTemplate(
                    "found {% … %}, and Meta approves one fixed text with values in it: write words and values only, "
                    "such as {{ first_name or 'there' }}"
                )
            elif expression is not None:
                expression.append(value)
            elif kind == "data":
                yield "words", value
    except TemplateError as problem:
        raise UnfitTemplate(f"it is no template ({problem.message})") from None
    if expression is not None:
        raise UnfitTemplate("it is no template (a {{ is never closed)")


def _is_alone(parts: list[tuple[str, str]], at: int) -> bool:
    before = "" if at == 0 else parts[at - 1][1] if parts[at - 1][0] == "words" else "x"
    after = "" if at + 1 == len(parts) else parts[at + 1][1] if parts[at + 1][0] == "words" else "x"
    return (not before.strip(" \t") or before.rstrip(" \t").endswith("\n")) and (
        not after.strip(" \t") or after.lstrip(" \t").startswith("\n")
    )


def values_of(body: str, language: str, values: Mapping[str, str], link: str) -> dict[str, str]:
    """One message's values by number: {"1": "Ana", "2": the link's token}."""
    parts = numbered(body, language)
    given = {**values, "link": link.rpartition("/")[2]}
    return {str(number): _filled(value, given) for number, value in parts.expressions.items()}


@lru_cache(maxsize=1024)
def _compiled(expression: str) -> object:
    return _environment.from_string(f"{{{{ {expression} }}}}")


def _filled(expression: str, values: Mapping[str, str]) -> str:
    return " ".join(str(_compiled(expression).render(values)).split())  # type: ignore[attr-defined]


def faults_of(body: str, language: str = "en") -> list[str]:
    """What Meta would reject a text for, each with how to mend it; [] when nothing."""
    try:
        parts = numbered(body, language)
    except UnfitTemplate as problem:
        return [str(problem)]
    return [*_link_faults(parts), *_place_faults(parts), *_value_faults(parts)]


def _link_faults(parts: Numbered) -> Iterator[str]:
    spelled = [value for value in parts.expressions.values() if re.search(r"\blink\b", value)]
    if spelled != ["link"]:
        yield (
            f"found the link {len(spelled)} times or changed: write {{{{ link }}}} once and as it is; on a line of its "
            "own it becomes a button"
        )


def _place_faults(parts: Numbered) -> Iterator[str]:
    """Where values may stand: within words, never side by side, and few for the words there are."""
    pieces = [piece for piece in parts.pieces if not (parts.has_button and piece == parts.link)]
    pieces = [piece for piece in pieces if not isinstance(piece, str) or piece.strip()] or [""]
    for where, piece in (("begins", pieces[0]), ("ends", pieces[-1])):
        if isinstance(piece, int):
            shown = parts.expressions[piece]
            yield f"it {where} with {{{{ {shown} }}}}, and Meta wants words there: add some"
    for one, other in pairwise(pieces):
        if isinstance(one, int) and isinstance(other, int):
            yield (
                f"{{{{ {parts.expressions[one]} }}}} and {{{{ {parts.expressions[other]} }}}} stand side by side, and "
                "Meta rejects that: put words between them"
            )
    count = sum(isinstance(piece, int) for piece in pieces)
    words = sum(len(_WORD.findall(piece)) for piece in pieces if isinstance(piece, str))
    if words < 2 * count + 1:
        yield (
            f"found {words} words beside {count} values, and Meta wants at least {2 * count + 1}: say more, or use "
            "fewer values"
        )
    if any(isinstance(piece, str) and _SPACES.search(piece) for piece in pieces):
        yield "found more than four spaces in a row, which Meta rejects: use one"


def _value_faults(parts: Numbered) -> Iterator[str]:
    """A value that is empty for some customer: WhatsApp refuses the whole message."""
    unknown = {name: SAMPLES[name] if name in _ALWAYS_KNOWN else "" for name in SAMPLES} | {"link": _SAMPLE_LINK}
    for expression in parts.expressions.values():
        try:
            is_empty = not _filled(expression, unknown)
        except TemplateError as problem:
            yield f"{{{{ {expression} }}}} cannot be worked out ({problem.message})"
            continue
        if is_empty:
            yield (
                f"{{{{ {expression} }}}} is empty for customers of whom it is not known, and WhatsApp takes no empty "
                f"value: write for example {{{{ {expression} or 'there' }}}}"
            )


def template_text(
    slug: str, body: str, *, language: str, category: TemplateCategory, location: str, public_url: str
) -> TemplateText:
    """A text as it is submitted: named anew whenever anything of it, or the address of web/, is another.

    Meta keeps the name of a rejected or deleted template blocked for 30 days. Raises UnfitTemplate.
    """
    if faults := faults_of(body, language):
        raise UnfitTemplate("; ".join(faults))
    parts = numbered(body, language)
    samples = values_of(body, language, {**SAMPLES, "location": location}, f"/{_SAMPLE_LINK}")
    address = link_address(public_url)
    text = parts.text(address)
    button = parts.button_text() if parts.has_button else None
    for said in filter(None, (text, button)):
        length = len(re.sub(r"\{\{(\d+)\}\}", lambda found: samples[found[1]], said))
        if length > LONGEST_TEXT:
            raise UnfitTemplate(f"it has {length:,} characters, and Meta takes {LONGEST_TEXT:,}: shorten it")
    told = "\n".join((text, language, category.value, str(parts.has_button)))
    return TemplateText(
        name=f"{slug}_{language.lower()}_{sha256(told.encode()).hexdigest()[:8]}".replace("-", "_"),
        language=language,
        text=text,
        samples=samples,
        button_text=button,
        button_title=TITLES[language.partition("-")[0]] if button else None,
        button_address=f"{address}{{{{{parts.link}}}}}" if button else None,
    )


def link_address(public_url: str) -> str:
    """What stands before a link's token."""
    return f"{public_url.rstrip('/')}/r/"


def misfit(body: str, language: str, says: tuple[str, ...], public_url: str) -> str | None:
    """Why an approved template must not carry our values; None when it may.

    Values go by number: one too few, or the link's in another place, and a customer reads nonsense.
    """
    parts = numbered(body, language)
    theirs = {int(number) for text in says for number in re.findall(r"\{\{(\d+)\}\}", text)}
    if theirs != set(parts.expressions):
        return (
            f"the template at the provider has {len(theirs)} values and the text in the account's file has "
            f"{len(parts.expressions)}"
        )
    link = f"{link_address(public_url)}{{{{{parts.link}}}}}"
    if not any(link in text for text in says):
        return f"the template at the provider does not lead to {link}"
    return None
