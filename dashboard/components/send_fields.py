"""The fields of the "Send review request" form: to whom, by which channels, with which text and pictures, and when."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta

import streamlit as st
from markupsafe import Markup

from dashboard.components.icons import icon
from dashboard.desk import Desk
from dashboard.wording import CHANNEL, contact, in_zone
from data.ledger.access import Place
from data.ledger.form_texts import Recipient
from data.ledger.pictures import KeptPicture
from data.words import AddressKind, Channel, ConsentBasis, address_kind
from invitations.actor import Refused
from invitations.picture_files import LARGEST_FILE, MOST_PICTURES, PictureRefused, make_versions
from invitations.send_form import Choices, Newcomer, read_time

AT_ONCE, LATER = "As soon as allowed", "Not before"
_CONSENTS = {
    "Not recorded": None,
    "They came, or bought something": ConsentBasis.PURCHASE,
    "They said yes to messages": ConsentBasis.EXPRESS,
    "They asked us something": ConsentBasis.INQUIRY,
}
_LACKS = {AddressKind.EMAIL: "no email address is known.", AddressKind.PHONE: "no phone number is known."}
_MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class Chosen:
    """What stands in the form besides the person. `refusal`: why a picture or the time cannot be, in words."""

    channels: Sequence[Channel]
    template_slug: str | None
    send_at: datetime | None = None
    override_reason: str | None = None
    attached: Sequence[tuple[str, bytes]] = field(default=(), repr=False)
    pictures: Sequence[KeptPicture] = field(default=(), repr=False)
    refusal: str | None = None


def show_person(person: Recipient, place: Place) -> None:
    """Whom it goes to, where they are known already."""
    facts = [
        ("Name", person.name or "No name"), ("Phone", contact(person.phone) or "–"), ("Email", person.email or "–"),
        ("Location", place.name),
    ]  # fmt: skip
    items = Markup("").join(Markup("<dt>{}</dt><dd>{}</dd>").format(*fact) for fact in facts)
    with st.container(key="aw_send_to"):
        st.html(Markup('<dl class="aw-facts">{}</dl>').format(items))


def ask_place(desk: Desk) -> Place:
    """At which location somebody new was a customer; the one that is looked at, unless there are several."""
    places = {place.name: place for place in desk.access.places}
    if len(places) == 1:
        return desk.access.places[0]
    index = list(places).index(desk.places[0].name) if len(desk.places) == 1 else 0
    return places[st.selectbox("Location", list(places), index=index, key="send_location")]


def ask_person(place: Place) -> Newcomer:
    """Somebody typed in."""
    name = st.text_input("Name", key="send_name", max_chars=200, placeholder="First and last name", live="500ms")
    phone = st.text_input("Phone", key="send_phone", type="phone", max_chars=40, live="500ms", autocomplete="off")
    email = st.text_input("Email", key="send_email", max_chars=254, live="500ms", autocomplete="off")
    consent = st.selectbox(
        "Why they may be asked", list(_CONSENTS), key="send_consent",
        help="Kept with the customer. Some countries and channels need a reason before anybody is written to.",
    )  # fmt: skip
    return Newcomer(place.location_id, name or "", email or "", phone or "", _CONSENTS[consent])


def ask_channels(choices: Choices, person: Recipient | None) -> list[Channel]:
    """Any of the three; one that cannot be chosen says why. `person`: None while they are typed in."""
    st.html('<div class="aw-send"><h3>Send by</h3></div>')
    reasons = {offer.channel: offer.reason or _lacks(offer.channel, person) for offer in choices.offers}
    possible = [channel for channel, reason in reasons.items() if not reason]
    usual = next((channel for channel in choices.usual if channel in possible), next(iter(possible), None))
    ticked = []
    with st.container(horizontal=True, gap="medium"):
        for channel in reasons:
            is_off = channel not in possible
            key = f"send_by_{channel.value}"
            if st.checkbox(CHANNEL[channel], value=channel is usual, key=key, disabled=is_off) and not is_off:
                ticked.append(channel)
    for reason in filter(None, reasons.values()):
        st.html(Markup('<p class="aw-off">{}</p>').format(reason))
    return ticked


def _lacks(channel: Channel, person: Recipient | None) -> str:
    if person is None:
        return ""
    kind = address_kind(channel)
    address = person.email if kind is AddressKind.EMAIL else person.phone
    return "" if address else f"{CHANNEL[channel]}: {_LACKS[kind]}"


def ask_template(choices: Choices) -> str | None:
    """Which text; the sequence's own first."""
    if not choices.texts:
        st.html('<p class="aw-faint">The account has no templates yet.</p>')
        return None
    chosen: str = st.selectbox(
        "Template", list(choices.texts), key="send_template",
        format_func=lambda slug: slug + (" (usual)" if slug == choices.texts[0] else ""),
    )  # fmt: skip
    return chosen


def ask_pictures() -> tuple[list[tuple[str, bytes]], list[KeptPicture], str | None]:
    """Up to five pictures: the files, each as it will look, and why one cannot go, if so."""
    files = st.file_uploader(
        f"Pictures (up to {MOST_PICTURES}, with SMS and email)", type=["jpg", "jpeg", "png", "gif", "webp"],
        accept_multiple_files=True, key="send_pictures", max_upload_size=LARGEST_FILE // _MEGABYTE,
        help="Before and after, or what was done. Only the picture goes: place and time of a photograph stay here.",
    )  # fmt: skip
    attached = [(file.name, file.getvalue()) for file in files or []]
    shown, refusal = _drawn(tuple(file.file_id for file in files or []), attached)
    return attached, shown, refusal


def _drawn(ids: tuple[str, ...], attached: Sequence[tuple[str, bytes]]) -> tuple[list[KeptPicture], str | None]:
    """Each picture as a text would carry it, made once for the same files: a photograph takes a moment."""
    kept = st.session_state.get("send_drawn")
    if kept is None or kept[0] != ids:
        try:
            drawn = make_versions(attached)[Channel.SMS] if attached else []
            kept = (ids, drawn, None)
        except PictureRefused as refusal:
            kept = (ids, [], str(refusal))
        st.session_state["send_drawn"] = kept
    return kept[1], kept[2]


def ask_time(desk: Desk, place: Place) -> datetime | Refused | None:
    """When at the earliest, on the location's clock; None: at once."""
    when = st.segmented_control("When", [AT_ONCE, LATER], default=AT_ONCE, required=True, key="send_when")
    if when != LATER:
        return None
    local = in_zone(desk.now, place.time_zone)
    with st.container(horizontal=True):
        day = st.date_input(
            "Day", value=local.date() + timedelta(days=1), min_value=local.date(), key="send_day",
            max_value=local.date() + timedelta(days=365), format="YYYY-MM-DD",
        )  # fmt: skip
        at = st.time_input("Time", value=time(10, 0), key="send_time", step=timedelta(minutes=15))
    st.html(Markup('<p class="aw-faint">{} On the clock of {}.</p>').format(icon("clock"), place.name))
    return read_time(f"{day:%Y-%m-%d} {at:%H:%M}", place.time_zone, desk.now)
