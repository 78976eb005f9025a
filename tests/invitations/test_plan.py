"""The rules, one example each in words a marketer could read, and what must hold for every frame whatsoever."""

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from invitations import rules
from invitations.plan import plan
from invitations.policy import Policy, PolicyRefused
from invitations.windows import MOMENT

NOON = datetime(2026, 11, 23, 18, tzinfo=UTC)  # Monday noon in Chicago
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
POLICY = Policy.load({})

COLUMNS: dict[str, Any] = {
    **dict.fromkeys(("account_id", "location_id", "customer_id", "person_id"), pl.Int64),
    "zone": pl.String,
    "invitation_id": pl.Int64,
    "invitation_status": pl.String,
    **dict.fromkeys(("sequence_id", "step"), pl.Int64),
    "channel": pl.String,
    "preference": pl.Int64,
    "is_all_channels": pl.Boolean,
    "ordered_at": MOMENT,
    "due_at": MOMENT,
    **dict.fromkeys(
        (
            *("is_channel_off", "is_address_missing", "is_suppressed", "is_paused", "is_in_flight"),
            *("has_scored", "has_chosen_platform", "has_linked_review", "has_clicked", "has_unit"),
        ),
        pl.Boolean,
    ),
    "quota_left": pl.Int64,
    "quota_resets_at": MOMENT,
}


def candidate(**values: Any) -> dict[str, Any]:
    """Somebody new in Chicago whom nothing holds back, but for `values`."""
    plain = {name: False if kind is pl.Boolean else None for name, kind in COLUMNS.items()}
    customer = values.get("customer_id", 1)
    return plain | {
        "account_id": 1, "location_id": 1, "customer_id": customer, "person_id": customer, "zone": "America/Chicago",
        "sequence_id": 1, "step": 0, "channel": "sms", "preference": 0, "ordered_at": NOON - DAY, "quota_left": 100,
        "quota_resets_at": NOON + 8 * DAY,
    } | values  # fmt: skip


def verdicts(*candidates: dict[str, Any], policy: Policy = POLICY, now: datetime = NOON) -> list[dict[str, Any]]:
    return plan(pl.DataFrame(candidates, schema=COLUMNS), policy, now).to_dicts()


def verdict(policy: Policy = POLICY, now: datetime = NOON, **values: Any) -> dict[str, Any]:
    [only] = verdicts(candidate(**values), policy=policy, now=now)
    return only


# --- one example for each rule


def test_somebody_nothing_holds_back_may_go_now_until_the_evening() -> None:
    found = verdict()
    assert found["is_clear"]
    assert (found["rules"], found["untils"]) == ([], [])
    assert found["earliest_at"] == found["not_before"] == NOON
    assert found["not_after"] == NOON + 9 * HOUR  # 21:00


def test_the_reminder_waits_until_three_days_have_passed() -> None:
    found = verdict(step=1, due_at=NOON + 3 * DAY)
    assert (found["rules"], found["untils"]) == (["step_not_due"], [NOON + 3 * DAY])
    assert found["earliest_at"] == NOON + 3 * DAY


def test_a_channel_that_is_switched_off_is_not_used() -> None:
    found = verdict(is_channel_off=True)
    assert (found["rules"], found["untils"], found["earliest_at"]) == (["channel_off"], [None], None)


def test_nobody_is_texted_without_a_number() -> None:
    assert verdict(is_address_missing=True)["rules"] == ["no_address"]


def test_a_paused_message_waits_for_whoever_paused_it() -> None:
    found = verdict(is_paused=True)
    assert (found["rules"], found["earliest_at"]) == (["paused"], None)


def test_a_stopped_invitation_sends_nothing_more() -> None:
    assert verdict(invitation_id=1, invitation_status="stopped")["rules"] == ["stopped"]


@pytest.mark.parametrize("fact", ["has_scored", "has_chosen_platform", "has_linked_review"])
def test_who_has_answered_is_not_reminded(fact: str) -> None:
    assert verdict(invitation_id=1, invitation_status="active", **{fact: True})["rules"] == ["answered"]
    assert verdict(invitation_id=1, invitation_status="answered")["rules"] == ["answered"]


def test_a_click_counts_as_an_answer_only_where_the_policy_says_so() -> None:
    assert verdict(has_clicked=True)["is_clear"]
    assert verdict(has_clicked=True, policy=Policy.load({"stop_when": ["clicked"]}))["rules"] == ["answered"]
    assert verdict(has_scored=True, policy=Policy.load({"stop_when": []}))["is_clear"]


def test_who_opted_out_is_never_asked() -> None:
    assert verdict(is_suppressed=True)["rules"] == ["suppressed"]


def test_nothing_follows_a_message_of_which_nobody_knows_whether_it_arrived() -> None:
    assert verdict(is_in_flight=True)["rules"] == ["in_doubt"]


