"""An import taken back: nothing of it that has not been sent ever goes, and nothing else is touched."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from data.ledger import tables as t
from data.ledger.imports import ListUndone, begin_list
from data.ledger.list_history import places_of_list
from data.ledger.store import Ledger, open_ledger
from data.settings import Settings
from data.words import InvitationStatus, JobKind, RequestStatus, Role, Rule
from invitations.actor import Actor, Done, Refused
from invitations.by_hand import ask
from invitations.plan import plan
from invitations.queueing import PlanReport, plan_and_queue
from invitations.take_in import ImportReport, import_customers
from invitations.undo_import import foresee_undo, undo_import
from tests.world import NOON, World, make_customer, make_world

LATER = NOON + timedelta(minutes=5)
FILE = b"first name,email\nDee,dee@example.com\nEli,eli@example.com\nFay,fay@example.com\n"


@pytest.fixture
def world(ledger: Ledger) -> World:
    return make_world(ledger)


def imported(ledger: Ledger, settings: Settings, content: bytes = FILE, name: str = "May") -> ImportReport:
    """Taken in at noon."""
    at_noon = open_ledger(settings.model_copy(update={"now": NOON}))
    try:
        return import_customers(
            at_noon, content, file_name="may.csv", location="chicago", list_name=name, channels=None, speed=None,
            imported_by="owner@acme.example",
        )  # fmt: skip
    finally:
        at_noon.close()


def actor(world: World, role: Role = Role.OWNER, *places: int) -> Actor:
    return Actor("owner@acme.example", role, world.account_id, frozenset(places) if places else None)


def invitations(ledger: Ledger) -> dict[str, Any]:
    """By the customer's first name."""
    both = t.customers.c.customer_id == t.invitations.c.customer_id
    query = sa.select(t.customers.c.first_name, t.invitations).join(t.customers, both)
    with ledger.read() as c:
        return {row.first_name: row for row in c.execute(query)}


def messages(ledger: Ledger) -> dict[RequestStatus, int]:
    with ledger.read() as c:
        rows = c.execute(sa.select(t.requests.c.status, sa.func.count()).group_by(t.requests.c.status))
        return {row.status: row[1] for row in rows}


def held(report: PlanReport, rule: Rule) -> int:
    return report.counts.get(f"held_{rule}", 0)


@pytest.mark.slow
def test_what_is_queued_is_canceled_and_what_has_gone_stays(ledger: Ledger, settings: Settings, world: World) -> None:
    list_id = imported(ledger, settings).list_id
    assert list_id is not None
    plan_and_queue(ledger, now=NOON)
    dee = invitations(ledger)["Dee"]
    with ledger.write() as c:  # hers has gone; her reminder is still to come
        sent = t.requests.update().where(t.requests.c.invitation_id == dee.invitation_id)
        c.execute(sent.values(status=RequestStatus.SENT, handed_at=NOON))
        this = t.invitations.update().where(t.invitations.c.invitation_id == dee.invitation_id)
        c.execute(this.values(first_handed_at=NOON))
    foreseen = foresee_undo(ledger, actor(world), list_id)
    assert not isinstance(foreseen, Refused)
    assert (foreseen.messages, foreseen.waiting, foreseen.asked) == (2, 2, 1)

    answer = undo_import(ledger, actor(world), list_id, now=LATER)
    assert isinstance(answer, Done)
    assert "2 queued messages won't be sent" in answer.message
    assert messages(ledger) == {RequestStatus.SENT: 1, RequestStatus.CANCELED: 2}
    assert {row.status for row in invitations(ledger).values()} == {InvitationStatus.FINISHED}
    planned = plan_and_queue(ledger, now=NOON + timedelta(days=4))  # when the reminder would be due
    assert (planned.counts["queued"], planned.counts["invited"]) == (0, 0)
    with ledger.read() as c:
        row = c.execute(sa.select(t.lists)).one()
        audit = c.execute(sa.select(t.audit).where(t.audit.c.action == "undo_import")).one()
        jobs = c.execute(sa.select(t.jobs.c.kind)).scalars().all()
    assert (row.undone_at, row.undone_by) == (LATER, "owner@acme.example")
    assert audit.after["messages_canceled"] == 2
    assert (audit.after["name"], "name" in audit.before) == ("May", False)  # its name did not change
    assert jobs == [JobKind.PLAN]
    assert undo_import(ledger, actor(world), list_id, now=LATER) == Refused("This list was taken back already.")


@pytest.mark.slow
def test_who_came_only_by_it_is_not_asked_and_who_was_there_before_or_is_asked_by_hand_is(
    ledger: Ledger, settings: Settings, world: World
) -> None:
    make_customer(ledger, world, email="eli@example.com", first_name="Eli")  # waited already, of another list
    list_id = imported(ledger, settings).list_id
    assert list_id is not None
    assert isinstance(undo_import(ledger, actor(world), list_id, now=LATER), Done)
    with ledger.read() as c:
        fay = c.execute(sa.select(t.customers.c.customer_id).where(t.customers.c.first_name == "Fay")).scalar_one()
    ask(ledger, actor(world), fay, now=LATER)
    planned = plan_and_queue(ledger, now=LATER + timedelta(minutes=1))
    assert set(invitations(ledger)) == {"Eli", "Fay"}
    assert held(planned, Rule.LIST_UNDONE) == 1


