"""Taking an import back: what of it has not been sent never goes. Rights are checked here, not in buttons."""

from datetime import datetime

import structlog

from data.ledger import undoing
from data.ledger.store import Ledger, again_if_undone
from data.ledger.undoing import Unsent
from data.permissions import Action
from invitations.actor import NOT_YOURS, Actor, Answer, Done, Refused, write_audit
from invitations.controls import ask_to_plan
from invitations.import_rights import is_all_theirs, refuse_import

log = structlog.get_logger(__name__)

_OTHERS_TOO = (
    "This list names locations that you do not look after. Ask somebody who looks after all of them to take it back."
)


def foresee_undo(ledger: Ledger, actor: Actor, list_id: int) -> Unsent | Refused:
    """What `undo_import` would end, for the question before it."""
    with ledger.read() as c:
        if refusal := refuse_import(c, actor, Action.UNDO_IMPORT):
            return refusal
        if undoing.find_list(c, actor.account_id, actor.location_ids, list_id) is None:
            return Refused(NOT_YOURS)
        if not is_all_theirs(c, actor, list_id):
            return Refused(_OTHERS_TOO)
        return undoing.unsent(c, list_id)


@again_if_undone
def undo_import(ledger: Ledger, actor: Actor, list_id: int, *, now: datetime) -> Answer:
    """Take a list back: what is queued is canceled, its invitations end, and who came only by it is not asked.

    What has gone stays as it is, with its history and answers; so does what a person asked for by hand.
    """
    with ledger.write() as c:
        if refusal := refuse_import(c, actor, Action.UNDO_IMPORT):
            return refusal
        found = undoing.find_list(c, actor.account_id, actor.location_ids, list_id, for_update=True)
        if found is None:
            return Refused(NOT_YOURS)
        if found.undone_at is not None:
            return Refused("This list was taken back already.", is_so_already=True)
        if not is_all_theirs(c, actor, list_id):
            return Refused(_OTHERS_TOO)
        ended, canceled = undoing.undo(c, list_id, at=now, by=actor.email)
        write_audit(
            c, actor, Action.UNDO_IMPORT, f"list {list_id}", before={"undone_at": None},
            after={
                "name": found.name, "undone_at": now.isoformat(), "invitations_ended": ended,
                "messages_canceled": canceled,
            },
        )  # fmt: skip
        ask_to_plan(c, actor)
    log.warning("import undone", list_id=list_id, invitations=ended, messages=canceled)
    won_t = "1 queued message won't be sent" if canceled == 1 else f"{canceled:,} queued messages won't be sent"
    return Done(f"Taken back. {won_t if canceled else 'Nothing was queued'}, and nobody is asked because of this list.")
