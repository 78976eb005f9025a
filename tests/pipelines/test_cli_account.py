"""`init` and `import`: what is refused before anything is written, and how every bad row is told."""

import csv
import json
from pathlib import Path

import pytest
import sqlalchemy as sa

from data.ledger.store import Ledger
from data.ledger.tables import lists, quota_boosts, users
from data.ledger.tables.metadata import metadata
from data.words import Role
from invitations.actor import Actor, Done
from invitations.change_settings import Edit, change_settings
from invitations.settings_effect import Table
from tests.pipelines.commands import Run
from tests.world import make_world

ACCOUNT = Path(__file__).parents[2] / "data" / "samples" / "account.toml"


def wrong_policy(tmp_path: Path, old: str, new: str) -> str:
    file = tmp_path / "account.toml"
    text = ACCOUNT.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    return str(file)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('opens = "08:00"', 'opens = "21:00"', "quiet_hours: opens and closes at the same time"),
        ('opens = "08:00"', 'opens = "8 o\'clock"', 'quiet_hours.opens: found "8 o\'clock"'),
        ('stop_when = ["scored"', 'stop_when = ["happy"', "stop_when"),
        ('closes = "21:00"', 'closes = "21:00"\nevenings = true', "evenings: not a setting"),
    ],
)
def test_a_policy_that_cannot_be_read_is_refused_before_anything_is_written(
    run: Run, home: Path, old: str, new: str, told: str
) -> None:
    result = run("init", wrong_policy(home.parent, old, new))
    assert result.code == 2
    assert "account.toml: [policy]" in result.errors
    assert told in result.errors
    assert list(home.iterdir()) == []


@pytest.mark.parametrize(("old", "new"), [('"21:00"', '"24:00"'), ('"21:00"', '"02:00"')])
@pytest.mark.slow
def test_hours_until_midnight_and_past_it_are_taken(run: Run, tmp_path: Path, old: str, new: str) -> None:
    result = run("init", wrong_policy(tmp_path, old, new), "--json")
    assert result.code == 0, result.errors
    assert any("policy" in change for change in json.loads(result.output)["changes"])


def test_settings_that_cannot_be_lived_up_to_are_refused_before_anything_is_written(
    run: Run, home: Path, tmp_path: Path
) -> None:
    result = run("init", wrong_policy(tmp_path, "cap_days = 90", "cap_days = 5"))
    assert result.code == 2
    assert "account.toml: [policy], key cap_days: found 5" in result.errors
    assert list(home.iterdir()) == []


@pytest.mark.slow
def test_a_dry_run_of_init_says_what_would_change_and_writes_nothing(run: Run, home: Path, tmp_path: Path) -> None:
    tried = json.loads(run("init", str(ACCOUNT), "--dry-run", "--json").output)
    assert tried["dry_run"]
    assert list(home.iterdir()) == []
    assert json.loads(run("init", str(ACCOUNT), "--json").output)["changes"] == tried["changes"]
    changed = wrong_policy(tmp_path, "cap_days = 90", "cap_days = 60")
    for _ in range(2):
        told = run("init", changed, "--dry-run")
        assert told.code == 0, told.errors
        assert "Nothing is written. These changes would be made:" in told.output
        assert "Created policy, version 2: cap_days changed" in told.output


def test_a_boost_adds_to_the_cycle_that_runs_and_says_so(run: Run, ledger: Ledger) -> None:
    make_world(ledger, quota=100)
    told = run("boost", "25", AFTERWORD_NOW="2026-11-23T18:00:00Z")
    assert told.code == 0, told.errors
    assert "Bought 25 more invitations: 125 of 125 are left until 1 December" in told.output
    assert json.loads(run("boost", "5", "--json", AFTERWORD_NOW="2026-11-23T18:00:00Z").output)["done"]
    with ledger.read() as connection:
        bought = connection.execute(sa.select(quota_boosts.c.invitations, quota_boosts.c.bought_by)).all()
    assert bought == [(25, "command line"), (5, "command line")]


@pytest.mark.parametrize(
    ("number", "user", "told"),
    [
        ("0", "owner@acme.example", "name a number from 1"),
        ("25", "manager@acme.example", "Manager role cannot buy more invitations"),
    ],
)
def test_what_cannot_be_bought_is_told(run: Run, ledger: Ledger, number: str, user: str, told: str) -> None:
    make_world(ledger)
    result = run("boost", number, AFTERWORD_LOCAL_USER=user)
    assert result.code == 1
    assert told in result.errors


MIXED = "first name,email,phone\nAna,ana@example.com,12\nBo,not an address,\nCy,neither,34\n"


@pytest.mark.slow
def test_rows_turned_away_and_rows_taken_in_with_a_complaint_are_told_apart(
    run: Run, ledger: Ledger, tmp_path: Path
) -> None:
    make_world(ledger)
    file, rejected = tmp_path / "may.csv", tmp_path / "rejected.csv"
    file.write_text(MIXED)
    result = run("import", str(file), "--location", "chicago", "--list", "May", "--rejected", str(rejected))
    assert "Rows turned away: 2, with 3 complaints" in result.output
    assert "Rows taken in with a complaint: 1" in result.output
    rows = list(csv.DictReader(rejected.read_text(encoding="utf-8-sig").splitlines()))
    assert [(row["line"], row["row"], row["column"], row["first name"]) for row in rows] == [
        ("2", "taken in", "phone", "Ana"), ("3", "turned away", "email", "Bo"),
        ("4", "turned away", "email", "Cy"), ("4", "turned away", "phone", "Cy"),
    ]  # fmt: skip
    assert rejected.stat().st_mode & 0o077 == 0
    again = run("import", str(file), "--location", "chicago", "--list", "May", "--rejected", str(rejected))
    assert "taken in before" in again.output
    assert len(rejected.read_text().splitlines()) == 5


