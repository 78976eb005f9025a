"""/_sandbox/…: what tests and the demo ask of the sandbox itself, beside the providers' protocols."""

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connectors.sandbox.agenda import Agenda
from connectors.sandbox.callbacks import Callbacks
from connectors.sandbox.faults import Faults, Provider, WrongFault
from connectors.sandbox.mailgun_events import MailgunEvents
from connectors.sandbox.mailgun_rules import MailEvent
from connectors.sandbox.reviews import ReviewSites
from connectors.sandbox.store import Store
from connectors.sandbox.twilio_progress import TwilioProgress
from connectors.sandbox.twilio_rules import RANK

TEXTS = """
select n, sid as provider_message_id, recipient as "to", coalesce(sender, service_sid) as "from", body, attempt_id,
    created as created_at, status from texts where direction <> 'inbound' order by n
"""
FILES = "select name, media_type, size from mail_files where message_id = ? order by position"
MEDIA = "select sid, media_type, size from text_media order by sid, position"  # null: not fetched (yet)
MAILS = """
select n, message_id as provider_message_id, recipient as "to", sender as "from", body_text as text, subject,
    attempt_id, created as created_at, status from mails order by n
"""


class Control:
    """The endpoints under /_sandbox."""

    def __init__(
        self,
        store: Store,
        *,
        agenda: Agenda,
        faults: Faults,
        callbacks: Callbacks,
        texts: TwilioProgress,
        mails: MailgunEvents,
        reviews: ReviewSites,
    ) -> None:
        self._store = store
        self._agenda = agenda
        self._faults = faults
        self._callbacks = callbacks
        self._texts = texts
        self._mails = mails
        self._reviews = reviews

    def routes(self) -> list[Route]:
        """The routes, relative to /_sandbox."""
        return [
            Route("/record", self.record),
            Route("/clock", self.clock, methods=["GET", "POST"]),
            Route("/texts", self.write_text, methods=["POST"]),
            Route("/events", self.happen, methods=["POST"]),
            Route("/faults", self.order_fault, methods=["GET", "POST"]),
            Route("/forget", self.forget, methods=["POST"]),
            Route("/health", self.health),
        ]

    async def record(self, request: Request) -> Response:
        """GET: every message ever created, oldest first; a mail to several people is one row for each."""
        texts = [{"provider": str(Provider.TWILIO), "subject": None, **dict(row)} for row in self._store.rows(TEXTS)]
        mails = [{"provider": str(Provider.MAILGUN), **dict(row)} for row in self._store.rows(MAILS)]
        media: dict[str, list[dict[str, Any]]] = {}
        for one in self._store.rows(MEDIA):
            media.setdefault(one["sid"], []).append({"media_type": one["media_type"], "size": one["size"]})
        for row in texts:
            row["text"] = row["body"]
            row["media"] = media.get(row["provider_message_id"], [])
        for row in mails:
            row["body"] = row["text"]
            row["media"] = [dict(f) for f in self._store.rows(FILES, [row["provider_message_id"]])]
        return JSONResponse(sorted(texts + mails, key=lambda row: (row["created_at"], row["n"])))

    async def clock(self, request: Request) -> Response:
        """POST {"offset_seconds": n, "date_offset_seconds"?: m}: providers' timestamps run that far ahead. Also GET.

        The second is for the Date header of their answers, by which doubt is settled; it is forgotten at a restart. A
        demo's days pass without it: what was handed over on the database's clock would look too old to be found.
        """
        if request.method == "POST":
            words = await _words(request)
            offset, of_date = words.get("offset_seconds"), words.get("date_offset_seconds", 0)
            if not isinstance(offset, int | float) or not isinstance(of_date, int | float):
                return _wrong('expected {"offset_seconds": number, "date_offset_seconds"?: number}')
            self._store.set_offset(float(offset))
            self._store.date_offset = float(of_date)
            await self._store.settled()
        return JSONResponse({"offset_seconds": self._store.offset, "now": self._store.now()})

    async def write_text(self, request: Request) -> Response:
        """POST {"from", "body", "to"?}: a customer texts us."""
        words = await _words(request)
        if not words.get("from") or not isinstance(words.get("body"), str):
            return _wrong('expected {"from": number, "body": text}')
        sid = self._texts.receive(str(words["from"]), words["body"], words.get("to"))
        await self._store.settled()
        return JSONResponse({"sid": sid}, 201)

    async def happen(self, request: Request) -> Response:
        """POST {"recipient", "event", "message_id"?}: something happens to a mail (opened, complained, failed, …)."""
        words = await _words(request)
        try:
            event = MailEvent(words.get("event", ""))
        except ValueError:
            return _wrong(f"expected event, one of {', '.join(MailEvent)}")
        if not self._mails.happen(str(words.get("recipient", "")), event, words.get("message_id")):
            return JSONResponse({"message": "no mail to that recipient"}, 404)
        await self._store.settled()
        return JSONResponse({"event": str(event)}, 201)

    async def order_fault(self, request: Request) -> Response:
        """POST {"kind", "provider"?, "count" | "probability", "milliseconds"?} or {"clear": true}; GET lists them."""
        if request.method == "POST":
            try:
                self._faults.order(await _words(request))
            except WrongFault as fault:
                return _wrong(str(fault))
        return JSONResponse(self._faults.as_words())

    async def forget(self, request: Request) -> Response:
        """POST: no message was ever created, no fault ordered, no clock moved. What is under way finds nothing."""
        self._store.forget()
        self._faults.order({"clear": True})
        await self._store.settled()
        return JSONResponse({})

    async def health(self, request: Request) -> Response:
        """GET: alive, and how much is done and to come."""
        texts = {row[0]: row[1] for row in self._store.rows("select status, count(*) from texts group by status")}
        mails = {row[0]: row[1] for row in self._store.rows("select event, count(*) from mail_events group by event")}
        return JSONResponse(
            {
                "is_healthy": True,
                "pending": self._agenda.pending,
                "texts": {status: texts.get(status, 0) for status in [*RANK, "received"]},
                "mail_events": mails,
                "callbacks": self._callbacks.counts,
                "reviews": len(self._reviews),
            }
        )


async def _words(request: Request) -> dict[str, Any]:
    try:
        words = json.loads(await request.body() or b"{}")
    except ValueError:
        return {}
    return words if isinstance(words, dict) else {}


def _wrong(message: str) -> Response:
    return JSONResponse({"message": message}, 400)
