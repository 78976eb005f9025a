"""A doubt that only a person can settle: the question, what each answer does, and the two buttons."""

from typing import Any

import streamlit as st
from markupsafe import Markup

from dashboard.components.confirm import remember
from dashboard.desk import Desk, here
from dashboard.wording import CHANNEL, contact, short_moment
from data.ledger import doubt
from data.ledger.doubt import DoubtStanding
from data.words import Channel
from invitations.settle import settle_by_hand

_ASKED = "asked_to_settle"
_WHERE_TO_LOOK = {
    Channel.EMAIL: "Look for it in the log of your mail server.",
    Channel.SMS: "Look for it in the provider's list of messages.",
    Channel.WHATSAPP: "Look for it in the provider's list of messages.",
}

Row = dict[str, Any]


def ask_to_settle(request_id: int) -> None:
    """For a button's on_click: the question is shown on the run that follows."""
    st.session_state[_ASKED] = request_id


def show_settling(rows: list[Row]) -> None:
    """The open question, if there is one; `rows` are the messages on screen."""
    asked: int | None = st.session_state.get(_ASKED)
    row = next((row for row in rows if row["request_id"] == asked), None)
    if asked is None or row is None:
        _forget()
        return
    desk = here()
    with desk.ledger.read() as c:
        found = doubt.standings(c, desk.actor.account_id, desk.actor.location_ids, [asked]).get(asked)
    if found is None:  # settled meanwhile
        _forget()
        return
    st.dialog("Did this message arrive?", on_dismiss=_forget)(_question)(row, found)


def _question(row: Row, found: DoubtStanding) -> None:
    desk = here()
    with st.container(key="aw_confirm"):
        st.html(_told(row, found, desk))
        with st.container(horizontal=True, horizontal_alignment="right"):
            is_canceled = st.button("Cancel", key="settle_no")
            is_absent = st.button("It never arrived", key="settle_not_sent")
            is_sent = st.button("It arrived", key="settle_sent", type="primary")
    if is_sent or is_absent:
        now = desk.ledger.policy_now()
        remember(settle_by_hand(desk.ledger, desk.actor, found.attempt_id, was_sent=is_sent, now=now))
    if is_sent or is_absent or is_canceled:
        _forget()
        st.rerun()  # the whole page: a dialog's own run would leave it open over the old rows


def _told(row: Row, found: DoubtStanding, desk: Desk) -> Markup:
    name = row["name"] or "this customer"
    when = short_moment(desk.on_policy_clock(found.handed_at), str(row["location_time_zone"]), desk.now)
    what = f"{CHANNEL[found.channel]} to {contact(str(row['address']))}, handed over {when}."
    why = f"Its answer never came, and nobody can be asked: {found.note}." if found.note else "Its answer never came."
    lines = [
        f"It arrived: it is kept as sent, and {name} does not get it again.",
        f"It never arrived: it is queued again and goes with the next send. If it did arrive, {name} gets it twice.",
    ]
    items = Markup("").join(Markup("<li>{}</li>").format(line) for line in lines)
    return Markup('<p class="aw-strong">{}</p><p>{}</p><p>{}</p><ul class="aw-consequences">{}</ul>').format(
        _WHERE_TO_LOOK[found.channel], what, why, items
    )


def _forget() -> None:
    st.session_state.pop(_ASKED, None)
