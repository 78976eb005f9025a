"""What the Overview asks of the history: figures with how sure they are, and who is behind each.

A period is compared with the one before it, as long and in whole days, each as it stood at its own end: an invitation
of yesterday has had less time to be answered than one of last week, and a rate of the two would always seem to fall.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum
from typing import Any

import polars as pl

from data.intervals import SURE, Change, Estimate, difference, for_each_of, mean_stars, net_score, share
from data.warehouse.pages import Page, Reader, Scope, query
from data.words import EventKind

MINIMUM_ANSWERS = 5  # below it no score is shown: one person more would turn it around
MINIMUM_SENT = 20  # and no rate
MINIMUM_REVIEWS = 5  # and no median
_STARS = ("one_star", "two_stars", "three_stars", "four_stars", "five_stars")
_BANDS = ("promoters", "passives", "detractors")
_MEASURED = dict.fromkeys([*_BANDS, "responses"], pl.Int64()) | dict.fromkeys(["nps", "low", "high"], pl.Float64())
_COMPARED = dict.fromkeys(["against_rest", "low_against_rest", "high_against_rest"], pl.Float64())


class Dimension(StrEnum):
    """By what answers are told apart."""

    LOCATION = "location"
    EMPLOYEE = "employee"
    SERVICE = "service"
    TEMPLATE = "template"
    CHANNEL = "channel"
    LIST = "list"


class Stage(StrEnum):
    """A figure that people are behind: a step of the funnel, a band of NPS, or another of the cards."""

    PLANNED = "planned"
    SENT = "sent"
    DELIVERED = "delivered"
    OPENED = EventKind.OPENED.value
    CLICKED = EventKind.CLICKED.value
    SCORED = EventKind.SCORED.value
    PLATFORM_CHOSEN = EventKind.PLATFORM_CHOSEN.value
    REVIEWED = "reviewed"
    ANSWERED = "answered"  # with a score: what NPS is of
    PROMOTERS = "promoters"
    PASSIVES = "passives"
    DETRACTORS = "detractors"
    STARRED = "starred"
    TIMED = "timed"  # with a review whose date is known

    @property
    def counted_by(self) -> str:
        """Which of its days puts an invitation into a period."""
        if self is Stage.TIMED:
            return "review"
        of_answers = (Stage.ANSWERED, Stage.PROMOTERS, Stage.PASSIVES, Stage.DETRACTORS, Stage.STARRED)
        return "answer" if self in of_answers else "invitation"


@dataclass(frozen=True, slots=True)
class Member:
    """One employee, or one list, and so on; `name` is "" for those of whom nobody knows which."""

    dimension: Dimension
    name: str


@dataclass(frozen=True, slots=True)
class Spans:
    """The whole days that are compared."""

    first: date
    last: date

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    @property
    def before(self) -> "Spans":
        """As many days, before these."""
        return Spans(self.first - timedelta(days=self.days), self.first - timedelta(days=1))


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of the period; None below the minimum. `change`: against the period before, None if not comparable."""

    count: int
    estimate: Estimate | None
    change: Change | None = None
    count_before: int = 0
    parts: tuple[int, ...] = ()  # the bands, or how many gave each number of stars


def spans(scope: Scope) -> Spans | None:
    """The days to compare: the period's, without today, which is not over. None where it has no beginning."""
    if scope.since_day is None:
        return None
    if scope.last_day is not None:
        return Spans(scope.since_day, scope.last_day)
    if scope.today is None:
        return None
    return Spans(scope.since_day - timedelta(days=1), scope.today - timedelta(days=1))


def answers(reader: Reader, scope: Scope) -> tuple[Figure, Figure]:
    """NPS and, apart from it, stars."""
    rows = _by_span(reader, "overview_answers", scope)
    scores = {span: tuple(row[band] for band in _BANDS) for span, row in rows.items()}
    stars = {span: tuple(row[name] for name in _STARS) for span, row in rows.items()}
    return _figure(scores, _nps, MINIMUM_ANSWERS), _figure(stars, _mean_stars, MINIMUM_ANSWERS)


def rates(reader: Reader, scope: Scope, steps: dict[str, int]) -> dict[Stage, Figure]:
    """The share of sent invitations that were opened, clicked, answered; `steps` is the period's funnel."""
    rows = _by_span(reader, "overview_rates", scope)
    found = {}
    for stage in (Stage.OPENED, Stage.CLICKED, Stage.SCORED):
        counted = {span: (row[stage], row["sent"] - row[stage]) for span, row in rows.items()}
        counted["period"] = steps[stage], steps["sent"] - steps[stage]
        found[stage] = _figure(counted, _share, MINIMUM_SENT)
    return found


