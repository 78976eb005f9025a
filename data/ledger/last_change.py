"""Whether anything that planning reads has changed: for keeping what was worked out until it has."""

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.ledger import tables as t

_DATED = (
    t.accounts, t.locations, t.channels, t.lists, t.customers, t.invitations, t.requests, t.quota_cycles,
    t.quota_reservations,
)  # fmt: skip
_APPENDED = (
    t.policies.c.policy_id, t.templates.c.template_id, t.sequences.c.sequence_id, t.suppressions.c.suppression_id,
    t.events.c.event_id, t.consents.c.consent_id, t.past_invitations.c.past_invitation_id,
    t.manual_asks.c.manual_ask_id, t.users.c.user_id,
)  # fmt: skip


def last_change(connection: Connection) -> str:
    """A text that is another one after every change that planning may notice. Read from indexes alone."""
    newest = [sa.select(sa.func.max(table.c.changed_at)).scalar_subquery() for table in _DATED]
    highest = [sa.select(sa.func.max(column)).scalar_subquery() for column in _APPENDED]
    # The one thing about a text that changes in place is whether Meta approves it.
    texts = t.templates.c
    approvals = sa.select(texts.template_id, texts.approval).where(texts.approval.is_not(None))
    row = connection.execute(sa.select(*newest, *highest)).one()
    return repr([*map(str, row), *sorted(map(str, connection.execute(approvals)))])
