"""The application: customers' pages and pictures, providers' callbacks, health; every answer logged without a token."""

from collections.abc import Mapping

import sqlalchemy as sa
from anyio import to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from connectors import CallbackReader
from data.ledger.migrate import WrongRevision, require_current
from data.ledger.store import Ledger
from invitations.events import receive as receive_events
from web.access import AccessLog
from web.callbacks import Callbacks, Receiver
from web.headers import SafeHeaders
from web.looks import Looks
from web.pages import Pages
from web.pictures import Pictures
from web.threads import LedgerThreads


def create_app(
    ledger: Ledger,
    readers: Mapping[str, CallbackReader],
    *,
    public_url: str,
    receive: Receiver = receive_events,
) -> Starlette:
    """Everything the world may reach. `readers` verify callbacks, by provider; one without a reader gets 404.

    `receive` stores and applies events in one transaction.
    """
    looks, threads = Looks(), LedgerThreads()
    routes = [
        *Pages(ledger, looks, threads).routes(),
        *Pictures(ledger, threads).routes(),
        *Callbacks(ledger, readers, receive, threads, public_url=public_url).routes(),
        *looks.routes(),
        *_health(ledger),
    ]
    return Starlette(
        routes=routes,
        middleware=[
            Middleware(SafeHeaders, is_https=public_url.startswith("https://")),
            Middleware(AccessLog, routes=routes, broken=looks.notice(500)),
        ],
        exception_handlers={HTTPException: looks.refuse},
    )


def _health(ledger: Ledger) -> list[Route]:
    async def healthz(request: Request) -> Response:
        """The process answers; asks nobody else."""
        return PlainTextResponse("ok")

    async def readyz(request: Request) -> Response:
        """The ledger can be read and is of this version."""
        try:
            await to_thread.run_sync(require_current, ledger)
        except (WrongRevision, sa.exc.SQLAlchemyError):
            return PlainTextResponse("the ledger can't be used", 503)
        return PlainTextResponse("ok")

    return [Route("/healthz", healthz, methods=["GET"]), Route("/readyz", readyz, methods=["GET"])]
