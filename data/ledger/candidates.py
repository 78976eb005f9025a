"""Everybody who might be asked something, as one frame: what `invitations.plan` takes; its docstring has the columns.

A handful of set-based queries (`candidate_sources`), then joins; nothing here decides. A customer never asked is a
candidate for step 0 (one asked before is not asked again). An invitation that goes on is a candidate for its next
step: the first after all those of which a message was handed over or failed. Messages already queued or in flight come
along, to be planned anew. A finished invitation has no next step, and no row.
"""

from collections.abc import Collection
from datetime import datetime

import polars as pl
from sqlalchemy.engine import Connection

from data.ledger.candidate_sources import Sources, read_sources
from data.ledger.frames import MOMENT
from data.words import Channel, EventKind, RequestStatus

OVER = (RequestStatus.SENT, RequestStatus.DELIVERED, RequestStatus.FAILED)
IN_FLIGHT = (RequestStatus.SENDING, RequestStatus.IN_DOUBT)
FALLBACK_LANGUAGE = "en"

_FACTS = {
    "has_scored": EventKind.SCORED,
    "has_chosen_platform": EventKind.PLATFORM_CHOSEN,
    "has_linked_review": EventKind.REVIEW_LINKED,
    "has_clicked": EventKind.CLICKED,
}
_MESSAGE = ("request_id", "request_status", "queued_not_before", "queued_not_after", "queued_address")
_OF_WHAT_WENT = ("handed_at", "failed_at", "failure_scope")
_LEAST_GAP_MINUTES = 24 * 60  # two messages of an invitation that fell behind do not follow on each other's heels
_COLUMNS = (
    *("account_id", "location_id", "customer_id", "person_id", "zone"),
    *("invitation_id", "invitation_status", "sequence_id", "list_id", "started_at"),
    *("step", "channel", "preference", "is_all_channels", "ordered_at", "due_at"),
    *("is_channel_off", "is_address_missing", "is_suppressed", "is_paused", "is_in_flight"),
    *_FACTS,
    *("has_unit", "quota_left", "quota_resets_at"),
    *("address", "template_id"),
    *_MESSAGE,
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
    base = (
        _people(sources)
        .join(_progress(sources.messages), on="invitation_id", how="left")
        .join(_facts(sources.facts), on="invitation_id", how="left")
        .join(sources.units.with_columns(has_unit=pl.lit(value=True)), on="invitation_id", how="left")
        .with_columns(
            pl.col("over_step").fill_null(-1), pl.col("is_in_flight", "has_unit", *_FACTS).fill_null(value=False)
        )
    )
    coming = _coming_steps(base, sources.steps, sources.messages)
    rows = pl.concat([coming, _uncovered(base, coming, sources.steps, sources.messages)], how="diagonal_relaxed")
    rows = _with_templates(rows, sources.templates)
    rows = _with_suppressions(rows, sources.suppressed_people, sources.suppressed_addresses)
    return (
        _with_holds(rows.join(sources.channels, on=["location_id", "channel"], how="left"))
        .with_columns(
            # A message that could not be sent is tried again no sooner than dispatch put it off to.
            due_at=pl.max_horizontal(
                "due_at", pl.when(_is(RequestStatus.QUEUED) & (pl.col("attempt_count") > 0)).then("queued_not_before")
            ),
            ordered_at=pl.coalesce("started_at", "customer_created_at"),
            quota_left=pl.lit(sources.quota.left, pl.Int64),
            quota_resets_at=pl.lit(sources.quota.resets_at, MOMENT),
        )
        .select(_COLUMNS)
        .sort("customer_id", "step", "preference", "channel")
    )


def _people(sources: Sources) -> pl.DataFrame:
    """Each customer with the sequence and list that count: an invitation's own, else the location's and the newest."""
    return sources.people.with_columns(
        zone=pl.col("location_zone"),
        sequence_id=pl.coalesce("invitation_sequence_id", "location_sequence_id"),
        list_id=pl.coalesce("invitation_list_id", "customer_list_id"),
    ).join(sources.lists, on="list_id", how="left")


def _progress(messages: pl.DataFrame) -> pl.DataFrame:
    """How far each invitation is: the last step that is over, its last hand-over, whether a message is in flight."""
    status = pl.col("request_status")
    return messages.group_by("invitation_id").agg(
        over_step=pl.col("step").filter(status.is_in(_values(OVER))).max(),
        last_handed_at=pl.col("handed_at").max(),
        is_in_flight=status.is_in(_values(IN_FLIGHT)).any(),
    )


def _facts(rows: pl.DataFrame) -> pl.DataFrame:
    """One row per invitation: what happened, as truths; never what was said."""
    return rows.group_by("invitation_id").agg(
        (pl.col("kind") == kind.value).any().alias(name) for name, kind in _FACTS.items()
    )


def _coming_steps(base: pl.DataFrame, steps: pl.DataFrame, messages: pl.DataFrame) -> pl.DataFrame:
    """Each customer's next step, one row per channel, with when it is due and the message queued for it, if any."""
    ladder = steps.select("sequence_id", "step", "delay_minutes").unique().sort("sequence_id", "step")
    following = ladder.with_columns(
        over_step=pl.col("step").shift(1, fill_value=-1).over("sequence_id"),
        previous_delay=pl.col("delay_minutes").shift(1).over("sequence_id"),
    )
    gone = messages.filter(pl.col("request_status").is_in(_values(OVER)))
    ended = gone.group_by("invitation_id", over_step="step").agg(
        has_only_failed=(pl.col("request_status") == RequestStatus.FAILED.value).all(),
        failed_at=pl.col("failed_at").max(),
    )
    paused = messages.group_by("invitation_id", "step").agg(
        is_message_paused=(pl.col("is_message_paused") & _is(RequestStatus.QUEUED)).any()
    )
    return (
        base.join(following.drop("delay_minutes"), on=["sequence_id", "over_step"], how="inner")
        .join(ended, on=["invitation_id", "over_step"], how="left")
        .join(steps, on=["sequence_id", "step"], how="inner")
        .with_columns(due_at=_due_at())
        .join(messages.drop(*_OF_WHAT_WENT, "is_message_paused"), on=["invitation_id", "step", "channel"], how="left")
        .join(paused, on=["invitation_id", "step"], how="left")
    )  # fmt: skip


def _due_at() -> pl.Expr:
    """When the next step's delay has passed (policy time); null: at once.

    Delays count from the first hand-over, plus what a stop and restart added. After a step whose messages all failed,
    the interval between the two steps counts from the failure. A first step's own delay counts from the customer's
    making. An invitation that fell behind leaves at least a day (or the interval, if shorter) between two messages.
    """
    delay, interval = pl.col("delay_minutes"), pl.col("delay_minutes") - pl.col("previous_delay")
    shift = pl.duration(minutes=pl.col("shift_minutes"))
    after_failure = pl.col("failed_at") + pl.duration(minutes=interval) + shift
    after_first = pl.coalesce("first_handed_at", "last_handed_at", "started_at") + pl.duration(minutes=delay) + shift
    gap = pl.duration(minutes=pl.min_horizontal(interval, pl.lit(_LEAST_GAP_MINUTES)))
    due = (
        pl.when(pl.col("previous_delay").is_null() & (delay == 0))
        .then(None)
        .when(pl.col("previous_delay").is_null())
        .then(pl.col("customer_created_at") + pl.duration(minutes=delay) + shift)
        .when(pl.col("has_only_failed") & pl.col("failed_at").is_not_null())
        .then(after_failure)
        .otherwise(pl.max_horizontal(after_first, pl.col("last_handed_at") + gap))
    )
    return due.cast(MOMENT)


def _uncovered(base: pl.DataFrame, coming: pl.DataFrame, steps: pl.DataFrame, messages: pl.DataFrame) -> pl.DataFrame:
    """Messages queued or in flight beside the next step (a step sent by several channels): each stands for itself."""
    slugs = steps.select("sequence_id", "step", "template_slug").unique()
    return (
        messages.filter(pl.col("request_status").is_in([RequestStatus.QUEUED.value, *_values(IN_FLIGHT)]))
        .join(coming.select("request_id").drop_nulls(), on="request_id", how="anti")
        .drop(*_OF_WHAT_WENT)
        .join(base, on="invitation_id", how="inner")
        .join(slugs, on=["sequence_id", "step"], how="left")
        .with_columns(preference=pl.lit(0, pl.Int64), is_all_channels=pl.lit(value=True))
    )


def _with_templates(rows: pl.DataFrame, templates: pl.DataFrame) -> pl.DataFrame:
    """Adds `template_id`: the step's text for the channel in the customer's language, else in English; null: none."""
    wanted = {
        "exact": pl.col("locale"),
        "broad": pl.col("locale").str.split("-").list.first(),  # es-MX is served by es
        "fallback": pl.lit(FALLBACK_LANGUAGE),
    }
    for name, language in wanted.items():
        rows = rows.with_columns(language=language).join(
            templates.select(
                "template_slug", "channel", "language", pl.col("template_id").alias(f"{name}_template_id")
            ),
            on=["template_slug", "channel", "language"],
            how="left",
        )
    return rows.with_columns(template_id=pl.coalesce(f"{name}_template_id" for name in wanted))


def _with_suppressions(rows: pl.DataFrame, people: pl.DataFrame, addresses: pl.DataFrame) -> pl.DataFrame:
    """Adds `address` (where a message of the channel goes) and `is_suppressed`."""
    rows = rows.with_columns(address=pl.when(pl.col("channel") == Channel.EMAIL.value).then("email").otherwise("phone"))
    rows = rows.join(people.with_columns(by_person=pl.lit(value=True)), on=["person_id", "channel"], how="left").join(
        addresses.with_columns(by_address=pl.lit(value=True)), on=["address", "channel"], how="left"
    )
    return rows.with_columns(is_suppressed=pl.any_horizontal(pl.col("by_person", "by_address").fill_null(value=False)))


def _with_holds(rows: pl.DataFrame) -> pl.DataFrame:
    """Adds what else stands in the way of a channel, and puts a channel that has its message queued first."""
    is_allowed = pl.col("allowed_channels").is_null() | pl.col("allowed_channels").list.contains(pl.col("channel"))
    return rows.with_columns(
        is_channel_off=~(
            pl.col("is_enabled").fill_null(value=False) & is_allowed & pl.col("template_id").is_not_null()
        ),
        is_address_missing=pl.col("address").is_null(),
        is_paused=pl.any_horizontal(
            pl.col("is_message_paused", "is_list_paused", "is_channel_paused").fill_null(value=False)
        ),
        preference=pl.when(_is(RequestStatus.QUEUED).fill_null(value=False)).then(-1).otherwise("preference"),
    )  # fmt: skip


def _is(status: RequestStatus) -> pl.Expr:
    return pl.col("request_status") == status.value


def _values(statuses: tuple[RequestStatus, ...]) -> list[str]:
    return [status.value for status in statuses]
