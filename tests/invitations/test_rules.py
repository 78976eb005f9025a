"""One example for each rule, in words a marketer could read, and what each says."""

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from data import words
from data.standing import Pace
from data.words import StopCondition
from invitations import rules
from invitations.plan import plan
from invitations.policy import Policy, PolicyRefused
from tests.invitations.planning import (
    COLUMNS,
    DAY,
    HOUR,
    MINUTE,
    NOON,
    POLICY,
    RESETS,
    candidate,
    frame,
    policy,
    standing,
    verdict,
    verdicts,
)  # fmt: skip

CASL = [
    {
        "country": "CA", "channels": ["email", "sms"], "bases": {"express": 0, "purchase": 730, "inquiry": 182},
        "source": "CASL s. 10(9)", "read_on": "2026-11-20",
    }
]  # fmt: skip
PURCHASE_ONLY = [CASL[0] | {"bases": {"purchase": 30}}]


def said(name: words.Rule, **values: Any) -> str:
    """What the rule says about one candidate."""
    policy = values.pop("policy", POLICY)
    [rule] = [make(policy) for make in rules.ALL if make(policy).name is name]
    found = plan(frame(candidate(**values)), policy, NOON, standing())
    assert name.value in found["rules"][0]
    text = found.select(rule.says.alias("says")).item()
    assert isinstance(text, str)
    return text


def test_every_word_for_a_rule_has_its_rule_and_the_other_way_round() -> None:
    assert {make(POLICY).name for make in rules.ALL} == set(words.Rule)
    assert len(rules.ALL) == len(words.Rule)


def test_somebody_nothing_holds_back_may_go_now_until_the_evening() -> None:
    found = verdict()
    assert found["is_clear"]
    assert (found["rules"], found["untils"]) == ([], [])
    assert found["earliest_at"] == found["not_before"] == NOON
    assert found["not_after"] == NOON + 9 * HOUR  # 21:00


def test_the_reminder_waits_until_three_days_have_passed() -> None:
    found = verdict(step=1, due_at=NOON + 3 * DAY, has_unit=True)
    assert (found["rules"], found["untils"]) == (["step_not_due"], [NOON + 3 * DAY])
    assert found["earliest_at"] == NOON + 3 * DAY
    assert said(words.Rule.STEP_NOT_DUE, step=1, due_at=NOON + DAY) == "follow-up 1 waits"


def test_a_message_for_ten_o_clock_goes_at_ten_where_the_customer_is() -> None:
    found = verdict(at_minute=600)
    assert (found["rules"], found["untils"]) == (["step_not_due"], [NOON + 22 * HOUR])
    assert found["earliest_at"] == NOON + 22 * HOUR
    at_ten = {"at_minute": 600, "zones": "America/Los_Angeles"}
    assert verdict(**at_ten)["is_clear"]  # where it is ten now
    assert verdict(now=NOON + MINUTE, **at_ten)["earliest_at"] == NOON + DAY


def test_a_message_for_ten_o_clock_that_is_a_little_late_still_goes_today() -> None:
    queued = {"request_id": 1, "request_status": "queued", "queued_not_before": NOON - 2 * HOUR}
    assert verdict(at_minute=600, queued_not_after=NOON + 9 * HOUR, **queued)["is_clear"]
    put_off = queued | {"queued_not_before": NOON + 5 * MINUTE, "queued_not_after": NOON + 9 * HOUR}
    assert verdict(at_minute=600, due_at=NOON + 5 * MINUTE, **put_off)["earliest_at"] == NOON + 5 * MINUTE
    assert verdict(at_minute=600, queued_not_after=NOON, **queued)["earliest_at"] == NOON + 22 * HOUR


def test_a_message_for_seven_goes_when_the_day_opens() -> None:
    found = verdict(at_minute=7 * 60)
    assert found["earliest_at"] == NOON + 20 * HOUR
    assert verdict(at_minute=7 * 60, now=NOON + 20 * HOUR)["is_clear"]
    assert not verdict(at_minute=7 * 60, now=NOON + 20 * HOUR - MINUTE)["is_clear"]


