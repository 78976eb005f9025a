"""Mailgun: POST /v3/{domain}/messages, and what becomes of a mail.

https://documentation.mailgun.com/docs/mailgun/api-reference/send/mailgun/messages. Multipart and urlencoded are taken,
`h:Message-Id` is honoured (two posts with one id are both delivered). With recipient variables everybody gets a mail of
their own, `%recipient.key%` filled in subject, bodies, `h:` and `v:`; without them one mail shows all its recipients.
Not played: templates of Mailgun's own, delivery times, variables in `from`, click tracking.

Whatever the seed: a local part that begins with `bounce` bounces for good, one with `softbounce` is delayed once.
"""

import json
import re
import secrets
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parseaddr
from typing import Any

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from connectors.sandbox import mailgun_rules as rules
from connectors.sandbox.agenda import Agenda
from connectors.sandbox.auth import has_credentials
from connectors.sandbox.callbacks import Callbacks
from connectors.sandbox.chance import chance_of
from connectors.sandbox.faults import OF_CALLBACKS, REFUSALS, Fault, FaultKind, Faults, Provider, spoil
from connectors.sandbox.mailgun_events import MailgunEvents
from connectors.sandbox.mailgun_rules import PERMANENT, TEMPORARY, MailEvent
from connectors.sandbox.mailgun_suppressions import MailgunSuppressions
from connectors.sandbox.settings import SandboxSettings
from connectors.sandbox.store import Store

BOUNCING_SHARE = 0.02
UNSUBSCRIBE_LINK = re.compile(r"<(https?://[^>]+)>")


