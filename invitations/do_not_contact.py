"""Who must not be contacted, said by the business: a list, or one person who asked.

Rows are about addresses, so they hold for people who are not known yet, and no later import undoes them. The same list
again adds nothing; but whoever was restored since (START) is suppressed again, for the business says so anew.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

import polars as pl
import structlog

from connectors.excel_file import read_table
from data.ledger.do_not_contact import add_suppressions
from data.ledger.identities import Address
from data.ledger.store import Ledger
from data.words import AddressKind, SuppressionReason
from invitations.address_list import addresses_in, mapped_columns, sorted_out, with_addresses
from invitations.columns import CONTACT_SYNONYMS
from invitations.contacts import clean_email, clean_phone, email_fault, phone_fault
from invitations.customers_file import account_places
from invitations.import_report import ImportRefused, ImportReport

log = structlog.get_logger(__name__)

_ROWS_AT_ONCE = 1_000


def import_do_not_contact(
    ledger: Ledger, content: bytes, *, file_name: str, imported_by: str, reason: str | None, now: datetime
) -> ImportReport:
    """Suppress everybody in a CSV file or workbook on every channel.

    `new`: rows that told us something, `known`: that did not.
    Every address in a row's columns counts, a second number too, and a phone number without its country is read in the
    country of every location, each reading that is a number: rather one too many than one too few. `reason` is kept in
    the audit. Raises UnreadableFile, in words.
    """
    with ledger.read() as connection:
        account_id, places = account_places(connection)
    table = read_table(content)
    mapped = mapped_columns(table, CONTACT_SYNONYMS)
    regions = list(dict.fromkeys(place.region for place in places))
    is_number, is_mail = pl.col("phone").is_not_null(), pl.col("email").is_not_null()
    cleaned = with_addresses(table, mapped, places[0], places)
    cells = pl.concat_list(*mapped["email"], *mapped["phone"])
    read = [_in_all(texts, regions) for texts in table.frame.select(cells).to_series()]
    cleaned = cleaned.with_columns(
        pl.Series("mails", [mails for mails, _ in read], dtype=pl.List(pl.String)),
        pl.Series("numbers", [numbers for _, numbers in read], dtype=pl.List(pl.String)),
    ).with_columns(
        pl.when(is_mail).then("email").otherwise(pl.col("mails").list.first()).alias("email"),
        pl.when(is_number).then("phone").otherwise(pl.col("numbers").list.first()).alias("phone"),
    )
    found = sorted_out(table, mapped, cleaned, is_good=pl.lit(True))
    groups = [
        list(
            dict.fromkeys(
                (
                    *addresses_in(row),
                    *((AddressKind.EMAIL, mail) for mail in row["mails"]),
                    *((AddressKind.PHONE, number) for number in row["numbers"]),
                )
            )
        )
        for row in found.rows.iter_rows(named=True)
    ]
    told = reason or f"do-not-contact list {file_name}"
    new = sum(
        add_suppressions(
            ledger, account_id, groups[start : start + _ROWS_AT_ONCE],
            reason=SuppressionReason.DO_NOT_CONTACT_LIST, by=imported_by, at=now, told=told,
        )
        for start in range(0, len(groups), _ROWS_AT_ONCE)
    )  # fmt: skip
    report = ImportReport(
        row_count=found.row_count,
        new_count=new,
        known_count=len(groups) - new,
        rejected_count=found.row_count - len(groups),
        rejected=found.rejected,
        unread_columns=found.unread_columns,
        notes=table.notes,
        file_name=file_name,
    )
    log.info("do-not-contact list taken in", **report.as_metadata())
    return report


def do_not_contact(ledger: Ledger, contact: str, *, recorded_by: str, reason: str | None, now: datetime) -> bool:
    """Suppress one person, by an e-mail address or a phone number; whether that was new.

    Raises ImportRefused where `contact` is neither, saying why.
    """
    with ledger.read() as connection:
        account_id, places = account_places(connection)
    regions = list(dict.fromkeys(place.region for place in places))
    group = _read_contact(contact, regions)
    if not group:
        fault = email_fault(contact) if "@" in contact else phone_fault(contact, regions[0])
        raise ImportRefused(f'"{contact}": {fault}.')
    new = add_suppressions(
        ledger, account_id, [group], reason=SuppressionReason.ASKED_BY_PERSON, by=recorded_by, at=now,
        told=reason or "asked not to be contacted",
    )  # fmt: skip
    return new > 0


def _read_contact(contact: str, regions: Sequence[str]) -> list[Address]:
    if "@" in contact:
        email = clean_email(contact)
        return [(AddressKind.EMAIL, email)] if email else []
    return [(AddressKind.PHONE, number) for number in _any_reading(contact, regions)]


def _in_all(texts: Iterable[str | None], regions: Sequence[str]) -> tuple[list[str], list[str]]:
    """Every e-mail address and every number in a row's cells, whichever column each stands in."""
    mails, numbers = [], []
    for text in filter(None, ((text or "").strip() for text in texts)):
        if "@" not in text:
            numbers += _any_reading(text, regions)
        elif email := clean_email(text):
            mails.append(email)
    return mails, numbers


def _any_reading(text: str, regions: Sequence[str]) -> list[str]:
    """Every number that `text` is in one of the countries, each once."""
    return list(dict.fromkeys(number for region in regions if (number := clean_phone(text, region))))
