"""The do-not-contact list by hand: who may add to it and lift from it, what follows, and what is kept of it."""

import pytest
import sqlalchemy as sa

from data.ledger import tables as t
from data.ledger.store import Ledger
from data.words import InvitationStatus, Role
from invitations.actor import NOT_YOURS, Actor, Done, Refused
from invitations.import_report import ImportReport
from invitations.restore import restore_email
from invitations.suppress_by_hand import suppress_by_hand, suppress_list
from tests.world import NOON, World, make_customer, make_request, make_world


@pytest.fixture
def world(ledger: Ledger) -> World:
    return make_world(ledger)


def actor(world: World, role: Role, *places: int) -> Actor:
    return Actor(f"{role.value}@acme.example", role, world.account_id, frozenset(places) or None)


def test_a_no_that_is_told_at_one_location_holds_everywhere_and_is_kept(ledger: Ledger, world: World) -> None:
    ben = make_customer(ledger, world, email="ben@example.com", phone="+12125550111", location_id=world.new_york)
    make_request(ledger, world, ben)
    manager = actor(world, Role.MANAGER, world.chicago)
    done = suppress_by_hand(ledger, manager, " Ben@Example.com", because="told us at the desk", now=NOON)
    assert done == Done("They will not be contacted again, on any channel or at any location.")
    again = suppress_by_hand(ledger, manager, "212-555-0111", because="", now=NOON)
    assert isinstance(again, Refused)
    assert again.is_so_already
    assert suppress_by_hand(ledger, manager, "new@example.com", because="", now=NOON) == done
    with ledger.read() as c:
        assert c.execute(sa.select(t.invitations.c.status)).scalar_one() is InvitationStatus.STOPPED
        person = c.execute(sa.select(t.customers.c.person_id)).scalar_one()
        kept = c.execute(sa.select(t.audit.c.actor, t.audit.c.subject, t.audit.c.after)).all()
    assert [tuple(line) for line in kept] == [
        ("manager@acme.example", f"person {person}", {"reason": "told us at the desk"}),
        ("manager@acme.example", "1 address", {"reason": "asked not to be contacted"}),
    ]


def test_viewers_add_nobody_and_a_list_is_taken_only_from_who_looks_after_all(ledger: Ledger, world: World) -> None:
    refused = Refused(
        "The Viewer role cannot add people to the do-not-contact list. Ask an owner or admin of the account."
    )
    content = b"email\nann@example.com\nnobody\n"
    viewer, manager = actor(world, Role.VIEWER), actor(world, Role.MANAGER, world.chicago)
    assert suppress_by_hand(ledger, viewer, "ann@example.com", because="", now=NOON) == refused
    assert suppress_list(ledger, viewer, content, file_name="no.csv", because="", now=NOON) == refused
    limited = suppress_list(ledger, manager, content, file_name="no.csv", because="", now=NOON)
    assert isinstance(limited, Refused)
    assert "you look after some of them" in limited.reason
    unread = suppress_list(ledger, actor(world, Role.OWNER), b"a,b\n1,2\n", file_name="no.csv", because="", now=NOON)
    assert isinstance(unread, Refused)
    assert "No column holds" in unread.reason
    nonsense = suppress_by_hand(ledger, actor(world, Role.OWNER), "Ann", because="", now=NOON)
    assert isinstance(nonsense, Refused)
    assert nonsense.reason.endswith("Nothing was changed.")
    with ledger.read() as c:
        assert c.execute(sa.select(t.suppressions)).first() is None
    report = suppress_list(ledger, actor(world, Role.OWNER), content, file_name="no.csv", because="", now=NOON)
    assert isinstance(report, ImportReport)
    assert (report.new_count, report.rejected_count) == (1, 1)


def test_email_is_allowed_again_only_by_who_looks_after_the_person(ledger: Ledger, world: World) -> None:
    make_customer(ledger, world, email="ben@example.com", location_id=world.new_york)
    suppress_by_hand(ledger, actor(world, Role.OWNER), "ben@example.com", because="", now=NOON)
    elsewhere = actor(world, Role.ADMIN, world.chicago)
    assert restore_email(ledger, elsewhere, "ben@example.com", because="wrote to us", now=NOON) == Refused(NOT_YOURS)
    assert restore_email(ledger, elsewhere, "who@example.com", because="wrote to us", now=NOON) == Refused(NOT_YOURS)
    theirs = actor(world, Role.ADMIN, world.new_york)
    assert isinstance(restore_email(ledger, theirs, "ben@example.com", because="wrote to us", now=NOON), Done)
