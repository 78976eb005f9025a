"""The sources of candidates after some messages went, in memory: what hand-overs would leave in the ledger, laid over
the plain values that were read from it. Pure; nothing is written anywhere. For the quota and paces see `used_up`.
"""

from dataclasses import replace

import polars as pl

from data.ledger.candidate_ladders import with_ladders
from data.ledger.candidate_sources import Sources
from data.words import InvitationStatus, RequestStatus

_OVER = [RequestStatus.SENT.value, RequestStatus.DELIVERED.value, RequestStatus.FAILED.value]
_SETTLED = [*_OVER, RequestStatus.CANCELED.value]
_OF_ASK = ("ask_channels", "ask_template_slug", "ask_send_at")


def after(sources: Sources, sent: pl.DataFrame, beside: pl.DataFrame) -> Sources:
    """The state after the messages `sent` went: rows of `plan`'s verdicts, each at its `earliest_at`.

    They count as taken by the provider: nobody answers, opts out or fails. `beside` are verdicts of the same steps for
    other channels, which go later: a planning pass queues all messages of a step together.
    """
    moved = _with_messages(_with_invitations(sources, sent), sent, beside)
    return _finished(_with_units(moved, first_messages(sent)))


def first_messages(sent: pl.DataFrame) -> pl.DataFrame:
    """Of those messages the first of each invitation that holds no unit of quota yet: it takes one."""
    return sent.filter(~pl.col("has_unit")).sort("earliest_at").unique("customer_id", keep="first", maintain_order=True)


def only(sources: Sources, customer_ids: pl.Series) -> Sources:
    """The same state for some customers alone: the others take no part any more. What they used stays used."""
    people = sources.people.filter(pl.col("customer_id").is_in(customer_ids.implode()))
    kept = people["invitation_id"].drop_nulls().implode()
    return replace(
        sources,
        people=people,
        messages=sources.messages.filter(pl.col("invitation_id").is_in(kept)),
        facts=sources.facts.filter(pl.col("invitation_id").is_in(kept)),
    )


def _with_invitations(sources: Sources, sent: pl.DataFrame) -> Sources:
    """A first message starts an invitation, whose id is the next that is free; each first hand-over is noted."""
    started = (
        sent.filter(pl.col("invitation_id").is_null())
        .group_by("customer_id")
        .agg(pl.col("earliest_at").min().alias("new_started_at"), pl.col("sequence_id", "list_id", *_OF_ASK).first())
        .sort("new_started_at", "customer_id")
        .with_row_index("new_invitation_id", offset=_next("invitation_id", sources.people, sources.messages))
        .with_columns(pl.col("new_invitation_id").cast(pl.Int64))
    )
    handed = sent.group_by("customer_id").agg(pl.col("earliest_at").min().alias("new_handed_at"))
    is_new = pl.col("new_invitation_id").is_not_null()
    new: dict[str, pl.Expr] = {
        "invitation_id": pl.col("new_invitation_id"),
        "invitation_status": pl.lit(InvitationStatus.ACTIVE.value),
        "invitation_sequence_id": pl.col("sequence_id"),
        "invitation_list_id": pl.col("list_id"),
        "started_at": pl.col("new_started_at"),
        "first_handed_at": pl.lit(None),
        "shift_minutes": pl.lit(0, pl.Int64),
        **{name.replace("ask_", "invitation_"): pl.col(name) for name in _OF_ASK},
    }
    people = (
        sources.people.join(started, on="customer_id", how="left", maintain_order="left")
        .join(handed, on="customer_id", how="left", maintain_order="left")
        .with_columns(pl.when(is_new).then(value).otherwise(name).alias(name) for name, value in new.items())
        .with_columns(
            first_handed_at=pl.coalesce("first_handed_at", "new_handed_at"),
            shift_minutes=pl.when(pl.col("first_handed_at").is_null() & pl.col("new_handed_at").is_not_null())
            .then(0)
            .otherwise("shift_minutes"),
        )
    )
    return replace(sources, people=people.select(sources.people.columns))


