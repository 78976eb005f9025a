"""What dispatch does to the ledger before a message leaves: claim and hand over. How it ended is in `outcomes`.

Status is written here, in `outcomes` and by the events alone, always by a conditional UPDATE that names the attempt.
People write `paused_at`, suppressions, a stop and the kill switch, which `nothing_stops` reads: once at the claim, and
once more in the moment before the bytes leave. Whether an invitation may start (`limits`) is the claim's alone.
"""

import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from data.ledger.contactable import is_excluded
from data.ledger.limits import may_start, read_limits, within
from data.ledger.outcomes import record_not_sent
from data.ledger.quota import ensure_cycle
from data.ledger.reservations import has_reservation, reserve
from data.ledger.stops import nothing_stops, with_context
from data.ledger.store import Ledger, again_if_undone
from data.ledger.tables import accounts, attempts, invitations, people, quota_cycles, requests, system
from data.ledger.tables.metadata import database_now
from data.words import AttemptOutcome, Channel, RequestStatus

LEASE = timedelta(minutes=5)  # far longer than a call's deadline, so that only a dead or frozen sender lapses

_r, _i, _q = requests.c, invitations.c, quota_cycles.c


@dataclass(frozen=True, slots=True)
class Claim:
    """A request that is ours until the lease ends."""

    attempt_id: str
    request_id: int
    channel: Channel
    not_after: datetime  # policy time: the recipient's hours close then, whoever is still before it in the line


def _claimable(account_id: int, now: datetime, available: Collection[Channel]) -> sa.ColumnElement[bool]:
    return sa.and_(
        _r.account_id == account_id,
        _r.status == RequestStatus.QUEUED,
        _r.channel.in_(list(available)),
        _r.not_before <= now,
        _r.not_after > now,
        nothing_stops(),
        ~is_excluded(_i.person_id),
    )


def has_claimable(
    connection: Connection, now: datetime, available: Collection[Channel] = tuple(Channel), *, cap: timedelta | None
) -> bool:
    """Whether a dispatch run at this policy time would find anything to do: just what `claim` would take."""
    for account_id in connection.scalars(sa.select(accounts.c.account_id)).all():
        due = (
            sa.select(_r.request_id)
            .select_from(with_context())
            .where(_claimable(account_id, now, available), may_start(read_limits(connection, account_id, now, cap)))
        )
        if connection.execute(due.limit(1)).first():
            return True
    return False


@again_if_undone
def claim(
    ledger: Ledger,
    *,
    batch_id: int,
    providers: Mapping[Channel, str],
    now: datetime,
    limit: int,
    cap: timedelta | None,
) -> list[Claim]:
    """Take up to `limit` due requests, oldest first, for five minutes; [] when nothing can be taken.

    `providers` names who carries each channel; other channels are left alone. `now` is policy time. An invitation
    without a unit of quota gets one here, charged to the cycle that `now` falls in, or its requests stay queued. So do
    those of somebody who was asked within `cap` (None: no cap), save where a person set it aside.
    Locks on PostgreSQL: quota, then people, then requests.
    """
    with ledger.write() as connection:
        for account_id in connection.execute(sa.select(accounts.c.account_id)).scalars().all():
            claims = _claim_for(
                connection, account_id, batch_id=batch_id, providers=providers, now=now, limit=limit, cap=cap
            )
            if claims:
                return claims
    return []


def _claim_for(
    connection: Connection,
    account_id: int,
    *,
    batch_id: int,
    providers: Mapping[Channel, str],
    now: datetime,
    limit: int,
    cap: timedelta | None,
) -> list[Claim]:
    cycle = ensure_cycle(connection, account_id, now)
    # All of them, for two who claim at the turn of a cycle must not both take the last place of a list.
    cycles = sa.select(_q.cycle_start_date).where(_q.account_id == account_id).order_by(_q.cycle_start_date)
    connection.execute(cycles.with_for_update()).all()
    limits = read_limits(connection, account_id, now, cap)
    due = (
        sa.select(
            _r.request_id,
            _r.invitation_id,
            _r.channel,
            _r.location_id,
            _r.not_after,
            _i.person_id,
            _i.list_id,
            has_reservation().label("is_reserved"),
            _i.override_reason.is_not(None).label("is_overridden"),
        )
        .select_from(with_context())
        .where(_claimable(account_id, now, providers), may_start(limits))
        .order_by(_r.not_before, _r.request_id)
    )
    found = connection.execute(due.limit(limit)).all()
    if not found:
        return []
    _lock_people(connection, {row.person_id for row in found})
    # The person's row is ours now; what was read before may have changed, so it is read again, rows locked.
    chosen = connection.execute(
        due.where(_r.request_id.in_([row.request_id for row in found])).with_for_update(of=requests, skip_locked=True)
    ).all()
    chosen = within(limits, chosen)
    paid = reserve(connection, chosen, account_id=account_id, cycle=cycle, room=limits.quota, now=now)
    return _take(connection, [row for row in chosen if row.invitation_id in paid], batch_id, providers)


