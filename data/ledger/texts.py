"""What text messages will say: every template with its category, and what fills it for each customer. For foreseeing
how long they get, before anything is queued; a claimed message's own content is `messages`.
"""

from dataclasses import dataclass, field

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.ledger.tables import customers, locations, templates

VALUES = ("first_name", "last_name", "employee", "service", "location")


@dataclass(frozen=True, slots=True)
class Texts:
    """`templates`: template_id, body, category (WhatsApp only). `customers`: customer_id and what VALUES names."""

    templates: pl.DataFrame
    customers: pl.DataFrame = field(repr=False)


def read_texts(connection: Connection, account_id: int) -> Texts:
    """Everything an account's text messages are made of."""
    columns = templates.c
    bodies = connection.execute(
        sa.select(columns.template_id, columns.body, sa.type_coerce(columns.category, sa.String)).where(
            columns.account_id == account_id
        )
    )
    whose = customers.c
    values = connection.execute(
        sa.select(
            whose.customer_id, whose.first_name, whose.last_name, whose.employee, whose.service, locations.c.name
        )
        .join(locations, locations.c.location_id == whose.location_id)
        .where(whose.account_id == account_id)
    )  # fmt: skip
    return Texts(
        pl.DataFrame(
            [tuple(row) for row in bodies],
            schema={"template_id": pl.Int64, "body": pl.String, "category": pl.String},
            orient="row",
        ),
        pl.DataFrame(
            [tuple(row) for row in values],
            schema={"customer_id": pl.Int64, **dict.fromkeys(VALUES, pl.String)},
            orient="row",
        ),
    )
