"""The application: customers' pages and pictures, providers' callbacks, health; every answer logged without a token."""

import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext
from functools import partial

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from connectors import CallbackReader
from data.ledger.store import Ledger
from data.web_settings import WebSettings
from invitations.events import Posted, receive_posted
from web.access import AccessLog
from web.callbacks import Callbacks
from web.clock import PolicyClock
from web.headers import SafeHeaders
from web.health import Health
from web.hooks import Hooks
from web.inbox import MOST_POSTS, Inbox
from web.limits import RateLimit
from web.looks import Looks
from web.machines import Visitors
from web.metrics import Metrics
from web.pages import Pages
from web.pictures import Pictures
from web.threads import LedgerThreads
from web.writer import start_thread

Receiver = Callable[..., Sequence[bool]]  # invitations.events.receive_posted: (ledger, posted, *, now)


def create_app(
    ledger: Ledger,
    readers: Mapping[str, CallbackReader],
    *,
    public_url: str,
    receive: Receiver = receive_posted,
    start_writer: Callable[[], socket.socket] | None = None,
    settings: WebSettings | None = None,
    metrics: Metrics | None = None,
) -> Starlette:
    """Everything the world may reach. `readers` verify callbacks, by provider; one without a reader gets 404.

    `start_writer` starts who stores and applies what was posted (web/writer.py); without it that is a thread of this
    process, by `receive`, in one transaction. It writes during the application's lifespan, and at the end of that what
    was taken and waits for its transaction is stored first.
    """
    settings, metrics = settings or WebSettings(), metrics or Metrics()
    looks, threads, clock = Looks(), LedgerThreads(), PolicyClock(ledger)

    def store(posted: Sequence[Posted]) -> Sequence[bool]:
        return receive(ledger, posted, now=clock())

    inbox = Inbox(
        start_writer or partial(start_thread, lambda: nullcontext(store)),
        observe_group=metrics.observe_group,
        note_loss=metrics.count_lost_writer,
    )
    metrics.watch_inbox(inbox.depth, capacity=MOST_POSTS, has_writer=lambda: inbox.writer_pid is not None)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        await inbox.open()
        yield
        await inbox.close()

    routes = [
        *Callbacks(inbox, readers, metrics, public_url=public_url).routes(),  # first: they come by the thousand
        *Pages(ledger, looks, threads).routes(),
        *Pictures(ledger, threads).routes(),
        *Hooks(ledger, settings.hook_secret).routes(),
        *looks.routes(),
        *Health(ledger, metrics, settings.metrics_token).routes(),
    ]
    app = Starlette(
        routes=routes,
        lifespan=lifespan,
        middleware=[
            Middleware(SafeHeaders, is_https=public_url.startswith("https://")),
            Middleware(AccessLog, routes=routes, broken=looks.broken, metrics=metrics),
            Middleware(
                RateLimit,
                visitors=Visitors(settings.proxies),
                per_minute=settings.visits_per_minute,
                refuse=looks.refuse,
            ),
        ],
        exception_handlers={HTTPException: looks.refuse},
    )
    # A path with a slash too many is none of ours. Starlette would redirect it, token and all, to whatever host the
    # request names, and to http where the proxy in front of us spoke https.
    app.router.redirect_slashes = False
    app.state.inbox = inbox
    return app
