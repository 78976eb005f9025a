"""A file of customers (CSV or a workbook) becomes people, customers and a named list, and every bad row is told."""

import hashlib
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import sqlalchemy as sa
import structlog
from sqlalchemy.engine import Connection, Row

from connectors.excel_file import read_table
from data.ledger import imports
from data.ledger.accounts import the_account
from data.ledger.identities import Address, owners
from data.ledger.imports import ListHead
from data.ledger.store import Ledger
from data.ledger.tables import customers, locations
from data.words import AddressKind, Channel
from invitations.columns import CUSTOMER_SYNONYMS
from invitations.consent_columns import Declaration
from invitations.foresee_list import MOST_ROWS, TOO_MANY, foresee_list
from invitations.import_report import ImportRefused, ImportReport, UnknownLocation, of_list
from invitations.import_rights import refuse_plan
from invitations.intake import take_rows
from invitations.list_people import ListPeople, people_of_list
from invitations.list_speed_text import read_send_at, read_speed, refuse_if_never_open
from invitations.policy import NoPolicy, read_policy
from invitations.rejected import Place, RejectedRow
from invitations.same_person import KNOWN_SCHEMA, addresses_of, with_group

log = structlog.get_logger(__name__)

_PEOPLE_AT_ONCE = 2_000  # well under a second a transaction
UNDONE = "This list was taken back, and stays so. To import the file again, give the list another name."


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
    send_at: str | None = None,
    columns: Mapping[str, str | None] | None = None,
    declared: Declaration | None = None,
    reach: Collection[int] | None = None,
    dry_run: bool = False,
    looks_ahead: bool = True,
) -> ImportReport:
    """Import one file of customers as the list `list_name`; `location` is the slug for rows that name none.

    `speed` and `send_at` are texts as `list_speed_text` reads them, on the location's clock. `columns`: what each of
    the file's columns means (`columns.CUSTOMER_SYNONYMS`; None: ignore it), where their names do not say it. `declared`
    is what the importer says of everybody's consent; without it only what the rows say is recorded. `reach`: the
    locations that the importer looks after (None: all); for any other there is no such location.
    The same content under the same name at the same location is a repeat and changes nothing, save that a declaration
    is recorded; one that was cut off goes on. With `dry_run` the counts come out the same and nothing is written; the
    report says what would come of the list, too, unless `looks_ahead` is off.
    Raises UnreadableFile, UnknownLocation or ImportRefused (the plan, the name, channels, speed or time), all in words.
    """
    now = ledger.policy_now()
    with ledger.read() as connection:
        account_id, default, places = places_of(connection, location, reach)
        head, before = list_head(
            connection, default, content, file_name=file_name, list_name=list_name, channels=channels, speed=speed,
            send_at=send_at, imported_by=imported_by, now=now,
        )  # fmt: skip
        repeated = _repeated(connection, before)
        if repeated is not None and (declared is None or dry_run or repeated.is_undone):
            return repeated
    taken = take_rows(read_table(content), default, places, now=now, chosen=_checked_meanings(columns))
    with ledger.read() as connection:
        owner = _owners(connection, account_id, taken.rows)
        grouped = with_group(taken.rows, _as_frame(owner))
        people = people_of_list(
            connection, account_id, taken=taken, grouped=grouped, owner=owner, places=places,
            only=head.channels, declared=declared, list_name=head.name, now=now,
        )  # fmt: skip
        if dry_run:
            report = _foreseen(connection, account_id, people, file_name)
            if not looks_ahead:
                return report
            ahead = foresee_list(connection, people, head, now=now, public_url=ledger.settings.public_url)
            told = ahead.in_words() if ahead else (TOO_MANY,) if grouped.height > MOST_ROWS else ()
            return replace(report, notes=(*report.notes, *told), ahead=ahead)
    return _write(ledger, head, people) if repeated is None else _declare(ledger, head, people, repeated)


def list_head(
    connection: Connection,
    place: Place,
    content: bytes,
    *,
    file_name: str,
    list_name: str,
    channels: Sequence[Channel] | None,
    speed: str | None,
    send_at: str | None,
    imported_by: str,
    now: datetime,
) -> tuple[ListHead, Row[Any] | None]:
    """What is known of a list before its first row, and the list itself if it came before.

    Raises ImportRefused, in words, for what the plan does not have and what cannot be meant.
    """
    account = the_account(connection)
    if reason := refuse_plan(account.plan):
        raise ImportRefused(reason)
    head = ListHead(
        account_id=account.account_id,
        location_id=place.location_id,
        name=_checked_name(list_name),
        content_sha256=hashlib.sha256(content).hexdigest(),
        file_name=file_name[:300],
        imported_by=imported_by,
        channels=_checked_channels(channels),
    )
    before = imports.find_list(connection, head)
    if before is None:  # one that was cut off keeps its pace
        head = _paced(connection, head, speed, send_at, zone=ZoneInfo(place.time_zone), now=now)
    return head, before


def _repeated(connection: Connection, before: Row[Any] | None) -> ImportReport | None:
    """The report of a list that was taken in before, or taken back; None: there is none, or it was cut off."""
    if before is None or (before.completed_at is None and before.undone_at is None):
        return None
    told = [_as_told(row) for row in imports.rejected_of(connection, before.list_id)]
    notes = (UNDONE,) if before.undone_at else ()
    return of_list(before, told, is_repeat=True, is_undone=bool(notes), notes=notes)


