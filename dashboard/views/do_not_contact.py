"""Do not contact: whom nobody writes to any more, why, since when, who recorded it; added and lifted by hand."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import streamlit as st

from dashboard.components.barred_rows import barred_columns, whole_list
from dashboard.components.barring import open_adding, open_importing, open_lifting, show_barring
from dashboard.components.page import PAGE_SIZE, back_to_first_page, current_page, empty, pager, search_box, title
from dashboard.components.panel import open_panel, show_panel
from dashboard.components.rows import Button, draw_rows
from dashboard.desk import Desk, here
from dashboard.exporting import export_buttons
from dashboard.wording import SUPPRESSED, contact
from data.ledger import barred
from data.ledger.barred import BarredFilter, Sight
from data.permissions import Action
from data.words import Channel, SuppressionReason

_EVERY_REASON = "All reasons"
_BELOW = "Nobody here is written to, whatever list they are on. A no does not run out: all are listed, in any period."


def _buttons(row: dict[str, Any], desk: Desk) -> Sequence[Button]:
    buttons = []
    customer_id, emails = row["customer_id"], row["emails"]
    if customer_id is not None and desk.may(Action.OPEN_PANEL):
        buttons.append(Button("Activity", ":material/history:", "activity", lambda _: open_panel(customer_id)))
    if emails and Channel.EMAIL in row["channels"] and desk.may(Action.CHANGE_SETTINGS):
        name = row["name"] or contact(row["address"])
        buttons.append(Button("Allow email", ":material/undo:", "lift", lambda _: open_lifting(name, emails)))
    return buttons


def _sight(desk: Desk) -> Sight:
    is_whole = desk.access.is_every_place and len(desk.places) == len(desk.access.places)
    return Sight(desk.access.account_id, desk.scope.location_ids, is_whole)


def _choose() -> BarredFilter:
    with st.container(key="aw_filters_barred", horizontal=True, vertical_alignment="center"):
        with st.container(width=320):
            search = search_box("barred", "Name, email or phone")
        with st.container(width=240):
            reason = st.selectbox(
                "Why", [_EVERY_REASON, *SUPPRESSED.values()], key="barred_reason", bind="query-params",
                label_visibility="collapsed", on_change=back_to_first_page, args=("barred",),
            )  # fmt: skip
    return BarredFilter(next((one for one in SuppressionReason if SUPPRESSED.get(one) == reason), None), search)


def _title(desk: Desk) -> None:
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        with st.container(width="stretch"):
            title("Do not contact", _BELOW)
        if desk.may(Action.DO_NOT_CONTACT):
            with st.container(key="aw_bar_buttons", horizontal=True, width="content", gap="small"):
                if desk.access.is_every_place:
                    st.button("Import a list", key="bar_import", icon=":material/upload:", on_click=open_importing)
                st.button("Add someone", key="bar_add", icon=":material/add:", type="primary", on_click=open_adding)


def show() -> None:
    desk = here()
    _title(desk)
    sight = _sight(desk)
    chosen = _choose()
    with desk.ledger.read() as c:
        rows, total = barred.barred_rows(
            c, sight, chosen, limit=PAGE_SIZE, offset=(current_page("barred") - 1) * PAGE_SIZE
        )  # fmt: skip
    if total:
        draw_rows(
            "barred", rows, barred_columns(desk), lambda row: row["suppression_id"], lambda row: _buttons(row, desk)
        )
        pager("barred", total, "entry", "entries")
        export_buttons("do_not_contact", partial(whole_list, desk, sight, chosen))
    elif chosen != BarredFilter():
        empty("Nobody matches", "Clear the search, or choose every reason or location.", name="barred")
    else:
        empty(
            "Nobody has said no",
            "Who texts STOP or unsubscribes is listed here at once. Who tells you, add here.",
            name="barred",
        )
    show_barring()
    show_panel()


show()
