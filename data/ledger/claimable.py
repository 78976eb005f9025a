"""Which requests a dispatch run may take: one question that the claim, the sensor and the count of what is due ask."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import GenericFunction

from data.ledger.contactable import is_excluded
from data.ledger.limits import Limits, Reached, may_start, reached, read_limits
from data.ledger.limits import values_of as of_limits
from data.ledger.rates import room_today
from data.ledger.reservations import has_reservation
from data.ledger.rows_of import one_of
from data.ledger.stops import nothing_stops, sender_of, with_context
from data.ledger.tables import accounts, invitations, requests
from data.ledger.types import UtcDateTime
from data.pace import Pace
from data.words import Channel, RequestStatus

_r, _i = requests.c, invitations.c


class _Whole(GenericFunction[bool]):
    """A condition that SQLite's planner counts as one.

    Of each that it counts it expects the fewer rows; at "not even one" (3.40) it takes those that are due in no order
    and sorts them, so that each claim looked at all that is due instead of at what it takes.
    """

    type = sa.Boolean()
    inherit_cache = True
    name = "afterword_whole"


@compiles(_Whole, "sqlite")
def _sqlite_whole(element: _Whole, compiler: Any, **kw: Any) -> str:
    return f"CASE WHEN {compiler.process(element.clauses, **kw)} THEN 1 ELSE 0 END"


@compiles(_Whole)
def _postgresql_whole(element: _Whole, compiler: Any, **kw: Any) -> str:
    return f"({compiler.process(element.clauses, **kw)})"


class Due(NamedTuple):
    """A request that may be claimed, and what the claim wants to know of it."""

    request_id: int
    invitation_id: int
    channel: Channel
    location_id: int
    not_after: datetime
    person_id: int
    list_id: int | None
    is_reserved: bool  # its invitation holds its unit of quota
    is_overridden: bool  # a person set the cap aside


class Asking(NamedTuple):
    """What decides which statement asks for due requests; all else is a parameter of it (`values_of`)."""

    channels: tuple[Channel, ...]
    limits: Reached
    is_due_spared: bool = False  # what a breaker holds whose probe is due counts as well
    is_probing: bool = False  # the breaker `besides` holds nothing
    is_again: bool = False  # only `request_ids`, their rows locked


@lru_cache(maxsize=64)
def due_requests(asking: Asking) -> sa.Select[Any]:
    """At most `most` that are queued, due and stopped by nothing, those that have waited longest first: see
    `find_due`. Built once for each question: that took longer than the database's answer."""
    senders = {channel: sa.bindparam(f"sender_{channel.value}", type_=sa.String) for channel in asking.channels}
    besides = sa.bindparam("besides", type_=sa.BigInteger) if asking.is_probing else None
    due = (
        sa.select(
            _r.request_id,
            _r.invitation_id,
            sa.type_coerce(_r.channel, sa.String).label("channel"),
            _r.location_id,
            sa.type_coerce(_r.not_after, sa.String).label("not_after"),
            _i.person_id,
            _i.list_id,
            has_reservation().label("is_reserved"),
            _i.override_reason.is_not(None).label("is_overridden"),
        )
        .select_from(with_context())
        .where(
            _r.account_id == sa.bindparam("account", type_=sa.BigInteger),
            _r.status == RequestStatus.QUEUED,
            sa.or_(sa.false(), *(_r.channel == channel for channel in senders)),
            _r.not_before <= sa.bindparam("moment", type_=UtcDateTime),
            _r.not_after > sa.bindparam("moment", type_=UtcDateTime),
            _Whole(
                sa.and_(
                    nothing_stops(sender_of(senders), besides=besides, is_due_spared=asking.is_due_spared),
                    ~is_excluded(_i.person_id),
                    may_start(asking.limits),
                )
            ),
        )
        .order_by(_r.not_before, _r.request_id)
    )
    if asking.is_again:
        again = _r.request_id.in_(one_of("request_ids", sa.BigInteger()))
        return due.where(again).with_for_update(of=requests, skip_locked=True)
    return due.limit(sa.bindparam("most", type_=sa.BigInteger))


def find_due(connection: Connection, asking: Asking, values: Mapping[str, Any]) -> list[Due]:
    """What `due_requests` finds, in its order. Its types are read here: SQLAlchemy's take ten times as long a row."""
    rows = connection.execute(due_requests(asking), values).all()
    return [
        Due(request, invitation, _CHANNELS[channel], location, _moment(until), person, of_list, bool(paid), bool(asked))
        for request, invitation, channel, location, until, person, of_list, paid, asked in rows
    ]


_CHANNELS = {channel.value: channel for channel in Channel}


@lru_cache(maxsize=1024)  # a place's hours close for all of its customers at once
def _moment(found: str | datetime) -> datetime:
    """A moment as the driver reads it: SQLite's text is in UTC, PostgreSQL's has a zone."""
    moment = datetime.fromisoformat(found) if isinstance(found, str) else found
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


@lru_cache(maxsize=64)
def _counted(asking: Asking) -> sa.Select[int]:
    return sa.select(sa.func.count()).select_from(due_requests(asking).with_only_columns(_r.request_id).subquery())


def values_of(
    account_id: int, now: datetime, senders: Mapping[Channel, str], limits: Limits, *, most: int
) -> dict[str, Any]:
    """The parameters of `due_requests`, but for `besides` and `request_ids`."""
    sending = {f"sender_{channel.value}": sender for channel, sender in senders.items()}
    return {"account": account_id, "moment": now, "most": most, **sending, **of_limits(limits)}


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
        asking = Asking(tuple(senders), reached(limits), is_due_spared=True)
        values = values_of(account_id, now, senders, limits, most=most - found)
        found += connection.execute(_counted(asking), values).scalar_one()
        if found >= most:
            break
    return found


def room_of_today(connection: Connection, channel: Channel, sender: str, pace: Pace) -> int | None:
    """What the sender's day still allows by the operator's settings; None: it has no limit."""
    return room_today(connection, channel, sender, per_day=pace.per_day(channel), day_zone=pace.sending_day_zone)
