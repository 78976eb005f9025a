"""What the Customers page and the customer's panel ask of the history.

`CustomerFilter` is what the page's link carries, so that a figure elsewhere can lead to the customers behind it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import polars as pl

from data.warehouse.pages import Page, Reader, Scope, counts, first, query, search_terms, searched
from data.warehouse.search import NOBODY

NOT_INVITED = "not_invited"
MOST_CHOICES = 200  # of one kind, in a menu
MOST_EVENTS = 200  # in a panel
_PLANNED = "planned"  # what marts/out_timeline.sql calls the moment at which a message was due


class CustomerOrder(StrEnum):
    """How the Customers page can be sorted: by each of its columns, both ways."""

    NEWEST = "invited_at desc nulls last, customer_id desc"
    OLDEST = "invited_at nulls last, customer_id"
    LAST_NAME = "nullif(lower(last_name), '') nulls last, lower(first_name), customer_id"
    LAST_NAME_DOWN = "nullif(lower(last_name), '') desc nulls last, lower(first_name) desc, customer_id desc"
    FIRST_NAME = "nullif(lower(first_name), '') nulls last, lower(last_name), customer_id"
    FIRST_NAME_DOWN = "nullif(lower(first_name), '') desc nulls last, lower(last_name) desc, customer_id desc"
    EMAIL = "email nulls last, customer_id"
    EMAIL_DOWN = "email desc nulls last, customer_id desc"
    PHONE = "phone nulls last, customer_id"
    PHONE_DOWN = "phone desc nulls last, customer_id desc"
    LOCATION = "lower(location_name), customer_id"
    LOCATION_DOWN = "lower(location_name) desc, customer_id desc"
    SOURCE = "source, lower(list_name) nulls last, customer_id"
    SOURCE_DOWN = "source desc, lower(list_name) desc nulls last, customer_id desc"
    STATUS = "is_suppressed, standing, customer_id"
    STATUS_DOWN = "is_suppressed desc, standing desc, customer_id desc"
    SCORE = "score desc nulls last, customer_id desc"
    SCORE_LOWEST = "score nulls last, customer_id"
    RATING = "coalesce(stars, stars_given) desc nulls last, customer_id desc"
    RATING_LOWEST = "coalesce(stars, stars_given) nulls last, customer_id"


class Answer(StrEnum):
    """What a customer answered, as far as a filter asks."""

    PROMOTER = "promoter"
    PASSIVE = "passive"
    DETRACTOR = "detractor"
    STARS = "stars"  # on a page that asks for stars, which is no NPS
    REVIEW = "review"
    NONE = "none"


class Happening(NamedTuple):
    """A line of a customer's history."""

    day: date  # in the location's zone
    occurred_at: datetime
    kind: str  # an event's, or what marts/out_timeline.sql makes of a message
    channel: str | None
    evidence: str | None
    score: int | None
    stars: int | None
    platform_name: str | None
    detail: str | None


@dataclass(frozen=True, slots=True)
class CustomerFilter:
    """What the page leaves in; None: whatever.

    `status` is an invitation's, or `NOT_INVITED` for whom no message has reached yet and for whom none is stopped.
    `among`: only these customers.
    """

    status: str | None = None
    search: str = ""
    source: str | None = None
    list_name: str | None = None
    employee: str | None = None
    service: str | None = None
    answer: Answer | None = None
    among: Sequence[int] | None = None

    @property
    def is_search(self) -> bool:
        """Whether nothing but a search, and a status, is chosen."""
        return self.named()["search"] is not None and self == CustomerFilter(status=self.status, search=self.search)

    def named(self) -> dict[str, Any]:
        return {
            "status": self.status,
            "source": self.source,
            "list_name": self.list_name,
            "employee": self.employee,
            "service": self.service,
            "answer": self.answer,
            "among": None if self.among is None else list(self.among),
            **search_terms(self.search),
        }


