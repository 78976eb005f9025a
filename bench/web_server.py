"""The server of bench/web.py: `web/` as it is served, with three routes beside its own that do less.

    python -m bench.web_server --home FOLDER [--group 1]

POST /callbacks/bench/empty reads the body and answers. …/each keeps the body in a table of its own, a commit for each,
by one thread and a bare sqlite3 connection, full synchronous writes: what a careful receiver does. …/raw keeps it
by web/'s own group commit in the same table. `--group 1` lets no post share web/'s own transactions. Prints its port,
serves until its standard input ends, then prints what it stored. POST …/spent tells its processor time.
"""

import argparse
import asyncio
import json
import os
import resource
import socket
import sqlite3
import sys
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import uvicorn
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

import web.inbox
from bench.web_load import ACCOUNT, AUTH_TOKEN, DOMAIN, PUBLIC_URL, SIGNING_KEY
from connectors import Callback
from connectors.mailgun_api import MailgunSettings
from connectors.mailgun_events import MailgunCallbacks
from connectors.twilio.callbacks import TwilioCallbacks
from connectors.twilio.settings import TwilioSettings
from data.garbage import rarely_collected
from data.ledger.migrate import migrate
from data.ledger.store import open_ledger
from data.settings import Settings
from invitations.events import Posted
from tests.many import make_sent
from web.__main__ import _configure_logs as configure_logs
from web.app import create_app
from web.bodies import read_body
from web.clock import PolicyClock
from web.inbox import Inbox
from web.metrics import Metrics
from web.server import configure, left_out_of_collections
from web.writer import Nursery, Store, ledger_store

_LIMIT = 64 * 1024


def prepare(home: Path, messages: int) -> None:
    """A ledger with so many texts that were sent, and the table of the routes that do less."""
    ledger = open_ledger(Settings(home=home))
    migrate(ledger)
    make_sent(ledger, messages)
    with ledger.write() as c:
        c.execute(sa.text("create table bench_raw (id integer primary key, body text)"))
    ledger.close()


class Less:
    """The routes that do less."""

    def __init__(self, file: Path, inbox: Inbox, real: Inbox) -> None:
        self.line = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
        self.line.execute("pragma synchronous = full")
        self.thread = ThreadPoolExecutor(1)
        self.inbox = inbox
        self.real = real

    def routes(self) -> list[Route]:
        return [
            Route(f"/callbacks/bench/{way.__name__}", way, methods=["POST"])
            for way in (self.empty, self.each, self.raw, self.spent)
        ]

    async def spent(self, request: Request) -> Response:
        """Seconds of processor time so far: of the server, and of those who write for it."""
        spent = resource.getrusage(resource.RUSAGE_SELF)
        written = spent_by(self.inbox.writer_pid) + spent_by(self.real.writer_pid)
        return JSONResponse([spent.ru_utime + spent.ru_stime, written])

    async def empty(self, request: Request) -> Response:
        await read_body(request, _LIMIT)
        return PlainTextResponse("ok")

    async def each(self, request: Request) -> Response:
        body = await read_body(request, _LIMIT)
        await asyncio.get_running_loop().run_in_executor(self.thread, self.insert, body.decode())
        return PlainTextResponse("ok")

    async def raw(self, request: Request) -> Response:
        body = await read_body(request, _LIMIT)
        # Nothing is read or checked here, and so the body travels in the place of its hash.
        await self.inbox.take(Posted("bench", Callback(()), body.decode()), len(body))
        return PlainTextResponse("ok")

    def insert(self, body: str) -> None:
        self.line.execute("insert into bench_raw (body) values (?)", [body])


@contextmanager
def raw_store(file: Path) -> Iterator[Store]:
    """Keeps bodies as they are, a transaction for a group."""
    line = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
    line.execute("pragma synchronous = full")

    def keep(posted: Sequence[Posted]) -> Sequence[bool]:
        line.execute("begin immediate")
        line.executemany("insert into bench_raw (body) values (?)", [(one.body_sha256,) for one in posted])
        line.execute("commit")
        return [True] * len(posted)

    yield keep


def spent_by(pid: int | None) -> float:
    """Seconds of processor time of another process."""
    if pid is None:
        return 0.0
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def serve(home: Path) -> None:
    """Until standard input ends."""
    file = home / "ledger.sqlite"
    told = os.fdopen(os.dup(1), "w")  # the log goes where a service's does: to a file that nobody reads
    sys.stdout = open(os.devnull, "w")  # noqa: SIM115  (for as long as the process lives)
    configure_logs()
    nursery, raw_nursery = Nursery(partial(ledger_store, Settings(home=home))), Nursery(partial(raw_store, file))
    ledger = open_ledger(Settings(home=home))
    clock, metrics = PolicyClock(ledger), Metrics()
    readers: dict[str, Any] = {
        "twilio": TwilioCallbacks(TwilioSettings(account_sid=ACCOUNT, auth_token=SecretStr(AUTH_TOKEN)), clock),
        "mailgun": MailgunCallbacks(MailgunSettings(domain=DOMAIN, webhook_key=SecretStr(SIGNING_KEY))),
    }
    app = create_app(ledger, readers, public_url=PUBLIC_URL, start_writer=nursery.start_writer, metrics=metrics)
    less = Less(file, Inbox(raw_nursery.start_writer), app.state.inbox)
    app.router.routes[:0] = less.routes()
    for one in app.user_middleware:  # whoever looks for a route's pattern shall find these as fast as web/'s own
        if "routes" in one.kwargs:
            one.kwargs["routes"] = app.routes
    own = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[Any]:
        async with own(app) as state:
            await less.inbox.open()
            yield state
            await less.inbox.close()

    app.router.lifespan_context = lifespan
    listening = socket.create_server(("127.0.0.1", 0), backlog=2048)
    server = uvicorn.Server(configure(app, metrics, public_url=PUBLIC_URL))

    def wait() -> None:
        sys.stdin.read()
        server.should_exit = True

    threading.Thread(target=wait, daemon=True).start()
    print(json.dumps({"port": listening.getsockname()[1]}), file=told, flush=True)
    with left_out_of_collections(), rarely_collected():
        server.run(sockets=[listening])
    with ledger.read() as c:
        stored = {
            name: c.execute(sa.text(f"select count(*) from {name}")).scalar_one()  # noqa: S608  (one of three)
            for name in ("bench_raw", "inbox", "events")
        }
    print(json.dumps(stored), file=told, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--prepare", type=int, default=0, help="only make the ledger, with so many messages")
    parser.add_argument("--group", type=int, default=web.inbox.GROUP_POSTS)
    asked = parser.parse_args()
    if asked.prepare:
        prepare(asked.home, asked.prepare)
        return
    web.inbox.GROUP_POSTS = asked.group
    serve(asked.home)


if __name__ == "__main__":
    main()
