"""Replies to reviews: drafted here, copied from here, published on the platform by whoever answers there.

No platform is written to. A draft is the team's: one of them writes, another mends; what one saved is never
overwritten by somebody who had not seen it. Saying that it was published turns the draft into the reply; that can be
taken back.
"""

import re

from sqlalchemy.engine import Connection

from data.ledger.reply_drafts import Reply, lock_reply, set_reply
from data.ledger.store import Ledger, again_if_undone
from data.permissions import Action
from invitations.actor import NOT_YOURS, Actor, Answer, Done, Refused, refuse_role, write_audit

LONGEST_REPLY = 4_000  # characters; Google takes 4,096 bytes, the least of the platforms
_CONTROLS = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")
_CHANGED = "{who} changed this draft since you opened it. Nothing was saved: look at theirs first."


@again_if_undone
def draft_reply(ledger: Ledger, actor: Actor, review_id: int, text: str, *, seen: str | None) -> Answer:
    """Save the draft of a reply; an empty text takes it away. `seen` is the draft that the writer began with.

    Refused without the right, for somebody else's location, where the draft is another one by now, and for a reply that
    no platform would take.
    """
    if refusal := refuse_role(actor, Action.DRAFT_REPLY):
        return refusal
    wanted = _cleaned(text)
    if len(wanted) > LONGEST_REPLY:
        return Refused(f"This reply has {len(wanted):,} characters; platforms take {LONGEST_REPLY:,}. Shorten it.")
    with ledger.write() as c:
        found = lock_reply(c, actor.account_id, actor.location_ids, review_id)
        if found is None:
            return Refused(NOT_YOURS)
        if (found.draft or "") != (seen or ""):
            return Refused(_CHANGED.format(who=found.drafted_by or "Somebody"))
        if (found.draft or "") == wanted:
            return Refused("The draft says so already.", is_so_already=True)
        _write(c, actor, found, reply=found.reply, draft=wanted or None)
    if not wanted:
        return Done("The draft is gone.")
    return Done(f"Draft saved. Copy it and publish it on {_title(found)}: nothing is sent from here.")


@again_if_undone
def mark_published(ledger: Ledger, actor: Actor, review_id: int, *, seen: str | None) -> Answer:
    """Keep that the draft was published on the platform: it is the reply from then on.

    `seen` is the draft that was copied: refused where it is another one by now.
    """
    if refusal := refuse_role(actor, Action.DRAFT_REPLY):
        return refusal
    with ledger.write() as c:
        found = lock_reply(c, actor.account_id, actor.location_ids, review_id)
        if found is None:
            return Refused(NOT_YOURS)
        if not found.draft:
            return Refused("There is no draft to publish. Write and save one first.", is_so_already=bool(found.reply))
        if found.draft != seen:
            return Refused(_CHANGED.format(who=found.drafted_by or "Somebody"))
        _write(c, actor, found, reply=found.draft, draft=None)
    return Done(f"Kept as published on {_title(found)}.")


@again_if_undone
def take_back_published(ledger: Ledger, actor: Actor, review_id: int) -> Answer:
    """The reply was not published after all (or was deleted there): it is a draft again."""
    if refusal := refuse_role(actor, Action.DRAFT_REPLY):
        return refusal
    with ledger.write() as c:
        found = lock_reply(c, actor.account_id, actor.location_ids, review_id)
        if found is None:
            return Refused(NOT_YOURS)
        if not found.reply:
            return Refused("This review has no published reply.", is_so_already=True)
        _write(c, actor, found, reply=None, draft=found.draft or found.reply)
    return Done("It is a draft again.")


def _write(c: Connection, actor: Actor, found: Reply, *, reply: str | None, draft: str | None) -> None:
    set_reply(c, found.review_id, reply=reply, draft=draft, by=actor.email)
    write_audit(
        c, actor, Action.DRAFT_REPLY, f"review {found.review_id}",
        before={"reply": found.reply, "draft": found.draft},
        after={"reply": reply, "draft": draft},
    )  # fmt: skip


def _cleaned(text: str) -> str:
    """Text that keeps its line breaks and loses every other control character."""
    return _CONTROLS.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).strip()


def _title(found: Reply) -> str:
    return found.platform.title()
