"""A run of a page takes one look at the history; what runs again by itself takes another."""

from collections.abc import Callable

import pytest

from dashboard.desk import Desk, here, laid
from data.ledger import tables as t
from data.ledger.access import access_of, system_state
from data.ledger.store import Ledger
from data.settings import Settings
from data.warehouse import overlay
from data.warehouse.customers import customer
from data.warehouse.laid import Laid
from data.warehouse.pages import Scope
from data.warehouse.reader import Reader, open_reader
from data.warehouse.store import Warehouse
from invitations.customers_file import import_customers
from tests.dashboard.conftest import APP, Open, text
from tests.upgraded import make_older
from tests.world import NOON


@pytest.mark.one_database
@pytest.mark.slow
def test_a_page_asks_once_what_happened_since_the_copy_and_shows_it_and_charts_do_not_ask(
    look: Open, ledger: Ledger, people: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[Laid] = []
    lay = Reader.lay

    def count(reader: Reader, bare: Laid) -> Laid:
        taken.append(lay(reader, bare))
        return taken[-1]

    monkeypatch.setattr(Reader, "lay", count)
    look("overview")
    assert not taken
    app = look("customers")
    assert len(taken) == 1
    with ledger.write() as c:
        c.execute(t.customers.update().where(t.customers.c.customer_id == people["cleo"]).values(first_name="Newt"))
    assert "Newt" in text(app.run())
    assert len(taken) == 2


@pytest.mark.one_database
@pytest.mark.slow
def test_a_part_of_a_page_that_runs_again_by_itself_sees_what_happened_meanwhile(
    ledger: Ledger, people: dict[str, int], settings: Settings
) -> None:
    with ledger.read() as c:
        access, system = access_of(c, "owner@acme.example"), system_state(c)
    assert access is not None
    look = open_reader(ledger, settings.warehouse_folder).look()
    scope = Scope(access.account_id, tuple(place.location_id for place in access.places))

    def name() -> str:
        found = customer(here().reader, scope, people["cleo"])
        return str(found and found["first_name"])

    def rename(first_name: str) -> None:
        with ledger.write() as c:
            c.execute(t.customers.update().values(first_name=first_name))

    with laid(Desk(ledger, look, access, system, access.places, None, "ever", NOON)):
        assert name() == "Cleo"
        rename("Newt")
        assert name() == "Cleo"  # one run shows one state
    assert name() == "Newt"
    rename("Oda")
    assert name() == "Oda"


@pytest.mark.one_database
@pytest.mark.slow
def test_after_an_upgrade_every_page_works_or_says_that_the_history_shows_at_the_next_load(
    look: Open, ledger: Ledger, people: dict[str, int], settings: Settings, publish: Callable[[], None]
) -> None:
    taken = import_customers(
        ledger, b"email\ndee@example.com\n", file_name="may.csv", location="chicago", list_name="May", channels=None,
        speed=None, imported_by="owner@acme.example",
    )  # fmt: skip
    list_id = str(taken.list_id)
    warehouse = Warehouse(settings.warehouse_folder)
    warehouse.publish(force=True)  # a copy that nobody else looks at
    make_older(warehouse)
    of_history = {"overview", "requests", "customers", "reviews", "runs"}
    for page in sorted(view.stem for view in (APP.parent / "views").glob("[!_]*.py")):
        app = look(page)  # no exception
        assert ("brought up to date after an upgrade" in text(app)) == (page in of_history), page
    for page, of_it in (("do_not_contact", {"customer": str(people["ben"])}), ("bulk_import", {"list": list_id})):
        assert "brought up to date after an upgrade" in text(look(page, as_user="owner", **of_it)), page
    publish()
    assert "Okafor" in text(look("customers"))


@pytest.mark.one_database
@pytest.mark.usefixtures("people")
@pytest.mark.slow
def test_a_page_says_that_its_rows_are_older_where_more_changed_than_can_be_laid_over_them(
    look: Open, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ledger.write() as c:
        c.execute(t.customers.update().values(first_name="Newt"))
    monkeypatch.setattr(overlay, "CUSTOMER_LIMIT", 1)
    for page in ("requests", "customers", "reviews"):
        assert "customers changed since the history was last brought up to date" in text(look(page)), page
    assert "last brought up to date" not in text(look("overview"))
