"""Whose the units of a quota cycle are: the people behind the figure of a quota card, counted as the card counts."""

from collections.abc import Collection
from datetime import date, datetime
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.cycle import cycle_at, cycle_of
from data.ledger.tables import accounts, customers, invitations, quota_reservations, scores
from data.words import InvitationStatus

_c, _i, _res, _s = customers.c, invitations.c, quota_reservations.c, scores.c


class Invited(NamedTuple):
    """One invitation that a unit was spent on, and whom it is for, as they are called by now."""

    invitation_id: int
    customer_id: int
    location_id: int
    first_name: str
    last_name: str
    email: str | None
    phone: str | None
    status: InvitationStatus
    first_handed_at: datetime | None  # policy time; None: its first message is about to leave, or in doubt
    score: int | None


def cycle_holding(connection: Connection, account_id: int, moment: datetime, day: date | None) -> tuple[date, date]:
    """The cycle that holds `day`, else that of the moment: its first day, and the first day of the next one."""
    account = connection.execute(
        sa.select(accounts.c.cycle_anchor_day, accounts.c.time_zone).where(accounts.c.account_id == account_id)
    ).one()
    if day is not None:
        return cycle_of(day, account.cycle_anchor_day)
    return cycle_at(moment, account.cycle_anchor_day, account.time_zone)


def count_invited(connection: Connection, account_id: int, cycle_start: date, location_ids: Collection[int]) -> int:
    """How many units of the cycle the invitations of these locations hold: the card's figure."""
    held = _held(account_id, cycle_start, location_ids).subquery()
    return connection.execute(sa.select(sa.func.count()).select_from(held)).scalar_one()


def read_invited(
    connection: Connection,
    account_id: int,
    cycle_start: date,
    location_ids: Collection[int],
    *,
    limit: int,
    offset: int,
) -> list[Invited]:
    """Some of them, the latest first."""
    newest = (_res.reserved_at.desc(), _res.invitation_id.desc())
    shown = _held(account_id, cycle_start, location_ids).order_by(*newest).limit(limit).offset(offset).subquery()
    rows = connection.execute(
        sa.select(
            _i.invitation_id, _i.customer_id, shown.c.location_id, _c.first_name, _c.last_name, _c.email, _c.phone,
            _i.status, _i.first_handed_at, _s.score,
        )
        .select_from(
            shown.join(invitations, _i.invitation_id == shown.c.invitation_id)
            .join(customers, _c.customer_id == _i.customer_id)
            .outerjoin(scores, _s.invitation_id == _i.invitation_id)
        )
        .order_by(shown.c.reserved_at.desc(), shown.c.invitation_id.desc())
    )  # fmt: skip
    return list(map(Invited._make, rows))


def _held(account_id: int, cycle_start: date, location_ids: Collection[int]) -> sa.Select[int, int, datetime]:
    return sa.select(_res.invitation_id, _res.location_id, _res.reserved_at).where(
        _res.account_id == account_id,
        _res.cycle_start_date == cycle_start,
        _res.location_id.in_(sorted(location_ids)),
        _res.released_at.is_(None),
    )
