"""Do not contact: append-only rows about addresses, and the one question everybody asks of them.

A row without a channel is the person's: it holds on every channel, for every address of whoever owns the address it
names, so neither merging people nor importing them again undoes it. A row with a channel is about that address on that
channel only (a dead mailbox). A `restore` with a channel lifts what was said before it for that channel (START, for
SMS). Always the newest row that applies counts.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.ledger.tables import accounts, people, person_addresses, suppressions
from data.words import AddressKind, Channel, SuppressionEffect, SuppressionReason, address_kind

_s, _a = suppressions.c, person_addresses.c


def is_suppressed(
    channel: sa.ColumnElement[Any], person_id: sa.ColumnElement[Any], address: sa.ColumnElement[Any]
) -> sa.ColumnElement[bool]:
    """Whether this person must not get a message on this channel at this address; for a WHERE."""
    of_person = (
        sa.select(_s.effect)
        .join(
            person_addresses,
            sa.and_(_a.account_id == _s.account_id, _a.kind == _s.kind, _a.address == _s.address),
        )
        .where(
            _a.person_id == person_id,
            sa.or_(
                _s.channel.is_(None),
                sa.and_(
                    sa.cast(_s.channel, sa.String) == sa.cast(channel, sa.String),
                    _s.effect == SuppressionEffect.RESTORE,
                ),
            ),
        )
        .order_by(_s.suppression_id.desc())
        .limit(1)
        .correlate_except(suppressions, person_addresses)
        .scalar_subquery()
    )
    of_address = (
        sa.select(_s.effect)
        .where(
            _s.account_id.in_(sa.select(accounts.c.account_id)),  # any: named so that the index of addresses is used
            sa.or_(*(_s.kind == kind for kind in AddressKind)),
            _s.address == address,
            sa.cast(_s.channel, sa.String) == sa.cast(channel, sa.String),
        )
        .order_by(_s.suppression_id.desc())
        .limit(1)
        .correlate_except(suppressions, accounts)
        .scalar_subquery()
    )
    return sa.or_(
        sa.func.coalesce(of_person, SuppressionEffect.RESTORE) == SuppressionEffect.SUPPRESS,
        sa.func.coalesce(of_address, SuppressionEffect.RESTORE) == SuppressionEffect.SUPPRESS,
    )


def suppress_person(
    connection: Connection,
    *,
    account_id: int,
    person_id: int,
    channel: Channel | None,
    reason: SuppressionReason,
    recorded_by: str,
    occurred_at: datetime,
    event_id: int | None = None,
) -> int:
    """Record that a person is not to be contacted (channel None: on no channel); the number of rows written.

    One row per address the person has, so that each of them, met again in any import, brings the suppression along.
    """
    # A claim holds this lock while it looks at suppressions (PostgreSQL); SQLite's writers take turns anyway.
    connection.execute(
        sa.select(people.c.person_id).where(people.c.person_id == person_id).with_for_update(key_share=True)
    )
    owned = connection.execute(
        sa.select(_a.kind, _a.address).where(_a.person_id == person_id, _a.account_id == account_id)
    ).all()
    return record(
        connection,
        [(row.kind, row.address) for row in owned],
        account_id=account_id,
        channel=channel,
        effect=SuppressionEffect.SUPPRESS,
        reason=reason,
        recorded_by=recorded_by,
        occurred_at=occurred_at,
        event_id=event_id,
    )


def has_said_no_since(
    connection: Connection, *, account_id: int, kind: AddressKind, address: str, moment: datetime
) -> bool:
    """Whether whoever owns this address was suppressed at `moment` or later: what was said before it restores nothing.

    Events come in any order (a provider lists the newest text first), and STOP wins a tie.
    """
    person = _owner(account_id, kind, address)
    # The owner's suppressions are written under this lock (PostgreSQL), so none can slip in after the look.
    connection.execute(
        sa.select(people.c.person_id).where(people.c.person_id.in_(person)).with_for_update(key_share=True)
    )
    said = sa.select(_s.suppression_id).where(
        _s.effect == SuppressionEffect.SUPPRESS, _s.occurred_at >= moment, _about_owner(account_id, kind, address)
    )
    return connection.execute(said.limit(1)).first() is not None


def last_reason(
    connection: Connection, *, account_id: int, kind: AddressKind, address: str
) -> SuppressionReason | None:
    """Why whoever owns this address was last suppressed; None when they never were."""
    said = sa.select(_s.reason).where(_s.effect == SuppressionEffect.SUPPRESS, _about_owner(account_id, kind, address))
    return connection.execute(said.order_by(_s.suppression_id.desc()).limit(1)).scalar_one_or_none()


@dataclass(frozen=True, slots=True)
class Start:
    """A START that was taken. `occurred_at` is the provider's time."""

    occurred_at: datetime
    event_id: int | None


