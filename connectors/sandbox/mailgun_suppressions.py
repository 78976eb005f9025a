"""Mailgun's lists: GET, POST and DELETE of /v3/{domain}/bounces, /unsubscribes and /complaints.

https://documentation.mailgun.com/docs/mailgun/api-reference/send/mailgun/unsubscribe. What happens to mails puts
addresses on them, as does whoever posts; a mail to an address on one is accepted and then not attempted. Paging is
alphabetical by links with a query, and never ends by itself: an empty page is the end. Not played: CSV import,
clearing a whole list.
"""

import json
import sqlite3
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connectors.sandbox import mailgun_rules as rules
from connectors.sandbox.auth import has_credentials
from connectors.sandbox.mailgun_rules import MailEvent
from connectors.sandbox.settings import SandboxSettings
from connectors.sandbox.store import Store

BOUNCES, UNSUBSCRIBES, COMPLAINTS = "bounces", "unsubscribes", "complaints"
LARGEST_PAGE = 1000
LARGEST_BATCH = 1000  # refused from here on, as its words say, though its description says "up to"
EVERYTHING = "*"
# In the order in which Mailgun looks: the list, and the reason of the failure that follows.
REFUSES = {BOUNCES: "suppress-bounce", UNSUBSCRIBES: "suppress-unsubscribe", COMPLAINTS: "suppress-complaint"}
PUTS_ON = {MailEvent.FAILED: BOUNCES, MailEvent.UNSUBSCRIBED: UNSUBSCRIBES, MailEvent.COMPLAINED: COMPLAINTS}
_TABLE = {BOUNCES: "bounces", UNSUBSCRIBES: "unsubscribers", COMPLAINTS: "spam complaints"}


