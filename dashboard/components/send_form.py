"""The "Send review request" form, from the Requests page or prefilled from a customer's row or panel."""

import streamlit as st

_OPEN = "send_form_open"
_PANEL = "customer"  # the link's parameter that keeps a panel open: there is room for one dialog


def open_send_form(customer_id: int | None) -> None:
    """Open the form on the run that follows, prefilled with this customer; None: for somebody new.

    A row's button takes it as `on_click`. Inside of a dialog (the panel) a callback reruns the dialog alone, so there:
    `if st.button(…): open_send_form(customer_id); st.rerun()`. An open panel gives way to the form.
    """
    st.session_state[_OPEN] = {"customer_id": customer_id}
    st.query_params.pop(_PANEL, None)
