"""What `candidates` are built from: one set-based SELECT each, given back as frames. Nothing here joins or decides.

`Sources` is a state of the ledger as plain values, so that a simulation may move it on and build candidates from it.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.ledger import candidate_bars
from data.ledger import candidate_settings as settings
from data.ledger.asks import came_again, counting
from data.ledger.candidate_asks import customers_of, read_asks, read_manual_asks
from data.ledger.frames import MOMENT, Schema, frame, word
from data.ledger.tables import (
    customers,
    events,
    invitations,
    locations,
    quota_reservations,
    requests,
    sequences,
)
from data.words import EventKind, Evidence, InvitationStatus

GOING_ON = (InvitationStatus.ACTIVE, InvitationStatus.STOPPED, InvitationStatus.ANSWERED)

_c, _i, _r = customers.c, invitations.c, requests.c


@dataclass(frozen=True, slots=True)
class Sources:
    """One account at one moment. All moments are policy time, UTC; every frame may be empty.

    people               one row per customer with its location, list and the invitation that counts (`read_people`)
    messages             every request of those invitations (`read_messages`)
    lists                list_id, is_list_paused, undone_list_began_at (null: it was not taken back)
    facts                invitation_id, kind: what happened, never what was said
    units                invitation_id: holds a unit of quota
    steps                every step of every sequence by each channel it names (`candidate_settings`)
    channels             location_id, channel, is_enabled, is_channel_paused
    templates            template_slug, channel, language, template_id, category, is_approved
    suppressed_people    person_id, channel
    suppressed_addresses address, channel
    excluded_people      person_id: staff and relatives
    consents             customer_id, basis, given_at: the newest of each basis, the withdrawal among them
    asks                 person_id, location_id, asked_at: at least the newest of each person and location
    manual_asks          customer_id, asked_at, sent_by, override_reason, channels, template_slug, send_at: the newest
                         of each customer
    has_follow_ups       whether the account's plan sends more than the first message
    """

    account_id: int
    people: pl.DataFrame
    messages: pl.DataFrame
    lists: pl.DataFrame
    facts: pl.DataFrame
    units: pl.DataFrame
    steps: pl.DataFrame
    channels: pl.DataFrame
    templates: pl.DataFrame
    suppressed_people: pl.DataFrame
    suppressed_addresses: pl.DataFrame
    excluded_people: pl.DataFrame
    consents: pl.DataFrame
    asks: pl.DataFrame
    manual_asks: pl.DataFrame
    has_follow_ups: bool


def read_sources(
    connection: Connection,
    account_id: int,
    *,
    at: datetime,
    person_ids: Collection[int] | None = None,
    besides: int | None = None,
) -> Sources:
    """Everything about an account's candidates at `at` (policy time), of all people or some.

    `besides`: a customer who is read even though their invitation is finished, to see what another ask would come to.

    Call it in a read transaction, so that all queries see one state.
    """
    return Sources(
        account_id=account_id,
        people=read_people(connection, account_id, person_ids, besides=besides),
        messages=read_messages(connection, account_id, person_ids),
        lists=settings.read_lists(connection, account_id),
        facts=read_facts(connection, account_id, person_ids),
        units=read_units(connection, account_id, person_ids),
        steps=settings.read_steps(connection, account_id),
        channels=settings.read_channels(connection, account_id),
        templates=settings.read_templates(connection, account_id),
        suppressed_people=candidate_bars.read_suppressed_people(connection, account_id, person_ids),
        suppressed_addresses=candidate_bars.read_suppressed_addresses(connection, account_id, person_ids),
        excluded_people=candidate_bars.read_excluded_people(connection, account_id, person_ids),
        consents=candidate_bars.read_consents(connection, account_id, person_ids),
        asks=read_asks(connection, account_id, person_ids),
        manual_asks=read_manual_asks(connection, account_id, person_ids),
        has_follow_ups=settings.has_follow_ups(connection, account_id),
    )


def read_people(
    connection: Connection, account_id: int, person_ids: Collection[int] | None, *, besides: int | None = None
) -> pl.DataFrame:
    """One row per customer with their location and the invitation that counts: the active one, else the newest.

    Whoever's invitation is finished is left out, unless they came again since, or are the customer `besides`.
    """
    counts = [_i.invitation_id.is_(None), _i.status.in_(GOING_ON), came_again()]
    if besides is not None:
        counts.append(_c.customer_id == besides)
    counting_ones = (
        sa.select(counting(invitations).label("invitation_id"), _i.customer_id)
        .where(_i.account_id == account_id)
        .group_by(_i.customer_id)
    )
    if person_ids is not None:  # said of both: neither database carries it into what is grouped
        counting_ones = counting_ones.where(_i.customer_id.in_(customers_of(person_ids)))
    current = counting_ones.subquery()
    newest_sequence = sa.select(sa.func.max(sequences.c.sequence_id)).where(sequences.c.account_id == account_id)
    query = (
        sa.select(
            _c.account_id,
            _c.location_id,
            _c.customer_id,
            _c.person_id,
            locations.c.time_zone,
            locations.c.region,
            sa.func.coalesce(locations.c.sequence_id, newest_sequence.scalar_subquery()),
            _i.invitation_id,
            word(_i.status),
            _i.sequence_id,
            _i.list_id,
            _i.started_at,
            _i.first_handed_at,
            sa.func.coalesce(_i.shift_minutes, 0),
            _i.sent_by,
            _i.override_reason,
            _i.channels,
            _i.template_slug,
            _i.send_at,
            _c.list_id,
            _c.created_at,
            _c.occasion_at,
            _c.email,
            _c.phone,
            sa.func.coalesce(_c.locale, ""),
            _c.time_zone,
            _c.postal_code,
            _c.country,
            _c.channels,
        )
        .join(locations, locations.c.location_id == _c.location_id)
        .outerjoin(current, current.c.customer_id == _c.customer_id)
        .outerjoin(invitations, _i.invitation_id == current.c.invitation_id)
        .where(_c.account_id == account_id, sa.or_(*counts))
    )
    if person_ids is not None:
        query = query.where(_c.person_id.in_(person_ids))
    schema: Schema = {
        **dict.fromkeys(("account_id", "location_id", "customer_id", "person_id"), pl.Int64),
        **dict.fromkeys(("location_zone", "location_region"), pl.String),
        "location_sequence_id": pl.Int64,  # what a new invitation here would take
        "invitation_id": pl.Int64,  # null: never asked
        "invitation_status": pl.String,
        "invitation_sequence_id": pl.Int64,
        "invitation_list_id": pl.Int64,
        "started_at": MOMENT,
        "first_handed_at": MOMENT,
        "shift_minutes": pl.Int64,
        **dict.fromkeys(("sent_by", "override_reason"), pl.String),
        "invitation_channels": pl.List(pl.String),  # the next three: what its ask named
        "invitation_template_slug": pl.String,
        "invitation_send_at": MOMENT,
        "customer_list_id": pl.Int64,
        "customer_created_at": MOMENT,
        "occasion_at": MOMENT,
        **dict.fromkeys(("email", "phone", "locale"), pl.String),
        **dict.fromkeys(("time_zone", "postal_code", "country"), pl.String),
        "allowed_channels": pl.List(pl.String),
    }
    return frame(connection, query, schema)


def read_messages(connection: Connection, account_id: int, person_ids: Collection[int] | None) -> pl.DataFrame:
    """Every request of the invitations that are not finished."""
    query = (
        sa.select(
            _r.invitation_id,
            _r.step,
            word(_r.channel),
            _r.request_id,
            word(_r.status),
            _r.handed_at,
            _r.failed_at,
            word(_r.failure_scope),
            _r.paused_at.is_not(None),
            _r.attempt_count,
            _r.not_before,
            _r.not_after,
            _r.address,
            _r.template_id,
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
        "failure_scope": pl.String,
        "is_message_paused": pl.Boolean,
        "attempt_count": pl.Int64,
        "queued_not_before": MOMENT,
        "queued_not_after": MOMENT,
        "queued_address": pl.String,
        "queued_template_id": pl.Int64,
    }
    return frame(connection, query, schema)


def count_customers(connection: Connection) -> int:
    """All there are, invited or not: what it takes to read everybody's sources. From an index alone."""
    return connection.execute(sa.select(sa.func.count()).select_from(customers)).scalar_one()


