""" "Why is it still queued?": one click on a queued message, and every reason with its end."""

from typing import Any

import streamlit as st
from markupsafe import Markup

from dashboard.components.marks import request_mark
from dashboard.components.standing import Standings
from dashboard.desk import Desk, here
from dashboard.wording import CHANNEL, contact, said, short_moment
from invitations.policy import NoPolicy, PolicyRefused
from invitations.why import why

_ASKED = "asked_why"

Row = dict[str, Any]


def ask_why(request_id: int) -> None:
    """For a button's on_click: the answer is shown on the run that follows."""
    st.session_state[_ASKED] = request_id


def show_why(rows: list[Row], standings: Standings) -> None:
    """The answer, if somebody asked; `rows` are the messages on screen."""
    asked: int | None = st.session_state.get(_ASKED)
    row = next((row for row in rows if row["request_id"] == asked), None)
    if row is None:
        _forget()
        return
    st.dialog("Why is it still queued?", on_dismiss=_forget)(_answer)(row, standings)


def _answer(row: Row, standings: Standings) -> None:
    desk = here()
    zone = row["location_time_zone"]
    note = standings.note(row)
    st.html(
        Markup('<div class="aw-who"><h2>{}</h2>{}</div><p class="aw-faint">{} to {} · {}</p>').format(
            row["name"] or "No name",
            request_mark(row["screen_status"], note, None),
            said(CHANNEL, row["channel"]),
            contact(row["address"]),
            row["location_name"],
        )
    )
    reasons = _reasons(row, standings, desk)
    if not reasons:
        due = row["not_before"]
        words = (
            "Nothing holds it back: it goes with the next batch, within a minute or so."
            if due is None or due <= desk.now
            else f"Nothing holds it back but its time: it is due {short_moment(due, zone, desk.now)}."
        )
        st.html(Markup("<p>{}</p>").format(words))
        return
    items = Markup("").join(Markup("<li>{}</li>").format(reason) for reason in reasons)
    st.html(Markup('<ul class="aw-consequences">{}</ul>').format(items))


def _reasons(row: Row, standings: Standings, desk: Desk) -> list[str]:
    """What holds the message itself, then what holds its customer's next message by the rules as they are now."""
    reasons = []
    if desk.system.halted_at is not None:
        since = short_moment(desk.on_policy_clock(desk.system.halted_at), row["location_time_zone"], desk.now)
        reasons.append(f"all sending is halted since {since}")
    note, about = standings.note(row), standings.about(row, desk)
    if note:
        reasons.append(f"{note}: {about}" if about else note)
    return [_sentence(reason) for reason in dict.fromkeys([*reasons, *_by_the_rules(row, desk)])]


def _by_the_rules(row: Row, desk: Desk) -> list[str]:
    try:
        told = why(desk.ledger, row["address"], now=desk.now)
    except (NoPolicy, PolicyRefused):
        return ["the account has no valid settings, so nothing is planned"]
    return next((one.reasons for one in told if one.customer_id == row["customer_id"]), [])


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}."


def _forget() -> None:
    st.session_state.pop(_ASKED, None)
