"""Files dropped at `inbox/<location>/<list>.csv` or `.xlsx`, each taken in once.

The same content under the same name is a repeat.

Files stay where they are; nothing is moved or deleted, so a tool that syncs the folder is not confused.
"""

import hashlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import structlog

from connectors.csv_file import UnreadableFile
from data.ledger.store import Ledger
from data.settings import utc_now
from invitations.customers_file import import_customers
from invitations.import_report import ImportRefused, ImportReport, UnknownLocation

log = structlog.get_logger(__name__)

SETTLED_AFTER = timedelta(seconds=2)  # a file changed since then is still being written
IMPORTED_BY = "inbox folder"
_LISTS = (".csv", ".xlsx")


def waiting_files(inbox_folder: Path, *, now: datetime | None = None) -> list[tuple[Path, str]]:
    """Every file that may be taken in, with the SHA-256 of its content, in a stable order.

    `now`: this machine's clock, which also dates files.
    """
    return [(path, _sha256(path)) for path in _settled(inbox_folder, now)]


def _sha256(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:  # it waits all the same: picking it up will say that it cannot be opened
        return "cannot be opened"


def _settled(inbox_folder: Path, now: datetime | None) -> Iterator[Path]:
    latest = (now or utc_now()) - SETTLED_AFTER
    for path in sorted(inbox_folder.glob("*/*")):
        is_list = path.suffix.lower() in _LISTS and not path.name.startswith((".", "~"))
        if is_list and _has_rested(path, latest):
            yield path


def _has_rested(path: Path, latest: datetime) -> bool:
    try:
        return path.is_file() and path.stat().st_mtime <= latest.timestamp()
    except OSError:  # gone between two looks
        return False


def pick_up_inbox(ledger: Ledger, inbox_folder: Path, *, now: datetime | None = None) -> list[ImportReport]:
    """Take in every waiting file that was not taken in before; a report for each, repeats left out.

    A file that cannot be read, or whose folder is no location's, is reported with its `problem` and stops no other.
    """
    reports = []
    for path in _settled(inbox_folder, now):
        try:
            report = import_customers(
                ledger,
                path.read_bytes(),
                file_name=path.name,
                location=path.parent.name,
                list_name=path.stem,
                channels=None,
                speed=None,
                imported_by=IMPORTED_BY,
            )
        except (UnreadableFile, UnknownLocation, ImportRefused, OSError) as fault:
            # Without the file's name, which people write: a list may be called after somebody.
            log.warning("a file in the inbox folder could not be taken in", kind=type(fault).__name__)
            told = "The file cannot be opened." if isinstance(fault, OSError) else str(fault)
            report = ImportReport(file_name=f"{path.parent.name}/{path.name}", problem=told)
        if not report.is_repeat:
            reports.append(report)
    return reports
