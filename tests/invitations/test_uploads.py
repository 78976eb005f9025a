"""A list brought on the dashboard: kept, asked for, imported by a job with everything that was chosen; and who may."""

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from data.ledger import list_history
from data.ledger import tables as t
from data.ledger.jobs import take_job
from data.ledger.store import Ledger, open_ledger
from data.settings import Settings
from data.words import Channel, Plan, Role
from invitations.actor import Actor, Done, Refused
from invitations.import_report import ImportRefused, ImportReport
from invitations.take_in import import_customers, pick_up_inbox
from invitations.uploads import ListChoice, Upload, ask_to_import, check_list, preview, sweep_uploads
from pipelines.asked import carry_out_jobs
from tests.world import NOON, World, make_world

FILE = b"who,reach,mobile\nAna Ruiz,ana@example.com,312-555-0100\nBo Lind,bo@example.com,\n"
UPLOAD = Upload("ana's list.csv", FILE)
CHOICE = ListChoice(
    location="chicago", name="May", columns={"who": "full_name", "reach": "email", "mobile": None},
    channels=(Channel.EMAIL,), speed="5/day mon-fri 09:00-17:00", send_at="2026-12-01 10:00", consent="express",
    consent_text="Ask me", consented_on=date(2026, 11, 1),
)  # fmt: skip


@pytest.fixture
def at_noon(ledger: Ledger, settings: Settings) -> Iterator[Ledger]:
    opened = open_ledger(settings.model_copy(update={"now": NOON}))
    yield opened
    opened.close()


@pytest.fixture
def world(ledger: Ledger) -> World:
    return make_world(ledger)


def actor(world: World, role: Role = Role.OWNER, *places: int) -> Actor:
    return Actor(f"{role.value}@acme.example", role, world.account_id, frozenset(places) if places else None)


def rows(ledger: Ledger, table: sa.Table) -> list[Any]:
    with ledger.read() as c:
        return list(c.execute(sa.select(table)))


def kept(ledger: Ledger) -> list[str]:
    return sorted(file.name for file in ledger.settings.home.glob("uploads/*"))


@pytest.mark.slow
def test_the_file_waits_and_the_job_imports_it_as_it_was_chosen_and_removes_it(at_noon: Ledger, world: World) -> None:
    assert isinstance(ask_to_import(at_noon, actor(world), UPLOAD, CHOICE, now=NOON), Done)
    (name,) = kept(at_noon)
    assert "ana" not in name
    assert os.stat(at_noon.settings.home / "uploads" / name).st_mode & 0o077 == 0  # only we read it
    (told,) = rows(at_noon, t.audit)
    assert (told.actor, told.action, told.after["speed"]) == ("owner@acme.example", "import", CHOICE.speed)
    assert rows(at_noon, t.lists) == []  # the dashboard imports nothing itself
    assert carry_out_jobs(at_noon, {}) == {"done": 1, "failed": 0}
    (row,) = rows(at_noon, t.lists)
    assert (row.name, row.file_name, row.imported_by) == ("May", "ana's list.csv", "owner@acme.example")
    assert (row.channels, row.speed, row.speed_days) == (["email"], "5/day", [0, 1, 2, 3, 4])
    assert row.send_at == datetime(2026, 12, 1, 16, tzinfo=UTC)  # ten in Chicago
    ana, bo = rows(at_noon, t.customers)
    assert (ana.first_name, ana.email, ana.phone, bo.email) == ("Ana", "ana@example.com", None, "bo@example.com")
    assert {(one.basis, one.wording, one.recorded_by) for one in rows(at_noon, t.consents)} == {
        ("express", "Ask me", "owner@acme.example")
    }
    assert kept(at_noon) == []
    with at_noon.read() as c:
        here = (c, world.account_id, {world.chicago})
        (shown,) = list_history.lists_page(*here, row.created_at, search="may", limit=25, offset=0)
        assert (shown["location_name"], shown["new_count"]) == ("Acme Chicago", 2)
        assert list_history.count_lists(*here, None, search="june%") == 0
        assert list_history.lists_page(*here, None, search="june%", limit=25, offset=0) == []
        assert list_history.one_list(c, world.account_id, {world.new_york}, row.list_id) is None
    again = ask_to_import(
        at_noon, actor(world), UPLOAD, replace(CHOICE, consent=None, consent_text=None, consented_on=None), now=NOON
    )
    assert isinstance(again, Refused)
    assert "imported before under this name" in again.reason


