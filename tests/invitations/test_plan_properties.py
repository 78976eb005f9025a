"""What holds for every frame, policy, quota and pace whatsoever."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data import distinct
from data.standing import Pace, Quota, Standing
from invitations import calendars
from invitations.calendars import Calendars
from invitations.clocks import as_datetime
from invitations.policy import Policy
from invitations.stretches import Kind, make_stretches
from invitations.windows import MOMENT
from tests.examples import examples
from tests.invitations.planning import COLUMNS, DAY, HOUR, MINUTE, candidate, policy, verdict, verdicts

ZONES = [
    *("America/Chicago", "America/Havana", "Asia/Beirut", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia"),
    "America/Chicago|America/New_York",
]
moments = st.integers(0, 275 * 24 * 3600).map(
    lambda seconds: datetime(2026, 3, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)
rarely = st.sampled_from([False, False, False, False, True])
clocks = st.tuples(st.integers(0, 23), st.integers(1, 24)).filter(lambda pair: pair[0] != pair[1])


@dataclass(frozen=True)
class Scene:
    """All that a pass is given."""

    rows: list[dict[str, Any]]
    policy: Policy
    now: datetime
    standing: Standing

    def verdicts(self, rows: Sequence[dict[str, Any]] | None = None) -> list[dict[str, Any]]:
        return verdicts(*(rows or self.rows), policy=self.policy, now=self.now, standing=self.standing)


@st.composite
def paces(draw: st.DrawFn, now: datetime) -> Pace:
    opens, closes = draw(st.none() | st.sampled_from([(9 * 60, 17 * 60), (0, 24 * 60), (20 * 60, 2 * 60)])) or (
        None,
        None,
    )
    period = draw(st.sampled_from([HOUR, DAY]))
    count = draw(st.integers(1, 3))
    recent = draw(st.lists(st.integers(0, period // MINUTE - 1), max_size=count))
    return Pace(
        zone=draw(st.sampled_from(ZONES[:3])),
        count=count,
        period=period,
        recent=tuple(sorted(now - minutes * MINUTE for minutes in recent)),
        send_at=draw(st.none() | st.just(now + 30 * HOUR)),
        days=draw(st.sampled_from([None, (0, 1, 2, 3, 4), (5,)])),
        opens=opens,
        closes=closes,
    )


@st.composite
def crowds(draw: st.DrawFn) -> Scene:
    """People whom nothing holds back but each other: visits of two or three persons, all from one paced list."""
    now = draw(moments)
    first = now + timedelta(hours=draw(st.integers(1, 24 * 5)))
    quota = Quota(draw(st.integers(2, 9)), 9, (first, first + 20 * DAY, first + 40 * DAY))
    persons = draw(st.integers(2, 12))
    rows = [
        candidate(
            customer_id=number,
            person_id=draw(st.integers(1, persons)),
            list_id=draw(st.sampled_from([1, 1, 1, None])),
            zones=draw(st.sampled_from(ZONES[:2])),
            due_at=now + draw(st.integers(-300, 300)) * MINUTE,
            ordered_at=now - draw(st.integers(0, 3)) * DAY,
        )
        for number in range(draw(st.integers(3, 9)))
    ]
    rules = policy(cap_days=draw(st.sampled_from([1, 3, 10])))
    return Scene(rows, rules, now, Standing(quota, {1: draw(paces(now))}))


@st.composite
def scenes(draw: st.DrawFn, *, people: int = 8) -> Scene:
    now = draw(moments)
    opens, closes = draw(clocks)
    consent = {"country": "CA", "bases": {"express": 0, "purchase": 30}, "source": "x", "read_on": "2026-11-20"}
    rules = policy(
        quiet_hours={"opens": f"{opens:02}:00", "closes": f"{closes:02}:00"},
        consent=[consent],
        cap_days=draw(st.sampled_from([0, 1, 3, 90])),
    )
    first = now + timedelta(hours=draw(st.integers(1, 24 * 20)))
    resets = tuple(first + number * 20 * DAY for number in range(draw(st.integers(1, 3))))
    limits = draw(st.dictionaries(st.just(1), st.integers(0, 2), max_size=1))
    quota = Quota(
        left=draw(st.integers(0, 4)),
        per_cycle=draw(st.integers(0, 3)),
        resets=resets,
        location_left=limits,
        location_per_cycle=limits,
    )
    standing = Standing(quota, {1: draw(paces(now))})
    rows = []
    for number in range(draw(st.integers(1, people))):
        shared = {
            "customer_id": number,
            "person_id": draw(st.integers(0, number)),
            "location_id": draw(st.integers(1, 2)),
            "list_id": draw(st.sampled_from([None, 1, 1])),
            "zones": draw(st.sampled_from(ZONES)),
            "recipient_country": draw(st.sampled_from(["US", "US", "CA"])),
            "purchase_at": draw(st.none() | st.integers(0, 40).map(lambda days: now - days * DAY)),
            "asked_at": draw(st.none() | st.none() | st.integers(0, 100).map(lambda days: now - days * DAY)),
            "due_at": draw(st.none() | st.integers(-5000, 50_000).map(lambda minutes: now + minutes * MINUTE)),
            "at_minute": draw(st.sampled_from([None, None, 600, 150])),
            "invitation_id": draw(st.none() | st.just(number)),
            "ordered_at": now - draw(st.integers(0, 3)) * DAY,
            "has_unit": draw(rarely),
            "is_all_channels": draw(rarely),
            **{name: draw(rarely) for name in ("is_paused", "has_scored")},
        }
        for place, channel in enumerate(("sms", "email")[: draw(st.integers(1, 2))]):
            flags = {name: draw(rarely) for name in ("is_channel_off", "is_address_missing", "is_suppressed")}
            rows.append(candidate(channel=channel, preference=place, **shared, **flags))
    return Scene(rows, rules, now, standing)


def asks(found: list[dict[str, Any]]) -> dict[int, tuple[datetime, dict[str, Any]]]:
    """For each invitation that takes a unit, when its first message goes."""
    first: dict[int, tuple[datetime, dict[str, Any]]] = {}
    for row in sorted((row for row in found if row["earliest_at"]), key=lambda row: row["earliest_at"]):
        if not row["has_unit"]:
            first.setdefault(row["customer_id"], (row["earliest_at"], row))
    return first


@pytest.mark.slow
@settings(max_examples=examples(8))
@given(scenes())
def test_every_verdict_has_each_reason_with_its_end_and_is_clear_only_without_any(scene: Scene) -> None:
    found = scene.verdicts()
    assert {row["customer_id"] for row in found} == {row["customer_id"] for row in scene.rows}
    for row in found:
        assert len(row["rules"]) == len(row["untils"])
        assert row["is_clear"] == (row["rules"] == []) == (row["earliest_at"] == scene.now)
        assert (row["earliest_at"] is None) == any(until is None for until in row["untils"])
        if row["earliest_at"] is not None:
            assert row["earliest_at"] >= max([scene.now, *row["untils"]])
            assert row["not_before"] == row["earliest_at"] < row["not_after"]


@pytest.mark.slow
@settings(max_examples=examples(8))
@given(scenes(people=1))
def test_the_earliest_moment_is_exact(scene: Scene) -> None:
    """Not due a minute before, due at it: for one person alone, with the quota that each moment has."""
    for found in scene.verdicts():
        if (earliest := found["earliest_at"]) is None:
            continue
        alone = {name: found[name] for name in COLUMNS}

        def clear(now: datetime, alone: dict[str, Any] = alone) -> bool:
            standing = replace(scene.standing, quota=quota_at(scene.standing.quota, now))
            return bool(verdict(policy=scene.policy, now=now, standing=standing, **alone)["is_clear"])

        assert clear(earliest)
        if earliest - MINUTE >= scene.now:
            assert not clear(earliest - MINUTE)
        closing = found["not_after"]
        if alone["at_minute"] is None and closing - MINUTE >= earliest:
            assert clear(closing - MINUTE) or any(earliest < reset < closing for reset in scene.standing.quota.resets)


def quota_at(quota: Quota, now: datetime) -> Quota:
    """The quota once cycles have passed in which nobody was asked."""
    to_come = tuple(reset for reset in quota.resets if reset > now)
    if len(to_come) == len(quota.resets):
        return quota
    return replace(quota, left=quota.per_cycle, location_left=quota.location_per_cycle, resets=to_come)


@pytest.mark.slow
@settings(max_examples=examples(8))
@given(scenes())
def test_the_quota_is_never_exceeded_and_never_wasted(scene: Scene) -> None:
    found = scene.verdicts()
    quota = scene.standing.quota
    edges = [*quota.resets, datetime.max.replace(tzinfo=UTC)]
    taken = Counter(sum(edge <= at for edge in edges) for at, _ in asks(found).values())
    at_1 = Counter(sum(edge <= at for edge in edges) for at, row in asks(found).values() if row["location_id"] == 1)
    for cycle in range(len(edges)):
        assert taken[cycle] <= (quota.per_cycle if cycle else quota.left)
        limits = quota.location_per_cycle if cycle else quota.location_left
        assert at_1[cycle] <= limits.get(1, 1000)
    for row in found:
        if row["earliest_at"] and "quota" in row["rules"]:
            # Whoever waits for a reset waits because the cycle before it is full.
            until = row["untils"][row["rules"].index("quota")]
            before = quota.resets.index(until)
            assert taken[before] == (quota.per_cycle if before else quota.left)


@pytest.mark.slow
@settings(max_examples=examples(8))
@given(st.one_of(crowds(), scenes()))
def test_a_list_never_lets_one_too_many_go_in_any_stretch_of_its_period(scene: Scene) -> None:
    pace = scene.standing.paces[1]
    assert pace.count is not None
    assert pace.period is not None
    gone = sorted(at for at, row in asks(scene.verdicts()).values() if row["list_id"] == 1)
    every = sorted([*pace.recent, *gone])
    for earlier, later in zip(every, every[pace.count :], strict=False):
        assert later - earlier >= pace.period
    assert all(at >= (pace.send_at or at) for at in gone)


@pytest.mark.slow
@settings(max_examples=examples(8))
@given(st.one_of(crowds(), scenes()))
def test_nobody_is_ever_asked_twice_inside_the_cap(scene: Scene) -> None:
    cap = scene.policy.cap
    if cap is None:
        return
    by_person: dict[int, list[datetime]] = {}
    for at, row in asks(scene.verdicts()).values():
        by_person.setdefault(row["person_id"], []).append(at)
        assert row["asked_at"] is None or at - row["asked_at"] >= cap
    for moments in by_person.values():
        assert all(later - earlier >= cap for earlier, later in pairwise(sorted(moments)))


@pytest.mark.slow
@settings(max_examples=examples(8))
@given(scenes())
def test_no_suppressed_address_is_ever_planned(scene: Scene) -> None:
    for row in scene.verdicts():
        if row["is_suppressed"]:
            assert (row["is_clear"], row["earliest_at"], row["not_before"]) == (False, None, None)
            assert "suppressed" in row["rules"]


@pytest.mark.slow
@settings(max_examples=examples(8))
@given(scenes(), st.randoms(use_true_random=False))
def test_the_order_of_the_rows_decides_nothing(scene: Scene, random: Any) -> None:
    def by_key(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return sorted(found, key=lambda row: (row["customer_id"], row["channel"]))

    mixed = random.sample(scene.rows, len(scene.rows))
    assert by_key(scene.verdicts()) == by_key(scene.verdicts(mixed))


@pytest.mark.slow
@settings(max_examples=examples(8))
@given(st.one_of(crowds(), scenes()))
def test_what_is_clear_may_all_go_at_once_and_leaves_the_rest_no_earlier_than_planned(scene: Scene) -> None:
    """The ledger moves on: units and places are taken, and the next pass keeps what this one said."""
    found = scene.verdicts()
    going = [row for row in found if row["is_clear"]]
    customers = {row["customer_id"] for row in going if not row["has_unit"]}
    pace, quota = scene.standing.paces[1], scene.standing.quota
    paced = {row["customer_id"] for row in going if row["list_id"] == 1} & customers
    limited = {row["customer_id"] for row in going if row["location_id"] == 1} & customers
    moved = Standing(
        replace(
            quota,
            left=quota.left - len(customers),
            location_left={place: left - len(limited) for place, left in quota.location_left.items()},
        ),
        {1: replace(pace, recent=(*pace.recent, *[scene.now] * len(paced)))},
    )
    rest = [row for row in scene.rows if row["customer_id"] not in {gone["customer_id"] for gone in going}]
    if not rest:
        return
    people = {row["person_id"] for row in going if not row["has_unit"]}
    rest = [row | ({"asked_at": scene.now} if row["person_id"] in people else {}) for row in rest]
    again = verdicts(*rest, policy=scene.policy, now=scene.now, standing=moved)
    assert not [row for row in again if row["is_clear"] and not row["has_unit"]]


@settings(max_examples=examples(25))
@given(scene=scenes())
@pytest.mark.slow
def test_a_few_rows_get_the_verdicts_that_they_would_get_among_many(scene: Scene) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for module in (distinct, calendars):  # what is done for a great many rows at once
            patch.setattr(module, "FEW", -1)
        as_many = scene.verdicts()
    assert scene.verdicts() == as_many


@pytest.mark.slow
def test_few_and_many_find_the_same_at_the_very_moment_at_which_hours_begin_and_end() -> None:
    now, second = datetime(2026, 10, 30, tzinfo=UTC), timedelta(seconds=1)
    places = [(zone, "", "US", "sms") for zone in ZONES]
    kinds = [Kind(place, list_id, minute) for place in places for list_id in (None, 1) for minute in (None, 600)]
    paces = {1: Pace(ZONES[0], opens=9 * 60, closes=17 * 60)}
    runs = make_stretches(dict(enumerate(kinds)), policy(), paces, now, now + 5 * DAY)[1]
    edges = sorted({as_datetime(at) for run in runs for column in run for at in column})
    moments = [edge + early * second for edge in edges if edge > now for early in (-1, 0, 1)]
    asked = [(cal, moment) for cal in range(len(kinds)) for moment in moments]
    cals, wanted = (pl.Series(column) for column in zip(*asked, strict=True))
    many = Calendars(dict(enumerate(kinds)), policy(), paces, now).settle(cals, wanted.cast(MOMENT))
    assert len(asked) > distinct.FEW
    each = Calendars(dict(enumerate(kinds)), policy(), paces, now)
    for start in range(0, len(asked), distinct.FEW):
        part = slice(start, start + distinct.FEW)
        one = each.settle(cals[part], wanted.cast(MOMENT)[part])
        assert [found.to_list() for found in one] == [found[part].to_list() for found in many]
