"""The Overview's cards of figures, each leading to the people behind it, and the table that compares two periods."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import polars as pl
import streamlit as st

from dashboard.comparing import (
    NO_CHANGE,
    change_in_words,
    duration,
    longer_or_shorter,
    percent,
    score,
    up_or_down,
)
from dashboard.components.behind import put_behind
from dashboard.components.cards import Card, Lead
from dashboard.desk import Desk
from dashboard.exporting import export_buttons
from dashboard.wording import counted, short_day
from data.intervals import Change
from data.warehouse import overview
from data.warehouse.overview import MINIMUM_ANSWERS, MINIMUM_REVIEWS, MINIMUM_SENT, Figure, Stage

_BANDS = ("promoters", "passives", "detractors")


@dataclass(frozen=True, slots=True)
class Measure:
    """A figure, and how it and its change are said."""

    name: str
    figure: Figure
    say: Callable[[float], str]
    say_change: Callable[[Change], str]
    minimum: int
    one: str  # what is counted
    stage: Stage

    @property
    def least(self) -> str:
        """ "20 sent", "5 answers"."""
        return f"{self.minimum} {self.one}{'' if self.one == 'sent' else 's'}"


def rate_measures(desk: Desk, steps: dict[str, int]) -> list[Measure]:
    """Open, click and response rate, and the time to a review."""
    found = overview.rates(desk.reader, desk.scope, steps)
    in_points = partial(up_or_down, factor=100)
    rates = [
        Measure(name, found[stage], percent, in_points, MINIMUM_SENT, "sent", stage)
        for name, stage in (
            ("Open rate", Stage.OPENED), ("Click rate", Stage.CLICKED), ("Response rate", Stage.SCORED),
        )
    ]  # fmt: skip
    times = overview.hours_to_review(desk.reader, desk.scope)
    return [
        *rates,
        Measure("Median time to review", times, duration, longer_or_shorter, MINIMUM_REVIEWS, "review", Stage.TIMED),
    ]


def answer_measures(desk: Desk) -> list[Measure]:
    """NPS and, where a location asks for stars, the mean of those: they are no NPS."""
    nps, stars = overview.answers(desk.reader, desk.scope)
    measures = [Measure("NPS", nps, score, up_or_down, MINIMUM_ANSWERS, "answer", Stage.ANSWERED)]
    if stars.count or stars.count_before:
        measures.append(Measure("Stars given", stars, _stars, _stars_change, MINIMUM_ANSWERS, "answer", Stage.STARRED))
    return measures


def card(measure: Measure, desk: Desk) -> Card:
    """The measure as a card."""
    figure, of = measure.figure, counted(measure.figure.count, measure.one)
    if measure.one == "sent":
        of = f"{figure.parts[0]:,} of {figure.count:,}"
    lead = Lead("See who", f"who_{measure.stage}", partial(put_behind, measure.stage), f"Who is behind {measure.name}")
    return Card(
        measure.name,
        "–" if figure.estimate is None else measure.say(figure.estimate.value),
        of=of if figure.count else "",
        below=change_in_words(figure, desk.before, measure.least, measure.say_change),
        bands=_bands(measure),
        leads=(lead,) if figure.count else (),
    )


def _bands(measure: Measure) -> tuple[tuple[str, int, str], ...]:
    if measure.stage is not Stage.ANSWERED:
        return ()
    return tuple(
        (word, count, word[:-1]) for word, count in zip(_BANDS, measure.figure.parts, strict=True)
    )  # fmt: skip


def show_comparison(desk: Desk, measures: list[Measure]) -> None:
    """Every figure with its interval and its change, in words and as a file."""
    now = overview.spans(desk.scope)
    if now is None:
        return
    with st.expander(f"Compared with {desk.before}", key="comparison", on_change="rerun") as opened:
        if not opened.open:
            return
        days = [f"{short_day(span.first, desk.now)} to {short_day(span.last, desk.now)}" for span in (now, now.before)]
        st.html(
            f'<p class="aw-faint">{days[0]} with {days[1]}: whole days, and each span as it stood at its own end, so '
            "that older messages have not had more time. Intervals are 95 % ones.</p>"
        )
        table = comparison(measures)
        st.dataframe(table, hide_index=True, key="comparison_table")
        export_buttons("compared", lambda: table)


def comparison(measures: list[Measure]) -> pl.DataFrame:
    """A row a measure: the period's figure, its interval, and the change with its interval."""
    return pl.DataFrame(
        [
            {
                "Measure": measure.name,
                "Of": measure.figure.count,
                "Figure": measure.say(found.value) if (found := measure.figure.estimate) else None,
                "95 % interval": f"{measure.say(found.low)} to {measure.say(found.high)}" if found else None,
                "Change": _change(measure),
                "Interval of the change": _change_interval(measure),
            }
            for measure in measures
        ],
        schema={
            "Measure": pl.String, "Of": pl.Int64, "Figure": pl.String, "95 % interval": pl.String, "Change": pl.String,
            "Interval of the change": pl.String,
        },
    )  # fmt: skip


def _change(measure: Measure) -> str:
    change = measure.figure.change
    if change is None:
        return "Too few to compare"
    return measure.say_change(change) if change.is_detected else NO_CHANGE


def _change_interval(measure: Measure) -> str | None:
    change = measure.figure.change
    if change is None:
        return None
    if measure.stage is Stage.TIMED:
        return f"{change.low:+.1f} to {change.high:+.1f} hours".replace("-", "−")
    factor = 100 if measure.one == "sent" else 1
    return f"{factor * change.low:+.1f} to {factor * change.high:+.1f} {_unit(measure)}".replace("-", "−")


def _unit(measure: Measure) -> str:
    return "stars" if measure.stage is Stage.STARRED else "points"


def _stars(value: float) -> str:
    return f"{value:.1f}"


def _stars_change(change: Change) -> str:
    return up_or_down(change).replace("point", "star")
