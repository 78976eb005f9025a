"""How fast a sender may go: one token bucket a channel and sender, shared by every run through the ledger.

A text counts as its segments and everything else as one, for so its senders' limits are told (Twilio: message segments
a second; T-Mobile: segments and MMS a day).

On the database's clock, so that machines whose clocks differ keep to one rate. The bucket holds what a second lets go
(at least one message), the day ends at midnight of a zone that the operator names: T-Mobile's is the Pacific day
(Twilio's errors 30023 and 30027). A provider that asks for a long pause shuts the bucket until then,
limits or none: else each new run would ask it again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from data.ledger.tables import attempts, rates, requests
from data.ledger.tables.metadata import database_now
from data.words import Channel

_c = rates.c
_NO_WAIT = timedelta(0)
_SHORTEST_WAIT = timedelta(milliseconds=1)  # the coarser clock's (SQLite's) step
_LONGEST_PAUSE = timedelta(days=1)  # more is a slip of the provider's
_SHUT = -1.0  # the tokens of a bucket from which nothing leaves before `filled_at`
_ROUNDING = 1e-6  # a token that ten additions of a tenth make is a whole one


@dataclass(frozen=True, slots=True)
class Grant:
    """How many messages a sender may hand over now. `wait`: how long until the next may go; zero if all may."""

    count: int
    wait: timedelta


class _Bucket(NamedTuple):
    tokens: float
    filled_at: datetime
    day: date
    used: int


# Built once: take stands before every message. The clock is read after the lock: who waited for it must not count back.
_SENDER = (_c.channel == sa.bindparam("its_channel", type_=_c.channel.type), _c.sender == sa.bindparam("its_sender"))
_READ = sa.select(_c.tokens, _c.filled_at, _c.day, _c.used).where(*_SENDER)
_LOCK = _READ.with_for_update()
_CLOCK = sa.select(database_now())
_WRITE = (
    rates.update()
    .where(*_SENDER)
    .values({name: sa.bindparam(f"new_{name}", type_=_c[name].type) for name in ("tokens", "filled_at", "day", "used")})
)


def take(
    connection: Connection,
    channel: Channel,
    sender: str,
    wanted: Sequence[int],
    *,
    per_second: float | None,
    per_day: int | None,
    day_zone: str,
) -> Grant:
    """Take from the sender's bucket for as many messages as it allows, in the transaction that hands them over.

    `wanted`: the segments of each, in the order in which they leave. What a day's rest does not hold waits for the next
    day, and those behind it too; what is more than a whole second or day lets go leaves when that is untouched.
    Nothing is read or written for a sender without limits. The row stays locked until the transaction ends.
    """
    if not wanted or (per_second is None and per_day is None):
        return Grant(len(wanted), _NO_WAIT)
    its = {"its_channel": channel, "its_sender": sender}
    found = connection.execute(_LOCK, its).first()
    if found is None:
        _make(connection, channel, sender, day_zone)
        found = connection.execute(_LOCK, its).one()
    bucket = _Bucket(*found)
    clock = connection.execute(_CLOCK).scalar_one()
    if _is_shut(bucket, clock):
        return Grant(0, bucket.filled_at - clock)
    today = clock.astimezone(ZoneInfo(day_zone)).date()
    used = _used_on(today, bucket)
    tokens = _filled(bucket, clock, per_second, wanted[0])
    count, wait = 0, _NO_WAIT
    for segments in wanted:
        if per_day is not None and used > 0 and used + segments > per_day:
            used, wait = max(used, per_day), _midnight_after(today, day_zone) - clock
            break
        if per_second is not None:
            if segments > tokens + _ROUNDING:
                wait = max(timedelta(seconds=(segments - tokens) / per_second), _SHORTEST_WAIT)
                break
            tokens = max(tokens - segments, 0.0)
        count, used = count + 1, used + segments
    new: dict[str, Any] = {"new_tokens": tokens, "new_filled_at": clock, "new_day": today, "new_used": used}
    connection.execute(_WRITE, its | new)
    return Grant(count, wait)


def room_today(
    connection: Connection, channel: Channel, sender: str, *, per_day: int | None, day_zone: str
) -> int | None:
    """How many segments the day still allows, 0 while the sender is shut; None: it has no limit. For the claim, that
    must not hold what cannot go."""
    found = connection.execute(_READ, {"its_channel": channel, "its_sender": sender}).first()
    if found is None:
        return per_day
    bucket, clock = _Bucket(*found), connection.execute(_CLOCK).scalar_one()
    if _is_shut(bucket, clock):
        return 0
    return None if per_day is None else max(per_day - _used_on(clock.astimezone(ZoneInfo(day_zone)).date(), bucket), 0)


def shut_sender_of(connection: Connection, attempt_id: str, pause: timedelta) -> None:
    """The provider, asked by this attempt, wants to be left alone for so long: nothing of its sender is claimed."""
    found = connection.execute(
        sa.select(requests.c.channel, attempts.c.sender)
        .join(requests, requests.c.request_id == attempts.c.request_id)
        .where(attempts.c.attempt_id == attempt_id)
    ).first()
    if found is None or not found.sender:
        return
    _make(connection, found.channel, found.sender, "UTC")
    until = connection.execute(_CLOCK).scalar_one() + min(pause, _LONGEST_PAUSE)
    is_sooner = sa.or_(_c.tokens >= 0, _c.filled_at < until)
    of_it = (_c.channel == found.channel, _c.sender == found.sender, is_sooner)
    connection.execute(rates.update().where(*of_it).values(tokens=_SHUT, filled_at=until))


def read_shut(connection: Connection) -> dict[Channel, datetime]:
    """Until when a provider asked to be left alone, by channel; the latest of its senders'."""
    until = sa.func.max(_c.filled_at).label("until")
    shut = sa.select(_c.channel, until).where(_c.tokens < 0, _c.filled_at > database_now())
    return {row.channel: row.until for row in connection.execute(shut.group_by(_c.channel))}


