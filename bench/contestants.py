"""Who runs in bench/dispatch.py, each in a process of its own: `python -m bench.contestants NAME …` prints JSON.

`ceiling`: our HTTP or SMTP client in the main job's event loop, bodies made beforehand, answers not looked at, nothing
written down. `aiohttp`: the same with aiohttp for a client, texts only. `courier`: the first with each message composed
and its answer judged. `ours`: send_due, all safety on,
full synchronous writes, on a ledger that `prepare` made. `sdk`: Twilio's SDK in 32 threads, each message followed by a
committed UPDATE.
"""

import argparse
import asyncio
import json
import os
import resource
import sqlite3
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import local
from typing import Any
from urllib.parse import urlencode

import aiohttp
from twilio.rest import Client  # type: ignore[import-untyped]

from connectors import Accepted, ManyAtOnce, Message, Messenger
from connectors.mailgun_api import multipart
from connectors.posting import Poster
from connectors.registry import open_messengers
from connectors.smtp_line import Line, open_line
from connectors.smtp_settings import Relay
from data.ledger.migrate import migrate
from data.ledger.store import open_ledger
from data.pace import Pace
from data.settings import Settings
from data.words import Channel
from invitations.send import new_loop, send_due
from tests.many import make_due
from tests.world import NOON

ACCOUNT, DOMAIN, SENDER = "AC0123456789abcdef0123456789abcdef", "bench.example", "reviews@bench.example"
LINK = "https://reviews.example/r/abcdefghijkl"
TEXT = f"Hi Ana, how was your visit at Acme Chicago? It takes a minute: {LINK}\n"
PAGE = f'<p>Hi Ana, how was your visit at Acme Chicago?</p><p><a href="{LINK}">Tell us</a></p>'
WAYS = ("sms", "mailgun", "smtp")


def environment(way: str, http: int, smtp: int) -> dict[str, str]:
    """What production reads, for one way of sending to the sink."""
    if way == "sms":
        return {
            "TWILIO_ACCOUNT_SID": ACCOUNT, "TWILIO_AUTH_TOKEN": "token", "TWILIO_FROM": "+13125550100",
            "AFTERWORD_TWILIO_URL": f"http://127.0.0.1:{http}",
        }  # fmt: skip
    if way == "mailgun":
        return {
            "MAILGUN_API_KEY": "key", "MAILGUN_DOMAIN": DOMAIN, "AFTERWORD_MAILGUN_URL": f"http://127.0.0.1:{http}",
        }  # fmt: skip
    return {"AFTERWORD_SMTP_URL": f"smtp://127.0.0.1:{smtp}?from={SENDER}"}


def message(number: int, way: str) -> Message:
    """One like those that the bench's ledger holds."""
    if way == "sms":
        return Message(f"{number:024x}", Channel.SMS, f"+1312{number % 10_000_000:07d}", TEXT, LINK)
    return Message(
        f"{number:024x}", Channel.EMAIL, f"customer{number}@example.com", TEXT, LINK, subject="How was your visit?",
        html=PAGE, from_name="Acme Chicago", unsubscribe_url=f"https://reviews.example/u/{number}",
    )  # fmt: skip


def in_parallel(numbers: Iterator[Any], parallel: int, call: Callable[[Any], Awaitable[None]]) -> Awaitable[Any]:
    """`parallel` calls at a time until the numbers end."""

    async def lane() -> None:
        for number in numbers:
            await call(number)

    return asyncio.gather(*(lane() for _ in range(parallel)))


async def ceiling(asked: argparse.Namespace) -> float:
    """Seconds; the client alone."""
    if asked.way == "smtp":
        return await _smtp_ceiling(asked)
    url, body, content_type = _text(asked)
    if asked.way == "mailgun":
        fields = [("from", SENDER), ("to", "a@example.com"), ("subject", "?"), ("text", TEXT), ("html", PAGE)]
        body, content_type = multipart([*fields, ("v:attempt_id", "0" * 24)])
        url = f"http://127.0.0.1:{asked.http}/v3/{DOMAIN}/messages"
    async with Poster(url, (ACCOUNT, "token"), asked.parallel, (5, 20)) as poster:

        async def call(number: int) -> None:
            await poster.post(url, body.replace(b"0" * 24, b"%024x" % number), content_type)

        started = time.perf_counter()
        await in_parallel(iter(range(asked.messages)), asked.parallel, call)
        return time.perf_counter() - started


def _text(asked: argparse.Namespace) -> tuple[str, bytes, str]:
    """Where a text is posted to, as what, and its content type; the attempt's id in it is 24 zeros."""
    callback = f"http://127.0.0.1:8080/callbacks/twilio/status?s={'0' * 24}"
    form = {"To": "+13125550001", "From": "+13125550100", "Body": TEXT, "StatusCallback": callback}
    url = f"http://127.0.0.1:{asked.http}/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
    return url, urlencode(form).encode(), "application/x-www-form-urlencoded"


async def by_aiohttp(asked: argparse.Namespace) -> float:
    """Seconds; the client that the aim's own prototype had, alone."""
    url, body, content_type = _text(asked)
    connector = aiohttp.TCPConnector(limit=asked.parallel)
    headers = {"Content-Type": content_type, "Authorization": aiohttp.encode_basic_auth(ACCOUNT, "token")}
    async with aiohttp.ClientSession(connector=connector, headers=headers) as session:

        async def call(number: int) -> None:
            async with session.post(url, data=body.replace(b"0" * 24, b"%024x" % number)) as answer:
                await answer.read()

        started = time.perf_counter()
        await in_parallel(iter(range(asked.messages)), asked.parallel, call)
        return time.perf_counter() - started


