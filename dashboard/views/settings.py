"""Settings: what the account's file says, changed here by the same rules, and given back as that file."""

from functools import partial
from pathlib import Path

import streamlit as st

from dashboard.components import settings_account, settings_people, settings_rules, settings_texts
from dashboard.components.page import title
from dashboard.components.settings_channels import show_channels
from dashboard.components.settings_form import Document, may_change
from dashboard.components.settings_locations import show_location
from dashboard.components.settings_sequences import show_sequences
from dashboard.desk import Desk, here
from dashboard.exporting import account_file
from data.ledger.account_export import kept_logos
from data.permissions import Action
from invitations.account_download import download_name
from invitations.change_settings import settings_now

_PARTS = ["Locations", "Channels", "Sequence", "Texts", "Rules", "Users", "Account"]


def show() -> None:
    desk = here()
    st.html(Path(__file__).parents[1] / "components" / "settings.css")
    with st.container(
        key="aw_settings_head", horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"
    ):
        with st.container(width="stretch"):
            title("Settings", _below(desk))
        bar = st.container(width="content")
    part = st.segmented_control(
        "Part", _PARTS, default=_PARTS[0], required=True, key="settings_part", bind="query-params",
        label_visibility="collapsed",
    )  # fmt: skip
    document = settings_now(desk.ledger, desk.now)
    with bar:
        _download(desk, document)
    with st.container(key="aw_settings_part"):
        _show_part(desk, document, part or _PARTS[0])


def _below(desk: Desk) -> str:
    if not desk.may(Action.CHANGE_SETTINGS):
        return "How this account asks. Owners and admins change it here."
    if not desk.access.is_every_place:
        return "You change the locations you look after. What holds for every location is for who looks after all."
    return "How this account asks. Every change is checked, kept in the audit, and says when it holds."


def _download(desk: Desk, document: Document) -> None:
    """The account's file, for whoever may have it; made when it is asked for."""
    if not may_change(desk, is_for_all=True, action=Action.MANAGE_USERS):
        return
    name, media_type = download_name(document)
    st.download_button(
        "Download account.toml", partial(account_file, desk), name, media_type, key="settings_download",
        icon=":material/download:", on_click="ignore",
        help="The account's file as these settings say it. Begin from it before you run `afterword init` again: an "
        "older file that would take back what was changed here is refused, and says what it would undo.",
    )  # fmt: skip


def _show_part(desk: Desk, document: Document, part: str) -> None:
    chosen = {place.slug for place in desk.places}
    places = [place for place in document["locations"] if place["slug"] in chosen]
    match part:
        case "Channels":
            show_channels(desk, places)
        case "Sequence":
            show_sequences(desk, document)
        case "Texts":
            settings_texts.show_texts(desk, document)
        case "Rules":
            settings_rules.show_rules(desk, document)
        case "Users":
            settings_people.show_people(desk, document)
        case "Account":
            settings_account.show_account(desk, document)
        case _:
            _show_location(desk, document, places)


def _show_location(desk: Desk, document: Document, places: list[Document]) -> None:
    by_slug = {place["slug"]: place for place in places}
    slug = next(iter(by_slug))
    if len(by_slug) > 1:
        slug = st.selectbox(
            "Location to change", list(by_slug), format_func=lambda one: by_slug[one]["name"], key="settings_location",
            bind="query-params", width=320,
        )  # fmt: skip
    with desk.ledger.read() as c:
        logo = kept_logos(c).get(slug)
    show_location(desk, document, by_slug[slug], logo)


show()
