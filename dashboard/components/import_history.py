"""The lists that were imported: what is coming in, what came, what was taken back; each opens with its results."""

from datetime import timedelta
from typing import Any

import streamlit as st
from markupsafe import Markup

from dashboard.components.confirm import remember
from dashboard.components.import_list import open_list, show_list
from dashboard.components.marks import mark
from dashboard.components.page import PAGE_SIZE, empty, pager, search_box
from dashboard.components.rows import Button, Column, draw_rows, moment_cell, place_cell, two_lines
from dashboard.desk import Desk, here
from dashboard.wording import counted, day_and_time
from data.ledger import list_history
from data.ledger.list_history import AskedFor
from data.permissions import Action
from invitations.actor import Refused
from invitations.undo_import import foresee_undo, undo_import

_LONG = timedelta(minutes=3)  # pipelines look every ten seconds
LOOKS_EVERY = "2s"  # at a list that is coming in
_ASKED = "list_to_undo"


def show_history(desk: Desk) -> None:
    """What is coming in, looked at anew by itself; then the lists."""
    if any(one.problem is None for one in _asked_for(desk)):
        st.fragment(_watch, run_every=LOOKS_EVERY)()
    else:
        _draw_asked(_asked_for(desk), desk)
    _draw_lists(desk)
    _show_question(desk)
    show_list()


def _asked_for(desk: Desk) -> list[AskedFor]:
    with desk.ledger.read() as c:
        slugs = {place.slug for place in desk.places}
        return list_history.asked_for(c, desk.access.account_id, slugs, now=desk.ledger.now(c))


def _watch() -> None:
    """While something comes in; when it is through, the whole page is drawn anew and looks no more."""
    desk = here()
    found = _asked_for(desk)
    if all(one.problem is not None for one in found):
        st.rerun()
    _draw_asked(found, desk)


def _draw_asked(found: list[AskedFor], desk: Desk) -> None:
    if not found:
        return
    st.html('<h2 class="aw-section">Coming in</h2>')
    for one in found:
        st.html(_coming(one))


def _coming(one: AskedFor) -> Markup:
    if one.problem is not None:
        state = mark("cross", "failed", "Could not be imported")
        below = Markup('<div class="aw-failed">{}</div>').format(one.problem)
    elif not one.is_begun:
        state = mark("clock", "queued", "Waits for its turn")
        below = _bar(0)
        if one.age > _LONG:
            below += Markup('<div class="aw-note">{}</div>').format(
                f"It has waited for {one.age // timedelta(minutes=1)} minutes: imports are carried out while "
                "Afterword's pipelines run. Ask whoever looks after them to start them."
            )
    elif not one.total:
        state, below = mark("clock", "sent", "The file is being read"), _bar(0)
    else:
        state = mark("clock", "sent", f"{one.done:,} of {counted(one.total, 'row')}")
        below = _bar(one.done / one.total)
    return Markup(
        '<div class="aw-coming" role="status"><div class="aw-strong aw-clip">{}</div>{}{}'
        '<div class="aw-faint aw-clip">{}</div></div>'
    ).format(one.list_name, state, below, f"{one.file_name} · {one.asked_by}")


def _bar(filled: float) -> Markup:
    return Markup(
        '<div class="aw-bar" role="progressbar" aria-valuemin="0" aria-valuemax="100" aria-valuenow="{0:.0f}">'
        '<i style="width:{0:.1f}%"></i></div>'
    ).format(100 * min(1.0, filled))


def _draw_lists(desk: Desk) -> None:
    scope = desk.scope_on_database_clock
    st.html(Markup('<h2 class="aw-section">Lists imported</h2><p class="aw-faint">{}</p>').format(
        f"{desk.period[:1].upper()}{desk.period[1:]}, at the locations chosen above"
    ))  # fmt: skip
    mine = scope.account_id, scope.location_ids, scope.since
    search = search_box("lists", "Search lists by name")
    with desk.ledger.read() as c:
        total = list_history.count_lists(c, *mine, ends=scope.ends, search=search)
    if not total:
        if search:
            empty("No list is called so", "Clear the search, or choose another location.", name="lists")
        else:
            empty(
                "No lists in this period", "Lists that are imported will be here, with what came of them.", name="lists"
            )
        return
    table = st.container()
    number = pager("lists", total, "list", "lists")
    with desk.ledger.read() as c:
        rows = list_history.lists_page(
            c, *mine, ends=scope.ends, search=search, limit=PAGE_SIZE, offset=(number - 1) * PAGE_SIZE
        )
    with table:
        draw_rows("lists", rows, _columns(desk), lambda row: row["list_id"], lambda row: _buttons(row, desk))


