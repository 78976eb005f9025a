"""What a policy document may say, what it may not, and which version rules."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from data.ledger import tables as t
from data.ledger.store import Ledger
from data.words import Channel, ConsentBasis, StopCondition
from invitations.policy import NoPolicy, Policy, PolicyRefused, read_policy
from tests.world import NOON, RULES, insert, make_world

HOURS = {"opens": "08:00", "closes": "21:00"}
SOURCE = {"source": "our lawyer", "read_on": "2026-11-20"}


def test_an_empty_document_gets_the_careful_defaults() -> None:
    policy = Policy.load({})
    assert (policy.quiet_hours.opens, policy.quiet_hours.closes) == (8 * 60, 21 * 60)
    assert policy.stop_when == (StopCondition.SCORED, StopCondition.PLATFORM_CHOSEN, StopCondition.REVIEW_LINKED)


def test_the_fact_of_having_answered_may_stop_an_invitation() -> None:
    assert Policy.load({"stop_when": ["clicked", "scored"]}).stop_when == (StopCondition.SCORED, StopCondition.CLICKED)
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
        ({"quiet_hours": HOURS | {"weekdays": []}}, r"quiet_hours\.weekdays: no weekday is left"),
        (
            {"quiet_hours": HOURS | {"weekdays": ["monday"]}},
            r"weekdays\.no\. 1: found 'monday', expected one of mon, tue",
        ),
        ({"cap_days": -1}, "cap_days: .*greater than or equal to 0"),
        ({"cap_days": 90, "invite_again_after_days": 30}, "invite_again_after_days is 30, but cap_days lets nobody"),
        ({"stricter_hours": [HOURS | SOURCE | {"region": "Texas"}]}, r"stricter_hours\.no\. 1\.region"),
        ({"stricter_hours": [HOURS | {"region": "US-TX"}]}, r"stricter_hours\.no\. 1\.source: Field required"),
        ({"consent": [SOURCE | {"country": "US", "bases": {"hope": 1}}]}, r"consent\.no\. 1\.bases"),
        ({"consent": [SOURCE | {"country": "US", "bases": {"withdrawn": 0}}]}, "a withdrawn consent allows nothing"),
        ({"consent": [SOURCE | {"country": "US", "bases": {}, "days": 1}]}, "there are country, channels, bases"),
        ({"consent": [SOURCE | {"country": "US", "bases": {}}] * 2}, "2 rows speak of sms to US"),
        ({"machines": {"networks": ["the internet"]}}, r"machines\.networks"),
    ],
)
def test_what_cannot_be_satisfied_is_refused_with_the_reason(document: dict[str, Any], reason: str) -> None:
    with pytest.raises(PolicyRefused, match=reason):
        Policy.load(document)


def test_the_whole_document_is_read_back_the_same_and_stays_the_same() -> None:
    policy = Policy.load({"quiet_hours": HOURS | {"weekdays": ["fri", "mon"], "skip_holidays": True}})
    document = policy.document()
    assert document["quiet_hours"]["weekdays"] == ["mon", "fri"]
    assert set(document) == set(Policy.model_fields)
    assert json.loads(json.dumps(document)) == document
    assert Policy.load(document) == policy


def test_one_sign_of_a_machine_may_be_changed_and_the_others_stay_as_shipped() -> None:
    changed = Policy.load({"machines": {"networks": ["192.0.2.0/24"]}}).machines
    assert changed.networks == ("192.0.2.0/24",)
    assert changed.seconds_after_delivery == Policy.load({}).machines.seconds_after_delivery


def test_rows_of_the_accounts_own_replace_a_shipped_table_whole() -> None:
    row = SOURCE | {"country": "*", "channels": ["sms"], "bases": {"express": 0}}
    policy = Policy.load({"consent": [row]})
    assert [rule.country for rule in policy.consent] == ["*"]
    assert policy.stricter_hours == Policy.load({}).stricter_hours


def test_where_a_row_was_read_is_for_people_and_may_speak_of_satisfaction() -> None:
    cited = {"country": "DE", "bases": {"express": 0}, "source": "a satisfaction request is advertising"}
    assert Policy.load({"consent": [cited | {"read_on": "2026-11-20"}]}).consent[0].country == "DE"
    with pytest.raises(PolicyRefused, match="review gating"):
        Policy.load({"consent": [cited | {"channels": ["satisfied"]}]})


def shipped_bases(country: str, channel: Channel) -> dict[ConsentBasis, int]:
    [rule] = [row for row in Policy.load({}).consent if row.country == country and channel in row.channels]
    return rule.bases


def test_the_shipped_consents_are_the_stricter_reading_of_each_law() -> None:
    for country in ("US", "DE", "*"):
        for channel in (Channel.SMS, Channel.WHATSAPP):
            assert shipped_bases(country, channel) == {ConsentBasis.EXPRESS: 0}
    assert shipped_bases("US", Channel.EMAIL) == {}  # none is needed
    assert shipped_bases("DE", Channel.EMAIL) == {ConsentBasis.EXPRESS: 0, ConsentBasis.PURCHASE: 0}
    for channel in Channel:
        bases = shipped_bases("CA", channel)
        # Two years and six months have as few days as these; an anniversary must never come before the end.
        assert (bases[ConsentBasis.PURCHASE], bases[ConsentBasis.INQUIRY]) == (730, 181)


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
