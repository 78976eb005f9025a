"""Pausing and resuming a selection of messages in one go: as one message in `controls`, all or none in a transaction.

Messages that have gone meanwhile, or stand so already, are left as they are and counted in the answer.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.engine import Connection

from data.ledger import controls
from data.ledger.store import Ledger, again_if_undone
from data.permissions import Action
from invitations.actor import Actor, Answer, Done, Refused, refuse_role, write_audit
from invitations.controls import ask_to_plan

MOST = 500  # messages in one go; more are paused by list or channel
_CHANGED, _SO_ALREADY, _GONE, _NOT_YOURS = "changed", "so already", "gone", "not yours"


@again_if_undone
def pause_requests(ledger: Ledger, actor: Actor, request_ids: Sequence[int], *, now: datetime) -> Answer:
    """Hold these messages back until they are resumed."""
    if refusal := refuse_role(actor, Action.PAUSE) or _too_many(request_ids):
        return refusal
    with ledger.write() as c:
        counts = Counter(_pause(c, actor, request_id, now) for request_id in sorted(set(request_ids)))
    if not counts[_CHANGED]:
        return Refused(f"Nothing was paused. {_beside(counts, 'paused already')}", is_so_already=True)
    return Done(
        f"Paused {_messages(counts[_CHANGED])} until someone resumes. {_beside(counts, 'paused already')}".strip()
    )


@again_if_undone
def resume_requests(ledger: Ledger, actor: Actor, request_ids: Sequence[int], *, now: datetime) -> Answer:
    """Let these messages go again; planning finds another time for those whose own has passed."""
    if refusal := refuse_role(actor, Action.RESUME) or _too_many(request_ids):
        return refusal
    with ledger.write() as c:
        counts = Counter(_resume(c, actor, request_id) for request_id in sorted(set(request_ids)))
        if counts[_CHANGED]:
            ask_to_plan(c, actor)
    if not counts[_CHANGED]:
        return Refused(f"Nothing was resumed. {_beside(counts, 'not paused')}", is_so_already=True)
    return Done(f"Resumed {_messages(counts[_CHANGED])}. {_beside(counts, 'not paused')}".strip())


def _too_many(request_ids: Sequence[int]) -> Refused | None:
    if len(request_ids) <= MOST:
        return None
    return Refused(
        f"{len(request_ids):,} messages at once are too many; at most {MOST}. Pause the list or the channel."
    )


def _pause(c: Connection, actor: Actor, request_id: int, now: datetime) -> str:
    row = controls.lock_request(c, actor.account_id, actor.location_ids, request_id)
    if row is None:
        return _NOT_YOURS
    if not controls.set_paused(c, request_id, paused_at=now, by=actor.email):
        return _SO_ALREADY if row.is_here else _GONE
    write_audit(
        c, actor, Action.PAUSE, f"request {request_id}",
        before={"paused_at": None}, after={"paused_at": now.isoformat()},
    )  # fmt: skip
    return _CHANGED


def _resume(c: Connection, actor: Actor, request_id: int) -> str:
    row = controls.lock_request(c, actor.account_id, actor.location_ids, request_id)
    if row is None:
        return _NOT_YOURS
    if not controls.set_paused(c, request_id, paused_at=None, by=actor.email):
        return _SO_ALREADY if row.is_here else _GONE
    write_audit(
        c, actor, Action.RESUME, f"request {request_id}",
        before={"paused_at": row.paused_at and row.paused_at.isoformat()}, after={"paused_at": None},
    )  # fmt: skip
    return _CHANGED


def _messages(number: int) -> str:
    return "1 message" if number == 1 else f"{number} messages"


def _beside(counts: Counter[str], so_already: str) -> str:
    """What was left as it is: "2 were paused already, 1 can no longer be held back."."""
    parts = []
    if number := counts[_SO_ALREADY]:
        parts.append(f"{number} {'was' if number == 1 else 'were'} {so_already}")
    if number := counts[_GONE]:
        parts.append(f"{number} can no longer be held back")
    if number := counts[_NOT_YOURS]:
        parts.append(f"{number} {'is' if number == 1 else 'are'} not among the locations you look after")
    return f"{', '.join(parts)}." if parts else ""
