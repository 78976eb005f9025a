"""Which pictures go along with a message, and in which form."""

import pytest
import sqlalchemy as sa

from connectors import Message
from data.ledger import pictures as kept
from data.ledger import tables as t
from data.ledger.pictures import KeptPicture
from data.ledger.store import Ledger
from data.words import Channel
from invitations.pictures import with_pictures
from tests.world import make_customer, make_request, make_world

pytestmark = pytest.mark.one_database
PUBLIC = "https://reviews.acme.example/"


def message(attempt_id: str, channel: Channel) -> Message:
    return Message(attempt_id=attempt_id, channel=channel, to="somebody", text="Hi", link="https://x.example/r/1")


def test_a_text_links_to_its_pictures_and_a_mail_carries_them(ledger: Ledger) -> None:
    world = make_world(ledger)
    customer = make_customer(ledger, world)
    text, mail = (make_request(ledger, world, customer, channel=one) for one in (Channel.SMS, Channel.EMAIL))
    bare = make_request(ledger, world, make_customer(ledger, world))
    with ledger.write() as c:
        invitation = c.scalar(sa.select(t.requests.c.invitation_id).where(t.requests.c.request_id == text))
        shown = {
            Channel.SMS: [KeptPicture("image/jpeg", 4, 3, b"small"), KeptPicture("image/jpeg", 4, 3, b"second")],
            Channel.EMAIL: [KeptPicture("image/png", 40, 30, b"large"), KeptPicture("image/jpeg", 4, 3, b"second")],
        }
        kept.attach_to_invitation(c, invitation, kept.keep(c, world.account_id, shown, by="a"))
    messages = [message("b", Channel.SMS), message("m", Channel.EMAIL), message("t", Channel.SMS)]
    with ledger.write() as c:
        bare_one, mailed, texted = with_pictures(c, {"t": text, "m": mail, "b": bare}, messages, public_url=PUBLIC)
    assert bare_one == messages[0]
    assert [(one.name, one.media_type, one.content) for one in mailed.pictures] == [
        ("photo-1.png", "image/png", b"large"), ("photo-2.jpg", "image/jpeg", b"second"),
    ]  # fmt: skip
    assert mailed.media_urls == ()
    assert texted.pictures == ()
    with ledger.read() as c:
        tokens = [url.removeprefix("https://reviews.acme.example/m/") for url in texted.media_urls]
        assert [kept.read_by_link(c, token) for token in tokens] == [
            ("image/jpeg", b"small"), ("image/jpeg", b"second"),
        ]  # fmt: skip
        assert set(c.scalars(sa.select(t.media_links.c.attempt_id))) == {"t"}


def test_messages_without_pictures_cost_one_query(ledger: Ledger) -> None:
    world = make_world(ledger)
    request = make_request(ledger, world, make_customer(ledger, world))
    messages = [message("a", Channel.SMS)]
    asked: list[str] = []
    with ledger.write() as c:
        sa.event.listen(c, "before_cursor_execute", lambda *given: asked.append(given[2]))
        assert with_pictures(c, {"a": request}, messages, public_url=PUBLIC) == messages
    assert len(asked) == 1
