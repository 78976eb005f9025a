"""Filling the gaps of a text with a business's own words, so that neither markup nor the other direction breaks it.

A name in letters that run the other way would take the signs around it along (Acme (Chicago) in Arabic): it is set
apart, by <bdi> within a page and by isolates where no markup can be (https://www.unicode.org/reports/tr9/).
"""

import unicodedata

from jinja2 import pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape

_ISOLATE, _END = "\u2068", "\u2069"
_OTHER_WAY = {"ltr": frozenset({"R", "AL"}), "rtl": frozenset({"L"})}


@pass_context
def fill(context: Context, text: str, **values: object) -> Markup:
    """`text` with its gaps filled, for a page; every value is shown as text."""
    direction = context["t"].direction
    return Markup(escape(text)).format(  # noqa: S704  (escaped, and Markup.format escapes what is filled in)
        **{name: Markup("<bdi>{}</bdi>").format(value) if _runs_other(value, direction) else value
           for name, value in values.items()}
    )  # fmt: skip


@pass_context
def say(context: Context, text: str, **values: object) -> str:
    """`text` with its gaps filled, for a title or an attribute."""
    direction = context["t"].direction
    return text.format(
        **{name: f"{_ISOLATE}{value}{_END}" if _runs_other(value, direction) else value
           for name, value in values.items()}
    )  # fmt: skip


def _runs_other(value: object, direction: str) -> bool:
    return any(unicodedata.bidirectional(sign) in _OTHER_WAY[direction] for sign in str(value))
