"""How an account is set up, as `candidates` need it: the steps of its sequences, its channels, lists, texts."""

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.ledger.frames import MOMENT, Schema, frame, word
from data.ledger.tables import accounts, channels, lists, locations, sequence_steps, sequences, templates
from data.plans import allowance
from data.words import Channel, TemplateApproval

_t = templates.c


def has_follow_ups(connection: Connection, account_id: int) -> bool:
    """Whether the account's plan sends more than the first message of a sequence."""
    plan = connection.execute(sa.select(accounts.c.plan).where(accounts.c.account_id == account_id)).scalar_one()
    return allowance(plan).follow_ups


def read_steps(connection: Connection, account_id: int) -> pl.DataFrame:
    """Every step of every sequence, one row per channel it names, with the channel's place in it (`preference`)."""
    step = sequence_steps.c
    query = (
        sa.select(
            step.sequence_id,
            step.step,
            step.delay_minutes,
            step.at_minute,
            step.is_all_channels,
            step.template_slug,
            step.channels,
        )
        .join(sequences, sequences.c.sequence_id == step.sequence_id)
        .where(sequences.c.account_id == account_id)
    )
    schema: Schema = {
        "sequence_id": pl.Int64,
        "step": pl.Int64,
        "delay_minutes": pl.Int64,
        "at_minute": pl.Int64,
        "is_all_channels": pl.Boolean,
        "template_slug": pl.String,
        "channel": pl.List(pl.String),
    }
    return (
        frame(connection, query, schema)
        .sort("sequence_id", "step")
        .with_columns(preference=pl.int_ranges(0, pl.col("channel").list.len()))
        .explode("channel", "preference")
    )


def read_channels(connection: Connection, account_id: int) -> pl.DataFrame:
    """Each location's channels: whether switched on, whether paused."""
    query = (
        sa.select(
            channels.c.location_id, word(channels.c.channel), channels.c.is_enabled, channels.c.paused_at.is_not(None)
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
    return frame(connection, query, schema)


def read_lists(connection: Connection, account_id: int) -> pl.DataFrame:
    """Each list, whether it is paused, and of one that was taken back when it had begun to come in."""
    columns = lists.c
    undone = sa.case((columns.undone_at.is_not(None), columns.created_at))
    query = sa.select(columns.list_id, columns.paused_at.is_not(None), undone).where(columns.account_id == account_id)
    schema: Schema = {"list_id": pl.Int64, "is_list_paused": pl.Boolean, "undone_list_began_at": MOMENT}
    return frame(connection, query, schema)


def read_templates(connection: Connection, account_id: int) -> pl.DataFrame:
    """The version of each text that goes, by slug, channel and language: the newest.

    Of WhatsApp's the newest that Meta has approved, if it has approved any: a new wording waits, the old one goes on.
    """
    query = sa.select(
        _t.slug, word(_t.channel), _t.language, _t.template_id, _t.version, word(_t.approval), word(_t.category)
    ).where(_t.account_id == account_id)
    schema: Schema = {
        "template_slug": pl.String,
        "channel": pl.String,
        "language": pl.String,
        "template_id": pl.Int64,
        "version": pl.Int64,
        "approval": pl.String,
        "category": pl.String,
    }
    is_approved = (pl.col("channel") != Channel.WHATSAPP.value) | (
        pl.col("approval") == TemplateApproval.APPROVED.value
    ).fill_null(value=False)
    return (
        frame(connection, query, schema)
        .with_columns(is_approved=is_approved)
        .sort("is_approved", "version")
        .unique(["template_slug", "channel", "language"], keep="last", maintain_order=True)
        .drop("version", "approval")
    )
