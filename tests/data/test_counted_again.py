"""Every figure of the Overview, and every count over a table, once more by hand: from the ledger's rows.

On SQLite only: what is read of the ledger is the load's, which test_warehouse_load.py runs on both databases.
"""

import shutil
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import polars as pl
import pytest
import sqlalchemy as sa

from data.ledger import tables as t
from data.ledger.store import Ledger, open_ledger
from data.settings import Settings
from data.warehouse import overview, pages, sql
from data.warehouse.customers import NOT_INVITED, Answer, CustomerFilter, customers_by_status, customers_page
from data.warehouse.customers import CustomerOrder as Order
from data.warehouse.load import load_from_ledger
from data.warehouse.overview import Dimension, Member, Stage
from data.warehouse.pages import Page, Scope
from data.warehouse.requests import RequestFilter, requests_by_status
from data.warehouse.search import NOBODY, Search, find, read_texts
from data.warehouse.store import Warehouse
from data.words import Channel, EventKind, Evidence, RequestStatus
from tests import random_town
from tests.world import NOON, World, make_world

E = EventKind
ZONE = "America/Chicago"
EVERYBODY = Page(1, 10_000)


@dataclass
class Seen:
    """One invitation, as a person would read its rows."""

    row: Any
    customer: Any
    zone: ZoneInfo
    messages: list[Any]
    events: list[Any]
    score: Any
    reviews: list[Any]

    def day(self, moment: datetime | None) -> date | None:
        return None if moment is None else moment.astimezone(self.zone).date()

    @property
    def invited(self) -> date | None:
        return self.day(self.row.first_handed_at or self.row.started_at)

    def first(self, *kinds: EventKind) -> datetime | None:
        return earliest(e.occurred_at for e in self.events if e.kind in kinds and e.evidence is not Evidence.MACHINE)

    def reached(self, stage: Stage) -> date | None:
        """The day on which a stage was reached first."""
        scored = self.score.scored_at if self.score else None
        visited = earliest([self.first(E.CLICKED), self.first(E.PLATFORM_CHOSEN), scored])
        return self.day(
            {
                Stage.OPENED: earliest([self.first(E.OPENED, E.READ), visited]),
                Stage.CLICKED: visited,
                Stage.SCORED: scored,
                Stage.PLATFORM_CHOSEN: self.first(E.PLATFORM_CHOSEN),
                Stage.REVIEWED: earliest(r.reviewed_at for r in self.reviews),
            }[stage]
        )

    @property
    def is_delivered(self) -> bool:
        proofs = {E.DELIVERED, E.ACCEPTED_BY_SERVER, E.READ}
        by_status = any(m.status is RequestStatus.DELIVERED for m in self.messages)
        return by_status or any(e.kind in proofs for e in self.events) or self.reached(Stage.OPENED) is not None

    @property
    def is_sent(self) -> bool:
        left = any(m.status is RequestStatus.SENT for m in self.messages)
        return left or any(e.kind is E.SENT for e in self.events) or self.is_delivered

    @property
    def told_apart(self) -> dict[Dimension, str]:
        first = min(self.messages, key=lambda m: (m.step, m.handed_at or m.not_before, m.request_id), default=None)
        of = next((m for m in self.messages if self.score and m.request_id == self.score.request_id), first)
        return {
            Dimension.EMPLOYEE: self.customer.employee or "",
            Dimension.SERVICE: self.customer.service or "",
            Dimension.CHANNEL: of.channel.value if of else "",
            Dimension.LOCATION: self.customer.location_name,
            Dimension.LIST: self.customer.list_name or "",
        }


def earliest(moments: Iterable[datetime | None]) -> datetime | None:
    return min((moment for moment in moments if moment is not None), default=None)