def test_nobody_is_texted_at_three_in_the_morning() -> None:
    night = datetime(2026, 11, 24, 9, tzinfo=UTC)
    found = verdict(now=night)
    assert (found["rules"], found["untils"]) == (["quiet_hours"], [night + 5 * HOUR])
    assert found["earliest_at"] == night + 5 * HOUR  # 08:00 in Chicago
    assert verdict(now=night, zone="Europe/Berlin")["is_clear"]  # where it is ten in the morning


def test_what_becomes_due_at_night_goes_in_the_morning() -> None:
    found = verdict(step=1, due_at=NOON + 10 * HOUR)  # 22:00
    assert found["rules"] == ["step_not_due"]
    assert found["earliest_at"] == NOON + 20 * HOUR


def test_when_the_quota_is_used_up_the_next_ones_wait_for_the_reset_in_order() -> None:
    rows = [candidate(customer_id=n, quota_left=2, ordered_at=NOON - n * HOUR) for n in (1, 2, 3)]
    first, second, third = verdicts(*rows)
    assert [first["rules"], second["rules"], third["rules"]] == [["quota"], [], []]
    assert first["untils"] == [NOON + 8 * DAY]
    assert first["earliest_at"] == NOON + 8 * DAY


def test_invitations_under_way_come_before_new_ones_and_reminders_cost_nothing() -> None:
    new = candidate(customer_id=1, quota_left=1, ordered_at=NOON - 9 * DAY)
    queued = candidate(customer_id=2, quota_left=1, ordered_at=NOON, invitation_id=2, invitation_status="active")
    reminder = candidate(
        customer_id=3, quota_left=1, step=1, invitation_id=3, invitation_status="active", has_unit=True
    )
    assert [row["rules"] for row in verdicts(new, queued, reminder)] == [["quota"], [], []]


def test_who_cannot_be_asked_anyway_takes_nothing_from_the_quota() -> None:
    held = candidate(customer_id=1, quota_left=1, ordered_at=NOON - 9 * DAY, is_suppressed=True)
    after_reset = candidate(customer_id=2, quota_left=1, ordered_at=NOON - 9 * DAY, due_at=NOON + 9 * DAY)
    assert [row["rules"] for row in verdicts(held, after_reset, candidate(customer_id=3, quota_left=1))] == [
        ["suppressed"],
        ["step_not_due"],
        [],
    ]


def test_every_reason_is_given_not_only_the_first() -> None:
    found = verdict(
        now=NOON + 10 * HOUR, step=1, due_at=NOON + DAY, is_channel_off=True, is_address_missing=True,
        is_suppressed=True, is_paused=True, is_in_flight=True, has_scored=True, invitation_status="stopped",
    )  # fmt: skip
    assert found["rules"] == [
        *("step_not_due", "channel_off", "no_address", "paused", "stopped", "answered", "suppressed", "in_doubt"),
        "quiet_hours",
    ]
    assert found["untils"] == [NOON + DAY, *[None] * 7, NOON + 20 * HOUR]


# --- which channel carries a step


def step(*channels: dict[str, Any], **shared: Any) -> list[dict[str, Any]]:
    names = ("sms", "email", "whatsapp")
    return [
        candidate(channel=name, preference=place, **shared, **values)
        for place, (name, values) in enumerate(zip(names, channels, strict=False))
    ]


def test_the_first_usable_channel_carries_a_step() -> None:
    assert [row["channel"] for row in verdicts(*step({}, {}))] == ["sms"]
    assert [row["channel"] for row in verdicts(*step({"is_channel_off": True}, {}))] == ["email"]
    assert [row["channel"] for row in verdicts(*step({"is_address_missing": True}, {"is_suppressed": True}, {}))] == [
        "whatsapp"
    ]


def test_the_channel_on_which_a_message_is_queued_keeps_it() -> None:
    rows = step({}, {})
    rows[1]["preference"] = -1
    assert [row["channel"] for row in verdicts(*rows)] == ["email"]


def test_all_channels_carry_it_when_the_step_says_so() -> None:
    rows = step({}, {"is_channel_off": True}, {}, is_all_channels=True, quota_left=1)
    assert [(row["channel"], row["rules"]) for row in verdicts(*rows)] == [("sms", []), ("whatsapp", [])]


def test_when_no_channel_can_be_used_one_verdict_says_why_for_all() -> None:
    [only] = verdicts(*step({"is_channel_off": True}, {"is_address_missing": True}))
    assert only["rules"] == ["channel_off", "no_address"]


# --- what holds for every frame


def test_nobody_at_all_gives_an_empty_frame_of_the_same_shape() -> None:
    empty = plan(pl.DataFrame(schema=COLUMNS), POLICY, NOON)
    assert empty.height == 0
    assert empty.schema == plan(pl.DataFrame([candidate()], schema=COLUMNS), POLICY, NOON).schema


