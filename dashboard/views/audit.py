"""Audit: who did what, when, and how it was before and after; filtered, and taken away."""

from dataclasses import replace
from functools import partial
from typing import Any

import streamlit as st
from markupsafe import Markup

from dashboard.components.audit_words import (
    ACTION,
    about,
    differences,
    exact,
    in_one_line,
    what_was_done,
    whole_audit,
)
from dashboard.components.page import PAGE_SIZE, back_to_first_page, empty, pager, search_box, title
from dashboard.components.panel import open_panel, show_panel
from dashboard.components.rows import Button, Column, draw_rows, moment_cell, two_lines
from dashboard.desk import Desk, here
from dashboard.exporting import export_buttons
from dashboard.wording import day_and_time, said
from data.ledger import audit_log
from data.ledger.audit_log import AuditFilter, AuditSight, Line, Whom, audit_lines, count_lines, who_and_what
from data.permissions import Action
from invitations.actor import Refused
from invitations.look_back import look_back

_EVERYBODY, _EVERYTHING = "Everybody", "Everything"
_IN_A_ROW = 2  # differences that a row shows; the rest is a click away
_PARAMETER = "line"  # of the link to one line: /audit?line=12
_LONGEST_NUMBER = 19  # digits: more would not fit the key


def _columns(desk: Desk) -> list[Column]:
    def when(row: dict[str, Any]) -> object:
        return moment_cell(*day_and_time(desk.on_policy_clock(row["line"].occurred_at), desk.time_zone, desk.now))

    return [
        Column("When", when, "0.8fr"),
        Column("Who", lambda row: two_lines(row["line"].actor, "", row["line"].actor), "1.4fr"),
        Column("What", _what, "1.7fr"),
        Column("Before and after", lambda row: _changed(row["line"], desk), "2.6fr"),
    ]


def _what(row: dict[str, Any]) -> Markup:
    thing = about(row["line"], row["whom"])
    return Markup('<div class="aw-strong aw-two">{0}</div><div class="aw-faint aw-clip" title="{1}">{1}</div>').format(
        what_was_done(row["line"]), thing
    )


def _changed(line: Line, desk: Desk) -> Markup:
    found = differences(line, desk.time_zone, desk.now)
    shown = Markup("").join(
        Markup('<div class="aw-clip" title="{0}">{0}</div>').format(in_one_line(one)) for one in found[:_IN_A_ROW]
    )
    more = len(found) - _IN_A_ROW
    return shown + (Markup('<div class="aw-faint">and {} more</div>').format(more) if more > 0 else Markup(""))


def _buttons(row: dict[str, Any], desk: Desk) -> list[Button]:
    buttons = [Button("Details", ":material/difference:", "audit", _open_line)]
    whom: Whom | None = row["whom"]
    if whom is not None and desk.may(Action.OPEN_PANEL):
        buttons.append(Button("Activity", ":material/history:", "activity", lambda _: open_panel(whom.customer_id)))
    return buttons


def _open_line(audit_id: int) -> None:
    """For a button's on_click: the link carries which line is open."""
    st.query_params.pop("customer", None)
    st.query_params[_PARAMETER] = str(audit_id)


def _close_line() -> None:
    st.query_params.pop(_PARAMETER, None)


def _show_line(desk: Desk, sight: AuditSight) -> bool:
    """The whole of the line that the link asks for, whatever the filters leave; whether it asks for one."""
    wanted = st.query_params.get(_PARAMETER)
    if wanted is None:
        return False
    number = int(wanted) if wanted.isascii() and wanted.isdigit() and len(wanted) < _LONGEST_NUMBER else 0
    rows = _rows(desk, sight, AuditFilter(audit_id=number), 1)
    heading = what_was_done(rows[0]["line"]) if rows else "No such line here"
    st.dialog(heading, width="medium", on_dismiss=_close_line)(_line)(rows[0] if rows else None, desk)
    return True


def _rows(desk: Desk, sight: AuditSight, chosen: AuditFilter, page: int) -> list[dict[str, Any]]:
    with desk.ledger.read() as c:
        lines = audit_lines(c, sight, chosen, limit=PAGE_SIZE, offset=(page - 1) * PAGE_SIZE)
        customers = audit_log.whom(c, sight, {line.subject for line in lines})
    return [{"audit_id": line.audit_id, "line": line, "whom": customers.get(line.subject)} for line in lines]


def _line(row: dict[str, Any] | None, desk: Desk) -> None:
    if row is None:
        st.html("<p>It may be about a location that is not among yours. Close this and look below.</p>")
        return
    line: Line = row["line"]
    cells = Markup("").join(
        Markup("<tr><th>{}</th><td>{}</td><td>{}</td></tr>").format(*one)
        for one in differences(line, desk.time_zone, desk.now)
    )
    st.html(
        Markup(
            '<p>{}</p><p class="aw-faint">{} · {}</p><table class="aw-audit"><thead><tr><th></th><th>Before</th>'
            "<th>After</th></tr></thead><tbody>{}</tbody></table>"
        ).format(about(line, row["whom"]), line.actor, exact(line, desk), cells)
    )


def _choose(desk: Desk, sight: AuditSight) -> AuditFilter:
    scope = desk.scope_on_database_clock
    period = AuditFilter(scope.since, scope.ends)
    with desk.ledger.read() as c:
        people, things = who_and_what(c, sight, period)
    actions = {said(ACTION, action): action for action in things}
    with st.container(key="aw_filters_audit", horizontal=True, vertical_alignment="center"):
        with st.container(width=320):
            search = search_box("audit", "Address, number or setting")
        who = _pick("Who", [_EVERYBODY, *people])
        what = _pick("What", [_EVERYTHING, *actions])
    return replace(period, actor=who if who in people else None, action=actions.get(what), search=search)


def _pick(label: str, options: list[str]) -> str:
    with st.container(width=230):
        return st.selectbox(
            label, options, key=f"audit_{label.lower()}", bind="query-params", label_visibility="collapsed",
            on_change=back_to_first_page, args=("audit",),
        )  # fmt: skip


def show() -> None:
    desk = here()
    title("Audit", f"Who did what, {desk.period}, and how it was before and after")
    is_whole = len(desk.places) == len(desk.access.places)
    sight = look_back(desk.actor, desk.scope.location_ids, is_whole=is_whole)
    if isinstance(sight, Refused):
        empty("The audit is for owners and admins", sight.reason, name="audit")
        return
    chosen = _choose(desk, sight)
    with desk.ledger.read() as c:
        total = count_lines(c, sight, chosen)
    if total:
        _draw(desk, sight, chosen, total)
    else:
        _nothing(chosen)
    if not _show_line(desk, sight):
        show_panel()


def _draw(desk: Desk, sight: AuditSight, chosen: AuditFilter, total: int) -> None:
    table = st.container()
    number = pager("audit", total, "line", "lines")
    rows = _rows(desk, sight, chosen, number)
    with table:
        draw_rows("audit", rows, _columns(desk), lambda row: row["audit_id"], lambda row: _buttons(row, desk))
    export_buttons("audit", partial(whole_audit, desk, sight, chosen))


def _nothing(chosen: AuditFilter) -> None:
    if chosen.search or chosen.actor or chosen.action:
        empty("No line matches", "Clear the search, or choose everybody, everything or a longer period.", name="audit")
    else:
        empty("Nothing was done in this period", "What somebody changes is listed here at once.", name="audit")


show()
