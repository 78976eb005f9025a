"""WhatsApp texts handed to Meta, and their approval given and taken away."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from connectors import AccountStopped, TemplateRefused, TemplateStanding, TemplateText, Unavailable
from data.ledger import tables as t
from data.ledger.store import Ledger
from data.ledger.templates import is_to_be_asked_about
from data.words import Channel, Role, TemplateApproval, TemplateCategory
from invitations.actor import Actor, Done, Refused
from invitations.approval import ask_before_batch, poll_templates, standings, submit_templates
from tests.invitations.test_whatsapp import SOUND
from tests.world import World, insert, make_world

pytestmark = pytest.mark.one_database


class Desk:
    """A desk of our own Protocol: what was handed in, and what a test says that Meta thinks of it."""

    name = "desk"

    def __init__(self) -> None:
        self.there: dict[str, TemplateStanding] = {}
        self.trouble: Exception | None = None
        self.breaks_after_making = False
        self.made: list[TemplateText] = []
        self.asked: list[tuple[str, TemplateCategory]] = []

    def create(self, text: TemplateText) -> str:
        self.made.append(text)
        made = f"HX{len(self.made)}"
        says = tuple(filter(None, (text.text, text.button_text, text.button_address)))
        self.there[made] = TemplateStanding(made, text.name, TemplateApproval.UNSUBMITTED, says=says)
        if self.breaks_after_making:
            raise Unavailable("no answer")
        return made

    def submit(self, provider_template_id: str, name: str, category: TemplateCategory) -> TemplateStanding:
        if self.trouble:
            raise self.trouble
        self.asked.append((name, category))
        self.decide(TemplateApproval.PENDING, provider_template_id)
        return self.there[provider_template_id]

    def read(self) -> Sequence[TemplateStanding]:
        if isinstance(self.trouble, (Unavailable, AccountStopped)):
            raise self.trouble
        return list(self.there.values())

    def decide(self, approval: TemplateApproval, which: str = "HX1", **values: Any) -> None:
        self.there[which] = replace(self.there[which], approval=approval, **values)


@pytest.fixture
def world(ledger: Ledger) -> World:
    world = make_world(ledger)
    with ledger.write() as c:
        insert(
            c, t.templates, account_id=world.account_id, slug="ask", channel=Channel.WHATSAPP, language="en",
            version=1, body=SOUND, asked_category=TemplateCategory.UTILITY, category=TemplateCategory.UTILITY,
            approval=TemplateApproval.UNSUBMITTED,
        )  # fmt: skip
    return world


def owner(world: World, role: Role = Role.OWNER) -> Actor:
    return Actor("owner@acme.example", role, world.account_id)


def row(ledger: Ledger) -> Any:
    with ledger.read() as c:
        return c.execute(sa.select(t.templates).where(t.templates.c.channel == Channel.WHATSAPP)).one()


def polled(ledger: Ledger, desk: Desk) -> TemplateApproval:
    poll_templates(ledger, {"desk": desk})
    approval: TemplateApproval = row(ledger).approval
    return approval


def test_a_text_is_made_submitted_and_approved_and_who_did_it_is_kept(ledger: Ledger, world: World) -> None:
    desk = Desk()
    answer = submit_templates(ledger, desk, owner(world))
    assert answer == Done('"ask" (en) is with Meta, which mostly answers within minutes.')
    assert desk.asked == [(desk.made[0].name, TemplateCategory.UTILITY)]
    kept = row(ledger)
    assert (kept.approval, kept.provider_template_id) == (TemplateApproval.PENDING, "HX1")
    assert kept.submitted_by == "owner@acme.example"
    with ledger.read() as c:
        assert c.execute(sa.select(t.audit.c.actor).where(t.audit.c.action == "submitted")).all() == [
            ("owner@acme.example",)
        ]
    desk.decide(TemplateApproval.APPROVED)
    assert polled(ledger, desk) is TemplateApproval.APPROVED


@pytest.mark.parametrize("taken", ["rejected", "paused", "disabled", "unsubmitted", "pending"])
def test_polling_takes_an_approval_away_as_well_as_it_gives_it(ledger: Ledger, world: World, taken: str) -> None:
    desk = Desk()
    submit_templates(ledger, desk, owner(world))
    desk.decide(TemplateApproval.APPROVED)
    assert poll_templates(ledger, {"desk": desk})["given"] == 1
    desk.decide(TemplateApproval(taken), rejection_reason="Meta's own words")
    assert poll_templates(ledger, {"desk": desk})["taken_away"] == 1
    assert (row(ledger).approval, row(ledger).rejection_reason) == (TemplateApproval(taken), "Meta's own words")
    desk.decide(TemplateApproval.APPROVED, rejection_reason=None)
    assert polled(ledger, desk) is TemplateApproval.APPROVED
    assert row(ledger).rejection_reason is None


def test_a_template_that_is_gone_or_says_something_else_is_not_approved(ledger: Ledger, world: World) -> None:
    desk = Desk()
    submit_templates(ledger, desk, owner(world))
    desk.decide(TemplateApproval.APPROVED, says=("Hi {{1}}, buy more at https://elsewhere.example/r/{{3}} and {{2}}",))
    assert polled(ledger, desk) is TemplateApproval.UNSUBMITTED
    assert "does not lead to" in row(ledger).rejection_reason
    desk.there.clear()
    assert polled(ledger, desk) is TemplateApproval.DISABLED
    [told] = standings(ledger, world.account_id)
    assert told.reason == "the provider has no template with this id any more"
    assert told.mend


def test_metas_own_category_is_kept_beside_what_was_asked_for(ledger: Ledger, world: World) -> None:
    desk = Desk()
    submit_templates(ledger, desk, owner(world))
    desk.decide(TemplateApproval.APPROVED, category=TemplateCategory.MARKETING)
    polled(ledger, desk)
    kept = row(ledger)
    assert (kept.category, kept.asked_category) == (TemplateCategory.MARKETING, TemplateCategory.UTILITY)


def test_submitting_again_makes_nothing_twice_whatever_went_wrong_the_first_time(ledger: Ledger, world: World) -> None:
    desk = Desk()
    desk.breaks_after_making = True
    assert isinstance(submit_templates(ledger, desk, owner(world)), Refused)
    assert row(ledger).provider_template_id is None
    desk.breaks_after_making = False
    desk.trouble = TemplateRefused("The name is blocked for 30 days")
    answer = submit_templates(ledger, desk, owner(world))
    assert answer == Refused('"ask" (en) was refused: The name is blocked for 30 days')
    assert row(ledger).approval is TemplateApproval.UNSUBMITTED
    desk.trouble = None
    for _ in range(2):
        assert isinstance(submit_templates(ledger, desk, owner(world), slug="ask"), Done)
    assert (len(desk.made), len(desk.asked)) == (1, 1)


def test_web_at_another_address_needs_another_template(ledger: Ledger, world: World) -> None:
    desk = Desk()
    submit_templates(ledger, desk, owner(world))
    desk.decide(TemplateApproval.APPROVED)
    ledger.settings = ledger.settings.model_copy(update={"public_url": "https://moved.example"})
    assert polled(ledger, desk) is TemplateApproval.UNSUBMITTED
    submit_templates(ledger, desk, owner(world))
    assert row(ledger).provider_template_id == "HX2"
    assert len({text.name for text in desk.made}) == 2


def test_only_who_may_change_settings_submits_and_a_bad_text_says_how_to_mend_it(ledger: Ledger, world: World) -> None:
    desk = Desk()
    refused = submit_templates(ledger, desk, owner(world, Role.MANAGER))
    assert refused == Refused("The Manager role cannot submit templates. Ask an owner or admin of the account.")
    with ledger.write() as c:
        c.execute(t.templates.update().values(body="Hi {{ first_name }}, how was it? Tell us: {{ link }} Thank you."))
    answer = submit_templates(ledger, desk, owner(world))
    assert isinstance(answer, Refused)
    assert "{{ first_name or 'there' }}" in answer.reason
    assert "no WhatsApp template" in str(submit_templates(ledger, desk, owner(world), slug="other"))
    assert desk.made == []


def test_a_provider_that_is_not_reached_changes_nothing_and_holds_no_batch_up(ledger: Ledger, world: World) -> None:
    desk = Desk()
    submit_templates(ledger, desk, owner(world))
    desk.decide(TemplateApproval.APPROVED)
    polled(ledger, desk)
    desk.trouble = Unavailable("Twilio's templates were not reached")
    assert poll_templates(ledger, {"desk": desk})["not_reached"] == 1
    desk.trouble = AccountStopped("20003", "refused")
    with ledger.write() as c:
        c.execute(t.templates.update().values(approval_checked_at=None))
    ask_before_batch(ledger, lambda: {"desk": desk})
    assert row(ledger).approval is TemplateApproval.APPROVED


def test_what_is_told_of_a_message_while_polling_holds(ledger: Ledger, world: World) -> None:
    desk = Desk()
    submit_templates(ledger, desk, owner(world))
    desk.decide(TemplateApproval.APPROVED)

    class SlowDesk(Desk):
        def read(self) -> Sequence[TemplateStanding]:
            with ledger.write() as c:  # Twilio refuses a message by this template while its list is on the way
                c.execute(t.templates.update().values(approval=TemplateApproval.PAUSED))
            return list(desk.there.values())

    assert polled(ledger, SlowDesk()) is TemplateApproval.PAUSED
    assert polled(ledger, desk) is TemplateApproval.APPROVED


def test_meta_is_asked_soon_about_what_waits_and_now_and_then_about_the_rest(ledger: Ledger, world: World) -> None:
    def is_due(minutes: int) -> bool:
        with ledger.write() as c:
            now = ledger.now(c)
            c.execute(t.templates.update().values(approval_checked_at=now - timedelta(minutes=minutes)))
            return is_to_be_asked_about(c)

    assert not is_due(60)  # nothing was submitted
    desk = Desk()
    submit_templates(ledger, desk, owner(world))
    assert [is_due(0), is_due(2)] == [False, True]
    desk.decide(TemplateApproval.APPROVED)
    polled(ledger, desk)
    assert [is_due(2), is_due(11)] == [False, True]