class MailgunSuppressions:
    """The three lists, and the endpoints that read and change them."""

    def __init__(self, store: Store, settings: SandboxSettings) -> None:
        self._store = store
        self._settings = settings

    def routes(self, domain: str) -> list[Route]:
        """The routes below `domain` (a pattern), for each list."""
        found = []
        for name in REFUSES:
            found += [
                Route(f"{domain}/{name}", self._for(name, self._read), name=f"read {name}"),
                Route(f"{domain}/{name}", self._for(name, self._add), methods=["POST"], name=f"add {name}"),
                Route(f"{domain}/{name}/{{address}}", self._for(name, self._fetch), name=f"fetch {name}"),
                Route(
                    f"{domain}/{name}/{{address}}", self._for(name, self._remove), methods=["DELETE"],
                    name=f"remove {name}",
                ),
            ]  # fmt: skip
        return found

    def put(
        self, name: str, address: str, *, created: float | None = None, told: Mapping[str, Any] | None = None
    ) -> None:
        """Put an address on a list; on it already, it gains tags and keeps its time."""
        held, values = self._row(name, address), told or {}
        tags = {*(json.loads(held["tags"]) if held else ()), *values.get("tags", (EVERYTHING,))}
        since = held["created"] if held else self._store.now() if created is None else created
        self._store.write(
            "insert or replace into mail_lists values (?, ?, ?, ?, ?, ?)",
            [name, address.lower(), json.dumps(sorted(tags)), since, values.get("code", ""), values.get("error", "")],
        )

    def happened(self, address: str, event: MailEvent) -> None:
        """What follows for the lists from what happened to a mail."""
        if event in PUTS_ON:
            bounced = {"code": "550", "error": "No such mailbox"} if event is MailEvent.FAILED else {}
            self.put(PUTS_ON[event], address, told=bounced)

    def refusal(self, mail: sqlite3.Row) -> str | None:
        """Why a mail is not attempted, in Mailgun's word; None when nothing is against it."""
        for name, reason in REFUSES.items():
            held = self._row(name, mail["recipient"])
            tags = set(json.loads(held["tags"])) if held else set()
            if held is not None and (name != UNSUBSCRIBES or tags & {EVERYTHING, *json.loads(mail["tags"])}):
                return reason
        return None

    def _row(self, name: str, address: str) -> sqlite3.Row | None:
        return self._store.row("select * from mail_lists where name = ? and address = ?", [name, address.lower()])

    def _for(self, name: str, answer: Any) -> Any:
        """An endpoint of one list, for whoever has the key and names the domain."""

        async def endpoint(request: Request) -> Response:
            if not has_credentials(request, "api", self._settings.mailgun_api_key):
                return rules.forbidden()
            if request.path_params["domain"] != self._settings.mailgun_domain:
                return rules.refuse(404, f"Domain not found: {request.path_params['domain']}")
            told: Response = await answer(name, request)
            await self._store.settled()
            return told

        return endpoint

    async def _read(self, name: str, request: Request) -> Response:
        query = request.query_params
        limit, page, divider = query.get("limit", "100"), query.get("page", ""), query.get("address", "").lower()
        if not limit.isdigit() or not 1 <= int(limit) <= LARGEST_PAGE:
            return rules.refuse(400, f"limit must be 1 to {LARGEST_PAGE}")
        if page not in {"", "first", "next", "previous", "last"}:
            return rules.refuse(400, "page must be next, previous or last")
        is_falling = page in {"previous", "last"}
        bound = f"and address {'<' if is_falling else '>'} ?" if page in {"next", "previous"} else "and ? is not null"
        rows = self._store.rows(
            f"select * from mail_lists where name = ? {bound} and address like ? || '%' "  # noqa: S608
            f"order by address {'desc' if is_falling else 'asc'} limit ?",
            [name, divider, query.get("term", "").lower(), int(limit)],
        )
        rows = rows[::-1] if is_falling else rows
        base = f"{request.url.scheme}://{request.url.netloc}{request.url.path}"

        def link(page: str, address: str | None = None) -> str:
            return f"{base}?{urlencode({'page': page, 'limit': limit} | ({'address': address} if address else {}))}"

        first, last = (rows[0]["address"], rows[-1]["address"]) if rows else (divider, divider)
        paging = {
            "previous": link("previous", first), "first": link("first"), "next": link("next", last),
            "last": link("last"),
        }  # fmt: skip
        return JSONResponse({"items": [_shown(row) for row in rows], "paging": paging})

    async def _fetch(self, name: str, request: Request) -> Response:
        held = self._row(name, request.path_params["address"])
        return JSONResponse(_shown(held)) if held else self._absent(name)

    async def _remove(self, name: str, request: Request) -> Response:
        address = request.path_params["address"]
        if self._row(name, address) is None:
            return self._absent(name)
        self._store.write("delete from mail_lists where name = ? and address = ?", [name, address.lower()])
        return JSONResponse({"message": f"{name} entry has been removed", "address": address})

    def _absent(self, name: str) -> Response:
        return rules.refuse(404, f"Address not found in {_TABLE[name]} table")

    async def _add(self, name: str, request: Request) -> Response:
        """A JSON array, or one entry as a form. All or none."""
        try:
            entries = await _entries(request)
            moments = [_moment(entry.get("created_at")) for entry in entries]
        except (TypeError, ValueError):
            return rules.refuse(400, "Request body cannot be read")
        if len(entries) >= LARGEST_BATCH:
            return rules.refuse(400, f"Batch size should be less than {LARGEST_BATCH}")
        if not all(rules.ADDRESS.fullmatch(str(entry.get("address", ""))) for entry in entries):
            return rules.refuse(400, "Address is not valid")
        for entry, created in zip(entries, moments, strict=True):
            values = {key: entry[key] for key in ("tags", "code", "error") if entry.get(key)}
            self.put(name, str(entry["address"]), created=created, told=values)
        return JSONResponse({"message": f"{len(entries)} addresses have been added to the {_TABLE[name]} table"})


async def _entries(request: Request) -> list[Mapping[str, Any]]:
    """What was posted, as objects. Raises ValueError or TypeError."""
    if request.headers.get("content-type", "").startswith("application/json"):
        entries = json.loads(await request.body())
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise TypeError("expected an array of objects")
        return entries
    form = {key: str(value) for key, value in (await request.form()).items()}
    return [{**form, "tags": [form["tags"]] if form.get("tags") else []}]


def _moment(written: object) -> float | None:
    return parsedate_to_datetime(str(written)).replace(tzinfo=UTC).timestamp() if written else None


def _shown(row: sqlite3.Row) -> dict[str, Any]:
    """An entry as Mailgun tells it; each list has fields of its own."""
    shown = {
        "address": row["address"],
        "created_at": f"{datetime.fromtimestamp(row['created'], UTC):%a, %d %b %Y %T} UTC",
    }
    if row["name"] == BOUNCES:
        return {**shown, "code": row["code"], "error": row["error"]}
    return {**shown, "tags": json.loads(row["tags"])} if row["name"] == UNSUBSCRIBES else shown
