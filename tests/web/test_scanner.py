"""A pretend mail scanner: it fetches everything it finds, in every manner, and must change nothing for the customer.

What cannot be told from a person is not played here: a whole browser that waits and follows one link only
(`invitations.evidence` says so, and how to name its network).
"""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import pytest
import sqlalchemy as sa

from data.ledger import tables as t
from data.ledger.store import Ledger
from data.words import EventKind, Evidence, InvitationStatus, PageMode
from invitations.grading import settle_clicks
from tests.web.client import PHONE, PUBLIC_URL, SCANNER, Client
from tests.web.town import make_town

pytestmark = [pytest.mark.slow, pytest.mark.one_database]

WINDOW = {"sec-fetch-mode": "navigate", "sec-fetch-dest": "document", "sec-fetch-site": "none"}
# Who: agent, further headers, whether it begins with the one link of a text or with all those of a mail.
VISITORS: Mapping[str, tuple[str, Mapping[str, str], bool]] = {
    "a gateway by its name": (SCANNER, {}, True),
    "a program without a name": ("", {}, True),
    "a script": ("python-requests/2.32.3", {}, True),
    "a gateway in a browser's clothes": (PHONE, {}, True),
    "a gateway with a whole browser": (PHONE, WINDOW, True),
    "a browser that fetches ahead": (PHONE, WINDOW | {"sec-purpose": "prefetch;prerender"}, False),
    "a messenger that draws a preview": ("WhatsApp/2.24.20.89 A", {}, False),
    "a phone that draws a preview": ("facebookexternalhit/1.1 Facebot Twitterbot/1.0", {}, False),
}
MOST_FETCHES = 120


class Links(HTMLParser):
    """Every address that a page names, and what its forms would ask for if they were sent by GET."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.action: str | None = None
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attributes}
        self.found += [named[name] for name in ("href", "src", "action", "formaction", "data") if named.get(name)]
        if tag == "form":
            self.action = named["action"]
        elif self.action is not None and named.get("name") and tag in ("button", "input", "textarea"):
            self.found.append(f"{self.action}?{named['name']}={named.get('value', 'Lovely')}")


def crawl(client: Client, beginnings: list[str], agent: str, headers: Mapping[str, str]) -> Iterator[tuple[str, int]]:
    """Each address fetched and how it was answered: HEAD and GET on everything, redirects followed, forms tried."""
    waiting, seen = list(beginnings), set[str]()
    while waiting and len(seen) < MOST_FETCHES:
        address = waiting.pop(0)
        if address in seen or address.startswith("data:"):
            continue
        seen.add(address)
        for method in ("HEAD", "GET"):
            answer = client(method, address, agent=agent, headers=dict(headers))
            yield address, answer.status_code
        found = Links(answer.text).found if "html" in answer.headers.get("content-type", "") else []
        found += [answer.headers["location"]] if "location" in answer.headers else []
        here = urlsplit(PUBLIC_URL).hostname
        targets = [urlsplit(urljoin(f"{PUBLIC_URL}{address}", each)) for each in found]
        waiting += [part._replace(scheme="", netloc="").geturl() for part in targets if part.hostname == here]


@pytest.mark.parametrize("mode", PageMode)
def test_nobody_is_unsubscribed_nobody_has_scored_and_no_sequence_stops(
    client: Client, ledger: Ledger, mode: PageMode
) -> None:
    town = make_town(ledger)
    with ledger.write() as c:
        c.execute(t.policies.update().values(rules={"stop_when": ["scored", "platform_chosen", "clicked"]}))
    fetched: set[str] = set()
    for number, (agent, headers, is_mail) in enumerate(VISITORS.values()):
        token = f"scanned-{number}"
        town.ask(token, town.places[mode])
        beginnings = [f"/r/{token}"]
        if is_mail:
            beginnings += [f"/u/u-{token}", f"/o/{token}.gif", f"/r/{token}?score=9", f"/r/{token}?stars=5"]
        answers = list(crawl(client, beginnings, agent, headers))
        fetched |= {address.replace(token, "token") for address, _ in answers}
        assert {status for _, status in answers} <= {200, 302}
    assert "/u/u-token?scope=everything" in fetched
    if mode is PageMode.SCORE:
        assert {f"/r/token?score={score}" for score in range(11)} <= fetched
    if mode is PageMode.PLATFORMS:  # the one mode that shows platforms to whoever looks
        assert sum("/p/" in address for address in fetched) == 3
    assert settle_clicks(ledger, now=ledger.policy_now() + timedelta(hours=1)) == 0
    with ledger.read() as c:
        assert [c.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
                for table in (t.scores, t.suppressions)] == [0, 0]  # fmt: skip
        assert set(c.execute(sa.select(t.invitations.c.status)).scalars()) == {InvitationStatus.ACTIVE}
        kept = c.execute(sa.select(t.events.c.kind, t.events.c.evidence)).all()
    assert kept
    assert {kind for kind, _ in kept} <= {EventKind.CLICKED, EventKind.OPENED, EventKind.PLATFORM_CHOSEN}
    assert Evidence.HUMAN not in {evidence for _, evidence in kept}


def test_what_the_pretend_scanner_cannot_do_a_person_can(client: Client, ledger: Ledger) -> None:
    town = make_town(ledger)
    town.ask("person", town.places[PageMode.SCORE])
    assert client.post("/r/person", {"score": "9"}).status_code == 303
    assert client.post("/u/u-person", {"scope": "everything"}).status_code == 200
    with ledger.read() as c:
        counts = [c.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
                  for table in (t.scores, t.suppressions)]  # fmt: skip
        assert counts[0] == 1
        assert counts[1] > 0
        assert set(c.execute(sa.select(t.invitations.c.status)).scalars()) == {InvitationStatus.ANSWERED}