def test_no_rule_reads_what_a_customer_thinks() -> None:
    policy = Policy.load({"stop_when": ["scored", "platform_chosen", "review_linked", "clicked"]})
    read = {
        column
        for make in rules.ALL
        for expression in (make(policy).holds, make(policy).until, make(policy).says)
        for column in expression.meta.root_names()
    }
    assert "has_scored" in read  # the fact of an answer
    assert not [column for column in read - {"has_scored"} if speaks_of_opinions(column)]
    assert not [column for column in set(COLUMNS) - {"has_scored"} if speaks_of_opinions(column)]


def speaks_of_opinions(name: str) -> bool:
    """By the policy loader's own list."""
    with pytest.raises(PolicyRefused) as refused:
        Policy.load({name: True})
    return "review gating" in str(refused.value)


ZONES = ["America/Chicago", "America/Havana", "Asia/Beirut", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia"]
moments = st.integers(0, 275 * 24 * 3600).map(
    lambda seconds: datetime(2026, 3, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)
truths = st.sampled_from([False, False, False, False, True])
clocks = st.tuples(st.integers(0, 23), st.integers(1, 24)).filter(lambda pair: pair[0] != pair[1])


@st.composite
def frames(draw: st.DrawFn) -> tuple[list[dict[str, Any]], Policy, datetime]:
    now = draw(moments)
    opens, closes = draw(clocks)
    policy = Policy.load({"quiet_hours": {"opens": f"{opens:02}:00", "closes": f"{closes:02}:00"}})
    left = draw(st.integers(0, 4))
    resets_at = now + timedelta(hours=draw(st.integers(1, 24 * 40)))
    rows = []
    for number in range(draw(st.integers(1, 8))):
        shared = {
            "customer_id": number,
            "zone": draw(st.sampled_from(ZONES)),
            "due_at": draw(st.none() | st.integers(-5000, 50_000).map(lambda minutes: now + minutes * MINUTE)),
            "invitation_id": draw(st.none() | st.just(number)),
            "ordered_at": now - draw(st.integers(0, 3)) * DAY,
            "has_unit": draw(truths),
            "quota_left": left,
            "quota_resets_at": resets_at,
            "is_all_channels": draw(truths),
            **{name: draw(truths) for name in ("is_paused", "has_scored")},
        }
        rows += step(*[
            {name: draw(truths) for name in ("is_channel_off", "is_address_missing", "is_suppressed")}
            for _ in range(draw(st.integers(1, 2)))
        ], **shared)  # fmt: skip
    return rows, policy, now


@pytest.mark.slow
@settings(max_examples=50, deadline=None)
@given(frames())
def test_the_earliest_moment_is_exact_and_the_window_is_the_quiet_hours_own(
    frame: tuple[list[dict[str, Any]], Policy, datetime],
) -> None:
    rows, policy, now = frame
    for found in verdicts(*rows, policy=policy, now=now):
        assert found["is_clear"] == (found["rules"] == [])
        assert len(found["rules"]) == len(found["untils"])
        assert (found["earliest_at"] is None) == any(until is None for until in found["untils"])
        earliest = found["earliest_at"]
        if earliest is None:
            continue
        assert earliest >= now
        assert found["is_clear"] == (earliest == now)
        # The same person alone, with quota once it has come back.
        alone = {name: found[name] for name in COLUMNS} | {"has_unit": True}
        if "quota" in found["rules"]:
            assert earliest >= found["quota_resets_at"]
            alone["due_at"] = max(found["due_at"] or now, found["quota_resets_at"])
        at = verdict(policy=policy, now=earliest, **alone)
        assert at["is_clear"]
        if earliest - MINUTE >= now:
            assert not verdict(policy=policy, now=earliest - MINUTE, **alone)["is_clear"]
        closing = found["not_after"]
        assert verdict(policy=policy, now=closing - MINUTE, **alone)["is_clear"] or closing - MINUTE < earliest
        if policy.quiet_hours.closes != 24 * 60 or policy.quiet_hours.opens != 0:
            assert not verdict(policy=policy, now=closing, **alone)["is_clear"]


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(frames())
def test_the_quota_is_never_exceeded_and_never_wasted(frame: tuple[list[dict[str, Any]], Policy, datetime]) -> None:
    rows, policy, now = frame
    found = verdicts(*rows, policy=policy, now=now)
    left, resets_at = rows[0]["quota_left"], rows[0]["quota_resets_at"]
    spent = {
        row["customer_id"]
        for row in found
        if row["earliest_at"] and row["earliest_at"] < resets_at and not row["has_unit"]
    }
    assert len(spent) <= left
    if any("quota" in row["rules"] and row["earliest_at"] for row in found):
        assert len(spent) == left


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(frames(), st.randoms(use_true_random=False))
def test_the_order_of_the_rows_decides_nothing(
    frame: tuple[list[dict[str, Any]], Policy, datetime], random: Any
) -> None:
    rows, policy, now = frame
    mixed = random.sample(rows, len(rows))

    def by_key(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return sorted(found, key=lambda row: (row["customer_id"], row["channel"]))

    assert by_key(verdicts(*rows, policy=policy, now=now)) == by_key(verdicts(*mixed, policy=policy, now=now))
