"""web/ in a thread of this process, taking callbacks for whatever ledger is at hand."""

import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import uvicorn

from connectors import CallbackReader
from data.ledger.store import Ledger
from invitations.events import Posted, receive_posted
from tests.world import NOON
from web.app import create_app


class Receiver:
    """Where callbacks arrive. `ledger` None: each is answered and forgotten."""

    def __init__(self, listening: socket.socket) -> None:
        self._listening = listening
        self.address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        self.ledger: Ledger | None = None
        self.problems: list[str] = []

    @contextmanager
    def serving(self, readers: Mapping[str, CallbackReader], scratch: Ledger) -> Iterator[None]:
        """Take callbacks; `scratch` only tells the policy time."""
        app = create_app(scratch, readers, public_url=self.address, receive=self._take)
        server = uvicorn.Server(uvicorn.Config(app, access_log=False, log_config=None, ws="none", lifespan="on"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [self._listening]})
        thread.start()
        try:
            yield
        finally:
            server.should_exit = True
            thread.join()

    def _take(self, _: Ledger, posted: Sequence[Posted], **__: object) -> Sequence[bool]:
        if self.ledger is None:
            return [True] * len(posted)
        try:
            return receive_posted(self.ledger, posted, now=NOON)
        except Exception as problem:
            self.problems.append(f"{type(problem).__name__}: {problem}")
            raise


@contextmanager
def listening() -> Iterator[Receiver]:
    """A receiver with an address; it answers once it is `serving`."""
    with socket.create_server(("127.0.0.1", 0)) as port:
        yield Receiver(port)
