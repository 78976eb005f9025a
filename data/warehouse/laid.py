"""One state of the history: a published copy with what changed since laid over it. Threads share it, and it stays.

So the same question has the same answer: it is asked of DuckDB once (`_KEPT`), whoever asks it. What a search finds is
held the same way, and the texts that are searched once for each copy.
"""

import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from data.warehouse import overlay, sql
from data.warehouse.overlay import Overlay
from data.warehouse.rows import Answers
from data.warehouse.search import NOBODY, Search, find, found_now, read_texts

COPIED = ("invitations", "funnel", "reached", "nps", "nps_by")
_RUNS, _FOUND = "runs", "found"
_RELATIONS = frozenset([*COPIED, *overlay.RELATIONS, _RUNS, _FOUND])
_KEPT = 256  # answers of one state
_KEPT_ROWS = 1_000  # of one answer: a page's, not a file's
_KEPT_SEARCHES = 16
_KEPT_FOUND = 1_000_000  # people, by all of them
_NAMED = re.compile(r"\b(?:from|join)\s+(\w+)")
_ALONE = re.compile(r"\b(from|join) (\w+)(?= *(?:$|\)|where\b))", re.MULTILINE)  # a relation without another name
_CHANGING = frozenset([*overlay.RELATIONS, _FOUND])
_BY_CUSTOMER = frozenset(["customers", "requests", "timeline"])  # their rows change with their customer alone


@cache
def relations_in(sql: str) -> frozenset[str]:
    """The relations that a statement reads."""
    return _RELATIONS.intersection(_NAMED.findall(sql))


def is_of_copy(sql: str) -> bool:
    """Whether the statement asks only for what figures are counted from, which no overlay changes."""
    return not relations_in(sql) & _CHANGING


@cache
def as_tables(sql: str) -> str:
    """The statement for a copy without an overlay: asked of the tables: views cost a fifth of a panel's history."""
    tables = relations_in(sql) - {_RUNS, _FOUND}
    return _ALONE.sub(lambda read: f"{read[1]} out_{read[2]} as {read[2]}" if read[2] in tables else read[0], sql)


class Copy:
    """One published copy, opened once and shared: each query takes a cursor of its own."""

    def __init__(
        self,
        path: Path | None,  # None: nothing is published, the tables are empty
        connection: duckdb.DuckDBPyConnection,
        published_at: datetime | None,
        complete_until: datetime,  # every ledger row committed with an older time is in it
        *,
        is_outdated: bool = False,  # made by other statements than today's, which nothing can be asked of: it is empty
    ) -> None:
        self.path = path
        self.connection = connection
        self.published_at = published_at
        self.complete_until = complete_until
        self.is_outdated = is_outdated
        self.answers = Answers()
        self._lock = threading.Lock()
        self._texts: pl.DataFrame | None = None

    def texts(self) -> pl.DataFrame:
        """What customers are found by, read at the first search."""
        with self._lock:
            if self._texts is None:
                with self.cursor() as cursor:
                    self._texts = read_texts(cursor)
            return self._texts

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A cursor of one's own, which speaks UTC as the connection does."""
        cursor = self.connection.cursor()
        cursor.execute("set timezone = 'UTC'").fetchall()
        return cursor


class _Kept:
    """The answers asked for last: so many of them, with so many rows together."""

    def __init__(self, most: int, most_rows: int) -> None:
        self._most = most
        self._most_rows = most_rows
        self._rows = 0
        self._lock = threading.Lock()
        self._answers: OrderedDict[object, pl.DataFrame] = OrderedDict()

    def get(self, question: object) -> pl.DataFrame | None:
        with self._lock:
            if question in self._answers:
                self._answers.move_to_end(question)
            return self._answers.get(question)

    def put(self, question: object, answer: pl.DataFrame) -> None:
        with self._lock:
            before = self._answers.pop(question, None)
            self._answers[question] = answer
            self._rows += answer.height - (before.height if before is not None else 0)
            while len(self._answers) > self._most or self._rows > self._most_rows:
                self._rows -= self._answers.popitem(last=False)[1].height


