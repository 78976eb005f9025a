"""The address from which a provider fetches a picture: for whom it opens, how long, and what it gives away."""

import string
from collections.abc import Iterator

import httpx
import pytest
import structlog

from data.ledger import pictures
from data.ledger import tables as t
from data.ledger.pictures import KeptPicture
from data.ledger.store import Ledger
from data.ledger.tables.metadata import database_now
from data.words import Channel
from tests.web.client import Client
from tests.web.served import served
from tests.world import make_world

pytestmark = pytest.mark.one_database

CONTENT = b"\xff\xd8\xff\xe0 a photograph, or so it says <script>alert(1)</script>"


@pytest.fixture
def token(ledger: Ledger) -> str:
    world = make_world(ledger)
    with ledger.write() as c:
        [kept] = pictures.keep(c, world.account_id, {Channel.SMS: [KeptPicture("image/jpeg", 4, 3, CONTENT)]}, by="a")[
            Channel.SMS
        ]
        [token] = pictures.mint_links(c, [("a1", kept)])
    return token


def test_whoever_has_the_link_gets_the_picture_and_no_more(client: Client, token: str) -> None:
    answer = client.get(f"/m/{token}")
    assert (answer.status_code, answer.content) == (200, CONTENT)
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["content-length"] == str(len(CONTENT))
    assert answer.headers["content-disposition"] == 'inline; filename="photo.jpg"'
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert answer.headers["x-robots-tag"] == "noindex, nofollow"
    assert "etag" not in answer.headers
    assert "set-cookie" not in answer.headers


def _others(token: str) -> Iterator[str]:
    yield token[:-1]
    yield token + "A"
    yield ("B" if token[0] == "A" else "A") + token[1:]
    yield token.swapcase()
    yield token[:6]
    yield "A" * 4000
    yield "..%2f..%2fetc"
    yield "%00" * 4
    yield "' or 1=1--x"
    yield "％" * 12
    yield f"{token}.jpg"
    yield f"{token}/"
    yield ""


def test_a_link_is_the_whole_token_and_nothing_like_it_and_all_others_look_alike(client: Client, token: str) -> None:
    assert set(token) <= set(string.ascii_letters + string.digits + "-_")
    answers = [client.get(f"/m/{other}") for other in _others(token) if other != token]
    assert {answer.status_code for answer in answers} <= {404, 307}  # 307: a slash too many
    assert len({answer.content for answer in answers if answer.status_code == 404}) == 1


def test_after_its_day_a_link_is_as_if_it_had_never_been(client: Client, ledger: Ledger, token: str) -> None:
    unknown = client.get("/m/AAAAAAAAAAAA")
    with ledger.write() as c:
        c.execute(t.media_links.update().values(expires_at=database_now()))
    late = client.get(f"/m/{token}")
    assert (late.status_code, late.content, late.headers) == (404, unknown.content, unknown.headers)


def test_a_kind_of_file_that_we_never_make_is_never_served(client: Client, ledger: Ledger, token: str) -> None:
    with ledger.write() as c:
        c.execute(t.attachments.update().values(media_type="image/svg+xml"))
    assert client.get(f"/m/{token}").status_code == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_a_picture_can_only_be_fetched(client: Client, token: str, method: str) -> None:
    answer = client(method, f"/m/{token}")
    assert answer.status_code == 405
    assert CONTENT not in answer.content


@pytest.mark.slow
def test_head_tells_what_get_would_give_and_a_range_gets_the_whole(ledger: Ledger, token: str) -> None:
    with served(ledger) as address, httpx.Client(base_url=address) as provider:
        head = provider.head(f"/m/{token}")
        assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(CONTENT)))
        assert head.headers["content-type"] == "image/jpeg"
        part = provider.get(f"/m/{token}", headers={"Range": "bytes=0-3"})
        assert (part.status_code, part.content, part.headers["accept-ranges"]) == (200, CONTENT, "none")


def test_no_log_names_the_link(client: Client, token: str) -> None:
    with structlog.testing.capture_logs() as logs:
        for path in (f"/m/{token}", f"/m/{token[:-1]}", f"/m/{token}?x={token}"):
            client.get(path, headers={"referer": f"https://x.example/m/{token}"})
    assert [line["route"] for line in logs] == ["/m/{token}"] * 3
    assert token[:-1] not in repr(logs)
