"""The rules that hold for every message: hours, how often somebody is asked, and what ends an invitation."""

from collections.abc import Sequence
from datetime import date, time, timedelta
from typing import Any

import streamlit as st
from markupsafe import Markup

from dashboard.components.settings_form import Document, heading, may_change, save, takes_effect, widget
from dashboard.components.settings_words import STOP_WHEN, WEEKDAY
from dashboard.desk import Desk
from dashboard.wording import CHANNEL, counted, in_zone, long_day
from data.words import Channel, StopCondition
from invitations.change_settings import Edit
from invitations.policy import Policy
from invitations.settings_effect import Table

_LAST_MINUTE = time(23, 59)  # what a time field can say of 24:00
_AT_ONCE, _ON_A_DAY = "At once", "On a day"


def show_rules(desk: Desk, document: Document) -> None:
    """The form, filled with the newest version; one that waits for its day says so."""
    is_open = may_change(desk, is_for_all=True)
    rules = document["policy"]
    policy = Policy.load({name: value for name, value in rules.items() if name != "effective_on"})
    waits = rules.get("effective_on")
    if waits is not None:
        st.html(
            Markup(
                '<div class="aw-waiting" role="status">These rules hold from {}. Until then the ones before them do; '
                "saving others takes these back.</div>"
            ).format(long_day(waits))
        )
    key = widget("rules", rules)
    with st.form(key, border=True):
        wanted = _hours(policy, key, is_disabled=not is_open)
        wanted |= _frequency(policy, key, is_disabled=not is_open)
        wanted["stop_when"] = _endings(policy, key, is_disabled=not is_open)
        wanted["effective_on"] = _from_when(desk, waits, key, is_disabled=not is_open)
        takes_effect(
            "It is a new version. Messages still queued are planned anew by it within minutes; what has left stays."
        )
        is_saved = st.form_submit_button("Save as a new version", type="primary", disabled=not is_open)
    if is_saved:
        save(desk, [Edit(Table.POLICY, (), rules, _as_kept(rules, policy, wanted))])
    _tables(policy)


def _as_kept(rules: Document, policy: Policy, wanted: Document) -> Document:
    """What was not touched stays in the words in which it is kept, so that nothing seems changed that is not."""
    now = policy.document()
    return {name: rules.get(name) if value == now.get(name) else value for name, value in wanted.items()}


def _hours(policy: Policy, key: str, *, is_disabled: bool) -> Document:
    hours = policy.quiet_hours
    heading("When messages may go", "By the clock of whoever receives them; never outside of what their state allows.")
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        opens = st.time_input(
            "From", _clock(hours.opens), key=f"{key}_opens", step=1800, width=130, disabled=is_disabled
        )
        closes = st.time_input(
            "Until", _clock(hours.closes), key=f"{key}_closes", step=1800, width=130, disabled=is_disabled
        )
        days = list(WEEKDAY)
        weekdays = st.pills(
            "On these days", days, selection_mode="multi", format_func=lambda day: WEEKDAY[day],
            default=[days[day] for day in hours.weekdays], key=f"{key}_weekdays", disabled=is_disabled,
            wrap=True,
        )  # fmt: skip
    skips = st.checkbox(
        "Not on public holidays of their country", hours.skip_holidays, key=f"{key}_holidays", disabled=is_disabled
    )
    return {
        "quiet_hours": {
            "opens": f"{opens:%H:%M}",
            "closes": "24:00" if closes in (_LAST_MINUTE, time()) else f"{closes:%H:%M}",
            "weekdays": [day for day in days if day in weekdays],
            "skip_holidays": skips,
        }
    }


def _clock(minutes: int) -> time:
    return _LAST_MINUTE if minutes >= 24 * 60 else time(minutes // 60, minutes % 60)


def _frequency(policy: Policy, key: str, *, is_disabled: bool) -> Document:
    heading("How often somebody is asked", "A person is one over all their addresses and all locations.")
    one, two = st.columns(2, gap="medium")
    cap = one.number_input(
        "Ask a person once in … days (0 = no limit)", 0, 3650, policy.cap_days, key=f"{key}_cap", disabled=is_disabled
    )
    again = two.number_input(
        "Invite a customer who comes again after … days (0 = never)", 0, 3650, policy.invite_again_after_days,
        key=f"{key}_again", disabled=is_disabled,
    )  # fmt: skip
    return {"cap_days": int(cap), "invite_again_after_days": int(again)}


def _endings(policy: Policy, key: str, *, is_disabled: bool) -> list[str]:
    heading("What ends an invitation", "No further message goes then. A STOP always ends it, whatever is ticked here.")
    return [
        kind.value
        for kind in StopCondition
        if st.checkbox(STOP_WHEN[kind], kind in policy.stop_when, key=f"{key}_{kind.value}", disabled=is_disabled)
    ]


def _from_when(desk: Desk, waits: date | None, key: str, *, is_disabled: bool) -> date | None:
    heading("From when")
    today: date = in_zone(desk.now, desk.access.account_time_zone).date()
    with st.container(horizontal=True, gap="medium", vertical_alignment="center"):
        when = st.radio(
            "From when", [_AT_ONCE, _ON_A_DAY], int(waits is not None), key=f"{key}_when", horizontal=True,
            label_visibility="collapsed", disabled=is_disabled,
        )  # fmt: skip
        day = st.date_input(
            "The day", waits or today + timedelta(days=1), min_value=min(today, waits or today), key=f"{key}_day",
            width=170, label_visibility="collapsed", disabled=is_disabled, help="From midnight in the account's zone.",
        )  # fmt: skip
    return day if when == _ON_A_DAY else None


def _tables(policy: Policy) -> None:
    """What states and countries demand beyond these rules: to be read, not changed here."""
    with st.expander("What states and countries demand", icon=":material/gavel:"):
        rows = [(row.region, _channels(row.channels), _hours_of(row), row.source) for row in policy.stricter_hours]
        st.html(_table("Narrower hours", ("Where", "Channels", "Hours", "Source"), rows))
        needs = [(row.country, _channels(row.channels), _bases(row.bases), row.source) for row in policy.consent]
        st.html(_table("Consent on record", ("Where", "Channels", "Any of", "Source"), needs))
        st.html(
            '<p class="aw-faint">These tables come with Afterword. Your own rows belong into the account’s file.</p>'
        )


def _channels(channels: Any) -> str:
    return ", ".join(CHANNEL[Channel(one)] for one in channels)


def _hours_of(row: Any) -> str:
    def told(minutes: int) -> str:
        return f"{minutes // 60:02}:{minutes % 60:02}"

    return f"{told(row.opens)}–{told(row.closes)}"


def _bases(bases: Any) -> str:
    return ", ".join(
        f"{basis.value} ({counted(days, 'day')})" if days else basis.value for basis, days in bases.items()
    ) or "none needed"  # fmt: skip


def _table(caption: str, heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Markup:
    head = Markup("").join(Markup("<th>{}</th>").format(one) for one in heads)
    body = Markup("").join(
        Markup("<tr>{}</tr>").format(Markup("").join(Markup("<td>{}</td>").format(cell) for cell in row))
        for row in rows
    )
    return Markup(
        '<div class="aw-scroll"><table class="aw-plain"><caption>{}</caption><thead><tr>{}</tr></thead>'
        "<tbody>{}</tbody></table></div>"
    ).format(caption, head, body)
