"""Twilio Messages: create, list, fetch. https://www.twilio.com/docs/messaging/api/message-resource

Not played: scheduling (`SendAt`), redaction and deletion; a create that asks for the first is refused.
"""

import secrets
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from connectors.sandbox import twilio_media
from connectors.sandbox import twilio_rules as rules
from connectors.sandbox.auth import has_credentials
from connectors.sandbox.faults import REFUSALS, Faults, Provider, spoil
from connectors.sandbox.settings import SandboxSettings
from connectors.sandbox.store import Store
from connectors.sandbox.twilio_content import TwilioContents
from connectors.sandbox.twilio_media import TEXTS, TwilioMedia
from connectors.sandbox.twilio_progress import TwilioProgress
from connectors.sandbox.twilio_rules import TextStatus, refuse

LARGEST_PAGE = 1000
FORM = "application/x-www-form-urlencoded"
ORDER = "coalesce(sent, created) desc, n desc"  # DateSent, newest first; what is not sent yet counts as newest


def rfc_2822(at: float | None) -> str | None:
    """A moment as Twilio writes it: `Thu, 24 Aug 2023 05:01:45 +0000`."""
    return None if at is None else format_datetime(datetime.fromtimestamp(int(at), UTC))


def as_resource(row: sqlite3.Row, account_sid: str) -> dict[str, Any]:
    """A Message resource, every property of api.v2010.account.message."""
    uri = f"/2010-04-01/Accounts/{account_sid}/Messages/{row['sid']}"
    code = row["error_code"]
    return {
        "account_sid": account_sid,
        "api_version": "2010-04-01",
        "body": row["body"],
        "date_created": rfc_2822(row["created"]),
        "date_sent": rfc_2822(row["sent"]),
        "date_updated": rfc_2822(row["updated"]),
        "direction": row["direction"],
        "error_code": code,
        "error_message": (rules.FAILURES | twilio_media.FAILURES).get(code) if code else None,
        "from": row["sender"],
        "messaging_service_sid": row["service_sid"],
        "num_media": str(row["num_media"]),
        "num_segments": row["segments"],
        "price": None,
        "price_unit": "USD",
        "sid": row["sid"],
        "status": row["status"],
        "subresource_uris": {"media": f"{uri}/Media.json"},
        "to": row["recipient"],
        "uri": f"{uri}.json",
    }


