"""Messages in doubt: what to ask the provider for, and what has been found out about each."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.ledger.controls import Locations
from data.ledger.tables import attempts, requests
from data.ledger.tables.metadata import database_now
from data.words import AttemptOutcome, Channel, RequestStatus

_at, _r = attempts.c, requests.c
_NOTE_LENGTH = 300


@dataclass(frozen=True, slots=True)
class DoubtRow:
    """One message in doubt: what to ask the provider for."""

    attempt_id: str
    request_id: int
    location_id: int
    channel: Channel
    address: str
    link_token: str
    handed_at: datetime  # database clock
    provider: str
    sender: str  # "" where it was not written down
    parcel_id: str | None
    absent_reads: int


@dataclass(frozen=True, slots=True)
class DoubtStanding:
    """What has been done about one message in doubt, for whoever looks."""

    attempt_id: str
    request_id: int
    provider: str
    channel: Channel
    handed_at: datetime  # database clock, as is asked_at
    asked_at: datetime | None  # when the provider was last asked; None: not yet
    absent_reads: int  # complete reads that did not show it
    first_absent_at: datetime | None  # the first of them, on the provider's clock
    is_left_to_person: bool
    note: str | None  # what came of the last question


def _in_doubt() -> sa.ColumnElement[bool]:
    return sa.and_(_r.status == RequestStatus.IN_DOUBT, _at.outcome == AttemptOutcome.IN_DOUBT)


def read_doubt(connection: Connection, *, limit: int = 1000) -> list[DoubtRow]:
    """Messages in doubt: never asked about first, then longest not asked about, so that nobody's turn is missed."""
    rows = connection.execute(
        sa.select(
            _at.attempt_id,
            _r.request_id,
            _r.location_id,
            _r.channel,
            _r.address,
            _r.link_token,
            _at.handed_at,
            _at.provider,
            _at.sender,
            _at.parcel_id,
            _at.absent_reads,
        )
        .join(requests, _r.attempt_id == _at.attempt_id)
        .where(_in_doubt())
        .order_by(sa.nulls_first(_at.asked_at.asc()), _at.handed_at, _at.attempt_id)
        .limit(limit)
    )
    return [DoubtRow(**row._mapping) for row in rows]


def standings(
    connection: Connection, account_id: int, places: Locations, request_ids: Collection[int]
) -> dict[int, DoubtStanding]:
    """What is being done about those of the requests that are in doubt, by request; at these locations (None: all)."""
    which = [_r.account_id == account_id, _r.request_id.in_(list(request_ids))]
    if places is not None:
        which.append(_r.location_id.in_(sorted(places)))
    return {row.request_id: row for row in _read_standings(connection, *which)}


def standing_of(connection: Connection, attempt_id: str) -> DoubtStanding | None:
    """What is being done about one attempt; None when it is not in doubt."""
    return next(iter(_read_standings(connection, _at.attempt_id == attempt_id)), None)


def _read_standings(connection: Connection, *which: sa.ColumnElement[bool]) -> list[DoubtStanding]:
    rows = connection.execute(
        sa.select(
            _at.attempt_id,
            _r.request_id,
            _at.provider,
            _r.channel,
            _at.handed_at,
            _at.asked_at,
            _at.absent_reads,
            _at.first_absent_at,
            _at.is_left_to_person,
            _at.doubt_note.label("note"),
        )
        .join(requests, _r.attempt_id == _at.attempt_id)
        .where(_in_doubt(), *which)
    )
    return [DoubtStanding(**row._mapping) for row in rows]


def is_sent_anew(connection: Connection, attempt_id: str) -> bool:
    """Whether a later attempt of the same request has handed over: a message found by the request's link may be its.

    Nothing is later than the attempt that the request names, whatever a clock that was set back says.
    """
    later = attempts.alias("later")
    query = sa.select(_at.attempt_id).where(
        _at.attempt_id == attempt_id,
        sa.exists().where(_r.request_id == _at.request_id, _r.attempt_id != _at.attempt_id),
        sa.exists().where(
            later.c.request_id == _at.request_id,
            later.c.attempt_id != _at.attempt_id,
            later.c.claimed_at >= _at.claimed_at,
            later.c.handed_at.is_not(None),
        ),
    )
    return connection.execute(query).first() is not None


def note_asked(connection: Connection, attempt_id: str, note: str, *, is_left_to_person: bool) -> None:
    """The provider was asked, or nobody could be, and the message stays in doubt; `note` names nobody."""
    connection.execute(
        attempts.update()
        .where(_at.attempt_id == attempt_id, _at.outcome == AttemptOutcome.IN_DOUBT)
        .values(asked_at=database_now(), doubt_note=note[:_NOTE_LENGTH], is_left_to_person=is_left_to_person)
    )


def note_absence(
    connection: Connection, attempt_id: str, provider_time: datetime
) -> tuple[int, datetime, datetime] | None:
    """Count one complete read that did not show the message: how many now, and the first and last on that clock.

    None when the doubt was settled in the meantime.
    """
    row = connection.execute(
        attempts.update()
        .where(_at.attempt_id == attempt_id, _at.outcome == AttemptOutcome.IN_DOUBT)
        .values(
            absent_reads=_at.absent_reads + 1,
            first_absent_at=sa.func.coalesce(_at.first_absent_at, provider_time),
            last_absent_at=provider_time,
        )
        .returning(_at.absent_reads, _at.first_absent_at, _at.last_absent_at)
    ).first()
    return None if row is None else (row.absent_reads, row.first_absent_at, row.last_absent_at)
