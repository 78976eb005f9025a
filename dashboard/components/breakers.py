"""Over every page while a sender is held: which one, why, what happens next, and the way to let it go on."""

import streamlit as st
from markupsafe import Markup

from dashboard.components.confirm import remember
from dashboard.components.icons import icon
from dashboard.desk import Desk, here
from dashboard.wording import CHANNEL, contact, counted, exact_moment, short_moment
from data.ledger import breakers
from data.ledger.breakers import OpenBreaker
from data.permissions import Action
from invitations import controls

_SHOWN = 2  # a page is there for what is on it


def show_held_senders() -> None:
    """One line for each sender that is held; nothing where none is."""
    desk = here()
    with desk.ledger.read() as c:
        held = breakers.read_open(c)
    for breaker in held[:_SHOWN]:
        _show(breaker, desk)
    if more := held[_SHOWN:]:
        with st.expander(f"{counted(len(more), 'more sender or country', 'more senders or countries')} held"):
            for breaker in more:
                _show(breaker, desk)


def _show(breaker: OpenBreaker, desk: Desk) -> None:
    with st.container(key=f"aw_breaker_{breaker.breaker_id}", horizontal=True, wrap=False, vertical_alignment="center"):
        st.html(_told(breaker, desk))
        if desk.may(Action.LIFT_HALT):
            st.button(
                "Send again" if breaker.is_ours else "Mended: send again",
                key=f"close_breaker_{breaker.breaker_id}", icon=":material/play_arrow:",
                on_click=_close, args=(breaker.breaker_id,),
            )  # fmt: skip


def _close(breaker_id: int) -> None:
    desk = here()
    remember(controls.close_breaker(desk.ledger, desk.actor, breaker_id))


def _told(breaker: OpenBreaker, desk: Desk) -> Markup:
    zone = desk.time_zone
    opened = desk.on_policy_clock(breaker.opened_at)
    to = f" to numbers beginning {breaker.prefix}" if breaker.prefix else ""
    return Markup(
        '<div role="status">{}<span><strong>{}</strong> since <span title="{}">{}</span>: {}. {}</span></div>'
    ).format(
        icon("pause"),
        f"{CHANNEL[breaker.channel]}{_sender(breaker)}{to} is {'held back' if breaker.is_ours else 'refused'}",
        exact_moment(opened, zone),
        short_moment(opened, zone, desk.now),
        breaker.reason.rstrip(".") + ("" if breaker.is_ours else f" ({breaker.code})"),
        _next(breaker, desk),
    )


def _sender(breaker: OpenBreaker) -> str:
    return f" from {contact(breaker.sender)}" if breaker.sender else ""


def _next(breaker: OpenBreaker, desk: Desk) -> str:
    waits = "Its messages wait; all else goes on."
    if breaker.is_ours:
        return f"{waits} Find the list they came from and pause it, then let email go on here."
    if breaker.probe_at is None:
        return f"{waits} Mend it at the provider, then let it go on here."
    probe_at = desk.on_policy_clock(breaker.probe_at)
    if probe_at is None or probe_at <= desk.now:
        return f"{waits} One message tries next."
    return f"{waits} One message tries about {short_moment(probe_at, desk.time_zone, desk.now)}."
