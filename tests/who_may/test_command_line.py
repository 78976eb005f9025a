"""The command line refuses each role what the table does, and shows people of one's own locations only."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import typer
from typer.testing import CliRunner, Result

from data.ledger import tables as t
from data.permissions import Action, may
from data.words import Role
from pipelines.cli import command_line
from tests.who_may.stage import FILE, Stage
from tests.who_may.walk import NOT_FOR_THE_ROLE
from tests.world import NOON

pytestmark = pytest.mark.slow

# Each command as somebody types it, and the action it is; None: the machine's own work, which cron and Dagster start,
# or (demo, up, doctor) something that opens no ledger in anybody's name.
TYPED: dict[str, tuple[Action | None, tuple[str, ...]]] = {
    "demo": (None, ()),
    "up": (None, ()),
    "doctor": (None, ()),
    "watch": (None, ("watch",)),
    "events": (None, ("events",)),
    "bounces": (None, ("bounces", "-")),
    "why": (Action.VIEW, ("why", "ana@example.com")),
    "breakers": (Action.VIEW, ("breakers",)),
    "suppressions show": (Action.VIEW, ("suppressions", "show", "ana@example.com")),
    "suppressions sync": (None, ("suppressions", "sync")),
    "template status": (Action.VIEW, ("template", "status")),
    "resolve": (None, ()),
    "init": (Action.CHANGE_SETTINGS, ("init", "{account}")),
    "init --dry-run": (Action.CHANGE_SETTINGS, ("init", "{account}", "--dry-run")),
    "boost": (Action.BUY_MORE, ("boost", "5")),
    "import": (Action.IMPORT, ("import", "{file}", "--location", "chicago", "--list", "Dora")),
    "undo": (Action.UNDO_IMPORT, ("undo", "Gil")),
    "undo --dry-run": (Action.UNDO_IMPORT, ("undo", "Gil", "--dry-run")),
    "do-not-contact": (Action.DO_NOT_CONTACT, ("do-not-contact", "ana@example.com")),
    "do-not-contact FILE": (Action.DO_NOT_CONTACT, ("do-not-contact", "{file}")),
    "past-invitations": (Action.IMPORT, ("past-invitations", "{file}", "--location", "chicago")),
    "plan": (Action.SEND, ("plan",)),
    "plan --simulate": (Action.SEE_ACCOUNT_QUOTA, ("plan", "--simulate", "2d")),
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
Type = Callable[..., Result]


@pytest.fixture
def stage(new_stage: Callable[[], Stage]) -> Stage:
    return new_stage()


@pytest.fixture
def typed(stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Type:
    """What `afterword …` came to when a user typed it."""
    monkeypatch.setenv("AFTERWORD_HOME", str(stage.ledger.settings.home))
    file = tmp_path / "dora.csv"
    file.write_bytes(FILE)
    account = Path(__file__).parents[2] / "data" / "samples" / "account.toml"
    places = {"{file}": str(file), "{account}": str(account)}

    def typed(*words: str, as_user: str = "owner", **variables: str) -> Result:
        environment = {"AFTERWORD_LOCAL_USER": f"{as_user}@acme.example", **variables}
        said = [places.get(word, word) for word in words]
        return CliRunner().invoke(command_line((words[0],)), said, env=environment)

    return typed


def said(result: Result) -> str:
    return " ".join(result.stderr.replace("│", " ").split())


def _commands(command: Any, before: tuple[str, ...] = ()) -> Iterator[str]:
    """Everything that can be typed: "breakers", "breakers close"."""
    within: dict[str, Any] = getattr(command, "commands", {})
    if before and (not within or command.invoke_without_command):
        yield " ".join(before)
    for name, one in within.items():
        yield from _commands(one, (*before, name))


def test_every_command_and_subcommand_is_walked() -> None:
    known = set(_commands(typer.main.get_command(command_line())))
    walked = {max((one for one in known if f"{name} ".startswith(f"{one} ")), key=len, default=name) for name in TYPED}
    assert walked == known


@pytest.mark.parametrize("name", [name for name, (action, _) in TYPED.items() if action not in {None, Action.VIEW}])
def test_the_command_line_refuses_each_role_what_the_table_does(name: str, stage: Stage, typed: Type) -> None:
    action, words = TYPED[name]
    assert action is not None
    before = stage.rows()
    for role in (one for one in Role if not may(one, action)):
        result = typed(*words, as_user=role.value, **PROVIDER)
        assert result.exit_code in {1, 2}, (role, result.output)
        assert NOT_FOR_THE_ROLE.search(said(result)), (role, result.stderr)
    assert stage.rows() == before


def test_who_looks_after_another_location_is_shown_nobody_of_this_one_and_changes_nothing_here(
    stage: Stage, typed: Type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AFTERWORD_NOW", NOON.isoformat())
    assert typed("why", "ana@example.com").exit_code == 0
    assert typed("suppressions", "show", "ana@example.com").exit_code == 0
    messages = json.loads(typed("plan", "--simulate", "2d", "--json").stdout)
    with stage.ledger.write() as c:
        users = c.execute(sa.select(t.users.c.user_id)).scalars().all()
        rows = [{"user_id": user, "location_id": stage.world.new_york} for user in users]
        c.execute(t.user_locations.insert(), rows)
    before = stage.rows()
    for words, told in (
        (("why", "ana@example.com"), "Nobody here has this address"),
        (("suppressions", "show", "ana@example.com"), "not among the locations you look after"),
        (("suppressions", "show", "nobody@example.com"), "not among the locations you look after"),
        (("undo", "Gil"), "no list of yours is called 'Gil'"),
        (("do-not-contact", "{file}"), "you look after some of them"),
        (("init", "{account}"), "you look after some of them only"),
        (("init", "{account}", "--dry-run"), "you look after some of them only"),
        (("ask", "fay@example.com", "--location", "chicago"), "Nobody at chicago has this address"),
        (("pause", "--channel", "sms", "--location", "chicago"), "no location of yours"),
    ):
        result = typed(*words)
        assert result.exit_code in {1, 2}, (words, result.output)
        assert told in said(result), words
    theirs = json.loads(typed("plan", "--simulate", "2d", "--json").stdout)
    assert (theirs["messages"], messages["messages"]) == (0, 3)
    assert stage.rows() == before
