"""The figures keep gaps as gaps and say what they show."""

from datetime import date, timedelta

import polars as pl

from dashboard import charts


def weeks(*values: float | None) -> pl.DataFrame:
    start = date(2026, 10, 5)
    rows = [
        {
            "week": start + timedelta(weeks=number),
            "responses": 10,
            "nps": value,
            "low": None if value is None else value - 10,
            "high": None if value is None else value + 10,
        }
        for number, value in enumerate(values)
    ]
    return pl.DataFrame(rows, schema_overrides={"nps": pl.Float64, "low": pl.Float64, "high": pl.Float64})


def test_a_week_without_a_figure_is_a_gap_in_line_and_band() -> None:
    figure = charts.nps_over_time(weeks(10, 20, None, 30, 40))
    bands = [trace for trace in figure.data if trace.fill == "toself"]
    assert len(bands) == 2
    line = figure.data[-1]
    assert line.connectgaps is False
    assert line.y[2] is None


def test_a_single_week_has_a_point_and_no_band() -> None:
    figure = charts.nps_over_time(weeks(10))
    assert len(figure.data) == 1


def test_the_zero_line_and_the_whole_scale_stay() -> None:
    figure = charts.nps_over_time(weeks(70, 80))
    assert figure.layout.yaxis.range == (-105, 105)
    assert 0 in figure.layout.yaxis.tickvals


def test_the_funnel_labels_each_step_with_its_share_of_what_was_sent() -> None:
    counts = {"planned": 120, "sent": 100, "delivered": 90, "opened": 50, "clicked": 40, "scored": 30, "reviewed": 10}
    figure = charts.funnel(counts)
    labels = dict(zip(figure.data[0].y, figure.data[0].text, strict=True))
    assert labels["Planned"] == "<b>120</b>"
    assert labels["Gave a score"] == "<b>30</b>  30 %"
    assert labels["Chose a platform"] == "<b>0</b>  0 %"
    table = charts.funnel_table(counts)
    assert table["% of sent"].to_list()[1] == 100.0


def test_nothing_sent_is_no_share_and_no_division_by_zero() -> None:
    assert charts.funnel_table({"planned": 3})["% of sent"].null_count() == 8
