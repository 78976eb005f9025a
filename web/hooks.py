"""Where other systems post customers: POST /hooks/customers, signed, as JSON. What a call means is `invitations.hooks`.

Every answer is JSON, refusals too: whoever reads them is writing a program.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import structlog
from pydantic import SecretStr
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from data.ledger.store import Ledger
from web.bodies import read_body
from web.signatures import TOLERANCE_SECONDS, Unsigned, verify
from web.threads import LedgerThreads

log = structlog.get_logger(__name__)

BODY_LIMIT = 64 * 1024  # bytes
_JSON = "application/json"
_AT_ONCE = 2  # a call is some fifty milliseconds of work: another system's flood must not make customers wait in line
_MOST_WAITING = 100  # so many are some ten seconds of work


class Hooks:
    """The one route; without a secret it is not there (404). `clock`: this machine's, seconds."""

    def __init__(self, ledger: Ledger, secrets: Sequence[SecretStr], *, clock: Callable[[], float] = time.time) -> None:
        self.ledger = ledger
        self.threads = LedgerThreads(_AT_ONCE)
        self.secrets = [secret.get_secret_value().encode() for secret in secrets]
        self.clock = clock
        if self.secrets:
            # The rules of an import bring Polars, a hundred megabytes that a web/ without hooks has no use for.
            from invitations.hooks import take_call  # noqa: PLC0415

            self.take_call = take_call

    def routes(self) -> Sequence[Route]:
        """POST alone."""
        return [Route("/hooks/customers", self.take, methods=["POST"])]

    async def take(self, request: Request) -> Response:
        """Nothing of a body is looked at before its signature fits, and nothing is answered before it is stored."""
        if not self.secrets:
            raise HTTPException(404)
        try:
            body = await read_body(request, BODY_LIMIT)
        except HTTPException:
            return _refusal(413, f"The body is over {BODY_LIMIT:,} bytes. Post one customer at a time.")
        signed = request.headers.getlist("afterword-signature")
        try:
            verify(",".join(signed), body, self.secrets, now=self.clock())
        except Unsigned as problem:
            log.warning("hook_unsigned", why=str(problem))
            return _refusal(401, f"Refused: {problem}. {_HOW_TO_SIGN}")
        kind, _, parameters = request.headers.get("content-type", "").lower().partition(";")
        charset = parameters.strip().removeprefix("charset=").strip('"')
        if kind.strip() != _JSON or charset not in {"", "utf-8", "utf8"}:
            return _refusal(415, f"The body's Content-Type is not {_JSON} in UTF-8.")
        keys = request.headers.getlist("idempotency-key")
        if len(keys) > 1:
            return _refusal(400, "The header Idempotency-Key comes more than once.")
        if self.threads.waiting >= _MOST_WAITING:
            return _refusal(503, "Too many calls at once. Nothing was taken in; call again.", {"Retry-After": "10"})
        status, answer = await self.threads.run(lambda: self._carry_out(body, keys[0] if keys else None))
        return JSONResponse(answer, status)

    def _carry_out(self, body: bytes, key: str | None) -> tuple[int, Mapping[str, Any]]:
        answer = self.take_call(self.ledger, body, key, now=self.ledger.policy_now())
        return answer.status, answer.body


_HOW_TO_SIGN = (
    'Send the header Afterword-Signature: t=<seconds since 1970>,v1=<hex HMAC-SHA256 of "<t>.<body>" under the secret '
    f"AFTERWORD_HOOK_SECRET>, made at most {TOLERANCE_SECONDS} seconds ago."
)


def _refusal(status: int, message: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"message": message, "faults": []}, status, headers)
