"""Who may do what: every cell of role × action and of plan × limit, by calling the actions and the command line.

Buttons play no part here. What is refused leaves the ledger as it was, to the row. An action, a function of
`invitations` that takes an actor, a command or a limit that is new fails this walk until it is walked.
"""

import importlib
import inspect
import pkgutil
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import streamlit as st
from streamlit.testing.v1 import AppTest
from typer.testing import CliRunner

import invitations
from data.ledger import tables as t
from data.ledger.store import Ledger, open_ledger
from data.permissions import Action, may, rights
from data.plans import Allowance, allowance, allowances
from data.settings import Settings
from data.warehouse.load import load_from_ledger
from data.warehouse.store import Warehouse
from data.words import Channel, InvitationStatus, Plan, RequestStatus, Role
from invitations.account_download import account_download
from invitations.actor import Actor, Refused
from invitations.approval import submit_templates
from invitations.by_hand import ask, buy_more
from invitations.change_settings import Edit, change_settings
from invitations.controls import (
    close_breaker,
    halt,
    pause_request,
    restart_invitation,
    resume,
    resume_request,
    stop_invitation,
)
from invitations.correct_contact import Corrected, correct_contact
from invitations.exports import note_export
from invitations.foresee_ask import foresee_ask
from invitations.import_report import ImportRefused
from invitations.look_back import look_back
from invitations.pause_selection import pause_requests, resume_requests
from invitations.pausing import pause_channel, pause_list, resume_channel, resume_list
from invitations.queueing import plan_and_queue
from invitations.reply_drafts import draft_reply, mark_published, take_back_published
from invitations.restore import restore_email
from invitations.revoke import revoke_links
from invitations.send_form import Newcomer, ask_newcomer, foresee_newcomer, read_newcomer
from invitations.send_test import ask_for_test
from invitations.settings_effect import Table
from invitations.settle import settle_by_hand
from invitations.stop_many import restart_many, stop_many
from invitations.submit_text import ask_to_submit
from invitations.suppress_by_hand import suppress_by_hand, suppress_list
from invitations.take_in import import_customers
from invitations.undo_import import foresee_undo, undo_import
from invitations.uploads import ListChoice, Upload, ask_to_import, check_list, import_upload
from pipelines.cli import COMMANDS, command_line
from tests.world import NOON, World, insert, make_customer, make_request, make_world

pytestmark = pytest.mark.slow

FILE = b"first name,email\nDora,dora@example.com\n"
ROLES, PLANS = list(Role), list(Plan)
NOT_FOR_THE_ROLE = re.compile(r"The [A-Z][A-Za-z ]+ role cannot|Only an owner or admin")
APP = Path(__file__).parents[1] / "dashboard" / "app.py"
NEWCOMER = Newcomer(0, "Eve Holt", "eve@example.com", "")
CORRECTED = Corrected("Anna", "Ruiz", "anna@example.com", "")


