"""The two tables of who may: complete, and as the product's pages say."""

import pytest

from data import plans
from data.permissions import Action, may
from data.plans import allowance
from data.words import Plan, Role


def test_free_and_free_trial_cannot_import() -> None:
    assert [plan for plan in Plan if not allowance(plan).imports] == [Plan.FREE, Plan.FREE_TRIAL]


def test_only_paid_plans_other_than_starter_have_boosts() -> None:
    assert [plan for plan in Plan if allowance(plan).boosts] == [Plan.GROWTH, Plan.SCALE]


def test_free_sends_the_first_message_only() -> None:
    assert [plan for plan in Plan if not allowance(plan).follow_ups] == [Plan.FREE]


def test_a_viewer_sees_all_and_changes_nothing() -> None:
    assert {action for action in Action if may(Role.VIEWER, action)} == {
        Action.VIEW, Action.OPEN_PANEL, Action.SEE_ACCOUNT_QUOTA,
    }  # fmt: skip


def test_an_agency_client_sees_no_quota_of_the_account_and_runs_nothing_of_it() -> None:
    refused = {action for action in Action if not may(Role.AGENCY_CLIENT, action)}
    assert refused == {
        Action.SEE_ACCOUNT_QUOTA, Action.HALT, Action.LIFT_HALT, Action.BUY_MORE, Action.CHANGE_SETTINGS,
        Action.MANAGE_USERS, Action.SEE_AUDIT,
    }  # fmt: skip


def test_a_table_that_forgets_a_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tomllib.loads", lambda _: {"free": {"imports": False}})
    with pytest.raises(ValueError, match=r"\[free\]: found imports, expected boosts, follow_ups, imports"):
        plans.allowances.__wrapped__()
