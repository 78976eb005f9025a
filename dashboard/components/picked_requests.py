"""What can be done with all messages that are picked on the Requests page: pause them, let them go again."""

import streamlit as st
from markupsafe import Markup

from dashboard.components.confirm import remember
from dashboard.components.picking import pick_none, picked_in
from dashboard.desk import Desk, here
from data.permissions import Action
from invitations.pause_selection import pause_requests, resume_requests

_TABLE = "requests"


def show_picked(desk: Desk) -> None:
    """How many are picked, and the buttons for them; nothing while none is."""
    picked = picked_in(_TABLE)
    if not picked:
        return
    with st.container(key="aw_picked_requests", horizontal=True, vertical_alignment="center", gap="small"):
        st.html(Markup('<span class="aw-strong" role="status">{} selected</span>').format(len(picked)), width="content")
        if desk.may(Action.PAUSE):
            st.button("Pause", key="pause_picked", icon=":material/pause:", on_click=_act, args=("pause", picked))
        if desk.may(Action.RESUME):
            st.button(
                "Resume", key="resume_picked", icon=":material/play_arrow:", on_click=_act, args=("resume", picked)
            )
        st.button("Clear", key="picked_none", type="tertiary", on_click=pick_none, args=(_TABLE,))


def _act(what: str, picked: tuple[int, ...]) -> None:
    desk = here()
    now = desk.ledger.policy_now()
    if what == "pause":
        remember(pause_requests(desk.ledger, desk.actor, picked, now=now))
    else:
        remember(resume_requests(desk.ledger, desk.actor, picked, now=now))
    pick_none(_TABLE)
