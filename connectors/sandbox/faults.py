"""Faults that a test can order for creates: refused, answered wrongly after accepting, never answered, told askew.

Ordered at /_sandbox/faults as {"kind", "provider"?, "count" or "probability", "milliseconds"?}. They live in memory:
a restart forgets them.
"""

import asyncio
import random
import socket
import struct
from asyncio import BaseTransport
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class Provider(StrEnum):
    """Whose protocol is spoken."""

    TWILIO = "twilio"
    MAILGUN = "mailgun"


class FaultKind(StrEnum):
    """What goes wrong."""

    ACCEPT_THEN_HANG = "accept_then_hang"  # taken, and no answer before `milliseconds` (default a minute) are over
    ACCEPT_THEN_RESET = "accept_then_reset"  # taken, and the connection is reset
    ACCEPT_THEN_500 = "accept_then_500"
    REFUSE_500 = "refuse_500"
    THROTTLE_429 = "throttle_429"
    UNAUTHORISED_401 = "unauthorised_401"
    SLOW_MS = "slow_ms"  # taken at once, answered after `milliseconds`
    TRICKLE = "trickle"  # taken, and the answer drips, a byte every `milliseconds`: no socket timeout ever fires
    CALLBACK_FIRST = "callback_first"  # taken; its first callback is posted, and answered, before the create is
    CALLBACKS_ASTRAY = "callbacks_astray"  # taken; each of its callbacks comes twice, and the first of them last


REFUSALS = {FaultKind.REFUSE_500: 500, FaultKind.THROTTLE_429: 429, FaultKind.UNAUTHORISED_401: 401}
OF_CALLBACKS = frozenset({FaultKind.CALLBACK_FIRST, FaultKind.CALLBACKS_ASTRAY})
DEFAULT_MILLISECONDS = {FaultKind.ACCEPT_THEN_HANG: 60_000, FaultKind.SLOW_MS: 500, FaultKind.TRICKLE: 100}


class WrongFault(ValueError):
    """A fault order that cannot be read; the message says what was expected."""


@dataclass
class Fault:
    """One order: for the next `count` creates, or for each with a probability."""

    kind: FaultKind
    provider: Provider | None
    count: int | None
    probability: float
    milliseconds: int


class Faults:
    """The orders in force, oldest first."""

    def __init__(self, seed: int) -> None:
        self._orders: list[Fault] = []
        self._chance = random.Random(seed)  # noqa: S311 - dice, not secrets

    def order(self, words: dict[str, Any]) -> None:
        """Take an order as posted; {"clear": true} forgets all of them."""
        if words.get("clear"):
            self._orders.clear()
            return
        try:
            kind = FaultKind(words["kind"])
            provider = Provider(words["provider"]) if words.get("provider") else None
            count = int(words["count"]) if words.get("count") is not None else None
            probability = float(words.get("probability", 1.0))
            milliseconds = int(words.get("milliseconds", DEFAULT_MILLISECONDS.get(kind, 0)))
        except (KeyError, TypeError, ValueError) as fault:
            raise WrongFault(f"expected kind (one of {', '.join(FaultKind)}) and count or probability") from fault
        if count is None and "probability" not in words:
            count = 1
        self._orders.append(Fault(kind, provider, count, probability, milliseconds))

    def draw(self, provider: Provider) -> Fault | None:
        """The fault that the create at hand meets, if any; uses up one of its count."""
        for order in self._orders:
            if order.provider not in {None, provider} or self._chance.random() >= order.probability:
                continue
            if order.count is not None:
                order.count -= 1
                if order.count <= 0:
                    self._orders.remove(order)
            return order
        return None

    def as_words(self) -> list[dict[str, Any]]:
        """What is in force, for /_sandbox/faults."""
        return [{"kind": o.kind, "provider": o.provider, "count": o.count} for o in self._orders]


class DroppableConnections(HttpToolsProtocol):
    """uvicorn's own protocol, remembering the connections so that one can be reset in mid-request."""

    open_connections: dict[Any, BaseTransport] = {}  # noqa: RUF012 - shared by all connections on purpose

    def connection_made(self, transport: Any) -> None:
        """Remember the connection by its other end."""
        self.open_connections[transport.get_extra_info("peername")] = transport
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        if self.transport is not None:
            self.open_connections.pop(self.transport.get_extra_info("peername"), None)
        super().connection_lost(exc)


def reset_connection(request: Request) -> None:
    """Reset the connection that `request` came on: its sender sees ECONNRESET."""
    client = request.client
    transport: Any = DroppableConnections.open_connections.get((client.host, client.port)) if client else None
    if transport is not None:
        raw = transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()


async def spoil(fault: Fault | None, request: Request, answer: Response, failure: Response) -> Response:
    """What becomes of the answer to a create that was taken; `failure` is the provider's own 500."""
    if fault is None or fault.kind in OF_CALLBACKS:
        return answer
    pause = fault.milliseconds / 1000
    match fault.kind:
        case FaultKind.ACCEPT_THEN_500:
            return failure
        case FaultKind.ACCEPT_THEN_RESET:
            reset_connection(request)
        case FaultKind.ACCEPT_THEN_HANG:
            await asyncio.sleep(pause)
            reset_connection(request)
        case FaultKind.SLOW_MS:
            await asyncio.sleep(pause)
        case FaultKind.TRICKLE:
            return _drip(answer, pause)
        case _:
            return failure
    return answer


def _drip(answer: Response, pause: float) -> Response:
    async def drops() -> Any:
        for byte in bytes(answer.body):
            await asyncio.sleep(pause)
            yield bytes([byte])

    headers = {"content-length": str(len(answer.body)), "content-type": answer.headers["content-type"]}
    return StreamingResponse(drops(), answer.status_code, headers)
