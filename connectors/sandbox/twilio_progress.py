"""What becomes of a text: queued, sent, delivered (or not), told to the StatusCallback; and texts that come in.

Flow: https://www.twilio.com/docs/messaging/guides/outbound-message-status-in-status-callbacks. Nobody is promised the
order of callbacks, so a few come in the wrong one. A number whose last five digits are a code of `FAILURES` (…30005)
is undelivered with that code, whatever the seed.
"""

import secrets
import sqlite3
from collections.abc import Callable
from typing import Any

from connectors.sandbox import twilio_rules as rules
from connectors.sandbox.agenda import Agenda
from connectors.sandbox.callbacks import Callbacks
from connectors.sandbox.chance import chance_of
from connectors.sandbox.faults import OF_CALLBACKS, Fault, FaultKind
from connectors.sandbox.settings import SandboxSettings, is_loopback
from connectors.sandbox.store import Store
from connectors.sandbox.twilio_content import TwilioContents
from connectors.sandbox.twilio_media import TwilioMedia
from connectors.sandbox.twilio_rules import RANK, TextStatus

Arrival = Callable[[sqlite3.Row], None]
UNDELIVERED_SHARE = 0.025
SWAPPED_SHARE = 0.03
READ_SHARE = 0.85  # of WhatsApp's recipients let it be seen that they read
NEVER_SENT = frozenset(  # refused by the channel itself: failed, not undelivered
    {63013, 63016, 63024, 63028, 63040, 63041, 63042, 63049}
)


