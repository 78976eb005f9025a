"""What was said about writing to people, as sets: for bringing a provider's list of e-mail addresses and ours together.

One query each, whatever the number of people; `suppressions.py` answers the same for one person at a time.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.ledger.tables import invitations, people, person_addresses, suppressions
from data.words import AddressKind, Channel, InvitationStatus, SuppressionEffect, SuppressionReason

_s, _a = suppressions.c, person_addresses.c


@dataclass(frozen=True, slots=True)
class Said:
    """One suppression, or its lifting; `person_id` owns the address now, None when nobody does yet."""

    suppression_id: int
    person_id: int | None
    kind: AddressKind
    address: str
    channel: Channel | None  # None: the person, on every channel
    effect: SuppressionEffect
    reason: SuppressionReason
    recorded_by: str
    occurred_at: datetime  # policy time


@dataclass(frozen=True, slots=True)
class Asked:
    """Everything said that bears on some e-mail addresses, oldest first, and whose each of them is."""

    said: Sequence[Said]
    owners: Mapping[str, int]  # e-mail address -> person; those that nobody owns are absent


def read_said(connection: Connection, account_id: int, emails: Collection[str] | None = None) -> Asked:
    """What was said about the owners of these e-mail addresses and about the addresses; None: about everybody's."""
    spoken_of = sa.select(_a.person_id).where(_a.account_id == account_id)
    said = (
        sa.select(
            _s.suppression_id, _a.person_id, _s.kind, _s.address, _s.channel, _s.effect, _s.reason, _s.recorded_by,
            _s.occurred_at,
        )
        .outerjoin(
            person_addresses, sa.and_(_a.account_id == _s.account_id, _a.kind == _s.kind, _a.address == _s.address)
        )
        .where(_s.account_id == account_id)
        .order_by(_s.suppression_id)
    )  # fmt: skip
    if emails is None:
        spoken_of = spoken_of.where(
            sa.exists().where(_s.account_id == _a.account_id, _s.kind == _a.kind, _s.address == _a.address)
        )
    else:
        spoken_of = spoken_of.where(_a.kind == AddressKind.EMAIL, _a.address.in_(emails))
        by_address = sa.and_(_s.kind == AddressKind.EMAIL, _s.address.in_(emails))
        said = said.where(sa.or_(_a.person_id.in_(spoken_of), by_address))
    owned = sa.select(_a.address, _a.person_id).where(
        _a.account_id == account_id, _a.kind == AddressKind.EMAIL, _a.person_id.in_(spoken_of)
    )
    return Asked(
        [Said(*row) for row in connection.execute(said)],
        {row.address: row.person_id for row in connection.execute(owned)},
    )


def lock_people(connection: Connection, person_ids: Collection[int]) -> None:
    """Until the transaction ends, nobody else says anything about these people (PostgreSQL; SQLite takes turns)."""
    wanted = sa.select(people.c.person_id).where(people.c.person_id.in_(person_ids)).order_by(people.c.person_id)
    connection.execute(wanted.with_for_update())


def addresses_of(
    connection: Connection, person_ids: Collection[int]
) -> Mapping[int, Sequence[tuple[AddressKind, str]]]:
    """Every address of each person."""
    found: dict[int, list[tuple[AddressKind, str]]] = defaultdict(list)
    for row in connection.execute(
        sa.select(_a.person_id, _a.kind, _a.address).where(_a.person_id.in_(person_ids)).order_by(_a.kind, _a.address)
    ):
        found[row.person_id].append((row.kind, row.address))
    return found


def append(connection: Connection, account_id: int, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write suppressions in this order: kind, address, channel, effect, reason, recorded_by, occurred_at of each."""
    if rows:
        connection.execute(suppressions.insert(), [{"account_id": account_id, "event_id": None, **row} for row in rows])


def stop_open_invitations_of(connection: Connection, person_ids: Collection[int], *, by: str, at: datetime) -> int:
    """Stop every active invitation of these people, at all locations; how many there were."""
    return connection.execute(
        invitations.update()
        .where(invitations.c.person_id.in_(person_ids), invitations.c.status == InvitationStatus.ACTIVE)
        .values(status=InvitationStatus.STOPPED, stopped_at=at, stopped_by=by)
    ).rowcount
