"""uvicorn as this project runs it: our own wire, our own log, an orderly end."""

import gc
import resource
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from types import FrameType
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from data.garbage import rarely_collected
from web.crowd import Crowd
from web.headers import bare_headers
from web.limits import neighbourhood
from web.metrics import Metrics
from web.wire import Patience, Wire

_LEAVING_SECONDS = 10  # for requests under way when it is told to stop; `afterword up` kills after fifteen
_MOST_FILES = 65_536
_FILES_FOR_OTHERS = 200  # the ledger, its log, the log, libraries


def configure(
    app: ASGIApp,
    metrics: Metrics,
    *,
    public_url: str,
    patience: Patience | None = None,
    owner_of: Callable[[str], str | None] = neighbourhood,
) -> uvicorn.Config:
    """How to serve the application. uvicorn's access log would print paths, and with them tokens: it has none here.

    The client's address is read by web/machines.py, which knows which proxies to believe. `owner_of`: whose connections
    are counted together, by the address that they come from; None for a proxy's, which holds everybody's.
    """
    patience = patience or Patience()
    headers = bare_headers(is_https=public_url.startswith("https://"))
    crowd = Crowd(patience.connections_each, owner_of)
    protocol: Any = partial(Wire, patience=patience, headers=headers, metrics=metrics, crowd=crowd)
    return uvicorn.Config(
        app,
        http=protocol,
        ws="none",
        lifespan="on",
        access_log=False,
        log_config=None,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=patience.idle_seconds,
        timeout_graceful_shutdown=_LEAVING_SECONDS,
    )


def patience_for_this_system() -> Patience:
    """The limits, with as many connections as this process may have files open; it asks for as many as it may get."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    patience = Patience()
    if soft == resource.RLIM_INFINITY:
        return patience
    connections = max(50, min(patience.connections, soft - _FILES_FOR_OTHERS))
    return replace(patience, connections=connections, connections_each=min(patience.connections_each, connections // 2))


@contextmanager
def stopped_by_signal() -> Iterator[None]:
    """Let SIGTERM end the block below as Ctrl-C does.

    uvicorn stops in an orderly way at a signal, and then raises it once more: SIGTERM's own way is to end the process
    on the spot, before anything here is closed.
    """

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def serve(config: uvicorn.Config, listening: socket.socket) -> None:
    """Serve until a signal; raises KeyboardInterrupt then."""
    with left_out_of_collections(), rarely_collected():
        uvicorn.Server(config).run(sockets=[listening])


@contextmanager
def left_out_of_collections() -> Iterator[None]:
    """Never look for garbage among what is there now: all that was imported stays anyway.

    Under a flood of callbacks every answer waited a tenth of a second for each look at everything.
    """
    is_ours = not gc.get_freeze_count()  # else somebody has done so already, and undoing ours would undo theirs
    if is_ours:
        gc.collect()
        gc.freeze()
    try:
        yield
    finally:
        if is_ours:
            gc.unfreeze()
