"""The figures keep gaps as gaps and say what they show."""

from datetime import date, datetime, timedelta

import plotly.graph_objects as go  # type: ignore[import-untyped]
import polars as pl

from dashboard import chart_tables, charts

START = date(2026, 10, 5)  # a Monday


def weeks(*values: float | None) -> pl.DataFrame:
    rows = [
        {
            "week": START + timedelta(weeks=number),
            "responses": 10,
            "nps": value,
            "low": None if value is None else value - 10,
            "high": None if value is None else value + 10,
        }
        for number, value in enumerate(values)
    ]
    return pl.DataFrame(rows, schema_overrides={"nps": pl.Float64, "low": pl.Float64, "high": pl.Float64})


def drawn(of: pl.DataFrame) -> go.Figure:
    return charts.nps_over_time(of, since=None, until=START)


def test_a_week_without_a_figure_is_a_gap_in_line_and_band() -> None:
    figure = drawn(weeks(10, 20, None, 30, 40))
    bands = [trace for trace in figure.data if trace.fill == "toself"]
    assert len(bands) == 2
    line = figure.data[-1]
    assert line.connectgaps is False
    assert line.y[2] is None


def test_a_week_in_which_nobody_answered_is_a_gap_too() -> None:
    answered = weeks(10, 20, 30, 40, 50).filter(pl.col("week") != START + timedelta(weeks=2))
    figure = drawn(answered)
    assert figure.data[-1].y[2] is None
    assert len([trace for trace in figure.data if trace.fill == "toself"]) == 2


def test_a_week_alone_has_its_interval_as_a_bar_and_its_answers_in_the_hover() -> None:
    bar, line = drawn(weeks(10)).data
    assert (bar.error_y.array, bar.error_y.arrayminus) == ((10,), (10,))
    assert bar.fill is None
    assert "10 answers" in line.hovertext[0]
    assert "NPS −10</b> (−20 to 0)" in drawn(weeks(-10)).data[1].hovertext[0]  # as everywhere: a minus, no "+0"


def test_a_week_alone_stands_among_other_weeks_with_dates() -> None:
    figure = drawn(weeks(10))
    assert list(figure.layout.xaxis.ticktext) == ["5 Oct", "28 Sep", "21 Sep", "14 Sep", "7 Sep", "31 Aug"]


def test_the_axis_stays_within_the_period_and_goes_on_until_its_end() -> None:
    figure = charts.nps_over_time(weeks(10), since=date(2026, 10, 1), until=date(2026, 10, 21))
    assert list(figure.layout.xaxis.ticktext) == ["19 Oct", "12 Oct", "5 Oct", "28 Sep"]


def test_a_long_axis_has_few_dates() -> None:
    assert len(drawn(weeks(*[float(number) for number in range(52)])).layout.xaxis.tickvals) <= 6


def test_the_zero_line_and_the_whole_scale_stay() -> None:
    figure = drawn(weeks(70, 80))
    assert figure.layout.yaxis.range == (-105, 105)
    assert 0 in figure.layout.yaxis.tickvals


def test_the_funnel_labels_each_step_with_its_share_of_what_was_sent() -> None:
    counts = {"planned": 120, "sent": 100, "delivered": 90, "opened": 50, "clicked": 40, "scored": 30, "reviewed": 1}
    figure = charts.funnel(counts)
    labels = dict(zip(figure.data[0].y, figure.data[0].text, strict=True))
    assert labels["Planned"] == "<b>120</b>"
    assert labels["Answered"] == "<b>30</b>  30 %"
    assert labels["Left a review"] == "<b>1</b>  1.0 %"  # as the table beside it says
    assert labels["Chose a platform"] == "<b>0</b>  0 %"
    table = chart_tables.funnel_table(counts)
    assert table["% of sent"].to_list()[1] == 100.0


def test_the_funnels_hover_says_one_invitation_and_two_invitations() -> None:
    bar = charts.funnel({"planned": 2, "sent": 1}).data[0]
    hover = dict(zip(bar.y, bar.hovertext, strict=True))
    assert (hover["Planned"], hover["Sent"]) == ("Planned: 2 invitations", "Sent: 1 invitation")


def test_nothing_sent_is_no_share_and_no_division_by_zero() -> None:
    assert chart_tables.funnel_table({"planned": 3})["% of sent"].null_count() == 8


wall = datetime.fromisoformat  # moments on the account's wall carry no zone here


def ahead(step: timedelta, turns: list[tuple[datetime, str]]) -> go.Figure:
    counts = pl.DataFrame(
        {"at": [wall("2026-11-23"), wall("2026-11-23"), wall("2026-11-26")],
         "channel": ["sms", "email", "email"], "messages": [30, 10, 40]}
    )  # fmt: skip
    return charts.messages_ahead(
        counts, channels={"sms": "SMS", "email": "Email"}, span=(wall("2026-11-23 12:00"), wall("2026-12-07 12:00")),
        step=step, turns=turns, top=40,
    )  # fmt: skip


def test_messages_ahead_are_stacked_by_channel_and_days_without_any_stay_on_the_axis() -> None:
    figure = ahead(timedelta(days=1), [])
    assert figure.layout.barmode == "stack"
    assert [trace.name for trace in figure.data] == ["SMS", "Email"]
    assert figure.data[1].hovertext[1] == "Thu 26 Nov: 40 by Email"
    assert figure.layout.xaxis.range == (wall("2026-11-23"), wall("2026-12-08"))


def test_an_axis_of_few_messages_has_no_halves() -> None:
    counts = pl.DataFrame({"at": [wall("2026-11-23")], "channel": ["sms"], "messages": [2]})
    span = (wall("2026-11-23"), wall("2026-11-30"))
    few, many = (
        charts.messages_ahead(counts, channels={"sms": "SMS"}, span=span, step=timedelta(days=1), turns=(), top=top)
        for top in (2, 50)
    )
    assert (few.layout.yaxis.dtick, many.layout.yaxis.dtick) == (1, None)


def test_the_quota_running_out_and_coming_back_are_lines_with_words() -> None:
    turns = [(wall("2026-11-23 15:00"), "Quota used up"), (wall("2026-12-06"), "Quota comes back")]
    figure = ahead(timedelta(hours=1), turns)
    assert [line.x0 for line in figure.layout.shapes] == [at for at, _ in turns]
    early, late = figure.layout.annotations
    assert (early.xanchor, late.xanchor) == ("left", "right")  # words stay inside the figure
    assert figure.data[0].hovertext[0] == "Mon 23 Nov, 00:00 to 01:00: 30 by SMS"
