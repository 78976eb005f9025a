"""What comes back by mail about a mail that a relay took: a bounce, a word on its way, a complaint."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from data.words import EventKind, FailureScope


@dataclass(frozen=True, slots=True)
class MailReport:
    """What a mail says about one recipient. Anybody can write such a mail: whoever reads it looks what proves it."""

    provider: str  # whose messages such mails are about
    attempt_ids: tuple[str, ...]  # ours, as the mail that is given back carries them, the likeliest first
    recipients: tuple[str, ...]  # as they are spelled; empty where a complaint hides them
    kind: EventKind
    occurred_at: datetime | None  # by the reporter's clock; None where it says none that can be read
    code: str | None = None
    reason: str | None = None
    scope: FailureScope | None = None  # `failed` only
    raw: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BounceMail:
    """A mail of the box: what it reports, which for most other mail is nothing."""

    reports: tuple[MailReport, ...] = ()
    is_unreadable: bool = False
    came_at: datetime | None = None  # every mail that came before was given before; None: in no such order


class BounceMailbox(Protocol):
    """Where such mails are found."""

    name: str  # a cursor's: another box has another

    def read(self, since: datetime | None) -> Iterator[BounceMail]:
        """Each mail that came `since` then by this machine's clock, or somewhat earlier; None: every mail.

        Raises OSError when the box itself cannot be read, Unavailable when somebody is writing it just now; a mail that
        cannot be read is counted as such.
        """
