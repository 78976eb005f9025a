"""Circuit breakers: a sender that a provider refuses. While one is open, nothing that it covers is handed over.

One that is probed lets a single real message through now and then, a quarter of an hour after it opened, then after
twice as long each time up to six hours: accepted, it closes; refused, it stays. The others a person closes. All times
are the database's clock. Locks on PostgreSQL come after quota, people and requests, before rates.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

import phonenumbers
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from data.ledger.tables import attempts, breakers, requests
from data.ledger.tables.metadata import database_now
from data.words import Channel

CALLED_SPAM = "complaint_rate"  # the code of a sender that we hold ourselves: too many called its mails spam
BY_PROBE = "probe"  # who closed a breaker, where no person did

_FIRST_WAIT = timedelta(minutes=15)
_LONGEST_WAIT = timedelta(hours=6)
_LONGEST_CALLING_CODE = 3
_AREA_CODE_ENDS = len("+1876")

_b, _r, _at = breakers.c, requests.c, attempts.c


@dataclass(frozen=True, slots=True)
class OpenBreaker:
    """A sender that is refused, and what is known about it."""

    breaker_id: int
    channel: Channel
    sender: str
    prefix: str  # "" = every number; else those that begin so
    code: str  # the provider's
    reason: str
    opened_at: datetime
    probe_at: datetime | None  # from then on one message tries; None = a person closes it
    probes: int  # how many have tried

    @property
    def is_ours(self) -> bool:
        """Whether no provider refused the sender, and we hold it for the complaints about it."""
        return self.code == CALLED_SPAM


def open_breaker(
    connection: Connection,
    channel: Channel,
    sender: str,
    *,
    code: str,
    reason: str,
    prefix: str = "",
    is_probed: bool = True,
) -> bool:
    """Hold what leaves from the sender, to numbers that begin with `prefix`; False when it was held already.

    One that is open keeps its row: its next probe is as far from now as the number of its probes asks for, however
    many messages are refused at once, and none is left once a code came that only a person can mend.
    """
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    clock = connection.execute(sa.select(database_now())).scalar_one()
    made = connection.execute(
        dialect.insert(breakers)
        .values(
            channel=channel,
            sender=sender,
            prefix=prefix,
            code=code[:64],
            reason=reason[:300],
            opened_at=clock,
            probe_at=clock + _FIRST_WAIT if is_probed else None,
            probes=0,
        )
        .on_conflict_do_nothing(
            index_elements=[_b.channel, _b.sender, _b.prefix], index_where=sa.text("closed_at is null")
        )
        .returning(_b.breaker_id)
    )
    if made.first() is not None:
        return True
    of_it = sa.and_(_b.channel == channel, _b.sender == sender, _b.prefix == prefix, _b.closed_at.is_(None))
    found = connection.execute(sa.select(_b.breaker_id, _b.probe_at, _b.probes).where(of_it).with_for_update()).first()
    if found is None or found.probe_at is None:  # closed in this moment, or a person's already
        return False
    probe_at = max(found.probe_at, clock + _wait_after(found.probes)) if is_probed else None
    connection.execute(
        breakers.update()
        .where(_b.breaker_id == found.breaker_id)
        .values(code=code[:64], reason=reason[:300], probe_at=probe_at)
    )
    return False


def open_for(connection: Connection, attempt_id: str, *, code: str, reason: str, is_for_country: bool = False) -> bool:
    """As `open_breaker`, for the sender of a message that was refused or not delivered for the sender's sake.

    A person closes it: that a provider takes a message proves nothing where it told the failure later. Nothing is
    opened for a message that left before the last such breaker was closed, for it tells of what is over. What a
    provider refused says nothing about complaints, nor they about that.
    """
    found = connection.execute(
        sa.select(_r.channel, _r.address, _at.sender, _at.handed_at)
        .join(requests, _r.request_id == _at.request_id)
        .where(_at.attempt_id == attempt_id)
    ).first()
    if found is None or not found.sender:  # of an attempt older than the column nobody knows the sender
        return False
    prefix = route_prefix(found.address) if is_for_country else ""
    is_alike = _b.code == CALLED_SPAM if code == CALLED_SPAM else _b.code != CALLED_SPAM
    newest = sa.select(sa.func.max(_b.closed_at)).where(
        _b.channel == found.channel, _b.sender == found.sender, _b.prefix == prefix, is_alike
    )
    closed_at = connection.execute(newest).scalar_one()
    if closed_at is not None and found.handed_at is not None and found.handed_at <= closed_at:
        return False
    return open_breaker(
        connection, found.channel, found.sender, code=code, reason=reason, prefix=prefix, is_probed=False
    )


def is_held(
    channel: sa.ColumnElement[Channel] | Channel,
    sender: sa.ColumnElement[str] | str,
    address: sa.ColumnElement[str] | str,
    attempt_id: sa.ColumnElement[str] | str | None = None,
    *,
    besides: sa.ColumnElement[int] | int | None = None,
    is_due_spared: bool = False,
) -> sa.ColumnElement[bool]:
    """Whether an open breaker covers a message; for a WHERE.

    Not the one whose probe is `attempt_id` (the hand-over's question), not `besides` (the claim's, of the message that
    shall probe it), nor those whose probe is due where `is_due_spared` (the question whether there is work at all).
    """
    conditions: list[sa.ColumnElement[bool]] = [
        _b.channel == channel,
        _b.sender == sender,
        _b.closed_at.is_(None),
        sa.func.substr(address, 1, sa.func.length(_b.prefix)) == _b.prefix,
    ]
    if attempt_id is not None:
        conditions.append(sa.or_(_b.probe_attempt_id.is_(None), _b.probe_attempt_id != attempt_id))
    if besides is not None:
        conditions.append(_b.breaker_id != besides)
    if is_due_spared:
        conditions.append(sa.or_(_b.probe_at.is_(None), _b.probe_at > database_now()))
    return sa.exists(sa.select(_b.breaker_id).select_from(breakers).where(*conditions).correlate_except(breakers))


def take_probe(connection: Connection, channel: Channel, sender: str) -> int | None:
    """The breaker of this sender whose probe is due, if it is ours to try now; the next one waits twice as long.

    However many ask, one gets it: say `note_probe` in the same transaction.
    """
    clock = connection.execute(sa.select(database_now())).scalar_one()
    due = connection.execute(
        sa.select(_b.breaker_id, _b.probes)
        .where(_b.channel == channel, _b.sender == sender, _b.closed_at.is_(None), _b.probe_at <= clock)
        .order_by(_b.probe_at, _b.breaker_id)
        .limit(1)
        .with_for_update(skip_locked=True)
    ).first()
    if due is None:
        return None
    connection.execute(
        breakers.update()
        .where(_b.breaker_id == due.breaker_id)
        .values(probes=due.probes + 1, probe_at=clock + _wait_after(due.probes + 1), probe_attempt_id=None)
    )
    return int(due.breaker_id)


def note_probe(connection: Connection, breaker_id: int, attempt_id: str) -> None:
    """This attempt is the one that tries: `is_held` lets it pass."""
    connection.execute(
        breakers.update().where(_b.breaker_id == breaker_id, _b.closed_at.is_(None)).values(probe_attempt_id=attempt_id)
    )


def close_by_probe(connection: Connection, attempt_ids: Collection[str]) -> list[int]:
    """The provider took these attempts' messages: close the breakers that they tried, and name those."""
    if not attempt_ids:
        return []
    closed = connection.execute(
        breakers.update()
        .where(_b.probe_attempt_id.in_(list(attempt_ids)), _b.closed_at.is_(None))
        .values(closed_at=database_now(), closed_by=BY_PROBE)
        .returning(_b.breaker_id)
    )
    return sorted(closed.scalars())


