"""Settings of the whole account; and what was bought, to be read."""

from zoneinfo import available_timezones

import streamlit as st
from markupsafe import Markup

from dashboard.components.settings_form import (
    Document,
    heading,
    may_change,
    problem,
    save,
    slug_of,
    takes_effect,
    widget,
)
from dashboard.components.settings_words import PLAN
from dashboard.desk import Desk
from dashboard.wording import counted, short_moment
from data.ledger.account_history import changed_since_file
from data.permissions import Action
from data.words import Plan
from invitations.change_settings import Edit
from invitations.settings_effect import Table

_MOST_TOLD = 10
_EFFECT = (
    "Name and postal address go with emails that leave from then on. The days of a link hold at once, for links that "
    "are out as well: more bring links back, fewer end them."
)


def show_account(desk: Desk, document: Document) -> None:
    """The form, what was bought, and another location."""
    is_open = may_change(desk, is_for_all=True)
    account = document["account"]
    key = widget("account", account)
    zones = sorted(available_timezones())
    with st.form(key, border=True):
        name = st.text_input("Name", account["name"], key=f"{key}_name", disabled=not is_open)
        postal = st.text_input(
            "Postal address", account["postal_address"], key=f"{key}_postal", disabled=not is_open,
            help="At the foot of each email, as the law wants it.",
        )  # fmt: skip
        one, two = st.columns(2, gap="medium")
        zone = one.selectbox(
            "Time zone", zones, zones.index(account["time_zone"]), key=f"{key}_zone", disabled=not is_open
        )
        days = two.number_input(
            "A link leads to the review page for … days", 1, 3650, account["link_days"], key=f"{key}_days",
            disabled=not is_open, help="Unsubscribing never runs out.",
        )  # fmt: skip
        takes_effect(_EFFECT)
        is_saved = st.form_submit_button("Save changes", type="primary", disabled=not is_open)
    if is_saved:
        wanted = {"name": name.strip(), "postal_address": postal.strip(), "time_zone": zone, "link_days": int(days)}
        save(desk, [Edit(Table.ACCOUNT, (), account, wanted)])
    if desk.may(Action.SEE_ACCOUNT_QUOTA):
        _bought(account)
    if is_open:
        _since_the_file(desk)
    if is_open:
        with st.expander("Add a location", icon=":material/add_location_alt:"):
            _another(desk, document)


def _bought(account: Document) -> None:
    heading("What was bought")
    facts = {
        "Plan": PLAN[Plan(account["plan"])],
        "Invitations per cycle": f"{account['invitations_per_cycle']:,}",
        "A cycle begins": f"on day {account['cycle_anchor_day']} of the month",
    }
    rows = Markup("").join(Markup("<dt>{}</dt><dd>{}</dd>").format(*fact) for fact in facts.items())
    by_whom = Markup('<p class="aw-faint">Changed in the account\'s file by whoever runs this.</p>')
    st.html(Markup('<dl class="aw-fixed">{}</dl>{}').format(rows, by_whom))


def _since_the_file(desk: Desk) -> None:
    """What a file kept elsewhere does not say, and would undo."""
    with desk.ledger.read() as c:
        changed = changed_since_file(c, desk.access.account_id)
    if not changed:
        heading("The account's file", "It says what is set here: nothing was changed here since it was last applied.")
        return
    heading(
        "The account's file",
        f"It does not know of {counted(len(changed), 'setting')} changed here since it was last applied. "
        "“afterword init” refuses a file that would undo them and names each: begin from a download.",
    )
    lines = Markup("").join(
        Markup("<li>{} <span class=\"aw-faint\">{}, {}</span></li>").format(
            f"{one.subject[:1].upper()}{one.subject[1:]}", one.actor,
            short_moment(desk.on_policy_clock(one.occurred_at), desk.time_zone, desk.now),
        )
        for one in changed[:_MOST_TOLD]
    )  # fmt: skip
    more = len(changed) - _MOST_TOLD
    st.html(Markup('<ul class="aw-since">{}</ul>').format(lines))
    if more > 0:
        st.html(Markup('<p class="aw-faint">And {} more: the Audit page has them all.</p>').format(more))


def _another(desk: Desk, document: Document) -> None:
    """A location like one there is; its platforms are its own."""
    places = {place["slug"]: place for place in document["locations"]}
    with st.form("settings_new_location", border=False):
        name = st.text_input("Name", key="settings_new_location_name")
        like = st.selectbox(
            "Like", list(places), format_func=lambda slug: places[slug]["name"], key="settings_new_location_like",
            help="Zone, country, channels and sequence are taken from it, and can be changed afterwards.",
        )  # fmt: skip
        is_saved = st.form_submit_button("Add the location")
    if is_saved and not slug_of(name):
        problem("A new location needs a name.")
    elif is_saved:
        taken = {
            name: places[like][name] for name in ("time_zone", "region", "color", "language", "channels", "sequence")
        }
        save(desk, [Edit(Table.LOCATIONS, (slug_of(name),), None, {"name": name.strip(), "page": "score", **taken})])
