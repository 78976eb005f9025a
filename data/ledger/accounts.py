"""The one account of a ledger: brought in line with its file, writing only what differs.

What the file does not name stays as it is, save platforms: those are hidden, so that a link taken out of the file
is no longer shown to customers. Texts, sequences and policies are never edited; a change is a new version.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from data.account_file import AccountFile, LocationPart, PlatformPart, SequencePart, TemplatePart
from data.account_values import delay_minutes
from data.ledger import tables as t
from data.ledger.store import Ledger
from data.ledger.tables.metadata import database_now
from data.words import Channel

_ACTOR = "account file"
_ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)  # the first policy has no predecessor: it holds for every earlier moment


class AccountChangeRefused(Exception):
    """The file is sound, but this ledger cannot follow it; the message says why and what would work."""


def the_account(connection: Connection) -> Row[Any]:
    """The ledger's one account, every column.

    Raises LookupError with the command that makes it.
    """
    row = connection.execute(sa.select(t.accounts).order_by(t.accounts.c.account_id)).first()
    if row is None:
        raise LookupError("There is no account yet. Run `afterword init FILE` with your account's TOML file.")
    return row


def apply_account(ledger: Ledger, file: AccountFile, *, now: datetime) -> list[str]:
    """Create or change what differs from `file`, in one transaction with its audit rows.

    `now` is policy time: a changed policy takes effect then. Returns the changes in words, [] when nothing differs.
    Raises AccountChangeRefused, having written nothing.
    """
    with ledger.write() as connection:
        changes = _Changes(connection, _account_id(connection, file))
        _apply_own_fields(changes, file, now)
        locations = {place.slug: _apply_location(changes, place) for place in file.locations}
        _apply_users(changes, file, locations)
        for template in file.templates:
            _apply_template(changes, template)
        _apply_sequence(changes, file.sequence)
        _apply_policy(changes, file.policy.document(), now)
        return changes.words


@dataclass
class _Changes:
    """Writes a row where it differs, and keeps account of it: in words, and in the audit."""

    connection: Connection
    account_id: int
    words: list[str] = field(default_factory=list)

    def record(self, verb: str, subject: str, before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> None:
        self.connection.execute(
            t.audit.insert().values(
                account_id=self.account_id,
                occurred_at=database_now(),
                actor=_ACTOR,
                action=verb,
                subject=subject[:200],
                before=_plain(before) if before is not None else None,
                after=_plain(after),
            )
        )
        if before is None:
            self.words.append(f"{verb.capitalize()} {subject}")
        else:
            was = (f"{key} from {_shown(before[key])} to {_shown(value)}" for key, value in after.items())
            self.words.append(f"{verb.capitalize()} {subject}: {', '.join(was)}")

    def upsert(self, table: sa.Table, where: Mapping[str, Any], values: Mapping[str, Any], subject: str) -> Any:
        """The row's primary key (None where it has several), after making it say `values`."""
        keys = list(table.primary_key.columns)
        chosen = sa.and_(*(table.c[name] == value for name, value in where.items()))
        found = self.connection.execute(sa.select(table).where(chosen)).first()
        if found is None:
            made = self.connection.execute(table.insert().values(**where, **values))
            self.record("created", subject, None, values)
            return made.inserted_primary_key[0] if made.inserted_primary_key and len(keys) == 1 else None
        differing = {name: value for name, value in values.items() if found._mapping[name] != value}
        if differing:
            self.connection.execute(table.update().where(chosen).values(**differing))
            self.record("changed", subject, {name: found._mapping[name] for name in differing}, differing)
        return found._mapping[keys[0].name] if len(keys) == 1 else None


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: str(value) if isinstance(value, datetime) else value for key, value in values.items()}


def _shown(value: Any) -> str:
    if value is None or value == "":
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def _account_id(connection: Connection, file: AccountFile) -> int:
    """The account's id; 0 when this ledger has none yet, which `_apply_own_fields` then makes."""
    found = connection.execute(sa.select(t.accounts.c.account_id, t.accounts.c.slug)).first()
    if found is None:
        return 0
    if found.slug != file.account.slug:
        raise AccountChangeRefused(
            f'This ledger belongs to the account "{found.slug}", and the file is for "{file.account.slug}". '
            "A ledger holds one account: set AFTERWORD_HOME or AFTERWORD_LEDGER_URL to another one, or mend the slug."
        )
    return int(found.account_id)


