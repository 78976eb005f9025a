"""Each action, the functions it goes through, and a call of each that comes to its end for whoever may."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from data.ledger import tables as t
from data.ledger.breakers import open_breaker
from data.ledger.runs import start_run
from data.permissions import Action
from data.words import (
    AttemptOutcome,
    Channel,
    RequestStatus,
    Role,
    RunKind,
    TemplateApproval,
    TemplateCategory,
)
from invitations.account_download import account_download
from invitations.actor import Actor
from invitations.approval import submit_templates
from invitations.by_hand import ask, buy_more
from invitations.change_settings import Edit, change_settings
from invitations.controls import (
    close_breaker,
    halt,
    pause_request,
    restart_invitation,
    resume,
    resume_request,
    stop_invitation,
)
from invitations.correct_contact import Corrected, correct_contact
from invitations.exports import note_export
from invitations.foresee_ask import foresee_ask
from invitations.look_back import look_back
from invitations.pause_selection import pause_requests, resume_requests
from invitations.pausing import pause_channel, pause_list, resume_channel, resume_list
from invitations.reply_drafts import draft_reply, mark_published, take_back_published
from invitations.restore import restore_email
from invitations.revoke import revoke_links
from invitations.send_form import Newcomer, ask_newcomer, foresee_newcomer, read_newcomer
from invitations.send_test import ask_for_test
from invitations.settings_effect import Table
from invitations.settle import settle_by_hand
from invitations.stop_many import restart_many, stop_many
from invitations.submit_text import ask_to_submit
from invitations.suppress_by_hand import suppress_by_hand, suppress_list
from invitations.undo_import import foresee_undo, undo_import
from invitations.uploads import ListChoice, Upload, ask_to_import, check_list, import_upload
from tests.invitations.test_approval import Desk
from tests.invitations.test_whatsapp import SOUND
from tests.who_may.stage import FILE, Stage
from tests.world import NOON, insert

NOT_FOR_THE_ROLE = re.compile(r"The [A-Z][A-Za-z ]+ role cannot|Only an owner or admin")
NEWCOMER = Newcomer(0, "Eve Holt", "eve@example.com", "")
DOUBTFUL = "d" * 32
CORRECTED = Corrected("Anna", "Ruiz", "anna@example.com", "")


Call = Callable[[Stage, Actor], Any]


@dataclass(frozen=True)
class Walked:
    """One function that an action goes through, called so that it comes to its end for whoever may.

    `prepare` makes what it needs beyond the town. `is_anywhere`: it is the whole account's, whatever locations somebody
    looks after, and their role alone counts.
    """

    action: Action
    function: Callable[..., Any]
    call: Call
    prepare: Callable[[Stage], Any] = lambda _: None
    is_anywhere: bool = False


def choice() -> ListChoice:
    return ListChoice(location="chicago", name="Dora")


def _newcomer(s: Stage) -> Newcomer:
    return replace(NEWCOMER, location_id=s.world.chicago)


def payload() -> dict[str, Any]:
    return {"path": "dora.csv", "location": "chicago", "list_name": "Dora"}


def _users_edit() -> Edit:
    return Edit(Table.USERS, ("new@acme.example",), None, {"email": "new@acme.example", "name": "N", "role": "viewer"})


def _as_owner(call: Call) -> Callable[[Stage], Any]:
    return lambda s: call(s, s.actor(Role.OWNER))


def _drafted(s: Stage, a: Actor) -> Any:
    return draft_reply(s.ledger, a, s.ids["review"], "Thank you.", seen=None)


def _published(s: Stage, a: Actor) -> Any:
    return _drafted(s, a), mark_published(s.ledger, a, s.ids["review"], seen="Thank you.")


def _held_back(s: Stage) -> None:
    with s.ledger.write() as c:
        open_breaker(c, Channel.SMS, "+13125550100", code="20003", reason="auth token refused")


def _in_doubt(s: Stage) -> None:
    """Ana's message left by a relay that keeps no record."""
    batch = start_run(s.ledger, RunKind.SEND, NOON)
    with s.ledger.write() as c:
        c.execute(t.attempts.insert().values(
            attempt_id=DOUBTFUL, batch_id=batch, request_id=s.ids["queued"], provider="smtp", claimed_at=NOON,
            lease_until=NOON, handed_at=NOON, finished_at=NOON, outcome=AttemptOutcome.IN_DOUBT, is_left_to_person=True,
        ))  # fmt: skip
        doubtful = {"status": RequestStatus.IN_DOUBT, "attempt_id": DOUBTFUL}
        c.execute(t.requests.update().where(t.requests.c.request_id == s.ids["queued"]).values(**doubtful))


