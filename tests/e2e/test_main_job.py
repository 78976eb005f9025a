"""CSV, import, plan, send, customers answer, events, dashboard: against the sandbox's own record of what arrived."""

import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa

from data.ledger import tables as t
from data.ledger.migrate import migrate
from data.ledger.store import Ledger, open_ledger
from data.settings import Settings
from data.warehouse import Warehouse, overview, pages
from data.warehouse.checksum import checksum
from data.warehouse.reader import open_reader
from data.warehouse.requests import RequestFilter, requests_by_status
from data.words import EventKind, InvitationStatus, Relationship, RequestStatus
from pipelines import assets
from pipelines.resources import LedgerOpener, ProvidersOpener
from tests.e2e.town import Town, running_town, some_of_the_samples

MONDAY_NOON = datetime(2026, 11, 23, 17, 0, tzinfo=UTC)  # in Boston; 09:00 in Los Angeles
QUOTA = 150  # a third of account.toml's, as there are a third of customers: each visits web/ several times


@pytest.fixture
def town(settings: Settings, tmp_path: Path) -> Iterator[Town]:
    ledger = open_ledger(settings)
    migrate(ledger)
    ledger.close()
    with running_town(settings, tmp_path, now=MONDAY_NOON, quotas=1 / 3) as town:
        yield town


def rows(ledger: Ledger, query: sa.Select[Any]) -> list[Any]:
    with ledger.read() as c:
        return list(c.execute(query).all())


def ask_everybody(town: Town) -> dict[str, Any]:
    """Import the samples, plan, send, let the customers answer, collect."""
    file = some_of_the_samples(town.settings.home / "customers.csv")
    imported = town.afterword("import", str(file), "--location", "boston", "--list", "November visits")
    town.afterword("plan")
    town.afterword("send")
    town.sandbox.wait_until_quiet(120)
    town.afterword("events")
    return dict(imported)