@pytest.mark.slow
def test_who_waited_before_the_list_and_was_planned_by_it_is_asked_all_the_same(
    ledger: Ledger, settings: Settings, world: World
) -> None:
    eli = make_customer(ledger, world, email="eli@example.com", first_name="Eli")
    list_id = imported(ledger, settings).list_id
    assert list_id is not None
    assert plan_and_queue(ledger, now=NOON).counts["queued"] == 3
    undo_import(ledger, actor(world), list_id, now=LATER)
    assert plan_and_queue(ledger, now=LATER + timedelta(minutes=1)).counts["queued"] == 1
    with ledger.read() as c:
        query = sa.select(t.invitations.c.customer_id).where(t.invitations.c.status == InvitationStatus.ACTIVE)
        assert c.execute(query).scalars().all() == [eli]


@pytest.mark.slow
def test_the_same_people_come_in_again_by_a_better_list_and_are_asked(
    ledger: Ledger, settings: Settings, world: World
) -> None:
    list_id = imported(ledger, settings).list_id
    assert list_id is not None
    plan_and_queue(ledger, now=NOON)
    undo_import(ledger, actor(world), list_id, now=LATER)
    again = imported(ledger, settings)
    assert (again.is_repeat, again.is_undone) == (True, True)  # the inbox folder shows the same file every night
    assert "give the list another name" in again.notes[0]
    at_one = open_ledger(settings.model_copy(update={"now": NOON + timedelta(hours=1)}))
    import_customers(
        at_one, FILE, file_name="may.csv", location="chicago", list_name="May, mended", channels=None, speed=None,
        imported_by="owner@acme.example",
    )  # fmt: skip
    planned = plan_and_queue(at_one, now=NOON + timedelta(hours=1))
    assert planned.counts["queued"] == 3
    at_one.close()


@pytest.mark.slow
def test_a_planner_that_looked_before_writes_nothing_for_it_afterwards(
    ledger: Ledger, settings: Settings, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    list_id = imported(ledger, settings).list_id
    assert list_id is not None
    looked = plan

    def undone_meanwhile(*given: Any) -> Any:
        undo_import(ledger, actor(world), list_id, now=LATER)
        return looked(*given)

    monkeypatch.setattr("invitations.queueing.plan", undone_meanwhile)
    assert plan_and_queue(ledger, now=NOON).counts["invited"] == 0
    assert messages(ledger) == {}


def test_a_list_that_is_still_coming_in_ends_where_it_is(
    ledger: Ledger, settings: Settings, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = begin_list

    def undone_then(*given: Any) -> Any:
        row = begun(*given)
        undo_import(ledger, actor(world), row.list_id, now=LATER)
        return row

    monkeypatch.setattr("data.ledger.imports.begin_list", undone_then)
    with pytest.raises(ListUndone):
        imported(ledger, settings)
    with ledger.read() as c:
        assert c.scalar(sa.select(sa.func.count()).select_from(t.customers)) == 0


def test_a_viewer_and_who_looks_after_another_location_cannot(ledger: Ledger, settings: Settings, world: World) -> None:
    list_id = imported(ledger, settings).list_id
    assert list_id is not None
    for who, said in (
        (actor(world, Role.VIEWER), "The Viewer role cannot take an imported list back"),
        (actor(world, Role.MANAGER, world.new_york), "not among the locations you look after"),
    ):
        answer = undo_import(ledger, who, list_id, now=LATER)
        assert isinstance(answer, Refused)
        assert said in answer.reason
        assert isinstance(foresee_undo(ledger, who, list_id), Refused)
    with ledger.read() as c:
        assert c.scalar(sa.select(t.lists.c.undone_at)) is None


def test_a_list_that_brought_people_elsewhere_too_is_taken_back_by_who_looks_after_all_of_them(
    ledger: Ledger, settings: Settings, world: World
) -> None:
    content = b"first name,email,location\nDee,dee@example.com,chicago\nEli,eli@example.com,new-york\n"
    list_id = imported(ledger, settings, content).list_id
    assert list_id is not None
    with ledger.read() as c:
        assert places_of_list(c, list_id) == {world.chicago, world.new_york}
    of_chicago = actor(world, Role.MANAGER, world.chicago)
    for answer in (undo_import(ledger, of_chicago, list_id, now=LATER), foresee_undo(ledger, of_chicago, list_id)):
        assert isinstance(answer, Refused)
        assert "names locations that you do not look after" in answer.reason
    of_both = actor(world, Role.MANAGER, world.chicago, world.new_york)
    assert isinstance(undo_import(ledger, of_both, list_id, now=LATER), Done)


def test_a_location_whose_every_row_was_turned_away_has_a_say_in_taking_the_list_back(
    ledger: Ledger, settings: Settings, world: World
) -> None:
    content = b"email,branch\ndee@example.com,chicago\nzoe-of-new-york,ACME New-York\n"
    list_id = imported(ledger, settings, content).list_id
    assert list_id is not None
    with ledger.read() as c:
        assert places_of_list(c, list_id) == {world.chicago}
    answer = undo_import(ledger, actor(world, Role.MANAGER, world.chicago), list_id, now=LATER)
    assert isinstance(answer, Refused)
    assert "locations that you do not look after" in answer.reason
    of_both = actor(world, Role.MANAGER, world.chicago, world.new_york)
    assert isinstance(undo_import(ledger, of_both, list_id, now=LATER), Done)
