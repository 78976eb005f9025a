"""What is never edited, only followed by a new version: texts, sequences and policies.

Messages, invitations and verdicts keep the version they were made under, so each can be read back years later.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from data import rules as shipped_rules
from data.account_file import PolicyPart
from data.account_texts import SequencePart, TemplatePart
from data.ledger import tables as t
from data.ledger.account_changes import AccountChangeRefused, Changes
from data.words import Channel, TemplateApproval

_ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)  # the first policy has no predecessor: it holds for every earlier moment


def apply_template(changes: Changes, template: TemplatePart) -> None:
    """A changed text is a new version; for WhatsApp one that Meta has yet to approve."""
    where = {"account_id": changes.account_id, **template.model_dump(include={"slug", "channel", "language"})}
    wanted = {"subject": template.subject, "body": template.body, "asked_category": template.category_in_force}
    if template.content_sid is not None:  # else submitting writes one, and that is no change of the file
        wanted["provider_template_id"] = template.content_sid
    table = t.templates
    newest = changes.connection.execute(
        sa.select(table.c.version, *(table.c[name] for name in wanted))
        .where(*(table.c[name] == value for name, value in where.items()))
        .order_by(table.c.version.desc())
    ).first()
    if newest is not None and all(newest._mapping[name] == value for name, value in wanted.items()):
        return
    approval = TemplateApproval.UNSUBMITTED if template.channel is Channel.WHATSAPP else None
    wanted["category"] = template.category_in_force  # until Meta says what it takes it for
    values = {"version": newest.version + 1 if newest is not None else 1, **wanted, "approval": approval}
    changes.connection.execute(table.insert().values(**where, **values))
    named = f'template "{template.slug}" for {template.channel.value} ({template.language})'
    changes.record("created", f"{named}, version {values['version']}", None, values)


def apply_sequence(changes: Changes, sequence: SequencePart) -> int:
    """The id of the sequence's version that says these steps: the newest of its slug, else a new one."""
    table, steps = t.sequences, t.sequence_steps
    wanted = [
        {
            "step": number,
            "delay_minutes": step.delay_minutes,
            "at_minute": step.at_minute,
            "channels": [channel.value for channel in step.channels],
            "is_all_channels": step.all,
            "template_slug": step.template,
        }
        for number, step in enumerate(sequence.steps)
    ]
    newest = changes.connection.execute(
        sa.select(table)
        .where(table.c.account_id == changes.account_id, table.c.slug == sequence.slug)
        .order_by(table.c.version.desc())
    ).first()
    if newest is not None:
        columns = [steps.c[name] for name in wanted[0]]
        found = changes.connection.execute(
            sa.select(*columns).where(steps.c.sequence_id == newest.sequence_id).order_by(steps.c.step)
        )
        if [dict(row._mapping) for row in found] == wanted:
            return int(newest.sequence_id)
    version = newest.version + 1 if newest is not None else 1
    made = changes.connection.execute(
        table.insert().values(account_id=changes.account_id, slug=sequence.slug, version=version)
    )
    sequence_id = int(made.inserted_primary_key[0])  # type: ignore[index]
    changes.connection.execute(steps.insert(), [{"sequence_id": sequence_id, **step} for step in wanted])
    changes.record("created", f'sequence "{sequence.slug}", version {version}', None, {"steps": wanted})
    return sequence_id


def sequence_names(changes: Changes) -> dict[int, str]:
    """What to call each of the account's sequences, by id."""
    table = t.sequences.c
    rows = changes.connection.execute(
        sa.select(table.sequence_id, table.slug, table.version).where(table.account_id == changes.account_id)
    )
    return {row.sequence_id: f'"{row.slug}" version {row.version}' for row in rows}


def apply_policy(changes: Changes, part: PolicyPart, rules: Mapping[str, Any], now: datetime, time_zone: str) -> None:
    """A new version where `rules` (the whole document, shipped tables included) differ from the newest version's.

    It takes effect on `part.effective_on`, at midnight in `time_zone`, else at `now`. A version that still waits for
    its day is taken back: the file names one policy, and nothing was planned under the one that waits.
    """
    table = t.policies
    newest = changes.connection.execute(
        sa.select(table).where(table.c.account_id == changes.account_id).order_by(table.c.version.desc())
    ).first()
    effective_at = _effective_at(part.effective_on, now, time_zone)
    if newest is None:
        if part.effective_on is not None:
            raise AccountChangeRefused(
                f"[policy], key effective_on: found {part.effective_on}, but this is the account's first policy, which "
                "has none before it to rule until then. Take the line out; a later change may name a day."
            )
        _add_version(changes, 1, _ALWAYS, rules, "")
        return
    is_waiting = newest.effective_at > now
    if newest.rules == rules and (not is_waiting or newest.effective_at == effective_at):
        return
    if part.effective_on is not None and effective_at < now and not _is_same_day(part.effective_on, now, time_zone):
        raise AccountChangeRefused(
            f"[policy], key effective_on: found {part.effective_on}, which is past, but what differs ("
            f"{_differing(newest.rules, rules, part)}) cannot take effect in the past. Name a day to come, or take the "
            "line out for now."
        )
    if is_waiting:
        _take_back(changes, now)
    detail = f": {_differing(newest.rules, rules, part)}"
    if effective_at > now:
        detail += f"; in effect from {part.effective_on}"
    _add_version(changes, newest.version + 1, max(effective_at, now), rules, detail)


def _effective_at(day: date | None, now: datetime, time_zone: str) -> datetime:
    return now if day is None else datetime.combine(day, time(), tzinfo=ZoneInfo(time_zone)).astimezone(UTC)


def _is_same_day(day: date, now: datetime, time_zone: str) -> bool:
    return day == now.astimezone(ZoneInfo(time_zone)).date()


def _add_version(changes: Changes, version: int, effective_at: datetime, rules: Mapping[str, Any], said: str) -> None:
    values = {"version": version, "effective_at": effective_at, "rules": dict(rules)}
    changes.connection.execute(t.policies.insert().values(account_id=changes.account_id, **values))
    changes.record("created", f"policy, version {version}", None, values, detail=said)


def _take_back(changes: Changes, now: datetime) -> None:
    table = t.policies
    waiting = sa.and_(table.c.account_id == changes.account_id, table.c.effective_at > now)
    for row in changes.connection.execute(sa.select(table).where(waiting)).all():
        values = {"version": row.version, "effective_at": row.effective_at, "rules": row.rules}
        changes.record(
            "took back", f"policy, version {row.version}", None, values, detail=", which was not in effect yet"
        )
    changes.connection.execute(table.delete().where(waiting))


def _differing(before: Mapping[str, Any], after: Mapping[str, Any], part: PolicyPart) -> str:
    """Which settings differ; a table that the file leaves to Afterword may have changed by an upgrade."""
    changed = [key for key in {**after, **before} if before.get(key) != after.get(key)]
    shipped = {path.stem for path in Path(shipped_rules.__file__).parent.glob("*.toml")} - set(part.document())
    said = [f"{key} (the table that comes with Afterword)" if key in shipped else key for key in changed]
    return f"{', '.join(said)} changed" if said else "the day on which it takes effect"
