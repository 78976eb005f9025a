"""The figures, in one template: light grid, labels at the data instead of a legend, hover in words, zero line kept.

Colours are Streamlit's placeholders for the theme's categorical colours (.streamlit/config.toml): the browser puts in
those of the theme that is on, light or dark, so a figure never has to know.
"""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import plotly.graph_objects as go  # type: ignore[import-untyped]
import polars as pl

SERIES = PROMOTERS = "#000001"
PASSIVES = "#000002"
DETRACTORS = "#000003"
QUIET = "#000004"
TEXT = "#000005"
CONFIG = {"displayModeBar": False, "scrollZoom": False, "doubleClick": False, "showTips": False}
HEIGHT = 330
_NPS_TICKS = [-100, -50, 0, 50, 100]
_WEEK = timedelta(weeks=1)
_FEWEST_WEEKS = 6  # on the axis of NPS: a lone week stands among others, not in a void
_MOST_TICKS = 6
_STEPS = (
    ("planned", "Planned"),
    ("sent", "Sent"),
    ("delivered", "Accepted or delivered"),
    ("opened", "Opened"),
    ("clicked", "Clicked"),
    ("scored", "Gave a score"),
    ("platform_chosen", "Chose a platform"),
    ("reviewed", "Left a review"),
)

TEMPLATE = go.layout.Template(
    layout=go.Layout(
        font={"family": "Inter, sans-serif", "size": 13, "color": TEXT},
        colorway=[SERIES, PASSIVES, DETRACTORS, QUIET],
        margin={"l": 0, "r": 8, "t": 8, "b": 0},
        showlegend=False,
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        dragmode=False,
        hoverlabel={"font": {"family": "Inter, sans-serif", "size": 13}},
        xaxis={"showgrid": False, "fixedrange": True, "automargin": True, "ticks": ""},
        yaxis={"fixedrange": True, "automargin": True, "ticks": "", "zeroline": True},
    )
)


