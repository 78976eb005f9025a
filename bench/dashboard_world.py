"""The homes that bench/dashboard.py looks at: an account with as many customers as asked for, and ten events for each.

The rows are drawn by DuckDB straight into the warehouse's core_ tables; the project's own code makes the marts of them
and publishes. The ledger beside it holds the same customers, messages, answers and reviews (not the events, which no
page reads there), so that what pages ask of it costs what it would. All of it is made up, and the same at every run.
"""

import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from data.ledger import tables as t
from data.ledger.migrate import migrate
from data.ledger.store import Ledger, open_ledger
from data.settings import Settings
from data.warehouse.load import MARTS, load_from_ledger, rebuild
from data.warehouse.pages import positional
from data.warehouse.store import Warehouse
from data.words import Channel
from tests.world import World, insert, insert_many, make_world

NOW = datetime(2026, 10, 20, 18, tzinfo=UTC)  # policy time of every look
OWNER = "owner@acme.example"
EVENTS_EACH = 10
_PLACES = 20
_LISTS = 50
_CHUNK = 50_000
_FIRST = "Ana Ben Cleo Dev Ema Finn Gia Hugo Ines Jon Kai Lea Milo Nora Omar Pia Quin Rosa Sami Tess Uma Vito Wren Yara"
SYLLABLES = "ba bel cor dan el far gor han il jor kel lan mar nor ol pen quil ran sol tar ul vel wen yor zan"

