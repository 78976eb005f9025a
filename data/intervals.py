"""How sure a figure is: 95 % intervals of shares, of NPS, of stars and of medians, and whether two of them differ.

Share: Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927).
NPS: the share of promoters minus that of detractors is a difference of paired proportions: Bonett and Price, "Adjusted
Wald confidence interval for a difference of binomial proportions based on paired data", J. Educ. Behav. Stat. 37
(2012). The plain interval would say "+100 to +100" of five promoters. Stars: the same adjustment, half an answer of
each kind (Jeffreys), and the mean of what then is a Dirichlet distribution.
Median: in the statement that reads it (data/warehouse/queries/overview_review_times.sql).
Difference: from the two intervals by MOVER, for shares Newcombe's method 10 (Zou and Donner, Stat. Med. 27 (2008)).
tests/data/test_intervals.py counts how often each holds what it should.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot, sqrt
from statistics import NormalDist

SURE = 0.95


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure, how many it rests on, and between what the truth lies."""

    value: float
    low: float
    high: float
    count: int


@dataclass(frozen=True, slots=True)
class Change:
    """By how much a figure differs from another, and between what the truth lies."""

    value: float
    low: float
    high: float

    @property
    def is_detected(self) -> bool:
        """Whether chance alone does not explain it."""
        return self.low > 0 or self.high < 0


def share(part: int, whole: int, sure: float = SURE) -> Estimate:
    """A share between 0 and 1; `whole` is not 0."""
    z = _z(sure)
    value = part / whole
    middle = (value + z * z / (2 * whole)) / (1 + z * z / whole)
    reach = z * sqrt(value * (1 - value) / whole + z * z / (4 * whole * whole)) / (1 + z * z / whole)
    return Estimate(value, min(value, max(0.0, middle - reach)), max(value, min(1.0, middle + reach)), whole)


def net_score(promoters: int, passives: int, detractors: int, sure: float = SURE) -> Estimate:
    """NPS between -100 and 100; somebody has answered."""
    count = promoters + passives + detractors
    value = (promoters - detractors) / count
    up, down = (promoters + 1) / (count + 2), (detractors + 1) / (count + 2)
    reach = _z(sure) * sqrt((up + down - (up - down) ** 2) / (count + 2))
    low, high = max(-1.0, up - down - reach), min(1.0, up - down + reach)
    return Estimate(100 * value, 100 * min(value, low), 100 * max(value, high), count)


def mean_stars(answers: Sequence[int], sure: float = SURE) -> Estimate:
    """The mean of 1 to 5 stars; `answers`: how many gave one star, two, and so on. Somebody has answered."""
    count = sum(answers)
    value = sum(stars * given for stars, given in enumerate(answers, start=1)) / count
    weights = [given + 0.5 for given in answers]
    whole = sum(weights)
    middle = sum(stars * weight for stars, weight in enumerate(weights, start=1)) / whole
    spread = sum(stars * stars * weight for stars, weight in enumerate(weights, start=1)) / whole - middle**2
    reach = _z(sure) * sqrt(spread / (whole + 1))
    most = float(len(answers))
    return Estimate(value, min(value, max(1.0, middle - reach)), max(value, min(most, middle + reach)), count)


def difference(now: Estimate, before: Estimate) -> Change:
    """By how much `now` differs from `before`, which rest on different people."""
    value = now.value - before.value
    return Change(
        value,
        value - hypot(now.value - now.low, before.high - before.value),
        value + hypot(now.high - now.value, before.value - before.low),
    )


def for_each_of(groups: int, sure: float = SURE) -> float:
    """How sure to be of each of several comparisons, for all of them together to be as sure as one (Bonferroni)."""
    return 1 - (1 - sure) / max(1, groups)


def _z(sure: float) -> float:
    return NormalDist().inv_cdf((1 + sure) / 2)
