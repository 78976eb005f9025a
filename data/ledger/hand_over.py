"""The last look before the bytes leave: one conditional UPDATE for as many attempts as leave together.

It re-reads everything that may stand in a message's way (lease, pause, stop, suppression, kill switch, breaker) and
sets `handed_at`. An attempt without it sent nothing; one with it may have.
"""

from collections.abc import Collection

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.ledger.rows_of import listed, one_of
from data.ledger.stops import nothing_stops, with_context
from data.ledger.tables import attempts, channels, invitations, lists, requests, system
from data.ledger.tables.metadata import database_now
from data.words import RequestStatus

_r, _at, _i, _ch = requests.c, attempts.c, invitations.c, channels.c
_ids = one_of("attempt_ids", sa.String())

# Built once: putting these expressions together for every message took five times as long as running them.
_MAY_GO = (
    sa.select(_r.request_id)
    .select_from(with_context())
    .where(
        _r.request_id == _at.request_id,
        _r.attempt_id == _at.attempt_id,
        _r.status == RequestStatus.SENDING,
        nothing_stops(_at.sender, _at.attempt_id),
    )
    .correlate(attempts)
)
HAND_OVER = (
    attempts.update()
    .where(
        _at.attempt_id.in_(_ids),
        _at.outcome.is_(None),
        _at.handed_at.is_(None),
        _at.lease_until > database_now(),
        sa.exists(_MAY_GO),
    )
    .values(handed_at=database_now())
    .returning(_at.attempt_id)
)
_LOCK = (
    sa.select(_r.request_id)
    .where(
        _r.request_id.in_(sa.select(_at.request_id).where(_at.attempt_id.in_(_ids))),
        _r.attempt_id.in_(_ids),
    )
    .order_by(_r.request_id)
    .with_for_update(key_share=True)
)
# What a person switches off for many messages at once. Shared: hand-overs do not wait for each other.
_leaving = requests.join(attempts, _at.request_id == _r.request_id)
_LOCK_SWITCHES = (
    sa.select(system.c.system_id).with_for_update(read=True),
    sa.select(_ch.location_id)
    .where(
        sa.tuple_(_ch.location_id, _ch.channel).in_(
            sa.select(_r.location_id, _r.channel).select_from(_leaving).where(_at.attempt_id.in_(_ids))
        )
    )
    .order_by(_ch.location_id, _ch.channel)
    .with_for_update(read=True),
    sa.select(lists.c.list_id)
    .where(
        lists.c.list_id.in_(
            sa.select(_i.list_id)
            .select_from(_leaving.join(invitations, _i.invitation_id == _r.invitation_id))
            .where(_at.attempt_id.in_(_ids))
        )
    )
    .order_by(lists.c.list_id)
    .with_for_update(read=True),
)
_TAKE_BACK = attempts.update().where(_at.attempt_id.in_(_ids)).values(handed_at=None)
_NAME_PARCEL = (
    attempts.update().where(_at.attempt_id.in_(_ids)).values(parcel_id=sa.bindparam("named_parcel", type_=sa.String))
)


def hand_over_many(connection: Connection, attempt_ids: Collection[str]) -> set[str]:
    """Mark those attempts as handed over that still may be; which they are.

    Not among them: whose lease ended, whose request another attempt holds, and whatever somebody paused, stopped,
    halted or suppressed in the meantime, or a breaker holds.
    """
    named = {"attempt_ids": listed(attempt_ids)}
    if connection.dialect.name != "sqlite":  # whose writers take turns
        # Whoever halts everything or pauses a channel or a list in this very moment is told that nothing more leaves.
        for switches in _LOCK_SWITCHES:
            connection.execute(switches, named).all()
        # In this very moment the late answer of an earlier attempt may take the request away, or a person pauses it or
        # stops its invitation and is told that it waits. They hold the request's row: with it in our hands, the
        # statement below sees what they did.
        connection.execute(_LOCK, named).all()
    return set(connection.execute(HAND_OVER, named).scalars().all())


def hand_over(connection: Connection, attempt_id: str) -> bool:
    """Mark one attempt as handed over, if it still may be."""
    return bool(hand_over_many(connection, [attempt_id]))


def take_back(connection: Connection, attempt_ids: Collection[str]) -> None:
    """Undo the mark within the transaction that made it: there is no room for these now."""
    connection.execute(_TAKE_BACK, {"attempt_ids": listed(attempt_ids)})


def name_parcel(connection: Connection, attempt_ids: Collection[str], parcel_id: str) -> None:
    """Remember that these leave in one call: a doubt about it is a doubt about each of them."""
    connection.execute(_NAME_PARCEL, {"attempt_ids": listed(attempt_ids), "named_parcel": parcel_id})