@pytest.mark.parametrize(
    ("column", "rule"),
    [
        ("is_channel_off", "channel_off"),
        ("is_address_missing", "no_address"),
        ("is_template_missing", "no_template"),
        ("is_template_unapproved", "template_not_approved"),
        ("is_marketing_refused", "marketing_refused"),
        ("is_suppressed", "suppressed"),
        ("is_beyond_plan", "no_follow_ups"),
        ("is_excluded", "excluded"),
        ("is_list_undone", "list_undone"),
        ("is_paused", "paused"),
        ("is_in_flight", "in_doubt"),
    ],
)
def test_what_nobody_knows_the_end_of_holds_without_end_and_says_why(column: str, rule: str) -> None:
    found = verdict(**{column: True})
    assert (found["rules"], found["untils"], found["earliest_at"], found["not_after"]) == ([rule], [None], None, None)
    assert not found["is_clear"]
    assert said(words.Rule(rule), **{column: True})


def test_staff_and_relatives_are_not_asked() -> None:
    assert verdict(is_excluded=True)["rules"] == ["excluded"]


def test_a_stopped_invitation_sends_nothing_more() -> None:
    assert verdict(invitation_id=1, invitation_status="stopped")["rules"] == ["stopped"]


@pytest.mark.parametrize("fact", ["has_scored", "has_chosen_platform", "has_linked_review"])
def test_who_has_answered_is_not_reminded(fact: str) -> None:
    assert verdict(invitation_id=1, invitation_status="active", **{fact: True})["rules"] == ["answered"]
    assert verdict(invitation_id=1, invitation_status="answered")["rules"] == ["answered"]


def test_a_click_counts_as_an_answer_only_where_the_policy_says_so() -> None:
    assert verdict(has_clicked=True)["is_clear"]
    assert verdict(has_clicked=True, policy=policy(stop_when=["clicked"]))["rules"] == ["answered"]
    assert verdict(has_scored=True, policy=policy(stop_when=[]))["is_clear"]


def test_after_a_message_that_failed_for_good_nothing_follows_only_where_the_policy_says_so() -> None:
    assert verdict(has_failed=True)["is_clear"]
    assert verdict(has_failed=True, policy=policy(stop_when=["permanent_failure"]))["rules"] == ["undeliverable"]


def test_who_must_agree_first_is_not_asked_without_a_consent_on_record() -> None:
    casl = policy(consent=CASL)
    found = verdict(policy=casl, recipient_country="CA", channel="email")
    assert (found["rules"], found["untils"], found["earliest_at"]) == (["no_consent"], [None], None)
    assert verdict(policy=casl, recipient_country="US", channel="email")["is_clear"]
    assert verdict(policy=casl, recipient_country="CA", channel="whatsapp")["is_clear"]
    text = said(words.Rule.NO_CONSENT, policy=casl, recipient_country="CA", channel="email")
    assert text == "no consent on record, and one is needed in CA for email"


def test_a_purchase_allows_asking_for_two_years_and_a_yes_for_ever() -> None:
    there = {"policy": policy(consent=CASL), "recipient_country": "CA"}
    assert verdict(purchase_at=NOON - 729 * DAY, **there)["is_clear"]
    assert verdict(purchase_at=NOON - 730 * DAY, **there)["rules"] == ["no_consent"]
    assert verdict(purchase_at=NOON - 730 * DAY, express_at=NOON - 4000 * DAY, **there)["is_clear"]
    assert (
        said(words.Rule.NO_CONSENT, purchase_at=NOON - 731 * DAY, **there)
        == "their consent ran out on 22 November 2026"
    )


def test_a_consent_that_runs_out_before_the_message_may_go_is_none() -> None:
    there = {"policy": policy(consent=PURCHASE_ONLY), "recipient_country": "CA", "purchase_at": NOON - 28 * DAY}
    assert verdict(due_at=NOON + DAY, **there)["earliest_at"] == NOON + DAY
    late = verdict(due_at=NOON + 2 * DAY, **there)
    assert (late["rules"], late["earliest_at"]) == (["step_not_due", "no_consent"], None)
    at_night = verdict(due_at=NOON + 2 * DAY - HOUR, at_minute=20 * 60, **there)
    assert (at_night["rules"], at_night["earliest_at"]) == (["step_not_due", "no_consent"], None)
    text = said(words.Rule.NO_CONSENT, due_at=NOON + 2 * DAY, **there)
    assert text == "their consent runs out on 25 November 2026, before this message may go"


def test_a_message_does_not_go_after_the_consent_has_run_out() -> None:
    there = {"policy": policy(consent=PURCHASE_ONLY), "recipient_country": "CA"}
    assert verdict(purchase_at=NOON - 30 * DAY + HOUR, **there)["not_after"] == NOON + HOUR