@dataclass(frozen=True)
class Stage:
    """A town where each action has something to act on."""

    ledger: Ledger
    world: World
    ids: dict[str, int]

    def actor(self, role: Role) -> Actor:
        return Actor(f"{role.value}@acme.example", role, self.world.account_id)

    def rows(self) -> dict[str, list[tuple[Any, ...]]]:
        """Everything in the ledger."""
        with self.ledger.read() as c:
            return {
                table.name: [tuple(row) for row in c.execute(table.select().order_by(*table.primary_key))]
                for table in t.metadata.sorted_tables
            }


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> tuple[Path, World, dict[str, int]]:
    """The stage's ledger as a file, made once; each cell plays on a copy."""
    home = tmp_path_factory.mktemp("town")
    shutil.copy2(sqlite_template, home / "ledger.sqlite")
    ledger = open_ledger(Settings(home=home, now=NOON))
    with ledger.write() as c:
        if not c.execute(sa.select(t.system.c.system_id)).all():
            c.execute(t.system.insert().values(system_id=1))
    world = make_world(ledger)
    who = {
        name: make_customer(ledger, world, email=f"{name}@example.com", phone=f"+1312555010{number}")
        for number, name in enumerate(("ana", "ben", "cleo", "fay"))
    }
    queued, paused = make_request(ledger, world, who["ana"]), make_request(ledger, world, who["ben"])
    make_request(ledger, world, who["cleo"], status=RequestStatus.SENT, handed_at=NOON - timedelta(days=1))
    report = import_customers(
        ledger, b"first name,email\nGil,gil@example.com\n", file_name="gil.csv", location="chicago", list_name="Gil",
        channels=None, speed=None, imported_by="owner@acme.example",
    )  # fmt: skip
    assert report.new_count == 1
    i, r = t.invitations.c, t.requests.c
    with ledger.write() as c:
        c.execute(t.requests.update().where(r.request_id == paused).values(paused_at=NOON, paused_by="owner"))
        stopped = {"status": InvitationStatus.STOPPED, "stopped_at": NOON - timedelta(hours=1)}
        c.execute(t.invitations.update().where(i.customer_id == who["cleo"]).values(**stopped))
        found = {row.customer_id: row.invitation_id for row in c.execute(sa.select(i.customer_id, i.invitation_id))}
        review = insert(
            c, t.reviews, account_id=world.account_id, location_id=world.chicago, platform="google",
            provider_review_id="r1", reviewer_name="Ana R.", stars=4, body="Fine.", reviewed_at=NOON,
        )  # fmt: skip
        gil = c.execute(sa.select(t.lists.c.list_id)).scalar_one()
    ledger.close()
    ids = {
        **who, "queued": queued, "paused": paused, "review": review, "list": gil,
        "going": found[who["ana"]], "stopped": found[who["cleo"]],
    }  # fmt: skip
    return home / "ledger.sqlite", world, ids


@pytest.fixture
def new_stage(town: tuple[Path, World, dict[str, int]], tmp_path: Path) -> Iterator[Callable[[], Stage]]:
    """A stage nobody has played on."""
    path, world, ids = town
    made: list[Ledger] = []

    def new() -> Stage:
        home = tmp_path / f"home-{len(made)}"
        home.mkdir()
        shutil.copy2(path, home / "ledger.sqlite")
        made.append(open_ledger(Settings(home=home, now=NOON)))
        return Stage(made[-1], world, ids)

    yield new
    for ledger in made:
        ledger.close()


Call = Callable[[Stage, Actor], Any]


@dataclass(frozen=True)
class Walked:
    """One function that an action goes through. `succeeds`: on the stage it comes to an end for whoever may."""

    action: Action
    function: Callable[..., Any]
    call: Call
    succeeds: bool = True


def _choice() -> ListChoice:
    return ListChoice(location="chicago", name="Dora")


def _newcomer(s: Stage) -> Newcomer:
    return replace(NEWCOMER, location_id=s.world.chicago)


def _payload() -> dict[str, Any]:
    return {"path": "dora.csv", "location": "chicago", "list_name": "Dora"}


def _users_edit() -> Edit:
    return Edit(Table.USERS, ("new@acme.example",), None, {"email": "new@acme.example", "name": "N", "role": "viewer"})


