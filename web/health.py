"""For whoever watches over web/: does the process answer, can it do its work, and its figures for Prometheus."""

import asyncio
import hmac
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress

import anyio
import sqlalchemy as sa
import structlog
from anyio import CapacityLimiter, to_thread
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from pydantic import SecretStr
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from data.ledger.gauges import Gauges, read_gauges
from data.ledger.migrate import WrongRevision, require_current
from data.ledger.store import Ledger
from data.ledger.writable import prove_writable
from web.machines import is_on_this_machine
from web.metrics import CONTENT_TYPE, Metrics

log = structlog.get_logger(__name__)

READY_SECONDS = 1.0  # an answer of /readyz stands for so long: it may be asked by anybody, and as often as they like
WRITE_SECONDS = 15.0  # a write that was possible is taken to be so for so long
GAUGE_SECONDS = 15.0  # Prometheus asks every 15 to 60 s; two of them, or an impatient one, cost one look
_WAIT_SECONDS = 3.0  # a database that says nothing for so long can't be used
_WRITE_WAIT_SECONDS = 10.0  # writers take turns, and one may have it for five seconds


class Health:
    """The three routes. `clock` is monotonic seconds, for what is kept."""

    def __init__(
        self,
        ledger: Ledger,
        metrics: Metrics,
        token: SecretStr | None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.ledger = ledger
        self.metrics = metrics
        self.token = token
        self.figures = LedgerFigures()
        metrics.add(self.figures)
        self._ready = Look(lambda: require_current(ledger), seconds=READY_SECONDS, clock=clock)
        self._writes = Look(lambda: prove_writable(ledger), seconds=WRITE_SECONDS, clock=clock, is_beside=True)
        self._gauges = Look(self._read, seconds=GAUGE_SECONDS, clock=clock)

    def routes(self) -> Sequence[Route]:
        """For a load balancer, for an orchestrator, for Prometheus."""
        return [
            Route("/healthz", self.healthz, methods=["GET"]),
            Route("/readyz", self.readyz, methods=["GET"]),
            Route("/metrics", self.show_metrics, methods=["GET"]),
        ]

    async def healthz(self, request: Request) -> Response:
        """The process answers; asks nobody else."""
        return PlainTextResponse("ok")

    async def readyz(self, request: Request) -> Response:
        """The ledger can be read, is of this version and takes writes, and callbacks have room and a writer."""
        if not await self._ready.is_good():
            return PlainTextResponse("the ledger can't be used", 503)
        if not await self._writes.is_good():
            return PlainTextResponse("the ledger can't be written", 503)
        if self.metrics.is_inbox_choked:
            return PlainTextResponse("too many callbacks wait for the ledger", 503)
        if not self.metrics.has_writer:
            return PlainTextResponse("nobody stores callbacks just now", 503)
        return PlainTextResponse("ok")

    async def show_metrics(self, request: Request) -> Response:
        """Figures about the business: for who has the token, or asks from this machine itself."""
        if not self._is_allowed(request):
            # Where no token is set there is nothing that the world could be let in by.
            raise HTTPException(404) if self.token is None else HTTPException(401, headers=_CHALLENGE)
        self.figures.is_up = await self._gauges.is_good()
        return Response(self.metrics.as_text(), media_type=CONTENT_TYPE)

    def _is_allowed(self, request: Request) -> bool:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if self.token is not None and scheme.lower() == "bearer":
            return hmac.compare_digest(given.strip().encode(), self.token.get_secret_value().encode())
        return is_on_this_machine(request.scope)

    def _read(self) -> None:
        now = self.ledger.policy_now()
        with self.ledger.read() as connection:
            self.figures.gauges = read_gauges(connection, now=now)


_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="metrics"'}


class Look:
    """A look at the ledger whose outcome stands for some seconds, however many ask: one at a time, in its own thread.

    So neither a full line of visitors nor a flood of questions makes web/ look dead: whoever asks during a look waits
    for its outcome. While one hangs at a database that says nothing, no other is sent after it. What is bad is looked
    at again after a second, if somebody asks.

    `is_beside`: only the first is waited for. Later ones go on beside, and the outcome before stands meanwhile, for
    a write waits for its turn, and that is no fault of the ledger's.
    """

    def __init__(
        self, look: Callable[[], None], *, seconds: float, clock: Callable[[], float], is_beside: bool = False
    ) -> None:
        self.look = look
        self.seconds = seconds
        self.clock = clock
        self.is_beside = is_beside
        self._beside: asyncio.Task[None] | None = None
        self._turn = anyio.Lock()
        self._thread = CapacityLimiter(1)
        self._is_under_way = False
        self._found: tuple[float, bool] | None = None

    async def is_good(self) -> bool:
        """Whether the ledger could be looked at, as it was found last."""
        if not self._is_known():
            if not self.is_beside or self._found is None:
                await self._look(_WAIT_SECONDS)
            elif self._beside is None or self._beside.done():
                self._beside = asyncio.get_running_loop().create_task(self._look(_WRITE_WAIT_SECONDS))
        return self._found is not None and self._found[1]

    def _is_known(self) -> bool:
        if self._found is None:
            return False
        at, is_good = self._found
        return self.clock() - at < (self.seconds if is_good else READY_SECONDS)

    async def _look(self, patience: float) -> None:
        async with self._turn:
            if not self._is_known():
                is_good = not self._is_under_way and await self._ask(patience)
                self._found = self.clock(), is_good
                if not is_good:  # said last: the log may be on the same full disk
                    log.warning("ledger_unusable")

    async def _ask(self, patience: float) -> bool:
        with suppress(TimeoutError, WrongRevision, sa.exc.SQLAlchemyError):
            with anyio.fail_after(patience):
                await to_thread.run_sync(self._run, limiter=self._thread, abandon_on_cancel=True)
            return True
        return False

    def _run(self) -> None:
        self._is_under_way = True
        try:
            self.look()
        finally:
            self._is_under_way = False


class LedgerFigures(Collector):
    """The ledger's gauges as they were last read; without a ledger only that it is down."""

    def __init__(self) -> None:
        self.is_up = False
        self.gauges: Gauges | None = None

    def collect(self) -> Iterator[Metric]:
        """As the library wants them."""
        yield _gauge("afterword_ledger_up", "Whether the ledger could be read just now.", [((), self.is_up)])
        seen = self.gauges
        if not self.is_up or seen is None:
            return
        yield _gauge(
            "afterword_requests",
            "Messages that are not at an end, by status.",
            [((status.value,), count) for status, count in seen.requests.items()],
            labels=["status"],
        )
        yield _gauge("afterword_breakers_open", "Senders that a provider refuses.", [((), seen.breakers_open)])
        yield _gauge(
            "afterword_alerts_open",
            "What is wrong and was told to somebody, by kind.",
            [((kind.value,), count) for kind, count in seen.alerts_open.items()],
            labels=["kind"],
        )
        yield _gauge("afterword_halted", "1 while the kill switch is thrown.", [((), seen.is_halted)])
        quota = seen.quota.items()
        yield _gauge(
            "afterword_quota_used",
            "Invitations of this cycle.",
            [((account,), used) for account, (used, _) in quota],
            labels=["account"],
        )
        yield _gauge(
            "afterword_quota_allowance",
            "Invitations that this cycle may have.",
            [((account,), allowance) for account, (_, allowance) in quota],
            labels=["account"],
        )
        yield _gauge(
            "afterword_run_finished_age_seconds",
            "Since the newest run of a kind finished well; none for a kind that did not for two days.",
            [((kind.value,), age) for kind, age in seen.run_ages.items()],
            labels=["kind"],
        )


def _gauge(
    name: str, text: str, samples: Iterable[tuple[Sequence[str], float]], *, labels: Sequence[str] = ()
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=labels)
    for values, number in samples:
        family.add_metric(values, number)
    return family
