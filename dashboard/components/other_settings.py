"""The small form in which other settings are tried out. They are judged by the policy's own code and never saved."""

from dataclasses import dataclass
from datetime import time
from typing import Any

import streamlit as st

from invitations.policy import Policy, PolicyRefused
from invitations.policy_parts import WEEKDAYS

LONGEST_DAYS = 31
_USUAL_DAYS = 14
_PARAMETER = "days"  # of a link: /simulate?days=7
_NAMES = {  # as the form calls what a policy's document calls
    "invite_again_after_days": "“Invite again after”",
    "cap_days": "“Ask a person once in”",
    "quiet_hours.weekdays": "“On these days”",
    "quiet_hours": "“From” and “Until”",
}
_LAST_MINUTE = time(23, 59)  # what a time field can say of 24:00


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked: how far ahead, and under which other rules (a policy's document) beside those in effect."""

    days: int = _USUAL_DAYS
    rules: dict[str, Any] | None = None


def ask(policy: Policy) -> Question | None:
    """Draw the form; what was last asked with it, None: nothing yet. A setting that cannot be is told and not asked."""
    with st.form("simulate", border=True):
        with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="aw_filters_simulate"):
            days = st.number_input(
                "Days ahead",
                1,
                LONGEST_DAYS,
                _linked() or _USUAL_DAYS,
                key="simulate_days",
                width=140,
                help="At most 31 days.",
            )
            is_compared = st.toggle("Compare", key="simulate_compare")
            is_asked = st.form_submit_button("Simulate", type="primary", icon=":material/play_arrow:")
        with st.expander("Other settings to try", icon=":material/tune:"):
            changes = _draw(policy)
    if is_asked:
        try:
            rules = Policy.load(policy.document() | changes).document() if is_compared else None
        except PolicyRefused as problem:
            st.error(f"These settings cannot be: {_in_words(str(problem))}.", icon=":material/error:")
        else:
            st.session_state["simulate_question"] = Question(int(days), rules)
            st.query_params[_PARAMETER] = str(int(days))
    asked: Question | None = st.session_state.get("simulate_question")
    linked = _linked()
    return Question(linked) if asked is None and linked else asked


def _linked() -> int | None:
    """How many days ahead the link asks for, if it does."""
    said = st.query_params.get(_PARAMETER, "")
    number = int(said) if said.isascii() and said.isdigit() and len(said) < 3 else 0
    return number if 1 <= number <= LONGEST_DAYS else None


def _draw(policy: Policy) -> dict[str, Any]:
    """The fields, filled with the settings in effect; the parts of a policy's document that they say."""
    hours = policy.quiet_hours
    st.html('<p class="aw-faint">Switch “Compare” on above, change what you like to try, and press Simulate. '
            "Nothing is saved.</p>")  # fmt: skip
    with st.container(horizontal=True, gap="small"):
        opens = st.time_input("From", _clock(hours.opens), key="simulate_opens", step=1800, width=130)
        closes = st.time_input("Until", _clock(hours.closes), key="simulate_closes", step=1800, width=130)
        cap = st.number_input("Ask a person once in … days (0 = no limit)", 0, 3650, policy.cap_days,
                              key="simulate_cap", width=280)  # fmt: skip
        again = st.number_input("Invite again after … days (0 = never)", 0, 3650, policy.invite_again_after_days,
                                key="simulate_again", width=280)  # fmt: skip
    weekdays = st.pills("On these days", WEEKDAYS, selection_mode="multi", format_func=str.capitalize,
                        default=[WEEKDAYS[day] for day in hours.weekdays], key="simulate_weekdays")  # fmt: skip
    return {
        "quiet_hours": {
            **policy.document()["quiet_hours"],
            "opens": f"{opens:%H:%M}",
            "closes": "24:00" if closes in (_LAST_MINUTE, time()) else f"{closes:%H:%M}",
            "weekdays": list(weekdays),
        },
        "cap_days": int(cap),
        "invite_again_after_days": int(again),
    }


def _clock(minutes: int) -> time:
    return _LAST_MINUTE if minutes >= 24 * 60 else time(minutes // 60, minutes % 60)


def _in_words(problem: str) -> str:
    """The policy's own words, with the form's names for what they speak of."""
    for name, word in _NAMES.items():
        problem = problem.replace(name, word)
    return problem.rstrip(".")
