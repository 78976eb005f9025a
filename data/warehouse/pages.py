"""What the dashboard's pages ask of the history: one function a query, rows as Polars frames, a page at a time.

The statements are in queries/*.sql with named parameters, always bound. The order of a page is a line of the
statement, replaced only by one of the fixed texts below; what the filters of a page leave is a statement of its own
(`…_left_in.sql`), which takes the place of the relation in those that count, show and export it. `Scope` is in every
query: nobody's rows but those of the account and the locations the viewer may see.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import polars as pl

from data.folding import folded
from data.warehouse.search import Search
from data.warehouse.sql import statement

SEARCH_FROM = 3  # characters (product/customers-page.txt)
_PHONE_LIKE = re.compile(r"[\d\s()+./-]+")
_NAMED = re.compile(r"\$([a-z_]+)")
_ORDER_LINE = re.compile(r"^( *)order by .* -- order$", re.MULTILINE)
_LEFT_IN = re.compile(r"^( *)from (\w+) -- left in$", re.MULTILINE)


class Reader(Protocol):
    """The part of `data.warehouse.reader.Look` that queries need."""

    def found(self, search: Search) -> pl.DataFrame:
        """Whom a search leaves, of all accounts: the columns of `search.FOUND`."""

    def query(
        self, sql: str, params: Sequence[Any], *, search: Search | None = None, of: Collection[int] = ()
    ) -> pl.DataFrame:
        """The rows of one statement with `$1`, `$2`, … bound; its relation `found`: whom the search leaves.

        `of`: the only customers whose rows it reads, where it names them.
        """


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose rows: the account, the chosen locations among those the viewer may see, and since when (None: ever).

    Days are those of `zone`, in which a period begins and ends. `ends`: the first moment after a period that is over
    (None: it goes on). `until`: now.
    """

    account_id: int
    location_ids: tuple[int, ...]
    since: datetime | None = None
    until: datetime | None = None
    ends: datetime | None = None
    zone: str = "UTC"

    def named(self) -> dict[str, Any]:
        return {
            "account": self.account_id,
            "places": list(self.location_ids),
            "since": self.since,
            "ends": self.ends,
            "since_day": self.since_day,
            "last_day": self.last_day,
        }

    def leaves(self) -> pl.Expr:
        """Of those whom a search found (`search.FOUND`) the viewer's, as in queries/customers_left_in.sql."""
        invited_at = pl.col("invited_at")
        left = (pl.col("account_id") == self.account_id) & pl.col("location_id").is_in(list(self.location_ids))
        if self.since is not None:
            left &= invited_at.is_null() | (invited_at >= self.since)
        if self.ends is not None:
            left &= invited_at.is_null() | (invited_at < self.ends)
        return left

    @property
    def since_day(self) -> date | None:
        """The period's first day."""
        return None if self.since is None else self._day(self.since)

    @property
    def last_day(self) -> date | None:
        """The last day of a period that is over."""
        return None if self.ends is None else self._day(self.ends - timedelta(microseconds=1))

    @property
    def today(self) -> date | None:
        """The day it is, where a period goes on."""
        return None if self.until is None else self._day(self.until)

    def _day(self, moment: datetime) -> date:
        return moment.astimezone(ZoneInfo(self.zone)).date()


@dataclass(frozen=True, slots=True)
class Page:
    """Which rows of the ordered whole: pages count from 1."""

    number: int = 1
    size: int = 25

    def named(self) -> dict[str, Any]:
        return {"limit": self.size, "offset": (max(1, self.number) - 1) * self.size}


def funnel(reader: Reader, scope: Scope) -> dict[str, int]:
    """How many invitations of the period came how far."""
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
    """The words to look for, folded, from three characters on; a phone number in any format also by its digits.

    Numbers are kept as E.164 has them, so the zeros that are dialled before one at home do not count.
    """
    typed = " ".join(text.split())
    if len(typed) < SEARCH_FROM:
        return {"search": None, "digits": None}
    term = folded(typed)
    digits = re.sub(r"\D", "", term.replace("(0)", "")).lstrip("0") if _PHONE_LIKE.fullmatch(term) else ""
    return {"search": term, "digits": digits if len(digits) >= SEARCH_FROM else None}


def query(reader: Reader, name: str, named: Mapping[str, Any], order: StrEnum | None = None) -> pl.DataFrame:
    """The rows of queries/{name}.sql with its parameters bound by name, in `order` where the statement has one.

    A `search` among them is looked for in what customers are found by; the statement's `found` are those customers.
    """
    sql, params = positional(whole(name, None if order is None else order.value), named)
    of = [named["customer"]] if "customer" in named else named.get("on_page", ())
    return reader.query(sql, params, search=searched(named), of=of)


def searched(named: Mapping[str, Any]) -> Search | None:
    """The search among the values of a statement's parameters."""
    words = named.get("search")
    return None if words is None else Search(words, named.get("digits"))


@cache
def whole(name: str, order: str | None = None) -> str:
    """queries/{name}.sql, with the filters of its page and its order in their places."""
    text = _LEFT_IN.sub(_left_in, statement(f"queries/{name}"))
    return text if order is None else _ORDER_LINE.sub(rf"\1order by {order}", text)


def _left_in(line: re.Match[str]) -> str:
    indent, relation = line.groups()
    return f"{indent}from (\n{statement(f'queries/{relation}_left_in')}{indent}) as {relation}"


def positional(text: str, named: Mapping[str, Any]) -> tuple[str, list[Any]]:
    """A statement with `$name` parameters, and their values, as DuckDB's numbered ones; comments are left out.

    DuckDB refuses values that a statement does not name, so this lets one set of filters serve every statement.
    Raises KeyError for a name without a value.
    """
    code, names = _numbered(text)
    return code, [named[name] for name in names]


@cache
def _numbered(text: str) -> tuple[str, tuple[str, ...]]:
    code = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("--"))
    names = tuple(dict.fromkeys(_NAMED.findall(code)))
    numbers = {name: position for position, name in enumerate(names, start=1)}
    return _NAMED.sub(lambda match: f"${numbers[match[1]]}", code), names


def counts(frame: pl.DataFrame) -> dict[str, int]:
    """Two columns, a word and a number, as a mapping."""
    return {str(key): int(count) for key, count in frame.iter_rows()}


def first(frame: pl.DataFrame) -> dict[str, Any] | None:
    """The first row by column; None when there is none."""
    return frame.row(0, named=True) if frame.height else None
