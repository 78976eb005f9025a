"""What a policy document may say, what it may not, and which version rules."""

from datetime import UTC, datetime
from typing import Any

import pytest

from data.ledger import tables as t
from data.ledger.store import Ledger
from data.words import EventKind
from invitations.policy import NoPolicy, Policy, PolicyRefused, read_policy
from tests.world import NOON, RULES, insert, make_world


def test_an_empty_document_gets_the_careful_defaults() -> None:
    policy = Policy.load({})
    assert (policy.quiet_hours.opens, policy.quiet_hours.closes) == (8 * 60, 21 * 60)
    assert policy.stop_when == (EventKind.SCORED, EventKind.PLATFORM_CHOSEN, EventKind.REVIEW_LINKED)


def test_the_fact_of_having_answered_may_stop_an_invitation() -> None:
    assert Policy.load({"stop_when": ["clicked", "scored"]}).stop_when == (EventKind.SCORED, EventKind.CLICKED)
    assert Policy.load({"stop_when": []}).stop_when == ()


@pytest.mark.parametrize(
    "document",
    [
        {"score_below": 7},
        {"min_score": 9},
        {"minScore": 9},
        {"NPSAtLeast": 9},
        {"only_if": {"sentiment": "positive"}},
        {"only_if": ["rating >= 4"]},
        {"ask": {"when": [{"column": "stars", "over": 3}]}},
        {"skip": "complaints"},
        {"skip_complained": True},
        {"exclude": ["detractors"]},
        {"scored_above": 8},
        {"ask_when": ["scored"]},
        {"stop_when": ["scored", "scored_below_7"]},
        {"stop_when": ["complained"]},
        {"stop_when": {"scored": "low"}},
        {"quiet_hours": {"opens": "08:00", "closes": "21:00", "unhappy": "never"}},
        {"only": "happy customers"},
    ],
)
def test_nobody_is_chosen_by_what_they_think(document: dict[str, Any]) -> None:
    with pytest.raises(PolicyRefused, match="review gating"):
        Policy.load(document)


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ({"quiet_hours": {"opens": "09:00", "closes": "09:00"}}, "nobody could ever be asked"),
        ({"quiet_hours": {"opens": "24:00", "closes": "08:00"}}, "no day has"),
        ({"quiet_hours": {"opens": "8 am", "closes": "21:00"}}, "found '8 am', expected a time of day"),
        ({"quiet_hours": {"opens": 8, "closes": "21:00"}}, "found 8, expected a time of day"),
        ({"quiet_hours": {"opens": "08:00"}}, r"quiet_hours\.closes: Field required"),
        ({"quiet_hours": {"opens": "08:00", "closes": "21:00", "zone": "UTC"}}, "there are opens, closes"),
        ({"stop_when": ["delivered"]}, "stop_when.*'permanent_failure'"),
        ({"cap": 90}, "cap: not a setting; there are quiet_hours, stop_when"),
        ({"start_at": "09:00"}, "start_at: not a setting"),
    ],
)
def test_what_cannot_be_satisfied_is_refused_with_the_reason(document: dict[str, Any], reason: str) -> None:
    with pytest.raises(PolicyRefused, match=reason):
        Policy.load(document)


def test_the_newest_version_in_effect_rules(ledger: Ledger) -> None:
    world = make_world(ledger)
    with ledger.write() as c:
        later = insert(
            c, t.policies, account_id=world.account_id, version=2, effective_at=NOON,
            rules=RULES | {"stop_when": ["clicked"]},
        )  # fmt: skip
    with ledger.read() as c:
        before = NOON.replace(hour=17)
        assert read_policy(c, world.account_id, before) == (world.policy_id, Policy.load(RULES))
        assert read_policy(c, world.account_id, NOON)[0] == later
        with pytest.raises(NoPolicy, match="afterword init"):
            read_policy(c, world.account_id, datetime(2025, 1, 1, tzinfo=UTC))
