"""`afterword undo LIST`: a list is taken back at the terminal, and it is clear which one."""

import json

import pytest
import sqlalchemy as sa

from data.ledger import tables as t
from data.ledger.store import Ledger
from invitations.queueing import plan_and_queue
from invitations.take_in import import_customers
from tests.pipelines.commands import Run
from tests.world import NOON, make_world


@pytest.fixture(autouse=True)
def lists(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """ "May" at both locations, "June" in Chicago; all planned."""
    monkeypatch.setenv("AFTERWORD_NOW", NOON.isoformat())
    make_world(ledger)
    for number, (name, place) in enumerate((("May", "chicago"), ("May", "new-york"), ("June", "chicago"))):
        import_customers(
            ledger, f"email\na{number}@example.com\nb{number}@example.com\n".encode(), file_name="x.csv",
            location=place, list_name=name, channels=None, speed=None, imported_by="owner@acme.example",
        )  # fmt: skip
    plan_and_queue(ledger, now=NOON)


def undone(ledger: Ledger) -> list[int]:
    with ledger.read() as c:
        return list(c.execute(sa.select(t.lists.c.list_id).where(t.lists.c.undone_at.is_not(None))).scalars())


def test_a_list_is_taken_back_by_its_name_after_a_look_at_what_would_end(run: Run, ledger: Ledger) -> None:
    assert json.loads(run("undo", "June", "--dry-run", "--json").output) == {"messages": 2, "waiting": 2, "asked": 0}
    assert "queued messages that would not be sent" in run("undo", "June", "--dry-run").output
    assert undone(ledger) == []
    assert "2 queued messages won't be sent" in run("undo", "June").output
    again = run("undo", "June")
    assert (again.code, "taken back already" in again.output) == (0, True)
    assert undone(ledger) == [3]


def test_of_several_lists_of_a_name_the_one_that_is_meant_is_named_by_place_or_number(run: Run, ledger: Ledger) -> None:
    several = run("undo", "May")
    assert several.code == 2
    assert "2: new-york" in several.errors.replace("│ ", "")
    assert undone(ledger) == []
    assert run("undo", "May", "--location", "chicago").code == 0
    assert run("undo", "2").code == 0
    assert undone(ledger) == [1, 2]
    assert run("undo", "99").code == 2
