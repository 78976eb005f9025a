"""What a location asks first: a number, stars, nothing, or straight on; and that no answer leads anywhere else."""

import re
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
import sqlalchemy as sa

from data.account_values import PAGE_LANGUAGES
from data.ledger import tables as t
from data.ledger.account_changes import Changes
from data.ledger.logos import apply_logo
from data.ledger.pictures import KeptPicture
from data.ledger.store import Ledger
from data.words import EventKind, Evidence, InvitationStatus, PageMode
from invitations.grading import settle_clicks
from tests.web.client import PHONE, SCANNER, Client
from tests.web.conftest import LINK, UNSUBSCRIBE, Asked
from tests.world import make_customer, make_request
from web.languages import languages
from web.texts import ENGLISH

pytestmark = [pytest.mark.slow, pytest.mark.one_database]

REVIEW, LEAVE = f"/r/{LINK}", f"/u/{UNSUBSCRIBE}"
NAVIGATION = {"sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
GOOGLE = "https://google.example/chicago"
ANSWERS = [("score", str(score)) for score in range(11)] + [("stars", str(stars)) for stars in range(1, 6)]


def ask_for(ledger: Ledger, mode: PageMode, *, platform: str | None = None, **location: Any) -> None:
    with ledger.write() as c:
        c.execute(t.locations.update().values(page_mode=mode, page_platform=platform, **location))


def rows(ledger: Ledger, table: sa.Table) -> list[Any]:
    with ledger.read() as c:
        return list(c.execute(table.select().order_by(*table.primary_key.columns)).all())


def kinds(ledger: Ledger) -> list[tuple[EventKind, Evidence | None]]:
    return [(event.kind, event.evidence) for event in rows(ledger, t.events)]


def links(html: str) -> list[str]:
    return re.findall(r'<a href="([^"]+)"', html)


@pytest.mark.parametrize("mode", [PageMode.SCORE, PageMode.STARS, PageMode.PLATFORMS])
def test_every_answer_in_every_mode_leads_to_the_same_page(
    client: Client, ledger: Ledger, asked: Asked, mode: PageMode
) -> None:
    ask_for(ledger, mode)
    pages = set()
    for name, value in ANSWERS:
        token = f"{name}-{value}"
        make_request(ledger, asked.world, make_customer(ledger, asked.world), link_token=token)
        answer = client.post(f"/r/{token}", {name: value})
        page = client.get(answer.headers["location"])
        assert [link.rpartition("/p/")[0] for link in links(page.text)] == [f"/r/{token}"] * 2
        assert 'name="comment"' in page.text
        pages.add(page.text.replace(token, "token"))
    assert len(pages) == 1


@pytest.mark.both_databases
@pytest.mark.usefixtures("asked")
def test_stars_are_asked_for_and_the_first_ones_count(client: Client, ledger: Ledger) -> None:
    ask_for(ledger, PageMode.STARS)
    page = client.get(REVIEW).text
    assert re.findall(r'<button name="(\w+)" value="(\d+)"', page) == [("stars", str(stars)) for stars in range(1, 6)]
    for stars in ("2", "2", "5"):  # a double tap, and a change of mind
        assert client.post(REVIEW, {"stars": stars}).status_code == 303
    client.post(REVIEW, {"comment": "Too loud"})
    (given,) = rows(ledger, t.scores)
    assert (given.score, given.stars, given.comment) == (None, 2, "Too loud")
    scored = [event for event in rows(ledger, t.events) if event.kind is EventKind.SCORED]
    assert [(event.score, event.stars) for event in scored] == [(None, 2), (None, 2), (None, 5)]
    assert {row.status for row in rows(ledger, t.invitations)} == {InvitationStatus.ANSWERED}


@pytest.mark.usefixtures("asked")
@pytest.mark.parametrize("form", [{"stars": "0"}, {"stars": "6"}, {"stars": "five"}, {"stars": "٥"}, {}])
def test_anything_but_one_to_five_stars_is_asked_again(client: Client, ledger: Ledger, form: dict[str, str]) -> None:
    ask_for(ledger, PageMode.STARS)
    answer = client.post(REVIEW, form)
    assert answer.status_code == 400
    assert ENGLISH.choose_stars in answer.text
    assert rows(ledger, t.scores) == rows(ledger, t.events) == []


@pytest.mark.usefixtures("asked")
def test_who_sees_the_question_of_before_may_still_answer_it(client: Client, ledger: Ledger) -> None:
    ask_for(ledger, PageMode.STARS)
    assert client.post(REVIEW, {"score": "7"}).status_code == 303
    (given,) = rows(ledger, t.scores)
    assert (given.score, given.stars) == (7, None)
    client.post(REVIEW, {"stars": "1"})
    assert rows(ledger, t.scores) == [given]


@pytest.mark.usefixtures("asked")
def test_where_nothing_is_asked_the_platforms_and_the_private_message_stand_at_once(
    client: Client, ledger: Ledger
) -> None:
    ask_for(ledger, PageMode.PLATFORMS)
    page = client.get(REVIEW, headers=NAVIGATION).text
    assert len(links(page)) == 2
    assert 'name="score"' not in page
    told = client.post(REVIEW, {"comment": "Thank you"})
    assert ENGLISH.private_done.format(location="Acme Chicago") in client.get(told.headers["location"]).text
    client.post(REVIEW, {"comment": "Thank you"})  # the back button, and once more
    assert rows(ledger, t.scores) == []
    assert [event.detail for event in rows(ledger, t.events) if event.kind is EventKind.COMMENTED] == [
        {"text": "Thank you"}
    ]
    assert client.get(links(page)[0], headers=NAVIGATION).headers["location"] == GOOGLE
    assert kinds(ledger)[-1] == (EventKind.PLATFORM_CHOSEN, Evidence.HUMAN)


@pytest.mark.both_databases
@pytest.mark.usefixtures("asked")
def test_a_link_that_leads_straight_on_has_no_page_and_a_person_in_a_browser_has_chosen(
    client: Client, ledger: Ledger
) -> None:
    ask_for(ledger, PageMode.DIRECT, platform="google")
    answer = client.get(f"{REVIEW}?url=https://evil.example", headers=NAVIGATION)
    assert (answer.status_code, answer.headers["location"], answer.text) == (302, GOOGLE, "")
    assert kinds(ledger) == [(EventKind.PLATFORM_CHOSEN, Evidence.HUMAN)]
    settle_clicks(ledger, now=ledger.policy_now().replace(year=2100))
    assert {row.status for row in rows(ledger, t.invitations)} == {InvitationStatus.ANSWERED}


def crawl(client: Client, agent: str) -> Iterator[str]:
    """Every link of the message and of the pages behind it; an honest scanner asks for headers as well."""
    seen, waiting = set(), [REVIEW, LEAVE, f"/o/{LINK}.gif"]
    while waiting:
        path = waiting.pop(0)
        seen.add(path)
        yield path
        found = client.get(path, agent=agent).text
        if agent == SCANNER:
            client("HEAD", path, agent=agent)
        waiting += [link for link in re.findall(r'(?:href|src|action)="(/[^"]+)"', found) if link not in seen]


@pytest.mark.parametrize("mode", list(PageMode))
@pytest.mark.parametrize("agent", [SCANNER, PHONE])
def test_a_scanner_chooses_nothing_and_ends_nothing_however_slowly_it_goes(
    client: Client, ledger: Ledger, asked: Asked, mode: PageMode, agent: str
) -> None:
    ask_for(ledger, mode, platform="google" if mode is PageMode.DIRECT else None)
    with ledger.write() as c:
        c.execute(t.policies.update().values(rules={"stop_when": ["scored", "platform_chosen", "clicked"]}))
        c.execute(t.requests.update().values(handed_at=ledger.policy_now() - timedelta(days=2)))
    for _ in crawl(client, agent):
        with ledger.write() as c:  # an hour goes by before the next link
            for event in c.execute(sa.select(t.events.c.event_id, t.events.c.occurred_at)).all():
                moved = t.events.update().where(t.events.c.event_id == event.event_id)
                c.execute(moved.values(occurred_at=event.occurred_at - timedelta(hours=1)))
    settle_clicks(ledger, now=ledger.policy_now().replace(year=2100))
    assert rows(ledger, t.scores) == rows(ledger, t.suppressions) == []
    assert {row.status for row in rows(ledger, t.invitations)} == {InvitationStatus.ACTIVE}
    assert EventKind.PLATFORM_CHOSEN not in {kind for kind, _ in kinds(ledger)}
    assert Evidence.HUMAN not in {evidence for _, evidence in kinds(ledger)}
    assert asked.request_id


@pytest.mark.usefixtures("asked")
@pytest.mark.parametrize("change", [{"is_visible": False}, {"slug": "renamed"}, {"url": "javascript:alert(1)"}])
def test_where_the_one_platform_is_gone_the_link_leads_to_a_page(
    client: Client, ledger: Ledger, change: dict[str, Any]
) -> None:
    ask_for(ledger, PageMode.DIRECT, platform="google")
    with ledger.write() as c:
        c.execute(t.platforms.update().where(t.platforms.c.slug == "google").values(**change))
    page = client.get(REVIEW)
    assert page.status_code == 200
    assert "Facebook" in page.text


@pytest.mark.usefixtures("asked")
@pytest.mark.parametrize(
    ("mode", "query", "shown"),
    [
        (PageMode.SCORE, "?score=9", "9 out of 10"),
        (PageMode.SCORE, "?score=0", "0 out of 10"),
        (PageMode.STARS, "?stars=5", "5 stars"),
        (PageMode.SCORE, "?score=11", None),
        (PageMode.SCORE, "?stars=5", None),
        (PageMode.STARS, "?score=9", None),
        (PageMode.STARS, "?stars=<script>", None),
    ],
)
def test_an_answer_pressed_in_the_mail_waits_to_be_confirmed(
    client: Client, ledger: Ledger, mode: PageMode, query: str, shown: str | None
) -> None:
    ask_for(ledger, mode)
    page = client.get(REVIEW + query).text
    assert (ENGLISH.chosen in page) == bool(shown)
    assert "<script" not in page
    if shown:
        assert ENGLISH.confirm.format(answer=shown) in page
    assert rows(ledger, t.scores) == []


@pytest.mark.usefixtures("asked")
def test_a_page_speaks_the_customers_language_then_the_browsers_then_the_locations(
    client: Client, ledger: Ledger
) -> None:
    def language(path: str, accepted: str | None = None) -> str:
        page = client.get(path, headers={"accept-language": accepted} if accepted else {}).text
        return "".join(re.findall(r'<html lang="([^"]+)"', page))

    ask_for(ledger, PageMode.SCORE, language="ja")
    assert [language(path) for path in (REVIEW, LEAVE)] == ["ja", "ja"]
    assert [language(path, "pl,en;q=0.5") for path in (REVIEW, LEAVE)] == ["pl", "pl"]
    with ledger.write() as c:
        c.execute(t.customers.update().values(locale="ar-EG"))
    assert [language(path, "pl,en;q=0.5") for path in (REVIEW, LEAVE)] == ["ar", "ar"]


def test_an_account_may_name_every_language_that_pages_are_written_in() -> None:
    assert {name.partition("_")[0] for name in languages()} == set(PAGE_LANGUAGES)


def test_a_locations_logo_stands_inside_its_pages_and_a_new_one_at_once(
    client: Client, ledger: Ledger, asked: Asked
) -> None:
    shown = []
    for content in (b"first", b"second", b"second"):
        with ledger.write() as c:
            picture = KeptPicture("image/png", 2, 1, content)
            apply_logo(Changes(c, asked.world.account_id), asked.world.chicago, "chicago", picture)
        shown.append([re.findall(r'src="(data:[^"]+)"', client.get(path).text) for path in (REVIEW, LEAVE)])
    first, second = (f"data:image/png;base64,{encoded}" for encoded in ("Zmlyc3Q=", "c2Vjb25k"))
    assert shown == [[[first]] * 2, [[second]] * 2, [[second]] * 2]


@pytest.mark.usefixtures("asked")
def test_a_forwarded_link_and_the_back_button_change_nothing_that_counts(client: Client, ledger: Ledger) -> None:
    first = client.post(REVIEW, {"score": "8"})
    pages = [client.get(first.headers["location"]).text, client.get(REVIEW).text, client.get(f"{REVIEW}?score=1").text]
    assert all(one == other for one, other in pairwise(pages))
    client.post(REVIEW, {"score": "1"})
    (given,) = rows(ledger, t.scores)
    assert given.score == 8
    assert [event.score for event in rows(ledger, t.events) if event.kind is EventKind.SCORED] == [8, 1]
