"""What can be done to the customers who are picked in the table: stop, restart, export. Each asks before it acts."""

from collections.abc import Sequence

import streamlit as st
from markupsafe import Markup

from dashboard.components.confirm import ICON, VERB, remember, will_not_go
from dashboard.components.customer_export import export_customers
from dashboard.components.picking import pick_none, picked_in
from dashboard.desk import Desk, here
from dashboard.wording import counted
from data.permissions import Action
from data.warehouse.customers import CustomerFilter
from data.words import InvitationStatus
from invitations.stop_many import Selection, foresee_many, restart_many, stop_many

_ASKED = "asked_about_selection"
_NAMED = 6  # people called by name in a question; of more, their number
_STATUS = {Action.STOP: InvitationStatus.ACTIVE, Action.RESTART: InvitationStatus.STOPPED}
_CONTROL = {Action.STOP: stop_many, Action.RESTART: restart_many}


def may_pick(desk: Desk) -> bool:
    """Whether there is anything that this person may do to a selection."""
    return any(desk.may(action) for action in (Action.STOP, Action.RESTART, Action.EXPORT))


def show_selection(desk: Desk) -> None:
    """The bar over the table, while somebody is picked."""
    picked = picked_in("customers")
    if not picked or not may_pick(desk):
        return
    with st.container(key="aw_selection_customers", horizontal=True, vertical_alignment="center", gap="small"):
        st.html(
            Markup('<span role="status">{} picked</span>').format(counted(len(picked), "customer")), width="content"
        )
        for action, icon in ICON.items():
            if desk.may(action):
                st.button(
                    VERB[action], key=f"{action.value}_picked", icon=icon, on_click=_ask, args=(action,),
                )  # fmt: skip
        export_customers("picked_customers", desk.whole_scope, CustomerFilter(among=picked))
        st.button("Clear", key="pick_none", type="tertiary", on_click=pick_none, args=("customers",))
    asked: Action | None = st.session_state.get(_ASKED)
    if asked is not None:
        st.dialog(VERB[asked], on_dismiss=_forget)(_question)(asked, picked)


def _ask(action: Action) -> None:
    st.session_state[_ASKED] = action


def _question(action: Action, picked: Sequence[int]) -> None:
    desk = here()
    concerned = foresee_many(desk.ledger, desk.actor, picked, _STATUS[action])
    with st.container(key="aw_confirm_many"):
        st.html(_words(action, concerned))
        with st.container(horizontal=True, horizontal_alignment="right"):
            is_canceled = st.button("Cancel", key="confirm_many_no")
            is_confirmed = bool(concerned.names) and st.button(VERB[action], key="confirm_many_yes", type="primary")
    if is_confirmed:
        remember(_CONTROL[action](desk.ledger, desk.actor, picked, now=desk.ledger.policy_now()))
        pick_none("customers")
    if is_confirmed or is_canceled:
        _forget()
        st.rerun()


def _words(action: Action, concerned: Selection) -> Markup:
    """Who it is about, what happens, and whom it does not concern."""
    if not concerned.names:
        nobody = "has messages that could be stopped" if action is Action.STOP else "has messages that were stopped"
        return Markup('<p class="aw-strong">None of them {}.</p>').format(nobody)
    names = [name or "No name" for name in concerned.names]
    whom = names[0] if len(names) == 1 else counted(len(names), "customer")
    shown = ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else "")
    lines = [shown] if len(names) > 1 else []
    if action is Action.STOP:
        lines.append(will_not_go(concerned.waiting))
        lines.append("The history stays.")
    else:
        lines.append("What is still planned will go, later by as long as it was stopped.")
    if concerned.others:
        state = "nothing to stop" if action is Action.STOP else "nothing that was stopped"
        has = "has" if concerned.others == 1 else "have"
        lines.append(f"{counted(concerned.others, 'other')} that you picked {has} {state}.")
    told = Markup("").join(Markup("<p>{}</p>").format(line) for line in lines)
    return Markup('<p class="aw-strong">{} to {}?</p>{}').format(VERB[action], whom, told)


def _forget() -> None:
    st.session_state.pop(_ASKED, None)