def test_the_row_of_the_country_goes_before_the_row_for_all() -> None:
    everywhere = {"country": "*", "channels": ["sms"], "bases": {"express": 0}, "source": "x", "read_on": "2026-11-20"}
    none_in_us = everywhere | {"country": "US", "bases": {}}
    loaded = policy(consent=[everywhere, none_in_us])
    assert verdict(policy=loaded, recipient_country="US")["is_clear"]
    assert verdict(policy=loaded, recipient_country="FR")["rules"] == ["no_consent"]
    assert verdict(policy=loaded, recipient_country=None)["rules"] == ["no_consent"]


def test_a_customer_who_comes_again_is_invited_again_only_where_the_policy_says_when() -> None:
    again = {"invited_at": NOON - 100 * DAY}
    assert (verdict(**again)["rules"], verdict(**again)["untils"]) == (["already_invited"], [None])
    yearly = policy(invite_again_after_days=365)
    assert verdict(policy=yearly, **again)["untils"] == [NOON + 265 * DAY]
    assert verdict(policy=yearly, invited_at=NOON - 365 * DAY)["is_clear"]
    assert said(words.Rule.ALREADY_INVITED, **again) == "invited 100 days ago; not invited again"


def test_nobody_is_asked_twice_within_ninety_days_wherever_that_was() -> None:
    found = verdict(asked_at=NOON - 12 * DAY)
    assert (found["rules"], found["untils"]) == (["frequency_cap"], [NOON + 78 * DAY])
    assert found["earliest_at"] == NOON + 78 * DAY
    assert verdict(asked_at=NOON - 90 * DAY)["is_clear"]
    assert verdict(asked_at=NOON - DAY, policy=policy(cap_days=0))["is_clear"]
    assert said(words.Rule.FREQUENCY_CAP, asked_at=NOON - 12 * DAY) == "asked 12 days ago; not asked again"
    assert said(words.Rule.FREQUENCY_CAP, asked_at=NOON - 47 * HOUR) == "asked a day ago; not asked again"
    assert said(words.Rule.FREQUENCY_CAP, asked_at=NOON - 20 * HOUR) == "asked less than a day ago; not asked again"


def test_the_cap_holds_first_messages_only() -> None:
    assert verdict(step=1, has_unit=True, asked_at=NOON - 3 * DAY, invited_at=NOON - 3 * DAY)["is_clear"]


def test_whoever_asks_by_hand_may_set_the_cap_aside() -> None:
    assert verdict(is_cap_overridden=True, asked_at=NOON - DAY, invited_at=NOON - DAY)["is_clear"]


def test_of_two_visits_of_one_person_the_first_is_asked_about_and_the_other_waits_for_the_cap() -> None:
    first = candidate(customer_id=1, person_id=7, ordered_at=NOON - HOUR)
    other = candidate(customer_id=2, person_id=7, location_id=2, ordered_at=NOON - DAY, due_at=NOON + HOUR)
    found = verdicts(first, other)
    assert [row["rules"] for row in found] == [[], ["step_not_due", "frequency_cap"]]
    assert found[1]["earliest_at"] == NOON + 90 * DAY
    [rule] = [make(POLICY) for make in rules.ALL if make is rules.frequency_cap]
    text = plan(frame(first, other), POLICY, NOON, standing()).select(rule.says.alias("says"))["says"][1]
    assert text == "they are asked for another visit first; not asked again"


def test_a_list_that_starts_on_wednesday_waits_for_wednesday() -> None:
    paces = {5: Pace("America/Chicago", send_at=NOON + 2 * DAY)}
    found = verdict(list_id=5, standing=standing(paces=paces))
    assert (found["rules"], found["untils"], found["earliest_at"]) == (["list_speed"], [NOON + 2 * DAY], NOON + 2 * DAY)
    assert verdict(list_id=5, step=1, has_unit=True, standing=standing(paces=paces))["is_clear"]  # a reminder
    assert verdict(list_id=6, standing=standing(paces=paces))["is_clear"]


def test_a_list_at_two_an_hour_lets_two_go_each_hour() -> None:
    paces = {5: Pace("America/Chicago", 2, HOUR, recent=(NOON - 30 * MINUTE,))}
    rows = [candidate(customer_id=n, list_id=5, ordered_at=NOON - n * DAY) for n in (1, 2, 3, 4)]
    found = verdicts(*rows, standing=standing(paces=paces))
    assert [row["earliest_at"] - NOON for row in found] == [HOUR + 30 * MINUTE, HOUR, HOUR / 2, timedelta(0)]
    assert [row["rules"] for row in found] == [["list_speed"]] * 3 + [[]]


