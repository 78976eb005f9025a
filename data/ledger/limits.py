"""How many invitations may start at a moment: lists that drip, locations with a limit, people asked a while ago.

Looked at by the claim alone, under the lock on the account's quota cycles, so that any number of dispatchers together
keep to it exactly. Only first messages are limited: an invitation that holds its unit has been let go already.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.ledger.asks import was_asked_since
from data.ledger.list_speed import left_of, read_paces
from data.ledger.reservations import has_reservation
from data.ledger.rows_of import listed, one_of
from data.ledger.standing import read_left
from data.ledger.tables import invitations, requests
from data.ledger.types import UtcDateTime

if TYPE_CHECKING:
    from data.ledger.claimable import Due

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
    quota, locations = read_left(connection, account_id, now)
    paces = read_paces(connection, account_id, now)
    left = {list_id: left_of(pace, now) for list_id, pace in paces.items()}
    return Limits(
        quota=quota,
        lists={list_id: number for list_id, number in left.items() if number is not None},
        locations=locations,
        since=now - cap if cap else None,
    )


class Reached(NamedTuple):
    """Which limits a statement must look at; their values are its parameters (`values_of`), so it is built once."""

    is_quota_full: bool
    has_full_lists: bool
    has_full_locations: bool
    has_cap: bool


def reached(limits: Limits) -> Reached:
    """What `may_start` is to look at."""
    return Reached(
        limits.quota <= 0,
        any(left <= 0 for left in limits.lists.values()),
        any(left <= 0 for left in limits.locations.values()),
        limits.since is not None,
    )


def may_start(limits: Reached) -> sa.ColumnElement[bool]:
    """Whether the request goes on with an invitation that was let go, or none of the limits is reached; for a WHERE."""
    if limits.is_quota_full:
        return has_reservation()
    fits: list[sa.ColumnElement[bool]] = [sa.true()]
    if limits.has_full_lists:
        fits.append(sa.or_(_i.list_id.is_(None), _i.list_id.not_in(one_of("full_lists", sa.BigInteger()))))
    if limits.has_full_locations:
        fits.append(_r.location_id.not_in(one_of("full_locations", sa.BigInteger())))
    if limits.has_cap:
        since = sa.bindparam("asked_since", type_=UtcDateTime)
        fits.append(sa.or_(_i.override_reason.is_not(None), ~was_asked_since(since)))
    return sa.or_(has_reservation(), sa.and_(*fits))


def values_of(limits: Limits) -> dict[str, Any]:
    """The parameters of `may_start`."""
    return {
        "full_lists": listed(list_id for list_id, left in limits.lists.items() if left <= 0),
        "full_locations": listed(location_id for location_id, left in limits.locations.items() if left <= 0),
        "asked_since": limits.since,
    }


def within(limits: Limits, chosen: Iterable["Due"]) -> list["Due"]:
    """Leave out first messages that the ones before them leave no room for; an invitation's messages go together."""
    lists, locations = dict(limits.lists), dict(limits.locations)
    started: set[int] = set()
    asked: set[int] = set()
    kept = []
    for row in chosen:
        if row.is_reserved or row.invitation_id in started:
            kept.append(row)
            continue
        is_asked = limits.since is not None and row.person_id in asked and not row.is_overridden
        of_list = None if row.list_id is None else lists.get(row.list_id)
        if is_asked or (of_list is not None and of_list <= 0) or locations.get(row.location_id, 1) <= 0:
            continue
        if row.list_id is not None and of_list is not None:
            lists[row.list_id] = of_list - 1
        if row.location_id in locations:
            locations[row.location_id] -= 1
        started.add(row.invitation_id)
        asked.add(row.person_id)
        kept.append(row)
    return kept
