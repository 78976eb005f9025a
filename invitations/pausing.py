"""Pausing a channel (a location's, or everywhere) or a list, and letting it go: as `controls`, for many at once.

What is queued stays queued and keeps its place: the claim and the hand-over look at these marks, so also a message that
a sender has taken up waits. Planning goes on beside and holds back what would be new.
"""

from collections.abc import Collection, Sequence
from datetime import datetime

import structlog
from sqlalchemy.engine import Connection

from data.ledger import pausing
from data.ledger.controls import Locations
from data.ledger.list_history import places_of_list
from data.ledger.pausing import ChannelState, ListState
from data.ledger.store import Ledger, again_if_undone
from data.permissions import Action
from data.words import Channel
from invitations.actor import NOT_YOURS, Actor, Answer, Done, Refused, refuse_role, write_audit
from invitations.controls import ask_to_plan
from invitations.import_rights import is_all_theirs

log = structlog.get_logger(__name__)

_NAMES = {Channel.SMS: "SMS", Channel.EMAIL: "Email", Channel.WHATSAPP: "WhatsApp"}
_PLANNED_ANEW = "What waited goes in its own time; planning finds a new one where that has passed."


@again_if_undone
def pause_channel(
    ledger: Ledger, actor: Actor, channel: Channel, location_ids: Collection[int] | None = None, *, now: datetime
) -> Answer:
    """Hold back a channel's messages at these locations (None: at all that the actor looks after) until resumed."""
    if refusal := refuse_role(actor, Action.PAUSE):
        return refusal
    with ledger.write() as c:
        found = _channels(c, actor, channel, location_ids)
        if isinstance(found, Refused):
            return found
        changed = [s for s in found if _set_channel(c, actor, s, at=now)]
        if not changed:
            return Refused(f"{_NAMES[channel]} is already paused{_at(found)}.", is_so_already=True)
        waiting = pausing.waiting_on(c, [state.location_id for state in changed], channel)
    log.warning("channel paused", channel=channel.value, locations=len(changed))
    return Done(f"{_NAMES[channel]} is paused{_at(changed)}. {_waits(waiting)}")


@again_if_undone
def resume_channel(
    ledger: Ledger, actor: Actor, channel: Channel, location_ids: Collection[int] | None = None
) -> Answer:
    """Let a paused channel's messages go again."""
    if refusal := refuse_role(actor, Action.RESUME):
        return refusal
    with ledger.write() as c:
        found = _channels(c, actor, channel, location_ids)
        if isinstance(found, Refused):
            return found
        changed = [s for s in found if _set_channel(c, actor, s, at=None)]
        if not changed:
            return Refused(f"{_NAMES[channel]} is not paused{_at(found)}.", is_so_already=True)
        ask_to_plan(c, actor)
    log.warning("channel resumed", channel=channel.value, locations=len(changed))
    return Done(f"{_NAMES[channel]} goes on{_at(changed)}. {_PLANNED_ANEW}")


@again_if_undone
def pause_list(
    ledger: Ledger, actor: Actor, name: str, location_ids: Collection[int] | None = None, *, now: datetime
) -> Answer:
    """Hold back every message to the customers of the lists called so, until resumed."""
    if refusal := refuse_role(actor, Action.PAUSE):
        return refusal
    with ledger.write() as c:
        found = _lists(c, actor, name, location_ids)
        if isinstance(found, Refused):
            return found
        changed = [state for state in found if _set_list(c, actor, state, at=now)]
    if not changed:
        return Refused(f'The list "{name}" is already paused.', is_so_already=True)
    log.warning("list paused", lists=len(changed))
    return Done(f'The list "{name}" is paused{_at(changed)}. {_waits(sum(state.waiting for state in changed))}')


@again_if_undone
def resume_list(ledger: Ledger, actor: Actor, name: str, location_ids: Collection[int] | None = None) -> Answer:
    """Let the messages to a paused list's customers go again."""
    if refusal := refuse_role(actor, Action.RESUME):
        return refusal
    with ledger.write() as c:
        found = _lists(c, actor, name, location_ids)
        if isinstance(found, Refused):
            return found
        changed = [state for state in found if _set_list(c, actor, state, at=None)]
        if not changed:
            return Refused(f'The list "{name}" is not paused.', is_so_already=True)
        ask_to_plan(c, actor)
    log.warning("list resumed", lists=len(changed))
    return Done(f'The list "{name}" goes on{_at(changed)}. {_PLANNED_ANEW}')


def _reach(actor: Actor, location_ids: Collection[int] | None) -> Locations | Refused:
    """Those of the actor's own that are meant."""
    if location_ids is None or actor.location_ids is None:
        return location_ids if actor.location_ids is None else actor.location_ids
    return Refused(NOT_YOURS) if set(location_ids) - actor.location_ids else location_ids


def _channels(
    c: Connection, actor: Actor, channel: Channel, location_ids: Collection[int] | None
) -> list[ChannelState] | Refused:
    reach = _reach(actor, location_ids)
    if isinstance(reach, Refused):
        return reach
    found = [state for state in pausing.channel_states(c, actor.account_id, reach) if state.channel is channel]
    if found:
        return found
    return Refused(f"{_NAMES[channel]} is switched off here: no message goes by it, paused or not.")


def _lists(c: Connection, actor: Actor, name: str, location_ids: Collection[int] | None) -> list[ListState] | Refused:
    reach = _reach(actor, location_ids)
    if isinstance(reach, Refused):
        return reach
    found = pausing.list_states(c, actor.account_id, reach, name)
    if not all(is_all_theirs(c, actor, state.list_id) for state in found):
        return Refused("This list names locations that you do not look after: ask somebody who does.")
    if reach is not None and any(places_of_list(c, state.list_id) - set(reach) for state in found):
        return Refused("This list brought people to other locations too and is held as a whole: choose all of them.")
    return found or Refused(f'No list among your locations is called "{name}". Write its name as on the Requests page.')


def _set_channel(c: Connection, actor: Actor, state: ChannelState, *, at: datetime | None) -> bool:
    if not pausing.set_channel_paused(c, state.location_id, state.channel, at=at, by=actor.email):
        return False
    _tell(c, actor, f"channel {state.channel.value} of location {state.location_id}", state.paused_at, at)
    return True


def _set_list(c: Connection, actor: Actor, state: ListState, *, at: datetime | None) -> bool:
    if not pausing.set_list_paused(c, state.list_id, at=at, by=actor.email):
        return False
    _tell(c, actor, f"list {state.list_id}", state.paused_at, at)
    return True


def _tell(c: Connection, actor: Actor, subject: str, was: datetime | None, at: datetime | None) -> None:
    write_audit(
        c, actor, Action.PAUSE if at else Action.RESUME, subject,
        before={"paused_at": was and was.isoformat()}, after={"paused_at": at and at.isoformat()},
    )  # fmt: skip


def _at(states: Sequence[ChannelState | ListState]) -> str:
    """ " at Acme Chicago", or " at 3 locations"."""
    names = sorted({state.location_name for state in states})
    return f" at {names[0]}" if len(names) == 1 else f" at {len(names)} locations"


def _waits(count: int) -> str:
    if not count:
        return "Nothing is queued for it now; what will be waits until someone resumes it."
    return f"{count:,} queued {'message waits' if count == 1 else 'messages wait'} until someone resumes it."
