"""Runs: what the system did and when, batches with their counts, and the kill switch."""

import json
from datetime import datetime
from typing import Any

import streamlit as st
from markupsafe import Markup

from dashboard.components.confirm import remember
from dashboard.components.marks import run_mark
from dashboard.components.page import EVERY, PAGE_SIZE, empty, pager, tabs, title
from dashboard.components.rows import Column, draw_rows, moment_cell, two_lines
from dashboard.components.run_counts import count_words
from dashboard.desk import Desk, here
from dashboard.wording import RUN_KIND, RUN_STATUS, day_and_time, said
from data.ledger.runs import Progress, tell_duration
from data.permissions import Action
from data.warehouse import pages
from data.warehouse.pages import Page
from data.words import RunStatus
from invitations import controls

LOOKS_EVERY = "2s"  # at a run that goes on


def _columns(desk: Desk, clock: datetime | None) -> list[Column]:
    zone = desk.time_zone
    return [
        Column("Run", lambda row: two_lines(said(RUN_KIND, row["kind"]), f"#{row['run_id']}"), "1.4fr"),
        Column("Started", lambda row: _started(row, zone, desk), "1.2fr"),
        Column("Took", lambda row: _took(row, clock), "0.7fr", is_number=True, on_phone=False),
        Column("Status", lambda row: run_mark(row["status"], said(RUN_STATUS, row["status"])), "1fr"),
        Column("Progress", lambda row: _progress(row, clock), "1.3fr"),
        Column("Counts", _counts, "3fr"),
    ]


def _started(row: dict[str, Any], zone: str, desk: Desk) -> Markup:
    """On a demo, whose clock was moved between runs, the time that the run itself took it to be."""
    is_told = desk.system.is_demo and row["policy_now"] is not None
    moment = row["policy_now"] if is_told else desk.on_policy_clock(row["started_at"])
    return moment_cell(*day_and_time(moment, zone, desk.now))


def _seconds(row: dict[str, Any], clock: datetime | None) -> float | None:
    """How long the run took or, while it goes on, has taken by the database's `clock`."""
    end = row["ended_at"] or (clock if row["status"] == RunStatus.RUNNING else None)
    return None if end is None else max(0.0, (end - row["started_at"]).total_seconds())


def _took(row: dict[str, Any], clock: datetime | None) -> str:
    seconds = _seconds(row, clock)
    if seconds is None:
        return "–"
    return f"{seconds:.1f} s" if seconds < 60 else f"{seconds / 60:.1f} min"


def _progress(row: dict[str, Any], clock: datetime | None) -> Markup:
    """How far it is, how fast and, while it goes on, how long it still takes."""
    if not row["done"] and not row["total"]:
        return Markup('<span class="aw-faint aw-wide">–</span>')
    progress = Progress(row["done"], row["total"], {}, _seconds(row, clock) or 0.0)
    is_running = row["status"] == RunStatus.RUNNING
    left = progress.time_left if is_running else None
    pace = [f"{_rate(progress.rate)} a second" if progress.rate else "", f"{tell_duration(left)} left" if left else ""]
    bar = (
        Markup('<div class="aw-bar"><i style="width:{:.0f}%"></i></div>').format(
            100 * min(1.0, row["done"] / row["total"])
        )
        if is_running and row["total"]
        else Markup("")
    )
    of_total = f" / {row['total']:,}" if row["total"] is not None else ""
    return Markup('<div class="aw-progress">{:,}{}</div>{}<div class="aw-faint">{}</div>').format(
        row["done"], of_total, bar, " · ".join(filter(None, pace))
    )


def _rate(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 10 else f"{rate:.1f}"


def _counts(row: dict[str, Any]) -> Markup:
    counts = json.loads(row["counts"] or "{}")
    pills = Markup(" ").join(
        Markup('<span class="aw-tag">{} <b>{:,}</b></span>').format(count_words(row["kind"], name), count)
        for name, count in counts.items()
        if isinstance(count, int) and count
    )
    if row["problem"]:
        tone = "note" if row["status"] == RunStatus.HALTED else "failed"
        problem = Markup('<div class="aw-{}">{}</div>').format(tone, _in_words(row["problem"]))
        return problem + Markup('<div class="aw-wide">{}</div>').format(pills)
    none = Markup('<span class="aw-faint">{}</span>').format(
        "Nothing yet" if row["status"] == RunStatus.RUNNING else "Nothing to do"
    )
    return Markup('<div class="aw-wide">{}</div>').format(pills or none)


def _in_words(problem: str) -> str:
    """A failure is kept by its kind alone, for its message may name somebody; the kind is for who looks into it."""
    if not problem.isidentifier():
        return problem
    return f"It broke off ({problem}). What was done stays, and the next run goes on from there."


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
    with st.container(
        key="aw_titled_runs", horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"
    ):
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
    rows = _rows(desk, kind, number)
    with table:
        if _is_any_running(rows):
            st.fragment(_watch, run_every=LOOKS_EVERY)(kind, number)
        else:
            _draw(rows, desk, None)


def _rows(desk: Desk, kind: str | None, number: int) -> list[dict[str, Any]]:
    return pages.runs_page(desk.reader, desk.scope_on_database_clock, kind, Page(number, PAGE_SIZE)).to_dicts()


def _is_any_running(rows: list[dict[str, Any]]) -> bool:
    return any(row["status"] == RunStatus.RUNNING for row in rows)


def _watch(kind: str | None, number: int) -> None:
    """The rows while a run goes on: looked at anew by themselves."""
    desk = here()
    rows = _rows(desk, kind, number)
    if not _is_any_running(rows):
        st.rerun()  # the whole page, which then looks no more
    with desk.ledger.read() as c:
        clock = desk.ledger.now(c)
    _draw(rows, desk, clock)


def _draw(rows: list[dict[str, Any]], desk: Desk, clock: datetime | None) -> None:
    draw_rows("runs", rows, _columns(desk, clock), lambda row: row["run_id"])


show()
