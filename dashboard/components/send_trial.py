"""A test of the message to oneself, beside the send form's buttons."""

import streamlit as st
from markupsafe import Markup

from dashboard.components.send_fields import Chosen
from dashboard.desk import Desk
from data.ledger.access import Place
from data.words import Channel
from invitations.actor import Answer, Done
from invitations.send_test import ask_for_test, last_problem


def show_trial(desk: Desk, place: Place, chosen: Chosen) -> None:
    """A menu with a test by mail to one's own address, or by text to one's own number."""
    if chosen.template_slug is None:
        return
    with st.popover("Send a test to myself", icon=":material/science:", width="content"):
        st.html('<p class="aw-faint">With made-up values. It uses no quota, and no customer gets it.</p>')
        phone = st.text_input("My own phone number, for a test by SMS", key="trial_phone", type="phone", max_chars=40)
        with st.container(horizontal=True):
            is_mail = st.button(f"Email to {desk.access.email}", key="trial_email")
            is_text = st.button("SMS to my number", key="trial_sms", disabled=not phone)
        if is_mail or is_text:
            channel = Channel.EMAIL if is_mail else Channel.SMS
            answer = ask_for_test(
                desk.ledger, desk.actor, channel=channel, template_slug=chosen.template_slug,
                location_id=place.location_id, phone=phone or "",
            )  # fmt: skip
            _say(answer)
        elif problem := last_problem(desk.ledger, desk.actor):
            st.html(Markup('<p class="aw-failed">Your last test did not go: {}</p>').format(problem))


def _say(answer: Answer) -> None:
    tone, words = ("delivered", answer.message) if isinstance(answer, Done) else ("failed", answer.reason)
    st.html(Markup('<p class="aw-{}" role="status">{}</p>').format(tone, words))
