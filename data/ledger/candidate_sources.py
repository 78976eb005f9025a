"""The queries behind `candidates`: one set-based SELECT each, given back as a frame. Nothing here joins or decides."""

from collections.abc import Collection
from typing import Any

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.ledger.tables import (
    channels,
    customers,
    events,
    invitations,
    lists,
    locations,
    person_addresses,
    quota_reservations,
    requests,
    sequence_steps,
    sequences,
    suppressions,
    templates,
)
from data.words import Channel, EventKind, Evidence, InvitationStatus, SuppressionEffect

MOMENT = pl.Datetime("us", "UTC")
GOING_ON = (InvitationStatus.ACTIVE, InvitationStatus.STOPPED, InvitationStatus.ANSWERED)

_c, _i, _r, _s, _t = customers.c, invitations.c, requests.c, suppressions.c, templates.c
Schema = dict[str, Any]


def read_people(connection: Connection, account_id: int, person_ids: Collection[int] | None) -> pl.DataFrame:
    """One row per customer who was never asked or whose invitation goes on, with its place and list."""
    is_active = _i.status == InvitationStatus.ACTIVE
    current = (
        sa.select(
            # Where two people turned out to be one, an older invitation may be the one that goes on.
            sa.func.coalesce(sa.func.max(sa.case((is_active, _i.invitation_id))), sa.func.max(_i.invitation_id)).label(
                "invitation_id"
            ),
            _i.customer_id,
        )
        .where(_i.account_id == account_id)
        .group_by(_i.customer_id)
        .subquery()
    )
    query = (
        sa.select(
            _c.account_id,
            _c.location_id,
            _c.customer_id,
            _c.person_id,
            locations.c.time_zone,
            _i.invitation_id,
            _word(_i.status),
            sa.func.coalesce(_i.sequence_id, locations.c.sequence_id, _newest_sequence(account_id)),
            sa.func.coalesce(_i.list_id, _c.list_id),
            _i.started_at,
            _i.first_handed_at,
            sa.func.coalesce(_i.shift_minutes, 0),
            _c.created_at,
            _c.email,
            _c.phone,
            sa.func.coalesce(_c.locale, ""),
            _c.channels,
            lists.c.paused_at.is_not(None),
        )
        .join(locations, locations.c.location_id == _c.location_id)
        .outerjoin(current, current.c.customer_id == _c.customer_id)
        .outerjoin(invitations, _i.invitation_id == current.c.invitation_id)
        .outerjoin(lists, lists.c.list_id == sa.func.coalesce(_i.list_id, _c.list_id))
        .where(_c.account_id == account_id, sa.or_(_i.invitation_id.is_(None), _i.status.in_(GOING_ON)))
    )
    if person_ids is not None:
        query = query.where(_c.person_id.in_(person_ids))
    schema: Schema = {
        **dict.fromkeys(("account_id", "location_id", "customer_id", "person_id"), pl.Int64),
        "zone": pl.String,
        "invitation_id": pl.Int64,
        "invitation_status": pl.String,
        "sequence_id": pl.Int64,
        "list_id": pl.Int64,
        "started_at": MOMENT,
        "first_handed_at": MOMENT,
        "shift_minutes": pl.Int64,
        "customer_created_at": MOMENT,
        **dict.fromkeys(("email", "phone", "locale"), pl.String),
        "allowed_channels": pl.List(pl.String),
        "is_list_paused": pl.Boolean,
    }
    return _frame(connection, query, schema)


