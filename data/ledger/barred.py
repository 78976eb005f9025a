"""Who must not be contacted, as it stands now: one row for each word that still holds, whoever said it.

What counts is told in `suppressions`: a word without a channel is the person's and holds for all their addresses, until
something was lifted after it for a channel; a word with a channel is about one address on that channel.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from data.ledger.tables import customers, person_addresses, suppressions
from data.ledger.tables.metadata import database_now
from data.words import AddressKind, Channel, SuppressionEffect, SuppressionReason

SEARCH_FROM = 3  # characters
_KEPT_ROWS = 100  # a page's, not a file's
_KEPT_ANSWERS = 64
_MARGIN = timedelta(seconds=30)  # no transaction lasts so long: what was written before it is all there to be seen
_NOBODY = {"customer_id": None, "name": "", "email": None, "phone": None}
_s, _a, _c = suppressions.c, person_addresses.c, customers.c
_STATE = sa.select(
    sa.select(sa.func.count()).select_from(suppressions).scalar_subquery(),
    sa.select(sa.func.max(_c.changed_at)).scalar_subquery(),
    database_now(),
)
_OWNED = sa.and_(_a.account_id == _s.account_id, _a.kind == _s.kind, _a.address == _s.address)


@dataclass(frozen=True, slots=True)
class Sight:
    """Whose rows: those of people with a record at these locations; `is_whole`: addresses that nobody has, too."""

    account_id: int
    location_ids: tuple[int, ...]
    is_whole: bool


@dataclass(frozen=True, slots=True)
class BarredFilter:
    """What the list leaves in. A search of fewer than three characters leaves everything."""

    reason: SuppressionReason | None = None
    search: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Barred:
    """One word that holds. Without a person, nobody we know has the address."""

    suppression_id: int
    person_id: int | None
    kind: AddressKind
    address: str = field(repr=False)
    is_person: bool  # else this address only
    reason: SuppressionReason
    recorded_by: str
    occurred_at: datetime  # policy time
    channels: tuple[Channel, ...]  # on which it holds


class _Kept:
    """What was worked out about one state of the ledger: weighing 40,000 words takes a third of a second."""

    def __init__(self, state: object) -> None:
        self.state = state
        self.answers: dict[object, Any] = {}


_kept: WeakKeyDictionary[Engine, _Kept] = WeakKeyDictionary()


def barred_rows(
    connection: Connection, sight: Sight, chosen: BarredFilter, *, limit: int, offset: int = 0
) -> list[dict[str, Any]]:
    """Some of the words that hold, the newest first: the columns of `Barred`, and what is known of the person.

    customer_id, name, email, phone (of their newest record at the locations in sight; null where they have none) and
    `emails`, the e-mail addresses that the word takes away.
    """

    def work_out() -> list[dict[str, Any]]:
        return _rows(connection, sight, chosen, limit=limit, offset=offset)

    if limit > _KEPT_ROWS:
        return work_out()
    return [dict(row) for row in _once(connection, ("rows", sight, chosen, limit, offset), work_out)]


def _rows(
    connection: Connection, sight: Sight, chosen: BarredFilter, *, limit: int, offset: int
) -> list[dict[str, Any]]:
    words = _words(connection, sight, chosen, limit=limit, offset=offset)
    people = {word.person_id for word in words if word.person_id is not None}
    known, emails = _known(connection, sight, people), _emails_of(connection, people)
    return [
        asdict(word)
        | known.get(word.person_id, _NOBODY)
        | {"emails": _taken_away(word, emails.get(word.person_id, ()))}
        for word in words
    ]


def _taken_away(word: Barred, emails: Sequence[str]) -> Sequence[str]:
    if Channel.EMAIL not in word.channels:
        return ()
    return emails if word.is_person and emails else (word.address,) if word.kind is AddressKind.EMAIL else ()


def _words(connection: Connection, sight: Sight, chosen: BarredFilter, *, limit: int, offset: int) -> list[Barred]:
    holds = _holding(sight.account_id)
    query = (
        sa.select(
            _s.suppression_id, holds.c.person_id, _s.kind, _s.address, _s.channel, _s.reason, _s.recorded_by,
            _s.occurred_at, *(holds.c[channel.value] for channel in Channel),
        )
        .join(holds, holds.c.suppression_id == _s.suppression_id)
        .where(*_in_sight(sight, holds), *_left_in(sight, chosen, holds))
        .order_by(_s.occurred_at.desc(), _s.suppression_id.desc())
        .limit(limit)
        .offset(offset)
    )  # fmt: skip
    return [
        Barred(
            row.suppression_id, row.person_id, row.kind, row.address, row.channel is None, row.reason,
            row.recorded_by, row.occurred_at, tuple(one for one in Channel if row._mapping[one.value]),
        )
        for row in connection.execute(query)
    ]  # fmt: skip


def barred_by_reason(connection: Connection, sight: Sight, chosen: BarredFilter) -> dict[SuppressionReason, int]:
    """How many words hold for which reason, of those that the search leaves."""
    question = ("count", sight, chosen.search)
    return dict(_once(connection, question, lambda: _count(connection, sight, chosen)))


def _once(connection: Connection, question: object, work_out: Callable[[], Any]) -> Any:
    """The answer of before, while nobody has said anything and no customer was changed: addresses move with them."""
    said, changed_at, now = connection.execute(_STATE).one()
    if changed_at is not None and now - changed_at < _MARGIN:
        return work_out()
    kept = _kept.get(connection.engine)
    if kept is None or kept.state != (said, changed_at) or len(kept.answers) >= _KEPT_ANSWERS:
        kept = _kept[connection.engine] = _Kept((said, changed_at))
    if question not in kept.answers:
        kept.answers[question] = work_out()
    return kept.answers[question]


def _count(connection: Connection, sight: Sight, chosen: BarredFilter) -> dict[SuppressionReason, int]:
    holds = _holding(sight.account_id)
    query = (
        sa.select(_s.reason, sa.func.count())
        .join(holds, holds.c.suppression_id == _s.suppression_id)
        .where(*_in_sight(sight, holds), *_left_in(sight, BarredFilter(search=chosen.search), holds))
        .group_by(_s.reason)
    )
    return {row[0]: row[1] for row in connection.execute(query)}


def _known(connection: Connection, sight: Sight, person_ids: Collection[int]) -> Mapping[int | None, dict[str, Any]]:
    query = (
        sa.select(_c.person_id, _c.customer_id, _c.first_name, _c.last_name, _c.email, _c.phone)
        .where(
            _c.account_id == sight.account_id,
            _c.person_id.in_(sorted(person_ids)),
            _c.location_id.in_(sight.location_ids),
        )
        .order_by(_c.customer_id)
    )
    return {
        row.person_id: {
            "customer_id": row.customer_id,
            "name": f"{row.first_name} {row.last_name}".strip(),
            "email": row.email,
            "phone": row.phone,
        }
        for row in connection.execute(query)
    }


def is_known_at(connection: Connection, person_id: int | None, location_ids: Collection[int]) -> bool:
    """Whether a person is a customer of one of these locations; nobody is of none."""
    found = sa.select(_c.customer_id).where(_c.person_id == person_id, _c.location_id.in_(sorted(location_ids)))
    return person_id is not None and connection.execute(found.limit(1)).first() is not None


def _emails_of(connection: Connection, person_ids: Collection[int]) -> Mapping[int | None, Sequence[str]]:
    found: dict[int | None, list[str]] = {}
    query = sa.select(_a.person_id, _a.address).where(
        _a.person_id.in_(sorted(person_ids)), _a.kind == AddressKind.EMAIL
    )
    for row in connection.execute(query.order_by(_a.address)):
        found.setdefault(row.person_id, []).append(row.address)
    return found


def _holding(account_id: int) -> sa.Subquery:
    """suppression_id, person_id, and for each channel whether the word holds on it: of people, and of addresses."""
    of_people = _of_people(account_id).subquery()
    newest = suppressions.alias()
    holds = {
        channel: sa.func.coalesce(of_people.c[channel.value], 0) < of_people.c.newest for channel in Channel
    }  # nothing was lifted since
    words_of_people = (
        sa.select(
            of_people.c.newest.label("suppression_id"),
            of_people.c.person_id,
            *(_as_flag(is_held).label(channel.value) for channel, is_held in holds.items()),
        )
        .join(newest, newest.c.suppression_id == of_people.c.newest)
        .where(newest.c.effect == SuppressionEffect.SUPPRESS, sa.or_(*holds.values()))
    )
    last = (
        sa.select(sa.func.max(_s.suppression_id))
        .where(_s.account_id == account_id, _s.channel.is_not(None))
        .group_by(_s.kind, _s.address, _s.channel)
    )
    words_of_addresses = (
        sa.select(
            _s.suppression_id,
            _a.person_id,
            *(_as_flag(sa.cast(_s.channel, sa.String) == channel.value).label(channel.value) for channel in Channel),
        )
        .outerjoin(person_addresses, _OWNED)
        .where(_s.suppression_id.in_(last), _s.effect == SuppressionEffect.SUPPRESS)
    )
    return sa.union_all(words_of_people, words_of_addresses).subquery("holding")


def _of_people(account_id: int) -> sa.Select[Any]:
    """Each person, or address that nobody has: the newest word about all of them, the newest lifting by channel."""
    nobodys = _a.person_id.is_(None)
    lifted = {
        channel: sa.and_(sa.cast(_s.channel, sa.String) == channel.value, _s.effect == SuppressionEffect.RESTORE)
        for channel in Channel
    }
    return (
        sa.select(
            _a.person_id,
            sa.func.max(sa.case((_s.channel.is_(None), _s.suppression_id))).label("newest"),
            *(
                sa.func.max(sa.case((is_lifted, _s.suppression_id))).label(channel.value)
                for channel, is_lifted in lifted.items()
            ),
        )
        .outerjoin(person_addresses, _OWNED)
        .where(_s.account_id == account_id)
        .group_by(_a.person_id, sa.case((nobodys, _s.kind)), sa.case((nobodys, _s.address)))
    )


def _as_flag(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    return sa.case((condition, 1), else_=0)


def _in_sight(sight: Sight, holds: sa.Subquery) -> list[sa.ColumnElement[bool]]:
    if sight.is_whole:
        return []
    theirs = sa.exists().where(_c.person_id == holds.c.person_id, _c.location_id.in_(sight.location_ids))
    return [theirs]


def _left_in(sight: Sight, chosen: BarredFilter, holds: sa.Subquery) -> list[sa.ColumnElement[bool]]:
    conditions: list[sa.ColumnElement[bool]] = []
    if chosen.reason is not None:
        conditions.append(_s.reason == chosen.reason)
    term = " ".join(chosen.search.lower().split())
    if len(term) < SEARCH_FROM:
        return conditions
    digits = "".join(filter(str.isdigit, term))
    is_number = len(digits) >= SEARCH_FROM and not any(map(str.isalpha, term)) and "@" not in term
    looks: Sequence[str] = (term, digits) if is_number else (term,)
    its_address = [_s.address.contains(one, autoescape=True) for one in looks]
    known = [_a.address.contains(one, autoescape=True) for one in looks]
    # By the people whom a word holds for, who are few: not through everybody's names and addresses.
    of_person = sa.exists().where(_a.person_id == holds.c.person_id, sa.or_(*known))
    named = sa.exists().where(
        _c.person_id == holds.c.person_id,
        _c.location_id.in_(sight.location_ids),
        sa.or_(
            *(sa.func.lower(_c.first_name + " " + _c.last_name).contains(one, autoescape=True) for one in _cases(term))
        ),
    )
    return [
        *conditions,
        sa.or_(*its_address, of_person, named),
    ]


def _cases(term: str) -> list[str]:
    """A name's cases as SQLite's lower() leaves them, which knows ASCII only: "Óscar" keeps its Ó."""
    said = (term, term.upper(), term.title())
    return sorted({"".join(sign.lower() if sign.isascii() else sign for sign in one) for one in said})
