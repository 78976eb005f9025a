"""Twilio's Content API: create, read, delete, approval. https://www.twilio.com/docs/content/content-api-resources

Meta answers after a few seconds (at pace 1). Not played: PUT, the other kinds of content's own rules, LegacyContent.
"""

import json
import secrets
import sqlite3
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connectors.sandbox import template_rules as rules
from connectors.sandbox.agenda import Agenda
from connectors.sandbox.auth import has_credentials
from connectors.sandbox.settings import SandboxSettings
from connectors.sandbox.store import Store
from connectors.sandbox.template_rules import TemplateStatus
from connectors.sandbox.twilio_rules import refuse

HOST = "https://content.twilio.com"
LARGEST_PAGE = 1000
RECEIVED_FOR, PENDING_FOR = 0.5, 2.0  # seconds at pace 1
_REFUSALS = {  # a status of the template -> the code with which its messages fail
    TemplateStatus.REJECTED: 63040,
    TemplateStatus.PAUSED: 63041,
    TemplateStatus.DISABLED: 63042,
}


class TwilioContents:
    """The templates of the account, Meta's opinion of them, and what that means for a message."""

    def __init__(self, store: Store, settings: SandboxSettings, agenda: Agenda) -> None:
        self._store = store
        self._settings = settings
        self._agenda = agenda
        agenda.on("template_review", self._review)

    def routes(self) -> list[Route]:
        """What Twilio serves at content.twilio.com."""
        return [
            Route("/v1/Content", self.create, methods=["POST"]),
            Route("/v1/Content", self.read_list),
            Route("/v1/ContentAndApprovals", self.read_list),
            Route("/v1/Content/{sid}", self.fetch),
            Route("/v1/Content/{sid}", self.delete, methods=["DELETE"]),
            Route("/v1/Content/{sid}/ApprovalRequests", self.fetch_approval),
            Route("/v1/Content/{sid}/ApprovalRequests/whatsapp", self.submit, methods=["POST"]),
        ]

    def control_routes(self) -> list[Route]:
        """Relative to /_sandbox."""
        return [Route("/templates", self.decide, methods=["GET", "POST"])]

    # What the account asks -----------------------------------------------------------------------------------------

    async def create(self, request: Request) -> Response:
        """POST Content, JSON."""
        if refusal := self._stranger(request):
            return refusal
        words = await _json(request)
        if words is None:
            return refuse(20001, 400, "expected a JSON object")
        types, samples = words.get("types"), words.get("variables") or {}
        if not isinstance(types, dict) or not types or not isinstance(words.get("language"), str):
            return refuse(20001, 400, "language and types are required")
        now = self._store.now()
        sid = "HX" + secrets.token_hex(16)
        self._store.insert(
            "contents", sid=sid, friendly_name=str(words.get("friendly_name") or ""), language=words["language"],
            variables=json.dumps(samples), types=json.dumps(types), status=TemplateStatus.UNSUBMITTED, name="",
            category="", reason="", created=now, updated=now,
        )  # fmt: skip
        await self._store.settled()
        return JSONResponse(self._as_content(self._known(sid)), 201)

    async def fetch(self, request: Request) -> Response:
        """GET Content/{sid}"""
        row = self._known(request.path_params["sid"])
        return self._stranger(request) or (_absent(request) if row is None else JSONResponse(self._as_content(row)))

    async def delete(self, request: Request) -> Response:
        """DELETE Content/{sid}"""
        if refusal := self._stranger(request):
            return refusal
        if self._known(request.path_params["sid"]) is None:
            return _absent(request)
        self._store.write("delete from contents where sid = ?", [request.path_params["sid"]])
        await self._store.settled()
        return Response(status_code=204)

    async def submit(self, request: Request) -> Response:
        """POST Content/{sid}/ApprovalRequests/whatsapp {"name", "category"}"""
        if refusal := self._stranger(request):
            return refusal
        row, words = self._known(request.path_params["sid"]), await _json(request) or {}
        if row is None:
            return _absent(request)
        name, category = str(words.get("name", "")), str(words.get("category", ""))
        if not rules.NAME.fullmatch(name):
            return refuse(20001, 400, "Template name may hold lower-case letters, digits and underscores only")
        if category not in rules.CATEGORIES:
            return refuse(20001, 400, f"Category must be one of {', '.join(sorted(rules.CATEGORIES))}")
        if self._store.row("select 1 from contents where name = ? and sid <> ?", [name, row["sid"]]):
            return refuse(20001, 400, "A template with this name exists already, or was rejected within 30 days")
        if row["status"] != TemplateStatus.UNSUBMITTED:
            return refuse(20001, 400, "This content has been submitted already")
        self._set(row["sid"], TemplateStatus.RECEIVED, name=name, category=category)
        self._agenda.add("template_review", RECEIVED_FOR, sid=row["sid"], status=TemplateStatus.PENDING)
        await self._store.settled()
        return JSONResponse(_approval(self._known(row["sid"])), 201)

    async def fetch_approval(self, request: Request) -> Response:
        """GET Content/{sid}/ApprovalRequests"""
        row = self._known(request.path_params["sid"])
        if refusal := self._stranger(request):
            return refusal
        if row is None:
            return _absent(request)
        url = f"{HOST}/v1/Content/{row['sid']}/ApprovalRequests"
        account = self._settings.twilio_account_sid
        whatsapp = {"type": "whatsapp", **_approval(row)}
        return JSONResponse({"sid": row["sid"], "account_sid": account, "whatsapp": whatsapp, "url": url})

    async def read_list(self, request: Request) -> Response:
        """GET Content and GET ContentAndApprovals, newest first."""
        if refusal := self._stranger(request):
            return refusal
        try:
            size, page = (int(request.query_params.get(n, d)) for n, d in (("PageSize", "50"), ("Page", "0")))
        except ValueError:
            return refuse(20001, 400, "PageSize and Page are numbers")
        if not 1 <= size <= LARGEST_PAGE or page < 0:
            return refuse(20001, 400, f"PageSize must be 1 to {LARGEST_PAGE}, Page 0 or more")
        rows = self._store.rows("select * from contents order by n desc limit ? offset ?", [size + 1, page * size])
        has_approvals = request.url.path.endswith("AndApprovals")

        def address(number: int) -> str:
            return f"{HOST}{request.url.path}?{urlencode({'PageSize': size, 'Page': number})}"

        meta = {
            "page": page, "page_size": size, "first_page_url": address(0), "url": address(page), "key": "contents",
            "previous_page_url": address(page - 1) if page else None,
            "next_page_url": address(page + 1) if len(rows) > size else None,
        }  # fmt: skip
        shown = [self._as_content(row, has_approvals=has_approvals) for row in rows[:size]]
        return JSONResponse({"contents": shown, "meta": meta})

    def _stranger(self, request: Request) -> Response | None:
        if has_credentials(request, self._settings.twilio_account_sid, self._settings.twilio_auth_token):
            return None
        return refuse(20003, 401)

    def _known(self, sid: str) -> sqlite3.Row | None:
        return self._store.row("select * from contents where sid = ?", [sid])

    def _as_content(self, row: sqlite3.Row | None, *, has_approvals: bool = False) -> dict[str, Any]:
        if row is None:
            raise LookupError("a row just written is gone")
        url = f"{HOST}/v1/Content/{row['sid']}"
        shown = {
            "sid": row["sid"], "account_sid": self._settings.twilio_account_sid, "friendly_name": row["friendly_name"],
            "language": row["language"], "variables": json.loads(row["variables"]), "types": json.loads(row["types"]),
            "date_created": _iso(row["created"]), "date_updated": _iso(row["updated"]),
        }  # fmt: skip
        if has_approvals:
            return {**shown, "approval_requests": _approval(row)}
        links = {"approval_create": f"{url}/ApprovalRequests/whatsapp", "approval_fetch": f"{url}/ApprovalRequests"}
        return {**shown, "url": url, "links": links}

    # What Meta does ------------------------------------------------------------------------------------------------

    async def _review(self, payload: dict[str, Any]) -> None:
        row = self._known(payload["sid"])
        if row is None or row["status"] not in (TemplateStatus.RECEIVED, TemplateStatus.PENDING):
            return
        if payload["status"] == TemplateStatus.PENDING:
            self._set(row["sid"], TemplateStatus.PENDING)
            self._agenda.add("template_review", PENDING_FOR, sid=row["sid"], status=TemplateStatus.APPROVED)
            return
        types = json.loads(row["types"])
        reason = rules.judge(types, json.loads(row["variables"]))
        status = TemplateStatus.REJECTED if reason else TemplateStatus.APPROVED
        self._set(row["sid"], status, reason=reason or "", category=rules.category_of(row["category"], types))

    def _set(self, sid: str, status: TemplateStatus, **values: str) -> None:
        columns = "".join(f", {name} = ?" for name in values)
        self._store.write(
            f"update contents set status = ?, updated = ?{columns} where sid = ?",  # noqa: S608  (our own words)
            [status, self._store.now(), *values.values(), sid],
        )

    async def decide(self, request: Request) -> Response:
        """POST {"sid" or "name", "status", "reason"?}: Meta changes its mind. GET: every template."""
        if request.method == "POST":
            words = await _json(request) or {}
            row = self._store.row(
                "select * from contents where sid = ? or name = ?", [words.get("sid"), words.get("name")]
            )
            if row is None or words.get("status") not in list(TemplateStatus):
                return JSONResponse({"message": "expected the sid or name of a template, and a status"}, 400)
            self._set(row["sid"], TemplateStatus(words["status"]), reason=str(words.get("reason", "")))
            await self._store.settled()
        rows = self._store.rows("select * from contents order by n")
        return JSONResponse([self._as_content(row, has_approvals=True) for row in rows])

    # What it means for a message -----------------------------------------------------------------------------------

    def what_is_wrong(self, form: Mapping[str, str]) -> int | None:
        """The code with which a create is refused for its template, if it names one."""
        if "ContentSid" not in form:
            return None
        if self._known(form["ContentSid"]) is None:
            return 21655
        return 21656 if _values(form) is None else None

    def text_of(self, form: Mapping[str, str]) -> str:
        """What the recipient will read: the template with its values, a button as its address on a line of its own."""
        row = self._known(form.get("ContentSid", ""))
        if row is None:
            return form.get("Body", "")
        body, addresses = rules.bodies_of(json.loads(row["types"]))
        return rules.fill("\n\n".join([body, *addresses]), _values(form) or {})

    def note(self, sid: str, form: Mapping[str, str]) -> None:
        """Keep a message's values until it is sent."""
        if "ContentSid" in form:
            self._store.insert("text_values", sid=sid, given=json.dumps(_values(form)))

    def failure_of(self, text: sqlite3.Row, *, has_written: bool) -> int | None:
        """The code with which a WhatsApp message fails for its template or for want of one; None when it may go."""
        row = self._known(text["content_sid"] or "")
        if row is None:
            return None if has_written else 63016
        status = TemplateStatus(row["status"])
        if status is not TemplateStatus.APPROVED:
            return _REFUSALS.get(status, None if has_written else 63016)
        kept = self._store.row("select given from text_values where sid = ?", [text["sid"]])
        given: dict[str, str] = json.loads(kept["given"]) if kept else {}
        if set(given) != rules.numbers_of(json.loads(row["types"])):
            return 63028
        if any(not value or "\n" in value or " " * 5 in value for value in given.values()):
            return 63013
        is_refused = row["category"] == rules.MARKETING and text["recipient"].startswith("whatsapp:+1")
        return 63049 if is_refused else None


def _values(form: Mapping[str, str]) -> dict[str, str] | None:
    """ContentVariables, a JSON object of texts in text; None when it is something else."""
    try:
        given = json.loads(form.get("ContentVariables") or "{}")
    except ValueError:
        return None
    if not isinstance(given, dict) or not all(isinstance(value, str) for value in given.values()):
        return None
    return given


def _approval(row: sqlite3.Row | None) -> dict[str, Any]:
    if row is None:
        raise LookupError("a row just written is gone")
    return {
        "name": row["name"], "category": row["category"], "status": row["status"], "rejection_reason": row["reason"],
        "content_type": rules.content_type_of(json.loads(row["types"])) if row["name"] else "",
        "allow_category_change": True,
    }  # fmt: skip


def _iso(at: float) -> str:
    return datetime.fromtimestamp(int(at), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _absent(request: Request) -> Response:
    return refuse(20404, 404, f"The requested resource {request.url.path} was not found")


async def _json(request: Request) -> dict[str, Any] | None:
    if not request.headers.get("content-type", "").startswith("application/json"):
        return None
    try:
        words = json.loads(await request.body())
    except ValueError:
        return None
    return words if isinstance(words, dict) else None
