"""The sandbox's WhatsApp: templates judged by rule, messages by template, read receipts."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from pydantic import SecretStr

from connectors import Accepted, Message, PermanentFailure, TemplateRefused, TemplateText
from connectors.sandbox import template_rules
from connectors.twilio.content import TwilioContent, as_content
from connectors.twilio.messenger import TwilioMessenger
from connectors.twilio.settings import TwilioSettings
from data.words import Channel, TemplateApproval, TemplateCategory
from tests.connectors.samples import twilio_settings
from tests.connectors.server import Answer, Received, stub
from tests.sandbox import TWILIO_FROM, TWILIO_SID, TWILIO_TOKEN, Sandbox, running_sandbox
from tests.specs import Exchange, judge
from tests.waiting import wait_until

FROM = "+13125550199"
LINK = "https://reviews.example/r/Zm9v"
TEXT = TemplateText(
    name="ask", language="en", text="Hi {{1}}, how was your visit? https://reviews.example/r/{{2}} Thank you.",
    samples={"1": "Ana", "2": "Zm9v"}, button_text="Hi {{1}}, how was your visit?", button_title="Tell us",
    button_address="https://reviews.example/r/{{2}}",
)  # fmt: skip


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    env = {"TWILIO_WHATSAPP_FROM": FROM}
    with running_sandbox(tmp_path_factory.mktemp("sandbox"), pace=0.02, idle=False, env=env) as started:
        yield started


def settings(url: str) -> TwilioSettings:
    return twilio_settings(
        url, account_sid=TWILIO_SID, auth_token=SecretStr(TWILIO_TOKEN), sender=TWILIO_FROM, whatsapp_from=FROM
    )


def message(template_id: str, to: str = "+13125550140", **values: Any) -> Message:
    given = {"template_id": template_id, "template_values": {"1": "Ana", "2": "Zm9v"}, **values}
    return Message("a1", Channel.WHATSAPP, to, f"Hi Ana {LINK}", LINK, **given)


def approved(sandbox: Sandbox, name: str, category: TemplateCategory = TemplateCategory.UTILITY) -> str:
    desk = TwilioContent(settings(sandbox.url))
    sid = desk.create(TEXT)
    desk.submit(sid, name, category)
    wait_until(lambda: standing(sandbox, sid) is TemplateApproval.APPROVED, what="Meta's approval")
    return sid


def standing(sandbox: Sandbox, sid: str) -> TemplateApproval:
    return {one.provider_template_id: one.approval for one in TwilioContent(settings(sandbox.url)).read()}[sid]


def sent(sandbox: Sandbox, one: Message) -> dict[str, Any]:
    """What became of a message."""
    outcome = TwilioMessenger(settings(sandbox.url)).send(one)
    assert isinstance(outcome, Accepted)
    sandbox.wait_until_quiet()
    answer = requests.get(
        f"{sandbox.twilio}/Messages/{outcome.provider_message_id}.json", auth=sandbox.twilio_auth, timeout=10
    )
    return dict(answer.json())


@pytest.mark.slow
def test_a_template_is_approved_after_a_while_and_its_messages_arrive_and_are_read(sandbox: Sandbox) -> None:
    """Everything through a stub that remembers, to be judged by Twilio's own file."""
    with stub() as it:

        def pass_on(request: Received) -> Answer:
            headers = {k: v for k, v in request.headers.items() if k not in ("connection", "content-length")}
            answer = requests.request(
                request.method, sandbox.url + request.target, headers=headers, data=request.body or None, timeout=10
            )
            return Answer(answer.status_code, answer.content, {"Date": answer.headers["Date"]})

        it.answer = pass_on
        desk = TwilioContent(settings(it.url))
        sid = desk.create(TEXT)
        assert desk.submit(sid, "ask_passed_on", TemplateCategory.UTILITY).approval is TemplateApproval.PENDING
        wait_until(lambda: standing(sandbox, sid) is TemplateApproval.APPROVED, what="Meta's approval")
        desk.read()
        for path in (f"/v1/Content/{sid}", f"/v1/Content/{sid}/ApprovalRequests", "/v1/Content?PageSize=1"):
            requests.get(it.url + path, auth=(TWILIO_SID, TWILIO_TOKEN), timeout=10).raise_for_status()
        exchanges = [Exchange(r.method, r.target, r.headers, r.body, a.status, a.content) for r, a in it.exchanges]
        assert judge("twilio-content", exchanges) == []
    ended = [sent(sandbox, message(sid, to=f"+1312555017{digit}")) for digit in range(5)]
    assert {one["status"] for one in ended} <= {"read", "delivered"}
    assert "read" in {one["status"] for one in ended}
    assert ended[0]["body"] == f"Hi Ana, how was your visit?\n\n{LINK}"


