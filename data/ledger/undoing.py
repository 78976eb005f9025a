"""Taking an import back: what of it has not been sent never goes. What has gone stays, with its history and answers.

Lock order as everywhere: the list, then requests, then invitations and customers. A message that a sender has taken up
is left to its hand-over, which finds its invitation over; planning cancels what comes back to the queue.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.ledger.controls import Locations
from data.ledger.tables import customers, invitations, lists, locations, requests
from data.words import InvitationStatus, RequestStatus

_c, _i, _l, _lo, _r = customers.c, invitations.c, lists.c, locations.c, requests.c
_LONGEST_NUMBER = 18  # digits: more would not fit the key


@dataclass(frozen=True, slots=True)
class Unsent:
    """What taking a list back would end, and what it would leave."""

    messages: int  # queued, reminders among them
    waiting: int  # people of the list of whom nothing has gone
    asked: int  # people of the list to whom something has gone by it: their history stays


@dataclass(frozen=True, slots=True)
class Imported:
    """A list, as far as it takes to tell it from others of its name."""

    list_id: int
    location: str  # slug
    created_at: datetime  # database clock
    undone_at: datetime | None


def lists_called(c: Connection, account_id: int, places: Locations, which: str, location: str | None) -> list[Imported]:
    """The lists of this name at these locations, or else the one with this number, the newest first."""
    query = (
        sa.select(_l.list_id, _lo.slug, _l.created_at, _l.undone_at)
        .join(locations, _lo.location_id == _l.location_id)
        .where(_l.account_id == account_id)
        .order_by(_l.list_id.desc())
    )
    if places is not None:
        query = query.where(_l.location_id.in_(sorted(places)))
    if location is not None:
        query = query.where(_lo.slug == location)
    found = c.execute(query.where(_l.name == which)).all()
    if not found and which.isascii() and which.isdigit() and len(which) <= _LONGEST_NUMBER:
        found = c.execute(query.where(_l.list_id == int(which))).all()
    return [Imported(*row) for row in found]


def unsent(c: Connection, list_id: int) -> Unsent:
    """What would come of taking the list back now."""
    queued = _queued(list_id).subquery()
    asked = sa.select(_i.customer_id).where(_i.list_id == list_id, _i.first_handed_at.is_not(None)).distinct()
    was_asked = sa.exists().where(
        _i.customer_id == _c.customer_id, _i.list_id == list_id, _i.first_handed_at.is_not(None)
    )
    waiting = sa.select(_c.customer_id).where(_c.list_id == list_id, ~was_asked)
    numbers = (sa.select(sa.func.count()).select_from(rows.subquery()) for rows in (sa.select(queued), waiting, asked))
    return Unsent(*(c.execute(number).scalar_one() for number in numbers))


def find_list(
    c: Connection, account_id: int, locations: Locations, list_id: int, *, for_update: bool = False
) -> sa.Row[Any, Any] | None:
    """name and undone_at of a list that the person may see; locked, planners wait until it is decided."""
    query = sa.select(_l.name, _l.undone_at).where(_l.list_id == list_id, _l.account_id == account_id)
    if locations is not None:
        query = query.where(_l.location_id.in_(sorted(locations)))
    return c.execute(query.with_for_update() if for_update else query).first()


def undo(c: Connection, list_id: int, *, at: datetime, by: str) -> tuple[int, int]:
    """End everything of the list that has not been sent; how many invitations ended, and messages canceled.

    The list's row is to be locked by `find_list`. `at` is policy time.
    """
    c.execute(lists.update().where(_l.list_id == list_id).values(undone_at=at, undone_by=by))
    canceled = c.execute(
        requests.update()
        .where(_r.request_id.in_(_queued(list_id).with_for_update(of=requests, skip_locked=True)))
        .values(
            # One that left before and was queued again has failed, which it says of itself already.
            status=sa.case(
                (_r.handed_at.is_not(None), sa.literal(RequestStatus.FAILED, _r.status.type)),
                else_=sa.literal(RequestStatus.CANCELED, _r.status.type),
            )
        )
    ).rowcount
    # Over, not stopped: the same people may come again by a better list.
    ended = c.execute(
        invitations.update()
        .where(_i.list_id == list_id, *_GOING_ON)
        .values(status=InvitationStatus.FINISHED, ended_at=at, stopped_at=at, stopped_by=by)
    ).rowcount
    _let_go_of_known(c, list_id, at)
    return ended, canceled


def _let_go_of_known(c: Connection, list_id: int, at: datetime) -> None:
    """Whoever was there before the list and was never asked waits as before: not by this list, and as somebody new."""
    began = sa.select(_l.created_at).where(_l.list_id == list_id).scalar_subquery()
    was_asked = sa.exists().where(_i.customer_id == _c.customer_id, _i.first_handed_at.is_not(None))
    c.execute(
        customers.update()
        .where(_c.list_id == list_id, _c.created_at < began, ~was_asked)
        .values(list_id=None, occasion_at=at)
    )


# What a person asked for by hand is theirs, whatever list the customer came in.
_GOING_ON = (_i.status == InvitationStatus.ACTIVE, _i.sent_by.is_(None))


def _queued(list_id: int) -> sa.Select[tuple[int]]:
    return (
        sa.select(_r.request_id)
        .join(invitations, _i.invitation_id == _r.invitation_id)
        .where(_i.list_id == list_id, *_GOING_ON, _r.status == RequestStatus.QUEUED)
    )
