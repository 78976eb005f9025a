"""The sandbox as Mailgun: its lists of bounces, unsubscribes and complaints, read and changed by our own connector."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from pydantic import SecretStr

from connectors import AccountStopped, Listed
from connectors.mailgun import MailgunMessenger
from connectors.mailgun_suppressions import MailgunSuppressions
from data.words import SuppressionReason
from tests.connectors.samples import mail_message, mailgun_settings
from tests.connectors.server import Answer, Received, Stub, stub
from tests.sandbox import MAILGUN_DOMAIN, MAILGUN_KEY, Sandbox, running_sandbox
from tests.specs import Exchange, judge

pytestmark = pytest.mark.slow  # starts processes

# Where Mailgun's file is at odds with its own examples: paging words required of every read, no word for the place
# that the links of bounces name, and dates called objects.
_FILES_OWN_FAULTS = re.compile(
    r"request: MissingRequiredParameter$|bounces 200, request: unknown name address$"
    r"|InvalidSchemaValue: (; )?('\w{3}, \d\d \w{3} \d{4} [\d:]{8} UTC' is not of type 'object'(; )?)+$"
)


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with running_sandbox(tmp_path_factory.mktemp("sandbox"), pace=0.02) as it:
        yield it


@pytest.fixture
def between(sandbox: Sandbox) -> Iterator[Stub]:
    """A stub that passes everything on and remembers it."""

    def pass_on(request: Received) -> Answer:
        headers = {k: v for k, v in request.headers.items() if k not in ("connection", "content-length", "host")}
        answer = requests.request(
            request.method, sandbox.url + request.target, headers=headers, data=request.body or None, timeout=10
        )
        return Answer(answer.status_code, answer.content.replace(sandbox.url.encode(), it.url.encode()))

    with stub() as it:
        it.answer = pass_on
        yield it


def lists(url: str, key: str = MAILGUN_KEY) -> MailgunSuppressions:
    return MailgunSuppressions(mailgun_settings(url, api_key=SecretStr(key), domain=MAILGUN_DOMAIN))


def entries(sandbox: Sandbox, address: str) -> list[Listed]:
    return [entry for entry in lists(sandbox.url).read() if entry.address == address]


def mail(sandbox: Sandbox, to: str) -> None:
    settings = mailgun_settings(sandbox.url, api_key=SecretStr(MAILGUN_KEY), domain=MAILGUN_DOMAIN)
    MailgunMessenger(settings).send(mail_message(to=to))
    sandbox.wait_until_quiet()


def failures(sandbox: Sandbox, recipient: str) -> list[Any]:
    query = {"ascending": "yes", "recipient": recipient, "event": "failed"}
    answer = requests.get(f"{sandbox.mailgun}/events", query, auth=sandbox.mailgun_auth, timeout=10).json()
    return [(event["reason"], event["delivery-status"]["code"]) for event in answer["items"]]


def test_what_happens_to_mails_puts_addresses_on_the_lists(sandbox: Sandbox) -> None:
    before = datetime.now(UTC) - timedelta(seconds=2)
    mail(sandbox, "bounce.1@example.com")
    for name, event in (("gone", "unsubscribed"), ("angry", "complained")):
        mail(sandbox, f"{name}@example.com")
        sandbox.post("/_sandbox/events", {"recipient": f"{name}@example.com", "event": event})
    found = {entry.address: entry for entry in lists(sandbox.url).read()}
    assert {address: entry.reason for address, entry in found.items()} == {
        "bounce.1@example.com": SuppressionReason.UNDELIVERABLE, "gone@example.com": SuppressionReason.UNSUBSCRIBED,
        "angry@example.com": SuppressionReason.COMPLAINED,
    }  # fmt: skip
    assert all(entry.listed_at and before < entry.listed_at <= datetime.now(UTC) for entry in found.values())
    assert all(entry.is_for_all_mail for entry in found.values())


def test_an_address_we_add_is_accepted_and_then_not_attempted_until_it_is_taken_off(sandbox: Sandbox) -> None:
    address, since = "said.no@example.com", datetime(2026, 11, 20, 17, 30, tzinfo=UTC)
    assert lists(sandbox.url).add([(address, since)]) == 1
    (entry,) = entries(sandbox, address)
    assert entry == Listed(address, SuppressionReason.UNSUBSCRIBED, since)
    mail(sandbox, address)
    assert failures(sandbox, address) == [("suppress-unsubscribe", 606)]
    lists(sandbox.url).remove(entry)
    lists(sandbox.url).remove(entry)  # not there any more: no fault
    assert entries(sandbox, address) == []
    mail(sandbox, address)
    assert len(failures(sandbox, address)) == 1


def test_an_unsubscribe_from_another_tag_lets_our_mail_pass_until_it_is_for_everything(sandbox: Sandbox) -> None:
    address = "tagged@example.com"
    form = {"address": address, "tags": "newsletter"}
    told = requests.post(f"{sandbox.mailgun}/unsubscribes", form, auth=sandbox.mailgun_auth, timeout=10)
    assert told.status_code == 200
    assert [entry.is_for_all_mail for entry in entries(sandbox, address)] == [False]
    mail(sandbox, address)
    assert failures(sandbox, address) == []
    lists(sandbox.url).add([(address, datetime(2026, 11, 20, tzinfo=UTC))])
    assert [entry.is_for_all_mail for entry in entries(sandbox, address)] == [True]


def test_pages_show_every_address_once_in_order_and_end_with_an_empty_one(sandbox: Sandbox) -> None:
    lists(sandbox.url).add([(f"page{n}@example.com", datetime(2026, 11, 20, tzinfo=UTC)) for n in range(5)])
    address, found = f"{sandbox.mailgun}/unsubscribes?limit=2&term=page", []
    while items := (page := requests.get(address, auth=sandbox.mailgun_auth, timeout=10).json())["items"]:
        found += [item["address"] for item in items]
        address = f"{page['paging']['next']}&term=page"
    assert found == [f"page{n}@example.com" for n in range(5)]
    query = {"limit": "2", "term": "page", "page": "last"}
    last = requests.get(f"{sandbox.mailgun}/unsubscribes", query, auth=sandbox.mailgun_auth, timeout=10).json()
    assert [item["address"] for item in last["items"]] == ["page3@example.com", "page4@example.com"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ([{"address": f"n{n}@example.com"} for n in range(1000)], "less than 1000"),
        ([{"address": "nobody"}], "not valid"), ({"address": "a@example.com"}, "cannot be read"),
        ([{"address": "a@example.com", "created_at": "soon"}], "cannot be read"),
    ],
)  # fmt: skip
def test_a_batch_is_taken_whole_or_refused_in_mailguns_words(sandbox: Sandbox, body: Any, words: str) -> None:
    told = requests.post(f"{sandbox.mailgun}/unsubscribes", json=body, auth=sandbox.mailgun_auth, timeout=10)
    assert told.status_code == 400
    assert words in told.json()["message"]


def test_a_stranger_is_refused_and_another_domain_not_found(sandbox: Sandbox) -> None:
    with pytest.raises(AccountStopped):
        list(lists(sandbox.url, "wrong").read())
    for method in ("GET", "POST", "DELETE"):
        path = "/v3/other.example/bounces" + ("/a@example.com" if method == "DELETE" else "")
        assert requests.request(method, sandbox.url + path, auth=sandbox.mailgun_auth, timeout=10).status_code == 404


def test_lists_outlive_a_restart(tmp_path: Path) -> None:
    with running_sandbox(tmp_path) as first:
        lists(first.url).add([("ana@example.com", datetime(2026, 11, 20, tzinfo=UTC))])
    with running_sandbox(tmp_path) as second:
        assert len(entries(second, "ana@example.com")) == 1


def test_what_is_asked_and_answered_is_as_mailguns_own_file_says(sandbox: Sandbox, between: Stub) -> None:
    mail(sandbox, "bounce.2@example.com")
    mine = lists(between.url)
    mine.add([("judged@example.com", datetime(2026, 11, 20, tzinfo=UTC))])
    found = {entry.address: entry for entry in mine.read()}
    mine.remove(found["judged@example.com"])
    mine.remove(found["bounce.2@example.com"])
    exchanges = [Exchange(r.method, r.target, r.headers, r.body, a.status, a.content) for r, a in between.exchanges]
    assert {e.method for e in exchanges} == {"GET", "POST", "DELETE"}
    faults = [fault for fault in judge("mailgun", exchanges) if not _FILES_OWN_FAULTS.search(fault)]
    assert faults == []
