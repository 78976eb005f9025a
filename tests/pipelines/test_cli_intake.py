"""The command line that takes people in: what it prints, and the code it ends with."""

import json
from csv import reader
from pathlib import Path

import pytest
import sqlalchemy as sa

from data.ledger import tables as t
from data.ledger.store import Ledger
from data.words import ConsentBasis, Role
from tests.pipelines.commands import Run
from tests.world import RULES, make_world


def csv(folder: Path, text: str, name: str = "may.csv") -> str:
    (folder / name).write_text(text)
    return str(folder / name)


@pytest.mark.slow
def test_consent_is_declared_for_a_whole_list_with_its_words_and_day(run: Run, ledger: Ledger, tmp_path: Path) -> None:
    make_world(ledger)
    with ledger.write() as c:
        rules = {name: value for name, value in RULES.items() if name != "consent"}  # as shipped
        c.execute(t.policies.update().values(rules=rules))
    file = csv(tmp_path, "email,phone,visit date\nana@example.com,312-555-0101,03/04/2026\n")
    trial = run("import", file, "--location", "chicago", "--list", "May", "--dry-run").output
    assert "cannot be asked by SMS" in trial
    assert "declared with --consent and --consent-text" in trial
    result = run(
        "import", file, "--location", "chicago", "--list", "May", "--consent", "express", "--consent-text", "Text me",
        "--consented-on", "2026-03-05", "--speed", "50/hour mon-fri 09:00-17:00", "--at", "2030-12-02 10:00",
    )  # fmt: skip
    assert result.code == 0, result.errors
    assert "month first, as is usual in US" in result.output
    assert "staff and relatives, never asked" in result.output
    with ledger.read() as c:
        consent = c.execute(sa.select(t.consents)).one()
        made = c.execute(sa.select(t.lists)).one()
    assert (consent.basis, consent.wording, consent.recorded_by) == (ConsentBasis.EXPRESS, "Text me", "command line")
    assert (made.speed, made.speed_days, made.send_at is not None) == ("50/hour", [0, 1, 2, 3, 4], True)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--consent", "verbal"), "express, purchase, inquiry"),
        (("--consent-text", "Yes"), "Say which consent"),
        (("--at", "2001-01-01 10:00"), "is past"),
        (("--speed", "0/hour"), "lets nobody be asked"),
        (("--speed", "5/hour 01:00-02:00"), "could ever go"),
    ],
)
def test_what_cannot_be_meant_beside_the_file_is_wrong_use(
    run: Run, ledger: Ledger, tmp_path: Path, options: tuple[str, ...], told: str
) -> None:
    make_world(ledger)
    result = run("import", csv(tmp_path, "email\na@example.com\n"), "--location", "chicago", "--list", "May", *options)
    assert result.code == 2
    assert told in result.errors


@pytest.mark.slow
def test_a_do_not_contact_list_and_one_contact_are_taken_in_once(run: Run, ledger: Ledger, tmp_path: Path) -> None:
    make_world(ledger)
    file = csv(tmp_path, "email\nana@example.com\nbad\n")
    first = json.loads(run("do-not-contact", file, "--json").output)
    assert (first["new"], first["known"], first["rejected"]) == (1, 0, 1)
    bad = tmp_path / "bad.csv"
    again = run("do-not-contact", file, "--rejected", str(bad))
    assert "were not to be contacted already" in again.output
    assert "bad" in bad.read_text()
    assert "will not be contacted" in run("do-not-contact", "312-555-0101", "--reason", "asked by phone").output
    assert "already" in run("do-not-contact", "(312) 555-0101").output


def test_no_cell_of_the_file_of_complaints_acts_as_a_formula(run: Run, ledger: Ledger, tmp_path: Path) -> None:
    make_world(ledger)
    acting = '=HYPERLINK(""https://evil.example"")'
    file = csv(tmp_path, f'email,phone,first name,=1+1\nbad,+1 (312) 555-0101,"{acting}",@SUM(A1)\n-1+1,,Ana,x\n')
    bad = tmp_path / "bad.csv"
    run("import", file, "--location", "chicago", "--list", "May", "--rejected", str(bad))
    cells = [cell for row in reader(bad.read_text("utf-8-sig").splitlines()) for cell in row]
    assert [cell for cell in cells if cell[:1] in tuple("=+-@\t\r")] == []
    assert {"'=1+1", '\'=HYPERLINK("https://evil.example")', "'@SUM(A1)", "'-1+1", "'+1 (312) 555-0101"} <= {*cells}


@pytest.mark.parametrize("contact", ["nobody", "nowhere.csv"])
def test_what_is_no_contact_and_no_file_is_wrong_use(run: Run, ledger: Ledger, contact: str) -> None:
    make_world(ledger)
    assert run("do-not-contact", contact).code == 2


def test_past_invitations_are_taken_in_once(run: Run, ledger: Ledger, tmp_path: Path) -> None:
    make_world(ledger)
    file = csv(tmp_path, "email,sent on\nana@example.com,2026-01-02\nbo@example.com,2099-01-02\n")
    told = run("past-invitations", file, "--location", "chicago").output
    assert "Rows turned away: 1" in told
    again = json.loads(run("past-invitations", file, "--location", "chicago", "--json").output)
    assert (again["new"], again["known"], again["rejected"]) == (0, 1, 1)


@pytest.mark.parametrize("command", ["import", "do-not-contact"])
def test_who_may_only_look_takes_nobody_in(run: Run, ledger: Ledger, tmp_path: Path, command: str) -> None:
    make_world(ledger)
    file = csv(tmp_path, "email\na@example.com\n")
    options = ("--location", "chicago", "--list", "May") if command == "import" else ()
    result = run(command, file, *options, AFTERWORD_LOCAL_USER="viewer@acme.example")
    assert result.code == 2
    assert "role cannot" in result.errors


@pytest.mark.slow
def test_who_looks_after_one_location_takes_nobody_in_for_another(run: Run, ledger: Ledger, tmp_path: Path) -> None:
    world = make_world(ledger)
    with ledger.write() as c:
        manager = c.execute(sa.select(t.users.c.user_id).where(t.users.c.role == Role.MANAGER)).scalar_one()
        c.execute(t.user_locations.insert().values(user_id=manager, location_id=world.chicago))
    file = csv(tmp_path, "email,location,invited at\na@example.com,,2026-11-01\nb@example.com,New York,2026-11-01\n")
    for command, options in (("import", ("--list", "May")), ("past-invitations", ())):
        told = run(command, file, "--location", "new-york", *options, AFTERWORD_LOCAL_USER="manager@acme.example")
        assert told.code == 2
        assert "There are: chicago." in told.errors
        kept = run(
            command, file, "--location", "chicago", *options, "--json", AFTERWORD_LOCAL_USER="Manager@acme.example"
        )
        assert (json.loads(kept.output)["new"], json.loads(kept.output)["rejected"]) == (1, 1)


def test_what_names_nobody_is_told_however_long(run: Run, ledger: Ledger) -> None:
    make_world(ledger)
    assert run("do-not-contact", "x" * 5_000).code == 2
