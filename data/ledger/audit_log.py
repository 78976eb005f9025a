"""Reading the audit: who did what to which thing, when, and how it was before and after.

A line names its thing by number ("invitation 42") or by name ('location "chicago"'). Whom that is about, and at which
location it is, is looked up here, so that people of some locations read of theirs.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.ledger import tables as t

SEARCH_FROM = 3  # characters
_u, _c = t.audit.c, t.customers.c
_LONGEST_NUMBER = 18  # digits: more would not fit the key


@dataclass(frozen=True, slots=True)
class AuditSight:
    """How far somebody sees, made by `invitations.look_back`: lines of the whole account, or about `places` only."""

    account_id: int
    places: frozenset[int]
    is_whole: bool


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """What is left in, by the database's clock. A search of fewer than three characters leaves everything."""

    since: datetime | None = None
    ends: datetime | None = None  # the first moment after the period; None: it goes on
    actor: str | None = None
    action: str | None = None
    search: str = field(default="", repr=False)
    audit_id: int | None = None  # one line, for whoever has its link


@dataclass(frozen=True, slots=True)
class Line:
    """One line. `before` and `after` hold customers' data: never log them."""

    audit_id: int
    occurred_at: datetime  # database clock
    actor: str
    action: str
    subject: str
    before: Mapping[str, Any] | None = field(repr=False)
    after: Mapping[str, Any] | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Whom:
    """The customer whom a line is about."""

    customer_id: int
    name: str = field(repr=False)


def audit_lines(
    connection: Connection, sight: AuditSight, chosen: AuditFilter, *, limit: int, offset: int = 0
) -> list[Line]:
    """Some lines, the newest first."""
    query = (
        sa.select(_u.audit_id, _u.occurred_at, _u.actor, _u.action, _u.subject, _u.before, _u.after)
        .where(*_left_in(connection, sight, chosen))
        .order_by(_u.audit_id.desc())
        .limit(limit)
        .offset(offset)
    )
    return [Line(*row) for row in connection.execute(query)]


def count_lines(connection: Connection, sight: AuditSight, chosen: AuditFilter) -> int:
    """How many lines the filters leave."""
    conditions = _left_in(connection, sight, chosen)
    return connection.execute(sa.select(sa.func.count()).select_from(t.audit).where(*conditions)).scalar_one()


def who_and_what(connection: Connection, sight: AuditSight, chosen: AuditFilter) -> tuple[list[str], list[str]]:
    """Everybody who did something in the period, and every kind of thing they did: for the filters."""
    conditions = _left_in(connection, sight, AuditFilter(chosen.since, chosen.ends))
    pairs = connection.execute(sa.select(_u.actor, _u.action).where(*conditions).distinct()).all()
    return sorted({pair.actor for pair in pairs}), sorted({pair.action for pair in pairs})


def whom(connection: Connection, sight: AuditSight, subjects: Iterable[str]) -> dict[str, Whom]:
    """The customers in sight whom the subjects of some lines are about."""
    numbers: dict[str, set[int]] = {}
    for subject in subjects:
        kind, _, number = subject.partition(" ")
        if kind in _CUSTOMERS and number.isascii() and number.isdigit() and len(number) <= _LONGEST_NUMBER:
            numbers.setdefault(kind, set()).add(int(number))
    if not numbers:
        return {}
    halves = [
        sa.select(sa.literal(kind).label("kind"), key.label("number"), _c.customer_id, _c.first_name, _c.last_name)
        .select_from(joined)
        .where(
            key.in_(sorted(numbers[kind])), _c.account_id == sight.account_id, _c.location_id.in_(sorted(sight.places))
        )
        for kind, (key, joined) in _CUSTOMERS.items()
        if kind in numbers
    ]
    return {
        f"{row.kind} {row.number}": Whom(row.customer_id, f"{row.first_name} {row.last_name}".strip())
        for row in connection.execute(sa.union_all(*halves))
    }


