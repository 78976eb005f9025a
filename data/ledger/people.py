"""People by their addresses, and what is open for them."""

from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.ledger.rows_of import listed, one_of
from data.ledger.tables import accounts, invitations, people, person_addresses
from data.words import AddressKind, InvitationStatus


def find_person(connection: Connection, account_id: int, kind: AddressKind, address: str) -> int | None:
    """Whoever owns this normalised address; None when nobody does."""
    return connection.execute(
        sa.select(person_addresses.c.person_id).where(
            person_addresses.c.account_id == account_id,
            person_addresses.c.kind == kind,
            person_addresses.c.address == address,
        )
    ).scalar_one_or_none()


_LOCK = (
    sa.select(people.c.person_id)
    .where(people.c.person_id.in_(one_of("person_ids", sa.BigInteger())))
    .order_by(people.c.person_id)
    .with_for_update(key_share=True)
)


def lock_people(connection: Connection, person_ids: Collection[int]) -> None:
    """Hold these people's rows until the transaction ends, in one order; on SQLite writers take turns anyway."""
    if person_ids and connection.dialect.name != "sqlite":
        connection.execute(_LOCK, {"person_ids": listed(person_ids)})


def stop_open_invitations(connection: Connection, person_id: int, *, by: str, at: datetime) -> int:
    """Stop every active invitation of the person, at all locations; how many there were."""
    return connection.execute(
        invitations.update()
        .where(invitations.c.person_id == person_id, invitations.c.status == InvitationStatus.ACTIVE)
        .values(status=InvitationStatus.STOPPED, stopped_at=at, stopped_by=by)
    ).rowcount


def account_ids(connection: Connection) -> list[int]:
    """Every account of this ledger (one, today)."""
    return list(connection.execute(sa.select(accounts.c.account_id)).scalars())
