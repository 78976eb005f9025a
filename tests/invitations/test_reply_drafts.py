"""Replies to reviews: who may draft one, that nobody's words are overwritten unseen, and that all of it is kept."""

import pytest

from data.ledger import tables as t
from data.ledger.reply_drafts import drafted, replies
from data.ledger.store import Ledger
from data.words import Role
from invitations.actor import NOT_YOURS, Actor, Done, Refused
from invitations.reply_drafts import LONGEST_REPLY, draft_reply, mark_published, take_back_published
from tests.world import NOON, World, insert, make_world


@pytest.fixture
def world(ledger: Ledger) -> World:
    return make_world(ledger)


@pytest.fixture
def review(ledger: Ledger, world: World) -> int:
    with ledger.write() as c:
        return insert(
            c, t.reviews, account_id=world.account_id, location_id=world.chicago, platform="google",
            provider_review_id="r1", reviewer_name="Ana", stars=4, body="Good.", reviewed_at=NOON,
        )  # fmt: skip


def test_a_draft_is_saved_published_and_taken_back_each_with_a_line_in_the_audit(
    ledger: Ledger, world: World, review: int
) -> None:
    manager = Actor("manager@acme.example", Role.MANAGER, world.account_id, frozenset({world.chicago}))
    saved = draft_reply(ledger, manager, review, " Thank you,\r\nAna.\x07 ", seen=None)
    assert saved == Done("Draft saved. Copy it and publish it on Google: nothing is sent from here.")
    with ledger.read() as c:
        assert drafted(c, world.account_id, [world.chicago]) == [review]
        assert drafted(c, world.account_id, [world.new_york]) == []
    told = "Thank you,\nAna."
    assert isinstance(mark_published(ledger, manager, review, seen=told), Done)
    assert isinstance(mark_published(ledger, manager, review, seen=told), Refused)
    with ledger.read() as c:
        reply = replies(c, world.account_id, [review])[review]
        assert (reply.reply, reply.draft, reply.drafted_by) == ("Thank you,\nAna.", None, None)
    assert isinstance(take_back_published(ledger, manager, review), Done)
    assert isinstance(draft_reply(ledger, manager, review, "", seen="Thank you,\nAna."), Done)
    with ledger.read() as c:
        assert replies(c, world.account_id, [review])[review].draft is None
        lines = c.execute(t.audit.select().order_by(t.audit.c.audit_id)).all()
    assert {(line.actor, line.action, line.subject) for line in lines} == {
        ("manager@acme.example", "draft_reply", f"review {review}")
    }
    changes = [(line.before["draft"], line.after["draft"], line.after["reply"]) for line in lines]
    assert changes == [(None, told, None), (told, None, told), (None, told, None), (told, None, None)]


def test_what_somebody_else_saved_meanwhile_is_not_overwritten_unseen(
    ledger: Ledger, world: World, review: int
) -> None:
    first = Actor("manager@acme.example", Role.MANAGER, world.account_id)
    second = Actor("admin@acme.example", Role.ADMIN, world.account_id)
    draft_reply(ledger, first, review, "Mine.", seen=None)
    refused = draft_reply(ledger, second, review, "No, mine.", seen=None)
    assert isinstance(refused, Refused)
    assert "manager@acme.example changed this draft" in refused.reason
    assert isinstance(draft_reply(ledger, second, review, "Ours.", seen="Mine."), Done)
    published = mark_published(ledger, first, review, seen="Mine.")  # which is what was copied from the screen
    assert isinstance(published, Refused)
    assert "admin@acme.example changed this draft" in published.reason
    assert isinstance(mark_published(ledger, first, review, seen="Ours."), Done)


def test_a_reply_is_refused_to_viewers_elsewhere_and_where_no_platform_would_take_it(
    ledger: Ledger, world: World, review: int
) -> None:
    viewer = Actor("viewer@acme.example", Role.VIEWER, world.account_id)
    for answer in (
        draft_reply(ledger, viewer, review, "Hi.", seen=None),
        mark_published(ledger, viewer, review, seen=None),
        take_back_published(ledger, viewer, review),
    ):
        assert answer == Refused("The Viewer role cannot draft replies. Ask an owner or admin of the account.")
    elsewhere = Actor("manager@acme.example", Role.MANAGER, world.account_id, frozenset({world.new_york}))
    assert draft_reply(ledger, elsewhere, review, "Hi.", seen=None) == Refused(NOT_YOURS)
    assert mark_published(ledger, elsewhere, review, seen=None) == Refused(NOT_YOURS)
    assert take_back_published(ledger, elsewhere, review) == Refused(NOT_YOURS)
    owner = Actor("owner@acme.example", Role.OWNER, world.account_id)
    too_long = draft_reply(ledger, owner, review, "x" * (LONGEST_REPLY + 1), seen=None)
    assert isinstance(too_long, Refused)
    assert "4,001 characters" in too_long.reason
