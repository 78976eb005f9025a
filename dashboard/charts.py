"""The figures, in one template: light grid, labels at the data instead of a legend, hover in words, zero line kept.

Colours are Streamlit's placeholders for the theme's categorical colours (.streamlit/config.toml): the browser puts in
those of the theme that is on, light or dark, so a figure never has to know.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from importlib import import_module
from typing import Any

import plotly.graph_objects as go  # type: ignore[import-untyped]
import polars as pl

from dashboard.comparing import score
from dashboard.wording import counted, share

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
_FEW = 5  # messages of a day, below which the axis would be parted into fractions
_MOST_TICKS = 6
STEPS = (  # of the funnel, as data.warehouse.overview.Stage names them
    ("planned", "Planned"),
    ("sent", "Sent"),
    ("delivered", "Accepted or delivered"),
    ("opened", "Opened"),
    ("clicked", "Clicked"),
    ("scored", "Answered"),
    ("platform_chosen", "Chose a platform"),
    ("reviewed", "Left a review"),
)

import_module("pandas")  # plotly looks at it wherever it is loaded: half loaded by another session's page, it breaks
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

    `weeks`: week, responses, nps, low, high; the last three null in a gap (data.warehouse.overview.nps_weeks).
    `since`, `until`: the period's first and last day (None: since ever).
    """
    weeks = _with_silent_weeks(weeks)
    figure = go.Figure(layout={"template": TEMPLATE})
    for run in _unbroken(weeks):
        figure.add_trace(_band(run) if len(run) > 1 else _bar(run[0]))
    said = [
        f"Week of {_day(row['week'])}<br><b>NPS {score(row['nps'])}</b> ({score(row['low'])} to {score(row['high'])})"
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
            customdata=[week.isoformat() for week in weeks["week"]],
        )
    )
    days = _axis(weeks["week"].to_list(), since, until)
    shown = days[:: -max(1, -(-len(days) // _MOST_TICKS))]  # counted from the newest, which always has its date
    _write_axes_darker(figure)
    figure.update_xaxes(
        range=[days[0] - _WEEK / 2, days[-1] + _WEEK / 2], tickvals=shown, ticktext=[_day(day) for day in shown]
    )
    figure.update_yaxes(range=[-105, 105], tickvals=_NPS_TICKS, ticktext=[score(tick) for tick in _NPS_TICKS])
    return figure


def funnel(counts: Mapping[str, int]) -> go.Figure:
    """From planned to review, a bar a step, each labelled with its count and its share of what was sent."""
    names = [name for _, name in STEPS][::-1]
    values = [counts.get(step, 0) for step, _ in STEPS][::-1]
    sent = counts.get("sent", 0)
    labels = [
        f"<b>{value:,}</b>" if name == "Planned" or not sent else f"<b>{value:,}</b>  {share(value, sent)}"
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
            hovertext=[f"{name}: {counted(value, 'invitation')}" for name, value in zip(names, values, strict=True)],
            hovertemplate="%{hovertext}<extra></extra>",
            customdata=[step for step, _ in STEPS][::-1],
        ),
        layout={"template": TEMPLATE},
    )
    figure.update_layout(bargap=0.38)
    _write_axes_darker(figure)
    figure.update_xaxes(visible=False, range=[0, max([*values, 1]) * 1.9])  # room for the labels on a phone
    figure.update_yaxes(showgrid=False, zeroline=False)
    return figure


def messages_ahead(
    counts: pl.DataFrame,
    *,
    channels: Mapping[str, str],
    span: tuple[datetime, datetime],
    step: timedelta,
    turns: Sequence[tuple[datetime, str]],
    top: int,
) -> go.Figure:
    """Messages that would go, stacked by channel: a bar for each day or hour. Dotted lines: the quota out, and back.

    `counts`: at (the start of a day or hour), channel, messages. All moments are on the wall of the account's zone,
    without it. `channels`: what each is called, in the order of stacking. `turns`: moments with their words. `top`: the
    highest bar, the same for figures side by side.
    """
    figure = go.Figure(layout={"template": TEMPLATE})
    for (channel, name), color in zip(channels.items(), (SERIES, PASSIVES, DETRACTORS), strict=False):
        rows = counts.filter(pl.col("channel") == channel)
        figure.add_trace(
            go.Bar(
                x=[at + step / 2 for at in rows["at"]],
                y=rows["messages"].to_list(),
                width=step / timedelta(milliseconds=1) * 0.8,
                name=name,
                marker={"color": color, "cornerradius": 2},
                hovertext=[f"{_stretch(at, step)}: {count:,} by {name}" for at, count in rows["at", "messages"].rows()],
                hovertemplate="%{hovertext}<extra></extra>",
            )
        )
    for number, (at, words) in enumerate(turns):
        is_late = at - span[0] > (span[1] - span[0]) * 0.6
        figure.add_vline(x=at, line={"color": DETRACTORS, "width": 1.5, "dash": "dot"})
        figure.add_annotation(
            x=at, y=1.0 - 0.09 * (number % 3), yref="paper", text=words, showarrow=False,
            xanchor="right" if is_late else "left", xshift=-4 if is_late else 4, font={"color": TEXT, "size": 12},
        )  # fmt: skip
    days = _days_between(*span)
    shown = days[:: -(-len(days) // _MOST_TICKS)]
    figure.update_layout(
        barmode="stack",
        margin={"t": 30 if len(channels) > 1 else 8},
        showlegend=len(channels) > 1,  # stacked bars have no room for a label
        legend={
            "orientation": "h",
            "x": 0,
            "y": 1.02,
            "yanchor": "bottom",
            "traceorder": "normal",
            "font": {"color": TEXT, "size": 12},
            "itemclick": False,
            "itemdoubleclick": False,
        },
    )
    _write_axes_darker(figure)
    figure.update_xaxes(
        range=[days[0], days[-1] + timedelta(days=1)],
        tickvals=[day + timedelta(hours=12) for day in shown],
        ticktext=[_day(day) for day in shown],
        tickangle=0,
    )
    figure.update_yaxes(
        range=[0, max(top, 1) * (1.35 if turns else 1.1)],
        dtick=1 if top < _FEW else None,  # there are no half messages
    )
    return figure


def _write_axes_darker(figure: go.Figure) -> None:
    """Streamlit's theme writes axes too faintly to read (3.7:1), and overrules a template: so on the figure itself."""
    for update in (figure.update_xaxes, figure.update_yaxes):
        update(tickfont={"color": TEXT, "size": 12})


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


def _days_between(since: datetime, until: datetime) -> list[datetime]:
    """Midnight of each day that the span touches."""
    first = since.replace(hour=0, minute=0, second=0, microsecond=0)
    last = until - timedelta(microseconds=1)
    return [first + number * timedelta(days=1) for number in range((last - first).days + 1)]


def _stretch(at: datetime, step: timedelta) -> str:
    """ "Mon 23 Nov", or with an hour "Mon 23 Nov, 09:00 to 10:00"."""
    day = f"{at:%a} {_day(at)}"
    return day if step >= timedelta(days=1) else f"{day}, {at:%H:%M} to {at + step:%H:%M}"


def _day(day: date) -> str:
    return f"{day.day} {day:%b}"
