"""What another system asked before this one did: rows about addresses, each once."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.dialects import postgresql, sqlite

from data.ledger.identities import Address
from data.ledger.store import Ledger, again_if_undone
from data.ledger.tables import past_invitations

_ONCE = ("account_id", "kind", "address", "location_id", "invited_at")


@again_if_undone
def add_past_invitations(
    ledger: Ledger, account_id: int, rows: Sequence[tuple[int, datetime, Sequence[Address]]], *, by: str
) -> int:
    """Keep `rows` (location, when, addresses); how many of them told us something new. One transaction."""
    insert = sqlite.insert if ledger.is_sqlite else postgresql.insert
    once = insert(past_invitations).on_conflict_do_nothing(index_elements=_ONCE)
    made = once.returning(past_invitations.c.past_invitation_id)
    new = 0
    with ledger.write() as connection:
        for location_id, invited_at, addresses in rows:
            is_new = False
            for kind, address in addresses:
                values = {
                    "account_id": account_id, "location_id": location_id, "kind": kind, "address": address,
                    "invited_at": invited_at, "recorded_by": by,
                }  # fmt: skip
                is_new |= connection.execute(made, values).first() is not None
            new += is_new
    return new
