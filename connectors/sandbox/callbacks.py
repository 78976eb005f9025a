"""Posts to web/, signed as each provider signs.

Twilio: https://www.twilio.com/docs/usage/security#validating-requests (no retry by default). Mailgun: HMAC-SHA256 over
timestamp + token; 200 is done, 406 is give up, anything else is tried again after 10, 10, 15, 30 minutes, 1, 2, 4 h.
Neither promises an order, nor that a post comes once: a test may order both (`FaultKind.CALLBACKS_ASTRAY`).
"""

import asyncio
import base64
import hashlib
import hmac
import json
import secrets
import time
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urldefrag, urlsplit

import requests
import structlog

from connectors.sandbox.agenda import RETRY, Agenda
from connectors.sandbox.browser import Lines
from connectors.sandbox.settings import SandboxSettings, is_loopback

log = structlog.get_logger(__name__)
MAILGUN_RETRIES = (600, 600, 900, 1800, 3600, 7200, 14_400)  # seconds
ASTRAY_SECONDS = 2.5  # how long the first callback of a message goes astray, and again while others are to come
DEAF_SECONDS = 0.5  # where nobody listened a moment ago nobody is called: thousands of such calls cost a core


def twilio_signature(token: str, url: str, fields: Mapping[str, str]) -> str:
    """X-Twilio-Signature of a form post: base64(HMAC-SHA1(token, url + each name and value, sorted by name))."""
    signed = url + "".join(name + fields[name] for name in sorted(fields))
    return base64.b64encode(hmac.new(token.encode(), signed.encode(), hashlib.sha1).digest()).decode()


def mailgun_signature(key: str, timestamp: str, token: str) -> str:
    """hex(HMAC-SHA256(webhook signing key, timestamp + token))"""
    return hmac.new(key.encode(), f"{timestamp}{token}".encode(), hashlib.sha256).hexdigest()


def _message_of(event: Mapping[str, Any]) -> str:
    return str(event["message"]["headers"]["message-id"])


class Callbacks:
    """Plans posts on the agenda and carries them out."""

    def __init__(self, settings: SandboxSettings, agenda: Agenda, lines: Lines) -> None:
        self._settings = settings
        self._agenda = agenda
        self._lines = lines
        self.counts: dict[str, int] = {"posted": 0, "answered_2xx": 0, "unanswered": 0, "given_up": 0}
        self._deaf_until: dict[str, float] = {}  # by host and port
        self._astray: dict[str, bool] = {}  # by message: whether its first callback is still to come
        self._expected: dict[str, asyncio.Future[None]] = {}  # by message, then by callback: done when that was tried
        agenda.on("twilio_post", self._post_twilio)
        agenda.on("mailgun_post", self._post_mailgun)
        agenda.on(RETRY, self._post_mailgun)

    @staticmethod
    def dlr_date(at: float) -> str:
        """RawDlrDoneDate: YYMMDDhhmm."""
        return datetime.fromtimestamp(at, UTC).strftime("%y%m%d%H%M")

    def post_twilio(self, url: str, fields: Mapping[str, str], after: float = 0.0) -> None:
        """Post a form, signed. An address off this machine is never called."""
        if is_loopback(url):
            token = str(uuid.uuid4())  # the same for each post of one callback: it is how a receiver may tell
            message = fields["MessageSid"]
            self._plan("twilio_post", after, message, token, url=url, fields=dict(fields), token=token)

    def post_mailgun(self, event: Mapping[str, Any]) -> None:
        """Post an event as a webhook, until taken."""
        self._plan("mailgun_post", 0.0, _message_of(event), event["id"], event=dict(event), tries=0)

    def lead_astray(self, message: str) -> None:
        """From now on each callback of a message is posted twice, and the first of them comes after all others."""
        self._astray[message] = True

    def expect(self, message: str) -> "asyncio.Future[None]":
        """Done when the next callback of a message has been answered, or was tried in vain."""
        return self._expected.setdefault(message, asyncio.get_running_loop().create_future())

    def is_expected(self, message: str) -> bool:
        """Whether somebody waits for the next callback of a message."""
        return message in self._expected

    def _plan(self, kind: str, after: float, message: str, callback: str, **payload: Any) -> None:
        if message in self._expected:
            self._expected[callback] = self._expected.pop(message)
        if message not in self._astray:
            self._agenda.add(kind, after, **payload)
            return
        is_first, self._astray[message] = self._astray[message], False
        for _ in range(2):
            if is_first:
                self._agenda.add(kind, after + ASTRAY_SECONDS, **payload, astray=message)
            else:
                self._agenda.add(kind, after, **payload)

    def _is_early(self, kind: str, payload: dict[str, Any]) -> bool:
        """Whether a callback gone astray still has others to wait for; it is planned anew then.

        Asked of the agenda: on a slow machine what should have come long before is still to come.
        """
        message = payload.get("astray")
        if message is None or not self._agenda.has_step_of(message):
            return False
        self._agenda.add(kind, ASTRAY_SECONDS, **payload)
        return True

    async def _post_twilio(self, payload: dict[str, Any]) -> None:
        if self._is_early("twilio_post", payload):
            return
        url, fields = urldefrag(payload["url"]).url, payload["fields"]
        headers = {
            "X-Twilio-Signature": twilio_signature(self._settings.twilio_auth_token, url, fields),
            "I-Twilio-Idempotency-Token": payload["token"],
            "User-Agent": "TwilioProxy/1.1",
        }
        await self._count(url, data=fields, headers=headers)
        self._done(payload["token"])

    async def _post_mailgun(self, payload: dict[str, Any]) -> None:
        if self._is_early("mailgun_post", payload):
            return
        # The signature's time is this machine's even when the sandbox's clock is moved: receivers may judge its age.
        timestamp, token = str(int(time.time())), secrets.token_hex(25)
        body = {
            "signature": {
                "timestamp": timestamp,
                "token": token,
                "signature": mailgun_signature(self._settings.mailgun_webhook_key, timestamp, token),
            },
            "event-data": payload["event"],
        }
        headers = {"Content-Type": "application/json", "User-Agent": "mailgun/webhooks"}
        url = f"{self._settings.public_base}/callbacks/mailgun"
        if not is_loopback(url):
            self._done(payload["event"]["id"])
            return
        status = await self._count(url, data=json.dumps(body), headers=headers)
        self._done(payload["event"]["id"])
        tries = payload["tries"]
        if status in {200, 406}:
            return
        if tries < len(MAILGUN_RETRIES):
            self._agenda.add(RETRY, MAILGUN_RETRIES[tries], event=payload["event"], tries=tries + 1)
        else:
            self.counts["given_up"] += 1

    def _done(self, callback: str) -> None:
        expected = self._expected.pop(callback, None)
        if expected is not None and not expected.done():
            expected.set_result(None)

    async def _count(self, url: str, **what: Any) -> int | None:
        """Post once; the status, or None when nobody answered."""
        self.counts["posted"] += 1
        place = urlsplit(url).netloc
        if time.monotonic() < self._deaf_until.get(place, 0.0):
            self.counts["unanswered"] += 1
            return None
        try:
            answer = await self._lines.call("POST", url, **what)
        except requests.RequestException as fault:
            self.counts["unanswered"] += 1
            self._deaf_until[place] = time.monotonic() + DEAF_SECONDS
            log.debug("callback unanswered", fault=type(fault).__name__)
            return None
        if answer.ok:
            self.counts["answered_2xx"] += 1
        return answer.status_code
