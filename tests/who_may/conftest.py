"""The town that everybody of these tests plays in, made once a module, and copies of it to play on."""

import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from data.ledger import tables as t
from data.ledger.store import Ledger, open_ledger
from data.settings import Settings
from data.words import InvitationStatus, RequestStatus
from invitations.take_in import import_customers
from tests.who_may.stage import Stage
from tests.world import NOON, World, insert, make_customer, make_request, make_system, make_world

Town = tuple[Path, World, dict[str, int]]


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Town:
    """The stage's ledger as a file, made once; each cell plays on a copy."""
    home = tmp_path_factory.mktemp("town")
    shutil.copy2(sqlite_template, home / "ledger.sqlite")
    ledger = open_ledger(Settings(home=home, now=NOON))
    make_system(ledger)
    world = make_world(ledger)
    ids = _people(ledger, world)
    report = import_customers(
        ledger, b"first name,email\nGil,gil@example.com\n", file_name="gil.csv", location="chicago", list_name="Gil",
        channels=None, speed=None, imported_by="owner@acme.example",
    )  # fmt: skip
    assert report.new_count == 1
    with ledger.write() as c:
        ids["review"] = insert(
            c, t.reviews, account_id=world.account_id, location_id=world.chicago, platform="google",
            provider_review_id="r1", reviewer_name="Ana R.", stars=4, body="Fine.", reviewed_at=NOON,
        )  # fmt: skip
        ids["list"] = c.execute(sa.select(t.lists.c.list_id)).scalar_one()
    ledger.close()
    return home / "ledger.sqlite", world, ids


def _people(ledger: Ledger, world: World) -> dict[str, int]:
    """Ana is going on, Ben's message is paused, Cleo was stopped after her first, Fay was never asked."""
    who = {
        name: make_customer(ledger, world, email=f"{name}@example.com", phone=f"+1312555010{number}")
        for number, name in enumerate(("ana", "ben", "cleo", "fay"))
    }
    queued, paused = make_request(ledger, world, who["ana"]), make_request(ledger, world, who["ben"])
    make_request(ledger, world, who["cleo"], status=RequestStatus.SENT, handed_at=NOON - timedelta(days=1))
    i, r = t.invitations.c, t.requests.c
    with ledger.write() as c:
        c.execute(t.requests.update().where(r.request_id == paused).values(paused_at=NOON, paused_by="owner"))
        stopped = {"status": InvitationStatus.STOPPED, "stopped_at": NOON - timedelta(hours=1)}
        c.execute(t.invitations.update().where(i.customer_id == who["cleo"]).values(**stopped))
        found = {row.customer_id: row.invitation_id for row in c.execute(sa.select(i.customer_id, i.invitation_id))}
    ids = {**who, "queued": queued, "paused": paused}
    return ids | {"going": found[who["ana"]], "stopped": found[who["cleo"]]}


@pytest.fixture
def new_stage(town: Town, tmp_path: Path) -> Iterator[Callable[[], Stage]]:
    """A stage nobody has played on."""
    path, world, ids = town
    made: list[Ledger] = []

    def new() -> Stage:
        home = tmp_path / f"home-{len(made)}"
        home.mkdir()
        shutil.copy2(path, home / "ledger.sqlite")
        made.append(open_ledger(Settings(home=home, now=NOON)))
        return Stage(made[-1], world, ids)

    yield new
    for ledger in made:
        ledger.close()
