"""Where providers post. Verified, parsed, stored and applied in one transaction, and only then answered with 200.

A provider tries again on anything else (Mailgun gives up on 406), so an answer before the commit would lose an event.
Signatures are checked over the public address that was configured, never over what a proxy's headers claim.
"""

import hashlib
from collections.abc import Mapping, Sequence

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from connectors import CallbackReader, ForgedCallback, MalformedCallback
from invitations.events import Posted
from web.bodies import read_body
from web.inbox import Inbox, NoRoom, WriterGone
from web.metrics import CallbackResult, Metrics

log = structlog.get_logger(__name__)

_EMPTY_TWIML = '<?xml version="1.0" encoding="UTF-8"?><Response/>'
_KILOBYTE = 1024
_COME_AGAIN = {"Retry-After": "10"}  # seconds: by then what waits is stored, and a writer is there


class Callbacks:
    """The providers' routes. `public_url` is what providers were told to call."""

    def __init__(
        self, inbox: Inbox, readers: Mapping[str, CallbackReader], metrics: Metrics, *, public_url: str
    ) -> None:
        self.inbox = inbox
        self.readers = readers
        self.metrics = metrics
        self.public_url = public_url.rstrip("/")

    def routes(self) -> Sequence[Route]:
        """Twilio's statuses and inbound texts, Mailgun's events."""
        twiml = Response(_EMPTY_TWIML, media_type="text/xml")  # "say nothing back"
        plain = PlainTextResponse("ok")
        twilio, mailgun = 64 * _KILOBYTE, 256 * _KILOBYTE  # read before they can be verified
        return [
            self._route("/callbacks/twilio/status", "twilio", twilio, malformed=400, done=twiml),
            self._route("/callbacks/twilio/inbound", "twilio", twilio, malformed=400, done=twiml),
            self._route("/callbacks/mailgun", "mailgun", mailgun, malformed=406, done=plain),
        ]

    def _route(self, path: str, provider: str, limit: int, *, malformed: int, done: Response) -> Route:
        answers: dict[CallbackResult, Response] = {  # made once: they are the same for everybody
            CallbackResult.STORED: done,
            CallbackResult.FORGED: PlainTextResponse("the signature does not match", 403),
            CallbackResult.MALFORMED: PlainTextResponse("this can't be read", malformed),
            CallbackResult.TOKEN_USED: PlainTextResponse("this token was used for something else", 406),
            CallbackResult.NO_ROOM: PlainTextResponse("too much at once", 503, _COME_AGAIN),
            CallbackResult.WRITER_GONE: PlainTextResponse("it may not be stored", 503, _COME_AGAIN),
        }

        async def endpoint(request: Request) -> Response:
            reader = self.readers.get(provider)
            if reader is None:
                raise HTTPException(404)
            try:
                result = await self._take(request, provider, reader, limit)
            except HTTPException:
                self.metrics.count_callback(provider, CallbackResult.TOO_LARGE)
                raise
            except ClientDisconnect:  # it never came whole: neither ours nor theirs
                raise
            except Exception:
                self.metrics.count_callback(provider, CallbackResult.FAILED)
                raise
            self.metrics.count_callback(provider, result)
            if result in {CallbackResult.FORGED, CallbackResult.MALFORMED, CallbackResult.TOKEN_USED}:
                log.warning("callback_refused", provider=provider, why=result.value)
            return answers[result]

        return Route(path, endpoint, methods=["POST"])

    async def _take(self, request: Request, provider: str, reader: CallbackReader, limit: int) -> CallbackResult:
        body = await read_body(request, limit)
        try:
            callback = reader.read_callback(self._address(request), _headers(request), body)
        except ForgedCallback:
            return CallbackResult.FORGED
        except MalformedCallback:
            return CallbackResult.MALFORMED
        try:
            is_taken = await self.inbox.take(Posted(provider, callback, hashlib.sha256(body).hexdigest()), len(body))
        except NoRoom:
            return CallbackResult.NO_ROOM
        except WriterGone:
            return CallbackResult.WRITER_GONE
        return CallbackResult.STORED if is_taken else CallbackResult.TOKEN_USED

    def _address(self, request: Request) -> str:
        """The public address that was called, to the byte: its query as it came, decoded by nobody."""
        path = request.scope.get("raw_path") or request.url.path.encode()
        query: bytes = request.scope["query_string"]
        return self.public_url + path.decode("latin-1") + (f"?{query.decode('latin-1')}" if query else "")


def _headers(request: Request) -> dict[str, str]:
    """By their names in lower case; the first of several. Starlette's own mapping searches all of them for each."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in reversed(request.scope["headers"])}