async def _smtp_ceiling(asked: argparse.Namespace) -> float:
    relay = Relay.parse(f"smtp://127.0.0.1:{asked.smtp}?from={SENDER}")
    payload = f"Message-ID: <{'0' * 24}@{DOMAIN}>\r\nSubject: ?\r\n\r\n{TEXT}{PAGE}\r\n.\r\n".encode()
    offer = f"MAIL FROM:<{SENDER}>\r\nRCPT TO:<a@example.com>\r\nDATA\r\n".encode()
    numbers = iter(range(asked.messages))

    async def lane(line: Line) -> None:
        for number in numbers:
            await line.say(offer, 3)
            await line.say(payload.replace(b"0" * 24, b"%024x" % number))

    started = time.perf_counter()
    lines = [await open_line(relay, 20) for _ in range(asked.parallel)]
    await asyncio.gather(*map(lane, lines))
    return time.perf_counter() - started


async def courier(asked: argparse.Namespace) -> float:
    """Seconds; composing and judging too."""
    messenger = next(iter(open_messengers().values()))
    assert isinstance(messenger, ManyAtOnce)
    size = asked.batch
    async with messenger.courier(asked.parallel) as carrier:

        async def call(start: int) -> None:
            messages = [message(n, asked.way) for n in range(start, min(start + size, asked.messages))]
            outcomes = await carrier.carry(messages, f"{start:032x}" if len(messages) > 1 else None)
            assert all(isinstance(outcome, Accepted) for outcome in outcomes)

        started = time.perf_counter()
        await in_parallel(iter(range(0, asked.messages, size)), asked.parallel, call)
        return time.perf_counter() - started


CLIENTS = {"ceiling": ceiling, "aiohttp": by_aiohttp, "courier": courier}


def prepare(asked: argparse.Namespace) -> float:
    """A ledger with so many due requests."""
    started = time.perf_counter()
    ledger = open_ledger(Settings(home=asked.home))
    migrate(ledger)
    make_due(ledger, asked.messages, channels=(Channel.SMS if asked.way == "sms" else Channel.EMAIL,))
    ledger.close()
    return time.perf_counter() - started


def ours(asked: argparse.Namespace) -> float:
    """Seconds; the main job."""
    ledger = open_ledger(Settings(home=asked.home))
    messengers: dict[Channel, Messenger] = open_messengers()
    pace = Pace(parallel=asked.parallel, mailgun_batch=asked.batch)
    Path("/proc/self/clear_refs").write_text("5")
    started = time.perf_counter()
    batch = send_due(ledger, messengers, now=NOON, pace=pace)
    seconds = time.perf_counter() - started
    ledger.close()
    assert batch.counts == {"accepted": asked.messages}, batch.counts
    return seconds


def sdk(asked: argparse.Namespace) -> float:
    """Seconds; what a careful script does with the official client."""
    with tempfile.TemporaryDirectory() as folder:
        file = str(Path(folder) / "peer.sqlite")
        table = sqlite3.connect(file)
        table.execute("pragma journal_mode = wal")
        table.execute("create table sent (n integer primary key, sid text)")
        table.executemany("insert into sent (n) values (?)", [(n,) for n in range(asked.messages)])
        table.commit()
        own = local()

        def send(number: int) -> None:
            if not hasattr(own, "client"):
                own.client = Client(ACCOUNT, "token")
                own.client.api.base_url = f"http://127.0.0.1:{asked.http}"
                own.table = sqlite3.connect(file, timeout=60)
                own.table.execute("pragma synchronous = full")
            callback = f"http://127.0.0.1:8080/callbacks/twilio/status?s={number:024x}"
            made = own.client.messages.create(
                to=f"+1312{number % 10_000_000:07d}", from_="+13125550100", body=TEXT, status_callback=callback
            )
            own.table.execute("update sent set sid = ? where n = ?", (made.sid, number))
            own.table.commit()

        started = time.perf_counter()
        with ThreadPoolExecutor(asked.parallel) as pool:
            list(pool.map(send, range(asked.messages)))
        seconds = time.perf_counter() - started
        assert table.execute("select count(*) from sent where sid is not null").fetchone() == (asked.messages,)
        table.close()
    return seconds


def peak() -> int:
    """The most memory that this process held since it last forgot, in bytes."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def spent() -> float:
    """Processor seconds of this process and of those that it started and that have ended."""
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=(*CLIENTS, "prepare", "ours", "sdk"))
    parser.add_argument("--way", choices=WAYS, default="sms")
    parser.add_argument("--messages", type=int, default=1000)
    parser.add_argument("--parallel", type=int, default=64)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--http", type=int, default=0)
    parser.add_argument("--smtp", type=int, default=0)
    parser.add_argument("--home", type=Path)
    asked = parser.parse_args()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard if hard > soft else soft, hard))
    os.environ.update(environment(asked.way, asked.http, asked.smtp))
    before = spent()
    if asked.name in CLIENTS:
        with asyncio.Runner(loop_factory=new_loop) as runner:
            seconds = runner.run(CLIENTS[asked.name](asked))
    else:
        seconds = {"prepare": prepare, "ours": ours, "sdk": sdk}[asked.name](asked)
    print(json.dumps({"seconds": seconds, "peak": peak(), "cpu": spent() - before}))


if __name__ == "__main__":
    main()