class TwilioMessages:
    """The three endpoints."""

    def __init__(
        self,
        store: Store,
        settings: SandboxSettings,
        faults: Faults,
        progress: TwilioProgress,
        *,
        media: TwilioMedia,
        contents: TwilioContents,
    ) -> None:
        self._store = store
        self._settings = settings
        self._faults = faults
        self._progress = progress
        self._media = media
        self._contents = contents

    def _stranger(self, request: Request) -> Response | None:
        if not has_credentials(request, self._settings.twilio_account_sid, self._settings.twilio_auth_token):
            return refuse(20003, 401)
        if request.path_params["account"] != self._settings.twilio_account_sid:
            return refuse(20404, 404)
        return None

    async def create(self, request: Request) -> Response:
        """POST Messages.json"""
        if refusal := self._stranger(request):
            return refusal
        fault = self._faults.draw(Provider.TWILIO)
        if fault and fault.kind in REFUSALS:
            status = REFUSALS[fault.kind]
            return refuse({500: 20500, 429: 20429, 401: 20003}[status], status)
        if not request.headers.get("content-type", "").startswith(FORM):
            return refuse(20001, 415, f"expected {FORM}")
        body = (await request.body()).decode("utf-8", "replace")
        given = parse_qsl(body, keep_blank_values=True)
        form, addresses = dict(given), [value for name, value in given if name == "MediaUrl"]
        if wrong := self._wrong(form, addresses):
            return refuse(*wrong)
        row = self._take(form, addresses)
        await self._progress.disturb(row["sid"], fault)  # at once: the loop's next turn may bring its first callback
        await self._store.settled()
        answer = JSONResponse(as_resource(row, self._settings.twilio_account_sid), 201)
        answer.headers["Twilio-Request-Id"] = "RQ" + secrets.token_hex(16)
        return await spoil(fault, request, answer, refuse(20500, 500))

    def _wrong(self, form: Mapping[str, str], addresses: Sequence[str]) -> tuple[int] | tuple[int, int, str] | None:
        """The error code that the form deserves, if any; Twilio names the first fault only."""
        to, sender, service = form.get("To", ""), form.get("From", ""), form.get("MessagingServiceSid", "")
        if not to:
            return (21604,)
        if not sender and not service:
            return (21603,)
        if not form.get("Body") and not form.get("ContentSid") and not addresses:
            return (21602,)
        if len(form.get("Body", "")) > 1600:
            return (21617,)
        for unplayed in ("ScheduleType", "SendAt"):
            if unplayed in form:
                return (20001, 400, f"{unplayed} is not played by the sandbox")
        if code := self._media.what_is_wrong(addresses) or self._contents.what_is_wrong(form):
            return (code,)
        if service and not self._knows_service(service):
            return (21705,)
        if sender and (code := self._wrong_sender(sender, to)):
            return (code,)
        number = rules.bare(to)
        if not rules.E164.fullmatch(number):
            return (21211, 400, f"The 'To' number {to} is not a valid phone number.")
        if number in rules.MAGIC_RECIPIENTS:
            return (rules.MAGIC_RECIPIENTS[number],)
        if self._store.row("select 1 from blocked where recipient = ? and sender = ?", [to, service or sender]):
            return (21610,)
        return None

    def _knows_service(self, service: str) -> bool:
        known = self._settings.twilio_messaging_service_sid
        return rules.SERVICE_SID.fullmatch(service) is not None and known in {None, service}

    def _wrong_sender(self, sender: str, to: str) -> int | None:
        number = rules.bare(sender)
        if number in rules.MAGIC_SENDERS:
            return rules.MAGIC_SENDERS[number]
        if not rules.E164.fullmatch(number):
            return 21212
        if sender.startswith("whatsapp:") != to.startswith("whatsapp:"):
            return 21612
        own = {self._settings.twilio_from, self._settings.twilio_whatsapp_from, rules.MAGIC_SENDER}
        return None if number in {rules.bare(one) for one in own if one} else 21606

    def _take(self, form: Mapping[str, str], addresses: Sequence[str]) -> sqlite3.Row:
        now = self._store.now()
        service = form.get("MessagingServiceSid")
        callback = form.get("StatusCallback")
        reference = parse_qs(urlsplit(callback).query).get("s", [None])[0] if callback else None
        sid = ("MM" if addresses else "SM") + secrets.token_hex(16)
        self._media.note(sid, addresses)
        self._contents.note(sid, form)
        body = self._contents.text_of(form)
        number = self._store.insert(
            "texts", sid=sid, direction="outbound-api", sender=form.get("From"), recipient=form["To"],
            service_sid=service, content_sid=form.get("ContentSid"), body=body,
            status=TextStatus.ACCEPTED if service else TextStatus.QUEUED,
            segments="0" if service else str(rules.count_segments(body)),
            created=now, updated=now, callback_url=callback, attempt_id=reference,
        )  # fmt: skip
        self._progress.begin(sid, form["To"])
        row = self._store.row(f"{TEXTS} where n = ?", [number])
        if row is None:
            raise LookupError("a row just written is gone")
        return row

    async def fetch(self, request: Request) -> Response:
        """GET Messages/{sid}.json"""
        if refusal := self._stranger(request):
            return refusal
        row = self._store.row(f"{TEXTS} where sid = ?", [request.path_params["sid"]])
        if row is None:
            return refuse(20404, 404, f"The requested resource {request.url.path} was not found")
        return JSONResponse(as_resource(row, self._settings.twilio_account_sid))

    async def read_list(self, request: Request) -> Response:
        """GET Messages.json: filters To, From, DateSent; pages by token."""
        if refusal := self._stranger(request):
            return refusal
        query = request.query_params
        try:
            size = int(query.get("PageSize", "50"))
            page = int(query.get("Page", "0"))
            wheres, values = _filters(query)
            if token := query.get("PageToken"):
                at, number = bytes.fromhex(token.removeprefix("PA")).decode().split(":")
                wheres.append("(coalesce(sent, created), n) < (?, ?)")
                values += [float(at), int(number)]
        except ValueError:
            return refuse(20001, 400, "A query parameter could not be read")
        if not 1 <= size <= LARGEST_PAGE or page < 0:
            return refuse(20001, 400, f"PageSize must be 1 to {LARGEST_PAGE}, Page 0 or more")
        skip = 0 if token else page * size
        rows = self._store.rows(
            f"{TEXTS} where {' and '.join(wheres)} order by {ORDER} limit ? offset ?",
            [*values, size + 1, skip],
        )
        return JSONResponse(self._page(request, rows, size, page))

    def _page(self, request: Request, rows: list[sqlite3.Row], size: int, page: int) -> dict[str, Any]:
        """The list answer; `rows` holds one more than the page when another follows."""
        filters = [(k, v) for k, v in request.query_params.multi_items() if k in FILTERS]
        path = request.url.path
        shown = rows[:size]

        def address(number: int, token: str | None = None) -> str:
            more = [("PageSize", str(size)), ("Page", str(number))] + ([("PageToken", token)] if token else [])
            return f"{path}?{urlencode(filters + more)}"

        following = None
        if len(rows) > size:
            last = shown[-1]
            token = "PA" + f"{last['sent'] or last['created']!r}:{last['n']}".encode().hex()
            following = address(page + 1, token)
        return {
            "end": page * size + max(len(shown) - 1, 0),
            "first_page_uri": address(0),
            "messages": [as_resource(row, self._settings.twilio_account_sid) for row in shown],
            "next_page_uri": following,
            "page": page,
            "page_size": size,
            "previous_page_uri": address(page - 1) if page else None,
            "start": page * size,
            "uri": str(request.url.path) + (f"?{request.url.query}" if request.url.query else ""),
        }


FILTERS = frozenset({"To", "From", "DateSent", "DateSent<", "DateSent>"})


def _filters(query: Mapping[str, str]) -> tuple[list[str], list[Any]]:
    """SQL for the filters. A row without a DateSent never matches a DateSent filter. Raises ValueError."""
    wheres: list[str] = ["1"]
    values: list[Any] = []
    for name, column in (("To", "recipient"), ("From", "sender")):
        if given := query.get(name):
            wheres.append(f"{column} = ?")
            values.append(given)
    for name in ("DateSent", "DateSent<", "DateSent>"):
        given = query.get(name)
        if not given:
            continue
        starts = datetime.fromisoformat(given)
        starts = starts if starts.tzinfo else starts.replace(tzinfo=UTC)
        ends = starts + timedelta(days=1) if len(given) == len("2026-01-31") else starts + timedelta(seconds=1)
        if name != "DateSent<":
            wheres.append("sent >= ?")
            values.append(starts.timestamp())
        if name != "DateSent>":
            wheres.append("sent < ?")
            values.append(ends.timestamp())
    return wheres, values
