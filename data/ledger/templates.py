"""WhatsApp templates and how they stand with Meta: what has been submitted, and what polling found."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.ledger.tables import locations, templates
from data.ledger.tables.metadata import database_now
from data.words import Channel, TemplateApproval, TemplateCategory

ASK_AGAIN_PENDING = timedelta(minutes=1)  # Meta answers within minutes, mostly
ASK_AGAIN = timedelta(minutes=10)  # an approval may be taken away at any time

_t = templates.c
_WAITING = (TemplateApproval.UNSUBMITTED, TemplateApproval.PENDING)


def read_whatsapp(connection: Connection, account_id: int | None = None) -> Sequence[Any]:
    """Every version of every WhatsApp text, the newest of each first, by slug and language.

    template_id, account_id, slug, language, version, body, asked_category, provider_template_id, category, approval,
    rejection_reason, submitted_by, approval_checked_at, location (the name of the account's first).
    """
    first = (
        sa.select(locations.c.name)
        .where(locations.c.account_id == _t.account_id)
        .order_by(locations.c.location_id)
        .limit(1)
        .scalar_subquery()
    )
    query = sa.select(
        _t.template_id, _t.account_id, _t.slug, _t.language, _t.version, _t.body, _t.asked_category,
        _t.provider_template_id, _t.category, _t.approval, _t.rejection_reason, _t.submitted_by,
        _t.approval_checked_at, first.label("location"),
    ).where(_t.channel == Channel.WHATSAPP)  # fmt: skip
    if account_id is not None:
        query = query.where(_t.account_id == account_id)
    return connection.execute(query.order_by(_t.slug, _t.language, _t.version.desc())).all()


def newest_of_each(rows: Sequence[Any]) -> list[Any]:
    """Of `read_whatsapp`'s rows the newest version of each text: the one that is to be submitted."""
    newest: dict[tuple[int, str, str], Any] = {}
    for row in rows:
        newest.setdefault((row.account_id, row.slug, row.language), row)
    return list(newest.values())


def note_made(connection: Connection, template_id: int, provider_template_id: str, *, by: str) -> None:
    """A template was made at the provider. Written before anything is asked of Meta, so that it is never lost."""
    connection.execute(
        templates.update()
        .where(_t.template_id == template_id)
        .values(
            provider_template_id=provider_template_id, submitted_by=by, approval=TemplateApproval.UNSUBMITTED,
            rejection_reason=None,
        )
    )  # fmt: skip


def note_standing(
    connection: Connection,
    template_id: int,
    *,
    provider_template_id: str | None,
    was: TemplateApproval | None,
    approval: TemplateApproval,
    category: TemplateCategory | None,
    reason: str | None,
) -> bool:
    """How a template stands now, as read just now; False where it changed meanwhile: then the later word holds.

    `provider_template_id` and `was` are what the row said before the provider was asked.
    """
    values = {"approval": approval, "rejection_reason": reason and reason[:300], "approval_checked_at": database_now()}
    if category is not None:
        values["category"] = category
    noted = connection.execute(
        templates.update()
        .where(
            _t.template_id == template_id,
            _t.provider_template_id.is_not_distinct_from(provider_template_id),
            _t.approval.is_not_distinct_from(was),
        )
        .values(values)
    )
    return noted.rowcount == 1


def has_submitted(connection: Connection) -> bool:
    """Whether any WhatsApp text was ever made at a provider."""
    made = sa.select(_t.template_id).where(_t.channel == Channel.WHATSAPP, _t.provider_template_id.is_not(None))
    return connection.execute(made.limit(1)).first() is not None


def is_to_be_asked_about(connection: Connection) -> bool:
    """Whether it is time to ask how templates stand: soon for what Meta has yet to decide, else now and then."""
    now = connection.execute(sa.select(database_now())).scalar_one()
    rows = connection.execute(
        sa.select(_t.approval, _t.approval_checked_at).where(
            _t.channel == Channel.WHATSAPP, _t.provider_template_id.is_not(None)
        )
    )
    return any(
        checked is None or checked + (ASK_AGAIN_PENDING if approval in _WAITING else ASK_AGAIN) <= now
        for approval, checked in rows
    )
