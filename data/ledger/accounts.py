"""The one account of a ledger: brought in line with its file, writing only what differs.

What the file does not name stays as it is, save platforms: those are hidden, so that a link taken out of the file
is no longer shown to customers. Texts, sequences and policies are never edited; a change is a new version.
"""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.account_file import AccountFile
from data.ledger import tables as t
from data.ledger.account_changes import AccountChangeRefused, Changes
from data.ledger.account_history import ACTOR
from data.ledger.account_places import apply_location, apply_users
from data.ledger.account_versions import apply_policy, apply_sequence, apply_template
from data.ledger.jobs import ask_for
from data.ledger.pictures import KeptPicture
from data.ledger.store import Ledger
from data.ledger.the_account import has_account, the_account
from data.words import JobKind, Role

__all__ = ["AccountChangeRefused", "apply_account", "bring_in_line", "has_account", "the_account"]


def apply_account(
    ledger: Ledger,
    file: AccountFile,
    *,
    rules: Mapping[str, Any],
    logos: Mapping[str, KeptPicture] = MappingProxyType({}),
    now: datetime,
    dry_run: bool = False,
    may_undo: bool = True,
    role: Role = Role.OWNER,
) -> list[str]:
    """Create or change what differs from `file`, in one transaction with its audit rows.

    `rules` is the file's policy in full, as `invitations.policy.Policy.document()` says it; `logos` are the pictures
    that it names, by location slug, as `invitations.logo_files` reads them: a location not among them has none. `now`
    is policy time: a changed policy takes effect then, or on the day the file names. Returns the changes in words, []
    when nothing differs; with `dry_run` those that would be made, and nothing is written. Changes ask for a planning
    pass. `role` is of whoever brings the file: in it, too, only an owner makes owners.
    Raises AccountChangeRefused, having written nothing; without `may_undo` also where the file is older than what
    people changed on the dashboard since, and would take it back.
    """
    with ledger.write() as connection:
        changes = bring_in_line(connection, file, rules=rules, logos=logos, now=now, role=role)
        if changes.undone and not may_undo and not dry_run:
            raise AccountChangeRefused(_undoing(changes.undone))
        transaction = connection.get_transaction()
        if dry_run and transaction is not None:
            transaction.rollback()
        return changes.words


def bring_in_line(
    connection: Connection,
    file: AccountFile,
    *,
    rules: Mapping[str, Any],
    logos: Mapping[str, KeptPicture],
    now: datetime,
    actor: str = ACTOR,
    role: Role = Role.OWNER,
) -> Changes:
    """`apply_account` within the caller's transaction, in the name and with the role of `actor`; what was changed."""
    changes = Changes(connection, _account_id(connection, file), actor, role)
    _apply_own_fields(changes, file, now)
    for template in file.templates:
        apply_template(changes, template)
    sequences = {sequence.slug: apply_sequence(changes, sequence) for sequence in file.sequences}
    locations = {
        place.slug: apply_location(changes, place, sequences[file.sequence_of(place).slug], logos.get(place.slug))
        for place in file.locations
    }
    apply_users(changes, file, locations)
    apply_policy(changes, file.policy, rules, now, file.account.time_zone)
    if changes.words and not changes.is_new:  # what is queued was planned by the old settings
        ask_for(connection, account_id=changes.account_id, kind=JobKind.PLAN, payload={}, asked_by=actor)
    return changes


def _undoing(undone: list[str]) -> str:
    first = "This file is older than the settings on the dashboard, and would take back what was changed there:"
    last = (
        "Nothing is written. Take the settings as they are now (on the dashboard: Settings, Download account.toml), "
        "make your change in that file and run `afterword init` with it; or say --undo-dashboard, and this file's word "
        "holds."
    )
    return "\n".join([first, *undone, last])


def _account_id(connection: Connection, file: AccountFile) -> int:
    """The account's id; 0 when this ledger has none yet, which `_apply_own_fields` then makes."""
    found = connection.execute(  # locked: two people who each remove the other as an owner come one after the other
        sa.select(t.accounts.c.account_id, t.accounts.c.slug).with_for_update(key_share=True)
    ).first()
    if found is None:
        return 0
    if found.slug != file.account.slug:
        raise AccountChangeRefused(
            f'This ledger belongs to the account "{found.slug}", and the file is for "{file.account.slug}". '
            "A ledger holds one account: set AFTERWORD_HOME or AFTERWORD_LEDGER_URL to another one, or mend the slug."
        )
    return int(found.account_id)


def _apply_own_fields(changes: Changes, file: AccountFile, now: datetime) -> None:
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


def _apply_allowance(changes: Changes, difference: int, now: datetime, time_zone: str) -> None:
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
