"""The customer's panel beside the table: profile, what comes next, review, record, history. Its link can be shared."""

from typing import Any
from urllib.parse import urlencode, urlsplit

import streamlit as st
from markupsafe import Markup

from dashboard.components import panel_facts as facts
from dashboard.components.confirm import ICON, ask_inside, forget_inside, offered, show_question_inside
from dashboard.components.contact_form import show_contact_form
from dashboard.components.page import say_outdated
from dashboard.components.replying import show_review
from dashboard.components.send_form import open_send_form
from dashboard.desk import Desk, here
from data.ledger.customer_facts import read_consents, read_invitations, read_said_against
from data.permissions import Action
from data.warehouse import customers
from invitations.policy import NoPolicy, PolicyRefused
from invitations.why import Explanation, why

_PARAMETER = "customer"
_CLOSED = "panel_just_closed"  # whose


def open_panel(customer_id: int) -> None:
    """For a button's on_click: the link carries which panel is open."""
    st.session_state.pop(_CLOSED, None)
    st.query_params[_PARAMETER] = str(customer_id)


def close_panel() -> None:
    """Forget which panel is open, and what it asked."""
    forget_inside()
    st.session_state[_CLOSED] = st.query_params.pop(_PARAMETER, None)


def show_panel() -> None:
    """The panel that the link asks for, if any, beside the table."""
    wanted = st.query_params.get(_PARAMETER)
    just_closed = st.session_state.pop(_CLOSED, None)
    if wanted is not None and wanted == just_closed:
        # Closed while a run that an action in it asked for was still to come: that one has the link of before.
        st.query_params.pop(_PARAMETER, None)
        return
    if wanted is None or not here().may(Action.OPEN_PANEL):
        return
    st.dialog("Customer activity", position="right", width=520, on_dismiss=close_panel)(_panel)(wanted)


def _panel(wanted: str) -> None:
    desk = here()
    if desk.reader.is_outdated:
        say_outdated()
        return
    is_number = wanted.isascii() and wanted.isdigit() and len(wanted) < 19
    found = customers.customer(desk.reader, desk.whole_scope, int(wanted)) if is_number else None
    if found is None:
        st.html(
            Markup('<div class="aw-empty"><strong>{}</strong><p>{}</p></div>').format(
                "No such customer here",
                "They may belong to a location that is not among yours, or be one with another customer by now. "
                "Close this panel.",
            )
        )
        return
    customer_id, zone = found["customer_id"], found["location_time_zone"]
    with desk.ledger.read() as c:
        mine = (c, desk.access.account_id, customer_id)
        asked, consents, against = read_invitations(*mine), read_consents(*mine), read_said_against(*mine)
    st.html(facts.heading(found))
    _actions(found, desk)
    show_question_inside(found["invitation_id"], facts.full_name(found))
    st.html(facts.profile(found, customers.customer_addresses(desk.reader, desk.whole_scope, customer_id), desk))
    if desk.may(Action.CORRECT_CONTACT):
        show_contact_form(found)
    outlook = st.empty()
    _review(found, {row.invitation_id: row.score for row in asked}, desk)
    st.html(facts.on_record(consents, against, zone, desk))
    if before := [row for row in asked if row.invitation_id != found["invitation_id"]]:
        st.html(facts.earlier(before, zone, desk))
    timeline = customers.customer_timeline(desk.reader, desk.whole_scope, customer_id, zone)
    st.html(facts.history(timeline, zone, desk))
    if told := _explained(found, desk):  # last: where quota is scarce it weighs everybody
        outlook.html(facts.outlook(told))


def _actions(found: dict[str, Any], desk: Desk) -> None:
    """Ask them, stop or restart what is under way, or hand on the panel's link."""
    with st.container(key="aw_panel_actions", horizontal=True, gap="small"):
        if desk.may(Action.SEND) and st.button("Send review request", key="send_from_panel", icon=":material/send:"):
            open_send_form(found["customer_id"])
            st.rerun()
        if action := offered(found, desk):
            st.button(
                action.capitalize(), key=f"{action.value}_from_panel", icon=ICON[action],
                on_click=ask_inside, args=(action, found["invitation_id"]),
            )  # fmt: skip
        with st.popover("Copy link", icon=":material/link:"):
            st.html('<p class="aw-faint">Opens this panel for whoever may see this location.</p>')
            st.code(panel_link(found["customer_id"], st.context.url or ""), language=None, wrap_lines=True)


def panel_link(customer_id: int, page: str) -> str:
    """The panel's address, whatever else is chosen on the page it is open on."""
    at = urlsplit(page)
    base = str(st.get_option("server.baseUrlPath")).strip("/")
    root = "/".join(filter(None, [f"{at.scheme}://{at.netloc}" if at.netloc else "", base]))
    return f"{root}/customers?{urlencode({'period': 'All time', _PARAMETER: customer_id})}"


def _explained(found: dict[str, Any], desk: Desk) -> Explanation | None:
    try:
        told = why(desk.ledger, found["email"] or found["phone"], now=desk.now)
    except (NoPolicy, PolicyRefused):
        return None
    return next((explanation for explanation in told if explanation.customer_id == found["customer_id"]), None)


def _review(found: dict[str, Any], scores: dict[int, int | None], desk: Desk) -> None:
    review = customers.customer_review(desk.reader, desk.whole_scope, found["customer_id"])
    score = scores.get(review["invitation_id"]) if review else None
    st.html(facts.review_told(review, score, found["location_time_zone"], desk))
    if review and st.button("Reply", key="reply_from_panel", icon=":material/reply:", help="Opens it in My Reviews"):
        show_review(review["review_id"])
