"""Puts the sandbox together: one store, one agenda, two providers, the customers."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from email.utils import formatdate
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from connectors.sandbox.agenda import Agenda
from connectors.sandbox.browser import Lines
from connectors.sandbox.callbacks import Callbacks
from connectors.sandbox.control import Control
from connectors.sandbox.customers import Customers
from connectors.sandbox.faults import Faults
from connectors.sandbox.mailgun_events import MailgunEvents
from connectors.sandbox.mailgun_messages import MailgunMessages
from connectors.sandbox.mailgun_suppressions import MailgunSuppressions
from connectors.sandbox.reviews import ReviewSites
from connectors.sandbox.settings import SandboxSettings
from connectors.sandbox.store import Store
from connectors.sandbox.twilio_content import TwilioContents
from connectors.sandbox.twilio_media import TwilioMedia
from connectors.sandbox.twilio_messages import TwilioMessages
from connectors.sandbox.twilio_progress import TwilioProgress

TWILIO = "/2010-04-01/Accounts/{account}/Messages"
MAILGUN = "/v3/{domain}"


def create_app(settings: SandboxSettings, folder: Path, *, seed: int, pace: float, is_idle: bool) -> Starlette:
    """The sandbox on `folder`. Raises FolderInUse when another one is at work there."""
    store = Store(folder)
    agenda = Agenda(store, pace=pace)
    lines = Lines()
    faults = Faults(seed)
    callbacks = Callbacks(settings, agenda, lines)
    media = TwilioMedia(store, lines)
    contents = TwilioContents(store, settings, agenda)
    texts = TwilioProgress(
        store, settings, agenda, callbacks, media=media, contents=contents, seed=seed, is_idle=is_idle
    )
    lists = MailgunSuppressions(store, settings)
    events = MailgunEvents(store, settings, callbacks, lists, seed=seed, is_idle=is_idle, pace=pace)
    twilio = TwilioMessages(store, settings, faults, texts, media=media, contents=contents)
    mailgun = MailgunMessages(
        store, settings, faults, agenda, events, callbacks=callbacks, lists=lists, seed=seed, is_idle=is_idle
    )
    reviews = ReviewSites(folder / "reviews.csv")
    customers = Customers(store, settings, agenda, lines, texts=texts, mails=events, reviews=reviews, seed=seed)
    if not is_idle:
        texts.on_delivered = customers.text_arrived
        mailgun.on_delivered = customers.mail_arrived
    control = Control(
        store, agenda=agenda, faults=faults, callbacks=callbacks, texts=texts, mails=events, reviews=reviews
    )

    @contextlib.asynccontextmanager
    async def life(_: Starlette) -> AsyncIterator[None]:
        work = asyncio.create_task(agenda.run())
        yield
        work.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await work
        lines.close()
        store.close()

    routes = [
        Route(f"{TWILIO}.json", twilio.create, methods=["POST"]),
        Route(f"{TWILIO}.json", twilio.read_list),
        Route(f"{TWILIO}/{{sid}}.json", twilio.fetch),
        Route(f"{MAILGUN}/messages", mailgun.create, methods=["POST"]),
        Route(f"{MAILGUN}/events", events.read_list),
        Route(f"{MAILGUN}/events/{{token}}", events.read_list),
        *lists.routes(MAILGUN),
        *contents.routes(),
        Mount("/_sandbox", routes=[*control.routes(), *contents.control_routes()]),
    ]
    return Starlette(routes=routes, middleware=[Middleware(Dated, store=store)], lifespan=life)


class Dated:
    """Writes the Date header by the provider's own clock; uvicorn is told to write none."""

    def __init__(self, app: ASGIApp, store: Store) -> None:
        self._app = app
        self._store = store

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and date the answer."""

        async def dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                date = formatdate(time.time() + self._store.date_offset, usegmt=True)
                message["headers"] = [*message["headers"], (b"date", date.encode())]
            await send(message)

        await self._app(scope, receive, dated)
