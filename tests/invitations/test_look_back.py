"""The audit, read: who may, how far they see, and whom each line is about."""

from datetime import UTC, datetime

import pytest

from data.ledger import tables as t
from data.ledger.audit_log import AuditFilter, AuditSight, audit_lines, count_lines, who_and_what, whom
from data.ledger.controls import record_audit
from data.ledger.store import Ledger
from data.words import Channel, Role
from invitations.actor import Actor, Refused
from invitations.controls import pause_request, stop_invitation
from invitations.look_back import look_back
from invitations.pausing import pause_channel
from tests.world import NOON, World, make_customer, make_request, make_world


@pytest.fixture
def world(ledger: Ledger) -> World:
    return make_world(ledger)


def actor(world: World, role: Role, *places: int) -> Actor:
    return Actor(f"{role.value}@acme.example", role, world.account_id, frozenset(places) or None)


def sight_of(world: World, role: Role, *places: int) -> AuditSight:
    found = look_back(actor(world, role, *places), (world.chicago, world.new_york), is_whole=True)
    assert isinstance(found, AuditSight)
    return found


def test_only_owners_and_admins_see_the_audit(world: World) -> None:
    for role in (Role.MANAGER, Role.VIEWER, Role.AGENCY_CLIENT):
        refused = look_back(actor(world, role), (world.chicago,), is_whole=True)
        assert isinstance(refused, Refused)
        assert "cannot see the audit" in refused.reason
    assert sight_of(world, Role.OWNER).is_whole


def test_who_looks_after_some_locations_reads_of_those_only(ledger: Ledger, world: World) -> None:
    ana = make_customer(ledger, world, first_name="Ana")
    ben = make_customer(ledger, world, first_name="Ben", location_id=world.new_york)
    messages = [make_request(ledger, world, one) for one in (ana, ben)]
    owner = actor(world, Role.OWNER)
    for message in messages:
        pause_request(ledger, owner, message, now=NOON)
    with ledger.read() as c:
        invitations = [row.invitation_id for row in c.execute(t.invitations.select().order_by("invitation_id"))]
    stop_invitation(ledger, owner, invitations[1], is_asked_by_person=True, now=NOON)
    pause_channel(ledger, owner, Channel.SMS, now=NOON)
    with ledger.write() as c:
        for subject in ('location "new-york"', 'platform "google" of "chicago"', "request x1", "system", "request 99"):
            record_audit(c, world.account_id, actor="admin@acme.example", action="changed", subject=subject,
                         before={"name": "was_so"}, after={"name": "100%"})  # fmt: skip

    def subjects(sight: AuditSight, chosen: AuditFilter | None = None) -> list[str]:
        with ledger.read() as c:
            found = audit_lines(c, sight, chosen or AuditFilter(), limit=50)
            assert len(found) == count_lines(c, sight, chosen or AuditFilter())
        return [line.subject for line in found][::-1]

    whole, chicago = sight_of(world, Role.OWNER), sight_of(world, Role.ADMIN, world.chicago)
    new_york = sight_of(world, Role.ADMIN, world.new_york)
    assert len(subjects(whole)) == 11
    assert subjects(chicago) == [
        f"request {messages[0]}", f"channel sms of location {world.chicago}", 'platform "google" of "chicago"',
    ]  # fmt: skip
    theirs = subjects(new_york)
    assert [subject.split()[0] for subject in theirs] == ["request", "invitation", "person", "channel", "location"]
    assert subjects(whole, AuditFilter(actor="admin@acme.example", search="100%")) == subjects(
        whole, AuditFilter(action="changed")
    )
    assert subjects(whole, AuditFilter(search="100_")) == []
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    assert subjects(whole, AuditFilter(ends=long_ago)) == []
    assert len(subjects(whole, AuditFilter(since=long_ago))) == 11
    with ledger.read() as c:
        assert whom(c, whole, theirs)[f"request {messages[1]}"].name == "Ben Ruiz"
        assert whom(c, chicago, theirs) == {}
        assert who_and_what(c, chicago, AuditFilter()) == (
            ["admin@acme.example", "owner@acme.example"],
            ["changed", "pause"],
        )


@pytest.mark.both_databases
@pytest.mark.parametrize("term", ["café", "ÉLAN", "josé's", "élan", '"Place"'])
def test_a_line_is_found_by_words_with_accents_and_quotes(ledger: Ledger, world: World, term: str) -> None:
    with ledger.write() as c:
        record_audit(
            c, world.account_id, actor="admin@acme.example", action="changed", subject='location "chicago"',
            before={"name": "Café Élan"}, after={"name": 'José\'s "Place"'},
        )  # fmt: skip
    with ledger.read() as c:
        assert count_lines(c, sight_of(world, Role.OWNER), AuditFilter(search=term)) == 1
        assert count_lines(c, sight_of(world, Role.OWNER), AuditFilter(search=f"{term}!")) == 0