@pytest.mark.one_database
@pytest.mark.slow
def test_a_check_counts_and_writes_nothing(at_noon: Ledger, world: World) -> None:
    report = check_list(at_noon, actor(world), UPLOAD, replace(CHOICE, speed=None, send_at=None))
    assert isinstance(report, ImportReport)
    assert (report.new_count, report.unread_columns) == (2, ("mobile",))
    assert report.ahead is not None
    assert report.ahead.of_list.messages.height == 6  # two people, an e-mail and two reminders each
    assert rows(at_noon, t.lists) == rows(at_noon, t.customers) == rows(at_noon, t.jobs) == kept(at_noon) == []


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": " "}, "1 to 200 characters"),
        ({"speed": "0/hour"}, "lets nobody be asked"),
        ({"speed": "5/day sun 03:00-04:00"}, "Nothing of this list could ever go"),
        ({"send_at": "2025-01-01 10:00"}, "is past"),
        ({"location": "atlantis"}, 'no location "atlantis"'),
        ({"consented_on": date(2027, 1, 1)}, "yet to come"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_kept(
    at_noon: Ledger, world: World, change: dict[str, Any], said: str
) -> None:
    choice = replace(CHOICE, **change)
    for answer in (
        check_list(at_noon, actor(world), UPLOAD, choice),
        ask_to_import(at_noon, actor(world), UPLOAD, choice, now=NOON),
    ):
        assert isinstance(answer, Refused)
        assert said in answer.reason
    assert kept(at_noon) == rows(at_noon, t.jobs) == []


@pytest.mark.one_database
def test_columns_that_reach_nobody_or_mean_nothing_are_refused(at_noon: Ledger, world: World) -> None:
    for columns, said in (({"who": "full_name"}, "which one is the email"), ({"reach": "e-mail"}, "taken for: e-mail")):
        answer = check_list(at_noon, actor(world), UPLOAD, replace(CHOICE, columns=columns))
        assert isinstance(answer, Refused)
        assert said in answer.reason


def test_who_may_not_import_cannot_by_any_door(at_noon: Ledger, world: World) -> None:
    plain = ListChoice(location="chicago", name="May")
    for who in (actor(world, Role.VIEWER), actor(world, Role.MANAGER, world.new_york)):
        assert isinstance(check_list(at_noon, who, UPLOAD, plain), Refused)
        assert isinstance(ask_to_import(at_noon, who, UPLOAD, plain, now=NOON), Refused)
    assert isinstance(ask_to_import(at_noon, actor(world, Role.MANAGER), UPLOAD, CHOICE, now=NOON), Done)
    with at_noon.write() as c:  # between the asking and the doing
        c.execute(t.users.update().where(t.users.c.role == Role.MANAGER).values(role=Role.VIEWER))
    assert carry_out_jobs(at_noon, {}) == {"done": 0, "failed": 1}
    (job,) = rows(at_noon, t.jobs)
    assert "The Viewer role cannot import lists" in job.problem
    assert rows(at_noon, t.customers) == kept(at_noon) == []


@pytest.mark.parametrize("plan", [Plan.FREE, Plan.FREE_TRIAL])
def test_free_plans_have_no_imports_on_the_screen_the_command_line_or_the_folder(
    at_noon: Ledger, world: World, plan: Plan
) -> None:
    assert isinstance(ask_to_import(at_noon, actor(world), UPLOAD, CHOICE, now=NOON), Done)
    with at_noon.write() as c:
        c.execute(t.accounts.update().values(plan=plan))
    assert carry_out_jobs(at_noon, {}) == {"done": 0, "failed": 1}
    assert isinstance(check_list(at_noon, actor(world), UPLOAD, CHOICE), Refused)
    assert isinstance(ask_to_import(at_noon, actor(world), UPLOAD, CHOICE, now=NOON), Refused)
    with pytest.raises(ImportRefused, match="not part of the Free"):
        import_customers(
            at_noon, FILE, file_name="a.csv", location="chicago", list_name="A", channels=None, speed=None,
            imported_by="owner@acme.example",
        )  # fmt: skip
    folder = at_noon.settings.inbox_folder / "chicago"
    folder.mkdir(parents=True)
    (folder / "a.csv").write_bytes(b"email\nana@example.com\n")
    os.utime(folder / "a.csv", (0, 0))
    (report,) = pick_up_inbox(at_noon, at_noon.settings.inbox_folder)
    assert "not part of the Free" in str(report.problem)
    assert rows(at_noon, t.customers) == []


def test_progress_is_told_while_a_list_comes_in_and_why_one_could_not(at_noon: Ledger, world: World) -> None:
    ask_to_import(at_noon, actor(world), UPLOAD, CHOICE, now=NOON)

    def told() -> list_history.AskedFor:
        with at_noon.read() as c:
            (one,) = list_history.asked_for(c, world.account_id, {"chicago"}, now=at_noon.now(c))
            assert list_history.asked_for(c, world.account_id, {"new-york"}, now=at_noon.now(c)) == []
        return one

    assert (told().is_begun, told().total) == (False, 0)
    job = take_job(at_noon)
    assert job is not None
    assert (told().is_begun, told().total) == (True, 0)
    row = {
        "account_id": world.account_id,
        "location_id": world.chicago,
        "name": "May",
        "source": "csv",
        "imported_by": "x",
    }
    with at_noon.write() as c:
        c.execute(t.lists.insert().values(**row, content_sha256=UPLOAD.sha256, row_count=2, new_count=1))
    assert (told().done, told().total) == (1, 2)
    with at_noon.write() as c:
        c.execute(t.jobs.update().values(ended_at=at_noon.now(c), problem="It was cut off."))
    assert told().problem == "It was cut off."


@pytest.mark.one_database
def test_what_a_dead_process_left_is_swept_after_a_day_and_no_sooner(at_noon: Ledger, world: World) -> None:
    ask_to_import(at_noon, actor(world), UPLOAD, CHOICE, now=NOON)
    (waiting,) = kept(at_noon)
    home = at_noon.settings.home
    for name in ("old.csv", "young.csv"):
        (home / "uploads" / name).write_bytes(FILE)
    a_day_ago = datetime.now(UTC) - timedelta(days=1)
    for name in ("old.csv", waiting):
        os.utime(home / "uploads" / name, (0, 0))
    assert sweep_uploads(home, keep=frozenset({f"uploads/{waiting}"}), older_than=a_day_ago) == 1
    assert kept(at_noon) == sorted([waiting, "young.csv"])


def test_a_preview_tells_the_form_the_first_values_and_what_columns_mean() -> None:
    found = preview(Upload("a.csv", "Patient;E-Mail;Größe\nAna;;1\nBo;bo@example.com;2\n".encode("utf-8-sig")))
    assert found.form == "CSV in UTF-8, with semicolons between the cells"
    assert found.row_count == 2
    assert found.samples["E-Mail"] == ("bo@example.com",)
    assert found.guessed == {"Patient": "full_name", "E-Mail": "email", "Größe": None}
