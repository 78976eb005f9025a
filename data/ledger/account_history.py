"""What of the settings was changed on the dashboard since the account's file was last applied, read from the audit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.ledger import tables as t

ACTOR = "account file"
VERBS = ("created", "changed", "removed", "limited", "took back")  # the audit's words for what is done to a setting
_NOT_SETTINGS = {"version", "effective_at", "approval", "category"}  # what a new version has beside what it says
_MOST_LINES = 50  # of one setting's history; who changed it longer ago than that was overruled since
_ABSENT = object()
_a = t.audit.c


def overruled_by(connection: Connection, account_id: int, subject: str, after: Mapping[str, Any]) -> str | None:
    """Whose change is taken back by a file that is about to write `after`; None where the file says something new.

    A file takes back what it says as it said it before, although somebody has changed it since.
    """
    named = subject.partition(", version ")[0]
    lines = connection.execute(
        sa.select(_a.actor, _a.occurred_at, _a.action, _a.before, _a.after)
        .where(
            _a.account_id == account_id,
            sa.or_(_a.subject == named, _a.subject.startswith(f"{named}, version ", autoescape=True)),
        )
        .order_by(_a.audit_id.desc())
        .limit(_MOST_LINES)
    ).all()
    for key, value in _flat(after).items():
        line = _dashboards_last_word(lines, key, value)
        if line is not None:
            return f"undoes what {line.actor} changed on the dashboard on {_day(line.occurred_at)}"
    return None


@dataclass(frozen=True, slots=True)
class SettingChanged:
    """One change that somebody made on the dashboard."""

    subject: str
    actor: str
    occurred_at: datetime


def changed_since_file(connection: Connection, account_id: int) -> list[SettingChanged]:
    """What was changed on the dashboard since the file last changed anything, newest first: a file kept elsewhere does
    not say it. Of a setting that was changed several times the last.
    """
    mine = sa.and_(_a.account_id == account_id, _a.action.in_(VERBS))
    last = sa.select(sa.func.max(_a.audit_id)).where(mine, _a.actor == ACTOR).scalar_subquery()
    rows = connection.execute(
        sa.select(_a.subject, _a.actor, _a.occurred_at)
        .where(mine, _a.actor != ACTOR, _a.audit_id > sa.func.coalesce(last, 0))
        .order_by(_a.audit_id.desc())
    )
    found: dict[str, SettingChanged] = {}
    for row in rows:
        named = row.subject.partition(", version ")[0]
        found.setdefault(named, SettingChanged(named, row.actor, row.occurred_at))
    return list(found.values())


def _dashboards_last_word(lines: Sequence[Any], key: str, value: Any) -> Any:
    """The newest line in which a person changed `key`, if the file's word of before is `value`; else None."""
    latest, of_before = None, _ABSENT
    for line in lines:  # newest first
        said = _flat(line.after or {})
        if key not in said:
            continue
        if line.actor == ACTOR:
            of_before = said[key]
            break
        if latest is None and said[key] == value:  # it stands as they left it
            return None
        latest = latest or line
        of_before = _flat(line.before or {}).get(key, _ABSENT)
    return latest if latest is not None and of_before in (_ABSENT, value) else None


def _flat(values: Mapping[str, Any]) -> dict[str, Any]:
    """The settings by name, those of a policy each by its own, comparable with what JSON gives back."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            flat |= {f"{key}.{name}": one for name, one in value.items()}
        elif key not in _NOT_SETTINGS:
            flat[key] = value
    return flat


def _day(moment: datetime) -> str:
    return f"{moment.day} {moment:%B %Y}"