def read_messages(connection: Connection, account_id: int, person_ids: Collection[int] | None) -> pl.DataFrame:
    """Every request of the invitations that are not finished."""
    query = (
        sa.select(
            _r.invitation_id,
            _r.step,
            _word(_r.channel),
            _r.request_id,
            _word(_r.status),
            _r.handed_at,
            _r.failed_at,
            _r.paused_at.is_not(None),
            _r.attempt_count,
            _r.not_before,
            _r.not_after,
            _r.address,
        )
        .join(invitations, _i.invitation_id == _r.invitation_id)
        .where(_r.account_id == account_id, _i.status.in_(GOING_ON))
    )
    if person_ids is not None:
        query = query.where(_i.person_id.in_(person_ids))
    schema: Schema = {
        "invitation_id": pl.Int64,
        "step": pl.Int64,
        "channel": pl.String,
        "request_id": pl.Int64,
        "request_status": pl.String,
        "handed_at": MOMENT,
        "failed_at": MOMENT,
        "is_message_paused": pl.Boolean,
        "attempt_count": pl.Int64,
        "queued_not_before": MOMENT,
        "queued_not_after": MOMENT,
        "queued_address": pl.String,
    }
    return _frame(connection, query, schema)


def count_without_unit(connection: Connection, account_id: int) -> int:
    """At most how many invitations may still want a unit of quota: customers never asked, and active ones without."""
    held = quota_reservations.c
    has_unit = sa.exists().where(held.invitation_id == _i.invitation_id, held.released_at.is_(None))
    wanting = sa.or_(_i.invitation_id.is_(None), sa.and_(_i.status == InvitationStatus.ACTIVE, ~has_unit))
    return connection.execute(
        sa.select(sa.func.count())
        .select_from(customers.outerjoin(invitations, _i.customer_id == _c.customer_id))
        .where(_c.account_id == account_id, wanting)
    ).scalar_one()


def read_facts(connection: Connection, account_id: int, person_ids: Collection[int] | None) -> pl.DataFrame:
    """What the people of active invitations did: one row per invitation and kind. Clicks only by a human."""
    kind = events.c.kind
    query = (
        sa.select(events.c.invitation_id, _word(kind))
        .distinct()
        .join(invitations, _i.invitation_id == events.c.invitation_id)
        .where(
            events.c.account_id == account_id,
            _i.status.in_((InvitationStatus.ACTIVE, InvitationStatus.STOPPED)),
            sa.or_(
                kind.in_((EventKind.SCORED, EventKind.PLATFORM_CHOSEN, EventKind.REVIEW_LINKED)),
                sa.and_(kind == EventKind.CLICKED, events.c.evidence == Evidence.HUMAN),
            ),
        )
    )
    if person_ids is not None:
        query = query.where(_i.person_id.in_(person_ids))
    return _frame(connection, query, {"invitation_id": pl.Int64, "kind": pl.String})


def read_units(connection: Connection, account_id: int) -> pl.DataFrame:
    """The invitations that hold a unit of quota, of whatever cycle."""
    held = quota_reservations.c
    query = sa.select(held.invitation_id).where(held.account_id == account_id, held.released_at.is_(None))
    return _frame(connection, query, {"invitation_id": pl.Int64})


def read_steps(connection: Connection, account_id: int) -> pl.DataFrame:
    """Every step of every sequence, one row per channel it names, with the channel's place in it (`preference`)."""
    step = sequence_steps.c
    query = (
        sa.select(
            step.sequence_id, step.step, step.delay_minutes, step.is_all_channels, step.template_slug, step.channels
        )
        .join(sequences, sequences.c.sequence_id == step.sequence_id)
        .where(sequences.c.account_id == account_id)
    )
    schema: Schema = {
        "sequence_id": pl.Int64,
        "step": pl.Int64,
        "delay_minutes": pl.Int64,
        "is_all_channels": pl.Boolean,
        "template_slug": pl.String,
        "channel": pl.List(pl.String),
    }
    return (
        _frame(connection, query, schema)
        .sort("sequence_id", "step")
        .with_columns(preference=pl.int_ranges(0, pl.col("channel").list.len()))
        .explode("channel", "preference")
    )


