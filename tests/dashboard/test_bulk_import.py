"""Bulk import on the screen: brought, columns named, checked, imported, shown with its results, taken back."""

import io
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
import xlsxwriter  # type: ignore[import-untyped]
from streamlit.testing.v1 import AppTest

from dashboard.components.import_list import in_words
from data.ledger import tables as t
from data.ledger.store import Ledger
from data.words import JobKind, Plan, Role
from invitations.actor import Actor
from invitations.take_in import import_customers
from invitations.uploads import import_upload
from tests.dashboard.conftest import Open, buttons, text
from tests.world import NOON, World

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("settings", ["sqlite"], indirect=True)]
FILE = (
    "Patient;Reach;Cell;Notes\n"
    "Ana Ruiz;ana@example.com;312-555-0100;=x\n"
    "Dée Fox;dee@example.com;312-555-0140;<b>y</b>\n"
    "Eli Moss;nonsense;;z\n"
).encode("cp1252")


def brought(app: AppTest, content: bytes = FILE, name: str = "May visits.csv") -> AppTest:
    uploader: Any = app.get("file_uploader")[0]
    uploader.upload(name, content, "text/csv")
    return app.run()


def column(app: AppTest, number: int) -> str:
    return next(key for key in keys_of(app.selectbox, "column_") if key.endswith(f"_{number}"))


def keys_of(boxes: Iterable[Any], start: str) -> list[str]:
    """The keys that begin so; their ends name the file and the round."""
    return [str(box.key) for box in boxes if str(box.key).startswith(start)]


def workbook() -> bytes:
    target = io.BytesIO()
    with xlsxwriter.Workbook(target) as book:
        book.add_worksheet("People").write_row(0, 0, ["First name", "Phone", "Email"])
        book.worksheets()[0].write_row(1, 0, ["Dee", 3125550140, "dee@example.com"])
        book.add_worksheet("More people").write_column(0, 0, ["Email", "gus@example.com"])
    return target.getvalue()


def carried_out(ledger: Ledger) -> None:
    """The job that was asked for, as a sensor would have it done."""
    with ledger.read() as c:
        job = c.execute(sa.select(t.jobs).where(t.jobs.c.kind == JobKind.IMPORT, t.jobs.c.ended_at.is_(None))).one()
    path = ledger.settings.home / job.payload["path"]
    actor = Actor(job.asked_by, Role.OWNER, job.account_id)
    import_upload(ledger, actor, path.read_bytes(), job.payload)
    with ledger.write() as c:
        done = t.jobs.update().where(t.jobs.c.job_id == job.job_id)
        c.execute(done.values(started_at=job.asked_at, ended_at=job.asked_at))


def test_a_list_is_brought_checked_imported_shown_and_taken_back(
    ledger: Ledger, people: dict[str, int], look: Open, publish: Callable[[], None]
) -> None:
    app = brought(look("bulk_import"))
    shown = text(app)
    for said in (
        "CSV in Windows encoding, with semicolons between the cells · 3 rows",
        "Dée Fox",
        "&lt;b&gt;y&lt;/b&gt;",
    ):
        assert said in shown
    assert app.text_input(key=keys_of(app.text_input, "import_name")[0]).value == "May visits"
    assert app.selectbox(key=column(app, 0)).value == "full_name"
    assert app.selectbox(key=column(app, 1)).value is None  # "Reach" says nothing to us
    app.selectbox(key=column(app, 1)).select("email").run()
    app.button(key="import_check").click().run()
    shown = text(app)
    for said in (
        "<p>1 known already, brought up to date</p>",
        "<span>Must not be contacted</span><b>0</b>",
        "<span>Over the cap: asked not long ago</span><b>0</b>",
        "<span>Invited before</span><b>1</b>",
        "<span>Turned away</span><b>1</b>",
        "Reach, line 4: nonsense",
        "1 row turned away",
    ):
        assert said in shown
    assert app.get("plotly_chart")
    with ledger.read() as c:
        assert c.scalar(sa.select(sa.func.count()).select_from(t.lists)) == 0  # a check writes nothing
    app.selectbox(key=column(app, 3)).select("service").run()
    assert "import_yes" not in buttons(app)  # what was checked is not what would come in
    app.button(key="import_check").click().run()
    assert app.button(key="import_yes").label == "Import 2 customers"
    app.button(key="import_yes").click().run()
    assert "Waits for its turn" in text(app)
    assert keys_of(app.selectbox, "column_") == []  # the form is empty again

    carried_out(ledger)
    publish()
    shown = text(app.run())
    assert "May visits" in shown
    assert "Imported" in shown
    list_id = next(key.removeprefix("undo_") for key in buttons(app) if key.startswith("undo_"))
    app.query_params["list"] = list_id
    shown = text(app.run())
    for said in ("3: 1 new, 1 known, 0 a person again, 1 turned away", "All at once", "Reach, line 4: nonsense"):
        assert said in shown
    del app.query_params["list"]
    app.run()
    app.button(key=f"undo_{list_id}").click().run()
    assert "Take “May visits” back?" in text(app)
    app.button(key="undo_yes").click().run()
    assert "Taken back" in text(app)
    assert f"undo_{list_id}" not in buttons(app)


