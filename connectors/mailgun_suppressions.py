"""Mailgun's lists of addresses that it refuses to write to: bounces, unsubscribes, complaints. One set a domain.

    bounces       UNDELIVERABLE
    unsubscribes  UNSUBSCRIBED; with tags other than "*" it holds for mail of those tags only, and ours has none
    complaints    COMPLAINED

https://documentation.mailgun.com/docs/mailgun/api-reference/send/mailgun/unsubscribe. The lists are alphabetical and
know no "since", so each pass reads them whole, 1,000 a page. We write to unsubscribes only: the other two are facts
that Mailgun itself has seen. Its file describes `created_at` as an object and shows it as a date; it is a date.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

import structlog

from connectors import Listed, Unavailable
from connectors.mailgun_api import PROVIDER, MailgunApi, MailgunSettings, Timeout
from connectors.transport import CONNECT_SECONDS, READ_SECONDS
from data.words import SuppressionReason

LISTS: Mapping[SuppressionReason, str] = {
    SuppressionReason.UNDELIVERABLE: "bounces",
    SuppressionReason.UNSUBSCRIBED: "unsubscribes",
    SuppressionReason.COMPLAINED: "complaints",
}
_PAGE = 1000
# "Up to 1000" by its description, "should be less than 1000" by its own refusal.
_BATCH = 999
_EVERYTHING = "*"
_FIRST_YEAR = 2010  # of Mailgun

log = structlog.get_logger(__name__)


class MailgunSuppressions:
    """Reads the three lists, adds to unsubscribes, takes single entries out."""

    name = PROVIDER

    def __init__(self, settings: MailgunSettings, timeout: Timeout = (CONNECT_SECONDS, READ_SECONDS)) -> None:
        self._api = MailgunApi(settings, timeout)

    def read(self) -> Iterable[Listed]:
        """Every entry of the three lists. Raises AccountStopped, or ReadFailed when one was not read to its end."""
        for reason, name in LISTS.items():
            yield from self._entries(reason, name)

    def _entries(self, reason: SuppressionReason, name: str) -> Iterator[Listed]:
        """One list to its empty page. A last page whose `next` leads to itself is an end as well."""
        seen: set[str] = set()
        unreadable = 0
        for page in self._api.listed(name, {"limit": str(_PAGE)}):
            entries = [entry for item in page if (entry := _listed(reason, item)) is not None]
            unreadable += len(page) - len(entries)
            fresh = [entry for entry in entries if entry.address not in seen]
            if not fresh:
                break
            seen.update(entry.address for entry in fresh)
            yield from fresh
        if unreadable:
            log.warning("mailgun's list not read whole", list=name, unreadable=unreadable)

    def add(self, entries: Sequence[tuple[str, datetime]]) -> int:
        """List addresses as unsubscribed from everything; how many Mailgun took."""
        return sum(self._add(entries[start : start + _BATCH]) for start in range(0, len(entries), _BATCH))

    def _add(self, entries: Sequence[tuple[str, datetime]]) -> int:
        """One batch; halved when Mailgun refuses it, so that one address it does not take keeps no other out."""
        rows = [
            {"address": address, "tags": [_EVERYTHING], "created_at": _written(since)} for address, since in entries
        ]
        status = self._api.post_listed(LISTS[SuppressionReason.UNSUBSCRIBED], rows).status_code
        if status == 404:
            raise Unavailable("Mailgun does not know the domain: MAILGUN_DOMAIN, or the region of its address")
        if status == 200:
            return len(entries)
        if len(entries) == 1:
            log.warning("mailgun refused an address for its list")
            return 0
        half = len(entries) // 2
        return self._add(entries[:half]) + self._add(entries[half:])

    def remove(self, entry: Listed) -> None:
        """Take one address off one list."""
        if self._api.delete_listed(LISTS[entry.reason], entry.address).status_code == 400:
            raise Unavailable("Mailgun's list could not be changed: HTTP 400")


def _listed(reason: SuppressionReason, item: Mapping[str, Any]) -> Listed | None:
    """One entry in our words; None without an address."""
    address = item.get("address")
    if not isinstance(address, str) or "@" not in address:
        return None
    tags = item.get("tags")
    is_for_all_mail = reason is not SuppressionReason.UNSUBSCRIBED or not isinstance(tags, list) or _EVERYTHING in tags
    return Listed(address, reason, _moment(item.get("created_at")), is_for_all_mail)


def _moment(written: object) -> datetime | None:
    """ "Thu, 11 Dec 2025 01:49:40 UTC"; None for no date, and for year 1 (read as 2001): Mailgun's "unknown"."""
    try:
        moment = parsedate_to_datetime(str(written))
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC) if moment.year >= _FIRST_YEAR else None


def _written(moment: datetime) -> str:
    """As Mailgun writes it: in UTC, by that name."""
    return format_datetime(moment.astimezone(UTC)).removesuffix("+0000") + "UTC"
