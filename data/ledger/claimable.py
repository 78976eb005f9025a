"""Which requests a dispatch run may take: one question that the claim, the sensor and the count of what is due ask."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.ledger.contactable import is_excluded
from data.ledger.limits import Limits, may_start, read_limits
from data.ledger.rates import room_today
from data.ledger.reservations import has_reservation
from data.ledger.stops import nothing_stops, sender_of, with_context
from data.ledger.tables import accounts, invitations, requests
from data.pace import Pace
from data.words import Channel, RequestStatus

_r, _i = requests.c, invitations.c


def claimable(account_id: int, now: datetime, senders: Mapping[Channel, str], **breaker: Any) -> sa.ColumnElement[bool]:
    """Queued, due, and stopped by nothing; for a WHERE over `with_context`. `breaker`: as in `nothing_stops`."""
    return sa.and_(
        _r.account_id == account_id,
        _r.status == RequestStatus.QUEUED,
        _r.channel.in_(list(senders)),
        _r.not_before <= now,
        _r.not_after > now,
        nothing_stops(sender_of(senders), **breaker),
        ~is_excluded(_i.person_id),
    )


def due_requests(wanted: sa.ColumnElement[bool], limits: Limits) -> sa.Select[Any]:
    """What the claim wants to know of each, those that have waited longest first."""
    return (
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
        .where(wanted, may_start(limits))
        .order_by(_r.not_before, _r.request_id)
    )


def has_claimable(
    connection: Connection, now: datetime, senders: Mapping[Channel, str] | None = None, *, cap: timedelta | None,
    pace: Pace | None = None,
) -> bool:  # fmt: skip
    """Whether a dispatch run at this policy time would find anything to do: just what `claim` would take.

    `senders`: what each channel leaves from (None: any, whatever breakers and rates say).
    """
    return _count_claimable(connection, now, senders, cap, pace, most=1) > 0


def count_claimable(
    connection: Connection, now: datetime, senders: Mapping[Channel, str], *, cap: timedelta | None, most: int
) -> int:
    """How many requests may be claimed as it stands now; counts no further than `most`."""
    return _count_claimable(connection, now, senders, cap, None, most=most)


def _count_claimable(
    connection: Connection,
    now: datetime,
    senders: Mapping[Channel, str] | None,
    cap: timedelta | None,
    pace: Pace | None,
    *,
    most: int,
) -> int:
    senders = dict.fromkeys(Channel, "") if senders is None else dict(senders)
    if pace is not None:
        rooms = {channel: room_of_today(connection, channel, sender, pace) for channel, sender in senders.items()}
        senders = {channel: sender for channel, sender in senders.items() if rooms[channel] != 0}
    found = 0
    for account_id in connection.scalars(sa.select(accounts.c.account_id)).all():
        limits = read_limits(connection, account_id, now, cap)
        due = due_requests(claimable(account_id, now, senders, is_due_spared=True), limits)
        found += connection.execute(
            sa.select(sa.func.count()).select_from(due.with_only_columns(_r.request_id).limit(most - found).subquery())
        ).scalar_one()
        if found >= most:
            break
    return found


def room_of_today(connection: Connection, channel: Channel, sender: str, pace: Pace) -> int | None:
    """What the sender's day still allows by the operator's settings; None: it has no limit."""
    return room_today(connection, channel, sender, per_day=pace.per_day(channel), day_zone=pace.sending_day_zone)