def test_what_came_of_a_list_is_told_of_people(settings: object) -> None:
    found = {"promoters": 4, "passives": 1, "detractors": 0, "waiting": 1, "failed": 2}
    assert in_words(found) == ("NPS +80 from 5 answers; 1 person still to be asked; 2 people reached by no message")
    assert in_words(found | {"promoters": 0, "waiting": 0, "failed": 0}) == "NPS is shown from 5 answers on; so far 1"
    assert in_words(found | {"detractors": 5}).startswith("NPS −10 from 10 answers")
    assert in_words(found | {"detractors": 4}).startswith("NPS 0 from 9 answers")


def test_a_title_above_the_column_names_is_told_to_be_removed(world: World, look: Open) -> None:
    app = brought(look("bulk_import"), b"Our customers,\nName,Email\nAna,ana@example.com\n", "titled.csv")
    assert app.button(key="import_check").disabled
    assert "remove the lines above them and choose the file again" in text(app)


def test_a_list_too_long_to_look_ahead_says_so_without_a_command(
    people: dict[str, int], look: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("customers_file", "foresee_list"):
        monkeypatch.setattr(f"invitations.{module}.MOST_ROWS", 1)
    app = brought(look("bulk_import"), b"email\nana@long.example\nbo@long.example\n", "long.csv")
    app.button(key="import_check").click().run()
    shown = text(app)
    assert "the Simulate page shows it" in shown
    assert "afterword plan" not in shown


def test_a_workbook_goes_in_its_own_time_by_the_channels_chosen_with_consent_declared(
    ledger: Ledger, people: dict[str, int], look: Open
) -> None:
    app = brought(look("bulk_import", location="Acme New York"), workbook(), "people.xlsx")
    assert "Excel workbook, sheet “People”" in text(app)
    (key,) = keys_of(app.selectbox, "import_consent")
    app.selectbox(key=key).select("Everybody in it bought something or visited").run()
    assert app.button(key="import_check").disabled
    assert "Tick that you declare the consent" in text(app)
    app.checkbox(key=key.replace("consent", "declared")).check()
    app.checkbox(key=keys_of(app.checkbox, "import_email")[0]).uncheck()
    speed: Any = next(one for one in app.get("button_group") if "speed" in str(one.key))
    speed.select("Drip").run()
    app.button(key="import_check").click().run()
    assert "nobody on: “More people”" in text(app)
    app.button(key="import_yes").click().run()
    with ledger.read() as c:
        job = c.execute(sa.select(t.jobs)).one()
        told = c.execute(sa.select(t.audit)).one()
    assert job.payload["speed"] == "50/hour mon tue wed thu fri 09:00-17:00"
    assert job.payload["channels"] == ["sms"]
    assert (job.payload["location"], job.payload["consent"]) == ("new-york", "purchase")
    assert (told.actor, told.action, told.after["list_name"]) == ("owner@acme.example", "import", "people")
    carried_out(ledger)
    with ledger.read() as c:
        row = c.execute(sa.select(t.lists)).one()
        consent = c.execute(sa.select(t.consents)).one()
        dee = c.execute(sa.select(t.customers).where(t.customers.c.list_id == row.list_id)).one()
    assert (dee.phone, dee.email) == ("+13125550140", "dee@example.com")  # either channel could have been chosen
    assert (row.speed, row.speed_days, row.speed_opens, row.channels) == ("50/hour", [0, 1, 2, 3, 4], 540, ["sms"])
    assert (consent.basis, consent.recorded_by) == ("purchase", "owner@acme.example")


@pytest.mark.parametrize(
    ("who", "plan", "why"),
    [
        ("viewer", Plan.GROWTH, "The Viewer role cannot import lists"),
        ("owner", Plan.FREE_TRIAL, "not part of the Free Trial plan"),
    ],
)
def test_who_may_not_import_is_told_why_and_offered_nothing(
    ledger: Ledger, people: dict[str, int], look: Open, *, who: str, plan: Plan, why: str
) -> None:
    with ledger.write() as c:
        c.execute(t.accounts.update().values(plan=plan))
    app = look("bulk_import", as_user=who)
    assert why in text(app)
    assert not app.get("file_uploader")
    assert buttons(app) == []


def test_a_list_that_came_before_the_plan_lost_imports_can_still_be_taken_back(
    ledger: Ledger, world: World, look: Open
) -> None:
    import_customers(
        ledger, b"email\ndee@example.com\n", file_name="may.csv", location="chicago", list_name="May", channels=None,
        speed=None, imported_by="owner@acme.example",
    )  # fmt: skip
    with ledger.write() as c:
        c.execute(t.accounts.update().values(plan=Plan.FREE))
        c.execute(t.lists.update().values(created_at=NOON - timedelta(days=3)))
    assert "no such list among your locations" in text(look("bulk_import", list="9" * 30))
    app = look("bulk_import")
    app.button(key="undo_1").click().run()
    app.button(key="undo_yes").click().run()
    assert "Taken back" in text(app)


def test_wrong_rows_of_a_list_with_people_elsewhere_are_shown_to_who_looks_after_all_of_them(
    ledger: Ledger, world: World, look: Open
) -> None:
    rows = b"email,location\ndee@example.com,chicago\neli@example.com,new-york\nzoe-of-new-york,new-york\n"
    taken = import_customers(
        ledger, rows, file_name="may.csv", location="chicago", list_name="May", channels=None, speed=None,
        imported_by="owner@acme.example",
    )  # fmt: skip
    with ledger.write() as c:
        user = c.scalar(sa.select(t.users.c.user_id).where(t.users.c.email == "manager@acme.example"))
        c.execute(t.user_locations.insert().values(user_id=user, location_id=world.chicago))
    app = look("bulk_import", as_user="manager", list=str(taken.list_id))
    assert "shown to whoever looks after all of them" in text(app)
    assert "zoe-of-new-york" not in text(app)
    with ledger.write() as c:
        c.execute(t.user_locations.insert().values(user_id=user, location_id=world.new_york))
    assert "zoe-of-new-york" in text(app.run())


def test_the_history_ends_with_the_days_that_were_chosen(ledger: Ledger, world: World, look: Open) -> None:
    import_customers(
        ledger, b"email\ndee@example.com\n", file_name="may.csv", location="chicago", list_name="May", channels=None,
        speed=None, imported_by="owner@acme.example",
    )  # fmt: skip
    with ledger.write() as c:
        c.execute(t.lists.update().values(created_at=NOON - timedelta(days=3)))
    for last, is_there in (("2026-11-19", False), ("2026-11-20", True)):
        app = look("bulk_import", period="Own dates", dates=["2026-11-15", last])
        assert ("May" in text(app)) is is_there
