"""What dispatch does to the ledger first: it claims. What follows is in `hand_over`, how it ended in `outcomes`.

Status is written here, in `hand_over`, `outcomes` and by the events alone, always by a conditional UPDATE that names
the attempt. People write `paused_at`, suppressions, a stop and the kill switch, providers make breakers open, and
`nothing_stops` reads all of it: once at the claim, and once more in the moment before the bytes leave. Whether an
invitation may start (`limits`) is the claim's alone.
"""

import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.ledger import breakers
from data.ledger.claimable import Asking, Due, due_requests, find_due, room_of_today, values_of
from data.ledger.limits import reached, read_limits, within
from data.ledger.moments import Moment, passing
from data.ledger.outcomes import record_not_sent
from data.ledger.quota import ensure_cycle
from data.ledger.reservations import reserve
from data.ledger.rows_of import listed, one_of, pairs_of
from data.ledger.store import Ledger, again_if_undone
from data.ledger.tables import accounts, attempts, people, quota_cycles, requests
from data.ledger.tables import breakers as breaker_table
from data.ledger.tables.metadata import database_now
from data.ledger.types import UtcDateTime
from data.pace import Pace
from data.words import AttemptOutcome, Channel, RequestStatus

LEASE = timedelta(minutes=5)  # far longer than a call's deadline, so that only a dead or frozen sender lapses
_RANDOM_BYTES = 9  # of an attempt's id, for it names a message at the provider; the second stands before them

_r, _q, _b = requests.c, quota_cycles.c, breaker_table.c


@dataclass(frozen=True, slots=True)
class Carrier:
    """Who carries a channel in this run, and how many messages it takes on now."""

    provider: str
    sender: str  # our number, messaging service, domain or relay
    most: int


@dataclass(frozen=True, slots=True)
class Claim:
    """A request that is ours until the lease ends."""

    attempt_id: str
    request_id: int
    channel: Channel
    sender: str
    not_after: datetime  # policy time: the recipient's hours close then, whoever is still before it in the line
    is_probe: bool = False  # it tries whether the sender's breaker may close


@again_if_undone
def claim(
    ledger: Ledger,
    *,
    batch_id: int,
    carriers: Mapping[Channel, Carrier],
    now: datetime,
    limit: int,
    cap: timedelta | None,
    pace: Pace | None = None,
) -> list[Claim]:
    """Take up to `limit` due requests, oldest first, for five minutes; [] when nothing can be taken.

    Channels without a carrier are left alone, as are those whose sender is held by a breaker (but for the one message
    that probes it) or has used up its day. `now` is policy time. An invitation without a unit of quota gets one here,
    charged to the cycle that `now` falls in, or its requests stay queued. So do those of somebody who was asked within
    `cap` (None: no cap), save where a person set it aside.
    Locks on PostgreSQL: quota, then people, then requests, then breakers.
    """
    with ledger.write() as connection:
        carriers = _within_the_day(connection, carriers, pace or Pace())
        for account_id in connection.execute(sa.select(accounts.c.account_id)).scalars().all():
            claiming = _Claiming(connection, account_id, batch_id, carriers, now=now, cap=cap)
            claims = claiming.take(limit)
            if len(claims) < limit:
                claims += claiming.take_probes(limit - len(claims))
            if claims:
                passing(Moment.CLAIMING)
                return claims
    return []


def _within_the_day(connection: Connection, carriers: Mapping[Channel, Carrier], pace: Pace) -> dict[Channel, Carrier]:
    """The carriers, each with no more room than its sender's day has; those without any are left out."""
    within_it = {}
    for channel, carrier in carriers.items():
        room = room_of_today(connection, channel, carrier.sender, pace)
        most = carrier.most if room is None else min(carrier.most, room)
        if most > 0:
            within_it[channel] = replace(carrier, most=most)
    return within_it