def hours_to_review(reader: Reader, scope: Scope) -> Figure:
    """The median time from the first message to the review, of the reviews of the period."""
    rows = _by_span(reader, "overview_review_times", scope)
    found = {
        span: Estimate(row["median_hours"], row["low_hours"], row["high_hours"], row["reviews"])
        if row["reviews"] >= MINIMUM_REVIEWS
        else None
        for span, row in rows.items()
    }
    before = rows["before"]["reviews"] if "before" in rows else 0
    return Figure(rows["period"]["reviews"], found["period"], _change(found), before)


def nps_weeks(reader: Reader, scope: Scope, of: Member | None = None) -> pl.DataFrame:
    """NPS of each week: week, the bands, responses, nps, low, high; the last three null below the minimum."""
    rows = query(reader, "nps_weeks", scope.named() | _of(of)).iter_rows(named=True)
    return pl.DataFrame([_measured(row) for row in rows], schema={"week": pl.Date, **_MEASURED})


def nps_by_member(reader: Reader, scope: Scope, by: Dimension, page: Page) -> tuple[pl.DataFrame, int]:
    """One page of members, most answers first, and how many there are: member, the bands, responses, nps, low, high,
    and against_rest, low_against_rest, high_against_rest: how each differs from all others together.

    The comparisons are as sure together as one alone would be, however many members there are.
    """
    found = query(reader, "nps_by_member", scope.named() | {"dimension": by} | page.named())
    if not found.height and page.number > 1:
        return nps_by_member(reader, scope, by, replace(page, number=1))  # a linked page that is no more
    members = found["members"][0] if found.height else 0
    rows = [_measured(row) | _against_rest(row, members) for row in found.iter_rows(named=True)]
    schema = {"member": pl.String, **_MEASURED, **_COMPARED}
    return pl.DataFrame([{name: row[name] for name in schema} for row in rows], schema=schema), members


def people_behind(
    reader: Reader, scope: Scope, stage: Stage, of: Member | None, page: Page
) -> tuple[pl.DataFrame, int]:
    """One page of those behind a figure, and how many there are; the columns are told in the statement."""
    named = scope.named() | _of(of) | {"stage": stage, "counted_by": stage.counted_by} | page.named()
    found = query(reader, "behind_figure", named)
    if found.height or page.number == 1:
        return found.drop("people"), found["people"][0] if found.height else 0
    return people_behind(reader, scope, stage, of, replace(page, number=1))  # a linked page that is no more


def _by_span(reader: Reader, name: str, scope: Scope) -> dict[str, dict[str, Any]]:
    now = spans(scope)
    days = {
        "now_first": now.first if now else None,
        "now_last": now.last if now else None,
        "before_first": now.before.first if now else None,
        "before_last": now.before.last if now else None,
    }
    rows = {row["span"]: row for row in query(reader, name, scope.named() | days).iter_rows(named=True)}
    return rows if now else {span: row for span, row in rows.items() if span == "period"}


def _figure(
    counted: Mapping[str, tuple[int, ...]], measure: Callable[[tuple[int, ...]], Estimate], least: int
) -> Figure:
    """The period's figure and its change; `counted` is by span, each as `measure` takes it."""
    found = {span: measure(parts) if sum(parts) >= least else None for span, parts in counted.items()}
    of_period = counted["period"]
    return Figure(sum(of_period), found["period"], _change(found), sum(counted.get("before", ())), parts=of_period)


def _change(found: dict[str, Estimate | None]) -> Change | None:
    now, before = found.get("now"), found.get("before")
    return difference(now, before) if now and before else None


def _nps(bands: tuple[int, ...], sure: float = SURE) -> Estimate:
    promoters, passives, detractors = bands
    return net_score(promoters, passives, detractors, sure)


def _mean_stars(answers: tuple[int, ...]) -> Estimate:
    return mean_stars(answers)


def _share(parts: tuple[int, ...]) -> Estimate:
    return share(parts[0], sum(parts))


def _measured(row: dict[str, Any]) -> dict[str, Any]:
    """With the number of answers, and NPS where there are enough."""
    bands = [row[band] for band in _BANDS]
    found = net_score(*bands) if sum(bands) >= MINIMUM_ANSWERS else None
    told = (found.value, found.low, found.high) if found else (None, None, None)
    return row | {"responses": sum(bands)} | dict(zip(("nps", "low", "high"), told, strict=True))


def _against_rest(row: dict[str, Any], members: int) -> dict[str, float | None]:
    mine = tuple(row[band] for band in _BANDS)
    rest = tuple(row[f"all_{band}"] - row[band] for band in _BANDS)
    if min(sum(mine), sum(rest)) < MINIMUM_ANSWERS:
        return dict.fromkeys(_COMPARED)
    sure = for_each_of(members)
    found = difference(_nps(mine, sure), _nps(rest, sure))
    return dict(zip(_COMPARED, (found.value, found.low, found.high), strict=True))


def _of(member: Member | None) -> dict[str, str | None]:
    return {"dimension": member.dimension if member else None, "member": member.name if member else None}