def read_channels(connection: Connection, account_id: int) -> pl.DataFrame:
    """Each location's channels: whether switched on, whether paused."""
    query = (
        sa.select(
            channels.c.location_id, _word(channels.c.channel), channels.c.is_enabled, channels.c.paused_at.is_not(None)
        )
        .join(locations, locations.c.location_id == channels.c.location_id)
        .where(locations.c.account_id == account_id)
    )
    schema: Schema = {
        "location_id": pl.Int64,
        "channel": pl.String,
        "is_enabled": pl.Boolean,
        "is_channel_paused": pl.Boolean,
    }
    return _frame(connection, query, schema)


def read_templates(connection: Connection, account_id: int) -> pl.DataFrame:
    """The newest version of each text, by slug, channel and language."""
    query = sa.select(_t.slug, _word(_t.channel), _t.language, _t.template_id, _t.version).where(
        _t.account_id == account_id
    )
    schema: Schema = {
        "template_slug": pl.String,
        "channel": pl.String,
        "language": pl.String,
        "template_id": pl.Int64,
        "version": pl.Int64,
    }
    return (
        _frame(connection, query, schema)
        .sort("version")
        .unique(["template_slug", "channel", "language"], keep="last", maintain_order=True)
        .drop("version")
    )


def read_suppressed_people(connection: Connection, account_id: int) -> pl.DataFrame:
    """`person_id` and `channel` of all who must not be contacted: what `suppressions.is_suppressed` says, in bulk.

    For each channel the newest counts of the rows that are about the person (no channel) or restore that channel.
    """
    owner = person_addresses.c
    query = (
        sa.select(owner.person_id, _word(_s.channel), _word(_s.effect), _s.suppression_id)
        .join(
            person_addresses,
            sa.and_(owner.account_id == _s.account_id, owner.kind == _s.kind, owner.address == _s.address),
        )
        .where(
            _s.account_id == account_id, sa.or_(_s.channel.is_(None), _s.effect == SuppressionEffect.RESTORE)
        )
    )  # fmt: skip
    schema: Schema = {"person_id": pl.Int64, "channel": pl.String, "effect": pl.String, "suppression_id": pl.Int64}
    every_channel = pl.lit([channel.value for channel in Channel], pl.List(pl.String))
    rows = _frame(connection, query, schema).with_columns(
        channel=pl.when(pl.col("channel").is_null()).then(every_channel).otherwise(pl.concat_list("channel"))
    )
    return _newest_suppressing(rows.explode("channel"), "person_id")


def read_suppressed_addresses(connection: Connection, account_id: int) -> pl.DataFrame:
    """`address` and `channel` of every address that must not be used on one channel (a dead mailbox)."""
    query = sa.select(_s.address, _word(_s.channel), _word(_s.effect), _s.suppression_id).where(
        _s.account_id == account_id, _s.channel.is_not(None)
    )
    schema: Schema = {"address": pl.String, "channel": pl.String, "effect": pl.String, "suppression_id": pl.Int64}
    return _newest_suppressing(_frame(connection, query, schema), "address")


def _newest_suppressing(rows: pl.DataFrame, whose: str) -> pl.DataFrame:
    newest = rows.sort("suppression_id").unique([whose, "channel"], keep="last", maintain_order=True)
    return newest.filter(pl.col("effect") == SuppressionEffect.SUPPRESS.value).select(whose, "channel")


def _newest_sequence(account_id: int) -> sa.ScalarSelect[Any]:
    return sa.select(sa.func.max(sequences.c.sequence_id)).where(sequences.c.account_id == account_id).scalar_subquery()


def _word(column: sa.ColumnElement[Any]) -> sa.ColumnElement[str]:
    """A word as its text: Polars has no use for the enum's members."""
    return sa.type_coerce(column, sa.String)


def _frame(connection: Connection, query: sa.Select[Any], schema: Schema) -> pl.DataFrame:
    rows = [tuple(row) for row in connection.execute(query)]
    return pl.DataFrame(rows, schema=schema, orient="row")