def _apply_own_fields(changes: _Changes, file: AccountFile, now: datetime) -> None:
    values = file.account.model_dump(exclude={"slug"})
    subject = f'account "{file.account.name}"'
    if not changes.account_id:
        made = changes.connection.execute(t.accounts.insert().values(slug=file.account.slug, **values))
        changes.account_id = int(made.inserted_primary_key[0])  # type: ignore[index]
        changes.record("created", subject, None, values)
        return
    before = the_account(changes.connection)
    changes.upsert(t.accounts, {"account_id": changes.account_id}, values, subject)
    _apply_allowance(changes, file.account.invitations_per_cycle - before.invitations_per_cycle, now, before.time_zone)


def _apply_allowance(changes: _Changes, difference: int, now: datetime, time_zone: str) -> None:
    """Carry a changed plan into the cycle that runs: by the difference, since boosts are part of its allowance."""
    if difference == 0:
        return
    cycles, today = t.quota_cycles.c, now.astimezone(ZoneInfo(time_zone)).date()
    cycle = changes.connection.execute(
        sa.select(t.quota_cycles)
        .where(cycles.account_id == changes.account_id, cycles.cycle_start_date <= today, cycles.cycle_end_date > today)
        .with_for_update()
    ).first()
    if cycle is None:
        return
    allowance = cycle.allowance + difference
    if allowance < cycle.used:
        raise AccountChangeRefused(
            f"[account], key invitations_per_cycle: {cycle.used} invitations of this cycle are used already, so the "
            f"allowance cannot fall from {cycle.allowance} to {allowance}. Lower it by at most "
            f"{cycle.allowance - cycle.used}, or after the cycle ends on {cycle.cycle_end_date}."
        )
    where = {"account_id": changes.account_id, "cycle_start_date": cycle.cycle_start_date}
    subject = f"the quota cycle that began on {cycle.cycle_start_date}"
    changes.upsert(t.quota_cycles, where, {"allowance": allowance}, subject)


def _apply_location(changes: _Changes, place: LocationPart) -> int:
    location_id = int(
        changes.upsert(
            t.locations,
            {"account_id": changes.account_id, "slug": place.slug},
            place.model_dump(include={"name", "time_zone", "region", "color", "reply_to"}),
            f'location "{place.slug}"',
        )
    )
    for channel in Channel:
        changes.upsert(
            t.channels,
            {"location_id": location_id, "channel": channel},
            {"is_enabled": channel in place.channels},
            f'channel {channel.value} of "{place.slug}"',
        )
    _apply_platforms(changes, location_id, place)
    return location_id


def _apply_platforms(changes: _Changes, location_id: int, place: LocationPart) -> None:
    for position, platform in enumerate(place.platforms):
        values = platform.model_dump(include={"name", "url", "is_visible"}) | {"position": position}
        _apply_platform(changes, location_id, platform, values, place.slug)
    named = [platform.slug for platform in place.platforms]
    gone = changes.connection.execute(
        sa.select(t.platforms.c.slug).where(
            t.platforms.c.location_id == location_id, t.platforms.c.slug.not_in(named), t.platforms.c.is_visible
        )
    ).scalars()
    for slug in list(gone):
        where = {"location_id": location_id, "slug": slug}
        changes.upsert(t.platforms, where, {"is_visible": False}, f'platform "{slug}" of "{place.slug}"')


def _apply_platform(
    changes: _Changes, location_id: int, platform: PlatformPart, values: dict[str, Any], place: str
) -> None:
    where = {"location_id": location_id, "slug": platform.slug}
    changes.upsert(t.platforms, where, values, f'platform "{platform.slug}" of "{place}"')


