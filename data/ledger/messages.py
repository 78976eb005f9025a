"""What a claimed request says and to whom: the request with its template, customer, location and account."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

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


def read_contents(connection: Connection, request_ids: Sequence[int]) -> Sequence[Any]:
    """One row per request with everything its message is made of.

    request_id, attempt_id, channel, address, link_token, unsubscribe_token, subject, body, language,
    provider_template_id, first_name, last_name, employee, service, location, reply_to, color, account, postal_address.
    """
    return connection.execute(
        sa.select(
            requests.c.request_id,
            requests.c.attempt_id,
            requests.c.channel,
            requests.c.address,
            requests.c.link_token,
            requests.c.unsubscribe_token,
            templates.c.subject,
            templates.c.body,
            templates.c.language,
            templates.c.provider_template_id,
            customers.c.first_name,
            customers.c.last_name,
            customers.c.employee,
            customers.c.service,
            locations.c.name.label("location"),
            locations.c.reply_to,
            locations.c.color,
            accounts.c.name.label("account"),
            accounts.c.postal_address,
        )
        .select_from(
            requests.join(invitations, invitations.c.invitation_id == requests.c.invitation_id)
            .join(customers, customers.c.customer_id == invitations.c.customer_id)
            .join(locations, locations.c.location_id == requests.c.location_id)
            .join(accounts, accounts.c.account_id == requests.c.account_id)
            .join(templates, templates.c.template_id == requests.c.template_id)
        )
        .where(requests.c.request_id.in_(request_ids))
    ).all()


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
