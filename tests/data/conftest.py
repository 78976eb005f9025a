"""A world of two locations, and its history: where it is kept, read and published."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from data.ledger import tables as t
from data.ledger.store import Ledger
from data.warehouse import Warehouse
from data.warehouse.load import load_from_ledger
from data.warehouse.reader import Reader, open_reader
from tests.world import World, make_world


@pytest.fixture
def world(ledger: Ledger) -> World:
    return make_world(ledger)


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(tmp_path / "warehouse", lock_seconds=10)


@pytest.fixture
def reader(ledger: Ledger, warehouse: Warehouse) -> Reader:
    return open_reader(ledger, warehouse.folder)


@pytest.fixture
def publish(ledger: Ledger, warehouse: Warehouse) -> Callable[[], None]:
    def load_and_publish() -> None:
        load_from_ledger(ledger, warehouse)
        assert warehouse.publish(force=True)
        _age_the_ledger(ledger)

    return load_and_publish


def _age_the_ledger(ledger: Ledger) -> None:
    """Make what is there an hour old, so that only what follows counts as changed since the copy."""
    with ledger.write() as c:
        for table in (t.customers, t.invitations, t.requests, t.scores, t.reviews, t.runs):
            hour_ago = ledger.now(c) - timedelta(hours=1)
            c.execute(table.update().values(changed_at=hour_ago))
        c.execute(t.events.update().values(recorded_at=hour_ago))
        c.execute(t.suppressions.update().values(created_at=hour_ago))
