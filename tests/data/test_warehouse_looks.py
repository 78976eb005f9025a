"""A look and its copy: one state of things, worked up once, and the same as the next copy has it."""

import random
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from data.ledger import tables as t
from data.ledger.store import Ledger
from data.warehouse import Warehouse, overlay
from data.warehouse.load import load_from_ledger
from data.warehouse.reader import Look, Reader
from data.words import AddressKind, Channel, EventKind, InvitationStatus, RequestStatus
from tests.data.single_row import one
from tests.upgraded import make_older
from tests.world import NOON, World, insert, make_customer, make_request, suppress

pytestmark = pytest.mark.slow


@pytest.fixture
def count_statements(ledger: Ledger) -> Iterator[Callable[[], int]]:
    """How many statements the ledger has been asked so far."""
    seen: list[str] = []

    def note(*told: Any) -> None:
        seen.append(told[2])

    sa.event.listen(ledger.engine, "before_cursor_execute", note)
    yield lambda: len(seen)
    sa.event.remove(ledger.engine, "before_cursor_execute", note)


@pytest.mark.one_database
def test_charts_wait_for_the_next_copy_and_it_is_seen_without_reopening(
    ledger: Ledger, world: World, reader: Reader, publish: Callable[[], None]
) -> None:
    publish()
    first = reader.as_of
    make_request(ledger, world, make_customer(ledger, world))
    assert one(reader, "select coalesce(sum(planned), 0) as n from funnel")["n"] == 0
    publish()
    assert one(reader, "select sum(planned) as n from funnel")["n"] == 1
    assert first is not None
    assert reader.as_of is not None
    assert reader.as_of > first


@pytest.mark.one_database
def test_a_copy_of_before_an_upgrade_is_not_read_and_the_next_load_brings_the_history_back_though_nothing_happened(
    ledger: Ledger, world: World, warehouse: Warehouse, reader: Reader, publish: Callable[[], None]
) -> None:
    make_customer(ledger, world)
    publish()
    make_older(warehouse)
    assert reader.look().is_outdated
    assert reader.query("select search from customers").is_empty()
    load_from_ledger(ledger, warehouse)
    assert warehouse.publish()
    assert not reader.look().is_outdated
    assert reader.query("select search from customers").height == 1


@pytest.mark.one_database
def test_too_many_changes_show_the_copy_and_say_so(
    ledger: Ledger, world: World, reader: Reader, publish: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    publish()
    monkeypatch.setattr(overlay, "CUSTOMER_LIMIT", 2)
    for _ in range(3):
        make_customer(ledger, world)
    look = reader.look()
    assert one(look, "select count(*) as n from customers")["n"] == 0
    assert len(look.notes) == 1
    monkeypatch.undo()
    make_customer(ledger, world)
    look = look.again()
    assert one(look, "select count(*) as n from customers")["n"] == 4
    assert not look.notes


@pytest.mark.one_database
def test_an_overlay_is_worked_up_once_while_nothing_more_happens(
    ledger: Ledger, world: World, reader: Reader, publish: Callable[[], None]
) -> None:
    publish()
    customer = make_customer(ledger, world)
    with ledger.write() as c:  # older than the moment within which two changes may carry one time
        c.execute(t.customers.update().values(changed_at=ledger.now(c) - timedelta(seconds=5)))
    assert one(reader, "select * from customers")["customer_id"] == customer
    laid = reader._laid
    assert one(reader, "select * from customers")["customer_id"] == customer
    assert reader._laid is laid


@pytest.mark.sqlite_only
def test_the_ledger_is_asked_for_nothing_while_nobody_writes(
    ledger: Ledger, world: World, reader: Reader, publish: Callable[[], None], count_statements: Callable[[], int]
) -> None:
    publish()
    customer = make_customer(ledger, world)
    of_customer = "select first_name from customers where customer_id = $1"
    assert one(reader, of_customer, customer)["first_name"] != "Newt"
    before = count_statements()
    assert one(reader, "select count(*) as n from customers")["n"] == 1
    assert count_statements() == before
    with ledger.write() as c:
        c.execute(t.customers.update().values(first_name="Newt", changed_at=ledger.now(c)))
    assert one(reader, of_customer, customer)["first_name"] == "Newt"


@pytest.mark.one_database
def test_a_look_shows_one_state_until_it_is_over_and_the_next_one_what_happened_meanwhile(
    ledger: Ledger, world: World, reader: Reader, publish: Callable[[], None], count_statements: Callable[[], int]
) -> None:
    customer = make_customer(ledger, world)
    publish()
    look = reader.look()
    assert one(look, "select first_name from customers")["first_name"] != "Newt"
    with ledger.write() as c:
        c.execute(t.customers.update().values(first_name="Newt"))
    before = count_statements()
    assert one(look, "select customer_id from customers where first_name <> 'Newt'")["customer_id"] == customer
    assert count_statements() == before  # the ledger is asked once a look
    assert one(look.again(), "select first_name from customers")["first_name"] == "Newt"
    look.end()
    assert one(look, "select first_name from customers")["first_name"] == "Newt"


@pytest.mark.one_database
def test_threads_share_a_reader_while_copies_come_and_the_ledger_moves(
    ledger: Ledger, world: World, reader: Reader, publish: Callable[[], None]
) -> None:
    request = make_request(ledger, world, make_customer(ledger, world))
    publish()
    done, faults = threading.Event(), []

    def look() -> None:
        while not done.is_set():
            seen = reader.query(
                "select c.customer_id, r.request_id from customers c join requests r using (customer_id)"
            )
            if seen["request_id"].to_list() != [request]:
                faults.append(seen)

    lookers = [threading.Thread(target=look) for _ in range(3)]
    for looker in lookers:
        looker.start()
    for turn in range(3):
        with ledger.write() as c:
            c.execute(t.requests.update().values(paused_at=NOON if turn % 2 else None))
        publish()
    done.set()
    for looker in lookers:
        looker.join()
    assert faults == []


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.one_database) for seed in (2, 3))])
def test_a_copy_with_changes_laid_over_equals_the_next_copy(
    ledger: Ledger, world: World, reader: Reader, publish: Callable[[], None], seed: int
) -> None:
    dice = random.Random(seed)
    for _ in range(6):
        make_request(ledger, world, make_customer(ledger, world))
    publish()
    for _ in range(12):
        happen(ledger, world, dice)
        look = reader.look()
        look.query("from customers")  # at each turn: what happens next is laid over this, not over the copy alone
    seen = everything(look)
    publish()
    assert everything(reader.look()) == seen


