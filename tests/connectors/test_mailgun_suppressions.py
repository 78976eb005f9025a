"""Mailgun's lists: read whole, added to in batches, single entries taken out, and nothing said of anybody."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors import AccountStopped, Listed, Unavailable
from connectors.mailgun_suppressions import MailgunSuppressions
from data.words import SuppressionReason
from tests.connectors.samples import DOMAIN, mailgun_settings
from tests.connectors.server import PATIENT, Answer, Received, Stub, stub
from tests.world import NOON

WRITTEN = "Thu, 11 Dec 2025 01:49:40 UTC"
MOMENT = datetime(2025, 12, 11, 1, 49, 40, tzinfo=UTC)
UNSUBSCRIBES = f"/v3/{DOMAIN}/unsubscribes"


@pytest.fixture
def it() -> Iterator[Stub]:
    with stub() as started:
        yield started


def lists(it: Stub) -> MailgunSuppressions:
    return MailgunSuppressions(mailgun_settings(it.url), PATIENT)


def paged(it: Stub, **pages: list[list[dict[str, Any]]]) -> None:
    """Lists as Mailgun pages them: links with a query, `next` never absent, the empty page last."""

    def answer(request: Received) -> Answer:
        name = request.path.rpartition("/")[2]
        number = int(request.query.get("address", ["0"])[0])
        items = pages.get(name, [])[number : number + 1]
        link = f"{it.url}{request.path}?page=next&address={number + 1}&limit=1000"
        return Answer(200, {"items": items[0] if items else [], "paging": {"next": link}})

    it.answer = answer


def item(address: str, **values: Any) -> dict[str, Any]:
    return {"address": address, "created_at": WRITTEN, **values}


def test_the_three_lists_are_read_to_their_ends_in_our_words(it: Stub) -> None:
    paged(
        it,
        bounces=[[item("dead@example.com", code="550", error="No such mailbox")]],
        unsubscribes=[[item("ana@example.com", tags=["*"])], [item("bo@example.com", tags=["newsletter"])]],
        complaints=[[item("cy@example.com")]],
    )
    assert list(lists(it).read()) == [
        Listed("dead@example.com", SuppressionReason.UNDELIVERABLE, MOMENT),
        Listed("ana@example.com", SuppressionReason.UNSUBSCRIBED, MOMENT),
        Listed("bo@example.com", SuppressionReason.UNSUBSCRIBED, MOMENT, is_for_all_mail=False),
        Listed("cy@example.com", SuppressionReason.COMPLAINED, MOMENT),
    ]
    assert it.received[0].query == {"limit": ["1000"]}


def test_a_last_page_that_leads_to_itself_is_an_end(it: Stub) -> None:
    link = f"{it.url}{UNSUBSCRIBES}?page=last"
    it.answer = lambda _: Answer(200, {"items": [item("ana@example.com")], "paging": {"next": link}})
    assert len(list(lists(it).read())) == 3  # once a list


def test_an_entry_that_cannot_be_read_stops_no_other_and_a_date_that_is_none_is_not_made_up(it: Stub) -> None:
    odd = [{"address": 7}, item("ana@example.com", created_at="soon"), item("bo@example.com", created_at=None)]
    never = item("cy@example.com", created_at="Mon, 01 Jan 0001 00:00:00 UTC")
    paged(it, complaints=[[*odd, never]])
    assert [(e.address, e.listed_at) for e in lists(it).read()] == [
        ("ana@example.com", None), ("bo@example.com", None), ("cy@example.com", None),
    ]  # fmt: skip


def test_addresses_are_added_in_batches_below_a_thousand_each_since_its_own_moment(it: Stub) -> None:
    it.answer = lambda _: Answer(200, {"message": "added"})
    assert lists(it).add([(f"n{n}@example.com", NOON) for n in range(1500)]) == 1500
    bodies = [json.loads(request.body) for request in it.received]
    assert [len(body) for body in bodies] == [999, 501]
    assert bodies[0][0] == {
        "address": "n0@example.com", "tags": ["*"], "created_at": "Mon, 23 Nov 2026 18:00:00 UTC",
    }  # fmt: skip
    assert {(r.method, r.path, r.headers["content-type"]) for r in it.received} == {
        ("POST", UNSUBSCRIBES, "application/json")
    }


def test_an_address_that_mailgun_does_not_take_keeps_no_other_out(it: Stub) -> None:
    def answer(request: Received) -> Answer:
        is_bad = any(row["address"] == "bad@" for row in json.loads(request.body))
        return Answer(400, {"message": "bad@ is not valid"}) if is_bad else Answer(200, {"message": "added"})

    it.answer = answer
    given = ["a@example.com", "b@example.com", "bad@", "d@example.com"]
    assert lists(it).add([(address, NOON) for address in given]) == 3


def test_an_entry_is_taken_off_its_own_list_and_one_that_is_gone_is_no_fault(it: Stub) -> None:
    it.answer = lambda _: Answer(404, {"message": "Address not found in bounces table"})
    lists(it).remove(Listed("ana+1/2@example.com", SuppressionReason.UNDELIVERABLE, MOMENT))
    (request,) = it.received
    assert (request.method, request.target) == ("DELETE", f"/v3/{DOMAIN}/bounces/ana%2B1%2F2%40example.com")


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_is_the_accounts_fault(it: Stub, status: int) -> None:
    it.answer = lambda _: Answer(status, "Forbidden")
    entry = Listed("ana@example.com", SuppressionReason.COMPLAINED, MOMENT)
    with pytest.raises(AccountStopped):
        list(lists(it).read())
    with pytest.raises(AccountStopped):
        lists(it).add([("ana@example.com", NOON)])
    with pytest.raises(AccountStopped):
        lists(it).remove(entry)


@pytest.mark.parametrize("answer", [Answer(500), Answer(429, {"message": "limit exceeded"}), Answer(resets=True)])
def test_whatever_is_unclear_is_left_to_the_next_pass_and_names_nobody(it: Stub, answer: Answer) -> None:
    it.answer = lambda _: answer
    for call in (
        lambda: list(lists(it).read()),
        lambda: lists(it).add([("ana@example.com", NOON)]),
        lambda: lists(it).remove(Listed("ana@example.com", SuppressionReason.COMPLAINED, MOMENT)),
    ):
        with pytest.raises(Unavailable) as caught:
            call()
        assert "ana" not in str(caught.value)


def test_an_unknown_domain_is_not_taken_for_success(it: Stub) -> None:
    it.answer = lambda _: Answer(404, {"message": "Domain not found"})
    with pytest.raises(Unavailable, match="MAILGUN_DOMAIN"):
        lists(it).add([("ana@example.com", NOON)])
