"""Settings of one location: who it is, what its customers see first, and where they can leave a review."""

from hashlib import sha256
from typing import Any
from zoneinfo import available_timezones

import streamlit as st
from phonenumbers import SUPPORTED_REGIONS

from dashboard.components.settings_form import Document, heading, may_change, named, problem, save, takes_effect, widget
from dashboard.components.settings_platforms import ask_platforms
from dashboard.components.settings_words import PAGE_MODE, language_name
from dashboard.desk import Desk
from data.account_values import PAGE_LANGUAGES
from data.ledger.pictures import KeptPicture
from data.words import PageMode
from invitations.change_settings import Edit
from invitations.picture_files import LARGEST_FILE, PictureRefused, make_logo
from invitations.settings_effect import Table

_EFFECT = (
    "Pages change at once, for links that are out as well. A new name or reply address goes with messages that leave "
    "from then on. A limit holds for the cycle that runs. Another sequence is for new invitations."
)


def show_location(desk: Desk, document: Document, place: Document, logo: KeptPicture | None) -> None:
    """The form of one location; `logo` is the one it has."""
    is_open = may_change(desk, is_for_all=False)
    key = widget(f"location_{place['slug']}", [place, logo and sha256(logo.content).hexdigest()])
    with st.form(key, border=True):
        wanted = _identity(document, place, key, is_disabled=not is_open)
        wanted |= _page(place, key, is_disabled=not is_open)
        wanted["platforms"] = ask_platforms(place["platforms"], key, is_disabled=not is_open)
        upload, is_taken_away = _logo(logo, key, is_disabled=not is_open)
        takes_effect(_EFFECT)
        is_saved = st.form_submit_button("Save changes", type="primary", disabled=not is_open)
    if is_saved:
        _save(desk, place, wanted, upload, is_taken_away=is_taken_away)


def _identity(document: Document, place: Document, key: str, *, is_disabled: bool) -> Document:
    left, right = st.columns(2, gap="medium")
    sequences = [one["slug"] for one in document["sequences"]]
    zones = sorted(available_timezones())
    regions = sorted(SUPPORTED_REGIONS)
    with left:
        name = st.text_input("Name", place["name"], key=f"{key}_name", disabled=is_disabled)
        zone = st.selectbox(
            "Time zone", zones, zones.index(place["time_zone"]), key=f"{key}_zone", disabled=is_disabled
        )
        limit = st.number_input(
            "Invitations per cycle, at most", 0, None, place.get("invitations_per_cycle"), key=f"{key}_limit",
            placeholder="No limit of its own", disabled=is_disabled, help="Within the account's own number.",
        )  # fmt: skip
    with right:
        reply_to = st.text_input(
            "Replies to emails go to", place.get("reply_to", ""), key=f"{key}_reply", disabled=is_disabled
        )
        region = st.selectbox(
            "Country", regions, regions.index(place["region"]), key=f"{key}_region", disabled=is_disabled,
            help="How phone numbers without a country code are read.",
        )  # fmt: skip
        sequence = st.selectbox(
            "Sequence of new invitations", sequences, sequences.index(place["sequence"]), format_func=named,
            key=f"{key}_sequence", disabled=is_disabled,
        )  # fmt: skip
    return {
        "name": name.strip(),
        "time_zone": zone,
        "invitations_per_cycle": None if limit is None else int(limit),
        "reply_to": reply_to.strip() or None,
        "region": region,
        "sequence": sequence,
    }


def _page(place: Document, key: str, *, is_disabled: bool) -> Document:
    heading("What customers see first", "The platforms are the same for everybody, whatever they answer.")
    modes = list(PageMode)
    mode = st.radio(
        "What customers see first", modes, modes.index(PageMode(place["page"])), key=f"{key}_page",
        format_func=lambda one: PAGE_MODE[one][0], captions=[PAGE_MODE[one][1] for one in modes], horizontal=True,
        label_visibility="collapsed", disabled=is_disabled,
    )  # fmt: skip
    platforms = [one["slug"] for one in place["platforms"]]
    left, middle, right = st.columns([2, 2, 1], gap="medium")
    leads_to = left.selectbox(
        "“Straight on” leads to", platforms,
        platforms.index(place["page_platform"]) if place.get("page_platform") in platforms else None,
        format_func=named, placeholder="Choose a platform", key=f"{key}_leads", disabled=is_disabled,
    )  # fmt: skip
    languages = sorted({*PAGE_LANGUAGES, place["language"]})
    language = middle.selectbox(
        "Language of its pages", languages, languages.index(place["language"]), key=f"{key}_language",
        format_func=language_name, disabled=is_disabled,
        help="For whoever's own language and browser's are not known or not there.",
    )  # fmt: skip
    color = right.color_picker("Colour", place["color"], key=f"{key}_color", disabled=is_disabled)
    return {
        "page": mode.value,
        "page_platform": leads_to if mode is PageMode.DIRECT else None,
        "language": language,
        "color": color.upper() if color.upper() != place["color"].upper() else place["color"],
    }


def _logo(logo: KeptPicture | None, key: str, *, is_disabled: bool) -> tuple[Any, bool]:
    heading("Logo", "A JPEG or PNG, shown at the top of its pages; it is drawn anew, at most 320 pixels wide.")
    is_taken_away = False
    if logo is not None:
        with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
            st.image(logo.content, width=min(logo.width, 120))
            is_taken_away = st.checkbox("Take the logo away", key=f"{key}_no_logo", disabled=is_disabled)
    upload = st.file_uploader(
        "Another logo" if logo else "Logo", ["png", "jpg", "jpeg"], key=f"{key}_logo", disabled=is_disabled,
        label_visibility="collapsed", max_upload_size=LARGEST_FILE // 1_000_000,
    )  # fmt: skip
    return upload, is_taken_away


def _save(desk: Desk, place: Document, wanted: Document, upload: Any, *, is_taken_away: bool) -> None:
    logos: dict[str, KeptPicture | None] = {place["slug"]: None} if is_taken_away else {}
    if upload is not None:
        try:
            logos[place["slug"]] = make_logo(upload.name, upload.getvalue())
        except PictureRefused as refusal:
            problem(str(refusal))
            return
    seen = {name: value for name, value in place.items() if name != "logo"}
    save(desk, [Edit(Table.LOCATIONS, (place["slug"],), seen, wanted)], logos=logos)
