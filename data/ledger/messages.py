"""What a claimed request says and to whom: the request with its template, customer, location and account."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.ledger.rows_of import listed, one_of
from data.ledger.tables import (
    accounts,
    customers,
    invitations,
    locations,
    requests,
    sequence_steps,
    sequences,
    templates,
)
from data.words import Channel

_ENGLISH = "en"

_r, _t, _l, _cu = requests.c, templates.c, locations.c, customers.c
_OF_REQUESTS: sa.Select[Any] = (
    sa.select(
        _r.request_id,
        _r.template_id,
        _r.location_id,
        _r.address,
        _r.link_token,
        _r.unsubscribe_token,
        _cu.first_name,
        _cu.last_name,
        _cu.employee,
        _cu.service,
    )
    .select_from(
        requests.join(invitations, invitations.c.invitation_id == _r.invitation_id).join(
            customers, _cu.customer_id == invitations.c.customer_id
        )
    )
    .where(_r.request_id.in_(one_of("request_ids", sa.BigInteger())))
)
_TEMPLATES: sa.Select[Any] = sa.select(_t.template_id, _t.subject, _t.body, _t.language, _t.provider_template_id).where(
    _t.template_id.in_(one_of("template_ids", sa.BigInteger()))
)
_LOCATIONS: sa.Select[Any] = (
    sa.select(
        _l.location_id,
        _l.name.label("location"),
        _l.reply_to,
        _l.color,
        accounts.c.name.label("account"),
        accounts.c.postal_address,
    )
    .join(accounts, accounts.c.account_id == _l.account_id)
    .where(_l.location_id.in_(one_of("location_ids", sa.BigInteger())))
)


@dataclass(frozen=True, slots=True)
class Contents:
    """What messages are made of. `rows`: request_id, template_id, location_id, address, link_token, unsubscribe_token,
    first_name, last_name, employee, service. `templates` and `locations`, read once each, by their ids: subject, body,
    language, provider_template_id; location, reply_to, color, account, postal_address."""

    rows: Sequence[Any]
    templates: Mapping[int, Any]
    locations: Mapping[int, Any]


def read_contents(connection: Connection, request_ids: Collection[int]) -> Contents:
    """Everything that the requests' messages are made of."""
    rows = connection.execute(_OF_REQUESTS, {"request_ids": listed(request_ids)}).all()
    template_ids, location_ids = {row[1] for row in rows}, {row[2] for row in rows}
    found = connection.execute(_TEMPLATES, {"template_ids": listed(template_ids)})
    places = connection.execute(_LOCATIONS, {"location_ids": listed(location_ids)})
    return Contents(rows, {row.template_id: row for row in found}, {row.location_id: row for row in places})


def read_first_ask(
    connection: Connection, channel: Channel, *, template: str | None = None, location_id: int | None = None
) -> Any | None:
    """The newest first-step template of the first location's sequence for this channel, with location and account.

    `template`, `location_id`: the text of this name instead, in English if there is, and this location. None if there
    is none in any sequence.

    subject, body, location, reply_to, color, account, postal_address.
    """
    is_text = sequence_steps.c.template_slug == templates.c.slug if template is None else templates.c.slug == template
    is_place = sa.true() if location_id is None else locations.c.location_id == location_id
    return connection.execute(
        sa.select(
            templates.c.subject,
            templates.c.body,
            locations.c.name.label("location"),
            locations.c.reply_to,
            locations.c.color,
            accounts.c.name.label("account"),
            accounts.c.postal_address,
        )
        .select_from(
            templates.join(accounts, accounts.c.account_id == templates.c.account_id)
            .join(locations, locations.c.account_id == accounts.c.account_id)
            .join(sequences, sequences.c.account_id == accounts.c.account_id)
            .join(
                sequence_steps,
                sa.and_(
                    sequence_steps.c.sequence_id == sequences.c.sequence_id,
                    sequence_steps.c.step == 0,
                    is_text,
                ),
            )
        )
        .where(templates.c.channel == channel, is_place)
        .order_by(
            locations.c.location_id,
            sa.case((sequences.c.sequence_id == locations.c.sequence_id, 0), else_=1),
            sequences.c.sequence_id.desc(),
            *([] if template is None else [sa.case((templates.c.language == _ENGLISH, 0), else_=1)]),
            templates.c.version.desc(),
        )
        .limit(1)
    ).first()