@pytest.mark.slow
def test_every_cell_of_every_rejected_row_is_written_whatever_its_columns_are_called(
    run: Run, ledger: Ledger, tmp_path: Path
) -> None:
    make_world(ledger)
    file, rejected = tmp_path / "may.csv", tmp_path / "rejected.csv"
    bad = "".join(f"nobody {number},because {number},[red]x[/red]\n" for number in range(50))
    file.write_text(f"email,reason,note\nana@example.com,,\n{bad}only,two,three,four\n")
    result = run("import", str(file), "--location", "chicago", "--list", "May", "--rejected", str(rejected))
    assert result.code == 0, result.errors
    rows = list(csv.DictReader(rejected.read_text(encoding="utf-8-sig").splitlines()))
    assert len(rows) == 51
    assert rows[7]["reason"] == "because 7"
    assert rows[7]["note"] == "[red]x[/red]"
    assert "not an email" in rows[7]["reason (complaint)"]
    assert rows[50]["column 4"] == "four"


def test_the_rejected_rows_may_not_overwrite_the_file_they_come_from(run: Run, ledger: Ledger, tmp_path: Path) -> None:
    make_world(ledger)
    file = tmp_path / "may.csv"
    file.write_text(MIXED)
    arguments = ("import", str(file), "--location", "chicago", "--list", "May", "--rejected")
    assert run(*arguments, str(file)).code == 2
    assert run(*arguments, str(tmp_path / "nowhere" / "x.csv")).code == 2
    assert file.read_text() == MIXED
    with ledger.read() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(lists)).scalar_one() == 0


@pytest.mark.slow
def test_a_dry_run_writes_nothing(run: Run, ledger: Ledger, tmp_path: Path) -> None:
    make_world(ledger)
    file = tmp_path / "may.csv"
    file.write_text(MIXED)
    with ledger.read() as connection:
        before = {table.name: connection.execute(sa.select(table)).all() for table in metadata.sorted_tables}
    assert run("import", str(file), "--location", "chicago", "--list", "May", "--dry-run").code == 0
    with ledger.read() as connection:
        after = {table.name: connection.execute(sa.select(table)).all() for table in metadata.sorted_tables}
    assert after == before


@pytest.mark.slow
def test_only_who_may_change_settings_brings_a_file_in(run: Run) -> None:
    made = run("init", str(ACCOUNT), AFTERWORD_LOCAL_USER="tomas.rivera@harborandpine.example.com")
    assert made.code == 0, made.errors  # nobody has a role before there is an account
    assert "from every location" not in made.output
    refused = run("init", str(ACCOUNT), AFTERWORD_LOCAL_USER="tomas.rivera@harborandpine.example.com")
    assert refused.code == 2
    assert "The Viewer role cannot change settings" in refused.errors
    assert run("init", str(ACCOUNT), AFTERWORD_LOCAL_USER="samir.haddad@harborandpine.example.com").code == 0


@pytest.mark.slow
def test_a_file_makes_nobody_an_owner_unless_an_owner_brings_it(run: Run, ledger: Ledger, tmp_path: Path) -> None:
    assert run("init", str(ACCOUNT)).code == 0
    own = tmp_path / "account.toml"
    samir = 'name = "Samir Haddad"\nrole = "admin"'
    assert samir in ACCOUNT.read_text()
    own.write_text(ACCOUNT.read_text().replace(samir, samir.replace("admin", "owner")))
    for options in ((), ("--dry-run",)):
        refused = run("init", str(own), *options, AFTERWORD_LOCAL_USER="samir.haddad@harborandpine.example.com")
        assert (refused.code, "Only an owner may make somebody an owner" in refused.errors) == (2, True)
    with ledger.read() as connection:
        owners = connection.execute(sa.select(users.c.name).where(users.c.role == Role.OWNER)).scalars().all()
    assert owners == ["Nora Lindqvist"]
    assert run("init", str(own), AFTERWORD_LOCAL_USER="nora.lindqvist@harborandpine.example.com").code == 0


@pytest.mark.slow
def test_a_file_older_than_the_dashboard_is_refused_with_what_it_would_undo_until_it_is_meant(
    run: Run, ledger: Ledger
) -> None:
    assert run("init", str(ACCOUNT)).code == 0
    owner = Actor("nora.lindqvist@harborandpine.example.com", Role.OWNER, 1)
    edit = Edit(Table.LOCATIONS, ("boston",), {"color": "#0F766E"}, {"color": "#112233"})
    assert isinstance(change_settings(ledger, owner, [edit], now=ledger.policy_now()), Done)
    refused = run("init", str(ACCOUNT))
    assert refused.code == 2
    assert "color from #112233 to #0F766E (undoes what nora.lindqvist@" in refused.errors
    assert "Download account.toml" in refused.errors
    assert "undoes what nora.lindqvist@" in run("init", str(ACCOUNT), "--dry-run").output
    assert run("init", str(ACCOUNT), "--undo-dashboard").code == 0
    assert run("init", str(ACCOUNT)).output.strip() == "Nothing differs."
