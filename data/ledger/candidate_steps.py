"""Which step comes next for each customer, by which channels, and when it is due. Frames in, frames out."""

from datetime import datetime, timedelta
from functools import cache

import polars as pl

from data.ledger.candidate_ladders import with_ladders
from data.ledger.candidate_sources import Sources
from data.ledger.fallback import OF_THE_CHANNEL
from data.ledger.frames import MOMENT, at_moment
from data.words import EventKind, RequestStatus

OVER = (RequestStatus.SENT, RequestStatus.DELIVERED, RequestStatus.FAILED)
IN_FLIGHT = (RequestStatus.SENDING, RequestStatus.IN_DOUBT)

FACTS = {
    "has_scored": EventKind.SCORED,
    "has_chosen_platform": EventKind.PLATFORM_CHOSEN,
    "has_linked_review": EventKind.REVIEW_LINKED,
    "has_clicked": EventKind.CLICKED,
}
_OPEN = [status.value for status in (RequestStatus.QUEUED, *IN_FLIGHT)]
_OF_WHAT_WENT = ("handed_at", "failed_at", "failure_scope")
_LONGEST_RETRY = timedelta(hours=26)  # dispatch waits some hours between two tries, or for a carrier's next day
_LEAST_GAP_MINUTES = 24 * 60  # two messages of an invitation that fell behind do not follow on each other's heels


def steps_of(people: pl.DataFrame, sources: Sources, at: datetime) -> pl.DataFrame:
    """`people` (`candidate_people`) by the channels of their next step, and by messages that this does not cover.

    Adds step, channel, preference, is_all_channels, template_slug, due_at, at_minute, the message queued for it, what
    happened, and `is_fallback`: true where the step before has yet to go by this channel (it failed on the others, or
    all were to carry it and this one is late), false where it is the next step, null for a message beside them.
    """
    people, steps = with_ladders(people, sources.steps)
    messages = sources.messages
    base = (
        people.join(_progress(messages), on="invitation_id", how="left")
        .join(_facts(sources.facts), on="invitation_id", how="left")
        .with_columns(
            pl.col("over_step").fill_null(-1), pl.col("is_in_flight", "has_failed", *FACTS).fill_null(value=False)
        )
    )
    ended = _ended(messages)
    coming = _coming(base, steps, messages, ended)
    parts = (coming, _fallbacks(base, steps, messages, ended), _uncovered(base, coming, steps, messages, ended))
    rows = pl.concat([part for part in parts if part is not None], how="diagonal_relaxed")
    # A message that could not be sent is tried again no sooner than dispatch put it off to.
    # Further ahead lies a moment that planning chose, for reasons that may have gone.
    not_before, now, retry = pl.col("queued_not_before"), at_moment(at), at_moment(at + _LONGEST_RETRY)
    was_tried = _is(RequestStatus.QUEUED) & (pl.col("attempt_count") > 0) & (not_before <= retry)
    # One whose time of day has come keeps it while its window is open, though it is some minutes later now.
    is_open = _is(RequestStatus.QUEUED) & (not_before <= now) & (pl.col("queued_not_after") > now)
    return rows.with_columns(
        due_at=pl.max_horizontal("due_at", pl.when(was_tried).then("queued_not_before")),
        at_minute=pl.when(~is_open.fill_null(value=False)).then("at_minute"),
    )


def _progress(messages: pl.DataFrame) -> pl.DataFrame:
    """How far each invitation is: the last step that is over, its last hand-over, whether a message is in flight."""
    status = pl.col("request_status")
    return messages.group_by("invitation_id").agg(
        over_step=pl.col("step").filter(status.is_in(_values(OVER))).max(),
        # of one that is queued again after it failed, the next message waits for dispatch's time, not for a day
        last_handed_at=pl.col("handed_at").filter(status != RequestStatus.QUEUED.value).max(),
        is_in_flight=status.is_in(_values(IN_FLIGHT)).any(),
        has_failed=(status == RequestStatus.FAILED.value).any(),
    )


def _facts(rows: pl.DataFrame) -> pl.DataFrame:
    """One row per invitation: what happened, as truths; never what was said."""
    return rows.group_by("invitation_id").agg(
        (pl.col("kind") == kind.value).any().alias(name) for name, kind in FACTS.items()
    )


def _ended(messages: pl.DataFrame) -> pl.DataFrame:
    """Of each step that is over: whether all of it failed, when, and whether another channel might carry it.

    It might when every message failed for the sake of its channel, and nothing of this step or a later one is open or
    has gone.
    """
    status, step = pl.col("request_status"), pl.col("step")
    has_failed, is_over = status == RequestStatus.FAILED.value, status.is_in(_values(OVER))
    live = messages.filter(status != RequestStatus.CANCELED.value).with_columns(
        last_step=step.max().over("invitation_id")
    )
    return (
        live.group_by("invitation_id", over_step="step")
        .agg(
            is_over=is_over.any(),
            has_only_failed=(has_failed | ~is_over).all(),
            failed_at=pl.col("failed_at").max(),
            may_fall_back=(
                has_failed
                & pl.col("failure_scope").is_in([scope.value for scope in OF_THE_CHANNEL]).fill_null(value=False)
                & (step == pl.col("last_step"))
            ).all(),
        )
        .filter("is_over")
        .drop("is_over")
    )


