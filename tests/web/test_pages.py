"""The customer's pages over HTTP, on both databases."""

import re
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa

from data.ledger import tables as t
from data.ledger.store import Ledger
from data.words import Channel, EventKind, Evidence, InvitationStatus
from invitations.evidence import Sign
from invitations.grading import settle_clicks
from tests.web.client import SCANNER, Client
from tests.web.conftest import LINK, UNSUBSCRIBE, Asked
from tests.world import make_customer, make_request

pytestmark = [pytest.mark.slow, pytest.mark.one_database]

HEAD, AGENT = Sign.HEAD.value, Sign.AGENT.value
NAVIGATION = {"sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
REVIEW, LEAVE = f"/r/{LINK}", f"/u/{UNSUBSCRIBE}"


def rows(ledger: Ledger, table: sa.Table) -> list[Any]:
    with ledger.read() as c:
        return list(c.execute(table.select().order_by(*table.primary_key.columns)).all())


def links(html: str) -> list[str]:
    return re.findall(r'<a href="([^"]+)"', html)


@pytest.mark.usefixtures("asked")
def test_the_review_page_asks_one_question_with_eleven_buttons(client: Client, ledger: Ledger) -> None:
    page = client.get(REVIEW)
    assert page.status_code == 200
    assert "How likely are you to recommend Acme Chicago to a friend?" in page.text
    assert re.findall(r'<button name="score" value="(\d+)"', page.text) == [str(score) for score in range(11)]
    (event,) = rows(ledger, t.events)
    assert (event.kind, event.evidence) == (EventKind.CLICKED, Evidence.UNKNOWN)


def test_every_score_leads_to_the_same_page(client: Client, ledger: Ledger, asked: Asked) -> None:
    pages = []
    for score in range(11):
        token = f"score-{score}"
        make_request(ledger, asked.world, make_customer(ledger, asked.world), link_token=token)
        answer = client.post(f"/r/{token}", {"score": str(score)})
        assert answer.status_code == 303
        page = client.get(answer.headers["location"])
        assert len(links(page.text)) == 2
        pages.append(page.text.replace(token, "token"))
    assert len(set(pages)) == 1
    with ledger.read() as c:
        assert sorted(c.execute(sa.select(t.scores.c.score)).scalars()) == list(range(11))


@pytest.mark.usefixtures("asked")
def test_the_page_never_tells_what_was_scored_or_who_the_customer_is(client: Client) -> None:
    client.post(REVIEW, {"score": "3", "comment": "A quiet word"})
    page = client.get(REVIEW).text
    for secret in ("A quiet word", "Ana", "Ruiz", "ana@example.com", "5550100", "value="):
        assert secret not in page


@pytest.mark.both_databases
@pytest.mark.usefixtures("asked")
def test_a_score_and_a_private_message_by_form(client: Client, ledger: Ledger) -> None:
    client.get(REVIEW)
    first = client.post(REVIEW, {"score": "9"})
    client.get(first.headers["location"])
    second = client.post(REVIEW, {"comment": "Lovely <b>staff</b>"})
    page = client.get(second.headers["location"]).text
    assert "Your message is on its way" in page
    (score,) = rows(ledger, t.scores)
    assert (score.score, score.comment) == (9, "Lovely <b>staff</b>")
    assert [event.kind for event in rows(ledger, t.events)] == [
        EventKind.CLICKED,
        EventKind.SCORED,
        EventKind.COMMENTED,
    ]


@pytest.mark.usefixtures("asked")
@pytest.mark.parametrize("form", [{"score": "11"}, {"score": "-1"}, {"score": "five"}, {"score": "٥"}, {}, {"x": "1"}])
def test_anything_but_zero_to_ten_is_asked_again(client: Client, ledger: Ledger, form: dict[str, str]) -> None:
    answer = client.post(REVIEW, form)
    assert answer.status_code == 400
    assert "Please choose a number from 0 to 10" in answer.text
    assert rows(ledger, t.scores) == []


@pytest.mark.usefixtures("asked")
def test_a_platform_is_reached_by_its_stored_address_only(client: Client, ledger: Ledger) -> None:
    client.post(REVIEW, {"score": "1"})
    for link in links(client.get(REVIEW).text):
        answer = client.get(f"{link}?url=https://evil.example&next=//evil.example")
        assert answer.status_code == 302
        assert urlsplit(answer.headers["location"]).hostname in {"google.example", "facebook.example"}
        assert "evil" not in answer.headers["location"]
    chosen = [event for event in rows(ledger, t.events) if event.kind is EventKind.PLATFORM_CHOSEN]
    assert [event.evidence for event in chosen] == [Evidence.HUMAN] * 2


@pytest.mark.usefixtures("asked")
@pytest.mark.parametrize(
    "number", ["0", "99999", "9" * 400, "-1", "1e3", "٥", "%00", "https:%2F%2Fevil.example", "1%0d%0aX-Evil:%201"]
)
def test_no_other_way_out_exists(client: Client, number: str) -> None:
    answer = client.get(f"{REVIEW}/p/{number}")
    assert answer.status_code == 404
    assert "location" not in answer.headers


@pytest.mark.usefixtures("asked")
@pytest.mark.parametrize(
    "token", ["unknown", "x" * 24, "x" * 5000, "%00", "a%00b", "%ff", "..%2f..", "' or 1=1 --", "ł" * 5, "{{7*7}}"]
)
def test_an_unknown_token_gets_a_kind_page_and_nothing_to_learn(client: Client, ledger: Ledger, token: str) -> None:
    pages = {client.get(f"/{kind}/{token}").text for kind in ("r", "u")}
    pages |= {client.post(f"/r/{token}", {"score": "5"}).text, client.post(f"/u/{token}").text}
    assert len(pages) == 1
    assert "This page isn’t here" in pages.pop()
    assert client.get(f"/r/{token}").status_code == client.post(f"/u/{token}").status_code == 404
    assert rows(ledger, t.events) == rows(ledger, t.suppressions) == []


@pytest.mark.usefixtures("asked")
def test_a_run_out_link_looks_like_an_unknown_one(client: Client, ledger: Ledger) -> None:
    with ledger.write() as c:
        c.execute(t.requests.update().values(handed_at=sa.literal(None), not_before=ledger.now(c).replace(year=2020)))
    assert client.get(REVIEW).text == client.get("/r/unknown").text
    assert client.get(LEAVE).status_code == 200


@pytest.mark.usefixtures("asked")
def test_the_pixel_notes_an_open_and_is_the_same_for_everybody(client: Client, ledger: Ledger) -> None:
    answers = [client.get(f"/o/{token}.gif") for token in (LINK, "unknown", "x" * 99)]
    assert {(answer.status_code, answer.content) for answer in answers} == {(200, answers[0].content)}
    assert answers[0].headers["content-type"] == "image/gif"
    (event,) = rows(ledger, t.events)
    assert (event.kind, event.evidence) == (EventKind.OPENED, Evidence.UNKNOWN)


@pytest.mark.both_databases
@pytest.mark.usefixtures("asked")
def test_a_scanner_that_fetches_everything_changes_nothing_that_matters(client: Client, ledger: Ledger) -> None:
    with ledger.read() as c:
        numbers = c.execute(sa.select(t.platforms.c.platform_id)).scalars().all()
    paths = [REVIEW, LEAVE, f"/o/{LINK}.gif", "/healthz", *(f"{REVIEW}/p/{number}" for number in numbers)]
    for agent in (SCANNER, "", "python-requests/2.32.3"):
        for path in paths:
            for method in ("HEAD", "GET", "OPTIONS", "GET"):
                client(method, path, agent=agent)
    assert rows(ledger, t.scores) == rows(ledger, t.suppressions) == []
    assert {row.status for row in rows(ledger, t.invitations)} == {InvitationStatus.ACTIVE}
    assert {event.evidence for event in rows(ledger, t.events)} == {Evidence.MACHINE}
    kept = [(event.kind, event.evidence_reason) for event in rows(ledger, t.events)]
    assert set(kept) == {(kind, sign) for kind in (EventKind.CLICKED, EventKind.OPENED) for sign in (HEAD, AGENT)}
    assert len(kept) == 10  # the page, two platforms, the pixel, the way out: each by HEAD and by GET, once a minute


@pytest.mark.usefixtures("asked")
def test_a_gateway_that_poses_as_a_browser_and_fetches_every_link_of_a_mail_is_a_machine(
    client: Client, ledger: Ledger
) -> None:
    with ledger.write() as c:
        c.execute(t.policies.update().values(rules={"stop_when": ["clicked"]}))
    for path in (f"/o/{LINK}.gif", REVIEW, LEAVE):
        client.get(path, headers=NAVIGATION)
    assert {(event.evidence, event.evidence_reason) for event in rows(ledger, t.events)} == {
        (Evidence.MACHINE, "all links at once")
    }
    settle_clicks(ledger, now=ledger.policy_now() + timedelta(hours=1))
    assert {row.status for row in rows(ledger, t.invitations)} == {InvitationStatus.ACTIVE}


@pytest.mark.both_databases
@pytest.mark.usefixtures("asked")
def test_a_person_who_clicks_and_does_not_score_stops_the_follow_ups_where_the_policy_says_so(
    client: Client, ledger: Ledger
) -> None:
    with ledger.write() as c:
        c.execute(t.policies.update().values(rules={"stop_when": ["clicked"]}))
    client.get(REVIEW, headers=NAVIGATION)
    (event,) = rows(ledger, t.events)
    assert (event.evidence, event.evidence_reason) == (Evidence.HUMAN, "opened in a browser")
    assert {row.status for row in rows(ledger, t.invitations)} == {InvitationStatus.ACTIVE}
    settle_clicks(ledger, now=ledger.policy_now() + timedelta(seconds=10))
    assert {row.status for row in rows(ledger, t.invitations)} == {InvitationStatus.ANSWERED}


@pytest.mark.usefixtures("asked")
def test_no_address_and_no_browser_of_a_visitor_is_kept(client: Client, ledger: Ledger) -> None:
    client.get(REVIEW, headers={"x-forwarded-for": "8.8.8.8"})
    client.get(LEAVE, agent=SCANNER)
    kept = str([tuple(event) for event in rows(ledger, t.events)])
    assert not any(secret in kept for secret in ("8.8.8.8", "Mozilla", "BingPreview"))


@pytest.mark.usefixtures("asked")
@pytest.mark.parametrize("name", ["sec-purpose", "purpose"])
def test_a_page_that_a_browser_fetches_ahead_is_no_click_of_a_person(client: Client, ledger: Ledger, name: str) -> None:
    client.get(REVIEW, headers=NAVIGATION | {name: "prefetch"})
    (event,) = rows(ledger, t.events)
    assert (event.evidence, event.evidence_reason) == (Evidence.MACHINE, "fetched ahead of the person")


@pytest.mark.usefixtures("asked")
def test_a_scanner_that_poses_as_a_browser_finds_no_platform_to_follow(client: Client, ledger: Ledger) -> None:
    seen: set[str] = set()
    waiting = [REVIEW, LEAVE]
    while waiting:
        path = waiting.pop()
        seen.add(path)
        waiting += [link for link in re.findall(r'(?:href|src)="([^"]+)"', client.get(path).text) if link not in seen]
    assert rows(ledger, t.scores) == rows(ledger, t.suppressions) == []
    assert {row.status for row in rows(ledger, t.invitations)} == {InvitationStatus.ACTIVE}


@pytest.mark.usefixtures("asked")
def test_who_asks_for_headers_only_is_a_machine_and_its_get_of_the_same_link_too(
    client: Client, ledger: Ledger
) -> None:
    for method in ("HEAD", "GET"):
        assert client(method, REVIEW, headers=NAVIGATION).status_code == 200
    assert [(event.evidence, event.evidence_reason) for event in rows(ledger, t.events)] == [
        (Evidence.MACHINE, HEAD),
        (Evidence.MACHINE, "all links at once"),
    ]


@pytest.mark.usefixtures("asked")
def test_head_ends_nothing_and_chooses_nothing(client: Client, ledger: Ledger) -> None:
    with ledger.write() as c:
        c.execute(t.policies.update().values(rules={"stop_when": ["platform_chosen", "clicked"]}))
        platform = c.execute(sa.select(sa.func.min(t.platforms.c.platform_id))).scalar_one()
    for path, status in ((REVIEW, 200), (LEAVE, 200), (f"{REVIEW}/p/{platform}", 302), (f"/o/{LINK}.gif", 200)):
        assert client("HEAD", path).status_code == status
    assert {event.evidence for event in rows(ledger, t.events)} == {Evidence.MACHINE}
    assert EventKind.PLATFORM_CHOSEN not in {event.kind for event in rows(ledger, t.events)}
    settle_clicks(ledger, now=ledger.policy_now() + timedelta(hours=1))
    assert {row.status for row in rows(ledger, t.invitations)} == {InvitationStatus.ACTIVE}


@pytest.mark.usefixtures("asked")
def test_looking_at_the_unsubscribe_page_unsubscribes_nobody(client: Client, ledger: Ledger) -> None:
    page = client.get(LEAVE)
    assert "Stop messages from Acme Dental?" in page.text
    assert 'value="everything" checked' in page.text
    assert rows(ledger, t.suppressions) == []
    (event,) = rows(ledger, t.events)  # they saw the message; that is no click
    assert (event.kind, event.evidence) == (EventKind.OPENED, Evidence.UNKNOWN)


@pytest.mark.both_databases
@pytest.mark.usefixtures("asked")
@pytest.mark.parametrize(
    "body",
    [
        {"data": {"List-Unsubscribe": "One-Click"}},
        {"files": {"List-Unsubscribe": (None, "One-Click")}},
        {"content": b""},
        {"content": b"List-Unsubscribe=One-Click", "headers": {"content-type": "text/plain"}},
    ],
    ids=["urlencoded", "multipart", "empty", "plain"],
)
def test_one_click_unsubscribes_from_everything_at_once(client: Client, ledger: Ledger, body: dict[str, Any]) -> None:
    for _ in range(2):
        answer = client("POST", LEAVE, agent="", **body)
        assert answer.status_code == 200
        assert "You won’t get more messages" in answer.text
    found = rows(ledger, t.suppressions)
    assert {row.channel for row in found} == {None}
    assert len(found) == 2  # the address and the number of one person
    (event,) = rows(ledger, t.events)
    assert event.detail == {"channel": None, "is_one_click": True}


@pytest.mark.usefixtures("asked")
def test_the_form_can_stop_one_channel(client: Client, ledger: Ledger) -> None:
    answer = client.post(LEAVE, {"scope": "channel"})
    assert "won’t send you text messages again" in answer.text
    assert {row.channel for row in rows(ledger, t.suppressions)} == {Channel.SMS}
    assert "Stop messages" in client.get(LEAVE).text
    client.post(LEAVE, {"scope": "everything"})
    assert "won’t ask you for a review again" in client.get(LEAVE).text


@pytest.mark.one_database
@pytest.mark.usefixtures("asked")
@pytest.mark.parametrize("body", [b"List-Unsubscribe=One-Click&x=\xff", b"x" * 70_000], ids=["no charset", "giant"])
def test_a_no_in_a_body_that_nobody_can_read_is_a_no_to_everything(client: Client, ledger: Ledger, body: bytes) -> None:
    answer = client("POST", LEAVE, content=body, headers={"content-type": "application/x-www-form-urlencoded"})
    assert answer.status_code == 200
    assert {row.channel for row in rows(ledger, t.suppressions)} == {None}


@pytest.mark.usefixtures("asked")
def test_a_body_too_large_is_refused_kindly(client: Client, ledger: Ledger) -> None:
    answer = client.post(REVIEW, {"score": "5", "comment": "x" * 70_000})
    assert answer.status_code == 413
    assert "too long" in answer.text
    assert rows(ledger, t.scores) == []


@pytest.mark.usefixtures("asked")
@pytest.mark.parametrize("body", [b"score=5&comment=%ff", b"\xff\xfe", b"&".join(b"a=1" for _ in range(50))])
def test_what_is_no_form_of_ours_is_refused_and_stored_nowhere(client: Client, ledger: Ledger, body: bytes) -> None:
    answer = client("POST", REVIEW, content=body, headers={"content-type": "application/x-www-form-urlencoded"})
    assert answer.status_code == 400
    assert rows(ledger, t.scores) == rows(ledger, t.events) == []


@pytest.mark.usefixtures("asked")
def test_names_of_the_business_are_shown_as_text(client: Client, ledger: Ledger) -> None:
    with ledger.write() as c:
        c.execute(t.locations.update().values(name="<script>alert(1)</script> {0} {{ 7*7 }} %s"))
        c.execute(t.accounts.update().values(name="A & <i>B</i>"))
    page = client.get(REVIEW).text
    assert "&lt;script&gt;alert(1)&lt;/script&gt; {0} {{ 7*7 }} %s" in page
    assert "<script" not in page
    assert "A &amp; &lt;i&gt;B" in client.get(LEAVE).text


def test_a_location_without_platforms_still_thanks(client: Client, ledger: Ledger, asked: Asked) -> None:
    with ledger.write() as c:
        c.execute(t.platforms.update().values(is_visible=False))
    client.post(REVIEW, {"score": "10"})
    page = client.get(REVIEW).text
    assert links(page) == []
    assert "Thank you for your answer" in page
