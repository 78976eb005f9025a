"""When people were asked last, by us or by another system before us, and who asked for an invitation by hand."""

from collections.abc import Collection

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.ledger.frames import MOMENT, Schema, frame
from data.ledger.manual_asks import BY_HOOK
from data.ledger.tables import (
    customers,
    invitations,
    manual_asks,
    past_invitations,
    person_addresses,
    quota_reservations,
)

_a, _i, _m, _p, _res = person_addresses.c, invitations.c, manual_asks.c, past_invitations.c, quota_reservations.c


def read_asks(connection: Connection, account_id: int, person_ids: Collection[int] | None = None) -> pl.DataFrame:
    """`person_id`, `location_id`, `asked_at`: units reserved and not given back, hand-overs, past invitations.

    The newest of each kind for each person and location; people by every address they have.
    """
    schema: Schema = {"person_id": pl.Int64, "location_id": pl.Int64, "asked_at": MOMENT}
    place = (_i.person_id, _i.location_id)
    units = (
        sa.select(*place, sa.func.max(_res.reserved_at))
        .join(quota_reservations, _res.invitation_id == _i.invitation_id)
        .where(_i.account_id == account_id, _res.released_at.is_(None))
        .group_by(*place)
    )
    handed = (
        sa.select(*place, sa.func.max(_i.first_handed_at))
        .where(_i.account_id == account_id, _i.first_handed_at.is_not(None))
        .group_by(*place)
    )
    elsewhere = (
        sa.select(_a.person_id, _p.location_id, sa.func.max(_p.invited_at))
        .join(
            person_addresses, sa.and_(_a.account_id == _p.account_id, _a.kind == _p.kind, _a.address == _p.address)
        )
        .where(_p.account_id == account_id)
        .group_by(_a.person_id, _p.location_id)
    )  # fmt: skip
    if person_ids is not None:
        ours = _i.person_id.in_(person_ids)
        units, handed, elsewhere = units.where(ours), handed.where(ours), elsewhere.where(_a.person_id.in_(person_ids))
    return pl.concat([frame(connection, query, schema) for query in (units, handed, elsewhere)])


def customers_of(person_ids: Collection[int]) -> sa.Select[tuple[int]]:
    """The `customer_id` of all that these people are, at whatever location; for a WHERE."""
    return sa.select(customers.c.customer_id).where(customers.c.person_id.in_(person_ids))


def read_manual_asks(
    connection: Connection, account_id: int, person_ids: Collection[int] | None = None
) -> pl.DataFrame:
    """`customer_id`, `asked_at`, `sent_by` and what was asked for: the newest of each customer, spent or not.

    What came through /hooks/customers nobody sent: `sent_by` is null, as for Automation.
    """
    schema: Schema = {
        "customer_id": pl.Int64,
        "asked_at": MOMENT,
        **dict.fromkeys(("sent_by", "override_reason"), pl.String),
        "channels": pl.List(pl.String),
        "template_slug": pl.String,
        "send_at": MOMENT,
    }
    query = (
        sa.select(
            _m.customer_id, _m.asked_at, sa.func.nullif(_m.asked_by, BY_HOOK), _m.override_reason,
            _m.channels, _m.template_slug, _m.send_at,
        )
        .where(_m.account_id == account_id)
        .order_by(_m.asked_at, _m.manual_ask_id)
    )  # fmt: skip
    if person_ids is not None:
        query = query.where(_m.customer_id.in_(customers_of(person_ids)))
    return frame(connection, query, schema).unique("customer_id", keep="last", maintain_order=True)
