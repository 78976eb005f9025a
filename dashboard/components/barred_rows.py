"""How somebody who must not be contacted is shown: the columns of the table, and the table to take away."""

from collections.abc import Sequence
from typing import Any

import polars as pl

from dashboard.components.rows import Column, moment_cell, person_cell, two_lines
from dashboard.desk import Desk
from dashboard.wording import CHANNEL, SUPPRESSED, contact, day_and_time, said
from data.ledger.barred import BarredFilter, Sight, barred_rows
from data.words import Channel

_ALL = 1_000_000
_HEADINGS = ("Name", "Email", "Phone", "Address named", "Holds for", "Why", "Since", "Recorded by")
_SCHEMA = dict.fromkeys(_HEADINGS, pl.String()) | {"Since": pl.Datetime("us", "UTC")}


def barred_columns(desk: Desk) -> list[Column]:
    """Who, on which channels, why, since when, and who recorded it."""

    def since(row: dict[str, Any]) -> object:
        return moment_cell(*day_and_time(row["occurred_at"], desk.time_zone, desk.now))

    def by(row: dict[str, Any]) -> object:
        return two_lines(row["recorded_by"], "", row["recorded_by"])

    return [
        Column("Who", _who, "2fr"),
        Column("Holds for", _held, "1.2fr"),
        Column("Why", lambda row: said(SUPPRESSED, row["reason"]), "1.6fr"),
        Column("Since", since, "0.8fr"),
        Column("Recorded by", by, "1.4fr", on_phone=False),
    ]


def whole_list(desk: Desk, sight: Sight, chosen: BarredFilter) -> pl.DataFrame:
    """Everybody whom the filters leave, under headings a reader knows, to be taken away."""
    with desk.ledger.read() as c:
        rows, _ = barred_rows(c, sight, chosen, limit=_ALL)
    told = [
        (
            row["name"], row["email"], row["phone"], "" if row["is_person"] and row["name"] else row["address"],
            _on(row["channels"]), said(SUPPRESSED, row["reason"]), row["occurred_at"], row["recorded_by"],
        )
        for row in rows
    ]  # fmt: skip
    return pl.DataFrame(told, schema=_SCHEMA, orient="row")


def _who(row: dict[str, Any]) -> object:
    if row["customer_id"] is None:
        return person_cell(contact(row["address"]), "Not a customer here")
    reached = " · ".join(filter(None, [row["email"], contact(row["phone"])]))
    return person_cell(row["name"], reached if row["is_person"] else contact(row["address"]))


def _held(row: dict[str, Any]) -> object:
    return two_lines(_on(row["channels"]), "" if row["is_person"] else "This address only")


def _on(channels: Sequence[Channel]) -> str:
    return "Every channel" if len(channels) == len(Channel) else ", ".join(CHANNEL[channel] for channel in channels)
