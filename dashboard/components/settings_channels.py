"""Which channels each location sends by, and what keeps one that is on from being used."""

from collections.abc import Sequence

import streamlit as st
from markupsafe import Markup

from dashboard.components.settings_form import Document, may_change, save, takes_effect, widget
from dashboard.desk import Desk
from dashboard.wording import CHANNEL
from data.words import Channel
from invitations.change_settings import Edit
from invitations.channels import offered_channels
from invitations.settings_effect import Table, effect_of


def show_channels(desk: Desk, places: Sequence[Document]) -> None:
    """One form for the chosen locations: a row each."""
    is_open = may_change(desk, is_for_all=False)
    ids = {place.slug: place.location_id for place in desk.places}
    with desk.ledger.read() as c:
        held = {
            slug: [one for one in offered_channels(c, number) if not one.is_available] for slug, number in ids.items()
        }
    key = widget("channels", [[place["slug"], place["channels"]] for place in places])
    wanted = {}
    with st.form(key, border=True):
        for place in places:
            wanted[place["slug"]] = _row(place, key, is_disabled=not is_open)
            reasons = [one.reason for one in held[place["slug"]] if one.channel.value in place["channels"]]
            if reasons:
                st.html(Markup('<p class="aw-effect">{}</p>').format(" ".join(reasons)))
        takes_effect(effect_of(Table.LOCATIONS, {"channels"}))
        is_saved = st.form_submit_button("Save changes", type="primary", disabled=not is_open)
    if is_saved:
        save(
            desk,
            [
                Edit(
                    Table.LOCATIONS,
                    (place["slug"],),
                    {"channels": place["channels"]},
                    {"channels": wanted[place["slug"]]},
                )
                for place in places
            ],
        )


def _row(place: Document, key: str, *, is_disabled: bool) -> list[str]:
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        st.html(Markup('<div class="aw-strong">{}</div>').format(place["name"]), width=240)
        return [
            channel.value
            for channel in Channel
            if st.checkbox(
                CHANNEL[channel], channel.value in place["channels"], key=f"{key}_{place['slug']}_{channel.value}",
                disabled=is_disabled, width=120,
            )
        ]  # fmt: skip
