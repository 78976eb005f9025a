"""Links that somebody ended by hand, on both databases."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from data.ledger import tables as t
from data.ledger.store import Ledger
from data.words import Channel, RequestStatus, Role, RunKind, RunStatus
from invitations import respond
from invitations.actor import Actor, Done, Refused
from invitations.evidence import Visit
from invitations.revoke import revoke_links
from tests.world import NOON, World, insert, make_customer, make_request, make_world

EMAIL, PHONE = "ana@example.com", "+13125550100"
VISIT = Visit(agent="Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/140.0.0.0 Mobile Safari/537.36")


@pytest.fixture
def world(ledger: Ledger) -> World:
    return make_world(ledger)


def actor(world: World, role: Role = Role.OWNER, locations: frozenset[int] | None = None) -> Actor:
    return Actor(f"{role.value}@acme.example", role, world.account_id, locations)


def sent(ledger: Ledger, world: World, customer: int, link: str, **values: Any) -> int:
    left = {"status": RequestStatus.SENT, "handed_at": NOON - timedelta(hours=1)}
    return make_request(ledger, world, customer, link_token=link, **{**left, **values})


def lives(ledger: Ledger, link: str) -> bool:
    return respond.open_review_page(ledger, link, now=NOON) is not None


def test_every_link_of_the_person_ends_and_unsubscribing_by_it_does_not(ledger: Ledger, world: World) -> None:
    ana = make_customer(ledger, world, email=EMAIL, phone=PHONE)
    sent(ledger, world, ana, "by-text", unsubscribe_token="way-out")
    sent(ledger, world, ana, "by-mail", channel=Channel.EMAIL, status=RequestStatus.IN_DOUBT, handed_at=None)
    sent(ledger, world, make_customer(ledger, world), "somebody-elses")
    respond.take_score(ledger, "by-text", 4, now=NOON)
    answer = revoke_links(ledger, actor(world), "(312) 555-0100")
    assert answer == Done("2 links lead nowhere any more. Unsubscribing by them still works.")
    assert [lives(ledger, link) for link in ("by-text", "by-mail", "somebody-elses")] == [False, False, True]
    assert not respond.take_score(ledger, "by-text", 10, now=NOON)
    assert not respond.take_comment(ledger, "by-text", "Hello", now=NOON)
    assert not respond.note_click(ledger, "by-text", visit=VISIT, now=NOON)
    with ledger.read() as c:
        google = c.execute(sa.select(sa.func.min(t.platforms.c.platform_id))).scalar_one()
        audit = c.execute(t.audit.select()).one()
        assert c.execute(sa.select(t.scores.c.score)).scalar_one() == 4  # what was answered stays
    assert respond.choose_platform(ledger, "by-text", google, visit=VISIT, now=NOON) is None
    assert respond.unsubscribe(ledger, "way-out", is_channel_only=False, is_one_click=True, now=NOON)
    assert (audit.actor, audit.action, audit.after) == ("owner@acme.example", "revoke_links", {"links": 2})
    assert EMAIL not in str(audit)
    again = revoke_links(ledger, actor(world), EMAIL)
    assert isinstance(again, Refused)
    assert again.is_so_already


def test_a_message_that_has_yet_to_leave_keeps_its_link(ledger: Ledger, world: World) -> None:
    ana = make_customer(ledger, world, email=EMAIL)
    sent(ledger, world, ana, "gone", channel=Channel.EMAIL)
    make_request(ledger, world, ana, channel=Channel.EMAIL, step=1, link_token="queued")
    with ledger.write() as c:
        run = insert(c, t.runs, kind=RunKind.SEND, status=RunStatus.RUNNING, started_at=NOON, process="test")
    for step, link, handed_at in ((2, "claimed", None), (3, "leaving", NOON)):
        claimed = make_request(
            ledger, world, ana, channel=Channel.EMAIL, step=step, link_token=link, status=RequestStatus.SENDING,
            attempt_id=f"attempt-{step}",
        )  # fmt: skip
        with ledger.write() as c:
            c.execute(t.attempts.insert().values(
                attempt_id=f"attempt-{step}", request_id=claimed, batch_id=run, provider="mailgun", claimed_at=NOON,
                lease_until=NOON, handed_at=handed_at,
            ))  # fmt: skip
    answer = revoke_links(ledger, actor(world), EMAIL)
    assert isinstance(answer, Done)
    assert answer.message.startswith("2 links lead nowhere any more.")
    assert "2 messages have yet to leave" in answer.message
    assert [lives(ledger, link) for link in ("gone", "queued", "claimed", "leaving")] == [False, True, True, False]


def test_only_links_of_ones_own_locations_end_and_only_by_who_may_stop_messages(ledger: Ledger, world: World) -> None:
    sent(ledger, world, make_customer(ledger, world, email=EMAIL), "here", channel=Channel.EMAIL)
    elsewhere = frozenset({world.new_york})
    for who, contact in (
        (actor(world, Role.VIEWER), EMAIL),
        (actor(world, Role.MANAGER, elsewhere), EMAIL),
        (actor(world), "nobody@example.com"),
        (actor(world), "12"),
        (actor(world), "ana@"),
    ):
        answer = revoke_links(ledger, who, contact)
        assert isinstance(answer, Refused)
        assert not answer.is_so_already
    assert lives(ledger, "here")
    assert isinstance(revoke_links(ledger, actor(world, Role.MANAGER, frozenset({world.chicago})), EMAIL), Done)
    assert not lives(ledger, "here")