class Copy(AbstractContextManager["Copy"]):
    """The published copy as it is: laying over it what changed since is test_warehouse_reader.py's."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._connection = duckdb.connect(str(warehouse.current()), read_only=True)
        self._connection.execute("set timezone = 'UTC'")
        for relation in ("invitations", "funnel", "reached", "nps", "nps_by", "customers", "requests"):
            self._connection.execute(sql.about("keyed/as_copied", relation=relation))

    def query(
        self, sql: str, params: Sequence[Any], *, search: Search | None = None, of: Collection[int] = ()
    ) -> pl.DataFrame:
        self._connection.register("found", NOBODY if search is None else self.found(search))
        rows: pl.DataFrame = self._connection.sql(sql, params=list(params)).pl()
        return rows

    def found(self, search: Search) -> pl.DataFrame:
        return find(search, read_texts(self._connection))

    def __exit__(self, *_: object) -> None:
        self._connection.close()


@dataclass(frozen=True)
class Town:
    """Made and published once for the module: nothing here writes to it."""

    world: World
    reader: Copy
    customers: list[Any]
    told: list[Seen]


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Town]:
    """A town of a hundred, and its invitations by hand."""
    settings = Settings(home=tmp_path_factory.mktemp("town"))
    shutil.copy2(sqlite_template, settings.home / "ledger.sqlite")
    ledger = open_ledger(settings)
    world = make_world(ledger)
    random_town.fill(ledger, world, 7, customers=100)
    warehouse = Warehouse(settings.warehouse_folder)
    load_from_ledger(ledger, warehouse)
    warehouse.publish()
    zones = {world.chicago: ZoneInfo(ZONE), world.new_york: ZoneInfo("America/New_York")}
    customers, invitations, *others = _rows(ledger)
    of_customer = {row.customer_id: row for row in customers}
    told = []
    for row in invitations:
        messages, events, scores, reviews = (
            [one for one in rows if one.invitation_id == row.invitation_id] for rows in others
        )
        customer, score = of_customer[row.customer_id], next(iter(scores), None)
        told.append(Seen(row, customer, zones[row.location_id], messages, events, score, reviews))
    ledger.close()
    with Copy(warehouse) as copy:
        yield Town(world, copy, customers, told)


def _rows(ledger: Ledger) -> list[list[Any]]:
    """Customers with the names of their location and list, invitations, messages, events, scores and reviews."""
    people = (
        sa.select(t.customers, t.locations.c.name.label("location_name"), t.lists.c.name.label("list_name"))
        .join(t.locations, t.locations.c.location_id == t.customers.c.location_id)
        .outerjoin(t.lists, t.lists.c.list_id == t.customers.c.list_id)
    )
    tables = (t.invitations, t.requests, t.events, t.scores, t.reviews)
    with ledger.read() as c:
        return [list(c.execute(statement)) for statement in (people, *(table.select() for table in tables))]


def scope_of(world: World, days: int | None = None, *places: int) -> Scope:
    """Days up to today, as the period picker has them; none: since ever."""
    midnight = datetime(2026, 11, 23, tzinfo=ZoneInfo(ZONE)).astimezone(UTC)
    since = None if days is None else midnight - timedelta(days=days - 1)
    return Scope(world.account_id, places or (world.chicago, world.new_york), since, NOON, None, ZONE)


def within(told: list[Seen], scope: Scope) -> list[Seen]:
    """Whose first message went (or who was put down) in the period."""
    here = [one for one in told if one.row.location_id in scope.location_ids]
    return [one for one in here if scope.since_day is None or (one.invited and one.invited >= scope.since_day)]


def bands(answers: Iterable[int]) -> tuple[int, int, int]:
    scores = list(answers)
    return sum(s >= 9 for s in scores), sum(s in (7, 8) for s in scores), sum(s <= 6 for s in scores)


@pytest.mark.slow
def test_the_overviews_figures_are_those_of_the_ledgers_rows(town: Town) -> None:
    world, told, reader = town.world, town.told, town.reader
    for scope in (scope_of(world), scope_of(world, 30), scope_of(world, 7), scope_of(world, 30, world.new_york)):
        asked = within(told, scope)
        expected = {
            Stage.PLANNED: len(asked),
            Stage.SENT: sum(one.is_sent for one in asked),
            Stage.DELIVERED: sum(one.is_delivered for one in asked),
            **{
                stage: sum(one.reached(stage) is not None for one in asked)
                for stage in (Stage.OPENED, Stage.CLICKED, Stage.SCORED, Stage.PLATFORM_CHOSEN, Stage.REVIEWED)
            },
        }
        assert pages.funnel(reader, scope) == expected
        here = [one for one in told if one.row.location_id in scope.location_ids]
        since = scope.since_day or date.min
        answered = [one for one in here if one.score and (one.reached(Stage.SCORED) or date.min) >= since]
        nps, stars = overview.answers(reader, scope)
        assert nps.parts == bands(one.score.score for one in answered if one.score.score is not None)
        given = Counter(one.score.stars for one in answered)
        assert stars.parts == tuple(given[number] for number in range(1, 6))
        _expect_review_times(here, since, overview.hours_to_review(reader, scope))
        _expect_behind(reader, scope, expected, nps.parts)


def _expect_review_times(here: list[Seen], since: date, found: overview.Figure) -> None:
    """The first review of each invitation, from its first message on; one before the message tells of no time."""
    hours = []
    for one in here:
        at = earliest(review.reviewed_at for review in one.reviews)
        if at is None or one.row.first_handed_at is None or at < one.row.first_handed_at:
            continue
        if (one.day(at) or date.min) >= since:
            hours.append((at - one.row.first_handed_at).total_seconds() / 3600)
    assert found.count == len(hours)
    assert (found.estimate is None) is (len(hours) < overview.MINIMUM_REVIEWS)
    if found.estimate:
        assert found.estimate.value == pytest.approx(median(hours), abs=0.001)
        assert min(hours) <= found.estimate.low <= found.estimate.value <= found.estimate.high <= max(hours) + 0.001


def _expect_behind(reader: Copy, scope: Scope, steps: dict[Stage, int], nps: tuple[int, ...]) -> None:
    """As many people stand behind each figure as it says."""
    told = {**steps, **dict(zip((Stage.PROMOTERS, Stage.PASSIVES, Stage.DETRACTORS), nps, strict=True))}
    told[Stage.ANSWERED] = sum(nps)
    for stage, expected in told.items():
        rows, people = overview.people_behind(reader, scope, stage, None, EVERYBODY)
        assert (people, rows.height) == (expected, expected), stage


@pytest.mark.slow
def test_rates_are_compared_as_each_week_stood_at_its_own_end(town: Town) -> None:
    told, reader, scope = town.told, town.reader, scope_of(town.world, 14)
    spans = overview.spans(scope)
    assert spans is not None
    rows = overview._by_span(reader, "overview_rates", scope)
    for name, span in (("now", spans), ("before", spans.before)):
        sent = [one for one in told if one.is_sent and one.invited and span.first <= one.invited <= span.last]
        assert rows[name]["sent"] == len(sent)
        for stage in (Stage.OPENED, Stage.CLICKED, Stage.SCORED):
            came = sum(day is not None and day <= span.last for day in (one.reached(stage) for one in sent))
            assert rows[name][stage] == came, (name, stage)


@pytest.mark.slow
def test_nps_told_apart_and_by_week_adds_up_to_the_ledgers_scores(town: Town) -> None:
    told, reader, scope = town.told, town.reader, scope_of(town.world, 30)
    since = scope.since_day or date.min
    answered = [
        one for one in told
        if one.score and one.score.score is not None and (one.reached(Stage.SCORED) or date.min) >= since
    ]  # fmt: skip
    for by in (Dimension.LOCATION, Dimension.EMPLOYEE, Dimension.SERVICE, Dimension.CHANNEL, Dimension.LIST):
        rows, members = overview.nps_by_member(reader, scope, by, EVERYBODY)
        names = {one.told_apart[by] for one in answered}
        assert members == len(names)
        for row in rows.iter_rows(named=True):
            mine = [one for one in answered if one.told_apart[by] == row["member"]]
            assert (row["promoters"], row["passives"], row["detractors"]) == bands(one.score.score for one in mine)
            behind = overview.people_behind(reader, scope, Stage.ANSWERED, Member(by, row["member"]), EVERYBODY)
            assert behind[1] == len(mine), (by, row["member"])
    weeks: dict[date, list[int]] = {}
    for one in answered:
        day = one.reached(Stage.SCORED) or date.min
        weeks.setdefault(day - timedelta(days=day.weekday()), []).append(one.score.score)
    found = {row["week"]: row for row in overview.nps_weeks(reader, scope).iter_rows(named=True)}
    assert {week: (row["promoters"], row["passives"], row["detractors"]) for week, row in found.items()} == {
        week: bands(scores) for week, scores in weeks.items()
    }


@pytest.mark.slow
def test_the_tabs_over_customers_and_messages_count_the_ledgers_rows(town: Town) -> None:
    told, reader, everybody, scope = town.told, town.reader, town.customers, scope_of(town.world, 30)
    latest: dict[int, Seen] = {}
    for one in sorted(told, key=lambda one: (one.row.started_at, one.row.invitation_id)):
        latest[one.row.customer_id] = one

    def standing(number: int) -> str | None:
        """None: invited before the period."""
        one = latest.get(number)
        if one is None:
            return NOT_INVITED
        if one.row.first_handed_at is not None and one.row.first_handed_at < scope.since:
            return None
        return str(one.row.status.value)

    expected = Counter(standing(row.customer_id) for row in everybody)
    del expected[None]
    assert customers_by_status(reader, scope, CustomerFilter()) == expected
    for chosen in (
        CustomerFilter(), CustomerFilter(search="ruiz"), CustomerFilter(search="(312) 555-00"),
        CustomerFilter(list_name="CRM"), CustomerFilter(answer=Answer.DETRACTOR), CustomerFilter(answer=Answer.NONE),
    ):  # fmt: skip
        counted = customers_by_status(reader, scope, chosen)
        rows = customers_page(reader, scope, chosen, Order.NEWEST, EVERYBODY)
        assert Counter(rows["standing"]) == counted
        for status in counted:
            only = customers_page(reader, scope, replace(chosen, status=status), Order.RATING, EVERYBODY)
            assert only.height == counted[status]
    ruiz = sum("ruiz" in f"{row.first_name} {row.last_name}".lower() for row in everybody)
    assert sum(customers_by_status(reader, scope_of(town.world), CustomerFilter(search="ruiz")).values()) == ruiz
    messages = [m for one in told for m in one.messages if (m.handed_at or m.not_before) >= scope.since]
    words = {
        RequestStatus.QUEUED: "Queued", RequestStatus.IN_DOUBT: "Queued", RequestStatus.SENT: "Sent",
        RequestStatus.FAILED: "Failed", RequestStatus.CANCELED: "Canceled", RequestStatus.DELIVERED: "Delivered",
    }  # fmt: skip
    on_screen = Counter(
        "Sent" if m.status is RequestStatus.DELIVERED and m.channel is Channel.EMAIL else words[m.status]
        for m in messages
    )
    assert requests_by_status(reader, scope, RequestFilter()) == on_screen
