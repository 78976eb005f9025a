"""Which channel carries a step, and the shape of verdicts. The rules one by one are in test_rules.py, what holds for
every frame whatsoever in test_plan_properties.py."""

from typing import Any

from invitations.plan import plan
from tests.invitations.planning import (
    DAY,
    HOUR,
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


def step(*channels: dict[str, Any], **shared: Any) -> list[dict[str, Any]]:
    """One step by SMS, e-mail and WhatsApp, as far as there are values."""
    names = ("sms", "email", "whatsapp")
    return [
        candidate(channel=name, preference=place, **shared, **values)
        for place, (name, values) in enumerate(zip(names, channels, strict=False))
    ]


def channels(*rows: dict[str, Any], **more: Any) -> list[str]:
    return [row["channel"] for row in verdicts(*rows, **more)]


def test_the_first_usable_channel_carries_a_step() -> None:
    assert channels(*step({}, {})) == ["sms"]
    assert channels(*step({"is_channel_off": True}, {})) == ["email"]
    assert channels(*step({"is_address_missing": True}, {"is_suppressed": True}, {})) == ["whatsapp"]
    assert channels(*step({"is_template_missing": True}, {})) == ["email"]


def test_where_whatsapp_refuses_the_message_or_has_not_approved_it_the_next_channel_carries_it() -> None:
    for reason in ("is_marketing_refused", "is_template_unapproved"):
        rows = [
            candidate(channel="whatsapp", preference=0, **{reason: True}),
            candidate(channel="email", preference=1),
        ]
        assert channels(*rows) == ["email"]


def test_where_texts_need_a_consent_that_nobody_gave_the_next_channel_carries_the_step() -> None:
    express = {"country": "US", "channels": ["sms"], "bases": {"express": 30}, "source": "x", "read_on": "2026-11-20"}
    needs = policy(consent=[express])
    assert channels(*step({}, {}), policy=needs) == ["email"]
    assert channels(*step({}, {}, express_at=NOON - DAY), policy=needs) == ["sms"]
    # By the time the step is due, the consent will have run out.
    assert channels(*step({}, {}, express_at=NOON - 20 * DAY, due_at=NOON + 11 * DAY), policy=needs) == ["email"]


def test_the_channel_on_which_a_message_is_queued_keeps_it() -> None:
    rows = step({}, {})
    rows[1]["preference"] = -1
    assert channels(*rows) == ["email"]


def test_all_channels_carry_it_when_the_step_says_so_for_one_unit() -> None:
    rows = step({}, {"is_channel_off": True}, {}, is_all_channels=True)
    found = verdicts(*rows, standing=standing(1))
    assert [(row["channel"], row["rules"]) for row in found] == [("sms", []), ("whatsapp", [])]


def test_all_messages_of_a_step_wait_together_when_there_is_no_unit_for_it() -> None:
    first = candidate(customer_id=2, ordered_at=NOON - 2 * DAY)
    rows = step({}, {}, is_all_channels=True)
    found = verdicts(first, *rows, standing=standing(1))
    assert [row["rules"] for row in found] == [[], ["quota"], ["quota"]]


def test_when_no_channel_can_be_used_one_verdict_says_why_for_all() -> None:
    [only] = verdicts(*step({"is_channel_off": True}, {"is_address_missing": True}))
    assert only["rules"] == ["channel_off", "no_address"]
    assert (only["channel"], only["is_address_missing"]) == ("sms", True)


def test_no_other_channel_takes_over_while_a_message_may_have_arrived() -> None:
    doubt = {"is_in_flight": True}
    rows = step({"is_suppressed": True, "request_status": "in_doubt", "request_id": 1}, {}, **doubt)
    [only] = verdicts(*rows)
    assert (only["channel"], only["rules"]) == ("sms", ["suppressed", "in_doubt"])
    rows = step({}, {"request_status": "sending", "request_id": 1}, **doubt)
    assert channels(*rows) == ["email"]
    both = step({}, {"request_status": "in_doubt", "request_id": 1}, {"is_channel_off": True}, is_all_channels=True)
    both[1]["is_in_flight"] = True
    found = [(row["channel"], row["rules"]) for row in verdicts(*both)]
    assert found == [("sms", []), ("email", ["in_doubt"])]


def test_a_step_in_doubt_takes_no_unit_from_anybody() -> None:
    doubtful = candidate(customer_id=1, ordered_at=NOON - 9 * DAY, is_in_flight=True)
    found = verdicts(doubtful, candidate(customer_id=2), standing=standing(1))
    assert [row["rules"] for row in found] == [["in_doubt"], []]


def test_verdicts_come_in_the_candidates_order_with_all_their_columns() -> None:
    rows = [candidate(customer_id=n) for n in (3, 1, 2)]
    found = plan(frame(*rows), POLICY, NOON, standing())
    assert found["customer_id"].to_list() == [3, 1, 2]
    assert found.columns[: len(rows[0])] == list(rows[0])
    assert found.columns[len(rows[0]) :] == [
        *("now", "rules", "untils", "earliest_at", "not_before", "not_after", "is_clear")
    ]


def test_nobody_at_all_gives_an_empty_frame_of_the_same_shape() -> None:
    empty = plan(frame(), POLICY, NOON, standing())
    assert empty.height == 0
    assert empty.schema == plan(frame(candidate()), POLICY, NOON, standing()).schema


def test_an_override_goes_first_and_the_persons_other_visit_waits_for_it() -> None:
    by_hand = candidate(customer_id=1, person_id=7, is_cap_overridden=True, due_at=NOON + HOUR, asked_at=NOON - DAY)
    other = candidate(customer_id=2, person_id=7)
    found = verdicts(by_hand, other)
    assert found[0]["earliest_at"] == NOON + HOUR
    assert found[1]["rules"] == ["frequency_cap"]
    assert found[1]["earliest_at"] == NOON + HOUR + 90 * DAY


def test_who_waits_for_an_override_that_gets_no_unit_takes_none_of_the_next_cycle_before_it_begins() -> None:
    consent = [{"country": "US", "bases": {"purchase": 1, "express": 0}, "source": "x", "read_on": "2026-11-20"}]
    by_hand = candidate(customer_id=1, person_id=7, is_cap_overridden=True, purchase_at=NOON - HOUR)
    other = candidate(customer_id=2, person_id=7, express_at=NOON)
    found = verdicts(by_hand, other, policy=policy(consent=consent), standing=standing(0))
    assert [row["is_clear"] for row in found] == [False, False]
    assert found[1]["rules"] == ["quota"]
    assert found[1]["earliest_at"] == RESETS[0]


def test_when_one_location_has_no_unit_left_the_persons_visit_to_the_other_is_asked_about() -> None:
    here = candidate(customer_id=1, person_id=7, location_id=1, ordered_at=NOON - 2 * DAY)
    there = candidate(customer_id=2, person_id=7, location_id=2)
    found = verdicts(here, there, standing=standing(location_left={1: 0}, location_per_cycle={1: 5}))
    assert found[1]["is_clear"]
    assert found[0]["rules"] == ["frequency_cap", "location_quota"]


def test_a_clear_verdict_has_no_reason_and_an_end() -> None:
    found = verdict()
    assert found["not_before"] < found["not_after"]


def test_who_did_not_agree_is_not_asked_even_where_nobody_has_to() -> None:
    held = verdict(channel="email", is_consent_withdrawn=True)
    assert (held["rules"], held["earliest_at"]) == (["no_consent"], None)
