"""Which signed tokens callbacks have used: Mailgun signs a token and no body, so each token is good for one body.

A token is kept as its hash, for as long as the inbox keeps its keys (`data.warehouse.archive` forgets both).
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from data.ledger.rows_of import rows_of
from data.ledger.tables import callback_tokens
from data.ledger.tables.metadata import database_now

_t = callback_tokens.c
_claimed = rows_of("claims", provider=sa.String(), token=sa.String(), body_sha256=sa.String()).c


@dataclass(frozen=True, slots=True)
class Claim:
    """A post that came with a token. `body_sha256`: hex, of the whole body as it came."""

    provider: str
    token: str
    body_sha256: str


def claim_tokens(connection: Connection, claims: Sequence[Claim]) -> list[bool]:
    """Use up tokens, two statements for all; for each claim, in order, whether the token is good for its body.

    False: it came before, in this group or ever, with another body. The same post again is True: its keys tell.
    Two transactions with the same token take turns at it (PostgreSQL), the second sees what the first used it for.
    """
    named = [(one.provider, hashlib.sha256(one.token.encode()).hexdigest(), one.body_sha256) for one in claims]
    first: dict[tuple[str, str], str] = {}
    for provider, token, body in named:
        first.setdefault((provider, token), body)
    if not first:
        return []
    rows = {
        "claims": [[*token, body] for token, body in sorted(first.items())]
    }  # in one order: no lock waits in a ring
    connection.execute(_insert(connection), rows)
    used_for: dict[tuple[str, str], str] = {
        (row.provider, row.token): row.body_sha256 for row in connection.execute(_USED, rows)
    }
    return [used_for[provider, token] == body for provider, token, body in named]


def _insert(connection: Connection) -> sa.Insert:
    insert: Any = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    claimed = sa.select(_claimed.provider, _claimed.token, _claimed.body_sha256, database_now())
    # "where true": without it SQLite takes ON CONFLICT for a join's condition
    new = insert(callback_tokens).from_select(
        ["provider", "token", "body_sha256", "received_at"], claimed.where(sa.true())
    )
    inserted: sa.Insert = new.on_conflict_do_nothing(index_elements=["provider", "token"])
    return inserted


_USED = sa.select(_t.provider, _t.token, _t.body_sha256).join(
    _claimed.provider.table, sa.and_(_t.provider == _claimed.provider, _t.token == _claimed.token)
)
