"""The Overview's figures: compared fairly, silent where there is too little, and made of the people behind them."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from math import comb
from typing import Any

import polars as pl
import pytest

from data.warehouse import overview, pages, sql
from data.warehouse.overview import Dimension, Member, Spans, Stage
from data.warehouse.pages import Page, Scope
from tests.data.test_pages import Memory

NOW = datetime(2026, 11, 23, 18, tzinfo=UTC)
TODAY = NOW.date()
EVER = Scope(1, (10, 20))
WEEK = Scope(1, (10, 20), datetime(2026, 11, 17, tzinfo=UTC), NOW)  # seven days, today among them
FIGURES = ("out_funnel", "out_reached", "out_nps", "out_nps_by")


def on(days_ago: int) -> date:
    return TODAY - timedelta(days=days_ago)


def remember(*told: dict[str, Any]) -> Memory:
    """Invitations, each sent unless it says otherwise, and the figures counted from them."""
    memory = Memory()
    shared = {"account_id": 1, "location_id": 10, "location_name": "Chicago"}
    row = {"first_handed_date": on(2), "is_sent": True, "is_delivered": False, "is_reviewed": False, **shared}
    memory.add_many("customers", [{"customer_id": number, **shared} for number in range(len(told))])
    memory.add_many(
        "invitations",
        [{"invitation_id": n, "customer_id": n, **row, **values} for n, values in enumerate(told)],
    )
    for name in FIGURES:
        mart = sql.statement(f"marts/{name}")
        memory.connection.execute(sql.about("keyed/insert_mart", table=name, mart=mart)).fetchall()
    return memory


def scored(score: int, days_ago: int = 2, **values: Any) -> dict[str, Any]:
    """Somebody who clicked and gave a score that day."""
    day = on(days_ago)
    answer = {"score": score, "opened_date": day, "clicked_date": day, "scored_date": day}
    return {"first_handed_date": day, **answer, **values}


def test_a_period_is_compared_in_whole_days_with_as_many_before_it() -> None:
    now = overview.spans(WEEK)
    assert now == Spans(on(7), on(1))  # today is not over
    assert now is not None
    assert now.before == Spans(on(14), on(8))
    assert overview.spans(EVER) is None
    chosen = Scope(1, (10,), datetime(2026, 11, 1, tzinfo=UTC), NOW, datetime(2026, 11, 6, tzinfo=UTC))
    assert overview.spans(chosen) == Spans(date(2026, 11, 1), date(2026, 11, 5))


def test_an_older_message_has_not_had_more_time_to_be_opened() -> None:
    """Every message is opened three days after it went: both weeks stood the same at their own end."""
    sent = [
        {"first_handed_date": on(days), "opened_date": on(days - 3) if days >= 3 else None}
        for days in range(1, 15)
        for _ in range(20)
    ]
    memory = remember(*sent)
    found = overview.rates(memory, WEEK, pages.funnel(memory, WEEK))[Stage.OPENED]
    assert found.change is not None
    assert found.change.value == 0
    assert not found.change.is_detected
    assert found.estimate is not None
    assert found.estimate.value == pytest.approx(4 / 6)  # 4 of the 6 days before today; nothing went today


def test_a_rate_that_fell_is_found_to_have_fallen_and_few_are_no_rate() -> None:
    many = [{"first_handed_date": on(3), "opened_date": on(3) if n < 20 else None} for n in range(100)]
    before = [{"first_handed_date": on(10), "opened_date": on(10) if n < 60 else None} for n in range(100)]
    memory = remember(*many, *before)
    found = overview.rates(memory, WEEK, pages.funnel(memory, WEEK))[Stage.OPENED]
    assert found.change is not None
    assert found.change.is_detected
    assert found.change.value == pytest.approx(-0.4)
    few = remember(*many[:19], *before)
    found = overview.rates(few, WEEK, pages.funnel(few, WEEK))[Stage.OPENED]
    assert (found.estimate, found.change, found.count, found.count_before) == (None, None, 19, 100)


def test_stars_are_a_figure_of_their_own_and_no_nps() -> None:
    stars = [{"stars_given": given, "scored_date": on(1)} for given in (5, 5, 4, 4, 1)]
    nps, found = overview.answers(remember(*[scored(9)] * 4, *stars), EVER)
    assert (nps.count, nps.estimate, nps.parts) == (4, None, (4, 0, 0))
    assert found.estimate is not None
    assert found.count == 5
    assert found.estimate.value == pytest.approx(3.8)
    assert found.change is None


def test_a_week_with_too_few_answers_has_no_nps() -> None:
    answers = [scored(9, 21)] * 4 + [scored(10, 14)] * 6 + [scored(8, 14)] * 2 + [scored(0, 14)] * 2
    weeks = overview.nps_weeks(remember(*answers), EVER)
    assert weeks.select("week", "responses", "nps").rows() == [
        (date(2026, 11, 2), 4, None), (date(2026, 11, 9), 10, pytest.approx(40.0)),
    ]  # fmt: skip
    # One more promoter and detractor: 7 and 3 of 12, so 1/3 - 1.96 * sqrt((10/12 - 1/9) / 12) = -0.1475
    assert weeks["low"].to_list() == [None, pytest.approx(-14.75, abs=0.01)]


@pytest.mark.parametrize("dimension", list(Dimension))
def test_answers_are_told_apart_by_everything_and_none_is_lost(dimension: Dimension) -> None:
    names: dict[str, Any] = {
        "location_name": "Chicago", "employee": "Eve", "service": "Crown", "template_slug": "ask", "channel": "sms",
        "list_name": "May",
    }  # fmt: skip
    nobody_knows: dict[str, Any] = dict.fromkeys(names)
    memory = remember(*[scored(10, **names)] * 6, *[scored(3, **nobody_knows)] * 5)
    rows, members = overview.nps_by_member(memory, EVER, dimension, Page())
    assert members == 2
    assert rows["responses"].to_list() == [6, 5]
    assert rows["member"].to_list() == [names[column_of(dimension)], ""]
    assert rows["nps"].to_list() == [100.0, -100.0]
    assert rows["against_rest"].to_list() == [200.0, -200.0]
    nobody = Member(dimension, "")
    assert overview.nps_weeks(memory, EVER, nobody)["responses"].to_list() == [5]
    assert overview.people_behind(memory, EVER, Stage.DETRACTORS, nobody, Page())[1] == 5


def column_of(dimension: Dimension) -> str:
    return {"location": "location_name", "template": "template_slug", "list": "list_name"}.get(dimension, dimension)


def test_of_twenty_employees_alike_none_is_said_to_be_better() -> None:
    """Each has 4 to 8 promoters of 10: alone, the best would pass for better than the rest."""
    answers = [
        scored(10 if n < promoters else 8, employee=f"E{number:02}")
        for number, promoters in enumerate([4, 5, 5, 6, 6, 6, 6, 7, 7, 8] * 2)
        for n in range(10)
    ]
    rows, _ = overview.nps_by_member(remember(*answers), EVER, Dimension.EMPLOYEE, Page())
    assert rows.height == 20
    assert not rows.filter((pl.col("low_against_rest") > 0) | (pl.col("high_against_rest") < 0)).height


def test_a_linked_page_that_is_no_more_shows_the_first_one() -> None:
    memory = remember(*[scored(10, employee="Eve")] * 5)
    assert overview.nps_by_member(memory, EVER, Dimension.EMPLOYEE, Page(7))[0].height == 1
    assert overview.people_behind(memory, EVER, Stage.PROMOTERS, None, Page(7))[1] == 5


@pytest.mark.parametrize("reviews", [5, 8, 30, 101])
def test_the_time_to_a_review_is_a_median_with_the_interval_it_promises(reviews: int) -> None:
    """Review n took n hours, so the interval's ends are ranks: how often the median lies between is a binomial's."""
    took = [{"is_reviewed": True, "reviewed_date": on(1), "seconds_to_review": 3600 * n} for n in range(1, reviews + 1)]
    found = overview.hours_to_review(remember(*took), EVER).estimate
    assert found is not None
    assert found.value == pytest.approx((reviews + 1) / 2)
    low, high = round(found.low), round(found.high)
    assert 1 <= low < high <= reviews
    assert sum(comb(reviews, below) for below in range(low, high)) / 2**reviews > 0.9
    assert overview.hours_to_review(remember(*took[:4]), EVER).estimate is None


@pytest.mark.slow
def test_as_many_people_are_behind_a_figure_as_it_says() -> None:
    day = on(2)
    memory = remember(
        {"is_sent": False}, {}, {"is_delivered": True}, {"is_delivered": True, "opened_date": day},
        scored(9), scored(7), scored(2, chosen_date=day, is_reviewed=True, reviewed_date=day),
        {"stars_given": 4, "clicked_date": day, "opened_date": day, "scored_date": on(1)},
        scored(10, 30), {"location_id": 99}, {"account_id": 2},
    )  # fmt: skip
    steps = pages.funnel(memory, WEEK)
    assert steps["planned"] == 8
    behind = {stage: overview.people_behind(memory, WEEK, stage, None, Page())[1] for stage in Stage}
    assert {stage: count for stage, count in behind.items() if stage in steps} == steps
    nps, stars = overview.answers(memory, WEEK)
    assert [behind[band] for band in (Stage.PROMOTERS, Stage.PASSIVES, Stage.DETRACTORS)] == list(nps.parts)
    assert (behind[Stage.ANSWERED], behind[Stage.STARRED]) == (nps.count, stars.count) == (3, 1)


@pytest.mark.slow
def test_people_come_a_page_at_a_time_each_once() -> None:
    memory = remember(*[scored(10)] * 60)
    seen = Counter(
        number
        for page in (1, 2, 3)
        for number in overview.people_behind(memory, EVER, Stage.ANSWERED, None, Page(page))[0]["customer_id"]
    )
    assert set(seen.values()) == {1}
    assert len(seen) == 60
