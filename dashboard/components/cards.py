"""Cards in one row of equal height: a label, a figure, a small line with its period; and what leads on from it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import streamlit as st
from markupsafe import Markup

_STYLE = Path(__file__).parent / "cards.css"


@dataclass(frozen=True, slots=True)
class Lead:
    """A button in a card's corner; `then` is its on_click."""

    label: str
    name: str  # its key
    then: Callable[[], None]
    about: str = ""  # for who hears it: what the label means here


@dataclass(frozen=True, slots=True)
class Card:
    """`filled` (0..1) draws a bar under the figure; `bands` (label, count, tone) a stacked one."""

    label: str
    figure: str
    of: str = ""  # stands small beside the figure: "/ 200"
    below: str = ""
    filled: float | None = None
    bands: tuple[tuple[str, int, str], ...] = ()
    leads: tuple[Lead, ...] = ()  # at most two: there are two corners


def draw_cards(cards: Sequence[Card], name: str = "cards") -> None:
    """All cards in one grid: its rows make them equally high at every width. `name`: one a page."""
    st.html(_STYLE)
    with st.container(key=f"aw_cards_{name}", gap=None):
        for number, card in enumerate(cards):
            with st.container(key=f"aw_card_{name}_{number}", gap=None):
                st.html(_card(card))
                for lead in card.leads:
                    st.button(lead.label, key=lead.name, type="tertiary", help=lead.about or None, on_click=lead.then)


def _card(card: Card) -> Markup:
    return Markup(
        '<section class="aw-card{5}" aria-label="{0}"><h3>{0}</h3>'
        '<div class="aw-figure">{1}<small>{2}</small></div>{3}<p>{4}</p></section>'
    ).format(card.label, card.figure, card.of, _bar(card), card.below, " aw-leads" if card.leads else "")


def _bar(card: Card) -> Markup:
    if card.filled is not None:
        width = 100 * min(1.0, max(0.0, card.filled))
        tone = "aw-full" if card.filled >= 1 else ""
        return Markup(
            '<div class="aw-bar" role="progressbar" aria-label="{1}" aria-valuemin="0" aria-valuemax="100" '
            'aria-valuenow="{0:.0f}"><i class="{2}" style="width:{0:.1f}%"></i></div>'
        ).format(width, f"{card.label}: {card.figure} {card.of}", tone)
    total = sum(count for _, count, _ in card.bands)
    if not total:
        return Markup("")
    parts = Markup("").join(
        Markup('<i class="aw-band-{}" style="flex:{}" title="{}: {:,}"></i>').format(
            tone, count, label.capitalize(), count
        )
        for label, count, tone in card.bands
        if count
    )
    told = ", ".join(f"{label}: {count:,}" for label, count, _ in card.bands).capitalize()
    return Markup('<div class="aw-bar aw-bands" role="img" aria-label="{}">{}</div>').format(told, parts)
