"""What a request says about who made it."""

import pytest
from starlette.requests import Request

from invitations.evidence import Visit
from tests.web.client import PHONE
from web.machines import visit_of

NAVIGATION = {"sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}


def visit(method: str = "GET", client: str = "198.51.100.7", **headers: str) -> Visit:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    raw = [(name.encode(), value.encode()) for name, value in ({"user-agent": PHONE} | named).items()]
    return visit_of(Request({"type": "http", "method": method, "headers": raw, "client": (client, 5)}))


def test_a_phone_that_shows_the_page_is_told_from_one_that_only_fetches_it() -> None:
    assert visit(**NAVIGATION).is_navigation
    assert not visit().is_navigation
    assert not visit(sec_fetch_mode="no-cors", sec_fetch_dest="image").is_navigation


@pytest.mark.parametrize("name", ["sec-purpose", "purpose", "x-moz"])
def test_a_browser_that_fetches_ahead_says_so(name: str) -> None:
    assert visit(**{name: "prefetch;prerender"}).is_ahead
    assert not visit().is_ahead


def test_head_is_told_from_get() -> None:
    assert visit("HEAD").is_head
    assert not visit().is_head


def test_a_visit_that_names_no_browser_is_not_one_of_which_nothing_is_told() -> None:
    assert visit(user_agent="").agent == ""


def test_the_visitor_behind_our_own_proxy_is_the_last_address_that_it_names() -> None:
    assert visit().address == "198.51.100.7"
    assert visit(client="10.0.0.2", x_forwarded_for="203.0.113.9, 8.8.8.8, 10.0.0.3").address == "8.8.8.8"
    assert visit(client="127.0.0.1", x_forwarded_for="").address == "127.0.0.1"


def test_a_visitor_who_comes_straight_cannot_name_another_address() -> None:
    assert visit(client="8.8.8.8", x_forwarded_for="1.1.1.1").address == "8.8.8.8"
    assert visit(client="::ffff:8.8.8.8", x_forwarded_for="1.1.1.1").address == "::ffff:8.8.8.8"
    assert visit(client="::ffff:10.0.0.2", x_forwarded_for="1.1.1.1").address == "1.1.1.1"
