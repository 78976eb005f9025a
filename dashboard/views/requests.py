"""Requests: every message, what became of it and why it waits; asking for one by hand, pausing what is queued."""

from pathlib import Path
from typing import Any

import streamlit as st
from markupsafe import Markup

from dashboard.components.confirm import pause, resume
from dashboard.components.marks import request_mark
from dashboard.components.page import EVERY, PAGE_SIZE, back_to_first_page, empty, pager, search_box, tabs, title
from dashboard.components.panel import open_panel, show_panel
from dashboard.components.pausing import show_pausing
from dashboard.components.picked_requests import show_picked
from dashboard.components.picking import Picking
from dashboard.components.rows import Button, Column, draw_rows, moment_cell, person_cell, two_lines
from dashboard.components.send_form import TITLE, open_send_form
from dashboard.components.settle import ask_to_settle, show_settling
from dashboard.components.sorting import Sorting
from dashboard.components.standing import IN_DOUBT, PAUSED, STOPPED, Standings, read_standings
from dashboard.components.why_queued import ask_why, show_why
from dashboard.desk import Desk, here
from dashboard.wording import CHANNEL, contact, day_and_time, said
from data.ledger.list_names import list_names
from data.permissions import Action
from data.warehouse.pages import Page
from data.warehouse.requests import NO_LIST, RequestFilter, RequestOrder, requests_by_status, requests_page
from data.words import Channel, ScreenStatus

_ORDERS = {
    "Date sent, newest first": RequestOrder.NEWEST,
    "Date sent, oldest first": RequestOrder.OLDEST,
    "Invite sent to, A to Z": RequestOrder.NAME,
    "Invite sent to, Z to A": RequestOrder.NAME_DOWN,
    "Email or phone, A to Z": RequestOrder.ADDRESS,
    "Email or phone, Z to A": RequestOrder.ADDRESS_DOWN,
    "Sent by, A to Z": RequestOrder.SENT_BY,
    "Sent by, Z to A": RequestOrder.SENT_BY_DOWN,
    "Sent via, A to Z": RequestOrder.CHANNEL,
    "Sent via, Z to A": RequestOrder.CHANNEL_DOWN,
    "Status, A to Z": RequestOrder.STATUS,
    "Status, Z to A": RequestOrder.STATUS_DOWN,
    "Retries, most first": RequestOrder.RETRIES,
    "Retries, fewest first": RequestOrder.RETRIES_FEWEST,
}
_SORTING = Sorting.of("requests", _ORDERS)
_ANY_LIST, _WITHOUT_LIST = "All lists", "No list"
Row = dict[str, Any]


def _columns(desk: Desk, standings: Standings) -> list[Column]:
    is_one_place = len(desk.places) == 1
    return [
        Column(
            "Invite sent to",
            lambda row: person_cell(row["name"], "" if is_one_place else row["location_name"]),
            "1.5fr",
            sorts=("Invite sent to",),
        ),
        Column("Email or phone", _address, "1.7fr", sorts=("Email or phone",)),
        Column("Sent by", lambda row: two_lines(row["sent_by"], row["list_name"] or "", row["sent_by"]), "1.35fr",
               on_phone=False, sorts=("Sent by",)),
        Column("Sent via", lambda row: said(CHANNEL, row["channel"]), "0.75fr", on_phone=False,
               sorts=("Sent via",)),
        Column("Date sent", lambda row: _sent(row, desk, standings), "1.75fr", sorts=("Date sent",)),
        Column("Status", lambda row: _status(row, desk, standings), "1.5fr", sorts=("Status",)),
        Column("Retries", lambda row: row["retries"], "0.65fr", is_number=True, on_phone=False, sorts=("Retries",)),
    ]  # fmt: skip


def _address(row: Row) -> Markup:
    return Markup('<div class="aw-clip" title="{0}">{0}</div>').format(contact(row["address"]))


def _status(row: Row, desk: Desk, standings: Standings) -> Markup:
    note = standings.note(row)
    return request_mark(row["screen_status"], note, row["failure_reason"], standings.about(row, desk))


def _sent(row: Row, desk: Desk, standings: Standings) -> object:
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


