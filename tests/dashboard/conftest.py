"""A dashboard over a small world: the ledger and the published history that the environment names."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from data.ledger import tables as t
from data.ledger.store import Ledger, open_ledger
from data.settings import Settings, utc_now
from data.warehouse.load import load_from_ledger
from data.warehouse.store import Warehouse
from data.words import Channel, InvitationStatus, RequestStatus, RunKind, RunStatus
from tests.dashboard.looking import look_cheaply, open_once
from tests.world import NOON, World, insert, make_customer, make_request, make_system, make_world

look_cheaply()

APP = Path(__file__).parents[2] / "dashboard" / "app.py"
Open = Callable[..., AppTest]


@dataclass(frozen=True)
class Made:
    """A small town that was made and published once, for all tests that begin with it."""

    home: Path
    world: World
    people: dict[str, int]


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Made:
    """On SQLite: copying it costs a tenth of making and publishing it."""
    home = tmp_path_factory.mktemp("town")
    shutil.copy2(sqlite_template, home / "ledger.sqlite")
    settings = Settings(home=home)
    ledger = open_ledger(settings)
    world = _world(ledger)
    people = _people(ledger, world)
    _let_it_be_past(ledger)
    _publish(ledger, settings)
    ledger.close()  # the last connection takes the write-ahead log into the file
    open_once(settings.warehouse_folder)
    return Made(home, world, people)


def _let_it_be_past(ledger: Ledger) -> None:
    """What happened in the half minute before a load is laid over the copy at each look, until a later load.

    A tenth of a second each time. What a test changes, publishes itself or shows on PostgreSQL is laid over as ever.
    """
    past = utc_now() - timedelta(minutes=1)
    with ledger.write() as c:
        for table in (t.customers, t.invitations, t.requests, t.scores, t.reviews):
            c.execute(table.update().values(changed_at=past))


@pytest.fixture
def settings(settings: Settings, request: pytest.FixtureRequest) -> Settings:
    """Settings that name an empty ledger or, on SQLite and where a test wants `people`, the town."""
    if _is_made(settings, request):
        made: Made = request.getfixturevalue("made")
        shutil.copy2(made.home / "ledger.sqlite", settings.home)
        published = Warehouse(Settings(home=made.home).warehouse_folder)
        mine = Warehouse(settings.warehouse_folder)
        mine.folder.mkdir()
        shutil.copy2(published.file, mine.file)
        # Where it lies: until something is published here, it is opened once for all tests.
        (mine.folder / "current.duckdb").symlink_to(published.current() or "")
    return settings


def _is_made(settings: Settings, request: pytest.FixtureRequest) -> bool:
    return settings.ledger_url is None and "people" in request.fixturenames


@pytest.fixture
def world(ledger: Ledger, settings: Settings, request: pytest.FixtureRequest) -> World:
    """The account, its locations and users; no customers but `people`."""
    if _is_made(settings, request):
        made: Made = request.getfixturevalue("made")
        return made.world
    return _world(ledger)


def _world(ledger: Ledger) -> World:
    make_system(ledger)
    return make_world(ledger)


@pytest.fixture
def publish(ledger: Ledger, settings: Settings) -> Callable[[], None]:
    """Load the ledger into the warehouse and publish it."""
    return lambda: _publish(ledger, settings)


def _publish(ledger: Ledger, settings: Settings) -> None:
    warehouse = Warehouse(settings.warehouse_folder)
    load_from_ledger(ledger, warehouse)
    warehouse.publish()


@pytest.fixture
def people(ledger: Ledger, world: World, settings: Settings, request: pytest.FixtureRequest) -> dict[str, int]:
    """Ana in Chicago, her first message queued; Ben in New York, answered with a 9 and reviewed; Cleo, not invited."""
    if _is_made(settings, request):
        made: Made = request.getfixturevalue("made")
        return dict(made.people)
    people = _people(ledger, world)
    _publish(ledger, settings)
    return people


def _people(ledger: Ledger, world: World) -> dict[str, int]:
    ana = make_customer(ledger, world, email="ana@example.com", phone="+13125550100", first_name="Ana")
    ben = make_customer(
        ledger, world, email="ben@example.com", phone="+12125550111", first_name="Ben", last_name="Okafor",
        location_id=world.new_york,
    )  # fmt: skip
    cleo = make_customer(ledger, world, email="cleo@example.com", first_name="Cleo", last_name="Marsh")
    waiting = make_request(ledger, world, ana)
    gone = make_request(
        ledger, world, ben, status=RequestStatus.DELIVERED, handed_at=NOON - timedelta(days=1), channel=Channel.SMS
    )
    with ledger.write() as c:
        invitation = c.execute(t.invitations.select().where(t.invitations.c.customer_id == ben)).one()
        c.execute(
            t.invitations.update()
            .where(t.invitations.c.invitation_id == invitation.invitation_id)
            .values(status=InvitationStatus.ANSWERED, first_handed_at=NOON - timedelta(days=1))
        )
        c.execute(
            t.scores.insert().values(
                invitation_id=invitation.invitation_id, request_id=gone, score=9, scored_at=NOON - timedelta(hours=20)
            )
        )
        insert(
            c, t.reviews, account_id=world.account_id, location_id=world.new_york, platform="google",
            provider_review_id="r1", reviewer_name="Ben O.", stars=5, body="No waiting at all.", sentiment="positive",
            reviewed_at=NOON - timedelta(hours=19), invitation_id=invitation.invitation_id,
        )  # fmt: skip
        insert(
            c, t.runs, kind=RunKind.SEND, status=RunStatus.DONE, started_at=NOON - timedelta(days=1),
            ended_at=NOON - timedelta(days=1) + timedelta(seconds=12), process="host:1", done=1, total=1,
            counts={"accepted": 1},
        )  # fmt: skip
    return {"ana": ana, "ben": ben, "cleo": cleo, "waiting": waiting, "gone": gone}


@pytest.fixture
def look(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    """Open a page of the dashboard as a user: `look("customers", as_user="viewer")`."""
    monkeypatch.setenv("AFTERWORD_HOME", str(settings.home))
    monkeypatch.setenv("AFTERWORD_NOW", NOON.isoformat())
    if settings.ledger_url:
        monkeypatch.setenv("AFTERWORD_LEDGER_URL", settings.ledger_url)

    def open_page(page: str = "overview", *, as_user: str | None = "owner", **query: str) -> AppTest:
        monkeypatch.delenv("AFTERWORD_LOCAL_USER", raising=False)
        if as_user is not None:
            monkeypatch.setenv("AFTERWORD_LOCAL_USER", f"{as_user}@acme.example")
        app = AppTest.from_file(APP, default_timeout=30)
        for name, value in query.items():
            app.query_params[name] = value
        if page != "overview":  # its address, as from a link: the overview is not run first
            app.switch_page(f"views/{page}.py")
        app.run()
        assert not app.exception
        return app

    yield open_page
    st.cache_resource.clear()


def text(app: AppTest) -> str:
    """Everything that stands on the page as HTML, but for the style sheets."""
    return "\n".join(str(element.value) for element in app.html if "<style" not in str(element.value))


def buttons(app: AppTest) -> list[str]:
    """The keys of the buttons on the page."""
    return [button.key or "" for button in app.button]


def invitation_of(ledger: Ledger, customer_id: int) -> Any:
    with ledger.read() as c:
        return c.execute(t.invitations.select().where(t.invitations.c.customer_id == customer_id)).one()
