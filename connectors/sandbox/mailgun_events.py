"""Mailgun's events: written as things happen, listed by GET /v3/{domain}/events, pushed as webhooks.

https://documentation.mailgun.com/docs/mailgun/api-reference/send/mailgun/events. Paging is by path tokens and never
ends by itself: `next` is always there, and an empty page is the end. While the customers play, a few events show late,
at their old time, as Mailgun warns they may.
"""

import base64
import binascii
import json
import secrets
import sqlite3
import time
from collections.abc import Mapping
from email.utils import parseaddr, parsedate_to_datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from connectors.sandbox import mailgun_rules as rules
from connectors.sandbox.auth import has_credentials
from connectors.sandbox.callbacks import Callbacks
from connectors.sandbox.chance import chance_of
from connectors.sandbox.mailgun_rules import PERMANENT, MailEvent
from connectors.sandbox.mailgun_suppressions import MailgunSuppressions
from connectors.sandbox.settings import SandboxSettings
from connectors.sandbox.store import Store

LARGEST_PAGE = 300
LATE_SHARE = 0.04
LATE_SECONDS = 5.0


class MailgunEvents:
    """Writes events and answers questions about them."""

    def __init__(
        self,
        store: Store,
        settings: SandboxSettings,
        callbacks: Callbacks,
        lists: MailgunSuppressions,
        *,
        seed: int,
        is_idle: bool,
        pace: float,
    ) -> None:
        self._store = store
        self._lists = lists
        self._settings = settings
        self._callbacks = callbacks
        self._seed = seed
        self._is_idle = is_idle
        self._pace = pace

    def add(
        self, mail: sqlite3.Row, event: MailEvent, more: Mapping[str, Any] | None = None, *, is_pushed: bool = True
    ) -> None:
        """Write what happened to a mail, and push it."""
        more = more or {}
        now = self._store.now()
        recipient = mail["recipient"]
        domain = recipient.rpartition("@")[2]
        headers = {
            "message-id": mail["message_id"],
            "from": mail["sender"],
            "to": mail["header_to"],
            "subject": mail["subject"],
        }
        files = self._store.rows("select * from mail_files where message_id = ?", [mail["message_id"]])
        attached = [{"filename": f["name"], "content-type": f["media_type"], "size": f["size"]} for f in files]
        payload: dict[str, Any] = {
            "event": str(event),
            "id": secrets.token_urlsafe(16),
            "timestamp": round(now, 6),
            "log-level": "error" if event is MailEvent.FAILED else "info",
            "recipient": recipient,
            "recipient-domain": domain,
            "tags": json.loads(mail["tags"]),
            "user-variables": json.loads(mail["variables"]),
            "flags": {"is-routed": False, "is-authenticated": True, "is-test-mode": bool(mail["is_test"])},
            "message": {"headers": headers, "attachments": attached, "size": mail["size"]},
            **more,
        }
        if event in {MailEvent.ACCEPTED, MailEvent.DELIVERED, MailEvent.FAILED}:
            sender = parseaddr(mail["sender"])[1]
            payload["envelope"] = {"sender": sender, "targets": recipient, "transport": "smtp"}
        if event is MailEvent.ACCEPTED:
            payload["method"] = "HTTP"
        visible = time.time()
        chance = chance_of(self._seed, recipient, payload["id"])
        if not self._is_idle and event is not MailEvent.ACCEPTED and chance.random() < LATE_SHARE:
            visible += LATE_SECONDS * self._pace
        self._store.insert(
            "mail_events", id=payload["id"], at=payload["timestamp"], visible_at=visible, event=str(event),
            recipient=recipient, message_id=mail["message_id"], severity=more.get("severity"),
            subject=mail["subject"], header_to=mail["header_to"], payload=json.dumps(payload),
        )  # fmt: skip
        if is_pushed:
            self._callbacks.post_mailgun(payload)

    def happen(self, recipient: str, event: MailEvent, message_id: str | None = None) -> bool:
        """Make something happen to the newest mail of a recipient, for tests. Whether there is such a mail."""
        mail = self._store.row(
            "select * from mails where lower(recipient) = ? and (? is null or message_id = ?) order by n desc limit 1",
            [recipient.lower(), message_id, message_id],
        )
        if mail is None:
            return False
        more: dict[str, Any] = {"severity": PERMANENT, "reason": "bounce"} if event is MailEvent.FAILED else {}
        self.add(mail, event, more)
        self._lists.happened(recipient, event)
        return True

    async def read_list(self, request: Request) -> Response:
        """GET /v3/{domain}/events and …/events/{token}"""
        if not has_credentials(request, "api", self._settings.mailgun_api_key):
            return rules.forbidden()
        domain = request.path_params["domain"]
        if domain != self._settings.mailgun_domain:
            return rules.refuse(404, f"Domain not found: {domain}")
        try:
            token = request.path_params.get("token")
            asked = _unpack(token) if token else _question(dict(request.query_params), self._store.now())
            wheres, values = rules.filter_sql(asked["filters"])
        except ValueError as fault:
            return rules.refuse(400, str(fault))
        rows = self._rows(asked, wheres, values)
        base = f"{request.url.scheme}://{request.url.netloc}/v3/{domain}/events/"
        last = [rows[-1]["at"], rows[-1]["n"]] if rows else asked["after"]
        first = [rows[0]["at"], rows[0]["n"]] if rows else asked["after"]
        forward = {**asked, "after": last}
        back = {**asked, "after": first, "is_back": not asked["is_back"]}
        if asked["is_back"]:
            forward, back = {**back, "after": last}, {**asked, "after": first}
        return JSONResponse(
            {
                "items": [json.loads(row["payload"]) for row in rows],
                "paging": {"next": base + _pack(forward), "previous": base + _pack(back)},
            }
        )

    def _rows(self, asked: dict[str, Any], wheres: list[str], values: list[Any]) -> list[sqlite3.Row]:
        """One page in the order asked for; a page back is read against the order and turned round."""
        is_rising = asked["is_rising"] != asked["is_back"]
        wheres = ["visible_at <= ?", "at >= ?", "at <= ?", *wheres]
        values = [time.time(), asked["begin"], asked["end"], *values]
        if asked["after"]:
            wheres.append(f"(at, n) {'>' if is_rising else '<'} (?, ?)")
            values += asked["after"]
        order = "at, n" if is_rising else "at desc, n desc"
        rows = self._store.rows(
            f"select * from mail_events where {' and '.join(wheres)} order by {order} limit ?",  # noqa: S608
            [*values, asked["limit"]],
        )
        return rows[::-1] if asked["is_back"] else rows


