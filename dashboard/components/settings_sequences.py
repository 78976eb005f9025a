"""What is sent when: the first ask and its follow-ups, of one sequence."""

from typing import Any

import streamlit as st
from markupsafe import Markup

from dashboard.components.settings_form import (
    Document,
    heading,
    may_change,
    named,
    problem,
    save,
    slug_of,
    takes_effect,
    widget,
)
from dashboard.desk import Desk
from dashboard.wording import CHANNEL, counted
from data.account_texts import MOST_FOLLOW_UPS
from data.account_values import AT_ONCE, delay_minutes
from data.words import Channel
from invitations.change_settings import Edit
from invitations.settings_effect import Table, effect_of

_UNITS = {"minutes": 1, "hours": 60, "days": 24 * 60}


def show_sequences(desk: Desk, document: Document) -> None:
    """The chosen sequence's form, and a way to give some locations another one."""
    is_open = may_change(desk, is_for_all=True)
    sequences = {one["slug"]: one for one in document["sequences"]}
    users = {slug: [p["name"] for p in document["locations"] if p["sequence"] == slug] for slug in sequences}
    slug = st.selectbox(
        "Sequence", list(sequences), format_func=lambda one: f"{named(one)} · {', '.join(users[one])}",
        key="settings_sequence", bind="query-params",
    )  # fmt: skip
    _form(desk, document, sequences[slug], is_disabled=not is_open)
    if is_open:
        with st.expander("Another sequence for some locations", icon=":material/add:"):
            _another(desk, document, sequences[slug])


def _form(desk: Desk, document: Document, sequence: Document, *, is_disabled: bool) -> None:
    texts = list(dict.fromkeys(one["slug"] for one in document["templates"]))
    key = widget(f"sequence_{sequence['slug']}", sequence)
    steps = sequence["steps"]
    with st.form(key, border=True):
        asked = [_step(step, number, texts, key, is_disabled=is_disabled) for number, step in enumerate(steps)]
        if not is_disabled and len(steps) <= MOST_FOLLOW_UPS:
            with st.expander("Add a follow-up", icon=":material/add:"):
                asked.append(_step(None, len(steps), texts, key, is_disabled=False))
        takes_effect(effect_of(Table.SEQUENCES, {"steps"}))
        is_saved = st.form_submit_button("Save as a new version", type="primary", disabled=is_disabled)
    if is_saved:
        wanted = {"steps": [step for step in asked if step is not None]}
        save(desk, [Edit(Table.SEQUENCES, (sequence["slug"],), sequence, wanted)])


def _step(step: Document | None, number: int, texts: list[str], key: str, *, is_disabled: bool) -> Document | None:
    """One step as it is wanted; None where it goes, or is not added."""
    key = f"{key}_{number}"
    is_kept = True
    counted_from = "after the customer came in" if number == 0 else "after the first message"
    if step is not None:
        heading("The first ask" if number == 0 else f"Follow-up {number}", f"Waits so long {counted_from}.")
    delay = step["delay"] if step else "3 days"
    amount, unit = _parts(delay)
    one, two, three, four = st.columns([2, 2, 5, 4], gap="small")
    count = one.number_input("Wait", 0, None, amount, key=f"{key}_delay", disabled=is_disabled)
    unit = two.selectbox("Unit", list(_UNITS), list(_UNITS).index(unit), key=f"{key}_unit", disabled=is_disabled)
    channels = three.multiselect(
        "By", list(Channel), [Channel(name) for name in step["channels"]] if step else [Channel.EMAIL],
        format_func=lambda channel: CHANNEL[channel], key=f"{key}_channels", disabled=is_disabled,
        help="In order of preference: the first that can be used, unless it goes by each of them.",
    )  # fmt: skip
    chosen = step["template"] if step else texts[-1]
    text = four.selectbox(
        "Text", texts, texts.index(chosen) if chosen in texts else 0, format_func=named, key=f"{key}_text",
        disabled=is_disabled,
    )  # fmt: skip
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        at = st.text_input(
            "At (their time of day)", (step or {}).get("at", ""), key=f"{key}_at", placeholder="As soon as it is due",
            disabled=is_disabled, width=220, help="Such as 10:00: it goes at the next 10:00 of the recipient's day.",
        )  # fmt: skip
        is_each = st.checkbox(
            "By each of these channels", bool(step and step["all"]), key=f"{key}_all", disabled=is_disabled
        )
        if step is None:
            is_kept = st.checkbox("Add this follow-up", key=f"{key}_add")
        elif number > 0:
            is_kept = not st.checkbox("Remove", key=f"{key}_remove", disabled=is_disabled)
    if not is_kept:
        return None
    minutes = int(count) * _UNITS[unit]
    wanted: dict[str, Any] = {
        "delay": delay if step and minutes == delay_minutes(delay) else _delay(int(count), unit),
        "channels": [channel.value for channel in channels],
        "all": is_each,
        "template": text,
    }
    return {**wanted, "at": at.strip()} if at.strip() else wanted


def _parts(delay: str) -> tuple[int, str]:
    if delay == AT_ONCE:
        return 0, "days"
    count, word = delay.split(" ")
    return int(count), word if word.endswith("s") else f"{word}s"


def _delay(count: int, unit: str) -> str:
    return counted(count, unit.removesuffix("s")).replace(",", "") if count else AT_ONCE


def _another(desk: Desk, document: Document, sequence: Document) -> None:
    """A copy of this one under a new name, for locations that are then changed apart."""
    places = {place["slug"]: place for place in document["locations"]}
    with st.form("settings_new_sequence", border=False, clear_on_submit=False):
        copied = Markup('<p class="aw-faint">It begins as a copy of “{}”; change its steps afterwards.</p>')
        st.html(copied.format(named(sequence["slug"])))
        name = st.text_input("Its name", key="settings_new_sequence_name", placeholder="One reminder")
        chosen = st.multiselect(
            "Locations that take it", list(places), format_func=lambda slug: places[slug]["name"],
            key="settings_new_sequence_places",
        )  # fmt: skip
        is_saved = st.form_submit_button("Make the sequence")
    if is_saved and not (slug_of(name) and chosen):
        problem("A new sequence needs a name and at least one location that takes it.")
    elif is_saved:
        slug = slug_of(name)
        edits = [Edit(Table.SEQUENCES, (slug,), None, {"steps": sequence["steps"]})]
        edits += [
            Edit(Table.LOCATIONS, (one,), {"sequence": places[one]["sequence"]}, {"sequence": slug}) for one in chosen
        ]
        save(desk, edits)