def happen(ledger: Ledger, world: World, dice: random.Random) -> None:
    """One thing of those that happen in a house, to somebody."""
    with ledger.read() as c:
        requests = c.execute(t.requests.select().order_by(t.requests.c.request_id)).all()
        customers = c.execute(t.customers.select().order_by(t.customers.c.customer_id)).all()
    request, customer = dice.choice(requests), dice.choice(customers)
    match dice.randrange(8):
        case 0:
            make_request(ledger, world, make_customer(ledger, world))
        case 1:
            suppress(ledger, world, AddressKind.EMAIL, customer.email, dice.choice([None, Channel.EMAIL]))
        case 2:
            with ledger.write() as c:
                at = t.requests.c.request_id == request.request_id
                status = dice.choice([RequestStatus.SENT, RequestStatus.FAILED, RequestStatus.IN_DOUBT])
                c.execute(t.requests.update().where(at).values(status=status, handed_at=NOON))
        case 3:
            with ledger.write() as c:
                of = t.invitations.c.invitation_id == request.invitation_id
                c.execute(t.invitations.update().where(of).values(status=InvitationStatus.FINISHED))
        case 4:
            with ledger.write() as c:
                of = t.customers.c.customer_id == customer.customer_id
                c.execute(t.customers.update().where(of).values(first_name="Renamed"))
        case 5:
            with ledger.write() as c:
                about = dice.choice([{"invitation_id": request.invitation_id}, {"person_id": customer.person_id}])
                insert(
                    c, t.events, account_id=world.account_id, kind=EventKind.OPENED, occurred_at=NOON,
                    recorded_at=ledger.now(c), **about,
                )  # fmt: skip
        case 6:
            with ledger.write() as c:
                insert(
                    c, t.reviews, account_id=world.account_id, location_id=world.chicago, platform="google",
                    provider_review_id=f"r{dice.random()}", stars=4, reviewed_at=NOON,
                    invitation_id=dice.choice([None, request.invitation_id]),
                )  # fmt: skip
        case _:
            with ledger.write() as c:  # linked anew, or no longer
                to = dice.choice([None, request.invitation_id])
                c.execute(t.reviews.update().values(invitation_id=to))


def everything(look: Look) -> dict[str, list[dict[str, Any]]]:
    """All that pages could show of people at one moment, in a fixed order."""
    keys = {
        "customers": "customer_id",
        "requests": "request_id",
        "timeline": "event_id, customer_id",
        "reviews": "review_id",
    }
    return {name: look.query(f"from {name} order by {key}").to_dicts() for name, key in keys.items()}
