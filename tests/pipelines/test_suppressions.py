"""`afterword suppressions` and the nightly asset: both lists brought together, and what happens when that fails."""

import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa

from connectors import AccountStopped, Listed, SuppressionList, Unavailable
from data.ledger import tables as t
from data.ledger.store import Ledger, open_ledger
from data.settings import Settings
from data.words import AddressKind
from pipelines import assets
from pipelines.resources import LedgerOpener, ProvidersOpener
from tests.connectors.server import Answer, Received, Stub, stub
from tests.pipelines.commands import Run
from tests.world import NOON, World, make_customer, make_system, make_world, suppress

pytestmark = pytest.mark.slow

KEY = {"MAILGUN_API_KEY": "hush", "MAILGUN_DOMAIN": "mg.acme.example"}


@pytest.fixture
def world(ledger: Ledger) -> World:
    make_system(ledger)
    return make_world(ledger)


@pytest.fixture
def mailgun() -> Iterator[Stub]:
    """Mailgun with one unsubscribe, made on the eve of the tests' day."""
    entry = {"address": "Ana@example.com", "tags": ["*"], "created_at": "Sun, 22 Nov 2026 12:00:00 UTC"}
    with stub() as it:

        def answer(request: Received) -> Answer:
            if request.method != "GET":
                return Answer(200, {"message": "done"})
            is_first = request.path.endswith("/unsubscribes") and "page" not in request.query
            link = f"{it.url}{request.path}?page=next&address=ana@example.com"
            return Answer(200, {"items": [entry] if is_first else [], "paging": {"next": link}})

        it.answer = answer
        yield it


def test_without_mailgun_there_is_nothing_to_do_and_that_is_said(run: Run, world: World) -> None:
    told = run("suppressions", "sync")
    assert (told.code, told.errors) == (0, "")
    assert "Nothing to do" in told.output
    assert "MAILGUN_API_KEY" in told.output
    assert json.loads(run("suppressions", "sync", "--json").output) == {}


def test_both_lists_are_brought_together_and_what_was_said_can_be_shown_and_lifted(
    run: Run, ledger: Ledger, world: World, mailgun: Stub
) -> None:
    make_customer(ledger, world, email="ana@example.com", phone="+13125550100")
    make_customer(ledger, world, email="bo@example.com", phone="+13125550111")
    suppress(ledger, world, AddressKind.PHONE, "+13125550111")
    environment = {**KEY, "AFTERWORD_MAILGUN_URL": mailgun.url}
    report = json.loads(run("suppressions", "sync", "--json", **environment).output)
    assert (report["new"], report["added"]) == (1, 1)
    (posted,) = [json.loads(r.body) for r in mailgun.received if r.method == "POST"]
    assert [row["address"] for row in posted] == ["bo@example.com"]

    shown = json.loads(run("suppressions", "show", "(312) 555-0100", "--json").output)
    assert {(row["channels"], row["reason"], row["recorded_by"]) for row in shown} == {
        ("all", "unsubscribed", "the provider")
    }
    told = run("suppressions", "restore", "ANA@example.com", "--because", "she wrote to the desk")
    assert told.code == 0, told.errors
    assert "allowed again" in told.output
    assert run("suppressions", "restore", "ana@example.com", "--because", "again").code == 1
    assert run("suppressions", "show", "nonsense").code == 2
    with ledger.read() as c:
        line = c.execute(t.audit.select()).one()
    assert (line.actor, line.action, line.after["because"]) == ("command line", "restore", "she wrote to the desk")


def test_who_may_not_change_settings_may_not_lift_a_suppression(run: Run, ledger: Ledger, world: World) -> None:
    suppress(ledger, world, AddressKind.EMAIL, "ana@example.com")
    arguments = ("suppressions", "restore", "ana@example.com", "--because", "asked")
    told = run(*arguments, AFTERWORD_LOCAL_USER="manager@acme.example")
    assert told.code == 1
    assert "Only an owner or admin" in told.errors
    assert run(*arguments, AFTERWORD_LOCAL_USER="admin@acme.example").code == 0


@pytest.mark.parametrize(("status", "told"), [(503, "The next pass does what is left"), (401, "refused the key")])
def test_a_failure_is_told_in_words_that_name_nobody(
    run: Run, world: World, mailgun: Stub, status: int, told: str
) -> None:
    mailgun.answer = lambda _: Answer(status, "Forbidden")
    result = run("suppressions", "sync", **KEY, AFTERWORD_MAILGUN_URL=mailgun.url)
    assert result.code == 1
    assert told in result.errors
    assert "@" not in result.errors


class Broken:
    """A list that cannot be read."""

    name = "mailgun"

    def __init__(self, problem: Exception) -> None:
        self.problem = problem

    def read(self) -> Iterable[Listed]:
        raise self.problem

    def add(self, entries: object) -> int:
        raise self.problem

    def remove(self, entry: Listed) -> None:
        raise self.problem


class Providers(ProvidersOpener):
    """Nobody but the keeper of a list."""

    def __init__(self, problem: Exception) -> None:
        self.problem = problem

    def suppression_lists(self) -> Mapping[str, SuppressionList]:
        return {"mailgun": Broken(self.problem)}


@pytest.mark.parametrize(
    ("problem", "is_planned"), [(Unavailable("HTTP 503"), True), (AccountStopped("401", "refused the key"), False)]
)
def test_a_night_without_an_answer_is_planned_all_the_same_and_one_with_a_refused_key_is_not(
    home: Path, sqlite_template: Path, problem: Exception, is_planned: bool
) -> None:
    shutil.copy2(sqlite_template, home / "ledger.sqlite")
    settings = Settings(home=home, now=NOON)
    ledger = open_ledger(settings)
    make_customer(ledger, make_world(ledger))
    with dg.DagsterInstance.ephemeral() as instance:
        night = dg.materialize(
            [assets.core_customers, assets.core_suppressions, assets.planned], instance=instance, raise_on_error=False,
            resources={"ledger": LedgerOpener(settings), "providers": Providers(problem)},
        )  # fmt: skip
    assert night.success is is_planned
    with ledger.read() as c:
        assert bool(c.execute(t.requests.select()).all()) is is_planned
        failed = c.execute(sa.select(t.runs.c.status).where(t.runs.c.kind == "suppressions")).scalar_one()
    ledger.close()
    assert failed == "failed"