def _with_whatsapp(s: Stage) -> None:
    with s.ledger.write() as c:
        insert(
            c, t.templates, account_id=s.world.account_id, slug="ask", channel=Channel.WHATSAPP, language="en",
            version=1, body=SOUND, asked_category=TemplateCategory.UTILITY, category=TemplateCategory.UTILITY,
            approval=TemplateApproval.UNSUBMITTED,
        )  # fmt: skip


WALK = [
    Walked(Action.STOP, stop_invitation, lambda s, a: stop_invitation(s.ledger, a, s.ids["going"], now=NOON)),
    Walked(Action.STOP, stop_many, lambda s, a: stop_many(s.ledger, a, [s.ids["ana"]], now=NOON)),
    Walked(Action.STOP, revoke_links, lambda s, a: revoke_links(s.ledger, a, "cleo@example.com")),
    Walked(Action.RESTART, restart_invitation, lambda s, a: restart_invitation(
        s.ledger, a, s.ids["stopped"], now=NOON)),
    Walked(Action.RESTART, restart_many, lambda s, a: restart_many(s.ledger, a, [s.ids["cleo"]], now=NOON)),
    Walked(Action.PAUSE, pause_request, lambda s, a: pause_request(s.ledger, a, s.ids["queued"], now=NOON)),
    Walked(Action.PAUSE, pause_requests, lambda s, a: pause_requests(s.ledger, a, [s.ids["queued"]], now=NOON)),
    Walked(Action.PAUSE, pause_channel, lambda s, a: pause_channel(
        s.ledger, a, Channel.SMS, [s.world.chicago], now=NOON)),
    Walked(Action.PAUSE, pause_list, lambda s, a: pause_list(s.ledger, a, "Gil", now=NOON)),
    Walked(Action.RESUME, resume_request, lambda s, a: resume_request(s.ledger, a, s.ids["paused"], now=NOON)),
    Walked(Action.RESUME, resume_requests, lambda s, a: resume_requests(s.ledger, a, [s.ids["paused"]], now=NOON)),
    Walked(Action.RESUME, resume_channel, lambda s, a: resume_channel(
        s.ledger, a, Channel.SMS, [s.world.chicago]),
           _as_owner(lambda s, a: pause_channel(s.ledger, a, Channel.SMS, [s.world.chicago], now=NOON))),
    Walked(Action.RESUME, resume_list, lambda s, a: resume_list(s.ledger, a, "Gil"),
           _as_owner(lambda s, a: pause_list(s.ledger, a, "Gil", now=NOON))),
    Walked(Action.SEND, ask, lambda s, a: ask(s.ledger, a, s.ids["fay"], now=NOON)),
    Walked(Action.SEND, foresee_ask, lambda s, a: foresee_ask(s.ledger, a, s.ids["fay"], now=NOON)),
    Walked(Action.SEND, ask_newcomer, lambda s, a: ask_newcomer(s.ledger, a, _newcomer(s), now=NOON)),
    Walked(Action.SEND, foresee_newcomer, lambda s, a: foresee_newcomer(s.ledger, a, _newcomer(s), now=NOON)),
    Walked(Action.SEND, read_newcomer, lambda s, a: read_newcomer(s.ledger, a, _newcomer(s), now=NOON)),
    Walked(Action.SEND, ask_for_test, lambda s, a: ask_for_test(
        s.ledger, a, channel=Channel.EMAIL, template_slug="ask", location_id=s.world.chicago)),
    Walked(Action.SEND, settle_by_hand, lambda s, a: settle_by_hand(
        s.ledger, a, DOUBTFUL, was_sent=True, now=NOON), _in_doubt),
    Walked(Action.IMPORT, check_list, lambda s, a: check_list(s.ledger, a, Upload("dora.csv", FILE), choice())),
    Walked(Action.IMPORT, ask_to_import, lambda s, a: ask_to_import(
        s.ledger, a, Upload("dora.csv", FILE), choice(), now=NOON)),
    Walked(Action.IMPORT, import_upload, lambda s, a: import_upload(s.ledger, a, FILE, payload())),
    Walked(Action.UNDO_IMPORT, undo_import, lambda s, a: undo_import(s.ledger, a, s.ids["list"], now=NOON)),
    Walked(Action.UNDO_IMPORT, foresee_undo, lambda s, a: foresee_undo(s.ledger, a, s.ids["list"])),
    Walked(Action.CORRECT_CONTACT, correct_contact, lambda s, a: correct_contact(
        s.ledger, a, s.ids["ana"], CORRECTED, now=NOON)),
    Walked(Action.DO_NOT_CONTACT, suppress_by_hand, lambda s, a: suppress_by_hand(
        s.ledger, a, "ana@example.com", because="she said so", now=NOON), is_anywhere=True),
    Walked(Action.DO_NOT_CONTACT, suppress_list, lambda s, a: suppress_list(
        s.ledger, a, b"email\nana@example.com\n", file_name="no.csv", because="", now=NOON)),
    Walked(Action.DRAFT_REPLY, draft_reply, _drafted),
    Walked(Action.DRAFT_REPLY, mark_published, lambda s, a: mark_published(
        s.ledger, a, s.ids["review"], seen="Thank you."), _as_owner(_drafted)),
    Walked(Action.DRAFT_REPLY, take_back_published, lambda s, a: take_back_published(
        s.ledger, a, s.ids["review"]), _as_owner(_published)),
    Walked(Action.EXPORT, note_export, lambda s, a: note_export(s.ledger, a, "customers", rows=4),
           is_anywhere=True),
    Walked(Action.HALT, halt, lambda s, a: halt(s.ledger, a, "a drill", now=NOON),
           is_anywhere=True),
    Walked(Action.LIFT_HALT, resume, lambda s, a: resume(s.ledger, a, now=NOON),
           _as_owner(lambda s, a: halt(s.ledger, a, "a drill", now=NOON)), is_anywhere=True),
    Walked(Action.LIFT_HALT, close_breaker, lambda s, a: close_breaker(s.ledger, a, 1), _held_back,
           is_anywhere=True),
    Walked(Action.BUY_MORE, buy_more, lambda s, a: buy_more(s.ledger, a, 5, now=NOON), is_anywhere=True),
    Walked(Action.CHANGE_SETTINGS, change_settings, lambda s, a: change_settings(
        s.ledger, a, [Edit(Table.ACCOUNT, (), {"name": "Acme Dental"}, {"name": "Acme"})], now=NOON)),
    Walked(Action.CHANGE_SETTINGS, account_download, lambda s, a: account_download(s.ledger, a, now=NOON)),
    Walked(Action.CHANGE_SETTINGS, restore_email, lambda s, a: restore_email(
        s.ledger, a, "ana@example.com", because="she asked", now=NOON), _as_owner(lambda s, a: suppress_by_hand(
            s.ledger, a, "ana@example.com", because="she said so", now=NOON))),
    Walked(Action.CHANGE_SETTINGS, ask_to_submit, lambda s, a: ask_to_submit(s.ledger, a, "ask", "en"),
           _with_whatsapp),
    Walked(Action.CHANGE_SETTINGS, submit_templates, lambda s, a: submit_templates(
        s.ledger, Desk(), a), _with_whatsapp, is_anywhere=True),
    Walked(Action.MANAGE_USERS, change_settings, lambda s, a: change_settings(
        s.ledger, a, [_users_edit()], now=NOON)),
    Walked(Action.SEE_AUDIT, look_back, lambda s, a: look_back(a, [s.world.chicago], is_whole=True),
           is_anywhere=True),  # of who looks after some it sees those: tests/invitations/test_look_back.py
]  # fmt: skip
# What a page shows; `test_what_a_role_sees_on_the_customers_page` walks them.
SEEN = {Action.VIEW, Action.OPEN_PANEL, Action.SEE_ACCOUNT_QUOTA}
# Functions with an actor that are parts of walked ones, say what was refused, or only read what the page has anyway.
PARTS = {
    *("actor.refuse_role", "actor.write_audit", "by_hand.barred", "by_hand.may_not_ask", "by_hand.note_ask"),
    *(
        "controls.ask_to_plan",
        "controls.must_not_be_contacted",
        "foresee_ask.foresee_in",
        "import_rights.is_all_theirs",
        "import_rights.refuse_import",
    ),
    *("send_form.read_choices", "send_preview.preview", "send_test.last_problem", "stop_many.foresee_many"),
}
