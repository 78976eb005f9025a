"""Stopping and restarting, from a row or the panel: asked first, saying what will happen and to whom; then done."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import streamlit as st
from markupsafe import Markup
from streamlit.delta_generator import DeltaGenerator

from dashboard.desk import Desk, here
from dashboard.wording import counted
from data.ledger import controls as ledger_controls
from data.permissions import Action
from data.words import InvitationStatus
from invitations import controls
from invitations.controls import Answer, Done

VERB = {Action.STOP: "Stop messages", Action.RESTART: "Restart messages"}
ICON = {Action.STOP: ":material/stop_circle:", Action.RESTART: ":material/restart_alt:"}
_ASKED = "asked_to_confirm"
_ASKED_INSIDE = "asked_to_confirm_inside"  # of the panel: there is room for one dialog
_ANSWER = "answer_to_show"


def offered(row: Mapping[str, Any], desk: Desk) -> Action | None:
    """Stopping or restarting a customer's latest invitation, where it is possible and this person may.

    Who must not be contacted is not offered a restart, which would be refused: the panel says why.
    """
    status = row["invitation_status"]
    if status == InvitationStatus.ACTIVE:
        return Action.STOP if desk.may(Action.STOP) else None
    is_stopped = status == InvitationStatus.STOPPED and not row["is_suppressed"]
    return Action.RESTART if is_stopped and desk.may(Action.RESTART) else None


def ask_about(action: Action, invitation_id: int) -> None:
    """For a button's on_click: whether to stop, or to restart, is asked on the run that follows."""
    st.session_state[_ASKED] = (action, invitation_id)


def ask_inside(action: Action, invitation_id: int) -> None:
    """For an on_click in the panel: whether to stop, or to restart, is asked there."""
    st.session_state[_ASKED_INSIDE] = (action, invitation_id)


def forget_inside() -> None:
    """The panel closes: what it asked is asked no more."""
    st.session_state.pop(_ASKED_INSIDE, None)


def show_question_inside(invitation_id: int | None, name: str) -> None:
    """The panel's open question about this invitation, if there is one."""
    action, asked = st.session_state.get(_ASKED_INSIDE, (None, None))
    if action is None or asked != invitation_id:
        forget_inside()
        return
    with st.container(key="aw_confirm_inside", border=True):
        _question(action, asked, name)


def pause(request_id: int) -> None:
    """Pause at once: it is undone with one click, so nothing is asked."""
    desk = here()
    remember(controls.pause_request(desk.ledger, desk.actor, request_id, now=desk.ledger.policy_now()))


def resume(request_id: int) -> None:
    """Let a paused message go again."""
    desk = here()
    remember(controls.resume_request(desk.ledger, desk.actor, request_id, now=desk.ledger.policy_now()))


def remember(answer: Answer) -> None:
    """Keep what a control answered, to be shown on the run that follows."""
    st.session_state[_ANSWER] = answer


def show_answer(place: DeltaGenerator) -> None:
    """Say what the last control answered, once; a refusal at this place of the page."""
    answer: Answer | None = st.session_state.pop(_ANSWER, None)
    if answer is None:
        return
    if isinstance(answer, Done):
        st.toast(answer.message, icon=":material/check_circle:")
    else:
        place.warning(answer.reason, icon=":material/info:")


def show_question(names: dict[int, str]) -> None:
    """The open question, if there is one; `names` are the people on screen, by invitation."""
    asked = st.session_state.get(_ASKED)
    if asked is None:
        return
    action, invitation_id = asked
    name = names.get(invitation_id) or "this customer"
    st.dialog(VERB[action], on_dismiss=_forget)(_question)(action, invitation_id, name)


def _question(action: Action, invitation_id: int, name: str) -> None:
    with st.container(key="aw_confirm"):
        label, control = _ask_stop(invitation_id, name) if action is Action.STOP else _ask_restart(name)
        with st.container(horizontal=True, horizontal_alignment="right"):
            is_canceled = st.button("Cancel", key="confirm_no")
            is_confirmed = st.button(label, key="confirm_yes", type="primary")
    if is_confirmed:
        desk = here()
        remember(control(desk.ledger, desk.actor, invitation_id, now=desk.ledger.policy_now()))
    if is_confirmed or is_canceled:
        _forget()
        st.rerun()  # the whole page: a dialog's own run would leave it open over the old rows


def _ask_stop(invitation_id: int, name: str) -> tuple[str, Callable[..., Answer]]:
    """What stopping does; with the box ticked, what the person's own "no" does, and where else."""
    desk = here()
    with desk.ledger.read() as c:
        waiting = ledger_controls.waiting_messages(c, invitation_id)
        mine = desk.actor.account_id, desk.actor.location_ids
        elsewhere = ledger_controls.open_elsewhere(c, *mine, invitation_id)
    st.html(_words(f"Stop messages to {name}?", f"{will_not_go(waiting)} The history stays."))
    if not st.checkbox("They asked not to be contacted", key=f"never_again_{invitation_id}"):
        return VERB[Action.STOP], controls.stop_invitation
    st.html(_never_again(name, elsewhere))
    return "Stop for good", partial(controls.stop_invitation, is_asked_by_person=True)


def _ask_restart(name: str) -> tuple[str, Callable[..., Answer]]:
    told = "What is still planned will go, later by as long as it was stopped."
    st.html(_words(f"Restart messages to {name}?", told))
    return VERB[Action.RESTART], controls.restart_invitation


def will_not_go(count: int) -> str:
    """ "2 planned messages won't be sent, nor any reminder after them."."""
    if count == 0:
        return "No further message will be sent."
    return (
        f"{counted(count, 'planned message')} won't be sent, nor any reminder after {'it' if count == 1 else 'them'}."
    )


def _never_again(name: str, elsewhere: Sequence[str]) -> Markup:
    """What follows, line by line."""
    lines = [
        f"{_first_upper(name)} gets no more SMS, email or WhatsApp from any location, whatever list they are on later."
    ]
    if elsewhere:
        lines.append(f"What is planned at {_together(elsewhere)} stops too.")
    lines.append("Messages to them cannot be restarted here.")
    items = Markup("").join(Markup("<li>{}</li>").format(line) for line in lines)
    return Markup('<ul class="aw-consequences">{}</ul>').format(items)


def _together(names: Sequence[str]) -> str:
    """ "A", "A and B", "A, B and C"."""
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def _first_upper(words: str) -> str:
    return words[:1].upper() + words[1:]


def _words(question: str, consequence: str) -> Markup:
    return Markup('<p class="aw-strong">{}</p><p>{}</p>').format(question, consequence)


def _forget() -> None:
    for key in (_ASKED, _ASKED_INSIDE):
        st.session_state.pop(key, None)