@pytest.mark.slow
def test_messages_by_a_template_that_is_not_approved_now_fail_with_twilios_code(sandbox: Sandbox) -> None:
    sid = approved(sandbox, "ask_taken_away")
    for status, code in (("paused", 63041), ("disabled", 63042), ("rejected", 63040), ("unsubmitted", 63016)):
        sandbox.post("/_sandbox/templates", {"sid": sid, "status": status})
        assert (sent(sandbox, message(sid))["status"], sent(sandbox, message(sid))["error_code"]) == ("failed", code)
    sandbox.post("/_sandbox/templates", {"sid": sid, "status": "approved"})
    few = sent(sandbox, message(sid, template_values={"1": "Ana"}))
    broken = sent(sandbox, message(sid, template_values={"1": "A\nB", "2": "Zm9v"}))
    assert (few["error_code"], broken["error_code"]) == (63028, 63013)


@pytest.mark.slow
def test_marketing_reaches_no_north_american_number_and_utility_that_sells_is_marketing(sandbox: Sandbox) -> None:
    marketing = approved(sandbox, "ask_marketing", TemplateCategory.MARKETING)
    assert sent(sandbox, message(marketing))["error_code"] == 63049
    assert sent(sandbox, message(marketing, to="+442079460018"))["error_code"] is None
    types = {"twilio/text": {"body": "Hi {{1}}, thank you. Here is an offer for you."}}
    assert template_rules.category_of("UTILITY", types) == "MARKETING"
    assert template_rules.category_of("UTILITY", as_content(TEXT)["types"]) == "UTILITY"


@pytest.mark.slow
def test_a_template_that_does_not_exist_or_a_name_that_does_is_refused_at_once(sandbox: Sandbox) -> None:
    outcome = TwilioMessenger(settings(sandbox.url)).send(message("HX" + "f" * 32))
    assert isinstance(outcome, PermanentFailure)
    assert outcome.code == "21655"
    approved(sandbox, "ask_named")
    desk = TwilioContent(settings(sandbox.url))
    for name in ("ask_named", "Ask-Named"):
        with pytest.raises(TemplateRefused, match="name"):
            desk.submit(desk.create(TEXT), name, TemplateCategory.UTILITY)


@pytest.mark.slow
def test_a_restart_forgets_no_template(tmp_path: Path) -> None:
    with running_sandbox(tmp_path, pace=0.02) as first:
        sid = approved(first, "ask_kept")
    with running_sandbox(tmp_path, pace=0.02) as again:
        assert standing(again, sid) is TemplateApproval.APPROVED


def body(text: str, samples: dict[str, str] | None = None) -> str | None:
    return template_rules.judge({"twilio/text": {"body": text}}, samples or {"1": "Ana", "2": "Acme"})


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("Hi {{1}}, thank you for coming to {{2}} the other day.", None),
        ("Hi, thank you.", None),
        ("{{1}}, thank you for coming.", "start or end"),
        ("Thank you for coming, {{1}}", "start or end"),
        ("Thank you for coming to us {{1}} {{2}} the other day.", "side by side"),
        ("Hi {{1}} and {{2}} bye", "too many variables"),
        ("Hi {{1}}, thank you for coming to {{3}} the other day.", "without a gap"),
        ("Hi {{name}}, thank you for coming the other day.", "numbers"),
        ("x" * 1025, "1024 characters"),
        ("", "characters"),
    ],
)
def test_meta_rejects_by_its_own_rules(text: str, why: str | None) -> None:
    assert (why or "") in (body(text) or "")
    assert (body(text) is None) is (why is None)


def test_meta_wants_a_sample_for_each_value_and_a_buttons_value_at_the_end_of_its_address() -> None:
    assert "sample" in (body("Hi {{1}}, thank you for coming.", {"2": "x"}) or "")
    for url, is_good in (
        ("https://x.example/{{1}}", True),
        ("https://{{1}}/r", False),
        ("https://x.example/{{1}}/r", False),
    ):
        action = {"type": "URL", "title": "Open", "url": url}
        types = {"twilio/call-to-action": {"body": "How was it?", "actions": [action]}}
        assert (template_rules.judge(types, {"1": "Zm9v"}) is None) is is_good
