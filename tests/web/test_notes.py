"""A ledger that cannot be written costs no customer their page or their way to a platform."""

import threading
from datetime import datetime

import pytest
import sqlalchemy as sa

from data.ledger import tables as t
from data.ledger.store import Ledger
from invitations import respond
from tests.web.client import PUBLIC_URL, Client
from tests.web.conftest import LINK, UNSUBSCRIBE, Asked
from tests.web.raw import line_to
from tests.world import insert
from web import notes
from web.app import create_app
from web.threads import READS_AT_ONCE

pytestmark = pytest.mark.one_database


@pytest.fixture
def platform_id(ledger: Ledger, asked: Asked) -> int:
    with ledger.write() as c:
        return insert(
            c, t.platforms, location_id=asked.world.chicago, slug="osm", name="Open Street", position=9,
            url="https://osm.example/here", is_visible=True,
        )  # fmt: skip


@pytest.mark.parametrize("kind", [sa.exc.OperationalError, sa.exc.InternalError, sa.exc.TimeoutError])
def test_a_full_or_read_only_ledger_still_shows_the_page_and_leads_on(
    client: Client, ledger: Ledger, platform_id: int, monkeypatch: pytest.MonkeyPatch, kind: type[Exception]
) -> None:
    def refuse() -> None:
        raise kind("insert", {}, OSError("full")) if issubclass(kind, sa.exc.DBAPIError) else kind("no connection")

    monkeypatch.setattr(ledger, "write", refuse)
    assert client.get(f"/r/{LINK}").status_code == 200
    assert client.get(f"/u/{UNSUBSCRIBE}").status_code == 200
    assert client.get(f"/o/{LINK}.gif").status_code == 200
    assert client.get(f"/r/{LINK}/p/{platform_id}").headers["location"] == "https://osm.example/here"
    assert client.post(f"/u/{UNSUBSCRIBE}").status_code == 500, "nothing is said to be done that is not"


def test_who_visits_while_the_ledger_is_locked_waits_a_moment_and_is_noted_afterwards(
    ledger: Ledger, asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_free, is_noted = threading.Event(), threading.Event()

    def note(_: Ledger, token: str, *, visit: object, now: datetime) -> bool:
        is_free.wait()
        is_noted.set()
        return True

    monkeypatch.setattr(respond, "note_click", note)
    monkeypatch.setattr(notes, "_PATIENCE", 0.01)
    monkeypatch.setattr(notes, "_PATIENCE_WHEN_SLOW", 0)
    with line_to(create_app(ledger, {}, public_url=PUBLIC_URL)) as line:
        for _ in range(2 * READS_AT_ONCE):  # more than there are threads
            assert line("GET", f"/r/{LINK}").status == 200
        is_free.set()
        assert is_noted.wait(60)
