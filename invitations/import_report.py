"""What came of an import, for whoever asked for it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.engine import Row

from data.words import Channel
from invitations.ahead import Ahead
from invitations.rejected import RejectedRow


class ImportRefused(ValueError):
    """What was asked for beside the file (a name, channels, a speed) cannot be meant; the message says why."""


class UnknownLocation(LookupError):
    """No location of the account has this slug."""


@dataclass(frozen=True, slots=True)
class ImportReport:
    """row_count = new + known + merged + rejected. `rejected` holds customers' data: never log it.

    `list_id` is None for a dry run, for reviews, and where nothing could be read (`problem` says why).
    """

    list_id: int | None = None
    row_count: int = 0
    new_count: int = 0
    known_count: int = 0
    merged_count: int = 0  # rows that are a person of this file again
    rejected_count: int = 0  # rows turned away; a row may have several complaints, and a kept row too
    rejected: Sequence[RejectedRow] = field(default=(), repr=False)
    is_repeat: bool = False  # the same file again: nothing was written
    is_undone: bool = False  # and the list was taken back meanwhile
    unread_columns: Sequence[str] = field(default=(), repr=False)
    file_name: str | None = field(default=None, repr=False)
    problem: str | None = field(default=None, repr=False)  # the file as a whole could not be taken in
    # Of the people in it, when it came; a repeat does not count them anew.
    invited_count: int = 0  # invited before, by us or by the system before us
    suppressed_count: int = 0  # asked not to be contacted
    excluded_count: int = 0  # staff and relatives: never asked
    no_consent: Mapping[Channel, int] = field(default_factory=dict)  # customers for whom a basis is needed and missing
    notes: Sequence[str] = field(default=(), repr=False)  # how cells were read, what is missing and how to mend it
    ahead: Ahead | None = field(default=None, repr=False)  # of a dry run: what would come of the list

    @property
    def complaint_count(self) -> int:
        """Rows that came in without one of their cells, or with it put right."""
        return len({row.line for row in self.rejected if row.is_row_kept})

    def as_metadata(self) -> dict[str, int]:
        """Counts only, for run metadata and logs."""
        return {
            "rows": self.row_count,
            "new": self.new_count,
            "known": self.known_count,
            "merged": self.merged_count,
            "rejected": self.rejected_count,
            "mended": self.complaint_count,
            "repeat": int(self.is_repeat),
            "invited": self.invited_count,
            "suppressed": self.suppressed_count,
            "excluded": self.excluded_count,
            **{f"no_consent_{channel.value}": count for channel, count in self.no_consent.items()},
        }


def of_list(row: Row[Any], rejected: Sequence[RejectedRow], **more: Any) -> ImportReport:
    """The report of a list that is complete."""
    names = ("list_id", "row_count", "new_count", "known_count", "merged_count", "rejected_count", "file_name")
    return ImportReport(**{name: row._mapping[name] for name in names}, rejected=rejected, **more)
