"""NPS by location, employee, service, template, channel or list: a row each, with its interval and how it compares."""

from functools import partial
from typing import Any

import polars as pl
import streamlit as st
from markupsafe import Markup

from dashboard.comparing import against_rest, score
from dashboard.components.behind import DIMENSION, member_name, put_behind, put_member
from dashboard.components.page import PAGE_SIZE, back_to_first_page, current_page, empty, pager
from dashboard.components.rows import Button, Column, draw_rows
from dashboard.desk import Desk
from dashboard.exporting import export_buttons
from data.warehouse import overview
from data.warehouse.overview import MINIMUM_ANSWERS, Dimension, Member, Stage
from data.warehouse.pages import Page

_WORDS = {DIMENSION[dimension]: dimension for dimension in Dimension}
_EVERY_ONE = 100_000


def show_breakdown(desk: Desk) -> None:
    """The choice of what to tell apart by, and the table."""
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="bottom"):
        with st.container(width="content"):
            st.html(
                '<h2 class="aw-chart">NPS, told apart</h2><p class="aw-faint">Each with its 95 % interval, and '
                "compared with all others together.</p>"
            )
            word = st.segmented_control(
                "By", list(_WORDS), default="Location", required=True, key="by", bind="query-params",
                label_visibility="collapsed", on_change=back_to_first_page, args=("members",),
            )  # fmt: skip
        by = _WORDS.get(word or "", Dimension.LOCATION)
        export_buttons(f"nps_by_{by}", partial(_whole, desk, by))
    table = st.container()
    number = current_page("members")
    rows, members = overview.nps_by_member(desk.reader, desk.scope, by, Page(number, PAGE_SIZE))
    if not members:
        empty("No scores in this period", "They are told apart here once customers have answered.", name="members")
        return
    with table:
        draw_rows(
            "members", rows.with_row_index("number").to_dicts(), _columns(by), lambda row: row["number"],
            lambda row: _buttons(Member(by, row["member"])),
        )  # fmt: skip
    if members > PAGE_SIZE:
        pager("members", members, DIMENSION[by].lower(), f"{DIMENSION[by].lower()}s")


def _columns(by: Dimension) -> list[Column]:
    return [
        Column(DIMENSION[by], lambda row: _strong(member_name(Member(by, row["member"]))), "1.5fr"),
        Column("Answers", lambda row: f"{row['responses']:,}", "0.6fr", is_number=True),
        Column("NPS", _figure, "0.6fr", is_number=True),
        Column("95 % interval", _interval, "1fr", on_phone=False),
        Column("Against the rest", _compared, "1.4fr"),
    ]


def _buttons(member: Member) -> list[Button]:
    return [
        Button("Over time", ":material/show_chart:", "member_weeks", lambda _: put_member(member)),
        Button("See who", ":material/group:", "member_who", lambda _: put_behind(Stage.ANSWERED, member)),
    ]


def _strong(name: str) -> Markup:
    return Markup('<div class="aw-strong aw-two" title="{0}">{0}</div>').format(name)


def _figure(row: dict[str, Any]) -> Markup:
    if row["nps"] is None:
        return Markup('<span class="aw-faint" title="Shown from {} answers">–</span>').format(MINIMUM_ANSWERS)
    return Markup('<span class="aw-score">{}</span>').format(score(row["nps"]))


def _interval(row: dict[str, Any]) -> Markup:
    """The interval as a bar on the scale from −100 to +100, and in words."""
    if row["nps"] is None:
        return Markup('<span class="aw-faint">Shown from {} answers</span>').format(MINIMUM_ANSWERS)
    left, width = (row["low"] + 100) / 2, (row["high"] - row["low"]) / 2
    return Markup(
        '<div class="aw-interval" aria-hidden="true"><i style="left:{:.1f}%;width:{:.1f}%"></i>'
        '<b style="left:{:.1f}%"></b></div><span class="aw-faint">{} to {}</span>'
    ).format(left, width, (row["nps"] + 100) / 2, score(row["low"]), score(row["high"]))


def _compared(row: dict[str, Any]) -> str:
    return against_rest(row["against_rest"], row["low_against_rest"], row["high_against_rest"])


def _whole(desk: Desk, by: Dimension) -> pl.DataFrame:
    rows, _ = overview.nps_by_member(desk.reader, desk.scope, by, Page(1, _EVERY_ONE))
    return rows.select(
        pl.col("member").map_elements(lambda name: member_name(Member(by, name)), pl.String).alias(DIMENSION[by]),
        pl.col("responses").alias("Answers"),
        pl.col("promoters").alias("Promoters (9–10)"),
        pl.col("passives").alias("Passives (7–8)"),
        pl.col("detractors").alias("Detractors (0–6)"),
        pl.col("nps").round(1).alias("NPS"),
        pl.col("low").round(1).alias("Lowest of the 95 % interval"),
        pl.col("high").round(1).alias("Highest of the 95 % interval"),
        pl.Series("Against the rest", [_compared(row) for row in rows.iter_rows(named=True)], dtype=pl.String),
    )