@pytest.mark.slow
@pytest.mark.one_database  # each part of it is held on PostgreSQL by its own tests, the sending also by the kill test
def test_each_due_customer_gets_exactly_one_message_and_nobody_else_any(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    imported = ask_everybody(town)
    ledger = open_ledger(town.settings)
    record = town.sandbox.record()
    outgoing = [message for message in record if message.get("direction", "outbound-api") == "outbound-api"]

    customers = rows(ledger, sa.select(t.customers))
    assert len(customers) == imported["new"] > QUOTA  # some must wait, or the quota is not seen at work
    reachable = {c.phone for c in customers} | {c.email for c in customers}
    assert len(outgoing) == QUOTA
    assert {message["to"] for message in outgoing} <= reachable
    asked = rows(
        ledger,
        sa.select(t.invitations.c.person_id, t.invitations.c.customer_id, t.requests.c.address)
        .join(t.requests, t.requests.c.invitation_id == t.invitations.c.invitation_id)
        .where(t.requests.c.attempt_id.is_not(None)),
    )
    assert len({row.customer_id for row in asked}) == len(asked) == QUOTA
    # Three people were at two of the practices, and are customers of both; six work there or are related to who does.
    assert len({row.person_id for row in asked}) == QUOTA
    barred = {c.customer_id for c in customers if c.relationship is not Relationship.CUSTOMER}
    assert len(barred) == 6
    assert not barred & {row.customer_id for row in asked}
    assert Counter(row.address for row in asked) == Counter(message["to"] for message in outgoing)

    the_dashboard_counts_what_the_sandbox_recorded(town, ledger, outgoing)
    phones_that_were_off_are_tried_once_more(town, ledger)
    follow_ups_go_to_those_who_did_not_answer(town, ledger)
    every_asset_again_sends_nothing_more_and_changes_no_table(town, ledger, monkeypatch)
    nothing_personal_was_logged(town, ledger)
    ledger.close()


def the_dashboard_counts_what_the_sandbox_recorded(town: Town, ledger: Ledger, outgoing: list[Any]) -> None:
    reader = open_reader(ledger, town.settings.warehouse_folder)
    account = rows(ledger, sa.select(t.accounts.c.account_id))[0].account_id
    places = tuple(row.location_id for row in rows(ledger, sa.select(t.locations.c.location_id)))
    scope = pages.Scope(account, places)
    by_status = requests_by_status(reader, scope, RequestFilter())
    texts = Counter(m["status"] for m in outgoing if m["provider"] == "twilio")
    assert by_status["Delivered"] == texts["delivered"] > 0
    again = len(queued_again(ledger))
    assert by_status["Failed"] + again >= texts["undelivered"] + texts["failed"]
    assert sum(by_status[status] for status in ("Sent", "Delivered", "Failed")) + again == QUOTA
    scored = rows(ledger, sa.select(t.scores.c.invitation_id))
    funnel = pages.funnel(reader, scope)
    assert funnel["scored"] == len(scored) > 20
    assert funnel["platform_chosen"] > 0
    nps, _ = overview.answers(reader, scope)
    assert nps.count == len(scored)


def queued_again(ledger: Ledger) -> list[Any]:
    """Texts to phones that were off: queued once more, though a message of each has left."""
    is_again = sa.and_(t.requests.c.status == RequestStatus.QUEUED, t.requests.c.handed_at.is_not(None))
    return rows(ledger, sa.select(t.requests.c.address).where(is_again))


def phones_that_were_off_are_tried_once_more(town: Town, ledger: Ledger) -> None:
    again = {row.address for row in queued_again(ledger)}
    town.now = MONDAY_NOON + timedelta(hours=7)
    town.afterword("send")
    town.sandbox.wait_until_quiet(120)
    assert queued_again(ledger) == []
    assert {to for to, times in Counter(m["to"] for m in town.sandbox.record()).items() if times > 1} <= again


def follow_ups_go_to_those_who_did_not_answer(town: Town, ledger: Ledger) -> None:
    before = len(town.sandbox.record())
    active = rows(ledger, sa.select(t.invitations).where(t.invitations.c.status == InvitationStatus.ACTIVE))
    answered = rows(ledger, _events(EventKind.SCORED, EventKind.PLATFORM_CHOSEN))
    said_no = rows(ledger, _events(EventKind.UNSUBSCRIBED, EventKind.COMPLAINED))
    assert said_no, "the sandbox's customers should have said no at least once"
    assert not {row.invitation_id for row in active} & {row.invitation_id for row in answered}
    assert not {row.person_id for row in active} & {row.person_id for row in said_no}
    town.now = MONDAY_NOON + timedelta(days=3, hours=1)
    town.afterword("plan")
    town.afterword("send")
    followed = rows(
        ledger,
        sa.select(t.invitations.c.invitation_id, t.requests.c.status)
        .join(t.requests, t.requests.c.invitation_id == t.invitations.c.invitation_id)
        .where(t.requests.c.step == 1, t.requests.c.handed_at.is_not(None)),
    )
    assert followed
    assert len(town.sandbox.record()) >= before + len(followed)
    assert {row.invitation_id for row in followed} <= {row.invitation_id for row in active}
    assert len({row.invitation_id for row in followed}) == len(followed)
    assert not rows(ledger, sa.select(t.requests.c.request_id).where(t.requests.c.status == RequestStatus.IN_DOUBT))


def _events(*kinds: EventKind) -> sa.Select[Any]:
    return sa.select(t.events).where(t.events.c.kind.in_(kinds))


def nothing_personal_was_logged(town: Town, ledger: Ledger) -> None:
    """Not a name, an address, a number or a token of anybody: in logs, in runs, in what Dagster keeps of them."""
    runs = rows(ledger, sa.select(t.runs.c.counts, t.runs.c.problem, t.runs.c.process))
    said = town.said() + "\n".join(str(tuple(run)) for run in runs)
    assert said.strip(), "nothing was logged at all, so nothing was tested"
    customers = rows(ledger, sa.select(t.customers))
    tokens = rows(ledger, sa.select(t.requests.c.link_token, t.requests.c.unsubscribe_token))
    secret = {c.email for c in customers} | {c.phone for c in customers}
    secret |= {token for row in tokens for token in row}
    # A first name such as "Will" is also a word; together with the last one it is a person.
    secret |= {f"{c.first_name} {c.last_name}" for c in customers if c.first_name and c.last_name}
    found = [value for value in secret if value and value in said]
    assert found == []
    assert not re.search(r"[\w.]+@example\.(com|net|org)", said)


def every_asset_again_sends_nothing_more_and_changes_no_table(
    town: Town, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in town.environment.items():
        monkeypatch.setenv(name, value)
    town.sandbox.wait_until_quiet(120)  # or an answer to a follow-up comes in between the two
    before = _materialise_everything(town, ledger)
    assert _materialise_everything(town, ledger) == before
    yesterday = (datetime.now(UTC) - timedelta(days=1)).strftime("%Y-%m-%d")
    _materialise(town, [assets.core_events], partition=yesterday)
    assert _state(town, ledger) == before


def _materialise_everything(town: Town, ledger: Ledger) -> dict[str, Any]:
    whole = [asset for asset in assets.ALL if asset is not assets.core_events]
    _materialise(town, whole)
    _materialise(town, [assets.core_events], partition=datetime.now(UTC).strftime("%Y-%m-%d"))
    return _state(town, ledger)


def _materialise(town: Town, chosen: list[Any], partition: str | None = None) -> None:
    resources = {"ledger": LedgerOpener(), "providers": ProvidersOpener()}
    result = dg.materialize(chosen, resources=resources, partition_key=partition)
    assert result.success
    town.note("\n".join(str(event) for event in result.all_events))


def _state(town: Town, ledger: Ledger) -> dict[str, Any]:
    """How many messages arrived, and a checksum of every table that says something about customers."""
    shown = ("out_customers", "out_requests", "out_timeline", "out_reviews", "out_funnel", "out_nps", "core_events")
    with Warehouse(town.settings.warehouse_folder).write() as connection:
        sums = {table: checksum(connection, table) for table in shown}
    with ledger.read() as c:
        kept = [t.customers, t.invitations, t.requests, t.attempts, t.events, t.scores, t.suppressions, t.reviews]
        counts = {table.name: c.execute(sa.select(sa.func.count()).select_from(table)).scalar_one() for table in kept}
    return {"arrived": len(town.sandbox.record()), **sums, **counts}
