"""A stage for who may do what: one copy of a small town where each action has something to act on."""

from dataclasses import dataclass
from typing import Any

from data.ledger import tables as t
from data.ledger.store import Ledger
from data.words import Role
from invitations.actor import Actor
from tests.world import World

FILE = b"first name,email\nDora,dora@example.com\n"


@dataclass(frozen=True)
class Stage:
    """The ledger, and the ids of who and what is there by name."""

    ledger: Ledger
    world: World
    ids: dict[str, int]

    def actor(self, role: Role) -> Actor:
        return Actor(f"{role.value}@acme.example", role, self.world.account_id)

    def rows(self) -> dict[str, list[tuple[Any, ...]]]:
        """Everything in the ledger."""
        with self.ledger.read() as c:
            return {
                table.name: [tuple(row) for row in c.execute(table.select().order_by(*table.primary_key))]
                for table in t.metadata.sorted_tables
            }
