"""What may stand in a message's way at the last: looked at when it is claimed, and once more before the bytes leave."""

from collections.abc import Mapping

import sqlalchemy as sa

from data.ledger.breakers import is_held
from data.ledger.suppressions import is_suppressed
from data.ledger.tables import accounts, channels, invitations, lists, requests, system, templates
from data.plans import without_follow_ups
from data.words import Channel, InvitationStatus, TemplateApproval

_r, _i, _ch = requests.c, invitations.c, channels.c
# No parameter: where an index has a condition of its own (`uq_invitations_open`), SQLite prepares a statement anew for
# each value that it compares with it, and preparing these takes twenty times as long as running them.
_ACTIVE: sa.ColumnElement[str] = sa.literal_column(f"'{InvitationStatus.ACTIVE.value}'")


def nothing_stops(
    sender: sa.ColumnElement[str] | None = None,
    attempt_id: sa.ColumnElement[str] | None = None,
    *,
    besides: sa.ColumnElement[int] | int | None = None,
    is_due_spared: bool = False,
) -> sa.ColumnElement[bool]:
    """What people, customers, settings, Meta and providers may put in a message's way; for a WHERE over `with_context`.

    `sender` is what it would leave from: `attempts.sender` at the hand-over, `sender_of` at the claim; without it no
    breaker is looked at. The others are `is_held`'s (`breakers`).
    """
    stopped_by_no_breaker = (
        sa.true()
        if sender is None
        else ~is_held(_r.channel, sender, _r.address, attempt_id, besides=besides, is_due_spared=is_due_spared)
    )
    return sa.and_(
        _r.paused_at.is_(None),
        _i.status == _ACTIVE,
        _ch.is_enabled.is_(sa.true()),
        _ch.paused_at.is_(None),
        ~sa.exists().where(lists.c.list_id == _i.list_id, lists.c.paused_at.is_not(None)),
        ~sa.exists(sa.select(system.c.system_id).where(system.c.halted_at.is_not(None))),
        sa.or_(
            _r.channel != Channel.WHATSAPP,
            sa.exists().where(
                templates.c.template_id == _r.template_id, templates.c.approval == TemplateApproval.APPROVED
            ),
        ),
        ~is_suppressed(_r.channel, _i.person_id, _r.address),
        ~is_beyond_plan(),
        stopped_by_no_breaker,
    )


def is_beyond_plan() -> sa.ColumnElement[bool]:
    """Whether the request is a follow-up, and the account's plan has none (any more); for a WHERE over `requests`."""
    a = accounts.c
    has_none = sa.exists().where(
        a.account_id == _r.account_id, sa.or_(sa.false(), *(a.plan == plan for plan in without_follow_ups()))
    )
    return sa.and_(_r.step > 0, has_none)


def sender_of(senders: Mapping[Channel, str | sa.ColumnElement[str]]) -> sa.ColumnElement[str]:
    """What a request's message would leave from, by its channel; for `nothing_stops`."""
    if not senders:
        return sa.literal("")
    return sa.case(*((_r.channel == channel, sender) for channel, sender in senders.items()), else_="")


def with_context() -> sa.Join:
    """Requests with the invitation and the location's channel that may stop them."""
    return requests.join(invitations, _i.invitation_id == _r.invitation_id).join(
        channels, sa.and_(_ch.location_id == _r.location_id, _ch.channel == _r.channel)
    )