def _moment(words: str) -> float:
    """Epoch seconds or an RFC 2822 date."""
    try:
        return float(words)
    except ValueError:
        return parsedate_to_datetime(words).timestamp()


def _question(query: Mapping[str, str], now: float) -> dict[str, Any]:
    """A first page's parameters, read once: its tokens carry them on. Raises ValueError in Mailgun's manner."""
    try:
        limit = int(query.get("limit", "100"))
        begin = _moment(query["begin"]) if "begin" in query else None
        end = _moment(query["end"]) if "end" in query else None
    except (TypeError, ValueError) as fault:
        raise ValueError("begin and end must be epoch seconds or RFC 2822 dates, limit a number") from fault
    if not 1 <= limit <= LARGEST_PAGE:
        raise ValueError(f"limit must be 1 to {LARGEST_PAGE}")
    ascending = query.get("ascending")
    if ascending not in {None, "yes", "no"}:
        raise ValueError("ascending must be yes or no")
    if begin is not None and end is None and ascending is None:
        raise ValueError("ascending must be provided if the range end time is not specified")
    is_rising = ascending == "yes" or (ascending is None and begin is not None and end is not None and begin <= end)
    bounds = [b for b in (begin, end) if b is not None]
    if len(bounds) == 2:
        low, high = min(bounds), max(bounds)
    elif begin is not None and not is_rising:
        low, high = 0.0, begin  # descending from `begin`
    else:
        low, high = begin or 0.0, end or now + 366 * 86_400
    filters = {name: value for name, value in query.items() if name in rules.FILTERS or name in rules.UNPLAYED_FILTERS}
    return {
        "begin": low, "end": high, "limit": limit, "is_rising": is_rising, "is_back": False, "after": None,
        "filters": filters,
    }  # fmt: skip


def _pack(asked: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(asked).encode()).decode().rstrip("=")


def _unpack(token: str) -> dict[str, Any]:
    try:
        asked = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    except (binascii.Error, ValueError) as fault:
        raise ValueError("the page token cannot be read") from fault
    if not isinstance(asked, dict):
        raise TypeError("the page token cannot be read")
    return asked
