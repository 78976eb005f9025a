"""Who is not invited yet, and what holds each back: the rules as they are now, laid over the rows on screen."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from dashboard.components.icons import icon
from dashboard.desk import Desk
from invitations.policy import NoPolicy, PolicyRefused
from invitations.why import Explanation
from invitations.why_waiting import why_waiting

Waiting = Mapping[int, Explanation]


def read_waiting(desk: Desk, rows: Sequence[Mapping[str, Any]]) -> Waiting:
    """How each customer on screen stands, by customer; empty where there are no settings to judge by."""
    people = {row["person_id"] for row in rows}
    try:
        return why_waiting(desk.ledger, desk.access.account_id, people, now=desk.now)
    except (NoPolicy, PolicyRefused):
        return {}


def waiting_cell(waiting: Waiting, row: Mapping[str, Any]) -> Markup:
    """When they may be asked, over the reasons that hold it back."""
    found = waiting.get(row["customer_id"])
    if found is None:
        return Markup('<span class="aw-faint">Not looked at yet</span>')
    reasons = " · ".join(sentence(reason) for reason in found.reasons)
    drawing = "clock" if found.earliest_at else "slash"
    return Markup(
        '<div class="aw-waits">{}<span>{}</span></div><div class="aw-faint aw-about" title="{}">{}</div>'
    ).format(icon(drawing), sentence(found.standing).rstrip("."), reasons, reasons)


def sentence(words: str) -> str:
    """A reason as a sentence of its own."""
    return f"{words[:1].upper()}{words[1:]}." if words else ""