def _with_messages(sources: Sources, sent: pl.DataFrame, beside: pl.DataFrame) -> Sources:
    """Each message that went: the one that was queued for it, else a new one; and what is queued beside it."""
    handed = sent.filter(pl.col("request_id").is_not_null()).select("request_id", new_handed_at="earliest_at")
    is_handed = pl.col("new_handed_at").is_not_null()
    messages = (
        sources.messages.join(handed, on="request_id", how="left", maintain_order="left")
        .with_columns(
            request_status=pl.when(is_handed).then(pl.lit(RequestStatus.SENT.value)).otherwise("request_status"),
            handed_at=pl.coalesce("new_handed_at", "handed_at"),
        )
        .drop("new_handed_at")
    )
    is_new = pl.col("request_id").is_null()
    fresh = pl.concat(
        [
            sent.filter(is_new).select(
                "customer_id",
                "step",
                "channel",
                request_status=pl.lit(RequestStatus.SENT.value),
                handed_at="earliest_at",
                attempt_count=pl.lit(1, pl.Int64),
            ),
            beside.filter(is_new).select(
                "customer_id",
                "step",
                "channel",
                request_status=pl.lit(RequestStatus.QUEUED.value),
                attempt_count=pl.lit(0, pl.Int64),
                queued_not_before="not_before",
                queued_not_after="not_after",
                queued_address="address",
                queued_template_id="template_id",
            ),
        ],
        how="diagonal",
    )
    numbered = (
        fresh.join(sources.people.select("customer_id", "invitation_id"), on="customer_id", maintain_order="left")
        .drop("customer_id")
        .with_row_index("request_id", offset=_next("request_id", messages))
        .with_columns(pl.col("request_id").cast(pl.Int64), is_message_paused=pl.lit(value=False))
    )
    return replace(sources, messages=pl.concat([messages, numbered], how="diagonal").select(messages.columns))


def _with_units(sources: Sources, invited: pl.DataFrame) -> Sources:
    """An invitation holds its unit from its first message on, and the person was asked then."""
    holders = invited.select("customer_id").join(
        sources.people.select("customer_id", "invitation_id"), on="customer_id", how="inner"
    )
    asks = invited.select("person_id", "location_id", asked_at="earliest_at")
    return replace(
        sources,
        units=pl.concat([sources.units, holders.select(sources.units.columns)]),
        asks=pl.concat([sources.asks, asks.select(sources.asks.columns)]),
    )


def _finished(sources: Sources) -> Sources:
    """Ends the active invitations of which the last step went and nothing is open, as a planning pass does."""
    invited, steps = with_ladders(
        sources.people.with_columns(
            sequence_id="invitation_sequence_id",
            ask_channels="invitation_channels",
            ask_template_slug="invitation_template_slug",
        ),
        sources.steps,
    )
    last = steps.group_by("ladder_id").agg(last_step=pl.col("step").max())
    progress = sources.messages.group_by("invitation_id").agg(
        over_step=pl.col("step").filter(pl.col("request_status").is_in(_OVER)).max(),
        is_settled=pl.col("request_status").is_in(_SETTLED).all(),
    )
    is_over = (
        (pl.col("invitation_status") == InvitationStatus.ACTIVE.value)
        & (pl.col("over_step") >= pl.col("last_step"))
        & pl.col("is_settled")
    ).fill_null(value=False)
    people = (
        invited.join(last, on="ladder_id", how="left", maintain_order="left")
        .join(progress, on="invitation_id", how="left", maintain_order="left")
        .with_columns(
            invitation_status=pl.when(is_over)
            .then(pl.lit(InvitationStatus.FINISHED.value))
            .otherwise("invitation_status")
        )
    )
    return replace(sources, people=people.select(sources.people.columns))


def _next(name: str, *frames: pl.DataFrame) -> int:
    """A number above every one in the column `name` of the frames."""
    numbers = pl.concat([frame.get_column(name) for frame in frames])
    highest = numbers.max()
    return highest + 1 if isinstance(highest, int) else 1
