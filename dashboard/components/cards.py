"""Cards in one row of equal height: a label, a figure, a small line with its period, and nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st
from markupsafe import Markup


@dataclass(frozen=True, slots=True)
class Card:
    """`filled` (0..1) draws a bar under the figure; `bands` (label, count, tone) a stacked one."""

    label: str
    figure: str
    of: str = ""  # stands small beside the figure: "/ 200"
    below: str = ""
    filled: float | None = None
    bands: tuple[tuple[str, int, str], ...] = ()


def draw_cards(cards: Sequence[Card]) -> None:
    """All cards in one grid: its rows make them equally high at every width."""
    st.html(Markup('<div class="aw-cards">{}</div>').format(Markup("").join(_card(card) for card in cards)))


def _card(card: Card) -> Markup:
    return Markup(
        '<section class="aw-card" aria-label="{0}"><h3>{0}</h3>'
        '<div class="aw-figure">{1}<small>{2}</small></div>{3}<p>{4}</p></section>'
    ).format(card.label, card.figure, card.of, _bar(card), card.below)


def _bar(card: Card) -> Markup:
    if card.filled is not None:
        width = 100 * min(1.0, max(0.0, card.filled))
        tone = "aw-full" if card.filled >= 1 else ""
        return Markup(
            '<div class="aw-bar" role="progressbar" aria-valuemin="0" aria-valuemax="100" aria-valuenow="{0:.0f}">'
            '<i class="{1}" style="width:{0:.1f}%"></i></div>'
        ).format(width, tone)
    total = sum(count for _, count, _ in card.bands)
    if not total:
        return Markup("")
    parts = Markup("").join(
        Markup('<i class="aw-band-{}" style="flex:{}" title="{} {}"></i>').format(tone, count, count, label)
        for label, count, tone in card.bands
        if count
    )
    return Markup('<div class="aw-bar aw-bands">{}</div>').format(parts)
