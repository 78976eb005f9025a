"""The "Send review request" form, from the Requests page or prefilled from a customer's row or panel."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import streamlit as st
from markupsafe import Markup

from dashboard.components.confirm import remember
from dashboard.components.page import empty
from dashboard.components.send_fields import (
    Chosen,
    ask_channels,
    ask_person,
    ask_pictures,
    ask_place,
    ask_template,
    ask_time,
    show_person,
)
from dashboard.components.send_outlook import NOTHING_YET, messages_shown, verdict_shown
from dashboard.components.send_trial import show_trial
from dashboard.desk import Desk, here
from data.ledger.access import Place
from data.ledger.form_texts import Recipient, find_recipient
from data.permissions import Action
from invitations.actor import Answer, Refused
from invitations.asking import LONGEST_REASON
from invitations.by_hand import ask
from invitations.foresee_ask import ForeseenAsk, foresee_ask
from invitations.policy import NoPolicy, PolicyRefused
from invitations.send_form import Newcomer, ask_newcomer, foresee_newcomer, read_choices, read_newcomer
from invitations.send_preview import preview

TITLE = "Send review request"
_OPEN = "send_form_open"
_PANEL = "customer"  # the link's parameter that keeps a panel open: there is room for one dialog
_NO_CHANNEL = Refused("Choose at least one channel.")


def open_send_form(customer_id: int | None) -> None:
    """Open the form on the run that follows, prefilled with this customer; None: for somebody new.

    A row's button takes it as `on_click`. Inside of a dialog (the panel) a callback reruns the dialog alone, so there:
    `if st.button(…): open_send_form(customer_id); st.rerun()`. An open panel gives way to the form.
    """
    st.session_state[_OPEN] = {"customer_id": customer_id}
    st.query_params.pop(_PANEL, None)


def show_send_form() -> None:
    """The form, if somebody opened it. app.py calls it once the page is drawn."""
    opened = st.session_state.get(_OPEN)
    if opened is None or not here().may(Action.SEND):
        _forget()
        return
    st.dialog(TITLE, width="large", on_dismiss=_forget)(_form)(opened["customer_id"])


def _form(customer_id: int | None) -> None:
    desk = here()
    st.html(Path(__file__).with_suffix(".css"))
    person = None
    if customer_id is not None:
        with desk.ledger.read() as c:
            person = find_recipient(c, desk.actor.account_id, desk.actor.location_ids, customer_id)
        if person is None:
            empty("No such customer here", "They may belong to a location that is not among yours.", name="send")
            return
    with st.container(key="aw_send_form"):
        _fields(desk, person)


def _fields(desk: Desk, person: Recipient | None) -> None:
    left, right = st.columns(2, gap="medium")
    with left:
        place = _place_of(desk, person) if person else ask_place(desk)
        to: Recipient | Newcomer = person or ask_person(place)
        if person:
            show_person(person, place)
        choices = read_choices(desk.ledger, desk.actor, place.location_id)
        channels = ask_channels(choices, person)
    with right:
        slug = ask_template(choices)
        shown = st.empty()
        attached, pictures, refusal = ask_pictures()
        send_at = ask_time(desk, place)
    if isinstance(send_at, Refused):
        refusal, send_at = refusal or send_at.reason, None
    chosen = Chosen(channels, slug, send_at, None, attached, pictures, refusal)
    shown.html(_previews(desk, to, place, chosen))
    found = _foresee(desk, to, chosen)
    verdict = st.empty()
    if isinstance(found, ForeseenAsk) and (reason := _ask_reason(found)):
        chosen = replace(chosen, override_reason=reason)
        found = _foresee(desk, to, chosen)
    is_whole = isinstance(to, Recipient) or to.is_whole
    verdict.html(verdict_shown(found, now=desk.now, zone=place.time_zone) if is_whole else NOTHING_YET)
    with st.container(key="aw_send_buttons", horizontal=True, horizontal_alignment="distribute"):
        show_trial(desk, place, chosen)
        _buttons(desk, to, chosen, is_possible=isinstance(found, ForeseenAsk))


def _place_of(desk: Desk, person: Recipient) -> Place:
    return next(place for place in desk.access.places if place.location_id == person.location_id)


def _ask_reason(found: ForeseenAsk) -> str | None:
    """Why the cap shall not hold, where it does."""
    if not found.is_too_soon:
        return None
    reason = st.text_input(
        "To ask sooner, say why", key="send_reason", max_chars=LONGEST_REASON, live="500ms",
        placeholder="For instance: she asked for the link again",
        help='Sets the frequency cap and "invite again" aside for this one request. Kept in the audit.',
    )  # fmt: skip
    return (reason or "").strip() or None


def _previews(desk: Desk, to: Recipient | Newcomer, place: Place, chosen: Chosen) -> Markup:
    person = to if isinstance(to, Recipient) else _typed(desk, to, place)
    messages = preview(desk.ledger, desk.actor, person, channels=chosen.channels, template_slug=chosen.template_slug)
    return Markup('<div class="aw-send" role="group" aria-label="Preview">{}</div>').format(
        messages_shown(messages, chosen.pictures)
    )


def _typed(desk: Desk, newcomer: Newcomer, place: Place) -> Recipient:
    """The customer that would come of what was typed; while it is not whole, the name that stands there will do."""
    read = read_newcomer(desk.ledger, desk.actor, newcomer, now=desk.now)
    if isinstance(read, Recipient):
        return read
    first, _, last = newcomer.name.strip().partition(" ")
    return Recipient(place.location_id, first or "...", last, None, None)


def _foresee(desk: Desk, to: Recipient | Newcomer, chosen: Chosen) -> ForeseenAsk | Refused:
    if chosen.refusal:
        return Refused(chosen.refusal)
    if not chosen.channels:
        return _NO_CHANNEL
    try:
        if isinstance(to, Newcomer):
            return foresee_newcomer(desk.ledger, desk.actor, to, **_how(chosen), now=desk.now)
        return foresee_ask(desk.ledger, desk.actor, to.customer_id or 0, **_how(chosen), now=desk.now)
    except (NoPolicy, PolicyRefused):
        return Refused("The account has no valid settings yet, so nothing can be planned.")


def _how(chosen: Chosen) -> dict[str, Any]:
    return {
        "channels": chosen.channels, "template_slug": chosen.template_slug, "send_at": chosen.send_at,
        "override_reason": chosen.override_reason,
    }  # fmt: skip


def _buttons(desk: Desk, to: Recipient | Newcomer, chosen: Chosen, *, is_possible: bool) -> None:
    with st.container(horizontal=True, width="content"):
        is_canceled = st.button("Cancel", key="send_no")
        is_sent = st.button(TITLE, key="send_yes", type="primary", disabled=not is_possible)
    if is_sent:
        answer = _send(desk, to, chosen)
        if isinstance(answer, Refused):  # it stays open, with what was typed
            st.html(verdict_shown(answer, now=desk.now, zone=desk.time_zone))
            return
        remember(answer)
    if is_sent or is_canceled:
        _forget()
        st.rerun()  # the whole page: a dialog's own run would leave it open


def _send(desk: Desk, to: Recipient | Newcomer, chosen: Chosen) -> Answer:
    how = {**_how(chosen), "attached": chosen.attached}
    now = desk.ledger.policy_now()
    if isinstance(to, Newcomer):
        return ask_newcomer(desk.ledger, desk.actor, to, **how, now=now)
    return ask(desk.ledger, desk.actor, to.customer_id or 0, **how, now=now)


def _forget() -> None:
    for key in (_OPEN, "send_drawn"):
        st.session_state.pop(key, None)