def has_used_up_its_day(connection: Connection, channel: Channel, *, per_day: int | None, day_zone: str) -> bool:
    """Whether a sender of the channel may hand nothing more over today."""
    if per_day is None:
        return False
    today = connection.execute(_CLOCK).scalar_one().astimezone(ZoneInfo(day_zone)).date()
    full = sa.select(_c.sender).where(_c.channel == channel, _c.day >= today, _c.used >= per_day)
    return connection.execute(full.limit(1)).first() is not None


def give_back(connection: Connection, channel: Channel, sender: str, segments: int, *, day_zone: str) -> None:
    """Count no longer for the day what was taken and certainly did not leave. Its second is spent all the same."""
    if segments <= 0:
        return
    today = connection.execute(_CLOCK).scalar_one().astimezone(ZoneInfo(day_zone)).date()
    connection.execute(
        rates.update()
        .where(_c.channel == channel, _c.sender == sender, _c.day == today)
        .values(used=sa.case((_c.used > segments, _c.used - segments), else_=0))
    )


def _make(connection: Connection, channel: Channel, sender: str, day_zone: str) -> None:
    """The sender's first bucket: as full as any, for `_filled` cuts it to what it may hold."""
    clock = connection.execute(_CLOCK).scalar_one()
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    connection.execute(
        dialect.insert(rates)
        .values(
            channel=channel,
            sender=sender,
            tokens=float(2**31),
            filled_at=clock,
            day=clock.astimezone(ZoneInfo(day_zone)).date(),
            used=0,
        )
        .on_conflict_do_nothing()
    )


def _is_shut(bucket: _Bucket, clock: datetime) -> bool:
    return bucket.tokens < 0 and bucket.filled_at > clock


def _filled(bucket: _Bucket, clock: datetime, per_second: float | None, first: int) -> float:
    """The tokens at `clock`; the bucket has room for the first that waits, however many segments it has.

    A clock that was set back fills nothing, and does not empty the bucket either.
    """
    if per_second is None:
        return max(bucket.tokens, 0.0)
    passed = max((clock - bucket.filled_at).total_seconds(), 0.0)
    return min(max(bucket.tokens, 0.0) + passed * per_second, max(per_second, float(first)))


def _used_on(today: date, bucket: _Bucket) -> int:
    """What of the day is used. A clock that was set back begins no new day."""
    return bucket.used if today <= bucket.day else 0


def _midnight_after(day: date, zone: str) -> datetime:
    return datetime.combine(day + timedelta(days=1), time(), ZoneInfo(zone))