def _buttons(row: Row, desk: Desk, standings: Standings) -> list[Button]:
    """What can be done about a message: why it waits, pause or resume, decide; and its customer's history."""
    activity = Button(
        "Activity", ":material/history:", "activity", lambda _: open_panel(row["customer_id"]), "Customer activity"
    )
    if row["screen_status"] != ScreenStatus.QUEUED:
        return [activity]
    reason = Button("Why queued", ":material/help:", "why", ask_why, "Why is it still queued?")
    doubt = standings.doubts.get(row["request_id"])
    if doubt is not None and doubt.is_left_to_person and desk.may(Action.SEND):
        return [
            Button("Decide", ":material/contact_support:", "settle", ask_to_settle, "Decide: did it arrive?"),
            reason,
            activity,
        ]
    if row["note"] == PAUSED and desk.may(Action.RESUME) and standings.note(row) != STOPPED:
        return [Button("Resume", ":material/play_arrow:", "resume", resume, "Resume"), reason, activity]
    if _is_pausable(row, standings) and desk.may(Action.PAUSE):
        return [Button("Pause", ":material/pause:", "pause", pause, "Pause"), reason, activity]
    return [reason, activity]


def _is_pausable(row: Row, standings: Standings) -> bool:
    """It is queued and waits for nothing but its time: it has not gone, and is not held with others."""
    is_held = row["note"] in (PAUSED, IN_DOUBT) or row["request_id"] in standings.holds
    return row["screen_status"] == ScreenStatus.QUEUED and not is_held


def _choose(desk: Desk) -> tuple[RequestFilter, RequestOrder, int]:
    again: dict[str, Any] = {
        "bind": "query-params", "label_visibility": "collapsed", "on_change": back_to_first_page, "args": ("requests",),
    }  # fmt: skip
    with desk.ledger.read() as c:
        names = list_names(c, desk.access.account_id, [place.location_id for place in desk.places])
    with st.container(key="aw_filters_requests", horizontal=True, vertical_alignment="center"):
        with st.container(width=320):
            search = search_box("requests", "Name, email or phone")
        with st.container(width=150):
            channel = st.selectbox("Channel", ["All channels", *CHANNEL.values()], key="requests_channel", **again)
        with st.container(width=200):
            of_list = st.selectbox("List", [_ANY_LIST, _WITHOUT_LIST, *names], key="requests_list", **again)
        order = _ORDERS[_SORTING.choose_order()]
    chosen = RequestFilter(channel=_channel(channel), search=search, list_name=_list(of_list, names))
    counts = requests_by_status(desk.reader, desk.scope, chosen)
    shown = [status for status in ScreenStatus if status is not ScreenStatus.CANCELED or counts.get(status)]
    whole = sum(count for status, count in counts.items() if status != ScreenStatus.CANCELED)
    words = {EVERY: f"All {whole:,}"} | {status.value: f"{status} {counts.get(status, 0):,}" for status in shown}
    status = tabs("requests", "Status", words)
    if status is None:
        return chosen, order, whole
    only = RequestFilter((ScreenStatus(status),), chosen.channel, chosen.search, chosen.list_name)
    return only, order, counts.get(status, 0)


def _channel(word: str) -> str | None:
    return next((channel.value for channel in Channel if CHANNEL[channel] == word), None)


def _list(word: str, names: list[str]) -> str | None:
    return word if word in names else NO_LIST if word == _WITHOUT_LIST else None


def _head(desk: Desk) -> None:
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        with st.container(width="stretch"):
            title("Requests", "Every message that was sent or is still to come")
        with st.container(key="aw_buttons_requests", horizontal=True, width="content", vertical_alignment="center"):
            show_pausing(desk)
            if desk.may(Action.SEND):
                st.button(
                    TITLE, key="send_request", icon=":material/send:", type="primary",
                    on_click=open_send_form, args=(None,),
                )  # fmt: skip


def show() -> None:
    desk = here()
    st.html(Path(__file__).parents[1] / "components/requests.css")
    _head(desk)
    chosen, order, total = _choose(desk)
    if not total:
        _nothing(chosen)
        show_panel()
        return
    bar, table = st.container(), st.container()
    number = pager("requests", total, "message", "messages")
    rows = requests_page(desk.reader, desk.scope, chosen, order, Page(number, PAGE_SIZE)).to_dicts()
    standings = read_standings(desk, rows)
    is_picking = desk.may(Action.PAUSE) or desk.may(Action.RESUME)
    with bar:
        show_picked(desk)
    with table:
        draw_rows(
            "requests", rows, _columns(desk, standings), lambda row: row["request_id"],
            lambda row: _buttons(row, desk, standings),
            picking=Picking("requests", lambda row: row["name"] or row["address"]) if is_picking else None,
            sorting=_SORTING,
        )  # fmt: skip
    show_settling(rows)
    show_why(rows, standings)
    show_panel()


def _nothing(chosen: RequestFilter) -> None:
    if chosen.search or chosen.channel or chosen.list_name is not None or len(chosen.statuses) == 1:
        empty(
            "No message matches", "Clear the search, or choose another status, channel, list or period.",
            name="requests",
        )  # fmt: skip
    else:
        empty("No messages yet", "Import a customer list; messages appear here once they are planned.", name="requests")


show()
