"""Requests: every message, what became of it, what is done about a doubt, and the pause of those still queued."""

from typing import Any

import streamlit as st
from markupsafe import Markup

from dashboard.components.confirm import pause, resume
from dashboard.components.marks import request_mark
from dashboard.components.page import EVERY, PAGE_SIZE, back_to_first_page, empty, pager, search_box, tabs, title
from dashboard.components.pausing import show_pausing
from dashboard.components.rows import Button, Column, draw_rows, moment_cell, person_cell, place_cell, two_lines
from dashboard.components.settle import ask_to_settle, show_settling
from dashboard.components.standing import IN_DOUBT, PAUSED, STOPPED, Standings, read_standings
from dashboard.desk import Desk, here
from dashboard.wording import CHANNEL, contact, day_and_time, said
from data.permissions import Action
from data.warehouse import pages
from data.warehouse.pages import Page, RequestFilter, RequestOrder
from data.words import Channel, ScreenStatus

_ORDERS = {
    "Newest first": RequestOrder.NEWEST,
    "Oldest first": RequestOrder.OLDEST,
    "Name": RequestOrder.NAME,
    "Most retries": RequestOrder.RETRIES,
}


def _columns(desk: Desk, standings: Standings) -> list[Column]:
    return [
        Column("Invite sent to", lambda row: person_cell(row["name"], contact(row["address"])), "2.2fr"),
        Column("Sent via", lambda row: said(CHANNEL, row["channel"]), "0.7fr", on_phone=False),
        Column("Sent by", lambda row: two_lines(row["sent_by"], row["list_name"] or ""), "1.4fr", on_phone=False),
        Column("Location", lambda row: place_cell(row["location_name"]), "1.2fr", on_phone=False),
        Column("Date sent", lambda row: _sent(row, desk, standings), "1.45fr"),
        Column("Status", lambda row: _status(row, desk, standings), "1.8fr"),
        Column("Retries", lambda row: row["retries"], "0.6fr", is_number=True, on_phone=False),
    ]


def _status(row: dict[str, Any], desk: Desk, standings: Standings) -> Markup:
    note = standings.note(row)
    return request_mark(row["screen_status"], note, row["failure_reason"], standings.about(row, desk))


def _sent(row: dict[str, Any], desk: Desk, standings: Standings) -> object:
    zone = row["location_time_zone"]
    if row["handed_at"] is not None:
        return moment_cell(*day_and_time(row["handed_at"], zone, desk.now))
    if row["screen_status"] != ScreenStatus.QUEUED:
        return moment_cell("–", "", "It never left")
    doubt = standings.doubts.get(row["request_id"])
    if doubt is not None:
        day, time, exact = day_and_time(desk.on_policy_clock(doubt.handed_at), zone, desk.now)
        return moment_cell("Unsure", f"left {day}, {time}", f"It may have gone, {exact}; its answer never came")
    if row["note"] == IN_DOUBT:  # settled in this moment
        return moment_cell("Unsure", "it may have gone", "The provider has not said")
    day, time, exact = day_and_time(row["not_before"], zone, desk.now)
    return moment_cell("Not yet", f"due {day}, {time}", f"Not before {exact}")


def _buttons(row: dict[str, Any], desk: Desk, standings: Standings) -> list[Button]:
    if row["screen_status"] != ScreenStatus.QUEUED:
        return []
    doubt = standings.doubts.get(row["request_id"])
    if doubt is not None and doubt.is_left_to_person and desk.may(Action.SEND):
        return [Button("Decide", ":material/contact_support:", "settle", ask_to_settle)]
    if standings.note(row) == STOPPED:
        return []
    if row["note"] == PAUSED:
        return [Button("Resume", ":material/play_arrow:", "resume", resume)] if desk.may(Action.RESUME) else []
    if row["note"] == IN_DOUBT or row["request_id"] in standings.holds:  # it may have gone, or waits with others
        return []
    return [Button("Pause", ":material/pause:", "pause", pause)] if desk.may(Action.PAUSE) else []


def _choose(desk: Desk) -> tuple[RequestFilter, RequestOrder, int]:
    with st.container(key="aw_filters_requests", horizontal=True, vertical_alignment="center"):
        with st.container(width=320):
            search = search_box("requests", "Name, email or phone")
        with st.container(width=150):
            channel = st.selectbox(
                "Channel", ["All channels", *CHANNEL.values()], key="requests_channel", bind="query-params",
                label_visibility="collapsed", on_change=back_to_first_page, args=("requests",),
            )  # fmt: skip
        with st.container(width=170):
            order = st.selectbox(
                "Order", list(_ORDERS), key="requests_order", bind="query-params", label_visibility="collapsed",
                on_change=back_to_first_page, args=("requests",),
            )  # fmt: skip
    chosen = RequestFilter(channel=_channel(channel), search=search)
    counts = pages.requests_by_status(desk.reader, desk.scope, chosen)
    shown = [status for status in ScreenStatus if status is not ScreenStatus.CANCELED or counts.get(status)]
    whole = sum(count for status, count in counts.items() if status != ScreenStatus.CANCELED)
    words = {EVERY: f"All {whole:,}"} | {status.value: f"{status} {counts.get(status, 0):,}" for status in shown}
    status = tabs("requests", "Status", words)
    if status is None:
        return chosen, _ORDERS.get(order, RequestOrder.NEWEST), whole
    only = RequestFilter((ScreenStatus(status),), chosen.channel, chosen.search)
    return only, _ORDERS.get(order, RequestOrder.NEWEST), counts.get(status, 0)


def _channel(word: str) -> str | None:
    return next((channel.value for channel in Channel if CHANNEL[channel] == word), None)


def show() -> None:
    desk = here()
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        with st.container(width="stretch"):
            title("Requests", "Every message that was sent or is still to come")
        show_pausing(desk)
    chosen, order, total = _choose(desk)
    if not total:
        _nothing(chosen)
        return
    table = st.container()
    number = pager("requests", total, "message", "messages")
    rows = pages.requests_page(desk.reader, desk.scope, chosen, order, Page(number, PAGE_SIZE)).to_dicts()
    standings = read_standings(desk, rows)
    is_acting = any(desk.may(action) for action in (Action.PAUSE, Action.RESUME, Action.SEND))
    with table:
        draw_rows(
            "requests", rows, _columns(desk, standings), lambda row: row["request_id"],
            (lambda row: _buttons(row, desk, standings)) if is_acting else None,
        )  # fmt: skip
    show_settling(rows)


def _nothing(chosen: RequestFilter) -> None:
    if chosen.search or chosen.channel or len(chosen.statuses) == 1:
        empty("No message matches", "Clear the search, or choose another status, channel or period.", name="requests")
    else:
        empty("No messages yet", "Import a customer list; messages appear here once they are planned.", name="requests")


show()
