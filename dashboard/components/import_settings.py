"""What is chosen beside an uploaded file: the list's name and location, channels, speed, and consent declared."""

from dataclasses import dataclass
from datetime import date, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import streamlit as st
from markupsafe import Markup

from dashboard.desk import Desk
from dashboard.wording import CHANNEL
from data.ledger.access import Place
from data.words import Channel, ConsentBasis
from invitations.channels import offered_channels
from invitations.policy_parts import WEEKDAYS

AT_ONCE, FROM_THEN, DRIP = "All at once", "At a set time", "Drip"
_NOTHING = "Only what the file itself says"
CONSENTS = {
    _NOTHING: None,
    "Everybody in it agreed to be asked": ConsentBasis.EXPRESS.value,
    "Everybody in it bought something or visited": ConsentBasis.PURCHASE.value,
    "Everybody in it asked about our services": ConsentBasis.INQUIRY.value,
}


@dataclass(frozen=True, slots=True)
class Chosen:
    """As `uploads.ListChoice` has it; `problem` says what is still to be put right."""

    location: str
    name: str
    channels: tuple[Channel, ...] | None
    speed: str | None
    send_at: str | None
    consent: str | None
    consent_text: str | None
    consented_on: date | None
    problem: str | None


def choose_settings(desk: Desk, file_name: str, key: str) -> Chosen:
    """Draw the fields; what stands in them."""
    left, right = st.columns(2, gap="medium")
    with left:
        name = st.text_input(
            "List name", Path(file_name).stem[:200], key=f"import_name_{key}", max_chars=200,
            help="Name lists so that you can tell them apart: “May 2026 – Downtown”.",
        )  # fmt: skip
    with right:
        place = _location(desk, key)
    channels, no_channel = _channels(desk, place, key)
    speed, send_at = _speed(desk, place, key)
    basis, text, day, undeclared = _consent(desk, key)
    problem = None if name.strip() else "Give the list a name."
    return Chosen(
        place.slug, name, channels, speed, send_at, basis, text, day, problem or no_channel or undeclared
    )  # fmt: skip


def _location(desk: Desk, key: str) -> Place:
    places = {place.slug: place for place in desk.access.places}
    first = list(places).index(desk.places[0].slug)
    slug = st.selectbox(
        "Location", list(places), index=first, format_func=lambda one: places[one].name, key=f"import_place_{key}",
        help="For every row, unless a column of the file names another location.",
    )  # fmt: skip
    return places[slug]


def _channels(desk: Desk, place: Place, key: str) -> tuple[tuple[Channel, ...] | None, str | None]:
    """The channels that the list may use; None: all there are and will be."""
    with desk.ledger.read() as c:
        offers = offered_channels(c, place.location_id)
    st.html('<div class="aw-label">Channels</div>')
    chosen = []
    with st.container(key="aw_import_channels", horizontal=True, gap="medium"):
        for offer in offers:
            # Its location is part of the key: a channel that is off there must not stay ticked from another.
            is_on = st.checkbox(
                CHANNEL[offer.channel], offer.is_available, key=f"import_{offer.channel}_{place.slug}_{key}",
                disabled=not offer.is_available, help=offer.reason or None,
            )  # fmt: skip
            if is_on:
                chosen.append(offer.channel)
    reasons = [offer.reason for offer in offers if offer.reason]
    if reasons:
        st.html(Markup('<p class="aw-faint">{}</p>').format(" ".join(reasons)))
    available = [offer.channel for offer in offers if offer.is_available]
    if not chosen:
        return None, "Choose at least one channel." if available else None
    return (None if chosen == available else tuple(chosen)), None


def _speed(desk: Desk, place: Place, key: str) -> tuple[str | None, str | None]:
    way = st.segmented_control(
        "Send speed", [AT_ONCE, FROM_THEN, DRIP], default=AT_ONCE, required=True, key=f"import_speed_{key}",
        help="Quiet hours, the cap for each person and your quota hold for every speed.",
    )  # fmt: skip
    if way == AT_ONCE:
        st.html('<p class="aw-faint">Each message goes at the next time that suits its recipient.</p>')
        return None, None
    today = desk.now.astimezone(ZoneInfo(place.time_zone)).date()
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom", key="aw_import_speed"):
        if way == FROM_THEN:
            return None, _moment(today, place, key)
        count = st.number_input("At most", 1, 100_000, 50, key=f"import_rate_{key}", width=130)
        period = st.selectbox("per", ["hour", "day"], key=f"import_period_{key}", width=110)
        opens = st.time_input("From", time(9), step=1800, key=f"import_opens_{key}", width=110)
        closes = st.time_input("Until", time(17), step=1800, key=f"import_closes_{key}", width=110)
        days = st.pills(
            "On", WEEKDAYS, default=WEEKDAYS[:5], selection_mode="multi", format_func=str.capitalize,
            key=f"import_days_{key}",
        )  # fmt: skip
    is_later = st.checkbox("Begin later", key=f"import_later_{key}")
    named = " ".join(day for day in WEEKDAYS if day in days) or " ".join(WEEKDAYS)
    speed = f"{count}/{period} {named} {opens:%H:%M}-{closes:%H:%M}"
    with st.container(horizontal=True, gap="small"):
        return speed, _moment(today, place, key) if is_later else None


def _moment(today: date, place: Place, key: str) -> str:
    """On the location's clock, which the label names."""
    tomorrow = today + timedelta(days=1)
    day = st.date_input("Nothing before", tomorrow, min_value=today, key=f"import_day_{key}", width=170)
    at = st.time_input(
        "at", time(10), step=900, key=f"import_at_{key}", width=110,
        help=f"On the clock of {place.time_zone.replace('_', ' ')}.",
    )  # fmt: skip
    return f"{day:%Y-%m-%d} {at:%H:%M}"


def _consent(desk: Desk, key: str) -> tuple[str | None, str | None, date | None, str | None]:
    """The basis that is declared, its wording and its day; the last says what is missing."""
    said = st.selectbox("Consent", list(CONSENTS), key=f"import_consent_{key}")
    basis = CONSENTS[said]
    if basis is None:
        return None, None, None, None
    text, day = None, None
    with st.container(border=True, key="aw_import_consent"):
        if basis == ConsentBasis.EXPRESS.value:
            text = st.text_area(
                "What they agreed to, word for word", key=f"import_wording_{key}", max_chars=5000, height=80,
                placeholder="I would like to be asked how my visit was, by text or email.",
            )  # fmt: skip
        day = st.date_input(
            "Since when", None, max_value=desk.now.astimezone(ZoneInfo(desk.time_zone)).date(),
            key=f"import_since_{key}", width=200, help="Left empty: each row's date of visit, else today.",
        )  # fmt: skip
        is_declared = st.checkbox(
            "I declare this for everybody in the file. It is kept with my name.", key=f"import_declared_{key}"
        )
    return basis, text or None, day, None if is_declared else "Tick that you declare the consent, or leave it out."
