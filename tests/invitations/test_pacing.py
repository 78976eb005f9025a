"""A list's places when those in line have different hours: none is wasted, and a later pass finds the same."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from data.standing import Pace
from tests.invitations.planning import DAY, HOUR, NOON, candidate, policy, standing, verdicts

ONE_AN_HOUR = Pace("America/Chicago", 1, HOUR)
SHORT_HOURS = policy(
    stricter_hours=[
        {"region": "US-FL", "opens": "12:00", "closes": "13:00", "source": "x", "read_on": "2026-11-20"},
    ]
)


def listed(number: int, region: str = "US-IL", **values: Any) -> dict[str, Any]:
    return candidate(customer_id=number, list_id=1, regions=region, **values)


def moments(*rows: dict[str, Any], now: datetime = NOON, pace: Pace = ONE_AN_HOUR) -> dict[int, datetime]:
    found = verdicts(*rows, policy=SHORT_HOURS, now=now, standing=standing(paces={1: pace}))
    return {row["customer_id"]: row["earliest_at"] for row in found}


def test_who_has_an_hour_a_day_keeps_nobody_else_from_the_other_hours() -> None:
    found = moments(listed(1, "US-FL"), listed(2, "US-FL"), listed(3), listed(4))
    assert found == {1: NOON, 2: NOON + DAY, 3: NOON + HOUR, 4: NOON + 2 * HOUR}


def test_whoever_plans_again_later_finds_the_same_moments() -> None:
    rows = [listed(number, "US-FL" if number % 3 else "US-IL") for number in range(9)]
    planned = moments(*rows)
    for hour in (1, 5, 24, 49):
        now = NOON + hour * HOUR
        gone = [at for at in planned.values() if at < now]
        rest = [row for row in rows if planned[row["customer_id"]] >= now]
        pace = replace(ONE_AN_HOUR, recent=tuple(sorted(at for at in gone if at > now - HOUR)))
        assert moments(*rest, now=now, pace=pace) == {row["customer_id"]: planned[row["customer_id"]] for row in rest}


def test_who_is_queued_already_goes_before_those_who_are_not() -> None:
    """Their invitation began after the others were taken in, and each night's pass would put them last again."""
    queued = listed(3, invitation_id=3, invitation_status="active", ordered_at=NOON - HOUR)
    assert moments(listed(1), listed(2), queued) == {3: NOON, 1: NOON + HOUR, 2: NOON + 2 * HOUR}


def test_whose_consent_runs_out_in_line_keeps_nobody_waiting() -> None:
    consent = [{"country": "US", "bases": {"purchase": 1, "express": 0}, "source": "x", "read_on": "2026-11-20"}]
    rows = [listed(number, purchase_at=NOON - DAY + HOUR) for number in (1, 2, 3)] + [listed(4, express_at=NOON)]
    found = verdicts(*rows, policy=policy(consent=consent), standing=standing(paces={1: ONE_AN_HOUR}))
    assert [row["earliest_at"] for row in found] == [NOON, None, None, NOON + HOUR]
    assert ["no_consent" in row["rules"] for row in found] == [False, True, True, False]
