"""Who is behind a figure of the Overview: the link names the figure, and the page lists its people instead.

`behind` is the figure, `of` and `group` one employee, list and so on (`of` without `group`: nobody knows which one),
`week` the Monday of one week. The count is the figure's own: the same invitations, counted on the same days.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import polars as pl
import streamlit as st

from dashboard.components.marks import score_mark, stars_mark
from dashboard.components.page import PAGE_SIZE, back_to_first_page, current_page, empty, pager, title
from dashboard.components.panel import open_panel, show_panel
from dashboard.components.rows import Button, Column, draw_rows, person_cell, place_cell, two_lines
from dashboard.desk import Desk
from dashboard.exporting import export_buttons
from dashboard.wording import CHANNEL, contact, counted, said, short_day
from data.cycle import starts_at
from data.permissions import Action
from data.warehouse import overview
from data.warehouse.overview import Dimension, Member, Stage
from data.warehouse.pages import Page, Scope

STAGE = {
    Stage.PLANNED: "Planned",
    Stage.SENT: "Sent",
    Stage.DELIVERED: "Accepted or delivered",
    Stage.OPENED: "Opened",
    Stage.CLICKED: "Clicked",
    Stage.SCORED: "Answered",
    Stage.PLATFORM_CHOSEN: "Chose a platform",
    Stage.REVIEWED: "Left a review",
    Stage.ANSWERED: "Gave a score",
    Stage.PROMOTERS: "Promoters",
    Stage.PASSIVES: "Passives",
    Stage.DETRACTORS: "Detractors",
    Stage.STARRED: "Gave stars",
    Stage.TIMED: "Left a review",
}
DIMENSION = {
    Dimension.LOCATION: "Location",
    Dimension.EMPLOYEE: "Employee",
    Dimension.SERVICE: "Service",
    Dimension.TEMPLATE: "Template",
    Dimension.CHANNEL: "Channel",
    Dimension.LIST: "List",
}
_STAGE, _OF, _GROUP, _WEEK = "behind", "of", "group", "week"
_EVERYBODY = 1_000_000_000
_YEARS = range(2000, 2200)


@dataclass(frozen=True, slots=True)
class Behind:
    """What the link asks for."""

    stage: Stage
    member: Member | None
    week: date | None

    def scope(self, scope: Scope) -> Scope:
        """The desk's scope, within the week."""
        if self.week is None:
            return scope
        begins, ends = (starts_at(self.week + timedelta(days=days), scope.zone) for days in (0, 7))
        return replace(
            scope,
            since=begins if scope.since is None else max(begins, scope.since),
            ends=ends if scope.ends is None else min(ends, scope.ends),
        )


def put_behind(stage: Stage, member: Member | None = None, week: date | None = None) -> None:
    """For a button's on_click: the people behind this figure, on the run that follows."""
    put_member(member)
    st.query_params[_STAGE] = stage.value
    if week is not None:
        st.query_params[_WEEK] = week.isoformat()
    back_to_first_page("behind")


def put_member(member: Member | None) -> None:
    """For a button's on_click: one employee, list and so on, or everybody again."""
    for name in (_OF, _GROUP, _WEEK):
        st.query_params.pop(name, None)
    if member is not None:
        st.query_params[_OF] = member.dimension.value
        if member.name:
            st.query_params[_GROUP] = member.name


def linked_member() -> Member | None:
    """Whom the link narrows figures to."""
    of = st.query_params.get(_OF)
    return Member(Dimension(of), st.query_params.get(_GROUP, "")) if of in list(Dimension) else None


def linked_behind() -> Behind | None:
    """The figure whose people the link asks for, if any."""
    stage = st.query_params.get(_STAGE)
    if stage not in list(Stage):
        return None
    return Behind(Stage(stage), linked_member(), _linked_week())


def _linked_week() -> date | None:
    with suppress(ValueError):
        week = date.fromisoformat(st.query_params.get(_WEEK, ""))
        return week if week.year in _YEARS else None  # the days after the last one cannot be told
    return None


