"""Whether people were asked already, by us or by another system before us. Without Polars: `send` asks it of claims."""

from datetime import datetime

import sqlalchemy as sa

from data.ledger.tables import (
    customers,
    invitations,
    manual_asks,
    past_invitations,
    person_addresses,
    quota_reservations,
)
from data.words import InvitationStatus

ENDED = (InvitationStatus.FINISHED, InvitationStatus.ANSWERED)  # a stopped one may be restarted
BY_MERGE = "merged with another record of the same person"  # who stopped it: nobody

_a, _i, _m, _p, _res = person_addresses.c, invitations.c, manual_asks.c, past_invitations.c, quota_reservations.c


def counting(invitation: sa.FromClause) -> sa.ColumnElement[int]:
    """The id of the invitation that counts among those of one customer: the active one, else the newest.

    Of a person known twice an older one may be the active one; what the merge then stopped counts for nothing.
    """
    of = invitation.c
    is_active = of.status == InvitationStatus.ACTIVE
    is_own = of.stopped_by.is_distinct_from(BY_MERGE)
    return sa.func.coalesce(
        sa.func.max(sa.case((is_active, of.invitation_id))),
        sa.func.max(sa.case((is_own, of.invitation_id))),
        sa.func.max(of.invitation_id),
    )


def came_again() -> sa.ColumnElement[bool]:
    """Whether a customer came again, or was asked for by hand, after the invitation, which is over; for a WHERE."""
    asked_for = sa.exists().where(_m.customer_id == customers.c.customer_id, _m.asked_at > _i.started_at)
    return sa.and_(_i.status.in_(ENDED), sa.or_(customers.c.occasion_at > _i.started_at, asked_for))


def was_asked_since(since: sa.ColumnElement[datetime]) -> sa.ColumnElement[bool]:
    """Whether the person of the invitation was asked after `since` by any other, here or elsewhere; for a WHERE."""
    other = invitations.alias("other")
    unit = sa.exists().where(
        _res.invitation_id == other.c.invitation_id, _res.released_at.is_(None), _res.reserved_at > since
    )
    by_us = sa.exists().where(
        other.c.person_id == _i.person_id,
        other.c.invitation_id != _i.invitation_id,
        sa.or_(other.c.first_handed_at > since, unit),
    )
    by_others = sa.exists(
        sa.select(_p.past_invitation_id)
        .join(
            person_addresses,
            sa.and_(_a.account_id == _p.account_id, _a.kind == _p.kind, _a.address == _p.address),
        )
        .where(_a.person_id == _i.person_id, _p.invited_at > since)
        .correlate(invitations)
    )
    return sa.or_(by_us, by_others)