class MailgunMessages:
    """The sending endpoint and the delivery behind it. `on_delivered` is told of each mail that reached somebody."""

    def __init__(
        self,
        store: Store,
        settings: SandboxSettings,
        faults: Faults,
        agenda: Agenda,
        events: MailgunEvents,
        *,
        callbacks: Callbacks,
        lists: MailgunSuppressions,
        seed: int,
        is_idle: bool,
    ) -> None:
        self._store = store
        self._settings = settings
        self._faults = faults
        self._agenda = agenda
        self._events = events
        self._callbacks = callbacks
        self._lists = lists
        self._seed = seed
        self._is_idle = is_idle
        self.on_delivered: Callable[[sqlite3.Row], None] | None = None
        agenda.on("mail_delivery", self._deliver)

    async def create(self, request: Request) -> Response:
        """POST /v3/{domain}/messages"""
        if not has_credentials(request, "api", self._settings.mailgun_api_key):
            return rules.forbidden()
        domain = request.path_params["domain"]
        if domain != self._settings.mailgun_domain:
            return rules.refuse(404, f"Domain not found: {domain}")
        failure = rules.refuse(500, "Internal Server Error")
        fault = self._faults.draw(Provider.MAILGUN)
        if fault and fault.kind in REFUSALS:
            status = REFUSALS[fault.kind]
            return {500: failure, 429: rules.too_many(domain), 401: rules.forbidden()}[status]
        async with request.form(max_fields=2000, max_part_size=rules.MOST_BYTES) as form:
            if wrong := rules.what_is_wrong(form):
                return rules.refuse(400, wrong)
            message_id = self._take(form)
            await self._disturb(message_id, fault)  # at once: the loop's next turn may bring its first callback
        await self._store.settled()
        answer = JSONResponse({"id": f"<{message_id}>", "message": "Queued. Thank you."})
        return await spoil(fault, request, answer, failure)

    async def _disturb(self, message_id: str, fault: Fault | None) -> None:
        """What a fault does to the webhooks of mail just taken; back when the call may be answered."""
        if fault is None or fault.kind not in OF_CALLBACKS:
            return
        if fault.kind is FaultKind.CALLBACKS_ASTRAY:
            self._callbacks.lead_astray(message_id)
            return
        mails = self._store.rows("select n from mails where message_id = ? and not is_test", [message_id])
        if not mails:
            return
        posted = self._callbacks.expect(message_id)
        for mail in mails:
            await self._deliver({"mail": mail["n"], "tries": 1})
        await posted

    def _message_id(self, form: FormData) -> str:
        """The id asked for when it is well-formed, else one of Mailgun's own; without <>."""
        asked = str(form.get("h:Message-Id", "")).strip().removeprefix("<").removesuffix(">")
        if rules.ADDRESS.fullmatch(asked):
            return asked
        stamp = datetime.fromtimestamp(self._store.now(), UTC).strftime("%Y%m%d%H%M%S")
        return f"{stamp}.{secrets.token_hex(8)}@{self._settings.mailgun_domain}"

    def _take(self, form: FormData) -> str:
        message_id = self._message_id(form)
        variables = {name[2:]: str(value) for name, value in form.multi_items() if name.startswith("v:")}
        header = str(form.get("h:List-Unsubscribe", ""))
        is_test = str(form.get("o:testmode", "no")).lower() in {"yes", "true"}
        own = rules.recipient_variables(form)
        now = self._store.now()
        files = [part for part in form.getlist("attachment") + form.getlist("inline") if isinstance(part, UploadFile)]
        size = sum((v.size or 0) if isinstance(v, UploadFile) else len(v) for _, v in form.multi_items())
        self._store.write_many(
            "insert or ignore into mail_files values (?, ?, ?, ?, ?)",
            [(message_id, n, f.filename or "", f.content_type or "", f.size or 0) for n, f in enumerate(files)],
        )
        for recipient in dict.fromkeys(rules.recipients_of(form)):
            fill = rules.filler(own, recipient)
            unsubscribe = UNSUBSCRIBE_LINK.search(fill(header))
            filled = {name: fill(value) for name, value in variables.items()}
            number = self._store.insert(
                "mails", message_id=message_id, sender=str(form["from"]), recipient=recipient,
                header_to=recipient if own else ", ".join(str(to) for to in form.getlist("to")),
                subject=fill(str(form["subject"])), body_text=fill(str(form.get("text", ""))),
                body_html=fill(str(form.get("html", ""))), variables=json.dumps(filled),
                tags=json.dumps([str(tag) for tag in form.getlist("o:tag")]),
                unsubscribe=unsubscribe.group(1) if unsubscribe else None, is_test=int(is_test),
                status=MailEvent.ACCEPTED, size=size,
                created=now, attempt_id=filled.get("attempt_id"),
            )  # fmt: skip
            mail = self._store.row("select * from mails where n = ?", [number])
            if mail is None:
                raise LookupError("a row just written is gone")
            self._events.add(mail, MailEvent.ACCEPTED, is_pushed=False)
            if not is_test:
                chance = chance_of(self._seed, recipient, "server")
                self._agenda.add("mail_delivery", 0.5 + chance.random() * 1.5, mail=number, tries=1)
        return message_id

    async def _deliver(self, payload: dict[str, Any]) -> None:
        mail = self._store.row("select * from mails where n = ?", [payload["mail"]])
        if mail is None or mail["status"] != MailEvent.ACCEPTED:
            return
        tries = payload["tries"]
        if (refusal := self._lists.refusal(mail)) is not None:
            code, words = rules.SUPPRESSED[refusal]
            self._fail(mail, PERMANENT, refusal, code, words)
        elif self._bounces(mail["recipient"]):
            self._lists.happened(mail["recipient"], MailEvent.FAILED)
            self._fail(mail, PERMANENT, "bounce", 550, "5.1.1 The email account that you tried to reach does not exist")
        elif parseaddr(mail["recipient"])[1].lower().startswith("softbounce") and tries == 1:
            self._fail(mail, TEMPORARY, "generic", 450, "4.2.1 The mailbox is temporarily unavailable")
            self._agenda.add("mail_delivery", 10, mail=mail["n"], tries=2)
        else:
            self._store.write("update mails set status = ? where n = ?", [MailEvent.DELIVERED, mail["n"]])
            status = {"code": 250, "message": "OK", "attempt-no": tries, "session-seconds": 0.44, "tls": True}
            self._events.add(mail, MailEvent.DELIVERED, {"delivery-status": status})
            if self.on_delivered is not None:
                self.on_delivered(mail)

    def _bounces(self, recipient: str) -> bool:
        if recipient.lower().startswith("bounce"):
            return True
        return not self._is_idle and chance_of(self._seed, recipient, "mailbox").random() < BOUNCING_SHARE

    def _fail(self, mail: sqlite3.Row, severity: str, reason: str, code: int, words: str) -> None:
        if severity == PERMANENT:
            self._store.write("update mails set status = ? where n = ?", [MailEvent.FAILED, mail["n"]])
        status: dict[str, Any] = {"code": code, "message": words, "attempt-no": 1, "session-seconds": 0.2}
        if severity == TEMPORARY:
            status["retry-seconds"] = 600
        self._events.add(mail, MailEvent.FAILED, {"severity": severity, "reason": reason, "delivery-status": status})
