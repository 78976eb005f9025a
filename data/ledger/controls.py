"""The marks that people leave for dispatch to read: pause, stop, halt. Each write is one conditional UPDATE.

Every statement binds the account and the locations of the person who acts (None: every location of the account).
A write answers how many rows it changed; with none, the caller reads the row and says why.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.ledger.suppressions import is_suppressed
from data.ledger.tables import (
    attempts,
    audit,
    customers,
    invitations,
    person_addresses,
    requests,
    suppressions,
    system,
)
from data.ledger.tables import locations as location_table
from data.ledger.tables.metadata import database_now
from data.words import AddressKind, Channel, InvitationStatus, RequestStatus, SuppressionEffect, address_kind

Locations = Collection[int] | None
_NOTHING_LEFT = sa.and_(attempts.c.outcome.is_(None), attempts.c.handed_at.is_(None))


def _within(table: sa.Table, account_id: int, locations: Locations) -> list[sa.ColumnElement[bool]]:
    mine: list[sa.ColumnElement[bool]] = [table.c.account_id == account_id]
    if locations is not None:
        mine.append(table.c.location_id.in_(sorted(locations)))
    return mine


@dataclass(frozen=True, slots=True)
class Held:
    """One message, its row ours until the transaction ends: nobody hands it over meanwhile."""

    status: RequestStatus
    paused_at: datetime | None
    not_after: datetime  # policy time
    is_here: bool  # nothing of it has left: it waits, or was taken up by a sender that has not handed it over


def lock_request(c: Connection, account_id: int, locations: Locations, request_id: int) -> Held | None:
    """One message, if the person may see it; whoever would hand it over waits until this transaction ends."""
    r = requests.c
    row = c.execute(
        sa.select(r.status, r.paused_at, r.not_after, r.attempt_id)
        .where(r.request_id == request_id, *_within(requests, account_id, locations))
        .with_for_update()
    ).first()
    if row is None:
        return None
    is_taken_up = row.status is RequestStatus.SENDING and _is_unhanded(c, row.attempt_id)
    return Held(row.status, row.paused_at, row.not_after, row.status is RequestStatus.QUEUED or is_taken_up)


def _is_unhanded(c: Connection, attempt_id: str | None) -> bool:
    """Whether this attempt has yet to hand over. A statement of its own: it sees what was written before our lock."""
    open_attempt = sa.select(attempts.c.attempt_id).where(attempts.c.attempt_id == attempt_id, _NOTHING_LEFT)
    return c.execute(open_attempt).first() is not None


def _is_with_provider(c: Connection, attempt_id: str) -> bool:
    handed = sa.select(attempts.c.attempt_id).where(
        attempts.c.attempt_id == attempt_id, attempts.c.outcome.is_(None), attempts.c.handed_at.is_not(None)
    )
    return c.execute(handed).first() is not None


def set_paused(c: Connection, request_id: int, *, paused_at: datetime | None, by: str) -> bool:
    """Pause (or, with None, let go) a message of which nothing has left; False when it has, or already is so.

    Its row is to be locked by `lock_request`.
    """
    is_changing = requests.c.paused_at.is_(None) if paused_at else requests.c.paused_at.is_not(None)
    is_unhanded = sa.exists().where(attempts.c.attempt_id == requests.c.attempt_id, _NOTHING_LEFT)
    is_here = sa.or_(
        requests.c.status == RequestStatus.QUEUED, sa.and_(requests.c.status == RequestStatus.SENDING, is_unhanded)
    )
    return _changed_one(
        c,
        requests.update()
        .where(requests.c.request_id == request_id, is_here, is_changing)
        .values(paused_at=paused_at, paused_by=by if paused_at else None),
    )


def find_invitation(
    c: Connection, account_id: int, locations: Locations, invitation_id: int
) -> sa.Row[*tuple[Any, ...]] | None:
    """status, stopped_at, shift_minutes, person_id, location_id, email, phone of one invitation, if visible."""
    i = invitations.c
    return c.execute(
        sa.select(
            i.status, i.stopped_at, i.shift_minutes, i.person_id, i.location_id, customers.c.email, customers.c.phone
        )
        .join(customers, customers.c.customer_id == i.customer_id)
        .where(i.invitation_id == invitation_id, *_within(invitations, account_id, locations))
    ).first()


def lock_unended(c: Connection, invitation_id: int, person_id: int | None = None) -> int:
    """Hold what is queued or taken up of an invitation, or of every open one of a person, so that nobody hands it over
    meanwhile; how many are with a provider already.

    Before the invitation's row, as whoever records answers does.
    """
    r, i = requests.c, invitations.c
    whose = i.invitation_id == invitation_id
    if person_id is not None:
        whose = sa.or_(whose, sa.and_(i.person_id == person_id, i.status == InvitationStatus.ACTIVE))
    held = c.execute(
        sa.select(r.attempt_id)
        .where(
            r.invitation_id.in_(sa.select(i.invitation_id).where(whose)),
            sa.or_(r.status == RequestStatus.QUEUED, r.status == RequestStatus.SENDING),
        )
        .order_by(r.request_id)
        .with_for_update()
    )
    return sum(attempt_id is not None and _is_with_provider(c, attempt_id) for attempt_id in held.scalars().all())


def set_stopped(
    c: Connection, account_id: int, locations: Locations, invitation_id: int, *, stopped_at: datetime, by: str
) -> bool:
    """Stop an active invitation; False when it is not active any more."""
    return _changed_one(
        c,
        invitations.update()
        .where(
            invitations.c.invitation_id == invitation_id,
            invitations.c.status == InvitationStatus.ACTIVE,
            *_within(invitations, account_id, locations),
        )
        .values(status=InvitationStatus.STOPPED, stopped_at=stopped_at, stopped_by=by),
    )


def set_restarted(
    c: Connection, account_id: int, locations: Locations, invitation_id: int, *, stopped_minutes: int
) -> bool:
    """Make a stopped invitation active again, its due times later by as long as it was stopped; False if it is not.

    Raises sqlalchemy.exc.IntegrityError when another invitation of the person is open at that location.
    """
    return _changed_one(
        c,
        invitations.update()
        .where(
            invitations.c.invitation_id == invitation_id,
            invitations.c.status == InvitationStatus.STOPPED,
            *_within(invitations, account_id, locations),
        )
        .values(
            status=InvitationStatus.ACTIVE,
            stopped_at=None,
            stopped_by=None,
            shift_minutes=invitations.c.shift_minutes + stopped_minutes,
        ),
    )


def lock_waiting(c: Connection, invitation_id: int) -> dict[int, datetime]:
    """The messages of an invitation that still wait, with the moment before which each must not go (policy time)."""
    r = requests.c
    rows = c.execute(
        sa.select(r.request_id, r.not_before)
        .where(r.invitation_id == invitation_id, r.status == RequestStatus.QUEUED)
        .order_by(r.request_id)
        .with_for_update()
    )
    return {row.request_id: row.not_before for row in rows}


def put_off(c: Connection, waiting: Mapping[int, datetime], *, minutes: int) -> None:
    """Let these messages go later by so much. Beyond the end of its window one waits for planning."""
    for request_id, not_before in waiting.items():
        c.execute(
            requests.update()
            .where(requests.c.request_id == request_id, requests.c.status == RequestStatus.QUEUED)
            .values(not_before=not_before + timedelta(minutes=minutes))
        )


def waiting_messages(c: Connection, invitation_id: int) -> int:
    """How many messages of an invitation are planned and not yet gone."""
    return c.execute(
        sa.select(sa.func.count())
        .select_from(requests)
        .where(requests.c.invitation_id == invitation_id, requests.c.status == RequestStatus.QUEUED)
    ).scalar_one()


def open_elsewhere(c: Connection, account_id: int, locations: Locations, invitation_id: int) -> list[str]:
    """The other locations at which an invitation of the same person is open, by name; of those the reader may see."""
    this, other = invitations.alias("this"), invitations
    names = (
        sa.select(location_table.c.name)
        .join(other, other.c.location_id == location_table.c.location_id)
        .join(this, this.c.person_id == other.c.person_id)
        .where(
            this.c.invitation_id == invitation_id,
            other.c.invitation_id != invitation_id,
            other.c.status == InvitationStatus.ACTIVE,
            *_within(other, account_id, locations),
        )
        .order_by(location_table.c.name)
    )
    return list(c.execute(names).scalars())


def open_channels(c: Connection, person_id: int, addresses: dict[AddressKind, str | None]) -> list[Channel]:
    """The channels on which this person may still be contacted at these addresses."""
    usable = [(channel, addresses.get(address_kind(channel))) for channel in Channel]
    return [
        channel
        for channel, address in usable
        if address
        and not c.execute(
            _IS_BARRED, {"of_channel": channel.value, "of_person": person_id, "of_address": address}
        ).scalar_one()
    ]


_IS_BARRED = sa.select(
    is_suppressed(
        sa.bindparam("of_channel", type_=sa.String),
        sa.bindparam("of_person", type_=sa.BigInteger),
        sa.bindparam("of_address", type_=sa.String),
    )
)


def newest_suppression(c: Connection, account_id: int, person_id: int) -> sa.Row[*tuple[Any, ...]] | None:
    """reason, occurred_at of the last time this person was marked "do not contact"."""
    s, a = suppressions.c, person_addresses.c
    return c.execute(
        sa.select(s.reason, s.occurred_at)
        .join(
            person_addresses,
            sa.and_(a.account_id == s.account_id, a.kind == s.kind, a.address == s.address),
        )
        .where(s.account_id == account_id, a.person_id == person_id, s.effect == SuppressionEffect.SUPPRESS)
        .order_by(s.suppression_id.desc())
        .limit(1)
    ).first()


def set_halted(c: Connection, *, halted_at: datetime | None, by: str, reason: str) -> bool:
    """Throw the kill switch, or (with None) release it; False when it already stands so."""
    is_changing = system.c.halted_at.is_(None) if halted_at else system.c.halted_at.is_not(None)
    return _changed_one(
        c,
        system.update()
        .where(is_changing)
        .values(halted_at=halted_at, halted_by=by if halted_at else None, halt_reason=reason if halted_at else None),
    )


def record_audit(
    c: Connection, account_id: int, *, actor: str, action: str, subject: str, before: Any, after: Any
) -> None:
    """One line of who did what, in the transaction that does it."""
    c.execute(
        audit.insert().values(
            account_id=account_id,
            occurred_at=database_now(),
            actor=actor,
            action=action,
            subject=subject,
            before=before,
            after=after,
        )
    )


def _changed_one(c: Connection, statement: sa.Update) -> bool:
    return c.execute(statement).rowcount == 1
