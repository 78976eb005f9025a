"""Writing what came back: the inbox of raw provider events, and events, both append-only."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from data.ledger.outcomes import Attempt
from data.ledger.rows_of import moment_text, rows_of
from data.ledger.tables import attempts, events, inbox, invitations, requests
from data.ledger.tables.metadata import database_now
from data.ledger.types import Json, UtcDateTime
from data.words import Channel, EventKind

_at, _r, _i = attempts.c, requests.c, invitations.c


@dataclass(frozen=True, slots=True)
class Raw:
    """What a provider said, word for word. One that is not applied waits for the same key to be told again."""

    provider: str
    key: str
    payload: Mapping[str, Any]
    is_applied: bool = True


def keep_raw(connection: Connection, said: Sequence[Raw]) -> dict[tuple[str, str], int]:
    """Keep what is new of what providers said, each (provider, key) given once; the inbox ids of those, by both.

    New is as well what was kept without being applied, once it is told so that it can be: it is word for word what was
    told last. What was applied before is never touched.
    """
    # In one order, so that two who are told the same at once wait for each other in no ring (PostgreSQL).
    rows = [
        [one.provider, one.key, one.payload, int(one.is_applied)]
        for one in sorted(said, key=lambda one: (one.provider, one.key))
    ]
    if not rows:
        return {}
    kept = connection.execute(_KEEP[connection.dialect.name], {"raw": _storable(rows)})
    return {(row.provider, row.event_key): row.inbox_id for row in kept}


def _storable(rows: Sequence[Any]) -> str:
    """As JSON that both databases take: no NUL and no half of a surrogate pair (PostgreSQL's JSONB has neither)."""
    text = json.dumps(rows)
    return text if "\\u0000" not in text and "\\ud" not in text else json.dumps(_mended(rows))


def _mended(part: Any) -> Any:
    if isinstance(part, str):
        return part.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()
    if isinstance(part, Mapping):
        return {_mended(name): _mended(value) for name, value in part.items()}
    return [_mended(one) for one in part] if isinstance(part, (list, tuple)) else part


_raw = rows_of("raw", provider=sa.String(), event_key=sa.String(), payload=Json, is_applied=sa.Integer()).c


def _keeping(insert: Any) -> Any:
    told = sa.select(
        _raw.provider,
        _raw.event_key,
        _raw.payload,
        database_now(),
        sa.case((_raw.is_applied == 1, database_now()), else_=None),
    ).where(sa.true())  # without it SQLite takes ON CONFLICT for a join's condition
    kept = insert(inbox).from_select(["provider", "event_key", "payload", "received_at", "applied_at"], told)
    return kept.on_conflict_do_update(
        index_elements=["provider", "event_key"],
        set_={"payload": kept.excluded.payload, "applied_at": kept.excluded.applied_at},
        where=sa.and_(inbox.c.applied_at.is_(None), kept.excluded.applied_at.is_not(None)),
    ).returning(inbox.c.inbox_id, inbox.c.provider, inbox.c.event_key)


_KEEP = {"sqlite": _keeping(sqlite.insert), "postgresql": _keeping(postgresql.insert)}


@dataclass(frozen=True, slots=True)
class Told:
    """An event about an attempt's message, as `append_events` wants it. `occurred_at` is policy time."""

    attempt_id: str
    kind: EventKind
    occurred_at: datetime
    inbox_id: int
    code: str | None = None
    detail: Mapping[str, Any] | None = None


_told = rows_of(
    "told",
    attempt_id=sa.String(),
    kind=sa.String(),
    occurred_at=UtcDateTime(),
    inbox_id=sa.BigInteger(),
    code=sa.String(),
    detail=Json,
).c
_APPEND = events.insert().from_select(
    [
        "account_id", "person_id", "location_id", "invitation_id", "request_id", "attempt_id", "channel",
        "kind", "occurred_at", "recorded_at", "inbox_id", "code", "detail",
    ],
    sa.select(
        _r.account_id, _i.person_id, _r.location_id, _r.invitation_id, _r.request_id, _at.attempt_id, _r.channel,
        _told.kind, _told.occurred_at, database_now(), _told.inbox_id, _told.code, _told.detail,
    )
    .join_from(_told.kind.table, attempts, _at.attempt_id == _told.attempt_id)
    .join(requests, _r.request_id == _at.request_id)
    .join(invitations, _i.invitation_id == _r.invitation_id),
)  # fmt: skip


def append_events(connection: Connection, told: Sequence[Told]) -> None:
    """Append events about known attempts' messages, in one statement."""
    rows = [
        [one.attempt_id, one.kind.value, moment_text(one.occurred_at), one.inbox_id, one.code, one.detail]
        for one in told
    ]
    if rows:
        connection.execute(_APPEND, {"told": rows})


@dataclass(frozen=True, slots=True)
class CodeCount:
    """How often a provider gave one code."""

    provider: str
    code: str
    is_known_word: bool  # false: the event itself was of a kind that we do not know
    count: int


def count_codes(connection: Connection, since: datetime) -> list[CodeCount]:
    """How often each code was given for what failed or was not understood, recorded `since` (database clock)."""
    is_known_word = events.c.kind != EventKind.UNKNOWN
    query = (
        sa.select(attempts.c.provider, events.c.code, is_known_word, sa.func.count())
        .join(attempts, attempts.c.attempt_id == events.c.attempt_id)
        .where(
            events.c.recorded_at >= since,
            events.c.kind.in_([EventKind.FAILED, EventKind.UNKNOWN]),
            events.c.code.is_not(None),
        )
        .group_by(attempts.c.provider, events.c.code, is_known_word)
        .order_by(sa.func.count().desc(), attempts.c.provider, events.c.code)
    )
    return [CodeCount(provider, code, bool(known), count) for provider, code, known, count in connection.execute(query)]


def append_event(
    connection: Connection,
    attempt: Attempt | None,
    *,
    kind: EventKind,
    occurred_at: datetime,
    account_id: int | None = None,
    person_id: int | None = None,
    channel: Channel | None = None,
    code: str | None = None,
    detail: Mapping[str, Any] | None = None,
    inbox_id: int | None = None,
) -> int:
    """Append an event about an attempt's message, or about a person; its id. `occurred_at` is policy time.

    An open or a click has no evidence yet: `invitations.grading` gives it, with all others of the message.
    """
    about: dict[str, Any] = {"account_id": account_id, "person_id": person_id, "channel": channel}
    if attempt is not None:
        about = {
            "account_id": attempt.account_id,
            "person_id": attempt.person_id,
            "location_id": attempt.location_id,
            "invitation_id": attempt.invitation_id,
            "request_id": attempt.request_id,
            "attempt_id": attempt.attempt_id,
            "channel": attempt.channel,
        }
    event_id: int = connection.execute(
        events.insert()
        .values(
            **about,
            kind=kind,
            occurred_at=occurred_at,
            recorded_at=database_now(),
            code=code,
            detail=dict(detail) if detail else None,
            inbox_id=inbox_id,
        )
        .returning(events.c.event_id)
    ).scalar_one()
    return event_id
