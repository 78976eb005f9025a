"""Pausing a location's channel, or a list: marks that dispatch and planning read, and what they hold back.

As in `controls`, every statement binds the account and the locations of the person who acts (None: every one).
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.ledger.controls import Locations
from data.ledger.tables import channels, invitations, lists, locations, requests
from data.words import Channel, InvitationStatus, RequestStatus

_ch, _l, _lo, _r, _i = channels.c, lists.c, locations.c, requests.c, invitations.c


@dataclass(frozen=True, slots=True)
class ChannelState:
    """A channel that is switched on at a location."""

    location_id: int
    location_name: str
    channel: Channel
    paused_at: datetime | None
    paused_by: str | None


@dataclass(frozen=True, slots=True)
class ListState:
    """One list, and how many of its messages wait."""

    list_id: int
    name: str
    location_id: int
    location_name: str
    paused_at: datetime | None
    paused_by: str | None
    waiting: int


@dataclass(frozen=True, slots=True)
class Hold:
    """Why a queued message waits though its time may have come: its channel or list is paused, or all is stopped."""

    request_id: int
    channel: Channel | None  # the one that is paused
    list_name: str | None
    is_stopped: bool  # its invitation is: the next planning pass cancels it


def _within(account_id: int, places: Locations) -> list[sa.ColumnElement[bool]]:
    mine: list[sa.ColumnElement[bool]] = [_lo.account_id == account_id]
    if places is not None:
        mine.append(_lo.location_id.in_(sorted(places)))
    return mine


def find_location(c: Connection, account_id: int, places: Locations, slug: str) -> tuple[int, str] | None:
    """A location's id and name by its slug; None when there is none, or it is out of reach."""
    row = c.execute(sa.select(_lo.location_id, _lo.name).where(_lo.slug == slug, *_within(account_id, places))).first()
    return None if row is None else (row.location_id, row.name)


def channel_states(c: Connection, account_id: int, places: Locations) -> list[ChannelState]:
    """The channels that are switched on at these locations."""
    rows = c.execute(
        sa.select(_lo.location_id, _lo.name.label("location_name"), _ch.channel, _ch.paused_at, _ch.paused_by)
        .join(channels, _ch.location_id == _lo.location_id)
        .where(_ch.is_enabled.is_(sa.true()), *_within(account_id, places))
        .order_by(_lo.name, _lo.location_id, _ch.channel)
    )
    return [ChannelState(**row._mapping) for row in rows]


def list_states(c: Connection, account_id: int, places: Locations, name: str | None = None) -> list[ListState]:
    """The lists of these locations, the newest first: those called `name`, else those paused or with messages waiting.

    A list's customers who are not invited yet do not count as waiting: nothing of theirs is queued.
    """
    waiting = (
        sa.select(_i.list_id, sa.func.count().label("waiting"))
        .join(requests, _r.invitation_id == _i.invitation_id)
        .where(_r.status == RequestStatus.QUEUED, _i.account_id == account_id)
        .group_by(_i.list_id)
        .subquery()
    )
    count = sa.func.coalesce(waiting.c.waiting, 0)
    which = _l.name == name if name is not None else sa.or_(_l.paused_at.is_not(None), count > 0)
    rows = c.execute(
        sa.select(
            _l.list_id, _l.name, _l.location_id, _lo.name.label("location_name"), _l.paused_at, _l.paused_by,
            count.label("waiting"),
        )
        .join(locations, _lo.location_id == _l.location_id)
        .outerjoin(waiting, waiting.c.list_id == _l.list_id)
        .where(which, *_within(account_id, places))
        .order_by(_l.list_id.desc())
    )  # fmt: skip
    return [ListState(**row._mapping) for row in rows]


def paused_lists(c: Connection, account_id: int, places: Locations) -> tuple[int, ...]:
    """The ids of the lists that are paused at these locations."""
    rows = c.execute(
        sa.select(_l.list_id)
        .join(locations, _lo.location_id == _l.location_id)
        .where(_l.paused_at.is_not(None), *_within(account_id, places))
        .order_by(_l.list_id)
    )
    return tuple(rows.scalars())


def waiting_on(c: Connection, location_ids: Collection[int], channel: Channel) -> int:
    """How many messages wait for a channel at these locations."""
    return c.execute(
        sa.select(sa.func.count()).where(
            _r.status == RequestStatus.QUEUED, _r.channel == channel, _r.location_id.in_(sorted(location_ids))
        )
    ).scalar_one()


def set_channel_paused(c: Connection, location_id: int, channel: Channel, *, at: datetime | None, by: str) -> bool:
    """Pause a location's channel or, with None, let it go; False when it already stands so, or is switched off."""
    is_changing = _ch.paused_at.is_(None) if at else _ch.paused_at.is_not(None)
    changed = c.execute(
        channels.update()
        .where(_ch.location_id == location_id, _ch.channel == channel, _ch.is_enabled.is_(sa.true()), is_changing)
        .values(paused_at=at, paused_by=by if at else None)
    )
    return changed.rowcount == 1


def set_list_paused(c: Connection, list_id: int, *, at: datetime | None, by: str) -> bool:
    """Pause a list or, with None, let it go; False when it already stands so."""
    is_changing = _l.paused_at.is_(None) if at else _l.paused_at.is_not(None)
    changed = c.execute(
        lists.update().where(_l.list_id == list_id, is_changing).values(paused_at=at, paused_by=by if at else None)
    )
    return changed.rowcount == 1


def holds(c: Connection, request_ids: Collection[int]) -> dict[int, Hold]:
    """Those of the queued requests that something holds which is not a mark of their own, by request."""
    rows = c.execute(
        sa.select(
            _r.request_id,
            sa.case((_ch.paused_at.is_not(None), _r.channel)).label("channel"),
            sa.case((_l.paused_at.is_not(None), _l.name)).label("list_name"),
            (_i.status == InvitationStatus.STOPPED).label("is_stopped"),
        )
        .join(invitations, _i.invitation_id == _r.invitation_id)
        .join(channels, sa.and_(_ch.location_id == _r.location_id, _ch.channel == _r.channel))
        .outerjoin(lists, _l.list_id == _i.list_id)
        .where(
            _r.request_id.in_(list(request_ids)),
            _r.status == RequestStatus.QUEUED,
            sa.or_(_ch.paused_at.is_not(None), _l.paused_at.is_not(None), _i.status == InvitationStatus.STOPPED),
        )
    )
    return {row.request_id: Hold(**row._mapping) for row in rows}
