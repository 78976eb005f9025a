"""What the demo's terminal tells while it runs, and the reviews that pretend customers post, brought to the inbox."""

import csv
import io
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from rich.console import Console
from sqlalchemy.engine import Connection

from data.ledger.store import Ledger
from data.ledger.tables import customers, invitations, locations, requests, reviews, scores
from data.words import Channel

_REVIEWS_EVERY_SECONDS = 15.0  # each export costs Dagster a run
_Count = Callable[[Connection], int]


def _rows(table: sa.Table, *conditions: sa.ColumnElement[bool]) -> _Count:
    return lambda c: c.execute(sa.select(sa.func.count()).select_from(table).where(*conditions)).scalar_one()


@dataclass(frozen=True)
class Milestone:
    """Something worth telling once: at its first sign, or when its count has come to rest."""

    words: str
    count: _Count
    is_told_at_once: bool = False


MILESTONES = (
    Milestone("{} customers taken in from the inbox folder, by Dagster", _rows(customers)),
    Milestone("{} invitations planned", _rows(invitations)),
    Milestone("{} messages handed over, by invitations/send.py", _rows(requests, requests.c.handed_at.is_not(None))),
    Milestone(
        "{} messages by WhatsApp, with a text that Meta approved",
        _rows(requests, requests.c.handed_at.is_not(None), requests.c.channel == Channel.WHATSAPP),
    ),
    Milestone("First scores: {} so far. Watch them come in on the Overview", _rows(scores), is_told_at_once=True),
    Milestone("First public reviews: {} so far", _rows(reviews), is_told_at_once=True),
)


class News:
    """Tells each milestone once, when it is reached."""

    def __init__(self, console: Console, ledger: Ledger, home: Path) -> None:
        self._console = console
        self._ledger = ledger
        self._home = home
        self._started = time.monotonic()
        self._before: dict[str, int] = {}
        self._brought = 0
        self._next_reviews = 0.0
        with ledger.read() as connection:  # what was there when the demo went on is no news
            self._open = [milestone for milestone in MILESTONES if not milestone.count(connection)]

    def tell(self) -> None:
        """Look once, and tell what has been reached since the last look."""
        self._bring_reviews()
        if not self._open:
            return
        with self._ledger.read() as connection:
            found = {milestone.words: milestone.count(connection) for milestone in self._open}
        for milestone in list(self._open):
            count = found[milestone.words]
            if count and (milestone.is_told_at_once or count == self._before.get(milestone.words)):
                seconds = int(time.monotonic() - self._started)
                told = milestone.words.format(count)
                self._console.print(f"  {seconds // 60}:{seconds % 60:02d}  {told}", highlight=False)
                self._open.remove(milestone)
        self._before = found

    def _bring_reviews(self) -> None:
        """What the sandbox's review sites hold becomes a file in the inbox for each location, as exports would."""
        posted = self._home / "sandbox" / "reviews.csv"
        if time.monotonic() < self._next_reviews or not posted.exists():
            return
        self._next_reviews = time.monotonic() + _REVIEWS_EVERY_SECONDS
        rows = list(csv.DictReader(io.StringIO(posted.read_text(encoding="utf-8"))))
        if len(rows) == self._brought:
            return
        self._brought = len(rows)
        with self._ledger.read() as connection:
            asked = sa.select(requests.c.link_token, locations.c.slug).join_from(
                requests, locations, locations.c.location_id == requests.c.location_id
            )
            place_of: dict[str, str] = {row.link_token: row.slug for row in connection.execute(asked)}
        by_place: dict[str, list[dict[str, str]]] = defaultdict(list)
        for row in rows:
            if row["link_token"] in place_of:
                by_place[place_of[row["link_token"]]].append(row)
        for place, found in by_place.items():
            _write_export(self._home / "inbox" / place / "reviews", found)


def _write_export(folder: Path, rows: list[dict[str, str]]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / ".reviews.part"  # a sensor must never see half a file
    with draft.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    draft.replace(folder / "review-sites.csv")
