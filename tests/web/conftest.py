"""One customer who was asked, with links that tests know."""

from dataclasses import dataclass
from datetime import timedelta

import pytest

from data.ledger.store import Ledger
from data.words import RequestStatus
from tests import browser
from tests.web.client import Client
from tests.world import World, make_customer, make_request, make_world

# tests.browser.NONE_HERE says it in one line.
collect_ignore = [] if browser.is_available() else ["test_browser.py"]

LINK = "r-token-0123456789abcdef"
UNSUBSCRIBE = "u-token-0123456789abcdef"


@dataclass(frozen=True)
class Asked:
    """The customer's request and the world it is in."""

    world: World
    customer_id: int
    request_id: int


@pytest.fixture
def asked(ledger: Ledger) -> Asked:
    world = make_world(ledger)
    customer = make_customer(ledger, world, email="ana@example.com", phone="+13125550100")
    request = make_request(
        ledger, world, customer, link_token=LINK, unsubscribe_token=UNSUBSCRIBE, status=RequestStatus.SENT,
        handed_at=ledger.policy_now() - timedelta(hours=1),
    )  # fmt: skip
    return Asked(world, customer, request)


@pytest.fixture
def client(ledger: Ledger) -> Client:
    return Client(ledger)
