"""Everybody who might be asked something, as one frame: what `invitations.plan` takes; its docstring has the columns.

`candidate_sources` reads, this joins; nothing here decides. A customer never asked is a candidate for step 0, and so is
one whose last invitation is over and who came again since. An invitation that goes on is a candidate for its next
step: the first after all those of which a message was handed over or failed (`candidate_steps`). Messages already
queued or in flight come along, to be planned anew. A finished invitation has no next step, and no row.
"""

from collections.abc import Collection
from datetime import datetime

import polars as pl
from sqlalchemy.engine import Connection

from data.ledger.candidate_people import people_of
from data.ledger.candidate_sources import Sources, read_sources
from data.ledger.candidate_steps import FACTS, IN_FLIGHT, steps_of
from data.words import Channel, RequestStatus, TemplateCategory

FALLBACK_LANGUAGE = "en"
NORTH_AMERICA = "+1"  # Meta takes no marketing templates to these numbers since April 2025

# Why a channel cannot carry a step, so that the next one of the step is tried.
UNUSABLE = (
    *("is_channel_off", "is_address_missing", "is_template_missing", "is_template_unapproved", "is_marketing_refused"),
    "is_suppressed",
)
_COLUMNS = (
    *("account_id", "location_id", "customer_id", "person_id"),
    *("invitation_id", "invitation_status", "sequence_id", "list_id", "sent_by", "override_reason"),
    *("ask_channels", "ask_template_slug", "ask_send_at"),
    *("step", "channel", "preference", "is_all_channels", "ordered_at", "due_at", "at_minute"),
    *("zones", "regions", "recipient_country"),
    *UNUSABLE,
    *("is_excluded", "is_list_undone", "is_paused", "is_in_flight"),
    *FACTS,
    *("is_beyond_plan", "has_failed", "has_unit", "is_cap_overridden"),
    *("is_consent_withdrawn", "express_at", "purchase_at", "inquiry_at", "asked_at", "invited_at"),
    *("address", "template_id", "request_id", "request_status"),
    *("queued_not_before", "queued_not_after", "queued_address", "queued_template_id"),
)


def read_candidates(
    connection: Connection, account_id: int, *, at: datetime, person_ids: Collection[int] | None = None
) -> pl.DataFrame:
    """The candidates of an account at `at` (policy time), all or those of some people, by customer, step, preference.

    Call it in a read transaction, so that all queries see one state.
    """
    return build(read_sources(connection, account_id, at=at, person_ids=person_ids), at)


def build(sources: Sources, at: datetime) -> pl.DataFrame:
    """The candidates that `sources` come down to at `at` (policy time), by customer, step, preference. Pure.

    One row for each customer, next step and channel of that step, and one for each message still queued or in flight
    that this does not cover.
    """
    rows = _with_templates(steps_of(people_of(sources), sources, at), sources.templates)
    rows = _with_suppressions(rows, sources.suppressed_people, sources.suppressed_addresses)
    rows = _with_holds(rows.join(sources.channels, on=["location_id", "channel"], how="left"))
    rows = rows.with_columns(is_beyond_plan=(pl.col("step") > 0) & (not sources.has_follow_ups))
    return _without_vain_tries(rows).select(_COLUMNS).sort("customer_id", "step", "preference", "channel")


def _with_templates(rows: pl.DataFrame, templates: pl.DataFrame) -> pl.DataFrame:
    """Adds `template_id`: the step's text for the channel in the customer's language, else in English; null: none.

    And what Meta says of it: `category`, `is_approved`.
    """
    wanted = {
        "exact": pl.col("locale"),
        "broad": pl.col("locale").str.split("-").list.first(),  # es-MX is served by es
        "fallback": pl.lit(FALLBACK_LANGUAGE),
    }
    if templates["language"].is_in([FALLBACK_LANGUAGE]).all():
        wanted = {"fallback": wanted["fallback"]}
    for name, language in wanted.items():
        rows = rows.with_columns(language=language).join(
            templates.select(
                "template_slug", "channel", "language", pl.col("template_id").alias(f"{name}_template_id")
            ),
            on=["template_slug", "channel", "language"],
            how="left",
        )
    return rows.with_columns(template_id=pl.coalesce(f"{name}_template_id" for name in wanted)).join(
        templates.select("template_id", "category", "is_approved"), on="template_id", how="left"
    )


def _with_suppressions(rows: pl.DataFrame, people: pl.DataFrame, addresses: pl.DataFrame) -> pl.DataFrame:
    """Adds `address` (where a message of the channel goes) and `is_suppressed`."""
    rows = rows.with_columns(address=pl.when(pl.col("channel") == Channel.EMAIL.value).then("email").otherwise("phone"))
    if people.is_empty() and addresses.is_empty():
        return rows.with_columns(is_suppressed=pl.lit(value=False))
    rows = rows.join(people.with_columns(by_person=pl.lit(value=True)), on=["person_id", "channel"], how="left").join(
        addresses.with_columns(by_address=pl.lit(value=True)), on=["address", "channel"], how="left"
    )
    return rows.with_columns(is_suppressed=pl.any_horizontal(pl.col("by_person", "by_address").fill_null(value=False)))


def _with_holds(rows: pl.DataFrame) -> pl.DataFrame:
    """Adds what else stands in the way of a channel, and puts a channel that has its message queued first."""
    is_allowed = pl.col("allowed_channels").is_null() | pl.col("allowed_channels").list.contains(pl.col("channel"))
    is_whatsapp = pl.col("channel") == Channel.WHATSAPP.value
    is_marketing = (pl.col("category") == TemplateCategory.MARKETING.value).fill_null(value=False)
    is_queued = (pl.col("request_status") == RequestStatus.QUEUED.value).fill_null(value=False)
    return rows.with_columns(
        is_channel_off=~(pl.col("is_enabled").fill_null(value=False) & is_allowed),
        is_address_missing=pl.col("address").is_null(),
        is_template_missing=pl.col("template_id").is_null(),
        is_template_unapproved=is_whatsapp & ~pl.col("is_approved").fill_null(value=True),
        is_marketing_refused=is_whatsapp
        & is_marketing
        & pl.col("address").str.starts_with(NORTH_AMERICA).fill_null(value=False),
        is_paused=pl.any_horizontal(
            pl.col("is_message_paused", "is_list_paused", "is_channel_paused").fill_null(value=False)
        ),
        preference=pl.when(is_queued).then(-1).otherwise("preference"),
    )


def _without_vain_tries(rows: pl.DataFrame) -> pl.DataFrame:
    """A step that failed goes by another channel before the next step comes, if one can carry it or is about to."""
    tries = rows.filter("is_fallback")
    if tries.is_empty():
        return rows
    is_tried = pl.col("request_status").is_in([status.value for status in (RequestStatus.QUEUED, *IN_FLIGHT)])
    is_leaving = pl.col("request_status").is_in([status.value for status in IN_FLIGHT])
    is_held = pl.any_horizontal(*UNUSABLE, is_tried.fill_null(value=False) & pl.col("is_paused"))
    may_go = is_leaving.fill_null(value=False) | ~is_held
    can_go = tries.filter(may_go)["customer_id"].unique()
    is_its_turn = pl.col("is_fallback") == pl.col("customer_id").is_in(can_go.implode())
    beside = pl.col("is_fallback").is_null() | (pl.col("is_fallback") & is_tried.fill_null(value=False))
    return rows.filter(beside | is_its_turn)
