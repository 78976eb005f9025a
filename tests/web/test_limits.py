"""How often one address may ask: everybody in a waiting room may, a program that hammers may not."""

from collections.abc import Iterator

import pytest
import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from data.ledger.store import Ledger
from data.web_settings import WebSettings
from tests.web.client import PUBLIC_URL
from tests.web.raw import Line, line_to
from web.app import create_app
from web.limits import RateLimit, Windows, neighbourhood
from web.machines import Visitors

pytestmark = pytest.mark.one_database

HERE, THERE = ("8.8.8.8", 5), ("8.8.4.4", 5)  # addresses kept for documents count as private


class Clock:
    """Seconds that pass when a test says so."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def line(clock: Clock) -> Iterator[Line]:
    """Three requests a minute, sixty where many share an address."""

    async def fine(scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse("fine")(scope, receive, send)

    async def refuse(request: Request, problem: Exception) -> Response:
        return PlainTextResponse("wait", problem.status_code, headers=problem.headers)  # type: ignore[attr-defined]

    with line_to(RateLimit(fine, visitors=Visitors(), per_minute=3, refuse=refuse, clock=clock)) as line:
        yield line


def asked(line: Line, path: str, times: int, *, method: str = "GET", client: tuple[str, int] = HERE) -> list[int]:
    return [line(method, path, client=client).status for _ in range(times)]


def test_who_asks_too_often_is_told_when_to_come_again(line: Line, clock: Clock) -> None:
    assert asked(line, "/r/one", 1) == [200]
    clock.now += 20
    assert asked(line, "/r/two", 3) == [200, 200, 429]
    refused = line("GET", "/r/three", client=HERE)
    assert (refused.header("retry-after"), refused.header("connection")) == ("40", "close")
    assert asked(line, "/r/one", 1, client=THERE) == [200], "another visitor was refused with the first"
    clock.now += 40  # the first has left the window, and what was refused never counted
    assert asked(line, "/r/one", 2) == [200, 429]
    clock.now += 60
    assert asked(line, "/r/one", 4) == [200, 200, 200, 429]


@pytest.mark.parametrize("path", ["/callbacks/twilio/status", "/hooks/customers", "/healthz", "/readyz"])
def test_providers_and_those_who_look_after_us_are_never_refused(line: Line, path: str) -> None:
    assert set(asked(line, path, 100, method="POST")) == {200}


def test_what_mail_providers_fetch_for_everybody_may_come_in_crowds(line: Line) -> None:
    assert asked(line, "/o/x.gif", 60) == [200] * 60
    assert asked(line, "/m/x", 1) == [429]
    assert asked(line, "/r/x", 3) == [200] * 3, "pixels used up what a person has for pages"


def test_a_crowd_that_unsubscribes_by_its_mail_provider_is_let_in(line: Line) -> None:
    assert asked(line, "/r/x", 4) == [200, 200, 200, 429]
    assert asked(line, "/u/x", 50, method="POST") == [200] * 50
    assert asked(line, "/u/x", 1) == [429]


def test_an_address_of_our_own_network_says_nothing_about_who_visits(line: Line) -> None:
    for client in (("127.0.0.1", 5), ("10.0.0.2", 5), ("::1", 5), ("fd00::1", 5), ("not an address", 5)):
        assert set(asked(line, "/r/x", 10, client=client)) == {200}


def test_behind_our_proxy_each_visitor_counts_alone(line: Line) -> None:
    def ask(visitor: bytes, proxy: str = "10.0.0.2") -> int:
        return line("GET", "/r/x", client=(proxy, 5), headers=[(b"x-forwarded-for", visitor)]).status

    assert [ask(b"8.8.8.8") for _ in range(4)] == [200, 200, 200, 429]
    assert ask(b"1.2.3.4, 8.8.8.8") == 429, "a visitor named another address before the proxy named theirs"
    assert ask(b"8.8.8.8:4711") == 429
    assert ask(b"8.8.4.4") == 200
    assert asked(line, "/r/x", 1) == [429]
    assert ask(b"8.8.4.4", proxy="8.8.8.8") == 429, "a stranger was believed about the visitor's address"


@pytest.mark.parametrize("forwarded", ["9.9.9.9", "9.9.9.9, 1.1.1.1", '9.9.9.9, "[2606:4700::5]:443"'])
def test_behind_a_network_of_proxies_that_we_were_told_of_too(forwarded: str) -> None:
    settings = WebSettings(proxies="1.1.1.0/24, 2606:4700::/32")  # type: ignore[arg-type]
    scope = {"type": "http", "client": ("1.1.1.1", 5), "headers": [(b"x-forwarded-for", forwarded.encode())]}
    assert Visitors(settings.proxies).address_of(scope) == "9.9.9.9"
    assert Visitors().address_of(scope) == "1.1.1.1"


@pytest.mark.parametrize(
    ("address", "known"),
    [
        ("198.51.100.7", None),
        ("8.8.8.8", "8.8.8.8"),
        ("::ffff:8.8.8.8", "8.8.8.8"),
        ("2a00:1450:4001:80b::200e", "2a0014504001080b"),
        ("2a00:1450:4001:80b:ffff::1", "2a0014504001080b"),
        ("2a00:1450:4001:80c::1", "2a0014504001080c"),
        ("192.168.1.5", None),
        ("fe80::1%eth0", None),
        ("unknown", None),
    ],
)
def test_a_visitor_is_an_address_or_the_network_that_one_household_has(address: str, known: str | None) -> None:
    assert neighbourhood(address) == known


def test_addresses_that_went_away_are_forgotten(clock: Clock) -> None:
    windows = Windows(clock=clock)
    for number in range(1000):
        assert windows.acquire_entry(f"visitor {number}", 3, 60)
        clock.now += 1
    assert len(windows) == 60


def test_who_goes_through_all_addresses_costs_no_memory_and_locks_nobody_out(clock: Clock) -> None:
    windows = Windows(most_keys=100, clock=clock)
    for number in range(5000):
        assert windows.acquire_entry(f"2001:db8:{number}", 3, 60)
    assert len(windows) == 100
    assert windows.acquire_entry("a customer", 3, 60)


def test_a_flood_is_refused_in_the_visitors_language_and_told_once_in_a_while(ledger: Ledger) -> None:
    app: Starlette = create_app(ledger, {}, public_url=PUBLIC_URL, settings=WebSettings(visits_per_minute=2))
    spanish = [(b"accept-language", b"es-MX,es;q=0.9")]
    with line_to(app) as line, structlog.testing.capture_logs() as lines:
        answers = [line("GET", "/nowhere", client=HERE, headers=spanish) for _ in range(8)]
    assert [answer.status for answer in answers] == [404, 404, *[429] * 6]
    assert 1 <= int(answers[-1].header("retry-after") or 0) <= 60
    assert answers[-1].header("content-security-policy")
    assert '<html lang="es"' in answers[-1].body.decode()
    assert [entry["event"] for entry in lines] == ["request", "request", "requests_refused"]
    assert "8.8.8.8" not in str(lines)