def count_without_unit(connection: Connection, account_id: int, *, up_to: int | None = None) -> int:
    """At most how many invitations may want a unit of quota: of customers never asked or come again, and active.

    Counted no further than `up_to`, and not one by one where all customers there are would be fewer.
    """
    if up_to is not None:
        everybody = count_customers(connection)
        if everybody < up_to:
            return everybody
    held = quota_reservations.c
    has_unit = sa.exists().where(held.invitation_id == _i.invitation_id, held.released_at.is_(None))
    is_active = _i.status == InvitationStatus.ACTIVE
    wanting = sa.or_(_i.invitation_id.is_(None), sa.and_(is_active, ~has_unit), came_again())
    found = (
        sa.select(_c.customer_id)
        .select_from(customers.outerjoin(invitations, _i.customer_id == _c.customer_id))
        .where(_c.account_id == account_id, wanting)
        .limit(up_to)
    )
    return connection.execute(sa.select(sa.func.count()).select_from(found.subquery())).scalar_one()


def read_facts(connection: Connection, account_id: int, person_ids: Collection[int] | None) -> pl.DataFrame:
    """What the people of active invitations did: one row per invitation and kind.

    Clicks only by a human; a platform that a scanner was found to have followed was not chosen.
    """
    kind = events.c.kind
    query = (
        sa.select(events.c.invitation_id, word(kind))
        .distinct()
        .join(invitations, _i.invitation_id == events.c.invitation_id)
        .where(
            events.c.account_id == account_id,
            _i.status.in_((InvitationStatus.ACTIVE, InvitationStatus.STOPPED)),
            sa.or_(
                kind.in_((EventKind.SCORED, EventKind.REVIEW_LINKED)),
                sa.and_(kind == EventKind.PLATFORM_CHOSEN, events.c.evidence.is_distinct_from(Evidence.MACHINE)),
                sa.and_(kind == EventKind.CLICKED, events.c.evidence == Evidence.HUMAN),
            ),
        )
    )
    if person_ids is not None:
        query = query.where(_i.person_id.in_(person_ids))
    return frame(connection, query, {"invitation_id": pl.Int64, "kind": pl.String})


def read_units(connection: Connection, account_id: int, person_ids: Collection[int] | None) -> pl.DataFrame:
    """The invitations that hold a unit of quota, of whatever cycle."""
    held = quota_reservations.c
    query = sa.select(held.invitation_id).where(held.account_id == account_id, held.released_at.is_(None))
    if person_ids is not None:  # not a join: SQLite would go through every unit of the account
        theirs = sa.select(_i.invitation_id).where(_i.person_id.in_(person_ids))
        query = query.where(held.invitation_id.in_(theirs))
    return frame(connection, query, {"invitation_id": pl.Int64})
