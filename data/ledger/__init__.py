"""The ledger: the truth about what must be done. SQLite (WAL) by default, PostgreSQL by URL.

`store` opens it and owns transactions, `tables` says what is in it, `migrate` brings it to this version; the
other modules read and write rows, one subject each. Deciding what to write belongs in `invitations`.
"""

from data.ledger.store import Ledger, open_ledger

__all__ = ["Ledger", "open_ledger"]
