"""Correcting a customer's name, email or phone number, in the panel."""

from typing import Any

import streamlit as st
from markupsafe import Markup

from dashboard.components.confirm import remember
from dashboard.desk import here
from invitations.actor import Answer, Done
from invitations.correct_contact import Corrected, SomebodyElses, correct_contact

_ANSWERED = "contact_answered"  # (customer, answer) of the correction that was tried last
_FIELDS = {"first_name": "First name", "last_name": "Last name", "email": "Email", "phone": "Phone"}


def show_contact_form(found: dict[str, Any]) -> None:
    """A fold with the four fields. What is wrong with them is said beneath; what was done, over the page."""
    number = found["customer_id"]
    answer = _answer(number)
    if isinstance(answer, Done):
        st.session_state.pop(_ANSWERED)
        remember(answer)
        st.rerun()  # the whole page: the row behind the panel has changed as well
    with (
        st.expander("Correct name, email or phone", icon=":material/edit:", key=f"contact_{number}"),
        st.form(f"contact_form_{number}", border=False),
    ):
        for name, label in _FIELDS.items():
            st.text_input(label, value=found[name] or "", key=_key(name, number), max_chars=254)
        if answer is not None:
            st.html(Markup('<p role="alert" class="aw-failed">{}</p>').format(answer.reason))
        if isinstance(answer, SomebodyElses):
            st.checkbox("Both are the same person: make their records one", key=_key("same", number))
        st.html('<p class="aw-faint">What was said against the old address goes on holding for them.</p>')
        st.form_submit_button(
            "Save correction", type="primary", key=_key("save", number), on_click=_correct, args=(number,)
        )


def _correct(number: int) -> None:
    desk = here()
    typed = {name: st.session_state[_key(name, number)] for name in _FIELDS}
    is_same_person = bool(st.session_state.get(_key("same", number)))
    answer = correct_contact(
        desk.ledger, desk.actor, number, Corrected(**typed), is_same_person=is_same_person, now=desk.ledger.policy_now()
    )
    st.session_state[_ANSWERED] = (number, answer)
    if isinstance(answer, Done):
        for name in (*_FIELDS, "same"):  # the record's own spelling stands there from now on
            st.session_state.pop(_key(name, number), None)


def _answer(number: int) -> Answer | None:
    asked, answer = st.session_state.get(_ANSWERED, (None, None))
    return answer if asked == number else None


def _key(name: str, number: int) -> str:
    return f"contact_{name}_{number}"
