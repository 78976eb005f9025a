"""A CSV file of people by their addresses, for what is said about addresses and not about customers.

Do-not-contact lists and lists of past invitations are read here; what becomes of them is theirs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from connectors.csv_file import LINE, TextTable, UnreadableFile
from data.ledger.identities import Address
from data.words import AddressKind
from invitations.columns import map_columns, unread, without_addresses
from invitations.contact_columns import contact_findings, first_filled, unswapped, with_contacts, with_location
from invitations.rejected import Finding, Place, RejectedRow, complaints


@dataclass(frozen=True, slots=True)
class AddressRows:
    """`rows`: `line`, `location_id`, `email`, `phone` and the columns asked for, by line; each has an address."""

    rows: pl.DataFrame = field(repr=False)
    rejected: tuple[RejectedRow, ...] = field(repr=False)
    row_count: int
    unread_columns: tuple[str, ...]
    cleaned: pl.DataFrame = field(repr=False)
    columns: Mapping[str, str] = field(repr=False)  # the file's name for each of ours


def mapped_columns(table: TextTable, synonyms: Mapping[str, tuple[str, ...]]) -> dict[str, list[str]]:
    """The file's columns for each of ours, `location` among them. Raises UnreadableFile without any for addresses."""
    mapped = {"location": [], **map_columns(table.headers, synonyms)}
    if not mapped["email"] and not mapped["phone"]:
        raise UnreadableFile(without_addresses(table.headers))
    return mapped


def with_addresses(
    table: TextTable, mapped: Mapping[str, Sequence[str]], default: Place, places: Sequence[Place]
) -> pl.DataFrame:
    """Every row with `email` and `phone` in our spelling, `location_id`, `region` and `location_zone`.

    Any other column asked for is there as its text.
    """
    raw = unswapped(table.frame.select(LINE, *(first_filled(mapped[name]).alias(name) for name in mapped)))
    return with_contacts(with_location(raw, default, places))


def sorted_out(
    table: TextTable,
    mapped: Mapping[str, Sequence[str]],
    cleaned: pl.DataFrame,
    *,
    is_good: pl.Expr,
    findings: Sequence[Finding] = (),
) -> AddressRows:
    """The rows that can be used (an address, and `is_good`), and every complaint about the others."""
    has_address = pl.col("email").is_not_null() | pl.col("phone").is_not_null()
    good = cleaned.filter(has_address & is_good)
    away = set(cleaned[LINE]) - set(good[LINE])
    rejected = complaints(table, mapped, cleaned, away, (*findings, *contact_findings()))
    return AddressRows(
        rows=good,
        rejected=tuple(rejected),
        row_count=len(table.frame) + len(table.broken),
        unread_columns=unread(table.headers, mapped),
        cleaned=cleaned,
        columns={name: headers[0] for name, headers in mapped.items() if headers},
    )


def addresses_in(row: Mapping[str, str | None]) -> list[Address]:
    """The addresses of one row."""
    return [(kind, address) for kind in AddressKind if (address := row[kind.value])]