def last_start(connection: Connection, *, account_id: int, address: str, after: datetime) -> Start | None:
    """The latest START from this number that came after a moment; None when none did."""
    started = (
        sa.select(_s.occurred_at, _s.event_id)
        .where(
            _s.account_id == account_id,
            _s.kind == AddressKind.PHONE,
            _s.address == address,
            _s.effect == SuppressionEffect.RESTORE,
            _s.reason == SuppressionReason.START_KEYWORD,
            _s.occurred_at > after,
        )
        .order_by(_s.occurred_at.desc(), _s.suppression_id.desc())
        .limit(1)
    )
    row = connection.execute(started).one_or_none()
    return None if row is None else Start(*row)


def _owner(account_id: int, kind: AddressKind, address: str) -> sa.Select[int]:
    return sa.select(_a.person_id).where(_a.account_id == account_id, _a.kind == kind, _a.address == address)


def _about_owner(account_id: int, kind: AddressKind, address: str) -> sa.ColumnElement[bool]:
    """For a WHERE: what was said of this address, or of the person who owns it on every channel."""
    of_owner = sa.exists().where(
        _a.account_id == _s.account_id,
        _a.kind == _s.kind,
        _a.address == _s.address,
        _a.person_id.in_(_owner(account_id, kind, address)),
    )
    of_address = sa.and_(_s.kind == kind, _s.address == address)
    return sa.and_(_s.account_id == account_id, sa.or_(of_address, sa.and_(_s.channel.is_(None), of_owner)))


def record(
    connection: Connection,
    addresses: Iterable[tuple[AddressKind, str]],
    *,
    account_id: int,
    channel: Channel | None,
    effect: SuppressionEffect,
    reason: SuppressionReason,
    recorded_by: str,
    occurred_at: datetime,
    event_id: int | None = None,
) -> int:
    """Append one row for each address; the number written. An address nobody owns yet is recorded all the same."""
    rows = [
        {
            "account_id": account_id,
            "kind": kind,
            "address": address,
            "channel": channel,
            "effect": effect,
            "reason": reason,
            "recorded_by": recorded_by,
            "occurred_at": occurred_at,
            "event_id": event_id,
        }
        for kind, address in addresses
    ]
    if rows:
        connection.execute(suppressions.insert(), rows)
    return len(rows)


def keep_barred(connection: Connection, person_ids: Collection[int]) -> None:
    """Before these people become one: what one of them had lifted (START) must not lift the others' suppressions.

    Their own addresses stay barred on that channel, each with the reason it was barred for.
    """
    said = connection.execute(
        sa.select(_a.person_id, suppressions)
        .join(person_addresses, sa.and_(_a.account_id == _s.account_id, _a.kind == _s.kind, _a.address == _s.address))
        .where(_a.person_id.in_(person_ids), sa.or_(_s.channel.is_(None), _s.effect == SuppressionEffect.RESTORE))
        .order_by(_s.suppression_id)
    ).all()
    for channel in Channel:
        newest = {row.person_id: row for row in said if row.channel in {None, channel}}
        last = max(newest.values(), key=lambda row: row.suppression_id, default=None)
        if last is None or last.effect is SuppressionEffect.SUPPRESS:
            continue  # nothing said, or barred all the same
        for person, row in newest.items():
            if row.effect is SuppressionEffect.SUPPRESS:
                owned = sa.select(_a.kind, _a.address).where(_a.person_id == person, _a.kind == address_kind(channel))
                record(
                    connection, [(kind, address) for kind, address in connection.execute(owned)],
                    account_id=row.account_id, channel=channel, effect=row.effect, reason=row.reason,
                    recorded_by=row.recorded_by, occurred_at=row.occurred_at,
                )  # fmt: skip


def read_history(
    connection: Connection, account_id: int, kind: AddressKind, address: str
) -> list[sa.Row[*tuple[Any, ...]]]:
    """occurred_at, kind, channel, effect, reason, recorded_by of what was said of an address's owner, oldest first."""
    owner = sa.select(_a.person_id).where(_a.account_id == account_id, _a.kind == kind, _a.address == address)
    of_owner = sa.exists().where(
        _a.account_id == _s.account_id, _a.kind == _s.kind, _a.address == _s.address, _a.person_id.in_(owner)
    )
    said = (
        sa.select(_s.occurred_at, _s.kind, _s.channel, _s.effect, _s.reason, _s.recorded_by)
        .where(_s.account_id == account_id, sa.or_(of_owner, sa.and_(_s.kind == kind, _s.address == address)))
        .order_by(_s.suppression_id)
    )
    return list(connection.execute(said))
