"""What stands in the logs: which page, how long, how it ended; never whose."""

import logging
import sys
from pathlib import Path
from typing import TextIO, cast

import anyio
import pytest
import structlog
from starlette.types import Message, Receive, Scope, Send

from web.access import AccessLog, Discreet, Lossy
from web.metrics import Metrics

pytestmark = pytest.mark.one_database

TOKEN = "r-token-0123456789abcdef"
SCOPE: Scope = {"type": "http", "method": "GET", "path": f"/r/{TOKEN}", "headers": []}


async def nothing() -> Message:
    return {"type": "http.disconnect"}


def asked(app: object, broken: object) -> tuple[list[Message], list[dict[str, object]]]:
    """What was answered and what was logged."""
    said: list[Message] = []

    async def send(message: Message) -> None:
        said.append(message)

    log = AccessLog(app, routes=[], broken=broken, metrics=Metrics())  # type: ignore[arg-type]
    with structlog.testing.capture_logs() as lines:
        anyio.run(log, dict(SCOPE), nothing, send)
    return said, [dict(line) for line in lines]


async def sorry(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 500, "headers": []})
    await send({"type": "http.response.body", "body": b"sorry"})


def test_an_exception_that_quotes_what_was_sent_is_told_by_its_kind_and_place() -> None:
    async def fails(scope: Scope, receive: Receive, send: Send) -> None:
        raise ValueError(f"{scope['path']} ana@example.com")

    said, lines = asked(fails, sorry)
    assert [message.get("status") for message in said] == [500, None]
    assert lines[0]["problem"] == "ValueError"
    assert "fails:" in str(lines[0]["frames"])
    assert lines[1]["status"] == 500
    assert not [secret for secret in (TOKEN, "ana@") if secret in str(lines)]


def test_an_answer_that_breaks_off_in_the_middle_gets_no_second_beginning() -> None:
    async def breaks_off(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise OSError

    said, lines = asked(breaks_off, sorry)
    assert len(said) == 1
    assert [line["event"] for line in lines] == ["request_failed", "request"]


def test_what_libraries_log_quotes_no_exception() -> None:
    try:
        raise KeyError(f"/r/{TOKEN} ana@example.com")
    except KeyError:
        record = logging.LogRecord(
            "uvicorn.error", logging.ERROR, __file__, 1, "Exception in ASGI application\n", (), sys.exc_info()
        )
    line = Discreet().format(record)
    assert line.startswith("ERROR uvicorn.error Exception in ASGI application KeyError at test_what_libraries_log_")
    assert "\n" not in line
    assert not [secret for secret in (TOKEN, "ana@") if secret in line]


def test_a_log_on_a_full_disk_costs_nobody_their_page() -> None:
    with Path("/dev/full").open("w") as full:
        with pytest.raises(OSError, match="No space left"):
            full.write("x" * 10_000)
        structlog.WriteLogger(cast(TextIO, Lossy(full))).info("x" * 10_000)