# What each core_ table is filled with; `n`: customers. Customer 1, 11, 21 … is not invited yet.
_DRAWN = {
    "core_people": "select i + 1, $account, $now - interval 400 day from range($n) as r(i)",
    "core_lists": """
        select i + 1, $account, $places[i % len($places) + 1], 'List ' || (i + 1), 'csv', null, null,
            'owner@acme.example', $n // $lists, $n // $lists, 0, 0, 0, null, $now - interval 390 day,
            $now - interval 1 day
        from range($lists) as r(i)""",
    "core_customers": """
        select i + 1, $account, $places[drawn(i, 'place', len($places)) + 1], i + 1, first, last,
            lower(first || '.' || last) || i || '@' || ['example.com', 'example.org', 'mail.example'][i % 3 + 1],
            '+1' || (201 + drawn(i, 'area', 700)) || lpad(cast(drawn(i, 'number', 10000000) as varchar), 7, '0'), null,
            'Employee ' || drawn(i, 'employee', 200), 'Service ' || drawn(i, 'service', 12),
            if(drawn(i, 'source', 5) = 0, 'hubspot', 'csv'), drawn(i, 'list', $lists) + 1, null,
            $now - interval 390 day, $now - interval 1 day
        from (
            select i, $first[drawn(i, 'first', len($first)) + 1] as first,
                upper(left(a, 1)) || substr(a, 2) || $syllable[drawn(i, 'b', len($syllable)) + 1]
                    || $syllable[drawn(i, 'c', len($syllable)) + 1] as last
            from (select i, $syllable[drawn(i, 'a', len($syllable)) + 1] as a from range($n) as r(i))
        )""",
    "core_person_addresses": """
        select account_id, 'email', email, person_id from core_customers
        union all
        select account_id, 'phone', min(phone), min(person_id) from core_customers group by account_id, phone""",
    "core_suppressions": """
        select row_number() over (order by customer_id), account_id, 'phone', phone, null, 'suppress', 'stop_keyword',
            'twilio', null, $now - to_minutes(drawn(customer_id, 'no', 500000)), $now - interval 1 day
        from core_customers where drawn(customer_id, 'stops', 25) = 0""",
    "core_invitations": """
        select customer_id, account_id, location_id, customer_id, person_id, list_id, $sequence, $policy,
            case when far < 120 then 'answered' when left_at > $now - interval 7 day then 'active' else 'finished' end,
            null, left_at, left_at, 0, null, null,
            if(far < 120 or left_at <= $now - interval 7 day, left_at + interval 7 day, null), left_at,
            $now - interval 1 day
        from (
            select *, drawn(customer_id, 'far', 1000) as far,
                $now - to_minutes(drawn(customer_id, 'left', 525600)) as left_at
            from core_customers where customer_id % 10 <> 1
        )""",
    "core_requests": """
        select 2 * invitation_id + step, i.account_id, i.location_id, invitation_id, step,
            if(is_text, 'sms', 'email'), if(is_text, phone, email), if(is_text, $sms, $email), $policy,
            case when is_queued then 'queued' when drawn(invitation_id, 'fails', 40) = 0 then 'failed'
                when is_text then 'delivered' else 'sent' end,
            null, if(is_queued, 0, 1), due, due + interval 10 hour, null, null, if(is_queued, null, due),
            if(is_queued, null, due + interval 1 minute), null, null, null, null, i.created_at, i.changed_at
        from (
            select *, step = 0 and drawn(invitation_id, 'text', 5) < 3 as is_text,
                started_at + step * interval 3 day as due,
                started_at + step * interval 3 day > $now - interval 12 hour as is_queued
            from core_invitations, range(2) as s(step)
            where step = 0 or drawn(invitation_id, 'again', 2) = 0
        ) as i
        join core_customers c using (customer_id)""",
    "core_events": """
        select e + 1, account_id,
            case
                when nth = 0 then if(is_text, 'sent', 'accepted_by_provider')
                when nth = 1 then if(is_text, 'delivered', 'accepted_by_server')
                when nth = 2 and far < 200 then 'clicked'
                when nth = 3 and far < 120 then 'scored'
                when nth = 4 and far < 80 then 'platform_chosen'
                when nth = 5 and far < 50 then 'review_linked'
                else 'opened'
            end,
            started_at + to_minutes(nth * 37 + drawn(e, 'late', 30)),
            started_at + to_minutes(nth * 37 + 31), location_id, person_id, invitation_id,
            2 * invitation_id, null, if(is_text, 'sms', 'email'),
            if(nth >= 2, if(far < 450, 'human', 'machine'), null), null,
            if(nth = 3 and far < 120, score, null), null, null, null, null
        from (
            select e, e // $invited as nth, (e % $invited // 9) * 10 + e % $invited % 9 + 2 as invitation_id
            from range($events) as r(e)
        )
        join (
            select *, drawn(customer_id, 'far', 1000) as far, drawn(invitation_id, 'text', 5) < 3 as is_text,
                least(10, drawn(invitation_id, 'score', 14)) as score
            from core_invitations
        ) using (invitation_id)""",
    "core_scores": """
        select invitation_id, min(request_id), min(score), null, null, min(occurred_at), $now - interval 1 day
        from core_events where score is not null group by invitation_id""",
    "core_reviews": """
        select row_number() over (order by invitation_id), e.account_id, e.location_id, 'google', 'r' || invitation_id,
            first_name || ' ' || left(last_name, 1) || '.', 3 + drawn(invitation_id, 'stars', 3),
            'Friendly people, no waiting, and ' || last_name || ' would come again.', 'positive',
            if(drawn(invitation_id, 'reply', 2) = 0, 'Thank you!', null), e.occurred_at + interval 2 hour,
            invitation_id, $now - interval 1 day, $now - interval 1 day
        from core_events e join core_customers c using (person_id) where kind = 'review_linked'""",
    "core_runs": """
        select i + 1, ['plan', 'send', 'events'][i % 3 + 1], 'done', $now - to_hours(i),
            $now - to_hours(i) + interval 9 second, null, 'host:1', null, 40, 40, '{"accepted": 40}', null,
            $now - interval 1 day
        from range(1, 1001) as r(i)""",
}
# ledger table -> the core_ rows it takes, and the columns that the warehouse has not.
_TOLD_APART = {
    "requests": ", 'l' || request_id as link_token, 'u' || request_id as unsubscribe_token",
    "lists": ", sha256(name) as content_sha256, '2025-10-01 12:00:00.000000' as completed_at",
    "reviews": "",
}
_COPIED = ("people", "lists", "customers", "person_addresses", "suppressions", "invitations", "requests", "scores",
           "reviews", "runs")  # fmt: skip
# ledger table -> rows that only the ledger has.
_LEDGER_ONLY = {
    "consents": """
        select customer_id as consent_id, account_id, customer_id, 'purchase' as basis, created_at as given_at,
            'list' as how, 'owner@acme.example' as recorded_by, created_at from core_customers""",
    "quota_reservations": """
        select invitation_id, account_id, location_id,
            cast(cast(date_trunc('month', $now) as date) as varchar) as cycle_start_date,
            1 as is_handed_over, first_handed_at as reserved_at, changed_at
        from core_invitations where first_handed_at >= date_trunc('month', $now)""",
    "audit": """
        select row_number() over (order by customer_id) as audit_id, account_id,
            $now - to_minutes(customer_id % 500000) as occurred_at,
            'owner@acme.example' as actor, 'stop' as action, 'invitation ' || customer_id as subject
        from core_customers where customer_id % 20 = 2""",
}


@dataclass(frozen=True)
class Made:
    """A home, and what making it took."""

    home: Path
    customers: int
    seconds_to_rebuild: float  # every mart, from the core_ tables
    seconds_to_publish: float
    copy_bytes: int