def _coming(base: pl.DataFrame, steps: pl.DataFrame, messages: pl.DataFrame, ended: pl.DataFrame) -> pl.DataFrame:
    """Each customer's next step, one row per channel, with when it is due and the message queued for it, if any."""
    ladder = steps.select("ladder_id", "step", "delay_minutes").unique().sort("ladder_id", "step")
    following = ladder.with_columns(
        over_step=pl.col("step").shift(1, fill_value=-1).over("ladder_id"),
        previous_delay=pl.col("delay_minutes").shift(1).over("ladder_id"),
    )
    paused = messages.group_by("invitation_id", "step").agg(
        is_message_paused=(pl.col("is_message_paused") & _is(RequestStatus.QUEUED)).any()
    )
    return (
        base.join(following.drop("delay_minutes"), on=["ladder_id", "over_step"], how="inner")
        .join(ended, on=["invitation_id", "over_step"], how="left")
        .join(steps, on=["ladder_id", "step"], how="inner")
        .with_columns(due_at=_due_at(), is_fallback=pl.lit(value=False))
        .with_columns(
            due_at=pl.when(_has_own_time()).then("ask_send_at").otherwise("due_at"),
            at_minute=pl.when(~_has_own_time()).then("at_minute"),
        )
        .join(messages.drop(*_OF_WHAT_WENT, "is_message_paused"), on=["invitation_id", "step", "channel"], how="left")
        .join(paused, on=["invitation_id", "step"], how="left")
    )


def _fallbacks(
    base: pl.DataFrame, steps: pl.DataFrame, messages: pl.DataFrame, ended: pl.DataFrame
) -> pl.DataFrame | None:
    """The channels of a failed step on which nothing was tried: they are due at once, whatever the time of day."""
    if not ended["may_fall_back"].any():
        return None
    failed = ended.filter("may_fall_back").select("invitation_id", "over_step")
    untried = messages.drop(*_OF_WHAT_WENT, "is_message_paused")
    return (
        base.join(failed, on=["invitation_id", "over_step"], how="inner")
        .with_columns(step=pl.col("over_step"))
        .join(steps, on=["ladder_id", "step"], how="inner")
        .join(untried, on=["invitation_id", "step", "channel"], how="left")
        .filter(pl.col("request_status").is_null() | _is(RequestStatus.CANCELED))
        .with_columns(due_at=pl.lit(None, MOMENT), at_minute=pl.lit(None, pl.Int64), is_fallback=pl.lit(value=True))
    )


def _has_own_time() -> pl.Expr:
    """A first message goes when its ask said, whatever delay or time of day the sequence has for it."""
    return (pl.col("step") == 0) & pl.col("ask_send_at").is_not_null()


@cache
def _due_at() -> pl.Expr:
    """When the next step's delay has passed (policy time); null: at once.

    Delays count from the first hand-over, plus what a stop and restart added. After a step whose messages all failed,
    the interval between the two steps counts from the failure. A first step's own delay counts from the customer's
    making, or the visit for which they are invited again, and is no part of any interval. An invitation that fell
    behind leaves at least a day (or the interval, if shorter) between two messages.
    """
    delay = pl.col("delay_minutes")
    interval = delay - pl.when(pl.col("over_step") > 0).then("previous_delay").otherwise(0)
    shift = pl.duration(minutes=pl.col("shift_minutes"))
    after_failure = pl.col("failed_at") + pl.duration(minutes=interval) + shift
    after_first = pl.coalesce("first_handed_at", "last_handed_at", "started_at") + pl.duration(minutes=delay) + shift
    gap = pl.duration(minutes=pl.min_horizontal(interval, pl.lit(_LEAST_GAP_MINUTES)))
    due = (
        pl.when(pl.col("previous_delay").is_null() & (delay == 0))
        .then(None)
        .when(pl.col("previous_delay").is_null())
        .then(pl.col("begins_at") + pl.duration(minutes=delay) + shift)
        .when(pl.col("has_only_failed") & pl.col("failed_at").is_not_null())
        .then(after_failure)
        .otherwise(pl.max_horizontal(after_first, pl.col("last_handed_at") + gap))
    )
    return due.cast(MOMENT)


def _uncovered(
    base: pl.DataFrame, coming: pl.DataFrame, steps: pl.DataFrame, messages: pl.DataFrame, ended: pl.DataFrame
) -> pl.DataFrame | None:
    """Messages queued or in flight beside the next step (a step sent by several channels): each stands for itself."""
    is_coming = pl.col("request_id").is_in(coming["request_id"].drop_nulls().implode())
    beside = messages.filter(pl.col("request_status").is_in(_OPEN) & ~is_coming)
    if beside.is_empty():
        return None
    slugs = steps.select("ladder_id", "step", "template_slug").unique()
    before = ended.select("invitation_id", "has_only_failed", step="over_step")
    holds_up = (pl.col("has_only_failed") | _is(RequestStatus.QUEUED)) & pl.col("has_only_failed").is_not_null()
    return (
        beside.drop(*_OF_WHAT_WENT)
        .join(base, on="invitation_id", how="inner")
        .join(slugs, on=["ladder_id", "step"], how="left")
        .join(before, on=["invitation_id", "step"], how="left")
        .with_columns(is_fallback=pl.when(holds_up).then(pl.lit(value=True)))
        .drop("has_only_failed")
        .with_columns(preference=pl.lit(0, pl.Int64), is_all_channels=pl.lit(value=True))
    )


def _is(status: RequestStatus) -> pl.Expr:
    return pl.col("request_status") == status.value


def _values(statuses: tuple[RequestStatus, ...]) -> list[str]:
    return [status.value for status in statuses]
