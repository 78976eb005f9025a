"""How often an interval holds the truth: counted exactly, over everything that could be answered."""

from collections.abc import Callable
from itertools import pairwise
from math import factorial, prod

import pytest

from data.intervals import Estimate, difference, for_each_of, mean_stars, net_score, share

Bands = tuple[float, float, float]


def held(count: int, chances: tuple[float, ...], of: Callable[..., Estimate], truth: float) -> float:
    """How probable it is that the interval over `count` answers holds the truth."""
    return sum(
        probability
        for answers, probability in outcomes(count, chances)
        if (found := of(*answers)).low - 1e-9 <= truth <= found.high + 1e-9
    )


def outcomes(count: int, chances: tuple[float, ...]) -> list[tuple[tuple[int, ...], float]]:
    rows: list[tuple[int, ...]] = [()]
    for _ in chances[1:]:
        rows = [(*row, more) for row in rows for more in range(count - sum(row) + 1)]
    rows = [(*row, count - sum(row)) for row in rows]
    return [
        (
            row,
            factorial(count)
            / prod(factorial(n) for n in row)
            * prod(chance**n for chance, n in zip(chances, row, strict=True)),
        )
        for row in rows
    ]


@pytest.mark.parametrize("count", [5, 12, 40])
@pytest.mark.parametrize("bands", [(0.7, 0.2, 0.1), (0.4, 0.3, 0.3), (0.9, 0.05, 0.05), (0.1, 0.2, 0.7)])
def test_the_interval_of_nps_holds_the_truth_as_often_as_it_says(count: int, bands: Bands) -> None:
    assert held(count, bands, net_score, 100 * (bands[0] - bands[2])) > 0.93


@pytest.mark.parametrize("count", [20, 60])
@pytest.mark.parametrize("rate", [0.05, 0.2, 0.5])
def test_the_interval_of_a_share_holds_the_truth_as_often_as_it_says(count: int, rate: float) -> None:
    assert held(count, (rate, 1 - rate), lambda part, _: share(part, count), rate) > 0.91


@pytest.mark.parametrize("chances", [(0.05, 0.05, 0.1, 0.2, 0.6), (0.2, 0.2, 0.2, 0.2, 0.2)])
def test_the_interval_of_stars_holds_the_truth_as_often_as_it_says(chances: tuple[float, ...]) -> None:
    truth = sum(stars * chance for stars, chance in enumerate(chances, start=1))
    assert held(12, chances, lambda *answers: mean_stars(answers), truth) > 0.93


@pytest.mark.parametrize("count", [10, 14])
@pytest.mark.slow
def test_where_nothing_changed_a_change_is_claimed_once_in_twenty_times_at_most(count: int) -> None:
    bands = (0.6, 0.25, 0.15)
    possible = outcomes(count, bands)
    claimed = sum(
        one * other
        for now, one in possible
        for before, other in possible
        if difference(net_score(*now), net_score(*before)).is_detected
    )
    assert claimed < 0.055


def test_five_promoters_are_no_proof_of_a_hundred() -> None:
    found = net_score(5, 0, 0)
    assert found.value == found.high == 100
    assert found.low < 25


def test_a_large_difference_is_found_and_a_small_one_is_not() -> None:
    assert difference(share(60, 100), share(30, 100)).is_detected
    assert not difference(share(33, 100), share(30, 100)).is_detected
    fallen = difference(net_score(20, 40, 40), net_score(60, 30, 10))
    assert fallen.is_detected
    assert fallen.low < fallen.value == -70 < fallen.high < 0


def test_more_answers_make_an_interval_narrower_and_more_comparisons_wider() -> None:
    reach = [net_score(6 * n, 3 * n, n).high - net_score(6 * n, 3 * n, n).low for n in (1, 4, 16)]
    assert all(more < less for less, more in pairwise(reach))
    assert net_score(60, 30, 10, for_each_of(20)).low < net_score(60, 30, 10).low