def _declare(ledger: Ledger, head: ListHead, people: ListPeople, repeated: ImportReport) -> ImportReport:
    """A list that was taken in before, with a declaration that it came without."""
    new = sum(imports.write_consents(ledger, head, some, now=people.now) for some in people.portions(_PEOPLE_AT_ONCE))
    log.info("consents declared", new=new)
    said = (
        f"The consent that was declared is on record now, for {new:,} more."
        if new
        else "The consent that was declared was on record already."
    )
    return replace(repeated, notes=(*repeated.notes, said))


def places_of(
    connection: Connection, slug: str, reach: Collection[int] | None = None
) -> tuple[int, Place, list[Place]]:
    """The account, its location of that slug, and all its locations, or those within `reach`.

    Raises UnknownLocation, naming those there are.
    """
    account_id, places = account_places(connection)
    places = [place for place in places if reach is None or place.location_id in reach]
    for place in places:
        if place.slug == slug:
            return account_id, place, places
    raise UnknownLocation(f'There is no location "{slug}". There are: {", ".join(sorted(p.slug for p in places))}.')


def account_places(connection: Connection) -> tuple[int, list[Place]]:
    """The account and all its locations, the oldest first."""
    account_id = int(the_account(connection).account_id)
    columns = locations.c
    rows = connection.execute(
        sa.select(columns.location_id, columns.slug, columns.name, columns.region, columns.time_zone)
        .where(columns.account_id == account_id)
        .order_by(columns.location_id)
    )
    return account_id, [Place(*row) for row in rows]


def _checked_name(name: str) -> str:
    name = " ".join(name.split())
    if not 1 <= len(name) <= 200:
        raise ImportRefused("A list needs a name of 1 to 200 characters.")
    return name


def _checked_channels(channels: Sequence[Channel] | None) -> list[Channel] | None:
    if channels is not None and not channels:
        raise ImportRefused("Name at least one channel, or leave channels out to allow all.")
    return None if channels is None else list(dict.fromkeys(channels))


def _checked_meanings(columns: Mapping[str, str | None] | None) -> Mapping[str, str | None] | None:
    unknown = sorted({name for name in (columns or {}).values() if name is not None} - set(CUSTOMER_SYNONYMS))
    if unknown:
        raise ImportRefused(f"No column can be taken for: {', '.join(unknown)}.")
    return columns


def _paced(
    connection: Connection, head: ListHead, speed: str | None, send_at: str | None, *, zone: ZoneInfo, now: datetime
) -> ListHead:
    """The list with its speed and its time. Raises ImportRefused for what cannot be read or could never be."""
    if speed is not None:
        wanted = read_speed(speed)
        try:
            refuse_if_never_open(wanted, read_policy(connection, head.account_id, now)[1])
        except NoPolicy:
            log.info("a list's hours could not be held against a policy: the account has none yet")
        head = replace(
            head, speed=wanted.rate, speed_days=wanted.days, speed_opens=wanted.opens, speed_closes=wanted.closes
        )
    return head if send_at is None else replace(head, send_at=read_send_at(send_at, zone, now))


def _as_told(row: Row[Any]) -> RejectedRow:
    return RejectedRow(row.line, row.column_name, row.value, row.reason, row.row, row.is_row_kept)


def _owners(connection: Connection, account_id: int, rows: pl.DataFrame) -> dict[Address, int]:
    """Whose the addresses in `rows` are, as far as the ledger knows."""
    kinds = {kind.value: kind for kind in AddressKind}
    return owners(connection, account_id, ((kinds[kind], address) for kind, address in addresses_of(rows).iter_rows()))


def _as_frame(owner: dict[Address, int]) -> pl.DataFrame:
    known = [(kind.value, address, person_id) for (kind, address), person_id in owner.items()]
    return pl.DataFrame(known, schema=KNOWN_SCHEMA, orient="row")


def _foreseen(connection: Connection, account_id: int, people: ListPeople, file_name: str) -> ImportReport:
    """The counts that writing would come to."""
    deque(people.portions(_PEOPLE_AT_ONCE), maxlen=0)  # they are counted as they go by
    grouped, taken = people.grouped, people.taken
    persons = addresses_of(grouped, "group").join(
        _as_frame(_owners(connection, account_id, grouped)), on=["kind", "address"], how="inner"
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
        file_name=file_name,
        **_told_beside(people),
    )


def _told_beside(people: ListPeople) -> dict[str, Any]:
    """What a report says beside its counts of rows, once all people have gone by."""
    missing = people.gaps.missing if people.gaps else {}
    return {
        "unread_columns": people.taken.unread_columns,
        "invited_count": people.invited_count,
        "suppressed_count": people.suppressed_count,
        "excluded_count": people.excluded_count,
        "no_consent": dict(missing),
        "notes": (*people.taken.notes, *people.held_channels, *(people.gaps.in_words() if people.gaps else ())),
    }


def _write(ledger: Ledger, head: ListHead, people: ListPeople) -> ImportReport:
    taken = people.taken
    list_id: int = imports.begin_list(ledger, head, taken.row_count).list_id
    for some in people.portions(_PEOPLE_AT_ONCE):
        imports.write_customers(ledger, head, list_id, some, now=people.now)
    complete = imports.end_list(
        ledger,
        list_id,
        [{**asdict(row), "column_name": row.column_name[:100], "reason": row.reason[:300]} for row in taken.rejected],
        row_count=taken.row_count,
        rejected_count=taken.row_count - len(people.grouped),
    )
    report = of_list(complete, taken.rejected, **_told_beside(people))
    log.info("customers imported", list_id=list_id, **report.as_metadata())
    return report