def make_home(home: Path, customers: int) -> Made:
    """A ledger and a published warehouse in a new folder; `customers` is a multiple of ten."""
    settings = Settings(home=home)
    ledger = open_ledger(settings)
    migrate(ledger)
    world, places = _account(ledger)
    warehouse = Warehouse(settings.warehouse_folder)
    load_from_ledger(ledger, warehouse)  # account, locations, platforms, templates
    with warehouse.write() as connection:
        _draw(connection, customers, world, places)
    began = time.perf_counter()
    with warehouse.write() as connection:
        rebuild(connection, MARTS)
        connection.execute("update warehouse_state set version = version + 1").fetchall()
    rebuilt = time.perf_counter()
    ledger.close()
    with warehouse.write() as connection:
        _fill_ledger(connection, settings.home / "ledger.sqlite")
        connection.execute("update warehouse_state set watermark = now()").fetchall()
    filled = time.perf_counter()
    copy = warehouse.publish(force=True)
    assert copy is not None
    return Made(home, customers, rebuilt - began, time.perf_counter() - filled, copy.stat().st_size)


def touch(home: Path, customers: Sequence[int]) -> None:
    """These customers changed since the copy was made: what every page lays over it."""
    ledger = open_ledger(Settings(home=home))
    with ledger.write() as c:
        chosen = t.customers.c.customer_id.in_(customers)
        c.execute(t.customers.update().where(chosen).values(changed_at=ledger.now(c)))
    ledger.close()


def _account(ledger: Ledger) -> tuple[World, list[int]]:
    world = make_world(ledger, quota=2_000_000)
    with ledger.write() as c:
        more = [
            insert(c, t.locations, account_id=world.account_id, slug=f"place-{number}", name=f"Acme Place {number}",
                   time_zone="America/Chicago", region="US")
            for number in range(3, _PLACES + 1)
        ]  # fmt: skip
        for table, values in ((t.channels, {"channel": Channel.SMS, "is_enabled": True}),):
            insert_many(c, table, ({"location_id": place, **values} for place in more))
    return world, [world.chicago, world.new_york, *more]


def _draw(connection: duckdb.DuckDBPyConnection, customers: int, world: World, places: list[int]) -> None:
    assert customers % 10 == 0
    named = {
        "n": customers,
        "lists": max(1, min(_LISTS, customers // 20)),
        "invited": customers // 10 * 9,
        "events": customers * EVENTS_EACH,
        "account": world.account_id,
        "places": places,
        "sequence": world.sequence_id,
        "policy": world.policy_id,
        "sms": world.templates[Channel.SMS],
        "email": world.templates[Channel.EMAIL],
        "now": NOW,
        "first": _FIRST.split(),
        "syllable": SYLLABLES.split(),
    }
    connection.execute("create temp macro drawn(i, salt, n) as cast(hash(i, salt) % n as bigint)").fetchall()
    for table, query in _DRAWN.items():
        connection.execute(*positional(f"insert into {table} {query}", named)).fetchall()


def _fill_ledger(connection: duckdb.DuckDBPyConnection, file: Path) -> None:
    """By a bare connection without foreign keys, nobody else holding the ledger: a tenth of the time."""
    ledger = sqlite3.connect(file, isolation_level=None)
    ledger.execute("pragma synchronous = off")
    ledger.execute("begin")
    for name in _COPIED:
        more = _TOLD_APART.get(name, "")
        _copy(connection, ledger, name, f"select *{more} from core_{name}")  # noqa: S608 - names of ours
    for name, query in _LEDGER_ONLY.items():
        _copy(connection, ledger, name, query)
    ledger.execute("commit")
    ledger.close()


def _copy(connection: duckdb.DuckDBPyConnection, ledger: sqlite3.Connection, name: str, query: str) -> None:
    bound = {"now": NOW} if "$now" in query else {}
    found = connection.execute(f"describe {query}", bound).fetchall()
    columns = [(row[0], row[1]) for row in found if row[0] in t.metadata.tables[name].columns]
    told = ", ".join(
        f"strftime({column}, '%Y-%m-%d %H:%M:%S.%f')" if kind.startswith("TIMESTAMP") else column
        for column, kind in columns
    )
    named, marks = ", ".join(column for column, _ in columns), ", ".join("?" * len(columns))
    into = f"insert into {name} ({named}) values ({marks})"  # noqa: S608 - names of ours
    rows = connection.execute(f"select {told} from ({query})", bound)  # noqa: S608
    while chunk := rows.fetchmany(_CHUNK):
        ledger.executemany(into, chunk)
