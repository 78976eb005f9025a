"""The application on a real uvicorn, in a thread of this process, on a free port of loopback."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from data.ledger.store import Ledger
from web.app import create_app
from web.metrics import Metrics
from web.server import configure


@contextmanager
def served(ledger: Ledger) -> Iterator[str]:
    """Yields the address; stops when left."""
    listening = socket.create_server(("127.0.0.1", 0))
    address = f"http://127.0.0.1:{listening.getsockname()[1]}"
    metrics = Metrics()
    app = create_app(
        ledger, {}, public_url=address, receive=lambda _, posted, **__: [True] * len(posted), metrics=metrics
    )
    server = uvicorn.Server(configure(app, metrics, public_url=address))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield address
    finally:
        server.should_exit = True
        thread.join()
        listening.close()