def nps_over_time(weeks: pl.DataFrame, *, since: date | None, until: date) -> go.Figure:
    """NPS by week with its 95 % interval: a band, or a bar for a week alone; weeks with too few answers are gaps.

    `weeks`: week, responses, nps, low, high; the last three null in a gap (queries/nps_by_week.sql). `since`, `until`:
    the period's first and last day (None: since ever).
    """
    weeks = _with_silent_weeks(weeks)
    figure = go.Figure(layout={"template": TEMPLATE})
    for run in _unbroken(weeks):
        figure.add_trace(_band(run) if len(run) > 1 else _bar(run[0]))
    said = [
        f"Week of {_day(row['week'])}<br><b>NPS {row['nps']:+.0f}</b> ({row['low']:+.0f} to {row['high']:+.0f})"
        f"<br>{row['responses']} answers"
        if row["nps"] is not None
        else ""
        for row in weeks.iter_rows(named=True)
    ]
    figure.add_trace(
        go.Scatter(
            x=weeks["week"].to_list(),
            y=weeks["nps"].to_list(),
            mode="lines+markers",
            connectgaps=False,
            line={"color": SERIES, "width": 2.5},
            marker={"size": 6, "color": SERIES},
            hovertext=said,
            hovertemplate="%{hovertext}<extra></extra>",
        )
    )
    days = _axis(weeks["week"].to_list(), since, until)
    shown = days[:: -max(1, -(-len(days) // _MOST_TICKS))]  # counted from the newest, which always has its date
    _write_axes_darker(figure)
    figure.update_xaxes(
        range=[days[0] - _WEEK / 2, days[-1] + _WEEK / 2], tickvals=shown, ticktext=[_day(day) for day in shown]
    )
    figure.update_yaxes(
        range=[-105, 105], tickvals=_NPS_TICKS, ticktext=[f"{tick:+d}" if tick else "0" for tick in _NPS_TICKS]
    )
    return figure


def funnel(counts: Mapping[str, int]) -> go.Figure:
    """From planned to review, a bar a step, each labelled with its count and its share of what was sent."""
    names = [name for _, name in _STEPS][::-1]
    values = [counts.get(step, 0) for step, _ in _STEPS][::-1]
    sent = counts.get("sent", 0)
    labels = [
        f"<b>{value:,}</b>" if name == "Planned" or not sent else f"<b>{value:,}</b>  {100 * value / sent:.0f} %"
        for name, value in zip(names, values, strict=True)
    ]
    figure = go.Figure(
        go.Bar(
            x=values,
            y=names,
            orientation="h",
            marker={"color": [QUIET if name == "Planned" else SERIES for name in names], "cornerradius": 3},
            text=labels,
            textposition="outside",
            textfont={"color": TEXT, "size": 13},
            cliponaxis=False,
            hovertemplate="%{y}: %{x:,} invitations<extra></extra>",
        ),
        layout={"template": TEMPLATE},
    )
    figure.update_layout(bargap=0.38)
    _write_axes_darker(figure)
    figure.update_xaxes(visible=False, range=[0, max([*values, 1]) * 1.5])  # room for the labels on a phone
    figure.update_yaxes(showgrid=False, zeroline=False)
    return figure


def nps_table(weeks: pl.DataFrame) -> pl.DataFrame:
    """The numbers behind NPS by week, under headings a reader knows."""
    return weeks.select(
        pl.col("week").alias("Week of"),
        pl.col("responses").alias("Answers"),
        pl.col("promoters").alias("Promoters (9–10)"),
        pl.col("passives").alias("Passives (7–8)"),
        pl.col("detractors").alias("Detractors (0–6)"),
        pl.col("nps").round(0).alias("NPS"),
    )


def funnel_table(counts: Mapping[str, int]) -> pl.DataFrame:
    """The funnel's numbers as a table: step, invitations, share of sent in per cent."""
    sent = counts.get("sent", 0)
    return pl.DataFrame(
        [
            {"Step": name, "Invitations": counts.get(step, 0), "% of sent": _percent(counts.get(step, 0), sent)}
            for step, name in _STEPS
        ],
        schema={"Step": pl.String, "Invitations": pl.Int64, "% of sent": pl.Float64},
    )


def _write_axes_darker(figure: go.Figure) -> None:
    """Streamlit's theme writes axes too faintly to read (3.7:1), and overrules a template: so on the figure itself."""
    for update in (figure.update_xaxes, figure.update_yaxes):
        update(tickfont={"color": TEXT, "size": 12})


def _percent(part: int, whole: int) -> float | None:
    return round(100 * part / whole, 1) if whole else None


def _unbroken(weeks: pl.DataFrame) -> list[list[dict[str, Any]]]:
    """The stretches of weeks with a figure: a band must not bridge a gap."""
    runs: list[list[dict[str, Any]]] = [[]]
    for row in weeks.iter_rows(named=True):
        if row["nps"] is None:
            runs.append([])
        else:
            runs[-1].append(row)
    return [run for run in runs if run]


def _with_silent_weeks(weeks: pl.DataFrame) -> pl.DataFrame:
    """With a row for each week in which nobody answered: they are gaps too, and a line must not bridge them."""
    return weeks.sort("week").upsample("week", every="1w") if weeks.height > 1 else weeks


def _axis(days: list[date], since: date | None, until: date) -> list[date]:
    """The Mondays to show: those with answers and up to now, at least six of them if the period has as many."""
    last = max([_monday(until), *days])
    first = min([last - (_FEWEST_WEEKS - 1) * _WEEK, *days])
    if since is not None:
        first = max(first, _monday(since))
    return [first + number * _WEEK for number in range((last - first) // _WEEK + 1)]


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def _bar(row: dict[str, Any]) -> go.Scatter:
    """The interval of a week whose neighbours have no figure."""
    return go.Scatter(
        x=[row["week"]],
        y=[row["nps"]],
        mode="markers",
        marker={"size": 1, "color": SERIES},
        error_y={
            "type": "data",
            "symmetric": False,
            "array": [row["high"] - row["nps"]],
            "arrayminus": [row["nps"] - row["low"]],
            "color": SERIES,
            "thickness": 2,
            "width": 7,
        },
        hoverinfo="skip",
    )


def _band(run: list[dict[str, Any]]) -> go.Scatter:
    days = [row["week"] for row in run]
    return go.Scatter(
        x=days + days[::-1],
        y=[row["high"] for row in run] + [row["low"] for row in run[::-1]],
        fill="toself",
        fillcolor=SERIES,
        opacity=0.2,
        line={"width": 0},
        mode="lines",
        hoverinfo="skip",
    )


def _day(day: date) -> str:
    return f"{day.day} {day:%b}"
