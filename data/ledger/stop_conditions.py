"""What ends an invitation because it was met: one place for whatever can meet a stop condition, on receipt of it.

Which conditions count is the policy's under which the message was queued (`requests.policy_id`); an opt-out is no
condition, it always stops (`people.stop_open_invitations`).
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.ledger.tables import invitations, policies, requests
from data.ledger.types import UtcDateTime
from data.words import InvitationStatus, StopCondition

# When a policy document does not say: any answer ends the asking. A test holds it to `invitations.policy.Policy`.
UNLESS_SAID = (StopCondition.SCORED, StopCondition.PLATFORM_CHOSEN, StopCondition.REVIEW_LINKED)
# Not an answer: it ends what runs, and says nothing about what was stopped or has run out.
_ONLY_WHILE_ACTIVE = (StopCondition.PERMANENT_FAILURE,)

# Done by the customer at this moment; a review that is linked may be older than what asks them now.
_BY_THEMSELVES = (StopCondition.SCORED, StopCondition.PLATFORM_CHOSEN, StopCondition.CLICKED)

_i, _r, _p = invitations.c, requests.c, policies.c
_POLICY = (
    sa.select(_r.invitation_id, _p.rules)
    .join(policies, _p.policy_id == _r.policy_id)
    .where(_r.request_id == sa.bindparam("request_id"))
)
_answered = invitations.alias("answered")
_END_WHAT_ASKS_NOW = (
    invitations.update()
    .where(
        _i.customer_id
        == sa.select(_answered.c.customer_id)
        .where(_answered.c.invitation_id == sa.bindparam("answered_invitation", type_=sa.BigInteger))
        .scalar_subquery(),
        _i.status == InvitationStatus.ACTIVE,
        _i.first_handed_at.is_not(None),
    )
    .values(status=InvitationStatus.ANSWERED, ended_at=sa.bindparam("moment", type_=UtcDateTime))
)


def stops_when(rules: Mapping[str, Any]) -> frozenset[StopCondition]:
    """The stop conditions that a policy document switches on."""
    return frozenset(StopCondition(kind) for kind in rules.get("stop_when", UNLESS_SAID))


def end_if_met(connection: Connection, request_id: int, met: Collection[StopCondition], *, at: datetime) -> bool:
    """End the request's invitation as answered where its policy stops on one of `met`; whether that ended it.

    An answer counts also for an invitation that was stopped or had run out: it is on record then. Given through an old
    link, it ends as well what asks the same customer now. `at` is policy time.
    """
    row = connection.execute(_POLICY, {"request_id": request_id}).one()
    counting = stops_when(row.rules) & set(met)
    if not counting:
        return False
    open_to = [_i.status == InvitationStatus.ACTIVE] if counting <= set(_ONLY_WHILE_ACTIVE) else []
    ended = connection.execute(
        invitations.update()
        .where(_i.invitation_id == row.invitation_id, _i.status != InvitationStatus.ANSWERED, *open_to)
        .values(status=InvitationStatus.ANSWERED, ended_at=at)
    )
    if counting & set(_BY_THEMSELVES):
        connection.execute(_END_WHAT_ASKS_NOW, {"answered_invitation": row.invitation_id, "moment": at})
    return ended.rowcount == 1
