"""Each plan has just what the table says, by calling what each limit is about; the command line included."""

from collections.abc import Callable
from dataclasses import fields
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from data.ledger import tables as t
from data.plans import Allowance, allowance, allowances
from data.words import Plan, RequestStatus, Role
from invitations.actor import Refused
from invitations.by_hand import buy_more
from invitations.import_report import ImportRefused
from invitations.queueing import plan_and_queue
from invitations.take_in import import_customers
from invitations.uploads import Upload, ask_to_import, check_list, import_upload
from pipelines.cli import command_line
from tests.who_may.stage import FILE, Stage
from tests.who_may.walk import choice, payload
from tests.world import NOON

PLANS = list(Plan)
pytestmark = pytest.mark.slow


def _on_plan(stage: Stage, plan: Plan) -> Stage:
    with stage.ledger.write() as c:
        c.execute(t.accounts.update().values(plan=plan))
    return stage


def _imports(stage: Stage) -> bool:
    """By the dashboard (checked, asked for, carried out), by the function that the inbox folder and the CLI call."""
    owner, upload = stage.actor(Role.OWNER), Upload("dora.csv", FILE)
    refused = [
        isinstance(check_list(stage.ledger, owner, upload, choice()), Refused),
        isinstance(ask_to_import(stage.ledger, owner, upload, choice(), now=NOON), Refused),
        isinstance(import_upload(stage.ledger, owner, FILE, payload()), Refused),
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