def _apply_users(changes: _Changes, file: AccountFile, locations: Mapping[str, int]) -> None:
    for user in file.users:
        where = {"account_id": changes.account_id, "email": user.email}
        user_id = changes.upsert(t.users, where, {"name": user.name, "role": user.role}, f'user "{user.email}"')
        wanted = {locations[slug] for slug in user.locations}
        own = t.user_locations.c.user_id == user_id
        found = set(changes.connection.execute(sa.select(t.user_locations.c.location_id).where(own)).scalars())
        if wanted == found:
            continue
        changes.connection.execute(t.user_locations.delete().where(own))
        if wanted:
            rows = [{"user_id": user_id, "location_id": location_id} for location_id in sorted(wanted)]
            changes.connection.execute(t.user_locations.insert(), rows)
        slugs = {location_id: slug for slug, location_id in locations.items()}
        before, after = (_names(slugs, chosen) for chosen in (found, wanted))
        changes.record("changed", f'user "{user.email}"', {"locations": before}, {"locations": after})


def _names(slugs: Mapping[int, str], chosen: Iterable[int]) -> str:
    return ", ".join(sorted(slugs.get(one, "a location not in the file") for one in chosen)) or "every location"


def _apply_template(changes: _Changes, template: TemplatePart) -> None:
    where = {"account_id": changes.account_id, **template.model_dump(include={"slug", "channel", "language"})}
    table = t.templates
    newest = changes.connection.execute(
        sa.select(table.c.version, table.c.subject, table.c.body)
        .where(*(table.c[name] == value for name, value in where.items()))
        .order_by(table.c.version.desc())
    ).first()
    if newest is not None and (newest.subject, newest.body) == (template.subject, template.body):
        return
    version = newest.version + 1 if newest is not None else 1
    values = {"version": version, "subject": template.subject, "body": template.body}
    changes.connection.execute(table.insert().values(**where, **values))
    named = f'template "{template.slug}" for {template.channel.value} ({template.language}), version {version}'
    changes.record("created", named, None, values)


def _apply_sequence(changes: _Changes, sequence: SequencePart) -> None:
    table, steps = t.sequences, t.sequence_steps
    wanted = [
        {
            "step": number,
            "delay_minutes": delay_minutes(step.delay),
            "channels": [channel.value for channel in step.channels],
            "is_all_channels": step.all,
            "template_slug": step.template,
        }
        for number, step in enumerate(sequence.steps)
    ]
    where = {"account_id": changes.account_id, "slug": sequence.slug}
    newest = changes.connection.execute(  # newest of all slugs: a location without one of its own takes the newest
        sa.select(table).where(table.c.account_id == changes.account_id).order_by(table.c.sequence_id.desc())
    ).first()
    if newest is not None and newest.slug == sequence.slug:
        columns = [steps.c[name] for name in wanted[0]]
        found = changes.connection.execute(
            sa.select(*columns).where(steps.c.sequence_id == newest.sequence_id).order_by(steps.c.step)
        )
        if [dict(row._mapping) for row in found] == wanted:
            return
    last = sa.select(sa.func.max(table.c.version)).where(*(table.c[name] == value for name, value in where.items()))
    version = (changes.connection.execute(last).scalar_one() or 0) + 1
    made = changes.connection.execute(table.insert().values(**where, version=version))
    sequence_id = made.inserted_primary_key[0]  # type: ignore[index]
    changes.connection.execute(steps.insert(), [{"sequence_id": sequence_id, **step} for step in wanted])
    changes.record("created", f'sequence "{sequence.slug}", version {version}', None, {"steps": wanted})


def _apply_policy(changes: _Changes, rules: dict[str, Any], now: datetime) -> None:
    table = t.policies
    newest = changes.connection.execute(
        sa.select(table.c.version, table.c.rules)
        .where(table.c.account_id == changes.account_id)
        .order_by(table.c.version.desc())
    ).first()
    if newest is not None and newest.rules == rules:
        return
    version = newest.version + 1 if newest is not None else 1
    values = {"version": version, "effective_at": now if newest is not None else _ALWAYS, "rules": rules}
    changes.connection.execute(table.insert().values(account_id=changes.account_id, **values))
    changes.record("created", f"policy, version {version}", None, values)
