"""Who must not be written to, and on what basis others may be, as `candidates` need it: in bulk.

`person_ids`: of these people only (None: of all); for one page's people the whole account's rows are not read.
"""

from collections.abc import Collection, Sequence

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.ledger.candidate_asks import customers_of
from data.ledger.contactable import excluded_people
from data.ledger.frames import MOMENT, Schema, frame, word
from data.ledger.tables import consents, customers, person_addresses, suppressions
from data.words import AddressKind, Channel, SuppressionEffect

_a, _c, _s = person_addresses.c, customers.c, suppressions.c


def read_suppressed_people(
    connection: Connection, account_id: int, person_ids: Collection[int] | None = None
) -> pl.DataFrame:
    """`person_id` and `channel` of all who must not be contacted: what `suppressions.is_suppressed` says, in bulk.

    For each channel the newest counts of the rows that are about the person (no channel) or restore that channel.
    """
    query = (
        sa.select(_a.person_id, word(_s.channel), word(_s.effect), _s.suppression_id)
        .join(
            person_addresses,
            sa.and_(_a.account_id == _s.account_id, _a.kind == _s.kind, _a.address == _s.address),
        )
        .where(
            _s.account_id == account_id, sa.or_(_s.channel.is_(None), _s.effect == SuppressionEffect.RESTORE)
        )
    )  # fmt: skip
    if person_ids is not None:
        query = query.where(_a.person_id.in_(person_ids), *_about(person_ids))
    schema: Schema = {"person_id": pl.Int64, "channel": pl.String, "effect": pl.String, "suppression_id": pl.Int64}
    every_channel = pl.lit([channel.value for channel in Channel], pl.List(pl.String))
    rows = frame(connection, query, schema).with_columns(
        channel=pl.when(pl.col("channel").is_null()).then(every_channel).otherwise(pl.concat_list("channel"))
    )
    return _newest_suppressing(rows.explode("channel"), "person_id")


def read_suppressed_addresses(
    connection: Connection, account_id: int, person_ids: Collection[int] | None = None
) -> pl.DataFrame:
    """`address` and `channel` of every address that must not be used on one channel (a dead mailbox)."""
    query = sa.select(_s.address, word(_s.channel), word(_s.effect), _s.suppression_id).where(
        _s.account_id == account_id, _s.channel.is_not(None)
    )
    if person_ids is not None:
        query = query.where(*_about(person_ids))
    schema: Schema = {"address": pl.String, "channel": pl.String, "effect": pl.String, "suppression_id": pl.Int64}
    return _newest_suppressing(frame(connection, query, schema), "address")


def _about(person_ids: Collection[int]) -> Sequence[sa.ColumnElement[bool]]:
    """Of an address that is theirs, or at which they are written to; with the kind, so that the index serves."""
    of = _c.person_id.in_(person_ids)
    addresses = sa.union_all(
        sa.select(_a.address).where(_a.person_id.in_(person_ids)),
        sa.select(_c.email).where(of, _c.email.is_not(None)),
        sa.select(_c.phone).where(of, _c.phone.is_not(None)),
    )
    return _s.kind.in_(AddressKind), _s.address.in_(addresses)


def _newest_suppressing(rows: pl.DataFrame, whose: str) -> pl.DataFrame:
    newest = rows.sort("suppression_id").unique([whose, "channel"], keep="last", maintain_order=True)
    return newest.filter(pl.col("effect") == SuppressionEffect.SUPPRESS.value).select(whose, "channel")


def read_excluded_people(
    connection: Connection, account_id: int, person_ids: Collection[int] | None = None
) -> pl.DataFrame:
    """`person_id` of staff and relatives, each once."""
    return frame(connection, excluded_people(account_id, person_ids), {"person_id": pl.Int64})


def read_consents(connection: Connection, account_id: int, person_ids: Collection[int] | None = None) -> pl.DataFrame:
    """`customer_id`, `basis`, `given_at`: the newest of each basis of each customer, the withdrawal among them."""
    query = (
        sa.select(consents.c.customer_id, word(consents.c.basis), sa.func.max(consents.c.given_at))
        .where(consents.c.account_id == account_id)
        .group_by(consents.c.customer_id, consents.c.basis)
    )
    if person_ids is not None:
        query = query.where(consents.c.customer_id.in_(customers_of(person_ids)))
    return frame(connection, query, {"customer_id": pl.Int64, "basis": pl.String, "given_at": MOMENT})
