"""`afterword ask`: one customer, by hand, in words that say what follows."""

import json
from pathlib import Path

from PIL import Image

from data.ledger.store import Ledger
from data.ledger.tables import ask_attachments, manual_asks
from data.words import AddressKind
from tests.pipelines.commands import Run
from tests.world import make_customer, make_world, suppress


def test_asking_by_hand_says_when_it_may_go_and_a_second_time_is_refused(run: Run, ledger: Ledger) -> None:
    make_customer(ledger, make_world(ledger), email="ana@example.com", phone="+13125550100")
    told = run("ask", "(312) 555-0100", "--location", "chicago", "--override", "at the desk")
    assert told.code == 0, told.errors
    assert "Asked for." in told.output
    assert "Acme Chicago: may be asked" in told.output
    again = run("ask", "ana@example.com", "--location", "chicago", "--json")
    assert again.code == 1
    assert json.loads(again.output)["done"] is False
    with ledger.read() as c:
        [row] = c.execute(manual_asks.select()).all()
    assert (row.asked_by, row.override_reason) == ("command line", "at the desk")


def test_a_contact_or_location_that_is_not_there_is_named(run: Run, ledger: Ledger) -> None:
    world = make_world(ledger)
    make_customer(ledger, world, email="ana@example.com", phone="+13125550100")
    assert "Nobody at new-york has this address" in run("ask", "ana@example.com", "--location", "new-york").errors
    wrong = run("ask", "ana@example.com", "--location", "boston")
    assert wrong.code == 2
    assert "There are: chicago, new-york" in wrong.errors
    suppress(ledger, world, AddressKind.EMAIL, "ana@example.com")
    refused = run("ask", "ana@example.com", "--location", "chicago", "--override", "at the desk")
    assert refused.code == 1
    assert "must not be contacted: they texted STOP" in refused.errors


def test_files_attached_are_read_and_what_cannot_be_is_named(run: Run, ledger: Ledger, tmp_path: Path) -> None:
    make_customer(ledger, make_world(ledger), email="ana@example.com", phone="+13125550100")
    good, bad = tmp_path / "good.png", tmp_path / "bad.png"
    Image.new("RGB", (30, 20), "red").save(good)
    bad.write_text("<svg/>")
    wanted = ("ask", "ana@example.com", "--location", "chicago", "--attach", str(good), "--attach")
    for attached, words in (
        (tmp_path / "none.png", "is not there"),
        (tmp_path, "is not there"),
        (bad, "bad.png is an"),
    ):
        refused = run(*wanted, str(attached))
        assert refused.code == 1
        assert words in refused.errors
    told = run(*wanted, str(good))
    assert told.code == 0, told.errors
    assert "2 pictures go along" in told.output
    with ledger.read() as c:
        assert len(c.execute(ask_attachments.select()).all()) == 4