class _Claiming:
    """One account's turn of a claim: its quota cycles are locked from here on."""

    def __init__(
        self,
        connection: Connection,
        account_id: int,
        batch_id: int,
        carriers: Mapping[Channel, Carrier],
        *,
        now: datetime,
        cap: timedelta | None,
    ) -> None:
        self._connection, self._account_id, self._batch_id = connection, account_id, batch_id
        self._carriers, self._now, self._cap = carriers, now, cap
        self._senders = {channel: carrier.sender for channel, carrier in carriers.items()}
        self._cycle = ensure_cycle(connection, account_id, now)
        # All of them, for two who claim at the turn of a cycle must not both take the last place of a list.
        cycles = sa.select(_q.cycle_start_date).where(_q.account_id == account_id).order_by(_q.cycle_start_date)
        connection.execute(cycles.with_for_update()).all()

    def take(self, limit: int) -> list[Claim]:
        return self._take(self._senders, limit)

    def take_probes(self, limit: int) -> list[Claim]:
        """For each sender whose breaker is to be tried, one message that nothing else stops."""
        claims: list[Claim] = []
        if not self._connection.execute(_PROBE_DUE).first():
            return claims
        for channel, sender in self._senders.items():
            mine = {channel: sender}
            limits = read_limits(self._connection, self._account_id, self._now, self._cap)
            spared = due_requests(Asking((channel,), reached(limits), is_due_spared=True))
            values = values_of(self._account_id, self._now, mine, limits, most=1)
            if len(claims) >= limit or not self._connection.execute(spared, values).first():
                continue
            breaker_id = breakers.take_probe(self._connection, channel, sender)
            if breaker_id is None:
                continue
            probing = self._take(mine, 1, besides=breaker_id)
            for claim in probing:
                breakers.note_probe(self._connection, breaker_id, claim.attempt_id)
            claims += probing
        return claims

    def _take(self, senders: Mapping[Channel, str], limit: int, *, besides: int | None = None) -> list[Claim]:
        """At most `limit`. `besides`: the breaker that one of them shall probe."""
        if not senders:
            return []
        limits = read_limits(self._connection, self._account_id, self._now, self._cap)
        asking = Asking(tuple(senders), reached(limits), is_probing=besides is not None)
        values = {**values_of(self._account_id, self._now, senders, limits, most=limit), "besides": besides}
        chosen = find_due(self._connection, asking, values)
        if not chosen:
            return []
        if self._connection.dialect.name != "sqlite":  # whose writers take turns: nothing changed since
            _lock_people(self._connection, {row.person_id for row in chosen})
            # The people's rows are ours now; what was read before may have changed, so it is read again, rows locked.
            named = {"request_ids": listed(row.request_id for row in chosen)}
            chosen = find_due(self._connection, asking._replace(is_again=True), values | named)
        chosen = within(limits, self._room(chosen))
        paid = reserve(
            self._connection, chosen, account_id=self._account_id, cycle=self._cycle, room=limits.quota, now=self._now
        )
        return self._write([row for row in chosen if row.invitation_id in paid], is_probe=besides is not None)

    def _room(self, chosen: Sequence[Due]) -> list[Due]:
        """As many of each channel as its carrier takes on."""
        left = {channel: carrier.most for channel, carrier in self._carriers.items()}
        kept = []
        for row in chosen:
            if left[row.channel] > 0:
                left[row.channel] -= 1
                kept.append(row)
        return kept

    def _write(self, chosen: Sequence[Due], *, is_probe: bool) -> list[Claim]:
        if not chosen:
            return []
        clock = self._connection.execute(sa.select(database_now())).scalar_one()
        era = f"{int(clock.timestamp()) % 2**24:06x}"  # what is of one time lies together in the indexes
        ids = sorted(era + secrets.token_hex(_RANDOM_BYTES) for _ in chosen)
        claims = [
            Claim(attempt_id, row.request_id, row.channel, self._senders[row.channel], row.not_after, is_probe)
            for attempt_id, row in zip(ids, chosen, strict=True)
        ]
        values = {"batch": self._batch_id, "clock": clock, "lease": clock + LEASE}
        for channel, carrier in self._carriers.items():
            if mine := {claim.attempt_id: claim.request_id for claim in claims if claim.channel is channel}:
                by = {"provider": carrier.provider, "sender": self._senders[channel]}
                self._connection.execute(_WRITE_ATTEMPTS, {"claimed": mine, **by, **values})
        self._connection.execute(_MARK_SENDING, {"claimed": {claim.attempt_id: claim.request_id for claim in claims}})
        return claims


_PROBE_DUE = sa.select(_b.breaker_id).where(_b.closed_at.is_(None), _b.probe_at <= database_now()).limit(1)
_claimed = pairs_of("claimed", attempt_id=sa.String(), request_id=sa.BigInteger()).c
_WRITE_ATTEMPTS = attempts.insert().from_select(
    ["attempt_id", "request_id", "provider", "sender", "batch_id", "claimed_at", "lease_until"],
    sa.select(
        _claimed.attempt_id,
        _claimed.request_id,
        sa.bindparam("provider", type_=sa.String),
        sa.bindparam("sender", type_=sa.String),
        sa.bindparam("batch", type_=sa.BigInteger),
        sa.bindparam("clock", type_=UtcDateTime),
        sa.bindparam("lease", type_=UtcDateTime),
    ),
)
_MARK_SENDING = (
    requests.update()
    # coalesce, so that SQLite does not go through everything that is queued by the index of statuses, for each row
    .where(_r.request_id == _claimed.request_id, sa.func.coalesce(_r.status, "") == RequestStatus.QUEUED)
    .values(status=RequestStatus.SENDING, attempt_id=_claimed.attempt_id, attempt_count=_r.attempt_count + 1)
)
_LOCK_PEOPLE = (
    sa.select(people.c.person_id)
    .where(people.c.person_id.in_(one_of("person_ids", sa.BigInteger())))
    .order_by(people.c.person_id)
    .with_for_update(key_share=True)  # events about them may still be written
)


def _lock_people(connection: Connection, person_ids: Collection[int]) -> None:
    connection.execute(_LOCK_PEOPLE, {"person_ids": listed(sorted(person_ids))})


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
