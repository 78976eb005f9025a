"""`python -m connectors.sandbox --port P --folder DIR [--seed N] [--pace SECONDS] [--idle]`

Prints one line of JSON, {"port": …}, when it accepts connections. Ends on SIGTERM or Ctrl-C.
"""

import argparse
import contextlib
import ipaddress
import json
import logging
import socket
import sys
from pathlib import Path

import structlog
import uvicorn
from pydantic import ValidationError

from connectors.sandbox.app import create_app
from connectors.sandbox.faults import DroppableConnections
from connectors.sandbox.settings import SandboxSettings
from connectors.sandbox.store import FolderInUse

KEEP_ALIVE = 120  # seconds; longer than any client keeps a connection idle, so that we never close under a request


class AnnouncedServer(uvicorn.Server):
    """Says on stdout when it accepts connections."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then print the port."""
        await super().startup(sockets)
        if sockets and not self.should_exit:
            print(json.dumps({"port": sockets[0].getsockname()[1]}), flush=True)  # noqa: T201 - the contract


def read_arguments(words: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="python -m connectors.sandbox", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address; any other is refused")
    parser.add_argument("--folder", type=Path, required=True, help="where its state lives; a second start continues")
    parser.add_argument("--seed", type=int, default=1, help="who the customers are")
    parser.add_argument("--pace", type=float, default=1.0, help="stretches (above 1) or shortens every wait")
    parser.add_argument("--idle", action="store_true", help="messages are delivered, and nobody reacts")
    return parser.parse_args(words)


def is_loopback_host(host: str) -> bool:
    """Whether a host to bind to is this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def main(words: list[str] | None = None) -> int:
    """Run until stopped. Exit code 2: wrong use."""
    given = read_arguments(words)
    if not is_loopback_host(given.host):
        return _refuse(f"--host must be a loopback address, not {given.host}: the sandbox takes anybody's word")
    try:
        settings = SandboxSettings()  # type: ignore[call-arg]  # the environment fills it
    except ValidationError as fault:
        names = ", ".join(sorted(str(one["loc"][0]).upper() for one in fault.errors()))
        return _refuse(f"missing or malformed in the environment: {names}")
    try:
        app = create_app(settings, given.folder, seed=given.seed, pace=given.pace, is_idle=given.idle)
    except FolderInUse as fault:
        return _refuse(str(fault))
    # stdout carries the one line of JSON and nobody may read on: a full pipe would stop everything.
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    family = socket.AF_INET6 if ":" in given.host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((given.host, given.port))
    except OSError as fault:
        return _refuse(f"port {given.port} cannot be had: {fault.strerror}")
    config = uvicorn.Config(
        app, http=DroppableConnections, ws="none", log_level="warning", access_log=False, date_header=False,
        timeout_keep_alive=KEEP_ALIVE, timeout_graceful_shutdown=1,
    )  # fmt: skip
    with contextlib.suppress(KeyboardInterrupt):  # uvicorn raises Ctrl-C again once it has shut down
        AnnouncedServer(config).run(sockets=[listener])
    return 0


def _refuse(message: str) -> int:
    print(message, file=sys.stderr)  # noqa: T201 - a command's own words
    return 2


if __name__ == "__main__":
    sys.exit(main())
