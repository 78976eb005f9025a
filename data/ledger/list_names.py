"""The names of an account's lists, for whoever narrows a page down to one."""

from collections.abc import Collection

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.ledger.tables import lists

MOST = 200  # in a menu; older ones are found by the customers in them


def list_names(connection: Connection, account_id: int, location_ids: Collection[int]) -> list[str]:
    """The names of the lists of these locations, the newest first, each once."""
    columns = lists.c
    newest = sa.func.max(columns.list_id)
    rows = connection.scalars(
        sa.select(columns.name)
        .where(columns.account_id == account_id, columns.location_id.in_(sorted(location_ids)))
        .group_by(columns.name)
        .order_by(newest.desc())
        .limit(MOST)
    )
    return list(rows)
