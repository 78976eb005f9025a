"""Pictures in the ledger: kept once, carried from an ask by hand to the invitation, linked for a day."""

from datetime import timedelta

import sqlalchemy as sa

from data.ledger import pictures
from data.ledger import tables as t
from data.ledger.manual_asks import Wish, record_ask
from data.ledger.pictures import KeptPicture
from data.ledger.store import Ledger
from data.ledger.tables.metadata import database_now
from data.words import Channel, InvitationStatus
from tests.world import NOON, World, insert, make_customer, make_request, make_world

SMALL, LARGE = KeptPicture("image/jpeg", 4, 3, b"small"), KeptPicture("image/png", 40, 30, b"large")


def attachments(ledger: Ledger) -> list[sa.Row[tuple[object, ...]]]:
    with ledger.read() as c:
        return list(c.execute(t.attachments.select()).all())


def ask_with(ledger: Ledger, world: World, customer: int, *shown: KeptPicture, hours: float = 0) -> None:
    with ledger.write() as c:
        at = NOON + timedelta(hours=hours)
        asked = record_ask(c, world.account_id, customer, by="o@acme.example", at=at, wish=Wish())
        if shown:
            ids = pictures.keep(c, world.account_id, {Channel.SMS: shown}, by="o@acme.example")
            pictures.attach_to_ask(c, asked, ids)


def start(ledger: Ledger, world: World, customer: int, *, hours: float = 1) -> int:
    with ledger.write() as c:
        person = c.scalar(sa.select(t.customers.c.person_id).where(t.customers.c.customer_id == customer))
        c.execute(t.invitations.update().values(status=InvitationStatus.FINISHED))
        made = insert(
            c, t.invitations, account_id=world.account_id, location_id=world.chicago, customer_id=customer,
            person_id=person, sequence_id=world.sequence_id, policy_id=world.policy_id,
            status=InvitationStatus.ACTIVE, started_at=NOON + timedelta(hours=hours),
        )  # fmt: skip
        pictures.carry_over(c, {customer: made})
    return made


def shown_by(ledger: Ledger, invitation: int) -> list[bytes]:
    along = t.invitation_attachments.c
    with ledger.read() as c:
        return list(
            c.scalars(
                sa.select(t.attachments.c.content)
                .join(t.invitation_attachments, along.attachment_id == t.attachments.c.attachment_id)
                .where(along.invitation_id == invitation)
                .order_by(along.channel, along.position)
            )
        )


def test_the_same_picture_is_kept_once_per_account(ledger: Ledger) -> None:
    world = make_world(ledger)
    with ledger.write() as c:
        first = pictures.keep(c, world.account_id, {Channel.SMS: [SMALL], Channel.EMAIL: [LARGE, SMALL]}, by="a")
    with ledger.write() as c:
        again = pictures.keep(c, world.account_id, {Channel.SMS: [SMALL, SMALL]}, by="b")
    assert len(attachments(ledger)) == 2
    assert again == {Channel.SMS: [first[Channel.SMS][0]] * 2}
    assert first[Channel.EMAIL][1] == first[Channel.SMS][0]


def test_an_ask_gives_its_pictures_to_the_invitation_that_comes_of_it_and_to_no_later_one(ledger: Ledger) -> None:
    world = make_world(ledger)
    customer, other = make_customer(ledger, world), make_customer(ledger, world)
    ask_with(ledger, world, customer, LARGE, SMALL)
    ask_with(ledger, world, other, SMALL)
    assert shown_by(ledger, start(ledger, world, customer)) == [b"large", b"small"]
    ask_with(ledger, world, customer, hours=2)
    assert shown_by(ledger, start(ledger, world, customer, hours=3)) == []


def test_asking_once_more_without_pictures_keeps_those_of_before(ledger: Ledger) -> None:
    world = make_world(ledger)
    customer = make_customer(ledger, world)
    ask_with(ledger, world, customer, LARGE)
    ask_with(ledger, world, customer, SMALL, hours=0.2)
    ask_with(ledger, world, customer, hours=0.4)
    assert shown_by(ledger, start(ledger, world, customer)) == [b"small"]


def test_a_link_leads_to_its_picture_for_a_day(ledger: Ledger) -> None:
    world = make_world(ledger)
    with ledger.write() as c:
        [one, two] = pictures.keep(c, world.account_id, {Channel.SMS: [SMALL, LARGE]}, by="a")[Channel.SMS]
        tokens = pictures.mint_links(c, [("x", two), ("x", one), ("y", two)])
    assert [len(token) for token in tokens] == [12, 12, 12]
    assert len(set(tokens)) == 3
    with ledger.read() as c:
        assert pictures.read_by_link(c, tokens[0]) == ("image/png", b"large")
        assert pictures.read_by_link(c, tokens[1]) == ("image/jpeg", b"small")
        assert pictures.read_by_link(c, "A" * 12) is None
        life = c.scalar(sa.select(sa.func.min(t.media_links.c.expires_at))) - c.scalar(sa.select(database_now()))
    assert timedelta(hours=23, minutes=50) < life <= timedelta(hours=24)
    with ledger.write() as c:
        c.execute(t.media_links.update().where(t.media_links.c.token == tokens[0]).values(expires_at=database_now()))
    with ledger.write() as c:
        assert pictures.read_by_link(c, tokens[0]) is None
        pictures.mint_links(c, [("z", one)])
        assert tokens[0] not in set(c.scalars(sa.select(t.media_links.c.token)))


def test_only_first_messages_carry_pictures_each_channel_its_own(ledger: Ledger) -> None:
    world = make_world(ledger)
    customer = make_customer(ledger, world)
    text, mail = (make_request(ledger, world, customer, channel=one) for one in (Channel.SMS, Channel.EMAIL))
    later = make_request(ledger, world, customer, channel=Channel.EMAIL, step=1)
    bare = make_request(ledger, world, make_customer(ledger, world))
    with ledger.write() as c:
        invitation = c.scalar(sa.select(t.requests.c.invitation_id).where(t.requests.c.request_id == text))
        ids = pictures.keep(c, world.account_id, {Channel.SMS: [SMALL], Channel.EMAIL: [LARGE, SMALL]}, by="a")
        pictures.attach_to_invitation(c, invitation, {Channel.EMAIL: ids[Channel.SMS]})
        pictures.attach_to_invitation(c, invitation, ids)
    with ledger.read() as c:
        rows = pictures.read_going_along(c, [text, mail, later, bare])
    assert [(row.request_id, row.media_type) for row in rows] == [
        (text, "image/jpeg"), (mail, "image/png"), (mail, "image/jpeg"),
    ]  # fmt: skip
