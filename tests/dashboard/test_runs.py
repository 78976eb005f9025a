"""Runs: what each counted is said in an analyst's words, and so is why one broke off."""

from datetime import timedelta

import pytest

from dashboard.components.run_counts import count_words
from data.ledger import tables as t
from data.ledger.store import Ledger
from data.words import Rule, RunKind, RunStatus
from invitations.import_report import ImportReport
from tests.dashboard.conftest import Open, text
from tests.world import NOON, World, insert

pytestmark = pytest.mark.slow


def test_every_rule_and_every_count_of_an_import_has_words() -> None:
    for rule in Rule:
        assert count_words(RunKind.PLAN, f"held_{rule}").startswith("held: ")
    counts = ImportReport(file_name="x.csv").as_metadata()
    assert {name for name in counts if count_words(RunKind.IMPORT, name) == name} == {"rows"}


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_a_run_tells_what_it_counted_and_why_it_broke_off(ledger: Ledger, world: World, look: Open) -> None:
    with ledger.write() as c:
        for kind, status, counts, problem in (
            (RunKind.PLAN, RunStatus.DONE, {"candidates": 7, "held_quota": 2, "canceled": 0}, None),
            (RunKind.EVENTS, RunStatus.FAILED, {"repeated": 3}, "PollFailed"),
            (RunKind.SEND, RunStatus.DIED, {}, "its process vanished"),
        ):
            insert(
                c, t.runs, kind=kind, status=status, started_at=NOON - timedelta(days=1), counts=counts,
                ended_at=NOON - timedelta(days=1), process="host:1", problem=problem,
            )  # fmt: skip
    shown = text(look("runs"))
    for said in ("messages looked at <b>7</b>", "held: quota used up <b>2</b>", "known already <b>3</b>",
                 "It broke off (PollFailed). What was done stays", "its process vanished"):  # fmt: skip
        assert said in shown
    assert "canceled" not in shown
