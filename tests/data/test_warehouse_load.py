"""Ledger to warehouse: everything arrives, once, and a second load changes nothing."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from data.ledger import tables as t
from data.ledger.store import Ledger
from data.warehouse import Warehouse, sql
from data.warehouse.checksum import checksum
from data.warehouse.load import MARTS, load_from_ledger
from data.warehouse.sources import SOURCES
from data.words import AddressKind, Channel, EventKind, Evidence, InvitationStatus, RequestStatus, RunKind, RunStatus
from tests.world import NOON, World, insert, make_customer, make_request, suppress

pytestmark = pytest.mark.slow


def rows(warehouse: Warehouse, query: str) -> list[dict[str, Any]]:
    with warehouse.write() as connection:
        found: list[dict[str, Any]] = connection.sql(query).pl().to_dicts()
        return found


def checksums(warehouse: Warehouse) -> dict[str, str]:
    tables = [source.name for source in SOURCES] + [*MARTS]
    with warehouse.write() as connection:
        return {name: checksum(connection, name) for name in tables}


def make_answer(
    ledger: Ledger,
    world: World,
    customer_id: int,
    request_id: int,
    answer: int,
    *,
    name: str = "score",
    later: timedelta = timedelta(),
) -> None:
    """The customer opened, clicked, answered by a score or stars, chose a platform and left a review."""
    with ledger.write() as c:
        request = c.execute(t.requests.select().where(t.requests.c.request_id == request_id)).one()
        person = c.execute(t.customers.select().where(t.customers.c.customer_id == customer_id)).one().person_id
        platform = c.execute(t.platforms.select().where(t.platforms.c.location_id == request.location_id)).first()
        assert platform is not None
        for minutes, kind, values in (
            (1, EventKind.DELIVERED, {}),
            (2, EventKind.OPENED, {"evidence": Evidence.MACHINE}),
            (3, EventKind.CLICKED, {"evidence": Evidence.HUMAN}),
            (4, EventKind.SCORED, {name: answer}),
            (5, EventKind.PLATFORM_CHOSEN, {"platform_id": platform.platform_id, "detail": {"position": 0}}),
        ):
            insert(
                c, t.events, account_id=world.account_id, location_id=request.location_id, person_id=person,
                invitation_id=request.invitation_id, request_id=request_id, channel=request.channel, kind=kind,
                occurred_at=NOON + later + timedelta(minutes=minutes), recorded_at=ledger.now(c), **values,
            )  # fmt: skip
        c.execute(t.scores.insert().values(
            invitation_id=request.invitation_id, request_id=request_id, comment="Lovely",
            scored_at=NOON + later + timedelta(minutes=4), **{name: answer},
        ))  # fmt: skip
        insert(
            c, t.reviews, account_id=world.account_id, location_id=request.location_id, platform="google",
            provider_review_id=f"r{request_id}", reviewer_name="Ana R.", stars=5, body="Très bien",
            reviewed_at=NOON + later + timedelta(hours=1), invitation_id=request.invitation_id,
        )  # fmt: skip


def make_history(ledger: Ledger, world: World) -> tuple[int, int]:
    """A customer who was asked and answered, and one who was never asked; their ids."""
    asked = make_customer(ledger, world, email="ana@example.com", phone="+13125550100")
    request = make_request(ledger, world, asked, status=RequestStatus.DELIVERED, handed_at=NOON)
    make_request(ledger, world, asked, channel=Channel.EMAIL, step=1, handed_at=NOON, status=RequestStatus.SENT)
    with ledger.write() as c:
        c.execute(t.invitations.update().values(first_handed_at=NOON))
        run = insert(
            c, t.runs, kind=RunKind.SEND, status=RunStatus.DONE, started_at=NOON, process="h:1", counts={"sent": 1}
        )
        c.execute(t.attempts.insert().values(
            attempt_id="a1", request_id=request, batch_id=run, provider="twilio", claimed_at=NOON, lease_until=NOON
        ))  # fmt: skip
    make_answer(ledger, world, asked, request, 9)
    never = make_customer(ledger, world, location_id=world.new_york, first_name="Zoë", last_name="Ångström")
    return asked, never


@pytest.mark.one_database
def test_an_empty_ledger_makes_empty_tables(ledger: Ledger, warehouse: Warehouse) -> None:
    assert set(load_from_ledger(ledger, warehouse).values()) == {0}
    assert rows(warehouse, "select * from out_customers") == []


@pytest.mark.one_database
def test_a_customer_carries_invitation_score_and_review(ledger: Ledger, world: World, warehouse: Warehouse) -> None:
    asked, never = make_history(ledger, world)
    load_from_ledger(ledger, warehouse)
    first, second = rows(warehouse, "select * from out_customers order by customer_id")
    assert (first["customer_id"], first["score"], first["stars"], first["review_platform"]) == (asked, 9, 5, "google")
    assert (first["invitation_status"], first["standing"]) == (InvitationStatus.ACTIVE, InvitationStatus.ACTIVE)
    assert first["invited_at"] == NOON
    assert (first["request_count"], first["follow_up_count"]) == (2, 1)
    assert first["search"] == "ana ruiz ana@example.com 13125550100"
    assert (second["customer_id"], second["invitation_id"], second["score"]) == (never, None, None)
    assert second["search"].startswith("zoe angstrom ")
    assert second["standing"] == "not_invited"
    assert second["location_time_zone"] == "America/New_York"


@pytest.mark.one_database
def test_the_timeline_is_stored_by_customer_and_time(ledger: Ledger, world: World, warehouse: Warehouse) -> None:
    asked, _ = make_history(ledger, world)
    load_from_ledger(ledger, warehouse)
    stored = rows(warehouse, "select kind, customer_id, occurred_at, platform_name, detail from out_timeline")
    assert [row["kind"] for row in stored] == [
        "planned", "planned", "handed_over", "handed_over", "delivered", "opened", "clicked", "scored",
        "platform_chosen",
    ]  # fmt: skip
    assert {row["customer_id"] for row in stored} == {asked}
    assert stored[-1]["platform_name"] == "Google"
    assert stored[-2]["detail"] == "Lovely"


@pytest.mark.one_database
def test_a_stop_without_an_invitation_shows_at_each_of_the_persons_customers(
    ledger: Ledger, world: World, warehouse: Warehouse
) -> None:
    customer = make_customer(ledger, world)
    with ledger.write() as c:
        person = c.execute(t.customers.select().where(t.customers.c.customer_id == customer)).one().person_id
        insert(
            c, t.events, account_id=world.account_id, person_id=person, kind=EventKind.UNSUBSCRIBED,
            occurred_at=NOON, recorded_at=NOON, channel=Channel.SMS,
        )  # fmt: skip
    load_from_ledger(ledger, warehouse)
    assert rows(warehouse, "select customer_id, kind from out_timeline") == [
        {"customer_id": customer, "kind": "unsubscribed"}
    ]


@pytest.mark.one_database
def test_a_request_shows_as_the_product_says(ledger: Ledger, world: World, warehouse: Warehouse) -> None:
    said = [
        ({"status": RequestStatus.QUEUED}, "Queued", None),
        ({"status": RequestStatus.QUEUED, "paused_at": NOON}, "Queued", "paused"),
        ({"status": RequestStatus.SENDING}, "Queued", "sending"),
        ({"status": RequestStatus.IN_DOUBT}, "Queued", "in doubt"),
        ({"status": RequestStatus.SENT}, "Sent", None),
        ({"status": RequestStatus.DELIVERED}, "Delivered", None),
        ({"status": RequestStatus.DELIVERED, "channel": Channel.EMAIL}, "Sent", None),
        ({"status": RequestStatus.FAILED, "failure_reason": "no such number"}, "Failed", None),
        ({"status": RequestStatus.CANCELED}, "Canceled", None),
    ]
    made = [make_request(ledger, world, make_customer(ledger, world), **written) for written, _, _ in said]
    load_from_ledger(ledger, warehouse)
    found = {row["request_id"]: row for row in rows(warehouse, "select * from out_requests")}
    assert len(found) == len(said)
    for request_id, (written, shown, note) in zip(made, said, strict=True):
        row = found[request_id]
        assert (row["screen_status"], row["note"]) == (shown, note), written
        assert row["failure_reason"] == written.get("failure_reason")
        assert (row["sent_by"], row["template_slug"], row["name"], row["retries"]) == (
            "Automation", "ask", "Ana Ruiz", 0,
        )  # fmt: skip


@pytest.mark.one_database
def test_a_message_keeps_an_address_to_be_found_by_only_where_the_customer_has_another_by_now(
    ledger: Ledger, world: World, warehouse: Warehouse
) -> None:
    same, other = (make_customer(ledger, world, email=None, phone=f"+1312555010{number}") for number in range(2))
    for customer in (same, other):
        make_request(ledger, world, customer)
    with ledger.write() as c:
        c.execute(t.customers.update().where(t.customers.c.customer_id == other).values(phone="+13125550199"))
    load_from_ledger(ledger, warehouse)
    found = rows(warehouse, "select customer_id, former_address from out_requests order by customer_id")
    assert [tuple(row.values()) for row in found] == [(same, None), (other, "13125550101")]


@pytest.mark.one_database
def test_the_funnel_counts_people_and_not_machines(ledger: Ledger, world: World, warehouse: Warehouse) -> None:
    make_history(ledger, world)
    scanned = make_customer(ledger, world)
    request = make_request(ledger, world, scanned, status=RequestStatus.SENT, handed_at=NOON)
    with ledger.write() as c:
        invitation = c.execute(t.requests.select().where(t.requests.c.request_id == request)).one().invitation_id
        c.execute(t.invitations.update().values(first_handed_at=NOON))
        insert(
            c, t.events, account_id=world.account_id, invitation_id=invitation, kind=EventKind.CLICKED,
            evidence=Evidence.MACHINE, occurred_at=NOON, recorded_at=NOON,
        )  # fmt: skip
    load_from_ledger(ledger, warehouse)
    (day,) = rows(warehouse, "select * exclude (account_id, location_id, first_handed_date) from out_funnel")
    assert day == {
        "planned": 2, "sent": 2, "delivered": 1, "opened": 1, "clicked": 1, "scored": 1, "platform_chosen": 1,
        "reviewed": 1,
    }  # fmt: skip


@pytest.mark.one_database
def test_scores_fall_into_the_bands_of_nps(ledger: Ledger, world: World, warehouse: Warehouse) -> None:
    bands = {10: "promoters", 9: "promoters", 8: "passives", 7: "passives", 6: "detractors"}
    for days, score in enumerate(bands):
        customer = make_customer(ledger, world)
        make_answer(ledger, world, customer, make_request(ledger, world, customer), score, later=timedelta(days=days))
    load_from_ledger(ledger, warehouse)
    counted = rows(warehouse, "select * from out_nps order by scored_date")
    assert [day["scored_date"] for day in counted] == [(NOON + timedelta(days=n)).date() for n in range(len(bands))]
    for day, band in zip(counted, bands.values(), strict=True):
        assert {name: day[name] for name in ("promoters", "passives", "detractors") if day[name]} == {band: 1}


@pytest.mark.one_database
def test_stars_stand_beside_scores_and_are_no_nps(ledger: Ledger, world: World, warehouse: Warehouse) -> None:
    scored, starred = (make_customer(ledger, world) for _ in range(2))
    make_answer(ledger, world, scored, make_request(ledger, world, scored), 9)
    make_answer(ledger, world, starred, make_request(ledger, world, starred), 2, name="stars")
    load_from_ledger(ledger, warehouse)
    given = rows(warehouse, "select score, stars_given, stars from out_customers order by customer_id")
    assert [tuple(row.values()) for row in given] == [(9, None, 5), (None, 2, 5)]
    (day,) = rows(warehouse, "select promoters, passives, detractors from out_nps")
    assert tuple(day.values()) == (1, 0, 0)
    assert rows(warehouse, "select sum(scored) as answered from out_funnel") == [{"answered": 2}]
    told = rows(warehouse, "select score, stars from out_timeline where kind = 'scored' order by customer_id")
    assert [tuple(row.values()) for row in told] == [(9, None), (None, 2)]


@pytest.mark.one_database
def test_is_suppressed_needs_every_address_to_be_closed(ledger: Ledger, world: World, warehouse: Warehouse) -> None:
    for email, phone, kind, address, channel in (
        ("a@example.com", "+13125550101", AddressKind.PHONE, "+13125550101", None),  # the person said stop
        ("b@example.com", "+13125550102", AddressKind.EMAIL, "b@example.com", Channel.EMAIL),  # a dead mailbox
        ("c@example.com", None, AddressKind.EMAIL, "c@example.com", Channel.EMAIL),  # the only one, dead
    ):
        make_customer(ledger, world, email=email, phone=phone)
        suppress(ledger, world, kind, address, channel)
    load_from_ledger(ledger, warehouse)
    found = rows(warehouse, "select email, is_suppressed from out_customers order by email")
    assert [row["is_suppressed"] for row in found] == [True, False, True]


@pytest.mark.one_database
def test_loading_twice_changes_nothing(ledger: Ledger, world: World, warehouse: Warehouse) -> None:
    make_history(ledger, world)
    assert sum(load_from_ledger(ledger, warehouse).values()) > 20
    before = checksums(warehouse)
    assert set(load_from_ledger(ledger, warehouse).values()) == {0}
    assert checksums(warehouse) == before


@pytest.mark.one_database
def test_loading_a_day_again_changes_nothing(ledger: Ledger, world: World, warehouse: Warehouse) -> None:
    make_history(ledger, world)
    load_from_ledger(ledger, warehouse)
    before = checksums(warehouse)
    with ledger.read() as c:
        yesterday = ledger.now(c) - timedelta(days=1)
    assert set(load_from_ledger(ledger, warehouse, since=yesterday).values()) == {0}
    assert checksums(warehouse) == before


def test_a_warehouse_made_in_steps_equals_one_made_at_once(
    ledger: Ledger, world: World, warehouse: Warehouse, tmp_path: Path
) -> None:
    asked, _ = make_history(ledger, world)
    load_from_ledger(ledger, warehouse)
    with ledger.write() as c:
        c.execute(t.customers.update().where(t.customers.c.customer_id == asked).values(employee="Kim"))
        c.execute(t.invitations.update().values(status=InvitationStatus.ANSWERED))
    make_request(ledger, world, make_customer(ledger, world))
    changes = load_from_ledger(ledger, warehouse)
    assert (changes["core_customers"], changes["core_invitations"], changes["core_requests"]) == (2, 2, 1)
    at_once = Warehouse(tmp_path / "other")
    load_from_ledger(ledger, at_once)
    assert checksums(at_once) == checksums(warehouse)


def test_rows_deleted_from_the_ledger_leave_the_warehouse(ledger: Ledger, world: World, warehouse: Warehouse) -> None:
    make_history(ledger, world)
    gone = make_customer(ledger, world)
    load_from_ledger(ledger, warehouse)
    with ledger.write() as c:
        c.execute(t.customers.delete().where(t.customers.c.customer_id == gone))
    assert load_from_ledger(ledger, warehouse)["core_customers"] == 1
    assert gone not in {row["customer_id"] for row in rows(warehouse, "select customer_id from out_customers")}
    with ledger.write() as c:  # keys of several columns, one of them a word
        c.execute(t.person_addresses.delete().where(t.person_addresses.c.address == "ana@example.com"))
    assert load_from_ledger(ledger, warehouse)["core_person_addresses"] == 1


@pytest.mark.one_database
def test_no_token_and_no_message_text_leaves_the_ledger(ledger: Ledger, world: World, warehouse: Warehouse) -> None:
    load_from_ledger(ledger, warehouse)
    columns = {row["column_name"] for row in rows(warehouse, "select column_name from information_schema.columns")}
    assert not columns & {"link_token", "unsubscribe_token", "subject"}


@pytest.mark.one_database
def test_tables_have_the_columns_that_are_read_into_them(warehouse: Warehouse) -> None:
    with warehouse.write() as connection:
        for source in SOURCES:
            assert connection.table(source.name).columns == list(source.schema), source.name


@pytest.mark.one_database
def test_every_table_of_the_schema_is_made_by_its_file(warehouse: Warehouse) -> None:
    made = {row["table_name"] for row in rows(warehouse, "select table_name from duckdb_tables()")}
    assert made == {name.removeprefix("schema/") for name in sql.names("schema")}


@pytest.mark.one_database
def test_an_upgrade_that_changes_a_table_makes_all_of_them_again(
    ledger: Ledger, world: World, warehouse: Warehouse
) -> None:
    make_history(ledger, world)
    load_from_ledger(ledger, warehouse)
    before = checksums(warehouse)
    assert warehouse.publish()
    with warehouse.write() as connection:  # as an older version left them
        connection.execute("update warehouse_state set made_by = 'older'").fetchall()
        connection.execute("alter table core_customers drop column employee").fetchall()
        connection.execute("insert into core_verdicts (pass_id) values ('kept')").fetchall()
    assert warehouse.publish() is None  # emptied, not yet filled: nobody is shown that
    assert load_from_ledger(ledger, warehouse)["core_customers"] == 2
    assert checksums(warehouse) == before
    assert rows(warehouse, "select pass_id from core_verdicts") == [{"pass_id": "kept"}]
    assert warehouse.publish()


@pytest.mark.one_database
def test_a_warehouse_of_a_version_that_kept_no_hash_is_made_again(
    ledger: Ledger, world: World, warehouse: Warehouse
) -> None:
    make_history(ledger, world)
    load_from_ledger(ledger, warehouse)
    before = checksums(warehouse)
    with warehouse.write() as connection:
        connection.execute("alter table warehouse_state drop column made_by").fetchall()
    load_from_ledger(ledger, warehouse)
    assert checksums(warehouse) == before
