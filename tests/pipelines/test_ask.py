"""`afterword ask`: one customer, by hand, in words that say what follows."""

import json
from pathlib import Path

import pytest
from PIL import Image

from data.ledger.store import Ledger
from data.ledger.tables import ask_attachments, manual_asks
from data.words import AddressKind
from tests.pipelines.commands import Run
from tests.world import make_customer, make_world, suppress


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
def test_channels_text_and_time_are_named_and_can_be_tried_before(run: Run, ledger: Ledger) -> None:
    make_customer(ledger, make_world(ledger), email="ana@example.com", phone="+13125550100")
    wanted = ["ask", "ana@example.com", "--location", "chicago", "--channels", "email,sms", "--template", "reminder"]
    at = ["--at", "2199-11-24 10:00"]
    refused = run(*wanted, *at)
    assert refused.code == 1
    assert "more than a year ahead" in refused.errors
    fixed = {"AFTERWORD_NOW": "2026-11-23T18:00:00Z"}
    at = ["--at", "2026-11-24 10:00"]
    told = run(*wanted, *at, "--dry-run", **fixed)
    assert told.code == 0, told.errors
    assert "may be asked from Tue 24 Nov 2026, 10:00 Chicago time" in told.output
    assert "by email and SMS" in told.output
    foreseen = json.loads(run(*wanted, *at, "--dry-run", "--json", **fixed).output)
    assert (foreseen["earliest_at"], foreseen["channels"]) == ("2026-11-24T16:00:00+00:00", ["email", "sms"])
    with ledger.read() as c:
        assert c.execute(manual_asks.select()).all() == []
    done = run(*wanted, *at, **fixed)
    assert done.code == 0, done.errors
    assert 'It goes by email and SMS, with the text "reminder", not before Tue 24 Nov 2026, 10:00' in done.output
    with ledger.read() as c:
        [row] = c.execute(manual_asks.select()).all()
    assert (row.channels, row.template_slug) == (["email", "sms"], "reminder")


@pytest.mark.slow
def test_what_cannot_be_named_is_refused_in_words(run: Run, ledger: Ledger) -> None:
    make_customer(ledger, make_world(ledger), email="ana@example.com", phone="+13125550100")
    wanted = ["ask", "ana@example.com", "--location", "chicago"]
    for more, code, words in (
        (["--channels", "fax"], 2, "sms, email, whatsapp"),
        (["--at", "soon"], 2, 'Expected one such as "2026-12-01 10:00"'),
        (["--at", "2020-01-01 10:00"], 2, "is past"),
        (["--channels", "whatsapp"], 1, "WhatsApp is switched off"),
        (["--template", "autumn", "--dry-run"], 1, "There are: ask, reminder"),
    ):
        refused = run(*wanted, *more)
        assert (refused.code, words in refused.errors) == (code, True), refused.errors
    with ledger.read() as c:
        assert c.execute(manual_asks.select()).all() == []


@pytest.mark.slow
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
