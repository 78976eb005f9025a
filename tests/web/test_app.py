"""What holds for every answer: headers, size, log, health."""

import hashlib
import re
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
import sqlalchemy as sa
import structlog
from starlette.routing import Route

from data.ledger import tables as t
from data.ledger.store import Ledger
from tests.web.client import PHONE, Client
from tests.web.conftest import LINK, UNSUBSCRIBE, Asked
from tests.web.raw import line_to
from tests.web.served import served
from tests.world import make_customer, make_request
from web.looks import LOGO_LIMIT

pytestmark = pytest.mark.slow

PATHS = [f"/r/{LINK}", f"/u/{UNSUBSCRIBE}", f"/o/{LINK}.gif", "/r/unknown", "/nowhere", "/healthz", "/readyz"]
FORBIDDEN = (LINK, UNSUBSCRIBE, "ana@example.com", "Ana", "5550100", "evil", "A quiet word", "127.0.0.1")
POLICY = re.compile(
    r"default-src 'none'; style-src ('none'|'sha256-[\w+/]{43}='); img-src ('none'|'self'|'self' data:); "
    r"form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
FROM_ELSEWHERE = re.compile(rb"<script|javascript:|\son\w+=|(src|srcset|action)=\"(?!/|data:)|@import|url\(")


@pytest.mark.one_database
@pytest.mark.usefixtures("asked")
def test_every_answer_of_every_route_forbids_what_it_does_not_need(client: Client) -> None:
    patterns = {route.path for route in client.app.routes if isinstance(route, Route)} | {"/nowhere", "/r/{token}/x"}
    form = [(b"content-type", b"application/x-www-form-urlencoded")]
    seen = set()
    with line_to(client.app) as line:
        for pattern in sorted(patterns):
            for value in (LINK, UNSUBSCRIBE, "1") if "{" in pattern else ("",):
                for method in ("GET", "HEAD", "POST", "DELETE"):
                    answer = line(method, re.sub(r"\{.*?\}", value, pattern), headers=form, parts=[b"score=4"])
                    assert POLICY.fullmatch(answer.header("content-security-policy") or ""), (method, pattern)
                    assert answer.header("referrer-policy") == "no-referrer"
                    assert answer.header("x-content-type-options") == "nosniff"
                    assert answer.header("x-frame-options") == "DENY"
                    assert answer.header("strict-transport-security")
                    assert answer.header("set-cookie") is None
                    assert answer.header("cache-control") in {"no-store", "public, max-age=31536000, immutable"}
                    assert not FROM_ELSEWHERE.search(answer.body)
                    seen.add(answer.status)
    assert {200, 303, 404, 405} <= seen


@pytest.mark.usefixtures("asked")
def test_a_page_brings_its_style_along_is_small_and_asks_nobody_else(client: Client) -> None:
    client.post(f"/r/{LINK}", {"score": "4"})
    for path in (*PATHS[:2], "/r/unknown", "/"):
        page = client.get(path)
        assert not re.search(
            r"<script|style=|onclick|javascript:|https?://|<link rel=.stylesheet|@import|url\(", page.text
        )
        (style,) = re.findall(r"<style>(.*?)</style>", page.text, re.DOTALL)
        digest = b64encode(hashlib.sha256(style.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in page.headers["content-security-policy"]
        assert len(page.content) < 30_000 - LOGO_LIMIT * 4 / 3


@pytest.mark.parametrize("path", ["/static/", "/static/pages.css", "/static/../app.py", "/static/%2e%2e/app.py"])
def test_no_file_of_ours_is_served(client: Client, path: str) -> None:
    assert client.get(path).status_code == 404


def test_an_answer_over_plain_http_promises_no_https(ledger: Ledger) -> None:
    assert "strict-transport-security" not in Client(ledger, public_url="http://127.0.0.1:8080").get("/").headers


@pytest.mark.usefixtures("asked")
def test_the_log_says_what_was_asked_and_nothing_about_whom(client: Client) -> None:
    with structlog.testing.capture_logs() as lines:
        for path in PATHS:
            client.get(f"{path}?email=ana@example.com&next=evil")
        client.post(f"/r/{LINK}", {"score": "4", "comment": "A quiet word"})
        client.post(f"/u/{UNSUBSCRIBE}", {"List-Unsubscribe": "One-Click"})
        client("EVIL-evil", f"/r/{LINK}")
    said = str(lines)
    assert not [secret for secret in FORBIDDEN if secret in said]
    assert {line["route"] for line in lines} == {
        "/r/{token}", "/u/{token}", "/o/{token}.gif", "/healthz", "/readyz", "no such route",
    }  # fmt: skip
    assert len(lines) == len(PATHS) + 3
    assert lines[-1]["method"] == "other"


@pytest.mark.usefixtures("asked")
def test_a_broken_ledger_gives_a_kind_page_and_a_log_without_values(client: Client, ledger: Ledger) -> None:
    with ledger.write() as c:
        c.execute(sa.text("alter table scores rename to scores_gone"))
    with structlog.testing.capture_logs() as lines:
        answer = client.post(f"/r/{LINK}", {"score": "4", "comment": "A quiet word"})
    assert answer.status_code == 500
    assert "Something went wrong on our side" in answer.text
    assert answer.headers["content-security-policy"]
    assert lines[0]["event"] == "request_failed"
    assert not [secret for secret in FORBIDDEN if secret in str(lines)]


@pytest.mark.one_database
@pytest.mark.usefixtures("asked")
def test_a_slash_too_many_leads_nowhere_and_never_to_the_host_that_a_request_names(client: Client) -> None:
    for path in (f"/r/{LINK}/", f"/u/{UNSUBSCRIBE}/", "/healthz/", f"//evil.example/..%2fr/{LINK}/"):
        answer = client.get(path, headers={"host": "evil.example"})
        assert (answer.status_code, answer.headers.get("location")) == (404, None), path


def test_every_route_is_one_of_the_contract(client: Client) -> None:
    routes = {route.path for route in client.app.routes if isinstance(route, Route)}
    assert routes == {
        "/", "/r/{token}", "/r/{token}/p/{platform_id}", "/o/{token}.gif", "/u/{token}", "/m/{token}",
        "/callbacks/twilio/status", "/callbacks/twilio/inbound", "/callbacks/mailgun",
        "/hooks/customers", "/favicon.ico", "/healthz", "/readyz", "/metrics",
    }  # fmt: skip


@pytest.mark.usefixtures("asked")
def test_a_stored_address_with_odd_signs_stays_one_header(client: Client, ledger: Ledger) -> None:
    with ledger.write() as c:
        c.execute(t.platforms.update().values(url="https://google.example/a b?x=1\r\nX-Evil: 1"))
        number = c.execute(sa.select(t.platforms.c.platform_id).limit(1)).scalar_one()
    answer = client.get(f"/r/{LINK}/p/{number}")
    assert answer.status_code == 302
    assert "x-evil" not in answer.headers


@pytest.mark.slow
def test_a_crowd_at_once_waits_in_line_and_everybody_is_answered(ledger: Ledger, asked: Asked) -> None:
    tokens = [f"crowd-{number}" for number in range(60)]
    for token in tokens:
        make_request(ledger, asked.world, make_customer(ledger, asked.world), link_token=token)
    with served(ledger) as address, httpx.Client(base_url=address, headers={"user-agent": PHONE}, timeout=60) as client:

        def answer(token: str) -> tuple[int, int]:
            seen = client.get(f"/r/{token}").status_code
            return seen, client.post(f"/r/{token}", data={"score": "8"}).status_code

        with ThreadPoolExecutor(30) as pool:
            assert set(pool.map(answer, tokens)) == {(200, 303)}
    with ledger.read() as c:
        assert c.execute(sa.select(sa.func.count()).select_from(t.scores)).scalar_one() == len(tokens)
        assert c.execute(sa.select(sa.func.count()).select_from(t.events)).scalar_one() == 2 * len(tokens)