@dataclass(frozen=True)
class _Cursor:
    """A cursor, and the relations that it shows already."""

    connection: duckdb.DuckDBPyConnection
    shown: set[str] = field(default_factory=set)


class Laid:
    """A copy and its overlay, and the cursors that show both as one. `bare`: the same copy without."""

    def __init__(
        self, copy: Copy, over: Overlay | None, notes: Sequence[str] = (), *, bare: "Laid | None" = None
    ) -> None:
        self.copy = copy
        self.over = over
        self.notes = tuple(notes)
        self._bare = bare or self
        self._free: list[_Cursor] = []
        self._answers = _Kept(_KEPT, _KEPT * _KEPT_ROWS)
        self._found = _Kept(_KEPT_SEARCHES, _KEPT_FOUND)

    def query(
        self,
        sql: str,
        params: Sequence[Any],
        search: Search | None,
        of: Collection[int],
        moved_runs: Callable[[], pl.DataFrame],
    ) -> pl.DataFrame:
        """The rows of one SELECT. `moved_runs`: the runs that moved since the copy, which no state holds.

        What is asked `of` customers whom nothing touched is asked of the copy: to read both takes twice as long.
        """
        relations = relations_in(sql)
        if of and self.over is not None and relations <= _BY_CUSTOMER and self.over.touched_ids.isdisjoint(of):
            return self._bare.query(sql, params, search, of, moved_runs)
        question = repr((sql, params)), search
        if _RUNS in relations:
            return self._ask(sql, params, {"laid_runs": moved_runs()})
        known = self._answers.get(question)
        if known is not None:
            return known
        frames = {_FOUND: NOBODY if search is None else self.found(search)} if _FOUND in relations else {}
        rows = self._ask(sql, params, frames)
        if rows.height <= _KEPT_ROWS:
            self._answers.put(question, rows)
        return rows

    def _ask(self, sql: str, params: Sequence[Any], frames: dict[str, pl.DataFrame]) -> pl.DataFrame:
        if self.over is None:
            sql = as_tables(sql)
        with self._cursor() as cursor:
            for name, frame in frames.items():
                cursor.connection.register(name, frame)
            for relation in relations_in(sql) - cursor.shown - {_FOUND}:
                self._show(cursor.connection, relation)
                cursor.shown.add(relation)
            return self.copy.answers.read(cursor.connection, sql, params)

    def found(self, search: Search) -> pl.DataFrame:
        """Whom a search leaves, with the columns of `search.FOUND`."""
        known = self._found.get(search)
        if known is None:
            if self.over is None:
                known = find(search, self.copy.texts())
            else:
                known = found_now(search, self._bare.found(search), self.over.touched, self.over.frames["customers"])
            self._found.put(search, known)
        return known

    @contextmanager
    def _cursor(self) -> Iterator[_Cursor]:
        """One that is free; after a failed statement it is not taken again."""
        try:
            cursor = self._free.pop()
        except IndexError:
            cursor = _Cursor(self.copy.cursor())
        try:
            yield cursor
        except BaseException:
            cursor.connection.close()
            raise
        self._free.append(cursor)

    def _show(self, cursor: duckdb.DuckDBPyConnection, relation: str) -> None:
        """Make the relation visible to this cursor alone, as a temporary view."""
        if relation == _RUNS:
            cursor.execute(sql.statement("keyed/laid_over_runs")).fetchall()
            return
        step = "as_copied"
        if self.over is not None and relation in overlay.RELATIONS:
            cursor.register("touched", self.over.touched)
            cursor.register(f"laid_{relation}", self.over.frames[relation])
            step = "laid_over_by_key" if relation == "reviews" else "laid_over"
        cursor.execute(sql.about(f"keyed/{step}", relation=relation, key="review_id")).fetchall()
