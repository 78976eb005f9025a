"""A selection of messages is paused and resumed in one go, by whoever may, where they may."""

import pytest

from data.ledger import tables as t
from data.ledger.store import Ledger
from data.words import JobKind, RequestStatus, Role
from invitations.actor import Actor, Done, Refused
from invitations.pause_selection import MOST, pause_requests, resume_requests
from tests.world import NOON, World, make_customer, make_request, make_world

pytestmark = pytest.mark.one_database


def paused(ledger: Ledger) -> set[int]:
    with ledger.read() as c:
        return {row.request_id for row in c.execute(t.requests.select()) if row.paused_at is not None}


def owner(world: World) -> Actor:
    return Actor("owner@acme.example", Role.OWNER, world.account_id)


@pytest.mark.both_databases
def test_what_waits_is_paused_and_resumed_and_what_has_gone_is_told(ledger: Ledger) -> None:
    world = make_world(ledger)
    one, two, three = (make_request(ledger, world, make_customer(ledger, world)) for _ in range(3))
    gone = make_request(ledger, world, make_customer(ledger, world), status=RequestStatus.SENT, handed_at=NOON)
    assert pause_requests(ledger, owner(world), [one], now=NOON) == Done("Paused 1 message until someone resumes.")
    answer = pause_requests(ledger, owner(world), [three, two, one, gone, two], now=NOON)
    assert answer == Done(
        "Paused 2 messages until someone resumes. 1 was paused already, 1 can no longer be held back."
    )
    assert paused(ledger) == {one, two, three}
    assert resume_requests(ledger, owner(world), [one, two, gone], now=NOON) == Done(
        "Resumed 2 messages. 1 can no longer be held back."
    )
    assert paused(ledger) == {three}
    again = resume_requests(ledger, owner(world), [one, two], now=NOON)
    assert again == Refused("Nothing was resumed. 2 were not paused.")
    with ledger.read() as c:
        audit = [row.action for row in c.execute(t.audit.select().order_by(t.audit.c.audit_id))]
        assert [row.kind for row in c.execute(t.jobs.select())] == [JobKind.PLAN]
    assert audit == ["pause"] * 3 + ["resume"] * 2


def test_nobody_pauses_beyond_their_role_or_locations_or_a_whole_account_at_once(ledger: Ledger) -> None:
    world = make_world(ledger)
    here = make_request(ledger, world, make_customer(ledger, world))
    viewer = Actor("viewer@acme.example", Role.VIEWER, world.account_id)
    elsewhere = Actor("manager@acme.example", Role.MANAGER, world.account_id, frozenset({world.new_york}))
    for actor, chosen, said in (
        (viewer, [here], "Viewer role cannot"),
        (elsewhere, [here], "1 is not among the locations you look after"),
        (owner(world), range(MOST + 1), "too many"),
    ):
        for act in (pause_requests, resume_requests):
            answer = act(ledger, actor, list(chosen), now=NOON)
            assert isinstance(answer, Refused)
            assert said in answer.reason
    assert paused(ledger) == set()
