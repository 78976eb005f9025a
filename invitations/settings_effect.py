"""When a changed setting takes effect, and for what that is on its way already: told before and after it is saved."""

from collections.abc import Collection, Iterable
from datetime import date
from enum import StrEnum

from data.words import Channel


class Table(StrEnum):
    """The tables of the account's file."""

    ACCOUNT = "account"
    LOCATIONS = "locations"
    SEQUENCES = "sequences"
    TEMPLATES = "templates"
    USERS = "users"
    POLICY = "policy"


_PAGE = "Customers' pages change at once, for links that are out as well."
_PLANNED = "Messages still queued are planned anew within minutes; what has left stays as it is."
_SEQUENCE = "New invitations follow it; those under way go on as they began."
_BY_FIELD = {
    Table.LOCATIONS: {
        **dict.fromkeys(("page", "page_platform", "language", "logo", "platforms"), _PAGE),
        "color": "Customers' pages and new emails change at once.",
        "name": "Customers' pages and messages that have yet to leave have the new name at once.",
        "reply_to": "Emails that leave from now on have it.",
        "channels": "A channel that is switched off sends nothing from now on; one that is switched on is used once "
        "messages are planned anew, within minutes.",
        "sequence": _SEQUENCE,
        "invitations_per_cycle": "The limit holds at once, for the cycle that runs.",
        "region": "Numbers that come in from now on are read by it.",
        "time_zone": _PLANNED,
    },
    Table.ACCOUNT: {
        "name": "Emails that leave from now on have it.",
        "postal_address": "Emails that leave from now on have it.",
        "link_days": "It holds at once, for links that are out as well: a longer time brings links back, a shorter one "
        "ends them.",
        "time_zone": "Days and quota cycles turn by it from now on.",
    },
}  # fmt: skip
_BY_TABLE = {
    Table.LOCATIONS: "It holds at once.",
    Table.ACCOUNT: "It holds at once.",
    Table.SEQUENCES: f"It is a new version. {_SEQUENCE}",
    Table.TEMPLATES: "It is a new version: messages still queued get it within minutes, what has left keeps its own.",
    Table.USERS: "It holds with their next click.",
    Table.POLICY: f"It is a new version and holds at once. {_PLANNED}",
}
_WHATSAPP = (
    "It is a new version and goes once Meta has approved it. Until then the approved one before it goes on, if any."
)


def effect_of(table: Table, changed: Collection[str], *, channel: Iterable[str] = (), on: date | None = None) -> str:
    """When a change of these fields of a table takes effect; `channel` is a text's, `on` the day a policy waits for."""
    if table is Table.POLICY and on is not None:
        return f"It is a new version and holds from {on.day} {on:%B %Y}; until then the rules stay as they are."
    if table is Table.TEMPLATES and Channel.WHATSAPP.value in channel:
        return _WHATSAPP
    said = [text for name, text in _BY_FIELD.get(table, {}).items() if name in changed]
    return " ".join(dict.fromkeys(said)) or _BY_TABLE[table]
