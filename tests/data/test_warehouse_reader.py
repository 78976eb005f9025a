"""What people do shows on their next look, however old the published copy is."""

from collections.abc import Callable

import pytest

from data.ledger import tables as t
from data.ledger.store import Ledger
from data.warehouse.reader import Reader
from data.warehouse.search import Search
from data.words import (
    AddressKind,
    Channel,
    EventKind,
    InvitationStatus,
    RequestStatus,
    RunKind,
    RunStatus,
    SuppressionEffect,
    SuppressionReason,
)
from tests.data.single_row import one
from tests.world import NOON, World, insert, make_customer, make_request, suppress

pytestmark = pytest.mark.slow


def test_before_the_first_publish_everything_comes_from_the_ledger(
    ledger: Ledger, world: World, reader: Reader
) -> None:
    customer = make_customer(ledger, world)
    make_request(ledger, world, customer)
    assert reader.as_of is None
    assert one(reader, "select * from customers")["customer_id"] == customer
    assert one(reader, "select * from requests")["screen_status"] == "Queued"
    assert one(reader, "select count(*) as n from funnel")["n"] == 0


@pytest.mark.one_database
def test_an_empty_house_has_empty_relations(ledger: Ledger, reader: Reader) -> None:
    for relation in ("customers", "requests", "timeline", "reviews", "funnel", "nps", "runs"):
        assert reader.query(f"from {relation}").height == 0


@pytest.mark.one_database
def test_a_pause_shows_at_once(ledger: Ledger, world: World, reader: Reader, publish: Callable[[], None]) -> None:
    paused, other = (make_request(ledger, world, make_customer(ledger, world)) for _ in range(2))
    publish()
    assert reader.query("select * from requests where note is not null").height == 0
    with ledger.write() as c:
        c.execute(t.requests.update().where(t.requests.c.request_id == paused).values(paused_at=NOON))
    assert one(reader, "select request_id from requests where note = 'paused'")["request_id"] == paused
    with ledger.write() as c:  # and at once again, within the same second
        c.execute(t.requests.update().where(t.requests.c.request_id == paused).values(paused_at=None))
    assert reader.query("select * from requests where note is not null").height == 0
    assert sorted(reader.query("select request_id from requests")["request_id"]) == sorted([paused, other])


@pytest.mark.one_database
def test_a_stop_shows_at_once(ledger: Ledger, world: World, reader: Reader, publish: Callable[[], None]) -> None:
    make_request(ledger, world, make_customer(ledger, world))
    publish()
    with ledger.write() as c:
        c.execute(t.invitations.update().values(status=InvitationStatus.STOPPED, stopped_at=NOON))
    assert one(reader, "select * from customers")["invitation_status"] == InvitationStatus.STOPPED


@pytest.mark.one_database
def test_a_new_customer_shows_at_once(
    ledger: Ledger, world: World, reader: Reader, publish: Callable[[], None]
) -> None:
    make_customer(ledger, world)
    publish()
    new = make_customer(ledger, world, first_name="Newt")
    assert one(reader, "select * from customers where search like $1", "%newt%")["customer_id"] == new
    assert one(reader, "select count(*) as n from customers")["n"] == 2


@pytest.mark.one_database
def test_events_scores_and_reviews_show_at_once(
    ledger: Ledger, world: World, reader: Reader, publish: Callable[[], None]
) -> None:
    request = make_request(ledger, world, make_customer(ledger, world), status=RequestStatus.SENT, handed_at=NOON)
    publish()
    with ledger.write() as c:
        invitation = c.execute(t.requests.select()).one().invitation_id
        insert(
            c, t.events, account_id=world.account_id, invitation_id=invitation, request_id=request,
            kind=EventKind.OPENED, occurred_at=NOON, recorded_at=ledger.now(c),
        )  # fmt: skip
        c.execute(t.scores.insert().values(invitation_id=invitation, request_id=request, score=3, scored_at=NOON))
    assert one(reader, "select * from timeline where kind = 'opened'")["request_id"] == request
    assert one(reader, "select * from customers")["score"] == 3


