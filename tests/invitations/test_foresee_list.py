"""A dry run says what would come of a list: what the simulation of the same list says once it is taken in."""

from dataclasses import replace
from datetime import timedelta

import polars as pl
import pytest
import sqlalchemy as sa

from data.ledger import tables as t
from data.ledger.store import Ledger, open_ledger
from data.settings import Settings
from data.words import AddressKind, Channel, InvitationStatus, RequestStatus
from invitations.ahead import Ahead
from invitations.foresee import foresee, read_present
from invitations.import_report import ImportReport
from invitations.prices import load_prices
from invitations.simulation_report import invitations_of
from invitations.take_in import import_customers
from tests.world import NOON, insert, make_customer, make_request, make_world, suppress

pytestmark = pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
FILE = b"first name,email,phone\n" + b"".join(
    f"Zoe,zoe{number}@example.com,+1 312 555 {100 + number:04}\n".encode() for number in range(8)
)


@pytest.fixture
def at_noon(ledger: Ledger, settings: Settings) -> Ledger:
    """The same ledger on Monday noon: an import reads the time from it."""
    return open_ledger(settings.model_copy(update={"now": NOON}))


def taken_in(ledger: Ledger, content: bytes = FILE, *, dry_run: bool, speed: str | None = None) -> ImportReport:
    return import_customers(
        ledger, content, file_name="may.csv", location="chicago", list_name="May", channels=None, speed=speed,
        imported_by="test", dry_run=dry_run,
    )  # fmt: skip


@pytest.mark.slow
def test_the_dry_run_says_what_is_simulated_once_the_list_is_in(at_noon: Ledger) -> None:
    make_world(at_noon, quota=5)
    told = "\n".join(taken_in(at_noon, dry_run=True, speed="2/hour").notes)
    with at_noon.read() as c:
        assert c.scalar(sa.select(sa.func.count()).select_from(t.customers)) == 0
    taken_in(at_noon, dry_run=False, speed="2/hour")
    afterwards = foresee(read_present(at_noon, NOON), timedelta(days=14), load_prices())
    assert invitations_of(afterwards) == 8
    assert "8 would be asked, the first on Mon 23 Nov, 12:00" in told
    assert f"{afterwards.messages.height:,} messages" in told
    assert f"{afterwards.cost.total:,.2f} USD" in told
    assert "The quota would run out on Mon 23 Nov, 14:00" in told  # two at 12:00, two at 13:00, one at 14:00
    assert "zoe" not in told.lower()
    at_noon.close()


@pytest.mark.slow
def test_who_must_not_be_contacted_or_works_there_is_foreseen_as_left_out(at_noon: Ledger) -> None:
    world = make_world(at_noon)
    suppress(at_noon, world, AddressKind.EMAIL, "zoe1@example.com")  # nobody's address yet
    with at_noon.write() as c:
        c.execute(t.users.update().where(t.users.c.email == "viewer@acme.example").values(email="zoe2@example.com"))
    told = "\n".join(taken_in(at_noon, dry_run=True).notes)
    assert "6 would be asked" in told
    assert "1 would not: must not be contacted." in told
    assert "1 would not: staff or relatives, who are not asked." in told
    at_noon.close()


@pytest.mark.slow
def test_customers_who_are_known_and_were_never_asked_go_with_the_list(at_noon: Ledger) -> None:
    world = make_world(at_noon)
    make_customer(at_noon, world, email="zoe0@example.com", phone="+13125550100")
    told = "\n".join(taken_in(at_noon, dry_run=True).notes)
    assert "8 would be asked" in told
    at_noon.close()


@pytest.mark.slow
def test_whoever_was_asked_not_long_ago_is_foreseen_as_left_out_as_once_the_list_is_in(at_noon: Ledger) -> None:
    world = make_world(at_noon)
    asked_at = NOON - timedelta(days=3)
    running = make_customer(at_noon, world, location_id=world.new_york, email="zoe0@example.com")
    over = make_customer(at_noon, world, phone="+13125550101")
    for customer, channel, status in (
        (running, Channel.EMAIL, InvitationStatus.ACTIVE),
        (over, Channel.SMS, InvitationStatus.FINISHED),
    ):
        make_request(
            at_noon, world, customer, channel=channel, now=asked_at, status=RequestStatus.SENT, handed_at=asked_at
        )
        with at_noon.write() as c:
            its = t.invitations.update().where(t.invitations.c.customer_id == customer)
            c.execute(its.values(status=status, first_handed_at=asked_at))
    with at_noon.write() as c:
        insert(
            c, t.past_invitations, account_id=world.account_id, location_id=world.new_york, kind=AddressKind.EMAIL,
            address="zoe2@example.com", invited_at=NOON - timedelta(days=30), recorded_by="test",
        )  # fmt: skip
    foreseen = [line for line in taken_in(at_noon, dry_run=True).notes if "would" in line]
    taken_in(at_noon, dry_run=False)
    whole = foresee(read_present(at_noon, NOON), timedelta(days=14), load_prices())
    with at_noon.read() as c:
        [the_list] = c.scalars(sa.select(t.lists.c.list_id).where(t.lists.c.name == "May"))
    of_list = replace(
        whole,
        messages=whole.messages.filter(pl.col("list_id") == the_list),
        held=whole.held.filter(pl.col("list_id") == the_list),
    )
    said = [line for line in Ahead(whole, of_list, 0, "America/Chicago").in_words() if "would" in line]
    assert any(line.startswith("  5 would be asked") for line in said)
    assert foreseen == said
    at_noon.close()


def test_of_one_it_is_said_as_of_one(at_noon: Ledger) -> None:
    make_world(at_noon, quota=1)
    told = "\n".join(taken_in(at_noon, b"email\nzoe@example.com\n", dry_run=True).notes)
    assert "1 invitation is left of this cycle." in told
    at_noon.close()


def test_without_a_policy_nothing_is_foreseen(at_noon: Ledger) -> None:
    make_world(at_noon)
    with at_noon.write() as c:
        c.execute(t.policies.delete())
    assert not any("would be asked" in note for note in taken_in(at_noon, dry_run=True).notes)
    at_noon.close()
