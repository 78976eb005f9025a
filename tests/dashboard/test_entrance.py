"""Who gets in, and what the dashboard drags along."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
import streamlit as st

from dashboard import desk
from data.ledger import tables as t
from data.ledger.access import access_of, system_state
from data.ledger.store import Ledger
from data.settings import Settings
from data.warehouse.reader import open_reader
from data.words import Role
from tests.conftest import DATABASES
from tests.dashboard.conftest import APP, Open, text
from tests.world import NOON, World

pytestmark = [pytest.mark.slow, pytest.mark.one_database]
PAGES = sorted(path.stem for path in APP.parent.glob("views/[a-z]*.py"))


def test_without_a_named_user_it_says_what_to_set_and_shows_nothing(world: World, look: Open) -> None:
    app = look(as_user=None)
    assert "AFTERWORD_LOCAL_USER" in text(app)
    assert "Total Invited Customers" not in text(app)


def test_a_user_whom_the_account_does_not_know_is_turned_away(world: World, look: Open) -> None:
    app = look(as_user="nobody")
    assert "names nobody the account knows" in text(app)
    assert "Total Invited Customers" not in text(app)


def test_a_ledger_without_an_account_names_the_command_that_makes_one(ledger: Ledger, look: Open) -> None:
    assert "afterword init" in text(look(as_user=None))


@pytest.mark.slow
def test_the_role_switcher_is_on_a_demo_ledger_only(ledger: Ledger, world: World, look: Open) -> None:
    assert not [box for box in look().selectbox if box.key == "view_as"]
    with ledger.write() as c:
        c.execute(t.system.update().values(is_demo=True))
    app = look(as_user=None)
    assert "Total Invited Customers" in text(app)
    app.selectbox(key="view_as").set_value(f"{Role.AGENCY_CLIENT.value}@acme.example").run()
    assert not app.exception
    assert "Total Invited Customers" not in text(app)


@pytest.mark.slow
def test_a_role_taken_away_is_gone_on_the_next_look(ledger: Ledger, world: World, look: Open) -> None:
    app = look("runs")
    assert [button.key for button in app.button] == ["halt"]
    with ledger.write() as c:
        c.execute(t.users.update().where(t.users.c.role == Role.OWNER).values(role=Role.VIEWER))
    app.run()
    assert not app.button


@pytest.mark.parametrize("role", [Role.VIEWER, None])
def test_what_a_button_does_is_asked_of_the_role_of_now(
    ledger: Ledger, world: World, look: Open, role: Role | None
) -> None:
    """What it calls comes before the run in which the page would notice."""
    app = look("runs", as_user="owner")
    mine = t.users.c.email == "owner@acme.example"
    with ledger.write() as c:
        c.execute(t.users.update().where(mine).values(role=role) if role else t.users.delete().where(mine))
    app.button(key="halt").click().run()
    assert not app.exception
    with ledger.read() as c:
        assert system_state(c).halted_at is None


def test_a_part_of_a_page_that_runs_again_sees_no_location_that_was_taken_away(
    ledger: Ledger, world: World, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    with ledger.read() as c:
        access, system = access_of(c, "manager@acme.example"), system_state(c)
    assert access is not None
    look = open_reader(ledger, settings.warehouse_folder).look()
    monkeypatch.setattr(st, "session_state", {})
    drawn = desk.Desk(ledger, look, access, system, access.places, None, "of all time", NOON)
    with desk.laid(drawn):
        assert desk.here() is drawn
    with ledger.write() as c:
        manager = c.execute(sa.select(t.users.c.user_id).where(t.users.c.role == Role.MANAGER)).scalar_one()
        c.execute(t.user_locations.insert().values(user_id=manager, location_id=world.chicago))
        c.execute(t.locations.update().values(name="Acme, renamed meanwhile"))
    assert desk.here().scope.location_ids == desk.here().whole_scope.location_ids == (world.chicago,)
    assert desk.here().actor.location_ids == frozenset({world.chicago})


@pytest.mark.both_databases
@pytest.mark.parametrize("settings", DATABASES[-1:], indirect=True)  # on SQLite test_pages.py shows them
def test_every_page_is_shown_on_the_other_database_too(people: dict[str, int], look: Open) -> None:
    app = look()
    for page in PAGES:
        app.switch_page(f"views/{page}.py").run()
        assert not app.exception


def test_a_dashboard_that_has_shown_every_page_has_loaded_neither_dagster_nor_a_provider(
    ledger: Ledger, world: World, look: Open, home: Path
) -> None:
    script = (
        "import sys\n"
        "from streamlit.testing.v1 import AppTest\n"
        "from tests.dashboard.looking import look_cheaply\n"
        "look_cheaply()\n"
        f"app = AppTest.from_file({str(APP)!r}, default_timeout=60).run()\n"
        f"for page in {PAGES}:\n"
        "    app.switch_page(f'views/{page}.py').run()\n"
        "    assert not app.exception, app.exception\n"
        "heavy = {name.split('.')[0] for name in sys.modules} & {'dagster', 'twilio', 'pipelines', 'web'}\n"
        "ours = ('callback', 'mail_report', 'template_desk', 'csv_file', 'excel_file')  # Protocols, readers of files\n"
        "connectors = {name for name in sys.modules if name.startswith('connectors.')}\n"
        "providers = connectors - {f'connectors.{name}' for name in ours}\n"
        "print(sorted(heavy | providers))\n"
    )
    environment = os.environ | {"AFTERWORD_LOCAL_USER": "owner@acme.example"}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment, cwd=APP.parents[1]
    )
    assert done.stdout.splitlines()[-1] == "[]"
