"""What the Requests page asks of the history: one page of messages, and how many there are of each status."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import polars as pl

from data.warehouse.pages import Page, Reader, Scope, counts, query, search_terms
from data.words import ScreenStatus

NO_LIST = ""  # as a filter: who came by none


class RequestOrder(StrEnum):
    """How the Requests page can be sorted."""

    NEWEST = "coalesce(handed_at, not_before) desc, request_id desc"
    OLDEST = "coalesce(handed_at, not_before), request_id"
    NAME = "lower(name), request_id"
    NAME_DOWN = "lower(name) desc, request_id desc"
    ADDRESS = "address, request_id"
    ADDRESS_DOWN = "address desc, request_id desc"
    SENT_BY = "lower(sent_by), request_id"
    SENT_BY_DOWN = "lower(sent_by) desc, request_id desc"
    CHANNEL = "channel, request_id"
    CHANNEL_DOWN = "channel desc, request_id desc"
    STATUS = "screen_status, request_id"
    STATUS_DOWN = "screen_status desc, request_id desc"
    RETRIES = "retries desc, request_id desc"
    RETRIES_FEWEST = "retries, request_id"


@dataclass(frozen=True, slots=True)
class RequestFilter:
    """What the page leaves in; canceled messages only when asked for by name. `list_name`: `NO_LIST` for none."""

    statuses: tuple[ScreenStatus, ...] = tuple(s for s in ScreenStatus if s is not ScreenStatus.CANCELED)
    channel: str | None = None
    search: str = ""
    list_name: str | None = None

    def named(self) -> dict[str, Any]:
        """What the statements bind."""
        return {
            "statuses": [status.value for status in self.statuses],
            "channel": self.channel,
            "list": self.list_name,
            **search_terms(self.search),
        }


def requests_page(reader: Reader, scope: Scope, chosen: RequestFilter, order: RequestOrder, page: Page) -> pl.DataFrame:
    """One page of messages; the columns are told in queries/requests_page.sql."""
    return query(reader, "requests_page", scope.named() | chosen.named() | page.named(), order)


def requests_by_status(reader: Reader, scope: Scope, chosen: RequestFilter) -> dict[str, int]:
    """How many messages of each status the other filters leave."""
    return counts(query(reader, "requests_by_status", scope.named() | chosen.named()))
