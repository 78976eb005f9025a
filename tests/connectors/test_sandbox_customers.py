"""The customers that the sandbox plays, against the real web/ on a real ledger: who answers, who changes nothing."""

import csv
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
import sqlalchemy as sa
import uvicorn

from connectors.registry import open_callback_readers
from connectors.sandbox.browser import read_page
from connectors.sandbox.characters import SCORES, Character, character, reviewer_name
from connectors.sandbox.phrases import review_text
from connectors.sandbox.reviews import COLUMNS, site_of, stars_for
from data.ledger import tables as t
from data.ledger.migrate import migrate
from data.ledger.store import Ledger, open_ledger
from data.settings import Settings
from data.words import Channel, EventKind, Evidence, InvitationStatus, PageMode, RequestStatus, SuppressionReason
from invitations.grading import settle_clicks
from tests.sandbox import MAILGUN_DOMAIN, TWILIO_FROM, TWILIO_SID, TWILIO_TOKEN, WEBHOOK_KEY, Sandbox, running_sandbox
from tests.waiting import wait_until
from tests.world import World, insert, make_customer, make_request, make_world
from web.app import create_app

SEED = 7
NUMBERS = [f"+1312555{n:04d}" for n in range(2000, 2060)]
MAILBOXES = [f"customer{n}@example.com" for n in range(60)]