@pytest.mark.one_database
def test_a_stop_by_text_shows_at_every_customer_of_the_person(
    ledger: Ledger, world: World, reader: Reader, publish: Callable[[], None]
) -> None:
    make_customer(ledger, world, phone="+13125550123")
    publish()
    suppress(ledger, world, AddressKind.PHONE, "+13125550123")
    assert one(reader, "select * from customers")["is_suppressed"]
    with ledger.write() as c:
        insert(
            c, t.suppressions, account_id=world.account_id, kind=AddressKind.PHONE, address="+13125550123",
            channel=Channel.SMS, effect=SuppressionEffect.RESTORE, reason=SuppressionReason.START_KEYWORD,
            recorded_by="test", occurred_at=NOON,
        )  # fmt: skip
    assert not one(reader, "select * from customers")["is_suppressed"]


@pytest.mark.one_database
def test_a_review_that_is_not_linked_shows_once_and_follows_its_link(
    ledger: Ledger, world: World, reader: Reader, publish: Callable[[], None]
) -> None:
    first, second = (make_customer(ledger, world) for _ in range(2))
    for customer in (first, second):
        make_request(ledger, world, customer)
    publish()
    with ledger.write() as c:
        insert(
            c, t.reviews, account_id=world.account_id, location_id=world.chicago, platform="google",
            provider_review_id="r1", stars=4, reviewed_at=NOON,
        )  # fmt: skip
    assert one(reader, "select * from reviews")["customer_id"] is None

    def link(customer_id: int) -> None:
        with ledger.write() as c:
            of = t.invitations.c.customer_id == customer_id
            invitation = c.execute(t.invitations.select().where(of)).one().invitation_id
            c.execute(t.reviews.update().values(invitation_id=invitation))

    link(first)
    assert one(reader, "select * from reviews")["customer_id"] == first
    publish()
    link(second)  # nothing of the first customer changed in the ledger, yet their row must lose its stars
    assert one(reader, "select * from reviews")["customer_id"] == second
    stars = reader.query("select customer_id, stars from customers order by customer_id").rows()
    assert stars == [(first, None), (second, 4)]


@pytest.mark.one_database
def test_a_customer_merged_away_vanishes(
    ledger: Ledger, world: World, reader: Reader, publish: Callable[[], None]
) -> None:
    kept, merged = (make_customer(ledger, world) for _ in range(2))
    make_request(ledger, world, merged)
    publish()
    with ledger.write() as c:
        c.execute(t.invitations.update().values(customer_id=kept))
        c.execute(t.customers.delete().where(t.customers.c.customer_id == merged))
    assert one(reader, "select * from customers")["customer_id"] == kept
    assert one(reader, "select * from requests")["customer_id"] == kept


def test_a_runs_progress_shows_at_once(ledger: Ledger, reader: Reader, publish: Callable[[], None]) -> None:
    with ledger.write() as c:
        insert(c, t.runs, kind=RunKind.SEND, status=RunStatus.RUNNING, started_at=NOON, process="h:1")
    publish()
    with ledger.write() as c:
        c.execute(t.runs.update().values(done=7, counts={"sent": 7}))
    row = one(reader, "select done, counts from runs")
    assert (row["done"], row["counts"].replace(" ", "")) == (7, '{"sent":7}')


@pytest.mark.one_database
def test_a_search_finds_people_as_they_are_now_by_words_and_numbers(
    ledger: Ledger, world: World, reader: Reader, publish: Callable[[], None]
) -> None:
    ana = make_customer(ledger, world, email="ana@example.com", phone="+13125550100", first_name="Ana")
    ben = make_customer(ledger, world, email="ben@example.com", phone="+13125550111", first_name="Ben")
    publish()

    def found(words: str, digits: str | None = None) -> list[int]:
        rows = reader.query("select customer_id from found order by customer_id", search=Search(words, digits))
        return rows["customer_id"].to_list()

    assert (found("ana@"), found("(312) 555-01", "31255501"), found("nobody")) == ([ana], [ana, ben], [])
    with ledger.write() as c:
        c.execute(t.customers.update().where(t.customers.c.customer_id == ana).values(first_name="Cleo"))
    dee = make_customer(ledger, world, email="dee@example.com", first_name="Dee")
    assert (found("cleo"), found("dee"), found("ana "), found("ben")) == ([ana], [dee], [], [ben])
