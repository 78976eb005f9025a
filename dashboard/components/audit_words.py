"""How a line of the audit is said: what was done, to what, and what differs between before and after."""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import polars as pl

from dashboard.desk import Desk
from dashboard.wording import exact_moment, said, short_moment
from data.ledger.audit_log import AuditFilter, AuditSight, Line, Whom, audit_lines
from data.permissions import Action
from data.words import JobKind

ACTION = {
    Action.PAUSE: "Paused",
    Action.RESUME: "Resumed",
    Action.STOP: "Stopped messages",
    Action.RESTART: "Restarted messages",
    Action.HALT: "Halted all sending",
    Action.LIFT_HALT: "Resumed all sending",
    Action.UNDO_IMPORT: "Took an import back",
    Action.CORRECT_CONTACT: "Corrected a contact",
    Action.DO_NOT_CONTACT: "Added to do not contact",
    Action.DRAFT_REPLY: "Wrote a reply",
    Action.EXPORT: "Exported a table",
    Action.BUY_MORE: "Bought invitations",
    Action.IMPORT: "Asked for an import",
    "ask": "Asked for a review",
    "take_in": "Typed in a customer",
    "send_test": "Sent a test",
    "settle": "Decided about a message",
    "restore": "Allowed email again",
    "unlist": "Taken off a provider's list",
    "revoke_links": "Ended review links",
    "submitted": "Submitted a template",
    JobKind.SUBMIT_TEMPLATE: "Asked to submit a template",
    "join": "Signed in for the first time",
    "limited": "Limited to locations",
    "took back": "Took back",
}
_LABEL = {
    "is_enabled": "Switched on", "is_visible": "Shown", "url": "Web address", "at": "Time of day",
    "effective_at": "Holds from", "policy_id": "Rules", "sequence_id": "Sequence",
}  # fmt: skip
_SINCE_EVER = 1970  # what holds from the beginning is dated so
_THING = {
    "invitation": "Invitation", "request": "Message", "system": "All sending", "quota": "Quota", "job": "Task",
    "breaker": "Sender held back no.",
}  # fmt: skip
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?([+-]\d\d:?\d\d|Z)?")
_WORD = re.compile(r"[a-z]+(_[a-z]+)+")
_NOTHING = "–"
_ALL = 1_000_000
Difference = tuple[str, str, str]


def about(line: Line, whom: Whom | None) -> str:
    """The thing that it was done to; a customer by name where it is known."""
    kind, _, rest = line.subject.partition(" ")
    thing = f"{_THING.get(kind, kind.capitalize())} {rest}".strip()
    return f"{whom.name} · {thing}" if whom is not None and whom.name else thing


def what_was_done(line: Line) -> str:
    """The action in words; letting one sender go on is no end of a halt, whose right it takes."""
    if line.action == Action.LIFT_HALT and line.subject.startswith("breaker "):
        return "Let a sender go on"
    return said(ACTION, line.action)


def differences(line: Line, zone: str, now: datetime) -> list[Difference]:
    """What it was before and is after, by name, in words; only what differs."""
    before, after = _flat(line.before or {}), _flat(line.after or {})
    return [
        (_label(key), _shown(before.get(key), zone, now), _shown(after.get(key), zone, now))
        for key in dict.fromkeys([*before, *after])
        if before.get(key) != after.get(key)
    ]


def in_one_line(difference: Difference) -> str:
    """ "Status: active → stopped", or what is new alone."""
    name, before, after = difference
    return f"{name}: {after}" if before == _NOTHING else f"{name}: {before} → {after}"


def whole_audit(desk: Desk, sight: AuditSight, chosen: AuditFilter) -> pl.DataFrame:
    """Every line that the filters leave, under headings a reader knows, to be taken away."""
    with desk.ledger.read() as c:
        lines = audit_lines(c, sight, chosen, limit=_ALL)
    told = [
        (
            desk.on_policy_clock(line.occurred_at), line.actor, what_was_done(line), line.subject,
            _as_text(line.before), _as_text(line.after),
        )
        for line in lines
    ]  # fmt: skip
    texts = dict.fromkeys(("Who", "What", "About", "Before", "After"), pl.String())
    return pl.DataFrame(told, schema={"When": pl.Datetime("us", "UTC"), **texts}, orient="row")


def _as_text(values: Mapping[str, Any] | None) -> str:
    return json.dumps(values, ensure_ascii=False, sort_keys=True) if values else ""


def _flat(values: Mapping[str, Any], within: str = "") -> dict[str, Any]:
    """Nested settings by a name of their own each: "quiet_hours opens"."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        name = f"{within} {key}".strip()
        if isinstance(value, Mapping):
            flat |= _flat(value, name)
        elif isinstance(value, list) and value and all(isinstance(one, Mapping) for one in value):
            for number, one in enumerate(value, start=1):
                flat |= _flat(one, f"{name} {number}")
        else:
            flat[name] = value
    return flat


def _label(key: str) -> str:
    return _LABEL.get(key) or key.replace("_", " ").capitalize()


def _shown(value: Any, zone: str, now: datetime) -> str:
    if value is None or value in ("", []):
        return _NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(_shown(one, zone, now) for one in value)
    text = str(value)
    if _MOMENT.fullmatch(text):
        moment = datetime.fromisoformat(text)
        return "the beginning" if moment.year <= _SINCE_EVER else short_moment(moment, zone, now)
    return text.replace("_", " ") if _WORD.fullmatch(text) else text


def exact(line: Line, desk: Desk) -> str:
    """The whole moment, for a hover."""
    return exact_moment(desk.on_policy_clock(line.occurred_at), desk.time_zone)
