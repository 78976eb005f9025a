"""What every form of the settings shares: whether one may, the widgets' names, saving, and what was wrong, in words."""

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st
from markupsafe import Markup

from dashboard.components.confirm import remember
from dashboard.desk import Desk
from data.ledger.pictures import KeptPicture
from data.permissions import Action
from invitations.actor import Answer, Done
from invitations.change_settings import Edit, change_settings

Document = dict[str, Any]
_TABLES = {
    "account": "account", "locations": "location", "locations.platforms": "review platform", "sequences": "sequence",
    "sequences.steps": "step", "templates": "text", "users": "user", "policy": "rules", "quiet_hours": "hours",
}  # fmt: skip
_FIELDS = {
    "cap_days": "“Ask a person once in”", "invite_again_after_days": "“Invite again after”", "quiet_hours": "hours",
    "stop_when": "what ends an invitation", "effective_on": "the day it holds from", "page_platform": "“leads to”",
    "invitations_per_cycle": "invitations per cycle", "link_days": "days of a link", "postal_address": "postal address",
    "reply_to": "replies go to", "time_zone": "time zone", "color": "colour", "url": "web address", "email": "email",
}  # fmt: skip
_TABLE = re.compile(r"\[{1,2}([a-z_.]+)\]{1,2}(?:,(?= no\.))?")
_KEY = re.compile(r"\bkey \"?([a-z_]+)\"?")
_RULE = re.compile(r"\b(cap_days|invite_again_after_days|quiet_hours|stop_when|page_platform)\b")


def may_change(desk: Desk, *, is_for_all: bool, action: Action = Action.CHANGE_SETTINGS) -> bool:
    """Whether to offer the form; what holds for every location is for who looks after every one."""
    return desk.may(action) and (desk.access.is_every_place or not is_for_all)


def widget(name: str, seen: object) -> str:
    """A widget's key that is another one once what it was drawn from has changed: it then shows what holds now."""
    text = json.dumps(seen, default=str, sort_keys=True)
    return f"settings_{name}_{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def save(
    desk: Desk,
    edits: Sequence[Edit],
    *,
    logos: Mapping[str, KeptPicture | None] | None = None,
    before_rerun: Callable[[], None] = lambda: None,
) -> None:
    """Make the changes; then the page is drawn anew and says so. What is refused is told here; nothing is lost."""
    answer: Answer = change_settings(desk.ledger, desk.actor, edits, now=desk.now, logos=logos or {})
    if isinstance(answer, Done):
        remember(answer)
        before_rerun()
        st.rerun()
    problem(answer.reason)


def problem(reason: str) -> None:
    """Why it cannot be, line by line, below the form."""
    lines = Markup("").join(Markup("<li>{}</li>").format(in_words(line)) for line in reason.splitlines())
    st.html(Markup('<div class="aw-refusal" role="alert"><strong>Not saved</strong><ul>{}</ul></div>').format(lines))


def in_words(fault: str) -> str:
    """A fault as the account's file would be told of it, with this page's names for what it speaks of."""
    said = _TABLE.sub(lambda found: _TABLES.get(found[1], found[1].replace("_", " ")), fault)
    said = _KEY.sub(lambda found: _FIELDS.get(found[1], found[1].replace("_", " ")), said)
    said = _RULE.sub(lambda found: _FIELDS[found[1]], said)
    said = re.sub(r"\s+([,:])", r"\1", said).replace(" = ", " ").lstrip(", ")
    return said[:1].upper() + said[1:]


def takes_effect(text: str) -> None:
    """When what this form changes holds, below its fields."""
    st.html(Markup('<p class="aw-effect"><strong>When it holds</strong> {}</p>').format(text))


def heading(text: str, below: str = "") -> None:
    """The name of a part of a form."""
    said = Markup('<p class="aw-faint">{}</p>').format(below) if below else ""
    st.html(Markup('<h2 class="aw-part">{}</h2>{}').format(text, said))


def slug_of(name: str) -> str:
    """A short name for something new, as the account's file wants it: "Kids & Teens" is kids-teens."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:64]


def named(slug: str) -> str:
    """A short name as people read it: "First ask"."""
    return re.sub(r"[-_]+", " ", slug).strip().capitalize()