WALK = [
    Walked(Action.STOP, stop_invitation, lambda s, a: stop_invitation(s.ledger, a, s.ids["going"], now=NOON)),
    Walked(Action.STOP, stop_many, lambda s, a: stop_many(s.ledger, a, [s.ids["ana"]], now=NOON)),
    Walked(Action.STOP, revoke_links, lambda s, a: revoke_links(s.ledger, a, "cleo@example.com")),
    Walked(Action.RESTART, restart_invitation, lambda s, a: restart_invitation(
        s.ledger, a, s.ids["stopped"], now=NOON)),
    Walked(Action.RESTART, restart_many, lambda s, a: restart_many(s.ledger, a, [s.ids["cleo"]], now=NOON)),
    Walked(Action.PAUSE, pause_request, lambda s, a: pause_request(s.ledger, a, s.ids["queued"], now=NOON)),
    Walked(Action.PAUSE, pause_requests, lambda s, a: pause_requests(s.ledger, a, [s.ids["queued"]], now=NOON)),
    Walked(Action.PAUSE, pause_channel, lambda s, a: pause_channel(s.ledger, a, Channel.SMS, now=NOON)),
    Walked(Action.PAUSE, pause_list, lambda s, a: pause_list(s.ledger, a, "Gil", now=NOON)),
    Walked(Action.RESUME, resume_request, lambda s, a: resume_request(s.ledger, a, s.ids["paused"], now=NOON)),
    Walked(Action.RESUME, resume_requests, lambda s, a: resume_requests(s.ledger, a, [s.ids["paused"]], now=NOON)),
    Walked(Action.RESUME, resume_channel, lambda s, a: resume_channel(s.ledger, a, Channel.SMS), succeeds=False),
    Walked(Action.RESUME, resume_list, lambda s, a: resume_list(s.ledger, a, "Gil"), succeeds=False),
    Walked(Action.SEND, ask, lambda s, a: ask(s.ledger, a, s.ids["fay"], now=NOON)),
    Walked(Action.SEND, foresee_ask, lambda s, a: foresee_ask(s.ledger, a, s.ids["fay"], now=NOON)),
    Walked(Action.SEND, ask_newcomer, lambda s, a: ask_newcomer(s.ledger, a, _newcomer(s), now=NOON)),
    Walked(Action.SEND, foresee_newcomer, lambda s, a: foresee_newcomer(s.ledger, a, _newcomer(s), now=NOON)),
    Walked(Action.SEND, read_newcomer, lambda s, a: read_newcomer(s.ledger, a, _newcomer(s), now=NOON)),
    Walked(Action.SEND, ask_for_test, lambda s, a: ask_for_test(
        s.ledger, a, channel=Channel.EMAIL, template_slug="ask", location_id=s.world.chicago), succeeds=False),
    Walked(Action.SEND, settle_by_hand, lambda s, a: settle_by_hand(
        s.ledger, a, "none", was_sent=True, now=NOON), succeeds=False),
    Walked(Action.IMPORT, check_list, lambda s, a: check_list(s.ledger, a, Upload("dora.csv", FILE), _choice())),
    Walked(Action.IMPORT, ask_to_import, lambda s, a: ask_to_import(
        s.ledger, a, Upload("dora.csv", FILE), _choice(), now=NOON)),
    Walked(Action.IMPORT, import_upload, lambda s, a: import_upload(s.ledger, a, FILE, _payload())),
    Walked(Action.UNDO_IMPORT, undo_import, lambda s, a: undo_import(s.ledger, a, s.ids["list"], now=NOON)),
    Walked(Action.UNDO_IMPORT, foresee_undo, lambda s, a: foresee_undo(s.ledger, a, s.ids["list"])),
    Walked(Action.CORRECT_CONTACT, correct_contact, lambda s, a: correct_contact(
        s.ledger, a, s.ids["ana"], CORRECTED, now=NOON)),
    Walked(Action.DO_NOT_CONTACT, suppress_by_hand, lambda s, a: suppress_by_hand(
        s.ledger, a, "ana@example.com", because="she said so", now=NOON)),
    Walked(Action.DO_NOT_CONTACT, suppress_list, lambda s, a: suppress_list(
        s.ledger, a, b"email\nana@example.com\n", file_name="no.csv", because="", now=NOON)),
    Walked(Action.DRAFT_REPLY, draft_reply, lambda s, a: draft_reply(
        s.ledger, a, s.ids["review"], "Thank you.", seen=None)),
    Walked(Action.DRAFT_REPLY, mark_published, lambda s, a: mark_published(
        s.ledger, a, s.ids["review"]), succeeds=False),
    Walked(Action.DRAFT_REPLY, take_back_published, lambda s, a: take_back_published(
        s.ledger, a, s.ids["review"]), succeeds=False),
    Walked(Action.EXPORT, note_export, lambda s, a: note_export(s.ledger, a, "customers", rows=4)),
    Walked(Action.HALT, halt, lambda s, a: halt(s.ledger, a, "a drill", now=NOON)),
    Walked(Action.LIFT_HALT, resume, lambda s, a: resume(s.ledger, a, now=NOON), succeeds=False),
    Walked(Action.LIFT_HALT, close_breaker, lambda s, a: close_breaker(s.ledger, a, 1), succeeds=False),
    Walked(Action.BUY_MORE, buy_more, lambda s, a: buy_more(s.ledger, a, 5, now=NOON)),
    Walked(Action.CHANGE_SETTINGS, change_settings, lambda s, a: change_settings(
        s.ledger, a, [Edit(Table.ACCOUNT, (), {"name": "Acme Dental"}, {"name": "Acme"})], now=NOON), succeeds=False),
    Walked(Action.CHANGE_SETTINGS, account_download, lambda s, a: account_download(s.ledger, a, now=NOON)),
    Walked(Action.CHANGE_SETTINGS, restore_email, lambda s, a: restore_email(
        s.ledger, a, "ana@example.com", because="she asked", now=NOON), succeeds=False),
    Walked(Action.CHANGE_SETTINGS, ask_to_submit, lambda s, a: ask_to_submit(s.ledger, a, "ask", "en"), succeeds=False),
    Walked(Action.CHANGE_SETTINGS, submit_templates, lambda s, a: submit_templates(
        s.ledger, None, a), succeeds=False),  # type: ignore[arg-type]  # there is no WhatsApp text to hand to any desk
    Walked(Action.MANAGE_USERS, change_settings, lambda s, a: change_settings(
        s.ledger, a, [_users_edit()], now=NOON), succeeds=False),
    Walked(Action.SEE_AUDIT, look_back, lambda s, a: look_back(a, [s.world.chicago], is_whole=True)),
]  # fmt: skip
# What a page shows; `test_what_a_role_sees_on_the_customers_page` walks them.
SEEN = {Action.VIEW, Action.OPEN_PANEL, Action.SEE_ACCOUNT_QUOTA}
# Functions with an actor that are parts of walked ones, say what was refused, or only read what the page has anyway.
PARTS = {
    *("actor.refuse_role", "actor.write_audit", "by_hand.barred", "by_hand.may_not_ask", "by_hand.note_ask"),
    *(
        "controls.ask_to_plan",
        "controls.must_not_be_contacted",
        "foresee_ask.foresee_in",
        "import_rights.refuse_import",
    ),
    *("send_form.read_choices", "send_preview.preview", "send_test.last_problem", "stop_many.foresee_many"),
}


