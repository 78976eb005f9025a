"""My Reviews' statements: whose reviews are shown, how they are found and sorted, how far their replies are."""

from datetime import UTC, datetime, timedelta

import pytest

from data.warehouse import reviews
from data.warehouse.pages import Page, Scope
from data.warehouse.reviews import ReviewFilter, ReviewOrder
from data.words import ReplyState
from tests.data.test_pages import Memory

NOW = datetime(2026, 11, 23, 18, tzinfo=UTC)
SCOPE = Scope(1, (10, 20))


@pytest.fixture
def memory() -> Memory:
    """Four reviews: Ana's answered, Bo's with a draft, one of nobody known, and one of another account."""
    memory = Memory()
    told = (
        (1, 10, 1, 100, "Ana R.", "google", 5, "Great crown", "Thanks"),
        (2, 20, 2, 200, "B.", "yelp", 1, "Slow", None),
        (3, 10, None, None, "Zoë", "google", None, "100% fine", None),
    )
    for number, place, customer, invitation, name, platform, stars, body, reply in told:
        memory.add("reviews", review_id=number, account_id=1, location_id=place, customer_id=customer,
                   invitation_id=invitation, reviewer_name=name, platform=platform, stars=stars, body=body,
                   reply=reply, reviewed_at=NOW - timedelta(days=number))  # fmt: skip
    memory.add("reviews", review_id=9, account_id=2, location_id=10, reviewer_name="Foreign", platform="google",
               body="", reviewed_at=NOW)  # fmt: skip
    for customer, invitation, name, search in ((1, 100, "Ana", "ana ruiz 13125550100"), (2, 201, "Bo", "bo yang")):
        memory.add("customers", customer_id=customer, account_id=1, location_id=10, first_name=name, last_name="",
                   invitation_id=invitation, score=9, search=search)  # fmt: skip
    return memory


def found(memory: Memory, order: ReviewOrder = ReviewOrder.NEWEST, scope: Scope = SCOPE, **chosen: object) -> list[int]:
    rows = reviews.reviews_page(memory, scope, ReviewFilter((2,), **chosen), order, Page())  # type: ignore[arg-type]
    return rows["review_id"].to_list()


@pytest.mark.slow
def test_reviews_are_found_by_state_platform_stars_and_words_of_them_or_of_their_customer(memory: Memory) -> None:
    assert found(memory) == [1, 2, 3]
    assert found(memory, reply_state=ReplyState.ANSWERED) == [1]
    assert found(memory, reply_state=ReplyState.DRAFTED) == [2]
    assert found(memory, reply_state=ReplyState.OPEN) == [3]
    assert found(memory, platform="google", stars=5) == [1]
    assert found(memory, search="CROWN") == found(memory, search="555010") == [1]
    assert found(memory, search="yang") == [2]
    assert found(memory, search="0%") == [1, 2, 3]  # below three characters nothing is looked for
    assert found(memory, search="00%") == found(memory, search="zoe") == [3]
    assert reviews.reviews_by_reply(memory, SCOPE, ReviewFilter((2,))) == {
        ReplyState.ANSWERED: 1, ReplyState.DRAFTED: 1, ReplyState.OPEN: 1,
    }  # fmt: skip


def test_reviews_are_those_of_the_period_and_of_the_locations_in_the_order_asked_for(memory: Memory) -> None:
    assert found(memory, ReviewOrder.WORST) == [2, 1, 3]
    assert found(memory, ReviewOrder.BEST) == [1, 2, 3]
    assert found(memory, ReviewOrder.OLDEST) == [3, 2, 1]
    assert found(memory, scope=Scope(1, (20,))) == [2]
    assert found(memory, scope=Scope(1, (10, 20), since=NOW - timedelta(hours=40))) == [1]
    assert reviews.review(memory, Scope(1, (20,)), 1) is None
    assert reviews.platforms(memory, SCOPE) == ["google", "yelp"]
    total = reviews.reviews_total(memory, SCOPE)
    assert total == {"reviews": 3, "rated": 2, "average": 3.0, "low": 1, "answered": 1, "linked": 2}


def test_a_score_stands_only_beside_the_review_of_its_own_invitation(memory: Memory) -> None:
    rows = reviews.reviews_page(memory, SCOPE, ReviewFilter(), ReviewOrder.NEWEST, Page()).to_dicts()
    assert [(row["customer_name"], row["score"]) for row in rows] == [("Ana", 9), ("Bo", None), (None, None)]
    one = reviews.review(memory, SCOPE, 1)
    assert one is not None
    assert one.keys() == rows[0].keys()
    table = reviews.whole_list(memory, SCOPE, ReviewFilter(), ReviewOrder.NEWEST, {10: "Chicago", 20: "New York"})
    assert table["Location"].to_list() == ["Chicago", "New York", "Chicago"]
    assert table["Platform"].to_list() == ["Google", "Yelp", "Google"]
