"""Who must not be contacted, as it stands now: one row for each word that still holds, whoever said it.

Which words hold is weighed in `weighed`; here stands who may see them, how they are found, and what is told of each.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.folding import folded
from data.ledger.tables import customers, person_addresses
from data.ledger.weighed import Barred, Held, holding
from data.words import AddressKind, Channel, SuppressionReason

SEARCH_FROM = 3  # characters
_IN_ONE_QUERY = 5_000
_NOBODY = {"customer_id": None, "name": "", "email": None, "phone": None}
_a, _c = person_addresses.c, customers.c


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


def barred_rows(
    connection: Connection, sight: Sight, chosen: BarredFilter, *, limit: int, offset: int = 0
) -> tuple[list[dict[str, Any]], int]:
    """Some of the words that hold, the newest first, and how many there are: the first where `offset` is past the last.

    The columns of `Barred`, and what is known of the person: customer_id, name, email, phone (of their newest record at
    the locations in sight; null where they have none) and `emails`, the e-mail addresses that the word takes away.
    """
    found = list(filter(_left_in(sight, chosen), holding(connection, sight.account_id)))
    first = offset if offset < len(found) else 0
    words = [Barred.of(word) for word, _, _ in found[first : first + limit]]
    people = {word.person_id for word in words if word.person_id is not None}
    known, emails = _known(connection, sight, people), _emails_of(connection, people)
    return [
        asdict(word)
        | known.get(word.person_id, _NOBODY)
        | {"emails": _taken_away(word, emails.get(word.person_id, ()))}
        for word in words
    ], len(found)


def _taken_away(word: Barred, emails: Sequence[str]) -> Sequence[str]:
    if Channel.EMAIL not in word.channels:
        return ()
    return emails if word.is_person and emails else (word.address,) if word.kind is AddressKind.EMAIL else ()


def _left_in(sight: Sight, chosen: BarredFilter) -> Callable[[Held], bool] | None:
    """Whether a word is in sight and what the filter asks for; None where every one is."""
    places = frozenset(sight.location_ids)
    term = " ".join(chosen.search.lower().split())
    if sight.is_whole and chosen.reason is None and len(term) < SEARCH_FROM:
        return None
    digits = "".join(filter(str.isdigit, term))
    is_number = len(digits) >= SEARCH_FROM and not any(map(str.isalpha, term)) and "@" not in term
    looks: Sequence[str] = (term, digits) if is_number else (term,)
    name_like = folded(term)

    def is_left_in(held: Held) -> bool:
        word, addresses, names = held
        if chosen.reason is not None and word[5] != chosen.reason.value:
            return False
        if not sight.is_whole and not any(place in places for place, _ in names):
            return False
        return (
            len(term) < SEARCH_FROM
            or any(one in addresses for one in looks)
            or any(place in places and name_like in name for place, name in names)
        )

    return is_left_in


def _known(connection: Connection, sight: Sight, person_ids: Collection[int]) -> Mapping[int | None, dict[str, Any]]:
    query = (
        sa.select(_c.person_id, _c.customer_id, _c.first_name, _c.last_name, _c.email, _c.phone)
        .where(_c.account_id == sight.account_id, _c.location_id.in_(sight.location_ids))
        .order_by(_c.customer_id)
    )
    return {
        row.person_id: {
            "customer_id": row.customer_id,
            "name": f"{row.first_name} {row.last_name}".strip(),
            "email": row.email,
            "phone": row.phone,
        }
        for some in _portions(person_ids)
        for row in connection.execute(query.where(_c.person_id.in_(some)))
    }


def is_known_at(connection: Connection, person_id: int | None, location_ids: Collection[int]) -> bool:
    """Whether a person is a customer of one of these locations; nobody is of none."""
    found = sa.select(_c.customer_id).where(_c.person_id == person_id, _c.location_id.in_(sorted(location_ids)))
    return person_id is not None and connection.execute(found.limit(1)).first() is not None


def _emails_of(connection: Connection, person_ids: Collection[int]) -> Mapping[int | None, Sequence[str]]:
    found: dict[int | None, list[str]] = {}
    query = sa.select(_a.person_id, _a.address).where(_a.kind == AddressKind.EMAIL).order_by(_a.address)
    for some in _portions(person_ids):
        for row in connection.execute(query.where(_a.person_id.in_(some))):
            found.setdefault(row.person_id, []).append(row.address)
    return found


def _portions(person_ids: Collection[int]) -> Iterator[list[int]]:
    rest = iter(sorted(person_ids))
    while some := list(islice(rest, _IN_ONE_QUERY)):
        yield some
