"""What the dashboard's pages ask of the history: one function a query, rows as Polars frames, a page at a time.

The statements are in queries/*.sql with named parameters, always bound. The order of a page is a line of the
statement, replaced only by one of the fixed texts below. `Scope` is in every query: nobody's rows but those of the
account and the locations the viewer may see.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

import polars as pl

from data.warehouse.sql import statement

NOT_INVITED = "not_invited"
SEARCH_FROM = 3  # characters (product/customers-page.txt)
_PHONE_LIKE = re.compile(r"[\d\s()+./-]+")
_NAMED = re.compile(r"\$([a-z_]+)")
_ORDER_LINE = re.compile(r"^order by .* -- order$", re.MULTILINE)


class Reader(Protocol):
    """The part of `data.warehouse.reader.Reader` that queries need."""

    def query(self, sql: str, params: list[Any]) -> pl.DataFrame:
        """The rows of one statement with `$1`, `$2`, … bound."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose rows: the account, the chosen locations among those the viewer may see, and since when (None: ever)."""

    account_id: int
    location_ids: tuple[int, ...]
    since: datetime | None = None
    until: datetime | None = None  # only measures the length of the period before; nothing later than now exists

    def named(self) -> dict[str, Any]:
        since_day = self.since.date() if self.since else None
        return {
            "account": self.account_id,
            "places": list(self.location_ids),
            "since": self.since,
            "since_day": since_day,
            "before_day": self._before(since_day),
        }

    def _before(self, since_day: date | None) -> date | None:
        if since_day is None or self.until is None:
            return since_day
        return since_day - (self.until.date() - since_day)


class CustomerOrder(StrEnum):
    """How the Customers page can be sorted."""

    NEWEST = "invited_at desc nulls last, customer_id desc"
    OLDEST = "invited_at nulls last, customer_id"
    NAME = "lower(last_name), lower(first_name), customer_id"
    SCORE = "score desc nulls last, customer_id desc"
    SCORE_LOWEST = "score nulls last, customer_id desc"
    RATING = "stars desc nulls last, customer_id desc"


@dataclass(frozen=True, slots=True)
class Page:
    """Which rows of the ordered whole: pages count from 1."""

    number: int = 1
    size: int = 25

    def named(self) -> dict[str, Any]:
        return {"limit": self.size, "offset": (max(1, self.number) - 1) * self.size}


@dataclass(frozen=True, slots=True)
class CustomerFilter:
    """What the Customers page leaves in: an invitation status, or `NOT_INVITED`."""

    status: str | None = None
    search: str = ""

    def named(self) -> dict[str, Any]:
        return {"status": self.status, **search_terms(self.search)}


def customers_page(
    reader: Reader, scope: Scope, chosen: CustomerFilter, order: CustomerOrder, page: Page
) -> pl.DataFrame:
    """One page of customers; the columns are told in queries/customers_page.sql."""
    return query(reader, "customers_page", scope.named() | chosen.named() | page.named(), order)


def customers_by_status(reader: Reader, scope: Scope, chosen: CustomerFilter) -> dict[str, int]:
    """How many customers stand where: by invitation status, `NOT_INVITED` without one."""
    return counts(query(reader, "customers_by_status", scope.named() | chosen.named()))


def customer(reader: Reader, scope: Scope, customer_id: int) -> dict[str, Any] | None:
    """One customer's row, or None when there is none that the viewer may see."""
    return first(query(reader, "customer", scope.named() | {"customer": customer_id}))


def customer_addresses(reader: Reader, scope: Scope, customer_id: int) -> list[tuple[str, str]]:
    """Where the messages of the latest invitation went: (channel, address), the first one first."""
    return query(reader, "customer_addresses", scope.named() | {"customer": customer_id}).rows()


def customer_review(reader: Reader, scope: Scope, customer_id: int) -> dict[str, Any] | None:
    """The newest review that followed an invitation of this customer."""
    return first(query(reader, "customer_review", scope.named() | {"customer": customer_id}))


def customer_timeline(reader: Reader, scope: Scope, customer_id: int, zone: str) -> pl.DataFrame:
    """What happened to a customer, newest first, each row with its day in `zone` (a tz database name)."""
    return query(reader, "customer_timeline", scope.named() | {"customer": customer_id, "zone": zone})


def nps_by_week(reader: Reader, scope: Scope, *, minimum: int) -> pl.DataFrame:
    """NPS of each week with its 95 % interval; null where fewer than `minimum` people answered."""
    return query(reader, "nps_by_week", scope.named() | {"minimum": minimum})


def nps_total(reader: Reader, scope: Scope) -> dict[str, int]:
    """Promoters, passives and detractors of the period, and of the one before it (`…_before`)."""
    return first(query(reader, "nps_total", scope.named())) or {}


def funnel(reader: Reader, scope: Scope) -> dict[str, int]:
    """How many invitations of the period came how far; `sent_before`, `scored_before` of the period before."""
    return first(query(reader, "funnel", scope.named())) or {}


def runs_page(reader: Reader, scope: Scope, kind: str | None, page: Page) -> pl.DataFrame:
    """One page of runs, newest first."""
    return query(reader, "runs_page", scope.named() | {"kind": kind} | page.named())


def runs_by_kind(reader: Reader, scope: Scope) -> dict[str, int]:
    """How many runs of each kind the period holds."""
    return counts(query(reader, "runs_by_kind", scope.named()))


def since_days(now: datetime, days: int | None) -> datetime | None:
    """The start of a period of so many days that ends now."""
    return None if days is None else now - timedelta(days=days)


def search_terms(text: str) -> dict[str, Any]:
    """The words to look for, from three characters on; a phone number in any format also by its digits."""
    term = " ".join(text.lower().split())
    if len(term) < SEARCH_FROM:
        return {"search": None, "digits": None}
    digits = re.sub(r"\D", "", term) if _PHONE_LIKE.fullmatch(term) else ""
    return {"search": term, "digits": digits if len(digits) >= SEARCH_FROM else None}


def query(reader: Reader, name: str, named: Mapping[str, Any], order: StrEnum | None = None) -> pl.DataFrame:
    """The rows of queries/{name}.sql with its parameters bound by name, in `order` where the statement has one."""
    text = statement(f"queries/{name}")
    if order is not None:
        text = _ORDER_LINE.sub(f"order by {order.value}", text)
    sql, params = positional(text, named)
    return reader.query(sql, params)


def positional(text: str, named: Mapping[str, Any]) -> tuple[str, list[Any]]:
    """A statement with `$name` parameters, and their values, as DuckDB's numbered ones; comments are left out.

    DuckDB refuses values that a statement does not name, so this lets one set of filters serve every statement.
    Raises KeyError for a name without a value.
    """
    code = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("--"))
    names = list(dict.fromkeys(_NAMED.findall(code)))
    numbers = {name: position for position, name in enumerate(names, start=1)}
    return _NAMED.sub(lambda match: f"${numbers[match[1]]}", code), [named[name] for name in names]


def counts(frame: pl.DataFrame) -> dict[str, int]:
    """Two columns, a word and a number, as a mapping."""
    return {str(key): int(count) for key, count in frame.iter_rows()}


def first(frame: pl.DataFrame) -> dict[str, Any] | None:
    """The first row by column; None when there is none."""
    return frame.row(0, named=True) if frame.height else None