class TwilioProgress:
    """The carrier. `on_delivered` is told of each text that reached somebody."""

    def __init__(
        self,
        store: Store,
        settings: SandboxSettings,
        agenda: Agenda,
        callbacks: Callbacks,
        *,
        media: TwilioMedia,
        contents: TwilioContents,
        seed: int,
        is_idle: bool,
    ) -> None:
        self._store = store
        self._settings = settings
        self._agenda = agenda
        self._callbacks = callbacks
        self._media = media
        self._contents = contents
        self._seed = seed
        self._is_idle = is_idle
        self.on_delivered: Arrival | None = None
        agenda.on("text_status", self._step)
        agenda.on("text_inbound", self._post_inbound)

    def begin(self, sid: str, recipient: str) -> None:
        """Plan the first step of a text just taken."""
        chance = chance_of(self._seed, recipient, "carrier")
        self._agenda.add("text_status", 0.2 + chance.random() * 0.8, sid=sid, status=TextStatus.SENT)

    async def disturb(self, sid: str, fault: Fault | None) -> None:
        """What a fault does to the callbacks of a text just taken; back when the create may be answered."""
        if fault is None or fault.kind not in OF_CALLBACKS:
            return
        if fault.kind is FaultKind.CALLBACKS_ASTRAY:
            self._callbacks.lead_astray(sid)
            return
        row = self._store.row("select callback_url from texts where sid = ?", [sid])
        if row is None or not row["callback_url"] or not is_loopback(row["callback_url"]):
            return
        posted = self._callbacks.expect(sid)
        await self._step({"sid": sid, "status": TextStatus.SENT})
        await posted

    def _failure(self, row: sqlite3.Row) -> int | None:
        """The code with which a text ends undelivered, if it does."""
        number = rules.bare(row["recipient"])
        is_whatsapp = row["recipient"].startswith("whatsapp:")
        if is_whatsapp and (code := self._contents.failure_of(row, has_written=self._has_written(row))):
            return code
        if number[-5:].isdigit() and int(number[-5:]) in rules.FAILURES:
            return int(number[-5:])
        if self._is_idle:
            return None
        luck = chance_of(self._seed, number, "handset").random()
        if luck >= UNDELIVERED_SHARE:
            return None
        if is_whatsapp:
            return 63024
        return 30005 if luck < UNDELIVERED_SHARE * 0.7 else 30003

    def _has_written(self, row: sqlite3.Row) -> bool:
        day_ago = self._store.now() - 86_400
        return (
            self._store.row(
                "select 1 from texts where direction = 'inbound' and sender = ? and created > ?",
                [row["recipient"], day_ago],
            )
            is not None
        )

    def _before(self, sid: str, status: TextStatus) -> sqlite3.Row | None:
        """The text, unless it is gone or has come as far as that."""
        row = self._store.row("select * from texts where sid = ?", [sid])
        return None if row is None or RANK[TextStatus(row["status"])] >= RANK[status] else row

    async def _step(self, payload: dict[str, Any]) -> None:
        sid, status = payload["sid"], TextStatus(payload["status"])
        row = self._before(sid, status)
        code = await self._media.fetch(row) if row is not None and status is TextStatus.SENT else None
        row = self._before(sid, status)  # while pictures were fetched the same step may have been taken
        if row is None:
            return
        chance = chance_of(self._seed, row["recipient"], row["sid"])
        if code:
            status = TextStatus.FAILED
        elif status is TextStatus.SENT:
            after = 0.3 + chance.random() * 0.7
            code = self._failure(row)
            if code in NEVER_SENT:
                status = TextStatus.FAILED
            else:
                following = TextStatus.UNDELIVERED if code else TextStatus.DELIVERED
                self._agenda.add("text_status", after, sid=row["sid"], status=following, code=code)
                code = None
        else:
            code = payload.get("code")
        self._move(row, status, code)
        is_swapped = status is TextStatus.SENT and chance.random() < SWAPPED_SHARE
        self._tell(row, status, code, late=is_swapped and not self._callbacks.is_expected(sid))
        if status is not TextStatus.DELIVERED:
            return
        if row["recipient"].startswith("whatsapp:") and not self._is_idle and chance.random() < READ_SHARE:
            self._agenda.add("text_status", 0.5 + chance.random(), sid=row["sid"], status=TextStatus.READ)
        if self.on_delivered is not None:
            self.on_delivered(row)

    def _move(self, row: sqlite3.Row, status: TextStatus, code: int | None) -> None:
        now = self._store.now()
        sender = row["sender"] or self._settings.twilio_from or rules.MAGIC_SENDER
        sent = row["sent"] or (now if status is not TextStatus.FAILED else None)
        self._store.write(
            "update texts set status = ?, error_code = ?, sent = ?, updated = ?, sender = ?, segments = ? "
            "where sid = ?",
            [status, code, sent, now, sender, str(rules.count_segments(row["body"])), row["sid"]],
        )

    def _tell(self, row: sqlite3.Row, status: TextStatus, code: int | None, *, late: bool) -> None:
        if not row["callback_url"]:
            return
        fields = {
            "AccountSid": self._settings.twilio_account_sid,
            "ApiVersion": "2010-04-01",
            "From": row["sender"] or self._settings.twilio_from or rules.MAGIC_SENDER,
            "MessageSid": row["sid"],
            "MessageStatus": str(status),
            "SmsSid": row["sid"],
            "SmsStatus": str(status),
            "To": row["recipient"],
        }
        if row["service_sid"]:
            fields["MessagingServiceSid"] = row["service_sid"]
        if row["recipient"].startswith("whatsapp:"):
            fields["ChannelPrefix"] = "whatsapp"
            if status is TextStatus.READ:
                fields["EventType"] = "READ"
        if code:
            fields["ErrorCode"] = str(code)
        if status in {TextStatus.DELIVERED, TextStatus.UNDELIVERED}:
            fields["RawDlrDoneDate"] = self._callbacks.dlr_date(self._store.now())
        self._callbacks.post_twilio(row["callback_url"], fields, after=2.5 if late else 0.0)

    def receive(self, sender: str, body: str, recipient: str | None = None) -> str:
        """A customer texts us: recorded, obeyed when it is a keyword, posted to web/. The message's sid."""
        latest = self._store.row(
            "select sender, service_sid from texts where recipient = ? and direction <> 'inbound' order by n desc",
            [sender],
        )
        ours = recipient or (latest["sender"] if latest else None) or self._settings.twilio_from or rules.MAGIC_SENDER
        service = latest["service_sid"] if latest else None
        now = self._store.now()
        sid = "SM" + secrets.token_hex(16)
        self._store.insert(
            "texts", sid=sid, direction="inbound", sender=sender, recipient=ours, service_sid=service, body=body,
            status=TextStatus.RECEIVED, segments=str(rules.count_segments(body)), created=now, sent=now, updated=now,
        )  # fmt: skip
        self._obey(sender, body, [one for one in (ours, service) if one])
        self._agenda.add("text_inbound", 0, sid=sid)
        return sid

    def _obey(self, sender: str, body: str, senders: list[str]) -> None:
        """Default keywords of a long code: Twilio itself blocks and unblocks. Scope: number, or the whole service."""
        if sender.startswith("whatsapp:"):
            return
        word = body.strip().upper()
        if word in rules.STOP_WORDS:
            self._store.write_many("insert or ignore into blocked values (?, ?)", [(sender, one) for one in senders])
        elif word in rules.START_WORDS:
            self._store.write_many(
                "delete from blocked where recipient = ? and sender = ?", [(sender, one) for one in senders]
            )

    async def _post_inbound(self, payload: dict[str, Any]) -> None:
        row = self._store.row("select * from texts where sid = ?", [payload["sid"]])
        if row is None:
            return
        fields = {
            "AccountSid": self._settings.twilio_account_sid,
            "ApiVersion": "2010-04-01",
            "Body": row["body"],
            "From": row["sender"],
            "MessageSid": row["sid"],
            "NumMedia": "0",
            "NumSegments": row["segments"],
            "SmsMessageSid": row["sid"],
            "SmsSid": row["sid"],
            "SmsStatus": str(TextStatus.RECEIVED),
            "To": row["recipient"],
        }
        if row["service_sid"]:
            fields["MessagingServiceSid"] = row["service_sid"]
        self._callbacks.post_twilio(f"{self._settings.public_base}/callbacks/twilio/inbound", fields)
