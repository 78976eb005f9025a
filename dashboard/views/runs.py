"""Runs: what the system did and when, batches with their counts, and the kill switch."""

import json
from typing import Any

import streamlit as st
from markupsafe import Markup

from dashboard.components.confirm import remember
from dashboard.components.marks import run_mark
from dashboard.components.page import EVERY, PAGE_SIZE, empty, pager, tabs, title
from dashboard.components.rows import Column, draw_rows, moment_cell, two_lines
from dashboard.desk import Desk, here
from dashboard.wording import RUN_KIND, RUN_STATUS, day_and_time, said
from data.permissions import Action
from data.warehouse import pages
from data.warehouse.pages import Page
from data.words import RunStatus
from invitations import controls


def _columns(desk: Desk) -> list[Column]:
    zone = desk.time_zone
    return [
        Column("Run", lambda row: two_lines(said(RUN_KIND, row["kind"]), f"#{row['run_id']}"), "1.4fr"),
        Column("Started", lambda row: _started(row, zone, desk), "1.2fr"),
        Column("Took", _took, "0.7fr", is_number=True, on_phone=False),
        Column("Status", lambda row: run_mark(row["status"], said(RUN_STATUS, row["status"])), "1fr"),
        Column("Progress", _progress, "0.9fr", is_number=True, on_phone=False),
        Column("Counts", _counts, "3fr", on_phone=False),
    ]


def _started(row: dict[str, Any], zone: str, desk: Desk) -> Markup:
    """On a demo, whose clock was moved between runs, the time that the run itself took it to be."""
    is_told = desk.system.is_demo and row["policy_now"] is not None
    moment = row["policy_now"] if is_told else desk.on_policy_clock(row["started_at"])
    return moment_cell(*day_and_time(moment, zone, desk.now))


def _took(row: dict[str, Any]) -> str:
    if row["ended_at"] is None:
        return "–"
    seconds = (row["ended_at"] - row["started_at"]).total_seconds()
    return f"{seconds:.1f} s" if seconds < 60 else f"{seconds / 60:.1f} min"


def _progress(row: dict[str, Any]) -> str:
    if row["total"] is None:
        return f"{row['done']:,}" if row["done"] else "–"
    return f"{row['done']:,} / {row['total']:,}"


def _counts(row: dict[str, Any]) -> Markup:
    counts = json.loads(row["counts"] or "{}")
    pills = Markup(" ").join(
        Markup('<span class="aw-tag">{} <b>{:,}</b></span>').format(name.replace("_", " "), count)
        for name, count in counts.items()
        if isinstance(count, int) and count
    )
    if row["problem"]:
        return Markup('<div class="aw-failed">{}</div>{}').format(row["problem"], pills)
    return pills or Markup('<span class="aw-faint">Nothing to do</span>')


def _halt() -> None:
    desk = here()
    now = desk.ledger.policy_now()
    remember(controls.halt(desk.ledger, desk.actor, "Halted on the dashboard", now=now))


def _resume() -> None:
    desk = here()
    remember(controls.resume(desk.ledger, desk.actor, now=desk.ledger.policy_now()))


def _kill_switch(desk: Desk) -> None:
    if desk.system.halted_at is not None and desk.may(Action.LIFT_HALT):
        st.button("Resume sending", icon=":material/play_arrow:", type="primary", key="lift_halt", on_click=_resume)
    elif desk.system.halted_at is None and desk.may(Action.HALT):
        with st.popover("Halt all sending", icon=":material/pan_tool:"):
            st.html("<p>Nothing will leave, at any location, until it is resumed. What is queued stays queued.</p>")
            st.button("Halt all sending", type="primary", key="halt", on_click=_halt)


def _choose(desk: Desk) -> tuple[str | None, int]:
    counts = pages.runs_by_kind(desk.reader, desk.scope_on_database_clock)
    words = {EVERY: f"All {sum(counts.values()):,}"} | {
        kind: f"{said(RUN_KIND, kind)} {count:,}" for kind, count in counts.items()
    }
    kind = tabs("runs", "Kind", words)
    if kind is None:
        return None, sum(counts.values())
    return kind, counts.get(kind, 0)


def show() -> None:
    desk = here()
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        with st.container(width="stretch"):
            title("Runs", "Imports, planning, batches of messages, and the answers collected")
        _kill_switch(desk)
    kind, total = _choose(desk)
    if not total:
        empty(
            "No runs in this period",
            "The nightly run, or `afterword plan` and `afterword send`, will appear here.",
            name="runs",
        )
        return
    table = st.container()
    number = pager("runs", total, "run", "runs")
    rows = pages.runs_page(desk.reader, desk.scope_on_database_clock, kind, Page(number, PAGE_SIZE)).to_dicts()
    with table:
        draw_rows("runs", rows, _columns(desk), lambda row: row["run_id"])
        if any(row["status"] == RunStatus.RUNNING for row in rows):
            st.caption("A run is going on. Reload to see how far it is.")


show()
