"""The imports of an account as its pages show them: lists, newest first, and what was asked for and is none yet."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from data.folding import folded
from data.ledger.controls import Locations
from data.ledger.rows_of import listed, one_of
from data.ledger.tables import customers, invitations, jobs, lists, locations
from data.words import JobKind

RECENT = timedelta(days=7)  # so long an import that could not be carried out is told of
_j, _l, _lo = jobs.c, lists.c, locations.c


@dataclass(frozen=True, slots=True)
class AskedFor:
    """An import that was asked for: waiting, coming in, or ended with a problem."""

    job_id: int
    list_name: str
    location_slug: str
    file_name: str
    asked_by: str
    age: timedelta  # since it was asked for
    is_begun: bool
    problem: str | None
    done: int  # customers taken in so far
    total: int  # rows of the file; 0: not known yet


def lists_page(
    c: Connection,
    account_id: int,
    places: Locations,
    since: datetime | None,
    *,
    ends: datetime | None = None,
    search: str = "",
    limit: int,
    offset: int,
) -> list[dict[str, Any]]:
    """One page of lists: the table's columns and `location_name`, `location_time_zone`.

    `since` and `ends`, the first moment after: by the database's clock. `search`: within the name, accents aside.
    """
    query = (
        sa.select(lists, _lo.name.label("location_name"), _lo.time_zone.label("location_time_zone"))
        .join(locations, _lo.location_id == _l.location_id)
        .where(*_found(c, search, _visible(account_id, places, since, ends)))
        .order_by(_l.created_at.desc(), _l.list_id.desc())
    )
    return [dict(row._mapping) for row in c.execute(query.limit(limit).offset(offset))]


def count_lists(
    c: Connection,
    account_id: int,
    places: Locations,
    since: datetime | None,
    *,
    ends: datetime | None = None,
    search: str = "",
) -> int:
    """How many lists were imported at these locations since then, and before it `ends`."""
    visible = _visible(account_id, places, since, ends)
    query = sa.select(sa.func.count()).select_from(lists).where(*_found(c, search, visible))
    return c.execute(query).scalar_one()


def one_list(c: Connection, account_id: int, places: Locations, list_id: int) -> dict[str, Any] | None:
    """One list, as in `lists_page`; None when there is none that the reader may see."""
    query = (
        sa.select(lists, _lo.name.label("location_name"), _lo.time_zone.label("location_time_zone"))
        .join(locations, _lo.location_id == _l.location_id)
        .where(*_visible(account_id, places, None), _l.list_id == list_id)
    )
    row = c.execute(query).first()
    return None if row is None else dict(row._mapping)


def places_of_list(c: Connection, list_id: int) -> set[int]:
    """The locations that a list brought people to: a column of its file may have named others than its own."""
    found = (
        sa.select(_l.location_id).where(_l.list_id == list_id),
        sa.select(customers.c.location_id).where(customers.c.list_id == list_id),
        sa.select(invitations.c.location_id).where(invitations.c.list_id == list_id),
    )
    return set(c.execute(sa.union(*found)).scalars())


def _visible(
    account_id: int, places: Locations, since: datetime | None, ends: datetime | None = None
) -> list[sa.ColumnElement[bool]]:
    visible = [_l.account_id == account_id]
    if ends is not None:
        visible.append(_l.created_at < ends)
    if since is not None:
        visible.append(_l.created_at >= since)
    if places is not None:
        visible.append(_l.location_id.in_(sorted(places)))
    return visible


def _found(c: Connection, search: str, visible: list[sa.ColumnElement[bool]]) -> list[sa.ColumnElement[bool]]:
    """Of the visible lists those whose name has the search in it; folded here, as SQLite knows ASCII alone."""
    term = folded(" ".join(search.split()))
    if not term:
        return visible
    names = c.execute(sa.select(_l.list_id, _l.name).where(*visible)).all()
    ids = listed(row.list_id for row in names if term in folded(row.name))
    return [*visible, _l.list_id.in_(one_of("found_lists", sa.BigInteger()).params(found_lists=ids))]


def asked_for(c: Connection, account_id: int, slugs: set[str], *, now: datetime) -> list[AskedFor]:
    """The imports of these locations that wait, come in, or could not be carried out of late; `now`: database clock."""
    is_open = _j.ended_at.is_(None)
    has_failed = sa.and_(_j.problem.is_not(None), _j.ended_at > now - RECENT)
    query = (
        sa.select(jobs)
        .where(_j.account_id == account_id, _j.kind == JobKind.IMPORT, sa.or_(is_open, has_failed))
        .order_by(_j.job_id.desc())
    )
    return [_told(c, row, now) for row in c.execute(query) if row.payload.get("location") in slugs]


def _told(c: Connection, row: Row[Any], now: datetime) -> AskedFor:
    payload = row.payload
    done, total = 0, 0
    if row.started_at is not None and row.ended_at is None:
        query = (
            sa.select(_l.new_count + _l.known_count, _l.row_count)
            .join(locations, _lo.location_id == _l.location_id)
            .where(
                _l.account_id == row.account_id,
                _lo.slug == payload.get("location"),
                _l.name == payload.get("list_name"),
                _l.content_sha256 == payload.get("content_sha256"),
            )
        )
        row_of = c.execute(query).first()
        done, total = (0, 0) if row_of is None else tuple(row_of)
    return AskedFor(
        job_id=row.job_id,
        list_name=payload.get("list_name", ""),
        location_slug=payload.get("location", ""),
        file_name=payload.get("file_name") or "",
        asked_by=row.asked_by,
        age=now - row.asked_at,
        is_begun=row.started_at is not None,
        problem=row.problem,
        done=done,
        total=total,
    )
