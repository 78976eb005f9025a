"""Looking at the audit: who may, and how far they see, is decided here; `data.ledger.audit_log` reads within that."""

from collections.abc import Collection

from data.ledger.audit_log import AuditSight
from data.permissions import Action
from invitations.actor import Actor, Refused, refuse_role


def look_back(actor: Actor, places: Collection[int], *, is_whole: bool) -> AuditSight | Refused:
    """How far this person sees: all of the account (`is_whole`), or what is about the locations `places`.

    Refused without the right to see it. Who looks after some locations sees what is about those, whatever is asked for.
    """
    if refusal := refuse_role(actor, Action.SEE_AUDIT):
        return refusal
    if actor.location_ids is None:
        return AuditSight(actor.account_id, frozenset(places), is_whole)
    return AuditSight(actor.account_id, frozenset(places) & actor.location_ids, is_whole=False)