def test_a_list_for_mornings_and_the_customers_own_hours_both_count() -> None:
    paces = {5: Pace("America/New_York", opens=8 * 60, closes=12 * 60, days=(1, 3))}
    found = verdict(list_id=5, standing=standing(paces=paces))
    assert (found["rules"], found["untils"]) == (["list_speed"], [NOON + 19 * HOUR])  # Tuesday, 08:00 New York
    assert found["earliest_at"] == NOON + 20 * HOUR  # 08:00 in Chicago
    assert found["not_after"] == NOON + 23 * HOUR  # noon in New York


def test_a_list_whose_hours_are_never_the_customers_holds_without_end() -> None:
    paces = {5: Pace("Asia/Tokyo", 1, DAY, opens=18 * 60, closes=21 * 60)}
    found = verdict(list_id=5, standing=standing(paces=paces))
    assert (found["rules"], found["untils"], found["earliest_at"]) == (["list_speed"], [None], None)


def test_nobody_is_texted_at_three_in_the_morning() -> None:
    night = datetime(2026, 11, 24, 9, tzinfo=UTC)
    found = verdict(now=night)
    assert (found["rules"], found["untils"]) == (["quiet_hours"], [night + 5 * HOUR])
    assert found["earliest_at"] == night + 5 * HOUR  # 08:00 in Chicago
    assert verdict(now=night, zones="Europe/Berlin", regions="")["is_clear"]  # where it is ten in the morning


def test_what_becomes_due_at_night_goes_in_the_morning() -> None:
    found = verdict(step=1, due_at=NOON + 10 * HOUR)  # 22:00
    assert found["rules"] == ["step_not_due"]
    assert found["earliest_at"] == NOON + 20 * HOUR


def test_texans_are_not_texted_on_sunday_morning_but_may_be_mailed() -> None:
    sunday = datetime(2026, 11, 22, 16, tzinfo=UTC)  # 10:00 in Chicago
    shipped = Policy.load({"consent": []})
    found = verdict(now=sunday, regions="US-TX", policy=shipped)
    assert (found["rules"], found["earliest_at"]) == (["quiet_hours"], sunday + 2 * HOUR)
    assert verdict(now=sunday, regions="US-TX", channel="email", policy=shipped)["is_clear"]
    ten = verdict(now=sunday, regions="US-TX", at_minute=600, policy=shipped)
    assert ten["earliest_at"] == sunday + 2 * HOUR  # at ten it is shut there


def test_when_the_quota_is_used_up_the_next_ones_wait_for_the_reset_in_order() -> None:
    rows = [candidate(customer_id=n, ordered_at=NOON - n * HOUR) for n in (1, 2, 3, 4)]
    found = verdicts(*rows, standing=standing(2, per_cycle=1))
    assert [row["rules"] for row in found] == [["quota"], ["quota"], [], []]
    assert [row["untils"] for row in found[:2]] == [[RESETS[1]], [RESETS[0]]]
    assert [row["earliest_at"] for row in found[:2]] == [RESETS[1], RESETS[0]]


def test_who_fits_into_no_known_cycle_is_told_that_nobody_knows_when() -> None:
    rows = [candidate(customer_id=n, ordered_at=NOON - n * HOUR) for n in (1, 2)]
    found = verdicts(*rows, standing=standing(1, per_cycle=0))
    assert (found[0]["rules"], found[0]["untils"], found[0]["earliest_at"]) == (["quota"], [None], None)