def _name(function: Callable[..., Any]) -> str:
    return f"{inspect.unwrap(function).__module__.removeprefix('invitations.')}.{function.__name__}"


def test_every_action_and_every_function_with_an_actor_is_walked() -> None:
    assert {one.action for one in WALK} | SEEN == set(Action)
    found = set()
    for info in pkgutil.iter_modules(invitations.__path__, "invitations."):
        module = importlib.import_module(info.name)
        for function in vars(module).values():
            if not inspect.isfunction(function) or inspect.unwrap(function).__module__ != info.name:
                continue
            takes_actor = any(p.annotation is Actor for p in inspect.signature(function).parameters.values())
            if takes_actor and not function.__name__.startswith("_"):
                found.add(_name(function))
    assert found == {_name(one.function) for one in WALK} | PARTS


@pytest.mark.parametrize("walked", WALK, ids=lambda one: f"{one.action.value}-{one.function.__name__}")
def test_each_role_may_do_just_what_the_table_says(walked: Walked, new_stage: Callable[[], Stage]) -> None:
    untouched = new_stage()
    before = untouched.rows()
    for role in ROLES:
        is_allowed = role in rights()[walked.action]
        stage = new_stage() if is_allowed else untouched
        answer = walked.call(stage, stage.actor(role))
        is_refused = isinstance(answer, Refused) and bool(NOT_FOR_THE_ROLE.search(answer.reason))
        assert is_refused is not is_allowed, (role, answer)
        if is_allowed and walked.succeeds:
            assert not isinstance(answer, Refused), (role, answer)
    assert untouched.rows() == before


