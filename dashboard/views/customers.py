"""Customers: one row per customer with the latest invitation, its activity panel, stop and restart."""

from typing import Any

import streamlit as st

from dashboard.components.cards import draw_cards
from dashboard.components.confirm import ask_to_restart, ask_to_stop, show_question
from dashboard.components.marks import invitation_mark, rating_mark, score_mark
from dashboard.components.page import EVERY, PAGE_SIZE, back_to_first_page, empty, pager, search_box, tabs, title
from dashboard.components.panel import open_panel, show_panel
from dashboard.components.quota import quota_cards
from dashboard.components.rows import Button, Column, draw_rows, moment_cell, person_cell, place_cell, two_lines
from dashboard.desk import Desk, here
from dashboard.wording import INVITATION, SOURCE, contact, day_and_time, said
from data.permissions import Action
from data.warehouse import pages
from data.warehouse.pages import NOT_INVITED, CustomerFilter, CustomerOrder, Page
from data.words import InvitationStatus

_STATUSES = {**{status.value: word for status, word in INVITATION.items()}, NOT_INVITED: "Not invited yet"}
_ORDERS = {
    "Last invited first": CustomerOrder.NEWEST,
    "First invited first": CustomerOrder.OLDEST,
    "Name": CustomerOrder.NAME,
    "Highest score": CustomerOrder.SCORE,
    "Lowest score": CustomerOrder.SCORE_LOWEST,
    "Best rating": CustomerOrder.RATING,
}


def _columns(desk: Desk) -> list[Column]:
    return [
        Column("Name", lambda row: person_cell(_name(row)), "1.3fr"),
        Column(
            "Email and phone",
            lambda row: two_lines(row["email"] or "–", contact(row["phone"]) or "–", row["email"] or ""),
            "1.85fr",
            on_phone=False,
        ),
        Column("Invited on", lambda row: _invited(row, desk), "0.66fr", on_phone=False),
        Column("Location", lambda row: place_cell(row["location_name"]), "1.04fr", on_phone=False),
        Column(
            "Source",
            lambda row: two_lines(said(SOURCE, row["source"]), row["list_name"] or ""),
            "1.03fr",
            on_phone=False,
        ),
        Column("Status", _status, "1.16fr"),
        Column("NPS", lambda row: score_mark(row["score"]), "0.32fr", is_number=True),
        Column("Rating", lambda row: rating_mark(row["stars"], row["review_platform"]), "0.72fr", on_phone=False),
    ]


def _name(row: dict[str, Any]) -> str:
    return " ".join(filter(None, [row["first_name"], row["last_name"]]))


def _invited(row: dict[str, Any], desk: Desk) -> object:
    return moment_cell(*day_and_time(row["invited_at"], row["location_time_zone"], desk.now))


def _status(row: dict[str, Any]) -> object:
    return invitation_mark(row["invitation_status"], is_suppressed=bool(row["is_suppressed"]))


def _buttons(row: dict[str, Any], desk: Desk) -> list[Button]:
    buttons = [Button("Activity", ":material/history:", "activity", open_panel)]
    status, invitation_id = row["invitation_status"], row["invitation_id"]
    if status == InvitationStatus.ACTIVE and desk.may(Action.STOP):
        buttons.append(Button("Stop", ":material/stop_circle:", "stop", lambda _: ask_to_stop(invitation_id)))
    # Who must not be contacted is not offered a restart, which would be refused: the panel says why.
    if status == InvitationStatus.STOPPED and not row["is_suppressed"] and desk.may(Action.RESTART):
        buttons.append(Button("Restart", ":material/restart_alt:", "restart", lambda _: ask_to_restart(invitation_id)))
    return buttons


def _choose(desk: Desk) -> tuple[CustomerFilter, CustomerOrder, int]:
    with st.container(key="aw_filters_customers", horizontal=True, vertical_alignment="center"):
        with st.container(width=320):
            search = search_box("customers", "Name, email or phone")
        with st.container(width=200):
            order = st.selectbox(
                "Order", list(_ORDERS), key="customers_order", bind="query-params", label_visibility="collapsed",
                on_change=back_to_first_page, args=("customers",),
            )  # fmt: skip
    counts = pages.customers_by_status(desk.reader, desk.scope, CustomerFilter(search=search))
    whole = sum(counts.values())
    words = {EVERY: f"All {whole:,}"} | {
        status: f"{word} {counts.get(status, 0):,}" for status, word in _STATUSES.items()
    }
    only = tabs("customers", "Status", words)
    total = whole if only is None else counts.get(only, 0)
    return CustomerFilter(only, search), _ORDERS.get(order, CustomerOrder.NEWEST), total


def show() -> None:
    desk = here()
    title("Customers", "Everyone who was invited to leave a review, and who is still to be")
    draw_cards(quota_cards(desk))
    chosen, order, total = _choose(desk)
    if total:
        table = st.container()
        number = pager("customers", total, "customer", "customers")
        rows = pages.customers_page(desk.reader, desk.scope, chosen, order, Page(number, PAGE_SIZE)).to_dicts()
        with table:
            draw_rows(
                "customers", rows, _columns(desk), lambda row: row["customer_id"], lambda row: _buttons(row, desk)
            )
        show_question({row["invitation_id"]: _name(row) for row in rows if row["invitation_id"] is not None})
    elif chosen.search or chosen.status:
        empty(
            "No customer matches", "Clear the search, or choose another status, location or period.", name="customers"
        )
    else:
        empty(
            "No customers yet",
            "Import a list with `afterword import`, or drop a CSV into the inbox folder.",
            name="customers",
        )
    show_panel()


show()