def test_a_location_with_a_limit_of_its_own_takes_no_more_than_that() -> None:
    rows = [candidate(customer_id=n, location_id=1 + n // 3, ordered_at=NOON - n * HOUR) for n in (1, 2, 3)]
    limited = standing(3, location_left={1: 1}, location_per_cycle={1: 1})
    found = verdicts(*rows, standing=limited)
    assert [row["rules"] for row in found] == [["location_quota"], [], []]
    assert found[0]["untils"] == [RESETS[0]]


def test_invitations_under_way_come_before_new_ones_and_reminders_cost_nothing() -> None:
    new = candidate(customer_id=1, ordered_at=NOON - 9 * DAY)
    queued = candidate(customer_id=2, ordered_at=NOON, invitation_id=2, invitation_status="active")
    reminder = candidate(customer_id=3, step=1, invitation_id=3, invitation_status="active", has_unit=True)
    found = verdicts(new, queued, reminder, standing=standing(1))
    assert [row["rules"] for row in found] == [["quota"], [], []]


def test_who_cannot_be_asked_anyway_takes_nothing_from_the_quota() -> None:
    held = candidate(customer_id=1, ordered_at=NOON - 9 * DAY, is_suppressed=True)
    after_reset = candidate(customer_id=2, ordered_at=NOON - 9 * DAY, due_at=NOON + 9 * DAY)
    found = verdicts(held, after_reset, candidate(customer_id=3), standing=standing(1))
    assert [row["rules"] for row in found] == [["suppressed"], ["step_not_due"], []]


def test_every_reason_is_given_not_only_the_first() -> None:
    flags = [name for name, kind in COLUMNS.items() if kind is pl.Boolean and name not in NEUTRAL]
    found = verdict(
        now=NOON + 10 * HOUR, step=1, due_at=NOON + DAY, invitation_status="stopped", asked_at=NOON, invited_at=NOON,
        policy=policy(stop_when=["scored", "permanent_failure"], consent=CASL), recipient_country="CA", list_id=5,
        standing=standing(paces={5: Pace("America/Chicago", send_at=NOON + DAY)}), **dict.fromkeys(flags, True),
    )  # fmt: skip
    names = [rule.value for rule in (make(POLICY).name for make in rules.ALL)]
    assert found["rules"] == names[:-2]  # quota is asked only about who could go
    ends = {"step_not_due": NOON + DAY, "frequency_cap": NOON + 90 * DAY, "list_speed": NOON + DAY + 20 * HOUR}
    ends |= {"quiet_hours": NOON + 20 * HOUR, "list_speed": NOON + DAY}
    assert dict(zip(found["rules"], found["untils"], strict=True)) == dict.fromkeys(names[:-2]) | ends


NEUTRAL = ("is_all_channels", "is_cap_overridden", "has_unit")

# --- never by what a customer thinks


def columns_read(policy: Policy) -> set[str]:
    return {
        column
        for make in rules.ALL
        for expression in (make(policy).holds, make(policy).until, make(policy).says)
        for column in expression.meta.root_names()
    }


def test_no_rule_reads_what_a_customer_thinks() -> None:
    read = columns_read(policy(stop_when=[condition.value for condition in StopCondition], consent=CASL))
    assert "has_scored" in read  # the fact of an answer
    assert not [column for column in read - {"has_scored"} if speaks_of_opinions(column)]
    assert not [column for column in set(COLUMNS) - {"has_scored"} if speaks_of_opinions(column)]


def test_a_score_that_comes_along_with_the_candidates_changes_nothing() -> None:
    rows = frame(*(candidate(customer_id=n) for n in range(11)))
    with_scores = rows.with_columns(score="customer_id", rating="customer_id", sentiment=pl.lit("angry"))
    found = plan(with_scores, POLICY, NOON, standing(5))
    assert found.drop("score", "rating", "sentiment").equals(plan(rows, POLICY, NOON, standing(5)))


@pytest.mark.parametrize(
    "document",
    [
        {"stop_when": ["scored", "score_below_7"]},
        {"skip_when": {"score": "< 7"}},
        {"consent": [{"country": "CA", "bases": {"satisfied": 0}, "source": "x", "read_on": "2026-11-20"}]},
        {"stricter_hours": [{"region": "US", "opens": "08:00", "closes": "09:00", "rating": 3}]},
        {"quiet_hours": {"opens": "08:00", "closes": "21:00", "npsScore": 6}},
        {"machines": {"seconds_after_delivery": 2, "all_links_within_seconds": 3, "only_promoters": True}},
    ],
)
def test_no_policy_can_smuggle_in_what_a_customer_thinks(document: dict[str, Any]) -> None:
    with pytest.raises(PolicyRefused):
        Policy.load(document)


def test_no_policy_that_loads_makes_a_rule_read_other_columns() -> None:
    wide = policy(stop_when=[condition.value for condition in StopCondition], consent=CASL, invite_again_after_days=365)
    assert columns_read(wide) - columns_read(POLICY) <= {
        *("has_clicked", "has_failed", "express_at", "purchase_at", "inquiry_at", "recipient_country", "channel")
    }


def speaks_of_opinions(name: str) -> bool:
    """By the policy loader's own list."""
    with pytest.raises(PolicyRefused) as refused:
        Policy.load({name: True})
    return "review gating" in str(refused.value)
