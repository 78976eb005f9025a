"""What the ledger alone knows of customers on screen: invitations one by one, consents, and what was said against them.

Every statement binds the account and the locations of whoever looks (None: every location of the account).
"""

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.ledger.asks import counting
from data.ledger.tables import (
    consents,
    customers,
    invitations,
    lists,
    person_addresses,
    requests,
    scores,
    suppressions,
)
from data.words import RequestStatus

AnyRow = sa.Row[*tuple[Any, ...]]
Locations = Collection[int] | None
_a, _c, _i, _r, _s, _p = (
    person_addresses.c, customers.c, invitations.c, requests.c, suppressions.c, scores.c,
)  # fmt: skip
_MOST = 50  # of a kind in a panel: whoever is written to for years has less


def latest_invitations(
    c: Connection, account_id: int, locations: Locations, customer_ids: Collection[int]
) -> list[AnyRow]:
    """customer_id, name, invitation_id, status, waiting (messages planned and not gone) of the invitation that counts.

    By customer; those who have no invitation are absent.
    """
    current = (
        sa.select(counting(invitations).label("invitation_id"))
        .where(_i.account_id == account_id, _i.customer_id.in_(customer_ids))
        .group_by(_i.customer_id)
        .scalar_subquery()
    )
    waiting = (
        sa.select(sa.func.count())
        .where(_r.invitation_id == _i.invitation_id, _r.status == RequestStatus.QUEUED)
        .correlate(invitations)
        .scalar_subquery()
    )
    name = sa.func.trim(_c.first_name + " " + _c.last_name)
    query = (
        sa.select(_i.customer_id, name.label("name"), _i.invitation_id, _i.status, waiting.label("waiting"))
        .join(customers, _c.customer_id == _i.customer_id)
        .where(_i.invitation_id.in_(current), _i.account_id == account_id)
        .order_by(_i.customer_id)
    )
    if locations is not None:
        query = query.where(_i.location_id.in_(sorted(locations)))
    return list(c.execute(query))


def read_invitations(c: Connection, account_id: int, customer_id: int) -> list[AnyRow]:
    """A customer's invitations, the newest first.

    invitation_id, status, started_at, first_handed_at, ended_at, stopped_at, stopped_by, sent_by, list_name, score,
    stars (both as answered), messages (handed over).
    """
    sent = (
        sa.select(sa.func.count())
        .where(_r.invitation_id == _i.invitation_id, _r.handed_at.is_not(None))
        .correlate(invitations)
        .scalar_subquery()
    )
    query = (
        sa.select(
            _i.invitation_id, _i.status, _i.started_at, _i.first_handed_at, _i.ended_at, _i.stopped_at, _i.stopped_by,
            _i.sent_by, lists.c.name.label("list_name"), _p.score, _p.stars, sent.label("messages"),
        )
        .outerjoin(lists, lists.c.list_id == _i.list_id)
        .outerjoin(scores, _p.invitation_id == _i.invitation_id)
        .where(_i.customer_id == customer_id, _i.account_id == account_id)
        .order_by(_i.started_at.desc(), _i.invitation_id.desc())
        .limit(_MOST)
    )  # fmt: skip
    return list(c.execute(query))


def read_consents(c: Connection, account_id: int, customer_id: int) -> list[AnyRow]:
    """basis, given_at, how, wording, recorded_by of what is on record for a customer, the newest first."""
    of = consents.c
    query = (
        sa.select(of.basis, of.given_at, of.how, of.wording, of.recorded_by)
        .where(of.customer_id == customer_id, of.account_id == account_id)
        .order_by(of.given_at.desc(), of.consent_id.desc())
        .limit(_MOST)
    )
    return list(c.execute(query))


def read_said_against(c: Connection, account_id: int, customer_id: int) -> list[AnyRow]:
    """occurred_at, address, channel, effect, reason, recorded_by of what was said of a customer's person, newest first.

    A row about all channels holds for the person; one with a channel is about that address.
    """
    of_person = sa.and_(_a.account_id == _s.account_id, _a.kind == _s.kind, _a.address == _s.address)
    person = sa.select(_c.person_id).where(_c.customer_id == customer_id)
    query = (
        sa.select(_s.occurred_at, _s.address, _s.channel, _s.effect, _s.reason, _s.recorded_by)
        .join(person_addresses, of_person)
        .where(_s.account_id == account_id, _a.person_id.in_(person))
        .order_by(_s.suppression_id.desc())
        .limit(_MOST)
    )
    return list(c.execute(query))
