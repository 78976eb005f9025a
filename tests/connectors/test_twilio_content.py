"""Twilio's Content API: what is asked of it, and how its answers are read."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from connectors import AccountStopped, ConfigurationError, TemplateRefused, TemplateText, Unavailable
from connectors.twilio.content import TwilioContent
from data.words import TemplateApproval, TemplateCategory
from tests.connectors.samples import ACCOUNT, CONTENT_SID, twilio_error, twilio_settings
from tests.connectors.server import PATIENT, Answer, Received, Stub, stub
from tests.specs import Exchange, judge

TEXT = TemplateText(
    name="first_ask_en_0a1b2c3d", language="pt-BR", text="Oi {{1}}, conte: https://reviews.example/r/{{2}} Obrigado!",
    samples={"1": "Ana", "2": "Zm9vYmFyYmF6cXV4"}, button_text="Oi {{1}}, conte como foi. Obrigado!",
    button_title="Dar minha opinião", button_address="https://reviews.example/r/{{2}}",
)  # fmt: skip
APPROVED = {"status": "approved", "category": "MARKETING", "name": "x", "rejection_reason": ""}


@pytest.fixture
def it() -> Iterator[Stub]:
    with stub() as started:
        yield started


def desk(it: Stub, **values: Any) -> TwilioContent:
    return TwilioContent(twilio_settings(it.url, **values), PATIENT)


def content(sid: str = CONTENT_SID, **values: Any) -> dict[str, Any]:
    given = {
        "sid": sid, "account_sid": ACCOUNT, "friendly_name": "x", "language": "en", "variables": {"1": "Ana"},
        "types": {"twilio/text": {"body": "Hi {{1}}, well?"}}, "date_created": "2026-11-23T18:00:00Z",
        "date_updated": "2026-11-23T18:00:00Z",
    }  # fmt: skip
    return {**given, **values}


def listed(contents: list[dict[str, Any]], following: str | None = None) -> dict[str, Any]:
    page = "https://content.twilio.com/v1/ContentAndApprovals?PageSize=500&Page=0"
    meta = {"page": 0, "page_size": 500, "first_page_url": page, "url": page, "key": "contents",
            "previous_page_url": None, "next_page_url": following}  # fmt: skip
    return {"contents": contents, "meta": meta}


def answers(request: Received) -> Answer:
    if request.method == "GET":
        return Answer(200, listed([content(approval_requests=APPROVED)]))
    if request.path == "/v1/Content":
        return Answer(201, content())
    return Answer(201, {**APPROVED, "status": "received", "category": "UTILITY", "allow_category_change": True})


def test_a_template_is_made_with_a_button_beside_plain_text_and_submitted_as_twilios_own_file_says(it: Stub) -> None:
    it.answer = answers
    assert desk(it).create(TEXT) == CONTENT_SID
    standing = desk(it).submit(CONTENT_SID, TEXT.name, TemplateCategory.UTILITY)
    assert (standing.approval, standing.category) == (TemplateApproval.PENDING, TemplateCategory.UTILITY)
    desk(it).read()
    made, submitted, _ = it.received
    posted = json.loads(made.body)
    assert posted["language"] == "pt_BR"
    assert posted["types"]["twilio/call-to-action"]["actions"] == [
        {"type": "URL", "title": "Dar minha opinião", "url": "https://reviews.example/r/{{2}}"}
    ]
    assert submitted.path == f"/v1/Content/{CONTENT_SID}/ApprovalRequests/whatsapp"
    assert json.loads(submitted.body) == {"name": TEXT.name, "category": "UTILITY"}
    exchanges = [Exchange(r.method, r.target, r.headers, r.body, a.status, a.content) for r, a in it.exchanges]
    assert judge("twilio-content", exchanges) == []


@pytest.mark.parametrize(
    ("found", "approval", "category", "reason"),
    [
        ({"approval_requests": APPROVED}, "approved", "marketing", None),
        ({"approval_requests": {"whatsapp": APPROVED}}, "approved", "marketing", None),  # seen in the wild
        ({"approval_requests": {**APPROVED, "status": "received"}}, "pending", "marketing", None),
        ({"approval_requests": {"status": "rejected", "rejection_reason": "why"}}, "rejected", None, "why"),
        ({"approval_requests": {"status": "paused"}}, "paused", None, None),
        ({"approval_requests": {"status": "disabled"}}, "disabled", None, None),
        ({"approval_requests": {"status": "flagged", "category": "NEW"}}, "paused", None, "Twilio says: flagged"),
        ({"approval_requests": None}, "unsubmitted", None, None),
        ({}, "unsubmitted", None, None),
    ],
)
def test_every_spelling_of_an_approval_is_read_and_an_unknown_one_never_sends(
    it: Stub, found: dict[str, Any], approval: str, category: str | None, reason: str | None
) -> None:
    it.answer = lambda _request: Answer(200, listed([content(**found)]))
    [standing] = desk(it).read()
    assert (standing.approval, standing.category, standing.rejection_reason) == (approval, category, reason)
    assert standing.says == ("Hi {{1}}, well?",)


def test_a_list_is_read_to_its_end_through_the_address_that_stands_for_twilios(it: Stub) -> None:
    def pages(request: Received) -> Answer:
        if request.query["Page"] == ["1"] if "Page" in request.query else False:
            return Answer(200, listed([content("HX" + "2" * 32)]))
        return Answer(200, listed([content()], "https://content.twilio.com/v1/ContentAndApprovals?PageSize=500&Page=1"))

    it.answer = pages
    assert [standing.provider_template_id for standing in desk(it).read()] == [CONTENT_SID, "HX" + "2" * 32]


@pytest.mark.parametrize(
    "answer",
    [Answer(503), Answer(200, b"<html>"), Answer(200, {"contents": None}), Answer(429, twilio_error(429, 20429)),
     Answer(302, None, {"Location": "https://elsewhere.example"}), Answer(resets=True)],
)  # fmt: skip
def test_a_list_that_is_not_whole_is_no_list(it: Stub, answer: Answer) -> None:
    it.answer = lambda _request: answer
    with pytest.raises(Unavailable):
        desk(it).read()


def test_a_page_on_another_host_is_never_fetched(it: Stub) -> None:
    it.answer = lambda _request: Answer(200, listed([content()], "https://evil.example/v1/ContentAndApprovals"))
    with pytest.raises(ConfigurationError):
        desk(it).read()


def test_a_refusal_is_told_in_twilios_words_and_a_refused_account_stops(it: Stub) -> None:
    it.answer = lambda _request: Answer(400, {"code": 20001, "message": "Template name exists", "status": 400})
    with pytest.raises(TemplateRefused, match="Template name exists"):
        desk(it).submit(CONTENT_SID, TEXT.name, TemplateCategory.UTILITY)
    it.answer = lambda _request: Answer(401, twilio_error(401, 20003))
    for ask in (lambda: desk(it).create(TEXT), lambda: desk(it).read()):
        with pytest.raises(AccountStopped):
            ask()
    it.answer = lambda _request: Answer(500, twilio_error(500, 20500))
    before = len(it.received)
    with pytest.raises(Unavailable):
        desk(it).create(TEXT)
    assert len(it.received) == before + 1  # never asked twice


def test_a_template_that_would_lead_to_this_machine_is_not_made() -> None:
    real = TwilioContent(twilio_settings("https://api.twilio.com", public_url="http://127.0.0.1:8080"))
    with pytest.raises(ConfigurationError, match="AFTERWORD_PUBLIC_URL"):
        real.create(TEXT)
