"""Overview: the quota, what invitations bring and how sure that is, NPS told apart; and who is behind each figure."""

from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path

import polars as pl
import streamlit as st
from markupsafe import Markup

from dashboard import chart_tables, charts
from dashboard.comparing import score
from dashboard.components.behind import (
    DIMENSION,
    STAGE,
    draw_behind,
    linked_behind,
    linked_member,
    member_name,
    put_behind,
    put_member,
)
from dashboard.components.breakdown import show_breakdown
from dashboard.components.cards import draw_cards
from dashboard.components.figures import answer_measures, card, rate_measures, show_comparison
from dashboard.components.invited import draw_invited
from dashboard.components.page import empty, title
from dashboard.components.quota import quota_cards
from dashboard.components.rows import Button, Column, draw_rows
from dashboard.desk import Desk, here
from dashboard.exporting import export_buttons
from dashboard.wording import counted, long_day, share, short_day
from data.warehouse import overview, pages
from data.warehouse.overview import MINIMUM_ANSWERS, Member, Stage

_STYLE = Path(__file__).parents[1] / "components/overview.css"
_FUNNEL = tuple(Stage)[: tuple(Stage).index(Stage.REVIEWED) + 1]


def _nps_chart(desk: Desk) -> None:
    member = linked_member()
    weeks = overview.nps_weeks(desk.reader, desk.scope, member)
    with st.container(border=True, height="stretch", key="nps_chart"):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="top"):
            st.html(_heading("NPS by week", f"With the 95 % interval. Gap: under {MINIMUM_ANSWERS} answers.", member))
            if member is not None:
                st.button("Everybody", key="everybody", icon=":material/close:", type="tertiary", on_click=put_member,
                          args=(None,))  # fmt: skip
        if weeks["nps"].null_count() == weeks.height:
            least = f"It appears with the first week of at least {MINIMUM_ANSWERS} answers."
            empty("No NPS to show yet", least, name="nps")
            return
        last = weeks.filter(pl.col("nps").is_not_null()).row(-1, named=True)
        until = desk.scope.last_day or desk.now.date()
        st.plotly_chart(
            charts.nps_over_time(weeks, since=desk.scope.since_day, until=until), config=charts.CONFIG,
            height=charts.HEIGHT, key="nps_over_time", selection_mode="points",
            on_select=partial(_picked, "nps_over_time", lambda week: _behind_week(week, member)),
            alt=f"NPS by week, {score(last['nps'])} in the week of {long_day(last['week'])}",
        )  # fmt: skip
        table = chart_tables.nps_table(weeks)
        with st.expander("Show the numbers", key="nps_numbers_shown", on_change="rerun") as numbers:
            if numbers.open:
                draw_rows(
                    "nps_weeks", weeks.reverse().to_dicts(), _week_columns(desk), lambda row: row["week"].isoformat(),
                    lambda row: [_who("nps_week_who", lambda week: _behind_week(week, member))],
                )  # fmt: skip
                export_buttons("nps_by_week", lambda: table)


def _week_columns(desk: Desk) -> list[Column]:
    return [
        Column("Week of", lambda row: short_day(row["week"], desk.now), "1fr"),
        Column("Answers", lambda row: row["responses"], "0.8fr", is_number=True),
        Column("NPS", lambda row: "–" if row["nps"] is None else score(row["nps"]), "0.7fr", is_number=True),
        Column(
            "95 % interval",
            lambda row: "" if row["nps"] is None else f"{score(row['low'])} to {score(row['high'])}",
            "1.2fr",
            on_phone=False,
        ),
    ]


def _funnel_chart(desk: Desk, steps: dict[str, int]) -> None:
    with st.container(border=True, height="stretch", key="funnel_chart"):
        st.html(_heading("From invitation to review", "Invitations, and their share of those sent.", None))
        if not steps["planned"]:
            next_step = "Import a customer list; the next planning run invites who is due."
            empty("No invitations yet", next_step, name="funnel")
            return
        st.plotly_chart(
            charts.funnel(steps), config=charts.CONFIG, height=charts.HEIGHT, key="funnel", selection_mode="points",
            on_select=partial(_picked, "funnel", lambda step: put_behind(Stage(step))),
            alt=f"{steps['sent']} invitations sent, {steps['scored']} answered, {steps['reviewed']} left a review",
        )  # fmt: skip
        with st.expander("Show the numbers", key="funnel_numbers_shown", on_change="rerun") as numbers:
            if numbers.open:
                draw_rows(
                    "funnel_steps", [{"step": step, "count": steps[step]} for step in _FUNNEL],
                    _step_columns(steps["sent"]), lambda row: row["step"].value,
                    lambda row: [_who("funnel_who", lambda step: put_behind(Stage(step)))],
                )  # fmt: skip
                export_buttons("funnel", lambda: chart_tables.funnel_table(steps))


def _step_columns(sent: int) -> list[Column]:
    return [
        Column("Step", lambda row: STAGE[row["step"]], "1.6fr"),
        Column("Invitations", lambda row: f"{row['count']:,}", "0.9fr", is_number=True),
        Column("Of those sent", lambda row: share(row["count"], sent), "0.9fr", is_number=True),
    ]


def _who(name: str, then: Callable[[str], None]) -> Button:
    return Button("See who", ":material/group:", name, then)


def _behind_week(week: str, member: Member | None) -> None:
    put_behind(Stage.ANSWERED, member, date.fromisoformat(week))


def _picked(chart: str, then: Callable[[str], None]) -> None:
    """For a chart's on_select: what was clicked leads to the people behind it."""
    points = st.session_state[chart]["selection"]["points"]
    if points and points[0].get("customdata"):
        found = points[0]["customdata"]
        then(found[0] if isinstance(found, list) else found)


def _heading(words: str, below: str, member: Member | None) -> Markup:
    whose = f" · {DIMENSION[member.dimension]}: {member_name(member)}" if member else ""
    return Markup('<h2 class="aw-chart">{}{}</h2><p class="aw-faint">{}</p>').format(words, whose, below)


def _where(desk: Desk) -> str:
    return desk.places[0].name if len(desk.places) == 1 else counted(len(desk.places), "location")


def show() -> None:
    desk = here()
    st.html(_STYLE)
    if draw_invited(desk, "Overview"):
        return
    if behind := linked_behind():
        draw_behind(desk, behind)
        return
    title("Overview", f"{_where(desk)}, {desk.period}")
    steps = pages.funnel(desk.reader, desk.scope)
    answers, rates = answer_measures(desk), rate_measures(desk, steps)
    draw_cards([*quota_cards(desk), *(card(measure, desk) for measure in answers)], "quota")
    draw_cards([card(measure, desk) for measure in rates], "rates")
    show_comparison(desk, [*rates, *answers])
    left, right = st.columns(2, gap="medium")
    with left:
        _nps_chart(desk)
    with right:
        _funnel_chart(desk, steps)
    show_breakdown(desk)


show()