def member_name(member: Member) -> str:
    """As it stands on screen: "SMS", "No employee named"."""
    if member.dimension is Dimension.CHANNEL:
        return said(CHANNEL, member.name) or "No channel known"
    return member.name or f"No {DIMENSION[member.dimension].lower()} named"


def draw_behind(desk: Desk, behind: Behind) -> None:
    """The page of these people."""
    st.button("Back to Overview", key="behind_back", icon=":material/arrow_back:", type="tertiary", on_click=_forget)
    scope = behind.scope(desk.scope)
    number = current_page("behind")
    rows, people = overview.people_behind(desk.reader, scope, behind.stage, behind.member, Page(number, PAGE_SIZE))
    with st.container(
        key="aw_titled_behind", horizontal=True, horizontal_alignment="distribute", vertical_alignment="bottom"
    ):
        with st.container(width="stretch"):
            title(f"{STAGE[behind.stage]}: {counted(people, 'invitation')}", _about(behind, desk))
        if people:
            export_buttons(f"overview_{behind.stage}", _whole(desk, scope, behind))
    if not people:
        empty("Nobody is behind this figure", "Choose another location or period.", name="behind")
    else:
        draw_rows(
            "behind", rows.with_row_index("number").to_dicts(), _columns(desk), lambda row: row["number"],
            lambda row: _buttons(row, desk),
        )  # fmt: skip
        pager("behind", people, "invitation", "invitations")
    show_panel()


def _forget() -> None:
    for name in (_STAGE, _WEEK, "behind_page"):
        st.query_params.pop(name, None)
    put_member(None)


def _about(behind: Behind, desk: Desk) -> str:
    when = desk.period if behind.week is None else f"in the week of {short_day(behind.week, desk.now)}"
    counted_by = {"answer": "answered", "review": "reviewed", "invitation": "invited"}[behind.stage.counted_by]
    who = f"{DIMENSION[behind.member.dimension]}: {member_name(behind.member)} · " if behind.member else ""
    return f"{who}{counted_by} {when}, newest first"


def _columns(desk: Desk) -> list[Column]:
    return [
        Column("Name", lambda row: person_cell(_name(row)), "1.3fr"),
        Column(
            "Email and phone",
            lambda row: two_lines(row["email"] or "–", contact(row["phone"]) or "–", row["email"] or ""),
            "1.85fr",
            on_phone=False,
        ),
        Column("Invited on", lambda row: short_day(row["first_handed_date"], desk.now), "0.8fr"),
        Column("Location", lambda row: place_cell(row["location_name"]), "1.1fr", on_phone=False),
        Column("Sent via", lambda row: said(CHANNEL, row["channel"]) or "–", "0.7fr", on_phone=False),
        Column("NPS", lambda row: score_mark(row["score"]), "0.4fr", is_number=True),
        Column("Stars given", lambda row: stars_mark(row["stars_given"]), "0.8fr", on_phone=False),
    ]


def _buttons(row: dict[str, Any], desk: Desk) -> list[Button]:
    if not desk.may(Action.OPEN_PANEL):
        return []
    customer_id = row["customer_id"]
    return [Button("Activity", ":material/history:", "behind_activity", lambda _: open_panel(customer_id))]


def _name(row: dict[str, Any]) -> str:
    return " ".join(filter(None, [row["first_name"], row["last_name"]]))


def _whole(desk: Desk, scope: Scope, behind: Behind) -> Callable[[], pl.DataFrame]:
    """All of them, for a file."""

    def make() -> pl.DataFrame:
        rows, _ = overview.people_behind(
            desk.reader, scope, behind.stage, behind.member, Page(1, _EVERYBODY)
        )  # fmt: skip
        return rows.select(
            pl.col("first_name").alias("First name"),
            pl.col("last_name").alias("Last name"),
            pl.col("email").alias("Email"),
            pl.col("phone").alias("Phone number"),
            pl.col("location_name").alias("Location"),
            pl.col("first_handed_date").alias("Invited on"),
            pl.col("channel").replace_strict(dict(CHANNEL), default=None, return_dtype=pl.String).alias("Sent via"),
            pl.col("score").alias("NPS score"),
            pl.col("stars_given").alias("Stars given"),
            pl.col("scored_date").alias("Answered on"),
        )

    return make