def _lock_people(connection: Connection, person_ids: Collection[int]) -> None:
    connection.execute(
        sa.select(people.c.person_id)
        .where(people.c.person_id.in_(sorted(person_ids)))
        .order_by(people.c.person_id)
        .with_for_update(key_share=True)  # events about them may still be written
    )


def _take(
    connection: Connection, chosen: Sequence[Row[Any]], batch_id: int, providers: Mapping[Channel, str]
) -> list[Claim]:
    if not chosen:
        return []
    clock = connection.execute(sa.select(database_now())).scalar_one()
    claims = [Claim(secrets.token_hex(12), row.request_id, row.channel, row.not_after) for row in chosen]
    connection.execute(
        attempts.insert(),
        [
            {
                "attempt_id": claim.attempt_id,
                "request_id": claim.request_id,
                "batch_id": batch_id,
                "provider": providers[claim.channel],
                "claimed_at": clock,
                "lease_until": clock + LEASE,
            }
            for claim in claims
        ],
    )
    connection.execute(
        requests.update()
        .where(_r.request_id == sa.bindparam("claimed_id"), _r.status == RequestStatus.QUEUED)
        .values(
            status=RequestStatus.SENDING,
            attempt_id=sa.bindparam("new_attempt_id"),
            attempt_count=_r.attempt_count + 1,
        ),
        [{"claimed_id": claim.request_id, "new_attempt_id": claim.attempt_id} for claim in claims],
    )
    return claims


def _hand_over_statement() -> sa.Update:
    attempt = attempts.c
    may_go = (
        sa.select(_r.request_id)
        .select_from(with_context())
        .where(
            _r.request_id == attempt.request_id,
            _r.attempt_id == _named,
            _r.status == RequestStatus.SENDING,
            nothing_stops(),
        )
        .correlate(attempts)
    )
    return (
        attempts.update()
        .where(
            attempt.attempt_id == _named,
            attempt.outcome.is_(None),
            attempt.handed_at.is_(None),
            attempt.lease_until > database_now(),
            sa.exists(may_go),
        )
        .values(handed_at=database_now())
    )


# Built once: putting these expressions together for every message took five times as long as running them.
_named = sa.bindparam("named_attempt", type_=sa.String)
_HAND_OVER = _hand_over_statement()
_STILL_OURS = (
    sa.select(_r.request_id)
    .where(
        _r.request_id == sa.select(attempts.c.request_id).where(attempts.c.attempt_id == _named).scalar_subquery(),
        _r.attempt_id == _named,
        _r.status == RequestStatus.SENDING,
    )
    .with_for_update(key_share=True)
)
_TAKE_BACK = attempts.update().where(attempts.c.attempt_id == _named).values(handed_at=None)


def hand_over(connection: Connection, attempt_id: str) -> bool:
    """Mark the attempt as handed over, if it still may be: the last look before the bytes leave.

    False when its lease ended, another attempt holds the request, or somebody paused, stopped, halted or suppressed.
    """
    named = {"named_attempt": attempt_id}
    if connection.execute(_HAND_OVER, named).rowcount != 1:
        return False
    # On PostgreSQL the late answer of an earlier attempt may have taken the request away in this very moment, unseen by
    # the statement above: its row is locked, and looked at once more.
    if connection.execute(_STILL_OURS, named).first():
        return True
    connection.execute(_TAKE_BACK, named)
    return False


@again_if_undone
def release(ledger: Ledger, batch_id: int) -> int:
    """Give back what the batch claimed and never handed over; the number of requests queued again."""
    with ledger.write() as connection:
        unsent = (
            connection.execute(
                sa.select(attempts.c.attempt_id).where(
                    attempts.c.batch_id == batch_id,
                    attempts.c.outcome.is_(None),
                    attempts.c.handed_at.is_(None),
                )
            )
            .scalars()
            .all()
        )
        return sum(record_not_sent(connection, attempt_id, AttemptOutcome.WITHDRAWN) for attempt_id in unsent)


def halt(connection: Connection, *, by: str, reason: str) -> None:
    """Throw the kill switch: from this commit on no attempt passes its hand-over. Keeps an earlier halt as it is."""
    connection.execute(
        system.update()
        .where(system.c.halted_at.is_(None))
        .values(halted_at=database_now(), halted_by=by, halt_reason=reason)
    )