def _columns(desk: Desk) -> list[Column]:
    return [
        Column("List", _named, "2fr"),
        Column("Location", lambda row: place_cell(row["location_name"]), "1.2fr", on_phone=False),
        Column("Imported", lambda row: _imported(row, desk), "0.8fr"),
        Column("By", _imported_by, "1.3fr", on_phone=False),
        Column("New", lambda row: f"{row['new_count']:,}", "0.6fr", is_number=True, on_phone=False),
        Column("Known", lambda row: f"{row['known_count']:,}", "0.6fr", is_number=True, on_phone=False),
        Column("Turned away", lambda row: f"{row['rejected_count']:,}", "0.8fr", is_number=True, on_phone=False),
        Column("Status", state_mark, "1.1fr"),
    ]


def _named(row: dict[str, Any]) -> Markup:
    return two_lines(Markup("<strong>{}</strong>").format(row["name"]), row["file_name"] or "", row["name"])


def _imported_by(row: dict[str, Any]) -> Markup:
    return Markup('<div class="aw-clip" title="{0}">{0}</div>').format(row["imported_by"])


def _imported(row: dict[str, Any], desk: Desk) -> Markup:
    moment = desk.on_policy_clock(row["created_at"])
    return moment_cell(*day_and_time(moment, row["location_time_zone"], desk.now))


def state_mark(row: dict[str, Any]) -> Markup:
    """How a list stands."""
    if row["undone_at"] is not None:
        return mark("slash", "queued", "Taken back")
    if row["completed_at"] is None:
        return mark(
            "clock", "note", "Not complete", "It is coming in, or was cut off: importing the file again completes it."
        )
    if row["paused_at"] is not None:
        return mark("pause", "note", "Paused")
    return mark("check", "delivered", "Imported")


def _buttons(row: dict[str, Any], desk: Desk) -> list[Button]:
    buttons = [Button("Results", ":material/monitoring:", "list_results", open_list)]
    if row["undone_at"] is None and desk.may(Action.UNDO_IMPORT):
        buttons.append(Button("Undo", ":material/undo:", "undo", _ask_to_undo))
    return buttons


def _ask_to_undo(list_id: int) -> None:
    st.session_state[_ASKED] = list_id


def _show_question(desk: Desk) -> None:
    list_id = st.session_state.get(_ASKED)
    if list_id is not None:
        st.dialog("Take the list back", on_dismiss=_forget)(_question)(list_id)


def _question(list_id: int) -> None:
    desk = here()
    mine = desk.access.account_id, desk.actor.location_ids
    with desk.ledger.read() as c:
        row = list_history.one_list(c, *mine, list_id)
    found = foresee_undo(desk.ledger, desk.actor, list_id)
    if row is None or isinstance(found, Refused):
        st.html(Markup("<p>{}</p>").format(found.reason if isinstance(found, Refused) else "This list is not there."))
        return
    asked = f"{counted(found.asked, 'person', 'people')} asked already: the history and the answers stay."
    lines = [
        f"{counted(found.waiting, 'person', 'people')} not asked yet: nobody of them is asked because of this list."
        if found.waiting
        else "Everybody of it was asked already.",
        f"{counted(found.messages, 'queued message')} won't be sent." if found.messages else "",
        asked if found.asked else "",
        "This cannot be undone. The file can be imported again under another name.",
    ]  # fmt: skip
    items = Markup("").join(Markup("<li>{}</li>").format(line) for line in lines if line)
    with st.container(key="aw_confirm"):
        st.html(
            Markup('<p class="aw-strong">Take “{}” back?</p><ul class="aw-consequences">{}</ul>').format(
                row["name"], items
            )
        )
        with st.container(horizontal=True, horizontal_alignment="right"):
            is_canceled = st.button("Cancel", key="undo_no")
            is_confirmed = st.button("Take it back", key="undo_yes", type="primary")
    if is_confirmed:
        remember(undo_import(desk.ledger, desk.actor, list_id, now=desk.ledger.policy_now()))
    if is_confirmed or is_canceled:
        _forget()
        st.rerun()  # the whole page: a dialog's own run would leave it open over the old rows


def _forget() -> None:
    st.session_state.pop(_ASKED, None)
