"""How many invitations may start at a moment: lists that drip, locations with a limit, people asked a while ago.

Looked at by the claim alone, under the lock on the account's quota cycles, so that any number of dispatchers together
keep to it exactly. Only first messages are limited: an invitation that holds its unit has been let go already.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from data.ledger.asks import was_asked_since
from data.ledger.list_speed import left_of, read_paces
from data.ledger.reservations import has_reservation
from data.ledger.standing import read_quota
from data.ledger.tables import invitations, requests

_i, _r = invitations.c, requests.c


@dataclass(frozen=True, slots=True)
class Limits:
    """What may start now. Lists and locations that are not named are not limited."""

    quota: int  # the account's
    lists: dict[int, int]
    locations: dict[int, int]
    since: datetime | None  # nobody asked after this may be asked again; None: no cap


def read_limits(connection: Connection, account_id: int, now: datetime, cap: timedelta | None) -> Limits:
    """The limits at `now` (policy time). Exact for whoever holds the lock on the account's quota cycles."""
    quota = read_quota(connection, account_id, now)
    paces = read_paces(connection, account_id, now)
    left = {list_id: left_of(pace, now) for list_id, pace in paces.items()}
    return Limits(
        quota=quota.left,
        lists={list_id: number for list_id, number in left.items() if number is not None},
        locations=dict(quota.location_left),
        since=now - cap if cap else None,
    )


def may_start(limits: Limits) -> sa.ColumnElement[bool]:
    """Whether the request goes on with an invitation that was let go, or none of the limits is reached; for a WHERE."""
    if limits.quota <= 0:
        return has_reservation()
    full_lists = [list_id for list_id, left in limits.lists.items() if left <= 0]
    full_locations = [location_id for location_id, left in limits.locations.items() if left <= 0]
    fits: list[sa.ColumnElement[bool]] = [sa.true()]
    if full_lists:
        fits.append(sa.or_(_i.list_id.is_(None), _i.list_id.not_in(full_lists)))
    if full_locations:
        fits.append(_r.location_id.not_in(full_locations))
    if limits.since is not None:
        fits.append(sa.or_(_i.override_reason.is_not(None), ~was_asked_since(limits.since)))
    return sa.or_(has_reservation(), sa.and_(*fits))


def within(limits: Limits, chosen: Iterable[Row[Any]]) -> list[Row[Any]]:
    """Leave out first messages that the ones before them leave no room for; an invitation's messages go together.

    Rows: invitation_id, person_id, list_id, location_id, is_reserved, is_overridden.
    """
    lists, locations = dict(limits.lists), dict(limits.locations)
    started: set[int] = set()
    asked: set[int] = set()
    kept = []
    for row in chosen:
        if row.is_reserved or row.invitation_id in started:
            kept.append(row)
            continue
        is_asked = limits.since is not None and row.person_id in asked and not row.is_overridden
        if is_asked or lists.get(row.list_id, 1) <= 0 or locations.get(row.location_id, 1) <= 0:
            continue
        if row.list_id in lists:
            lists[row.list_id] -= 1
        if row.location_id in locations:
            locations[row.location_id] -= 1
        started.add(row.invitation_id)
        asked.add(row.person_id)
        kept.append(row)
    return kept