def close(connection: Connection, breaker_id: int, *, by: str) -> bool:
    """Let the sender go on, as a person says; False when it was closed already, or never was. The audit is theirs."""
    closed = connection.execute(
        breakers.update()
        .where(_b.breaker_id == breaker_id, _b.closed_at.is_(None))
        .values(closed_at=database_now(), closed_by=by)
    )
    return closed.rowcount == 1


def was_opened(connection: Connection, breaker_id: int) -> bool:
    """Whether there is, or was, a breaker of this number."""
    return connection.execute(sa.select(_b.breaker_id).where(_b.breaker_id == breaker_id)).first() is not None


def read_open(connection: Connection) -> list[OpenBreaker]:
    """Every sender that is held, the longest held first."""
    fields = [_b[name] for name in OpenBreaker.__dataclass_fields__]
    query = sa.select(*fields).where(_b.closed_at.is_(None)).order_by(_b.opened_at, _b.breaker_id)
    return [OpenBreaker(**row._mapping) for row in connection.execute(query)]


def route_prefix(address: str) -> str:
    """What a phone number's country begins with: "+44"; of +1, which many share, with the area code: "+1876"."""
    if address.startswith("+1"):
        return address[:_AREA_CODE_ENDS]
    digits = address.removeprefix("+")
    for length in range(1, _LONGEST_CALLING_CODE + 1):
        if digits[:length].isdecimal() and int(digits[:length]) in phonenumbers.COUNTRY_CODE_TO_REGION_CODE:
            return f"+{digits[:length]}"
    return address


def _wait_after(probes: int) -> timedelta:
    """How long the next probe waits when so many have tried in vain."""
    return min(_FIRST_WAIT * (1 << min(probes, 8)), _LONGEST_WAIT)
