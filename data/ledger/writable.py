"""Whether the ledger can be written: a full disk, a file system that went read-only, a server that is a copy now."""

from data.ledger.store import Ledger
from data.ledger.tables import system
from data.ledger.tables.metadata import database_now


def prove_writable(ledger: Ledger) -> None:
    """Commit something durable that means nothing to anybody. Raises sqlalchemy.exc.SQLAlchemyError if it can't be.

    Another value each time: what does not change SQLite does not write.
    """
    with ledger.write() as connection:
        connection.execute(system.update().values(changed_at=database_now()))