def customers_page(
    reader: Reader, scope: Scope, chosen: CustomerFilter, order: CustomerOrder, page: Page
) -> pl.DataFrame:
    """One page of customers; the columns are told in queries/customers_shown.sql."""
    if chosen.is_search and order is CustomerOrder.NEWEST:
        found = _found(reader, scope, chosen)
        on_page = _newest(found if chosen.status is None else found.filter(standing=chosen.status), page)
    else:
        on_page = query(reader, "customers_on_page", scope.named() | chosen.named() | page.named(), order)
    return query(reader, "customers_shown", scope.named() | {"on_page": on_page["customer_id"].to_list()})


def customers_by_status(reader: Reader, scope: Scope, chosen: CustomerFilter) -> dict[str, int]:
    """How many customers stand where, whatever status is chosen: by invitation status, `NOT_INVITED` before one."""
    if chosen.is_search:
        return counts(_found(reader, scope, chosen).group_by("standing").len().sort("standing").collect())
    return counts(query(reader, "customers_by_status", scope.named() | chosen.named()))


def customers_to_export(reader: Reader, scope: Scope, chosen: CustomerFilter) -> pl.DataFrame:
    """Every customer that the filters leave, as a file has them; the columns are told in the statement."""
    return query(reader, "customers_export", scope.named() | chosen.named())


def customer_choices(reader: Reader, scope: Scope) -> dict[str, list[str]]:
    """What there is to choose from: `source`, `list_name`, `employee`, `service`, the most frequent first."""
    found: dict[str, list[str]] = {"source": [], "list_name": [], "employee": [], "service": []}
    for kind, value in query(reader, "customer_choices", scope.named() | {"limit": MOST_CHOICES}).iter_rows():
        found[kind].append(value)
    return found


def customer(reader: Reader, scope: Scope, customer_id: int) -> dict[str, Any] | None:
    """One customer's row, or None when there is none that the viewer may see."""
    return first(query(reader, "customer", scope.named() | {"customer": customer_id}))


def customer_addresses(reader: Reader, scope: Scope, customer_id: int) -> list[tuple[str, str]]:
    """Where the messages of the latest invitation went: (channel, address), the first one first."""
    return query(reader, "customer_addresses", scope.named() | {"customer": customer_id}).rows()


def customer_review(reader: Reader, scope: Scope, customer_id: int) -> dict[str, Any] | None:
    """The newest review that followed an invitation of this customer."""
    return first(query(reader, "customer_review", scope.named() | {"customer": customer_id}))


def customer_timeline(reader: Reader, scope: Scope, customer_id: int, zone: str) -> list[Happening]:
    """What happened to a customer, newest first, at most `MOST_EVENTS`, each with its day in `zone` (tz database).

    Plain values: to sort a dozen rows, and to tell their days, takes DuckDB and Polars longer than to read them.
    """
    found = query(reader, "customer_timeline", scope.named() | {"customer": customer_id})
    in_zone = ZoneInfo(zone)
    newest = sorted(found.iter_rows(), key=_happened_at, reverse=True)[:MOST_EVENTS]
    return [Happening(row[0].astimezone(in_zone).date(), *row[:-1]) for row in newest]


def _happened_at(row: Sequence[Any]) -> tuple[Any, ...]:
    """What a row of queries/customer_timeline.sql is sorted by: of one moment, what was planned came first."""
    occurred_at, kind, event_id = row[0], row[1], row[-1]
    return occurred_at, kind != _PLANNED, event_id is not None, event_id or 0


def _found(reader: Reader, scope: Scope, chosen: CustomerFilter) -> pl.LazyFrame:
    """Whom a search alone leaves: of what is in memory, since statements over it take longer than finding it."""
    search = searched(chosen.named())
    return (NOBODY if search is None else reader.found(search)).lazy().filter(scope.leaves())


def _newest(found: pl.LazyFrame, page: Page) -> pl.DataFrame:
    """A page of them as `CustomerOrder.NEWEST` has them, who was never invited last."""
    by = ["invited_at", "customer_id"]
    bounds = page.named()
    seen = found.select(by).collect()
    if seen.height > bounds["offset"] + bounds["limit"]:
        invited_first = pl.col("invited_at").fill_null(pl.lit(0).cast(pl.Datetime("us", "UTC")))
        seen = seen.top_k(bounds["offset"] + bounds["limit"], by=[invited_first, "customer_id"])
    return seen.sort(by, descending=True, nulls_last=True).slice(bounds["offset"], bounds["limit"])
