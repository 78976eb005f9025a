"""Which channels a form offers at a location, and why not the others."""

from typing import Any

import pytest

from data.ledger import tables as t
from data.ledger.store import Ledger
from data.words import Channel, TemplateApproval
from invitations.channels import ChannelOffer, offered_channels
from tests.world import NOON, World, insert, make_world


def offers(ledger: Ledger, location_id: int) -> dict[Channel, ChannelOffer]:
    with ledger.read() as c:
        return {offer.channel: offer for offer in offered_channels(c, location_id)}


def change(ledger: Ledger, world: World, channel: Channel, **values: Any) -> None:
    own = (t.channels.c.location_id == world.chicago, t.channels.c.channel == channel)
    with ledger.write() as c:
        c.execute(t.channels.update().where(*own).values(**values))


def add_whatsapp(ledger: Ledger, world: World, *approvals: TemplateApproval, slug: str = "ask") -> None:
    with ledger.write() as c:
        for version, approval in enumerate(approvals, 1):
            insert(
                c, t.templates, account_id=world.account_id, slug=slug, channel=Channel.WHATSAPP, language="en",
                version=version, body="How was it? {{ link }}", approval=approval,
            )  # fmt: skip


def test_what_is_switched_on_and_has_a_text_is_offered(ledger: Ledger) -> None:
    world = make_world(ledger)
    assert list(offers(ledger, world.chicago).values()) == [
        ChannelOffer(Channel.SMS, is_available=True),
        ChannelOffer(Channel.EMAIL, is_available=True),
        ChannelOffer(
            Channel.WHATSAPP,
            is_available=False,
            reason="WhatsApp is switched off for this location in the account's settings.",
        ),
    ]


@pytest.mark.one_database
def test_a_paused_channel_and_one_switched_off_are_not_offered_there_and_then(ledger: Ledger) -> None:
    world = make_world(ledger)
    change(ledger, world, Channel.SMS, paused_at=NOON)
    change(ledger, world, Channel.EMAIL, is_enabled=False)
    here = offers(ledger, world.chicago)
    assert here[Channel.SMS].reason == "SMS is paused for this location."
    assert here[Channel.EMAIL].reason.startswith("Email is switched off")
    assert offers(ledger, world.new_york)[Channel.SMS].is_available


@pytest.mark.parametrize(
    ("approvals", "reason"),
    [
        ([], "There is no template for WhatsApp yet."),
        (["unsubmitted"], "WhatsApp needs a template that Meta approved: none has been submitted yet."),
        (["pending"], "WhatsApp needs a template that Meta approved: Meta has not answered yet."),
        (["rejected"], "WhatsApp needs a template that Meta approved: Meta rejected the one there is."),
        (["approved"], ""),
        (["approved", "unsubmitted"], "WhatsApp needs a template that Meta approved: none has been submitted yet."),
    ],
)
@pytest.mark.one_database
def test_whatsapp_is_offered_once_meta_approved_the_newest_text(
    ledger: Ledger, approvals: list[str], reason: str
) -> None:
    world = make_world(ledger)
    change(ledger, world, Channel.WHATSAPP, is_enabled=True)
    add_whatsapp(ledger, world, *(TemplateApproval(word) for word in approvals))
    offer = offers(ledger, world.chicago)[Channel.WHATSAPP]
    assert (offer.is_available, offer.reason) == (not reason, reason)


@pytest.mark.one_database
def test_one_approved_text_among_several_is_enough(ledger: Ledger) -> None:
    world = make_world(ledger)
    change(ledger, world, Channel.WHATSAPP, is_enabled=True)
    add_whatsapp(ledger, world, TemplateApproval.REJECTED)
    add_whatsapp(ledger, world, TemplateApproval.APPROVED, slug="other")
    assert offers(ledger, world.chicago)[Channel.WHATSAPP].is_available
