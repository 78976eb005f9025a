"""Where providers post. Verified, parsed, stored and applied in one transaction, and only then answered with 200.

A provider tries again on anything else (Mailgun gives up on 406), so an answer before the commit would lose an event.
Signatures are checked over the public address that was configured, never over what a proxy's headers claim.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from connectors import CallbackReader, ForgedCallback, MalformedCallback, ProviderEvent
from data.ledger.store import Ledger
from web.bodies import read_body
from web.threads import LedgerThreads

log = structlog.get_logger(__name__)

Receiver = Callable[..., Any]  # invitations.events.receive: (ledger, events, *, now) -> counts

_EMPTY_TWIML = '<?xml version="1.0" encoding="UTF-8"?><Response/>'
_KILOBYTE = 1024


class Callbacks:
    """The providers' routes. `public_url` is what providers were told to call."""

    def __init__(
        self,
        ledger: Ledger,
        readers: Mapping[str, CallbackReader],
        receive: Receiver,
        threads: LedgerThreads,
        *,
        public_url: str,
    ) -> None:
        self.ledger = ledger
        self.readers = readers
        self.receive = receive
        self.threads = threads
        self.public_url = public_url.rstrip("/")

    def routes(self) -> Sequence[Route]:
        """Twilio's statuses and inbound texts, Mailgun's events."""
        twiml = partial(Response, _EMPTY_TWIML, media_type="text/xml")  # "say nothing back"
        plain = partial(PlainTextResponse, "ok")
        twilio, mailgun = 64 * _KILOBYTE, 1024 * _KILOBYTE
        return [
            self._route("/callbacks/twilio/status", "twilio", twilio, malformed=400, done=twiml),
            self._route("/callbacks/twilio/inbound", "twilio", twilio, malformed=400, done=twiml),
            self._route("/callbacks/mailgun", "mailgun", mailgun, malformed=406, done=plain),
        ]

    def _route(self, path: str, provider: str, limit: int, *, malformed: int, done: Callable[[], Response]) -> Route:
        async def endpoint(request: Request) -> Response:
            reader = self.readers.get(provider)
            if reader is None:
                raise HTTPException(404)
            body = await read_body(request, limit)
            url, headers = self._address(request), dict(request.headers)
            try:
                events = reader.read_callback(url, headers, body).events
            except ForgedCallback:
                log.warning("callback_forged", provider=provider)
                return PlainTextResponse("the signature does not match", 403)
            except MalformedCallback:
                log.warning("callback_malformed", provider=provider)
                return PlainTextResponse("this can't be read", malformed)
            await self.threads.run(lambda: self._store(events))
            return done()

        return Route(path, endpoint, methods=["POST"])

    def _address(self, request: Request) -> str:
        """The public address that was called, to the byte: its query as it came, decoded by nobody."""
        path = request.scope.get("raw_path") or request.url.path.encode()
        query: bytes = request.scope["query_string"]
        return self.public_url + path.decode("latin-1") + (f"?{query.decode('latin-1')}" if query else "")

    def _store(self, events: Sequence[ProviderEvent]) -> None:
        if events:
            now: datetime = self.ledger.policy_now()
            self.receive(self.ledger, events, now=now)