def test_what_a_role_sees_on_the_customers_page(
    new_stage: Callable[[], Stage], monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = new_stage()
    warehouse = Warehouse(stage.ledger.settings.warehouse_folder)
    load_from_ledger(stage.ledger, warehouse)
    warehouse.publish()
    monkeypatch.setenv("AFTERWORD_HOME", str(stage.ledger.settings.home))
    monkeypatch.setenv("AFTERWORD_NOW", NOON.isoformat())
    for role in ROLES:
        monkeypatch.setenv("AFTERWORD_LOCAL_USER", f"{role.value}@acme.example")
        app = AppTest.from_file(APP, default_timeout=30)
        app.query_params["customer"] = str(stage.ids["ana"])
        app.switch_page("views/customers.py").run()
        assert not app.exception
        shown = "\n".join(str(element.value) for element in app.html)
        assert ("Invited This Cycle" in shown) is may(role, Action.VIEW)
        assert ("ana@example.com" in shown) is may(role, Action.OPEN_PANEL)
        assert ("Total Invited Customers" in shown) is may(role, Action.SEE_ACCOUNT_QUOTA)
    st.cache_resource.clear()


# The command line -----------------------------------------------------------------------------------------------------

# Each command as somebody types it, and the action it is; None: the machine's own work, which cron and Dagster start,
# or (demo, up, doctor) something that opens no ledger in anybody's name.
TYPED: dict[str, tuple[Action | None, tuple[str, ...]]] = {
    "demo": (None, ()),
    "up": (None, ()),
    "doctor": (None, ()),
    "watch": (None, ("watch",)),
    "events": (None, ("events",)),
    "why": (Action.VIEW, ("why", "ana@example.com")),
    "breakers": (Action.VIEW, ("breakers",)),
    "suppressions show": (Action.VIEW, ("suppressions", "show", "ana@example.com")),
    "suppressions sync": (None, ("suppressions", "sync")),
    "template status": (Action.VIEW, ("template", "status")),
    "resolve": (None, ()),
    "init": (Action.CHANGE_SETTINGS, ("init", "{account}")),
    "boost": (Action.BUY_MORE, ("boost", "5")),
    "import": (Action.IMPORT, ("import", "{file}", "--location", "chicago", "--list", "Dora")),
    "do-not-contact": (Action.DO_NOT_CONTACT, ("do-not-contact", "ana@example.com")),
    "do-not-contact FILE": (Action.DO_NOT_CONTACT, ("do-not-contact", "{file}")),
    "past-invitations": (Action.IMPORT, ("past-invitations", "{file}", "--location", "chicago")),
    "plan": (Action.SEND, ("plan",)),
    "send": (Action.SEND, ("send",)),
    "resolve --sent": (Action.SEND, ("resolve", "--sent", "none")),
    "ask": (Action.SEND, ("ask", "fay@example.com", "--location", "chicago")),
    "pause": (Action.PAUSE, ("pause", "--channel", "sms")),
    "resume --channel": (Action.RESUME, ("resume", "--channel", "sms")),
    "halt": (Action.HALT, ("halt",)),
    "resume": (Action.LIFT_HALT, ("resume",)),
    "breakers close": (Action.LIFT_HALT, ("breakers", "close", "1")),
    "revoke": (Action.STOP, ("revoke", "cleo@example.com")),
    "suppressions restore": (Action.CHANGE_SETTINGS, ("suppressions", "restore", "ana@example.com", "--because", "x")),
    "template submit": (Action.CHANGE_SETTINGS, ("template", "submit")),
}
PROVIDER = {"TWILIO_ACCOUNT_SID": "AC" + "0" * 32, "TWILIO_AUTH_TOKEN": "secret", "TWILIO_FROM": "+13125550100"}


def test_every_command_is_walked() -> None:
    assert {name.split()[0] for name in TYPED} == set(COMMANDS)


@pytest.mark.parametrize("name", [name for name, (action, _) in TYPED.items() if action not in {None, Action.VIEW}])
def test_the_command_line_refuses_each_role_what_the_table_does(
    name: str, new_stage: Callable[[], Stage], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    action, words = TYPED[name]
    assert action is not None
    stage = new_stage()
    monkeypatch.setenv("AFTERWORD_HOME", str(stage.ledger.settings.home))
    file = tmp_path / "dora.csv"
    file.write_bytes(FILE)
    places = {"{file}": str(file), "{account}": str(Path(__file__).parents[1] / "data" / "samples" / "account.toml")}
    typed = [places.get(word, word) for word in words]
    before = stage.rows()
    for role in (one for one in ROLES if not may(one, action)):
        environment = {**PROVIDER, "AFTERWORD_LOCAL_USER": f"{role.value}@acme.example"}
        result = CliRunner().invoke(command_line((typed[0],)), typed, env=environment)
        assert result.exit_code in {1, 2}, (role, result.output)
        assert NOT_FOR_THE_ROLE.search(" ".join(result.stderr.split())), (role, result.stderr)
    assert stage.rows() == before


# Plans ----------------------------------------------------------------------------------------------------------------


def _on_plan(stage: Stage, plan: Plan) -> Stage:
    with stage.ledger.write() as c:
        c.execute(t.accounts.update().values(plan=plan))
    return stage


def _imports(stage: Stage) -> bool:
    """By the dashboard (checked, asked for, carried out), by the function that the inbox folder and the CLI call."""
    owner, upload = stage.actor(Role.OWNER), Upload("dora.csv", FILE)
    refused = [
        isinstance(check_list(stage.ledger, owner, upload, _choice()), Refused),
        isinstance(ask_to_import(stage.ledger, owner, upload, _choice(), now=NOON), Refused),
        isinstance(import_upload(stage.ledger, owner, FILE, _payload()), Refused),
    ]
    how: dict[str, Any] = {"file_name": "x.csv", "location": "chicago", "list_name": "More", "imported_by": "inbox"}
    if not refused[0]:
        return import_customers(stage.ledger, FILE, channels=None, speed=None, **how).new_count >= 0 and not any(
            refused
        )
    with pytest.raises(ImportRefused, match="Bulk Import is not part of the"):
        import_customers(stage.ledger, FILE, channels=None, speed=None, **how)
    assert all(refused)
    return False


def _boosts(stage: Stage) -> bool:
    return not isinstance(buy_more(stage.ledger, stage.actor(Role.OWNER), 5, now=NOON), Refused)


def _follow_ups(stage: Stage) -> bool:
    """Ana's first message has gone and its reminder is due: tests/invitations/test_follow_ups.py looks at the claim."""
    with stage.ledger.write() as c:
        c.execute(
            t.requests.update()
            .where(t.requests.c.request_id == stage.ids["queued"])
            .values(status=RequestStatus.SENT, handed_at=NOON - timedelta(days=4))
        )
        gone = t.invitations.c.invitation_id == stage.ids["going"]
        c.execute(t.invitations.update().where(gone).values(first_handed_at=NOON - timedelta(days=4)))
    verdicts = plan_and_queue(stage.ledger, now=NOON).verdicts
    [of_ana] = verdicts.filter(verdicts["invitation_id"] == stage.ids["going"])["rules"].to_list()
    return "no_follow_ups" not in of_ana


LIMITS: dict[str, Callable[[Stage], bool]] = {"imports": _imports, "boosts": _boosts, "follow_ups": _follow_ups}


def test_every_limit_and_every_plan_is_walked() -> None:
    assert set(LIMITS) == {field.name for field in fields(Allowance)}
    assert set(allowances()) == set(PLANS)


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("limit", list(LIMITS))
def test_each_plan_has_just_what_the_table_says(limit: str, plan: Plan, new_stage: Callable[[], Stage]) -> None:
    assert LIMITS[limit](_on_plan(new_stage(), plan)) is getattr(allowance(plan), limit)


@pytest.mark.parametrize("plan", [plan for plan in PLANS if not allowance(plan).imports])
def test_the_command_line_imports_nothing_on_a_plan_without_imports(
    plan: Plan, new_stage: Callable[[], Stage], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = _on_plan(new_stage(), plan)
    monkeypatch.setenv("AFTERWORD_HOME", str(stage.ledger.settings.home))
    file = tmp_path / "dora.csv"
    file.write_bytes(FILE)
    before = stage.rows()
    for typed in (["import", str(file), "--location", "chicago", "--list", "Dora"], ["boost", "5"]):
        result = CliRunner().invoke(command_line((typed[0],)), typed)
        assert result.exit_code in {1, 2}
        assert "plan" in result.stderr
    assert stage.rows() == before