def _left_in(connection: Connection, sight: AuditSight, chosen: AuditFilter) -> list[sa.ColumnElement[bool]]:
    conditions = [_u.account_id == sight.account_id]
    if not sight.is_whole:
        conditions.append(_is_about(connection, sight))
    if chosen.since is not None:
        conditions.append(_u.occurred_at >= chosen.since)
    if chosen.ends is not None:
        conditions.append(_u.occurred_at < chosen.ends)
    if chosen.audit_id is not None:
        conditions.append(_u.audit_id == chosen.audit_id)
    if chosen.actor is not None:
        conditions.append(_u.actor == chosen.actor)
    if chosen.action is not None:
        conditions.append(_u.action == chosen.action)
    term = " ".join(chosen.search.split())
    if len(term) >= SEARCH_FROM:
        texts = (_u.subject, _u.actor, sa.cast(_u.before, sa.Text), sa.cast(_u.after, sa.Text))
        looks = [sa.func.lower(text).contains(one, autoescape=True) for text in texts for one in _spellings(term)]
        conditions.append(sa.or_(*looks))
    return conditions


def _spellings(term: str) -> list[str]:
    """The term as it may stand in JSON: quotes escaped and, on SQLite, é by its number, of which it knows one case."""
    cases = (term, term.lower(), term.upper(), term.title())
    in_json = (json.dumps(one, ensure_ascii=is_ascii)[1:-1].lower() for one in cases for is_ascii in (True, False))
    return sorted({term.lower(), *in_json})


_OF_INVITATION = t.invitations.join(t.customers, _c.customer_id == t.invitations.c.customer_id)
_CUSTOMERS: Mapping[str, tuple[sa.ColumnElement[int], sa.FromClause]] = {  # how a thing's customer is found
    "customer": (_c.customer_id, t.customers),
    "person": (_c.person_id, t.customers),
    "invitation": (t.invitations.c.invitation_id, _OF_INVITATION),
    "request": (
        t.requests.c.request_id,
        t.requests.join(_OF_INVITATION, t.invitations.c.invitation_id == t.requests.c.invitation_id),
    ),
    "review": (
        t.reviews.c.review_id,
        t.reviews.join(_OF_INVITATION, t.invitations.c.invitation_id == t.reviews.c.invitation_id),
    ),
}
_LOCATED: Mapping[str, tuple[sa.ColumnElement[int], sa.ColumnElement[int]]] = {  # a thing's number, its location
    "customer": (_c.customer_id, _c.location_id),
    "person": (_c.person_id, _c.location_id),
    "invitation": (t.invitations.c.invitation_id, t.invitations.c.location_id),
    "request": (t.requests.c.request_id, t.requests.c.location_id),
    "review": (t.reviews.c.review_id, t.reviews.c.location_id),
    "list": (t.lists.c.list_id, t.lists.c.location_id),
}


def _is_about(connection: Connection, sight: AuditSight) -> sa.ColumnElement[bool]:
    """Whether a line is about something at one of these locations; what is the whole account's is not."""
    locations = connection.execute(
        sa.select(t.locations.c.location_id, t.locations.c.slug).where(
            t.locations.c.account_id == sight.account_id, t.locations.c.location_id.in_(sorted(sight.places))
        )
    ).all()
    names = [word for place in locations for word in (f'location "{place.slug}"', f"location {place.location_id}")]
    endings = [word for place in locations for word in (f' of "{place.slug}"', f" of location {place.location_id}")]
    by_name = sa.or_(_u.subject.in_(names), *(_u.subject.endswith(ending, autoescape=True) for ending in endings))
    theirs = [place.location_id for place in locations]
    return sa.case(  # a CASE, for a text is cast to a number only where it is known to be one
        *(
            (
                _u.subject.regexp_match(f"^{kind} [0-9]{{1,{_LONGEST_NUMBER}}}$"),
                sa.exists().where(
                    key == sa.cast(sa.func.substr(_u.subject, len(kind) + 2), sa.BigInteger), location.in_(theirs)
                ),
            )
            for kind, (key, location) in _LOCATED.items()
        ),
        else_=by_name,
    )
