"""Pausing channels and lists from the Requests page: one menu, at the locations that are looked at."""

from collections.abc import Callable

import streamlit as st
from markupsafe import Markup
from streamlit.delta_generator import DeltaGenerator

from dashboard.components.confirm import remember
from dashboard.desk import Desk, here
from dashboard.wording import CHANNEL, counted, short_moment
from data.ledger import pausing
from data.ledger.pausing import ChannelState, ListState
from data.ledger.store import Ledger
from data.permissions import Action
from data.words import Channel
from invitations import pausing as controls

_LIST = "list_to_pause"


def show_pausing(desk: Desk) -> None:
    """The menu, for whoever may pause or resume."""
    if not (desk.may(Action.PAUSE) or desk.may(Action.RESUME)):
        return
    account_id, places = desk.access.account_id, tuple(place.location_id for place in desk.places)
    with desk.ledger.read() as c:
        channels = pausing.channel_states(c, account_id, places)
        paused = pausing.paused_lists(c, account_id, places)
    lists = _read_lists(desk.ledger, desk.ledger.settings.ledger_address, account_id, places, paused)
    label = "What is paused" if paused or any(state.paused_at for state in channels) else "Pause"
    with st.popover(label, icon=":material/pause_circle:", width="content"), st.container(key="aw_pausing"):
        st.html(f'<p class="aw-faint">{_scope(desk)} What is queued stays queued.</p><h3>Channels</h3>')
        for channel in Channel:
            if of_channel := [state for state in channels if state.channel is channel]:
                _channel(channel, of_channel, desk)
        st.html("<h3>Lists</h3>")
        _lists(lists, desk)


@st.cache_data(ttl="15s", show_spinner=False)
def _read_lists(
    _ledger: Ledger, address: str, account_id: int, places: tuple[int, ...], paused: tuple[int, ...]
) -> list[ListState]:
    """Counting what waits goes through all of it, and a search comes here with each letter; pausing is seen at once."""
    with _ledger.read() as c:
        return pausing.list_states(c, account_id, places)


def _scope(desk: Desk) -> Markup:
    where = desk.places[0].name if len(desk.places) == 1 else counted(len(desk.places), "location")
    return Markup("At {}.").format(where)


def _channel(channel: Channel, states: list[ChannelState], desk: Desk) -> None:
    paused = [state for state in states if state.paused_at]
    with _line(CHANNEL[channel], _of_channel(states, paused, desk), f"channel_{channel.value}"):
        if len(paused) < len(states):
            _button("Pause", f"pause_channel_{channel.value}", _pause_channel, channel)
        if paused:
            _button("Resume", f"resume_channel_{channel.value}", _resume_channel, channel)


def _of_channel(states: list[ChannelState], paused: list[ChannelState], desk: Desk) -> str:
    if not paused:
        return "goes out"
    if len(paused) < len(states):
        return f"paused at {len(paused)} of {counted(len(states), 'location')}"
    return _since(paused[0], desk)


def _lists(states: list[ListState], desk: Desk) -> None:
    paused = {state.name: state for state in states if state.paused_at}
    waiting = {state.name: state for state in states if not state.paused_at and state.name not in paused}
    if not states:
        st.html('<p class="aw-faint">No list has messages waiting.</p>')
        return
    for position, (name, state) in enumerate(paused.items()):
        with _line(name, f"{_since(state, desk)} · {counted(state.waiting, 'message')} queued", f"list_{position}"):
            _button("Resume", f"resume_list_{state.list_id}", _resume_list, name)
    if waiting:
        with st.container(key="aw_pause_list", horizontal=True, wrap=False, vertical_alignment="bottom", gap="small"):
            chosen = st.selectbox(
                "List", list(waiting), key=_LIST, label_visibility="collapsed",
                format_func=lambda name: f"{name} · {counted(waiting[name].waiting, 'message')} queued",
            )  # fmt: skip
            _button("Pause", "pause_list", _pause_list, chosen)


def _line(first: str, below: str, key: str) -> DeltaGenerator:
    line = st.container(key=f"aw_pausing_{key}", horizontal=True, wrap=False, vertical_alignment="center", gap="small")
    line.html(Markup('<div><strong>{}</strong><div class="aw-faint">{}</div></div>').format(first, below))
    return line


def _button(label: str, key: str, on_click: Callable[..., None], about: object) -> None:
    icon = ":material/play_arrow:" if label == "Resume" else ":material/pause:"
    st.button(label, key=key, icon=icon, on_click=on_click, args=(about,))


def _since(state: ChannelState | ListState, desk: Desk) -> str:
    by = f" by {state.paused_by}" if state.paused_by else ""
    return f"paused {short_moment(state.paused_at, desk.time_zone, desk.now)}{by}"


def _places() -> list[int]:
    return [place.location_id for place in here().places]


def _pause_channel(channel: Channel) -> None:
    desk = here()
    now = desk.ledger.policy_now()
    remember(controls.pause_channel(desk.ledger, desk.actor, channel, _places(), now=now))


def _resume_channel(channel: Channel) -> None:
    desk = here()
    remember(controls.resume_channel(desk.ledger, desk.actor, channel, _places()))


def _pause_list(name: str) -> None:
    desk = here()
    remember(controls.pause_list(desk.ledger, desk.actor, name, _places(), now=desk.ledger.policy_now()))


def _resume_list(name: str) -> None:
    desk = here()
    remember(controls.resume_list(desk.ledger, desk.actor, name, _places()))
