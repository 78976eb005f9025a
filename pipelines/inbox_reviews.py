"""Reviews dropped at `inbox/<location>/reviews/<any name>.csv`: an export of a review site, as often as it is renewed.

A review is kept once by its site's own id, so a file that grew is simply read again. Files stay where they are.
"""

import hashlib
from pathlib import Path

import structlog

from connectors.csv_file import UnreadableFile
from data.ledger.store import Ledger
from invitations.take_in import UnknownLocation, import_reviews

IMPORTED_BY = "inbox folder"
log = structlog.get_logger(__name__)


def review_files(inbox_folder: Path) -> list[tuple[Path, str]]:
    """Every review file, with the SHA-256 of its content, in a stable order."""
    found = sorted(path for path in inbox_folder.glob("*/reviews/*.csv") if not path.name.startswith((".", "~")))
    return [(path, hashlib.sha256(path.read_bytes()).hexdigest()) for path in found]


def pick_up_reviews(ledger: Ledger, inbox_folder: Path) -> dict[str, int]:
    """Take in every review file. One that cannot be read is counted and logged, and stops no other."""
    counts = {"files": 0, "new": 0, "rejected": 0, "unreadable_files": 0}
    for path, sha256 in review_files(inbox_folder):
        counts["files"] += 1
        try:
            report = import_reviews(
                ledger, path.read_bytes(), file_name=path.name, location=path.parents[1].name, imported_by=IMPORTED_BY
            )
        except (UnreadableFile, UnknownLocation) as problem:
            # Without the file's name, which people write.
            log.warning("a review file cannot be read", content_sha256=sha256, kind=type(problem).__name__)
            counts["unreadable_files"] += 1
            continue
        counts["new"] += report.new_count
        counts["rejected"] += report.rejected_count
    return counts
