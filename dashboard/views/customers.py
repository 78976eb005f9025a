"""Customers: one row per customer with the latest invitation, its activity panel, stop and restart."""

from functools import partial
from typing import Any

import streamlit as st
from markupsafe import Markup

from dashboard.components.cards import draw_cards
from dashboard.components.confirm import ICON, ask_about, offered, show_question
from dashboard.components.customer_export import export_customers
from dashboard.components.customer_filters import SORTING, Chosen, choose, forget_filters
from dashboard.components.customer_selection import may_pick, show_selection
from dashboard.components.invited import draw_invited
from dashboard.components.marks import answer_mark, invitation_mark, score_mark
from dashboard.components.page import PAGE_SIZE, empty, pager, title
from dashboard.components.panel import open_panel, show_panel
from dashboard.components.picking import Picking
from dashboard.components.quota import quota_cards
from dashboard.components.rows import Button, Column, draw_rows, moment_cell, person_cell, place_cell, two_lines
from dashboard.components.send_form import open_send_form
from dashboard.components.waiting import Waiting, read_waiting, waiting_cell
from dashboard.desk import Desk, here
from dashboard.wording import SOURCE, contact, day_and_time, said
from data.permissions import Action
from data.warehouse import customers
from data.warehouse.customers import NOT_INVITED
from data.warehouse.pages import Page
from invitations.import_rights import refuse_import


def _columns(desk: Desk, waiting: Waiting | None) -> list[Column]:
    """Who is not invited yet has no day, no score and no rating: what holds them back has their room."""
    invited_on = Column(
        "Invited on", lambda row: _invited(row, desk), "0.85fr", on_phone=False, sorts=("Invited on",)
    )  # fmt: skip
    last = (
        [
            Column("NPS score", lambda row: score_mark(row["score"]), "0.5fr", is_number=True, sorts=("NPS score",)),
            Column("Ratings", _rating, "0.98fr", on_phone=False, sorts=("Ratings",)),
        ]
        if waiting is None
        else [Column("What holds it back", lambda row: waiting_cell(waiting, row), "3.3fr")]
    )
    return [
        Column("Name", lambda row: person_cell(_name(row)), "1.2fr", sorts=("First name", "Last name")),
        Column(
            "Email and phone number",
            lambda row: two_lines(row["email"] or "–", contact(row["phone"]) or "–", row["email"] or ""),
            "1.65fr" if waiting is None else "1.95fr",
            on_phone=False,
            sorts=("Email", "Phone number"),
        ),
        *([invited_on] if waiting is None else []),
        Column("Location", lambda row: place_cell(row["location_name"]), "1.2fr", on_phone=False, sorts=("Location",)),
        Column(
            "Source",
            lambda row: two_lines(said(SOURCE, row["source"]), row["list_name"] or "", _source(row)),
            "1fr",
            on_phone=False,
            sorts=("Source",),
        ),
        Column("Status", _status, "1.35fr" if waiting is None else "1.6fr", sorts=("Status",)),
        *last,
    ]


def _name(row: dict[str, Any]) -> str:
    return " ".join(filter(None, [row["first_name"], row["last_name"]]))


def _source(row: dict[str, Any]) -> str:
    return " · ".join(filter(None, [said(SOURCE, row["source"]), row["list_name"]]))


def _invited(row: dict[str, Any], desk: Desk) -> object:
    return moment_cell(*day_and_time(row["invited_at"], row["location_time_zone"], desk.now))


def _status(row: dict[str, Any]) -> object:
    has_left = row["invited_at"] is not None
    return invitation_mark(row["invitation_status"], is_suppressed=bool(row["is_suppressed"]), has_left=has_left)


def _rating(row: dict[str, Any]) -> Markup:
    return answer_mark(row["stars"], row["review_platform"], row["stars_given"])


def _buttons(row: dict[str, Any], desk: Desk) -> list[Button]:
    buttons = [Button("Activity", ":material/history:", "activity", open_panel, hint="Activity")]
    if desk.may(Action.SEND):
        buttons.append(
            Button("Send review request", ":material/send:", "send", open_send_form, hint="Send review request")
        )
    if action := offered(row, desk):
        ask = partial(ask_about, action, row["invitation_id"])
        buttons.append(Button(action.capitalize(), ICON[action], action.value, lambda _: ask()))
    return buttons


def _table(desk: Desk, chosen: Chosen) -> None:
    table = st.container()
    number = pager("customers", chosen.total, "customer", "customers")
    found = customers.customers_page(desk.reader, desk.scope, chosen.filter, chosen.order, Page(number, PAGE_SIZE))
    rows = found.to_dicts()
    waiting = read_waiting(desk, rows) if chosen.filter.status == NOT_INVITED else None
    with table:
        show_selection(desk)
        draw_rows(
            "customers", rows, _columns(desk, waiting), lambda row: row["customer_id"],
            lambda row: _buttons(row, desk), picking=Picking("customers", _name) if may_pick(desk) else None,
            sorting=SORTING,
        )  # fmt: skip
    export_customers("customers", desk.scope, chosen.filter)
    show_question({row["invitation_id"]: _name(row) for row in rows if row["invitation_id"] is not None})


def _bulk_import(desk: Desk) -> None:
    """The way to Bulk import, for whoever may; where the plan has none, the reason."""
    if not desk.may(Action.IMPORT):
        return
    with desk.ledger.read() as c:
        refusal = refuse_import(c, desk.actor)
    reason = refusal.reason if refusal else None
    if st.button(
        "Bulk import", key="bulk_import", icon=":material/upload:", type="primary", disabled=bool(reason), help=reason
    ):
        st.switch_page("views/bulk_import.py")


def show() -> None:
    desk = here()
    if draw_invited(desk, "Customers"):
        return
    with st.container(
        key="aw_titled_customers", horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"
    ):
        with st.container(width="stretch"):
            title("Customers", "Everyone who was invited to leave a review, and who is still to be")
        _bulk_import(desk)
    draw_cards(quota_cards(desk))
    chosen = choose(desk)
    if chosen.total:
        _table(desk, chosen)
    elif chosen.is_narrowed:
        empty("No customer matches", "Clear the filters, or choose another location or period.", name="customers")
        st.button("Clear filters", key="forget_filters", on_click=forget_filters)
    else:
        empty(
            "No customers yet",
            "Press Bulk import and bring a list; its customers appear here with what comes next for each.",
            name="customers",
        )
    show_panel()


show()