@contextmanager
def real_web(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """web/ with the callback readers of production, on a free port."""
    listening = socket.create_server(("127.0.0.1", 0))
    address = f"http://127.0.0.1:{listening.getsockname()[1]}"
    for name, value in {
        "AFTERWORD_PUBLIC_URL": address, "TWILIO_ACCOUNT_SID": TWILIO_SID, "TWILIO_AUTH_TOKEN": TWILIO_TOKEN,
        "TWILIO_FROM": TWILIO_FROM, "MAILGUN_DOMAIN": MAILGUN_DOMAIN, "MAILGUN_WEBHOOK_KEY": WEBHOOK_KEY,
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    app = create_app(ledger, open_callback_readers(), public_url=address)
    server = uvicorn.Server(uvicorn.Config(app, access_log=False, log_config=None, ws="none", lifespan="on"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield address
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


def mode_for(address: str) -> PageMode:
    """Texts lead half to numbers and half to stars, mails to the list of platforms."""
    return PageMode.PLATFORMS if "@" in address else PageMode.SCORE if int(address) % 2 else PageMode.STARS


def places(ledger: Ledger, world: World) -> dict[PageMode, int]:
    """A location of each mode that has a page."""
    with ledger.write() as c:
        third = insert(
            c, t.locations, account_id=world.account_id, slug="boston", name="Acme Boston", region="US",
            time_zone="America/New_York",
        )  # fmt: skip
        for position, name in enumerate(("google", "facebook")):
            url = f"https://{name}.example/boston"
            insert(c, t.platforms, location_id=third, slug=name, name=name.title(), position=position, url=url)
        found = {PageMode.SCORE: world.chicago, PageMode.STARS: world.new_york, PageMode.PLATFORMS: third}
        for mode, location_id in found.items():
            c.execute(t.locations.update().where(t.locations.c.location_id == location_id).values(page_mode=mode))
    return found


def ask(ledger: Ledger, world: World, address: str, channel: Channel, location_id: int) -> dict[str, str]:
    """A customer with a request handed over a while ago; the two tokens of its message."""
    contact = {"email": address} if channel is Channel.EMAIL else {"phone": address}
    customer = make_customer(ledger, world, location_id=location_id, **contact)
    request = make_request(
        ledger, world, customer, channel=channel, status=RequestStatus.SENT,
        handed_at=ledger.policy_now() - timedelta(hours=1),
    )  # fmt: skip
    with ledger.read() as c:
        row = c.execute(sa.select(t.requests).where(t.requests.c.request_id == request)).one()
    return {"link": row.link_token, "unsubscribe": row.unsubscribe_token}


def write_to(sandbox: Sandbox, web: str, address: str, tokens: dict[str, str], channel: Channel) -> None:
    text = f"Hi Ana, how was Acme? {web}/r/{tokens['link']}"
    if channel is Channel.SMS:
        form = {"From": TWILIO_FROM, "To": address, "Body": f"{text} Reply STOP to opt out"}
        url, auth = f"{sandbox.twilio}/Messages.json", sandbox.twilio_auth
    else:
        form = {
            "from": "ask@acme.example", "to": address, "subject": "How was it?", "text": text,
            "html": f'<a href="{web}/r/{tokens["link"]}">Tell us</a> <a href="{web}/u/{tokens["unsubscribe"]}">no</a>',
            "h:List-Unsubscribe": f"<{web}/u/{tokens['unsubscribe']}>",
        }  # fmt: skip
        url, auth = f"{sandbox.mailgun}/messages", sandbox.mailgun_auth
    requests.post(url, data=form, auth=auth, timeout=10).raise_for_status()


@pytest.mark.slow
def test_each_customer_does_what_their_character_says_and_a_scanner_changes_nothing(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = open_ledger(Settings(home=home))
    migrate(ledger)
    world = make_world(ledger)
    stop_at_a_click(ledger)
    at = places(ledger, world)
    tokens = {n: ask(ledger, world, n, Channel.SMS, at[mode_for(n)]) for n in NUMBERS}
    tokens |= {m: ask(ledger, world, m, Channel.EMAIL, at[mode_for(m)]) for m in MAILBOXES}
    with real_web(ledger, monkeypatch) as web, running_sandbox(
        tmp_path / "sandbox", idle=False, public_url=web, seed=SEED, pace=0.1
    ) as sandbox:  # fmt: skip
        for address, given in tokens.items():
            write_to(sandbox, web, address, given, Channel.EMAIL if "@" in address else Channel.SMS)
        sandbox.wait_until_quiet(60)
        reached = {row["to"] for row in sandbox.record() if row["status"] == "delivered"}
        health = sandbox.get("/_sandbox/health")
    assert 100 < len(reached) <= 120  # a few numbers and mailboxes are no good
    assert health["callbacks"]["unanswered"] == 0
    who = {a: character(SEED, a, 0, is_email="@" in a) for a in reached}
    assert answers_of(ledger) == {
        a: (c.score, None) if mode_for(a) is PageMode.SCORE else (None, stars_for(c.score))
        for a, c in who.items()
        if c.score is not None and mode_for(a) is not PageMode.PLATFORMS
    }
    assert_platforms_and_reviews(ledger, who, tokens, tmp_path / "sandbox" / "reviews.csv")
    assert_three_said_no(ledger, who, health)
    assert_scanners_changed_nothing(ledger, who)
    ledger.close()


def stop_at_a_click(ledger: Ledger) -> None:
    """The policy under which a scanner could do most harm. Nobody is too soon; no burst is too slow."""
    machines = {"seconds_after_delivery": 0, "all_links_within_seconds": 20, "networks": []}
    with ledger.write() as c:
        c.execute(t.policies.update().values(rules={"stop_when": ["clicked"], "machines": machines}))


def answers_of(ledger: Ledger) -> dict[str, tuple[int | None, int | None]]:
    """The recorded score or stars of each address."""
    with ledger.read() as c:
        rows = c.execute(
            sa.select(t.requests.c.address, t.scores.c.score, t.scores.c.stars).join_from(
                t.scores, t.requests, t.requests.c.invitation_id == t.scores.c.invitation_id
            )
        ).all()
    return {row.address: (row.score, row.stars) for row in rows}


def events_of(ledger: Ledger, kind: EventKind) -> dict[str, set[str]]:
    """The addresses that have events of a kind, with the evidence of each."""
    with ledger.read() as c:
        rows = c.execute(
            sa.select(t.requests.c.address, t.events.c.evidence)
            .join_from(t.events, t.requests, t.requests.c.invitation_id == t.events.c.invitation_id)
            .where(t.events.c.kind == kind)
        ).all()
    found: dict[str, set[str]] = {}
    for row in rows:
        found.setdefault(row.address, set()).add(row.evidence)
    return found


def assert_platforms_and_reviews(
    ledger: Ledger, who: dict[str, Character], tokens: dict[str, dict[str, str]], path: Path
) -> None:
    chosen = {a for a, c in who.items() if c.chooses_after is not None}
    assert set(events_of(ledger, EventKind.PLATFORM_CHOSEN)) == chosen
    assert {a for a, c in who.items() if c.comments} == set(events_of(ledger, EventKind.COMMENTED))
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS
    by_link = {tokens[a]["link"]: c for a, c in who.items() if c.reviews_after is not None}
    assert {row["link_token"] for row in rows} == set(by_link)
    assert {row["platform"] for row in rows} <= {"google", "facebook"}
    assert all(row["reviewer_name"].startswith("Ana ") and row["body"] for row in rows)
    for row in rows:
        assert int(row["stars"]) == stars_for(by_link[row["link_token"]].score or 0)


def assert_three_said_no(ledger: Ledger, who: dict[str, Character], health: dict[str, Any]) -> None:
    with ledger.read() as c:
        rows = c.execute(sa.select(t.suppressions.c.address, t.suppressions.c.reason)).all()
    said = Counter(row.reason for row in rows)
    assert said[SuppressionReason.STOP_KEYWORD] == 1
    assert said[SuppressionReason.UNSUBSCRIBED] == 1
    assert health["mail_events"]["complained"] == 1
    no = [row.address for row in rows if row.reason != SuppressionReason.UNDELIVERABLE]
    assert all(who[address].is_silent for address in no if address in who)


def assert_scanners_changed_nothing(ledger: Ledger, who: dict[str, Character]) -> None:
    only_scanned = {a for a, c in who.items() if c.is_scanned and c.is_silent}
    assert only_scanned
    scored, chosen = answers_of(ledger), events_of(ledger, EventKind.PLATFORM_CHOSEN)
    assert not only_scanned & (set(scored) | set(chosen))
    clicked = events_of(ledger, EventKind.CLICKED)
    assert {who[address].is_disguised for address in only_scanned} == {True, False}
    assert all(clicked[address] == {Evidence.MACHINE} for address in only_scanned)
    settle_clicks(ledger, now=ledger.policy_now() + timedelta(minutes=1))
    ended = ended_by_an_answer(ledger)
    assert not only_scanned & ended
    # Nothing is asked before a list, so at the sandbox's pace page and platform are a burst: that may be a scanner's.
    visited = {
        a for a, c in who.items()
        if c.clicks_after is not None and not c.is_scanned and mode_for(a) is not PageMode.PLATFORMS
    }  # fmt: skip
    assert visited <= ended  # whether they scored or only looked


def ended_by_an_answer(ledger: Ledger) -> set[str]:
    with ledger.read() as c:
        return set(
            c.execute(
                sa.select(t.requests.c.address)
                .join(t.invitations, t.invitations.c.invitation_id == t.requests.c.invitation_id)
                .where(t.invitations.c.status == InvitationStatus.ANSWERED)
            ).scalars()
        )


@pytest.mark.slow
def test_the_customers_together_give_a_believable_nps() -> None:
    scores = [character(1, f"customer{n}@example.com", 0, is_email=True).score for n in range(5000)]
    given = [score for score in scores if score is not None]
    nps = 100 * (sum(s >= 9 for s in given) - sum(s <= 6 for s in given)) / len(given)
    assert 45 <= nps <= 62
    assert set(given) == set(SCORES)
    assert 0.25 < len(given) / len(scores) < 0.45


@pytest.mark.slow
def test_a_customer_is_done_within_forty_seconds_of_the_sending() -> None:
    for n in range(2000):
        who = character(1, f"+1312{n:07d}", 0, is_email=n % 2 == 0)
        waits = (who.opens_after, who.clicks_after, who.scores_after, who.chooses_after, who.reviews_after)
        assert 2.5 + sum(wait or 0 for wait in waits) < 40


def test_a_character_is_fixed_by_seed_address_and_message() -> None:
    first = character(1, "+13125550100", 0, is_email=False)
    assert first == character(1, "+13125550100", 0, is_email=False)
    others = [character(seed, "+13125550100", n, is_email=False) for seed in (1, 2, 3) for n in (0, 1, 2)]
    assert len(set(others)) > 1


def test_a_page_is_read_as_a_browser_would() -> None:
    page = read_page(
        "http://127.0.0.1/r/abc",
        '<form method="post"><input type=hidden name=csrf value=1><input type="radio" name="score" value="0">'
        '<button name="score" value="10">10</button><textarea name="comment"></textarea></form>'
        '<form action="/else"><input name="q"></form><a href="/r/abc/p/2">Review us on <b>Google</b></a>',
    )
    first, second = page.forms
    assert (first.method, first.action) == ("POST", "http://127.0.0.1/r/abc")
    assert (first.filled, first.choices, first.texts) == ({"csrf": "1"}, {"score": ["0", "10"]}, ["comment"])
    assert (second.method, second.action, second.texts) == ("GET", "http://127.0.0.1/else", ["q"])
    (link,) = page.links
    assert (link.address, link.words) == ("http://127.0.0.1/r/abc/p/2", "Review us on Google")


def test_a_review_names_its_site_and_its_writer() -> None:
    assert site_of("https://search.google.com/local/writereview?placeid=x", "?") == "google"
    assert site_of("https://www.facebook.com/acme/reviews", "?") == "facebook"
    assert site_of("https://doctors.example/acme", "?") == "doctors"
    assert reviewer_name(1, "a@example.com", "Hi Zoë, how was it?").startswith("Zoë ")
    assert not reviewer_name(1, "a@example.com", "Hi there, how was it?").startswith("there")
    assert all(review_text(1, f"{stars}@example.com", stars) for stars in range(1, 6))


@pytest.mark.slow
def test_an_idle_sandbox_delivers_and_nobody_reacts(tmp_path: Path) -> None:
    with running_sandbox(tmp_path, pace=0.01) as sandbox:
        for address in [*NUMBERS[:20], *MAILBOXES[:20]]:
            channel = Channel.EMAIL if "@" in address else Channel.SMS
            write_to(sandbox, "http://127.0.0.1:9", address, {"link": "x", "unsubscribe": "y"}, channel)
        sandbox.wait_until_quiet()
        assert {row["status"] for row in sandbox.record()} == {"delivered"}
        wait_until(lambda: sandbox.get("/_sandbox/health")["mail_events"] == {"accepted": 20, "delivered": 20})
        assert sandbox.get("/_sandbox/health")["texts"]["received"] == 0
