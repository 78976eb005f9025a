"""The one account of a ledger, read. Apart from `accounts`, which knows the file: every command asks for this."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from data.ledger import tables as t


def the_account(connection: Connection) -> Row[Any]:
    """The ledger's one account, every column.

    Raises LookupError with the command that makes it.
    """
    row = connection.execute(sa.select(t.accounts).order_by(t.accounts.c.account_id)).first()
    if row is None:
        raise LookupError("There is no account yet. Run `afterword init FILE` with your account's TOML file.")
    return row


def has_account(connection: Connection) -> bool:
    """Whether `init` has run on this ledger."""
    return connection.execute(sa.select(t.accounts.c.account_id)).first() is not None
