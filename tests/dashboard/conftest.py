"""A dashboard over a small world: the ledger and the published history that the environment names."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
import streamlit as st
from streamlit.testing.v1 import AppTest

from data.ledger import tables as t
from data.ledger.store import Ledger
from data.settings import Settings
from data.warehouse.load import load_from_ledger
from data.warehouse.store import Warehouse
from tests.world import NOON, World, make_world

APP = Path(__file__).parents[2] / "dashboard" / "app.py"
Open = Callable[..., AppTest]


@pytest.fixture
def world(ledger: Ledger) -> World:
    """The account, its locations and users; no customers yet."""
    with ledger.write() as c:
        if c.execute(sa.select(sa.func.count()).select_from(t.system)).scalar_one() == 0:
            c.execute(t.system.insert().values(system_id=1))
    return make_world(ledger)


@pytest.fixture
def publish(ledger: Ledger, settings: Settings) -> Callable[[], None]:
    """Load the ledger into the warehouse and publish it."""

    def now() -> None:
        warehouse = Warehouse(settings.warehouse_folder)
        load_from_ledger(ledger, warehouse)
        warehouse.publish()

    return now


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
        app.run()
        for name, value in query.items():
            app.query_params[name] = value
        if page != "overview":
            app.switch_page(f"views/{page}.py").run()
        assert not app.exception
        return app

    yield open_page
    st.cache_resource.clear()


def text(app: AppTest) -> str:
    """Everything that stands on the page as HTML, but for the style sheets."""
    return "\n".join(str(element.value) for element in app.html if "<style" not in str(element.value))


def buttons(app: AppTest) -> list[str]:
    """The keys of the buttons on the page."""
    return [button.key for button in app.button]
