"""Writing what an account's file, or a person's form, changed: each difference once, told and kept in the audit."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.ledger import tables as t
from data.ledger.account_history import ACTOR, overruled_by
from data.ledger.tables.metadata import database_now
from data.words import Role

Naming = Mapping[str, Mapping[Any, str]]  # column -> value -> what to call it; a sequence's id means nothing to anybody


class AccountChangeRefused(Exception):
    """The file is sound, but this ledger cannot follow it; the message says why and what would work."""


@dataclass
class Changes:
    """Writes a row where it differs, and keeps account of it: in words, and in the audit."""

    connection: Connection
    account_id: int  # 0 until a new account's row is written
    actor: str = ACTOR  # or the e-mail address of who changed it on the dashboard
    role: Role = Role.OWNER  # of whoever brings the change, through a file as well: some of it is for owners only
    words: list[str] = field(default_factory=list)
    undone: list[str] = field(default_factory=list)  # of them, what takes back a change made on the dashboard
    is_new: bool = field(init=False)  # an account of which nobody can have changed anything yet

    def __post_init__(self) -> None:
        self.is_new = not self.account_id

    def record(
        self,
        verb: str,
        subject: str,
        before: Mapping[str, Any] | None,
        after: Mapping[str, Any],
        *,
        naming: Naming | None = None,
        detail: str = "",
    ) -> None:
        """One line of the audit, and one in words; `detail` is what the words of a new row add."""
        overruled = None
        if self.actor == ACTOR and not self.is_new:
            overruled = overruled_by(self.connection, self.account_id, subject, after)
        self.connection.execute(
            t.audit.insert().values(
                account_id=self.account_id,
                occurred_at=database_now(),
                actor=self.actor,
                action=verb,
                subject=subject[:200],
                before=_plain(before) if before is not None else None,
                after=_plain(after),
            )
        )
        said = f"{verb.capitalize()} {subject}{detail if before is None else _was(before, after, naming or {})}"
        if overruled is not None:
            said += f" ({overruled})"
            self.undone.append(said)
        self.words.append(said)

    def upsert(
        self,
        table: sa.Table,
        where: Mapping[str, Any],
        values: Mapping[str, Any],
        subject: str,
        *,
        naming: Naming | None = None,
    ) -> Any:
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
            before = {name: found._mapping[name] for name in differing}
            self.record("changed", subject, before, differing, naming=naming)
        return found._mapping[keys[0].name] if len(keys) == 1 else None


def _was(before: Mapping[str, Any], after: Mapping[str, Any], naming: Naming) -> str:
    return ": " + ", ".join(
        f"{key.removesuffix('_id')} from {_shown(before[key], naming.get(key))} to {_shown(value, naming.get(key))}"
        for key, value in after.items()
    )


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: str(value) if isinstance(value, datetime) else value for key, value in values.items()}


def _shown(value: Any, names: Mapping[Any, str] | None) -> str:
    if value is None or value == "":
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return names.get(value, str(value)) if names else str(value)
