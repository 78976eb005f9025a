"""Search with its total, and a customer's history: as the pages ask for them, and as others answer on the same rows.

The page's way is a page of the newest invited and how many there are of each standing (`customers_page`,
`customers_by_status`), of all time at every location, through the reader that pages use. Beside it the same filter in
Polars over a frame in memory, and Datasette over HTTP (bench/datasette_peer.py). All must agree on the rows.
"""

import random
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import polars as pl

from bench.dashboard_world import NOW, SYLLABLES
from bench.datasette_peer import Datasette
from data.ledger.store import open_ledger
from data.settings import Settings
from data.warehouse.customers import (
    CustomerFilter,
    CustomerOrder,
    customer_timeline,
    customers_by_status,
    customers_page,
)
from data.warehouse.pages import Page, Scope, search_terms
from data.warehouse.reader import open_reader

Found = tuple[list[int], int]  # the page's customers, and how many there are
_SHOWN = ["customer_id", "first_name", "last_name", "email", "phone", "location_name", "source", "list_name",
          "invitation_status", "invited_at", "is_suppressed", "score", "stars"]  # fmt: skip


@dataclass(frozen=True)
class Timed:
    """What was found, and what it took: seconds, and seconds of this process's processors."""

    found: object
    seconds: float
    processor: float


def timed(work: Callable[[], object]) -> Timed:
    processor, began = time.process_time(), time.perf_counter()
    found = work()
    return Timed(found, time.perf_counter() - began, time.process_time() - processor)


class Looked:
    """A home's customers, read in every way."""

    def __init__(self, settings: Settings, customers: int) -> None:
        self.ledger = open_ledger(settings)
        self._reader = open_reader(self.ledger, settings.warehouse_folder)
        self._customers = customers
        places = self._reader.query("select distinct location_id, account_id from customers order by 1")
        self._scope = Scope(places["account_id"][0], tuple(places["location_id"]), until=NOW)
        shown = ", ".join(["account_id", "location_id", *_SHOWN, "search"])
        self._frame = self._reader.query(f"select {shown} from customers")  # noqa: S608 - names of ours

    def page(self, text: str) -> Found:
        """As the Customers page asks."""
        chosen, look = CustomerFilter(search=text), self._reader.look()
        total = sum(customers_by_status(look, self._scope, chosen).values())
        rows = customers_page(look, self._scope, chosen, CustomerOrder.NEWEST, Page())
        return rows["customer_id"].to_list(), total

    def polars(self, text: str) -> Found:
        """The same rows, and the total by standing, from a frame that is there."""
        terms = search_terms(text)
        matches = pl.col("search").str.contains(terms["search"], literal=True)
        if terms["digits"]:
            matches |= pl.col("search").str.contains(terms["digits"], literal=True)
        status = pl.col("invitation_status")
        standing = pl.when(pl.col("invited_at").is_null() & (status.is_null() | (status == "active")))
        found = self._frame.lazy().filter(
            pl.col("account_id") == self._scope.account_id,
            pl.col("location_id").is_in(list(self._scope.location_ids)),
            matches,
        )
        counts = found.group_by(standing.then(pl.lit("not_invited")).otherwise(status)).agg(pl.len())
        by = [pl.col("invited_at").fill_null(pl.lit(0).cast(pl.Datetime("us", "UTC"))), pl.col("customer_id")]
        rows, total = pl.collect_all([found.top_k(25, by=by), counts])
        return rows.sort(by, descending=True)["customer_id"].to_list(), int(total["len"].sum())

    def history(self, customer_id: int) -> int:
        """As the panel asks."""
        return len(customer_timeline(self._reader.look(), self._scope, customer_id, "America/Chicago"))

    def someone(self, number: int) -> int:
        """A customer who was invited; another for each number."""
        return random.Random(number).randrange(self._customers // 10) * 10 + 2  # noqa: S311 - made-up rows

    def words(self, count: int, seed: int) -> list[str]:
        """Searches of every kind in turn: of few and of many rows, by name, e-mail and number; no two are alike."""
        chance = random.Random(seed)  # noqa: S311 - made-up rows
        drawn: dict[str, None] = {}
        while len(drawn) < count:
            row = self._frame.row(chance.randrange(self._frame.height), named=True)
            kinds = (
                f"{row['first_name'].lower()} {row['last_name'].lower()[: chance.randrange(1, 7)]}",
                row["last_name"].lower()[chance.randrange(3) :],
                row["email"].split("@")[0][chance.randrange(6) :],
                f"({row['phone'][2:5]}) {row['phone'][5 : chance.randrange(6, 9)]}",
                chance.choice(SYLLABLES.split()) + chance.choice(SYLLABLES.split()),
                row["first_name"].lower()[: chance.randrange(3, 6)],  # what a live search asks first: of many rows
                f"{row['first_name'].lower()} {row['last_name'].lower()[:2]}",
                row["last_name"].lower()[: chance.randrange(3, 5)],
            )
            drawn[kinds[len(drawn) % len(kinds)]] = None
        return list(drawn)


def for_datasette(text: str) -> str:
    """What finds the same rows by FTS5: the words as they stand, of a number its digits."""
    terms = search_terms(text)
    return f'"{terms["digits"] or terms["search"]}"' if re.search(r"\W", terms["search"]) else str(terms["search"])


def search_round(looked: Looked, peer: Datasette | None, words: Sequence[str]) -> dict[str, list[Timed]]:
    """Each word in every way, one after the other; fails where they do not find the same."""
    found: dict[str, list[Timed]] = {"page": [], "polars": [], **({"datasette": []} if peer else {})}
    for number, word in enumerate(words):
        ways: list[tuple[str, Callable[[], object]]] = [
            ("page", lambda word=word: looked.page(word)),  # type: ignore[misc]
            ("polars", lambda word=word: looked.polars(word)),  # type: ignore[misc]
        ]
        if peer:
            ways.append(("datasette", lambda word=word: peer.search(for_datasette(word))))  # type: ignore[misc]
        for name, work in ways[number % len(ways) :] + ways[: number % len(ways)]:
            found[name].append(timed(work))
        totals = {name: each[-1].found[1] for name, each in found.items()}  # type: ignore[index]
        assert len(set(totals.values())) == 1, (word, totals)
        assert found["page"][-1].found == found["polars"][-1].found, word
    return found


def history_round(looked: Looked, peer: Datasette | None, people: Sequence[int]) -> dict[str, list[Timed]]:
    """The same people's history both ways."""
    found: dict[str, list[Timed]] = {"panel": [], **({"datasette": []} if peer else {})}
    for customer_id in people:
        found["panel"].append(timed(lambda of=customer_id: looked.history(of)))  # type: ignore[misc]
        if peer:
            found["datasette"].append(timed(lambda of=customer_id: peer.timeline(of)))  # type: ignore[misc]
            assert found["panel"][-1].found == found["datasette"][-1].found, customer_id
    return found
