"""A CSV file of customers becomes people, customers and a named list, and every bad row is told."""

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import groupby
from operator import itemgetter
from typing import Any

import polars as pl
import sqlalchemy as sa
import structlog
from sqlalchemy.engine import Connection

from connectors.csv_file import LINE, read_csv
from data.ledger import imports
from data.ledger.accounts import the_account
from data.ledger.identities import owners
from data.ledger.imports import Known, ListHead
from data.ledger.store import Ledger
from data.ledger.tables import customers, locations
from data.words import AddressKind, Channel
from invitations.import_report import ImportRefused, ImportReport, UnknownLocation, of_list
from invitations.intake import Intake, take_rows
from invitations.rejected import Place, RejectedRow
from invitations.same_person import KNOWN_SCHEMA, addresses_of, merged, with_group

log = structlog.get_logger(__name__)

_PEOPLE_AT_ONCE = 2_000  # well under a second a transaction
_ROW_COLUMNS = ("location_id", "email", "phone", "first_name", "last_name", "employee", "service", "locale")


def import_customers(
    ledger: Ledger,
    content: bytes,
    *,
    file_name: str,
    location: str,
    list_name: str,
    channels: list[Channel] | None,
    speed: str | None,
    imported_by: str,
    dry_run: bool = False,
) -> ImportReport:
    """Import one file of customers as the list `list_name`; `location` is the slug for rows that name none.

    The same content under the same name at the same location is a repeat and changes nothing; one that was cut off
    goes on. With `dry_run` the counts come out the same and nothing is written.
    Raises UnreadableFile, UnknownLocation or ImportRefused (the name, channels or speed), all in words.
    """
    with ledger.read() as connection:
        account_id, default, places = places_of(connection, location)
    head = ListHead(
        account_id=account_id,
        location_id=default.location_id,
        name=_checked_name(list_name),
        content_sha256=hashlib.sha256(content).hexdigest(),
        file_name=file_name[:300],
        imported_by=imported_by,
        channels=_checked_channels(channels),
        speed=_checked_speed(speed),
    )
    with ledger.read() as connection:
        before = imports.find_list(connection, head)
        if before is not None and before.completed_at is not None:
            told = [_as_told(row) for row in imports.rejected_of(connection, before.list_id)]
            return of_list(before, told, is_repeat=True)
    taken = take_rows(read_csv(content), default, places)
    with ledger.read() as connection:
        grouped = with_group(taken.rows, _known(connection, account_id, taken.rows))
        if dry_run:
            return _foreseen(connection, account_id, taken, grouped, file_name)
    return _write(ledger, head, taken, grouped)


def places_of(connection: Connection, slug: str) -> tuple[int, Place, list[Place]]:
    """The account, its location of that slug, and all its locations.

    Raises UnknownLocation, naming those there are.
    """
    account_id = int(the_account(connection).account_id)
    columns = locations.c
    rows = connection.execute(
        sa.select(columns.location_id, columns.slug, columns.name, columns.region).where(
            columns.account_id == account_id
        )
    )
    places = [Place(*row) for row in rows]
    for place in places:
        if place.slug == slug:
            return account_id, place, places
    raise UnknownLocation(f'There is no location "{slug}". There are: {", ".join(sorted(p.slug for p in places))}.')


def _checked_name(name: str) -> str:
    name = " ".join(name.split())
    if not 1 <= len(name) <= 200:
        raise ImportRefused("A list needs a name of 1 to 200 characters.")
    return name


def _checked_channels(channels: Sequence[Channel] | None) -> list[Channel] | None:
    if channels is not None and not channels:
        raise ImportRefused("Name at least one channel, or leave channels out to allow all.")
    return None if channels is None else list(dict.fromkeys(channels))


def _checked_speed(speed: str | None) -> str | None:
    if speed is not None and not re.fullmatch(r"[1-9][0-9]{0,6}/(hour|day)", speed):
        raise ImportRefused(f'The speed "{speed}" cannot be read. Expected one such as 50/hour or 200/day.')
    return speed


def _as_told(row: sa.Row[Any]) -> RejectedRow:
    return RejectedRow(row.line, row.column_name, row.value, row.reason, row.row, row.is_row_kept)


def _known(connection: Connection, account_id: int, rows: pl.DataFrame) -> pl.DataFrame:
    """`kind`, `address`, `person_id` of the addresses in `rows` that the ledger knows."""
    wanted = ((AddressKind(kind), address) for kind, address in addresses_of(rows).iter_rows())
    found = owners(connection, account_id, wanted)
    known = [(kind.value, address, person_id) for (kind, address), person_id in found.items()]
    return pl.DataFrame(known, schema=KNOWN_SCHEMA, orient="row")


def _foreseen(
    connection: Connection, account_id: int, taken: Intake, grouped: pl.DataFrame, file_name: str
) -> ImportReport:
    """The counts that writing would come to."""
    persons = addresses_of(grouped, "group").join(
        _known(connection, account_id, grouped), on=["kind", "address"], how="inner"
    )
    columns = customers.c
    rows = connection.execute(sa.select(columns.person_id, columns.location_id).where(columns.account_id == account_id))
    schema = {"person_id": pl.Int64, "location_id": pl.Int64}
    there = pl.DataFrame([tuple(row) for row in rows], schema=schema, orient="row")
    known = persons.join(there, on="person_id", how="inner").select("group", "location_id").unique()
    everyone = grouped.select("group", "location_id").unique()
    known_count = len(everyone.join(known, on=["group", "location_id"], how="semi"))
    return ImportReport(
        row_count=taken.row_count,
        new_count=len(everyone) - known_count,
        known_count=known_count,
        merged_count=len(grouped) - len(everyone),
        rejected_count=taken.row_count - len(grouped),
        rejected=taken.rejected,
        unread_columns=taken.unread_columns,
        file_name=file_name,
    )


def _write(ledger: Ledger, head: ListHead, taken: Intake, grouped: pl.DataFrame) -> ImportReport:
    now = ledger.policy_now()
    list_id: int = imports.begin_list(ledger, head, taken.row_count).list_id
    for people in _portions(grouped):
        imports.write_customers(ledger, head, list_id, people, now=now)
    complete = imports.end_list(
        ledger,
        list_id,
        [{**asdict(row), "column_name": row.column_name[:100], "reason": row.reason[:300]} for row in taken.rejected],
        row_count=taken.row_count,
        rejected_count=taken.row_count - len(grouped),
    )
    report = of_list(complete, taken.rejected, unread_columns=taken.unread_columns)
    log.info("customers imported", list_id=list_id, **report.as_metadata())
    return report


def _portions(grouped: pl.DataFrame) -> Iterator[list[Known]]:
    """People in the order of the file, some at a time, each with all addresses and one row for each location."""
    rows = groupby(merged(grouped).iter_rows(named=True), key=itemgetter("group"))
    addresses = groupby(
        addresses_of(grouped.sort(LINE), "group").sort("group", maintain_order=True).iter_rows(), key=itemgetter(2)
    )
    portion: list[Known] = []
    for (_, own), (_, its) in zip(rows, addresses, strict=True):
        known = Known(
            [(AddressKind(kind), address) for kind, address, _ in its],
            [{name: row[name] for name in _ROW_COLUMNS} for row in own],
        )
        portion.append(known)
        if len(portion) >= _PEOPLE_AT_ONCE:
            yield portion
            portion = []
    if portion:
        yield portion
