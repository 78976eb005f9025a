"""Twilio's Content API: WhatsApp templates handed to Meta, and how they stand.

Through the SDK's synchronous client, tied to its host (client.py); its own models are left aside, for they post every
kind of content that a template is not as null. https://www.twilio.com/docs/content/content-api-resources
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import requests

from connectors import ConfigurationError, TemplateRefused, TemplateStanding, TemplateText
from connectors.transport import CONNECT_SECONDS, READ_SECONDS, ReadFailed, Unclear
from connectors.twilio.client import Refusal, TwilioClients
from connectors.twilio.settings import CONTENT_HOST, TwilioSettings
from data.words import TemplateApproval, TemplateCategory

# twilio.com/docs/whatsapp/tutorial/message-template-approvals-statuses; any other is kept as a reason, and not sendable
APPROVALS: Mapping[str, TemplateApproval] = {
    "unsubmitted": TemplateApproval.UNSUBMITTED,
    "received": TemplateApproval.PENDING,
    "pending": TemplateApproval.PENDING,
    "approved": TemplateApproval.APPROVED,
    "rejected": TemplateApproval.REJECTED,
    "paused": TemplateApproval.PAUSED,
    "disabled": TemplateApproval.DISABLED,
}
_CATEGORIES = {category.value: category for category in TemplateCategory}
_PAGE_SIZE = 500
_MOST_PAGES = 20
_LONGEST_REASON = 300
_JSON = {"Content-Type": "application/json"}


class TwilioContent:
    """The templates of one Twilio account."""

    name = "twilio"

    def __init__(
        self, settings: TwilioSettings, timeout: tuple[float, float] = (CONNECT_SECONDS, READ_SECONDS)
    ) -> None:
        self._settings = settings
        self._clients = TwilioClients(settings, timeout, CONTENT_HOST)

    def create(self, text: TemplateText) -> str:
        """POST /v1/Content, once; the new content's sid.

        Raises ConfigurationError where the text would lead customers to this machine.
        """
        if self._settings.status_callback("x") is None:
            raise ConfigurationError(
                "The template would be approved with links to this machine: set AFTERWORD_PUBLIC_URL to the https "
                "address of web/ first."
            )
        made = self._ask("POST", "/v1/Content", as_content(text))
        sid = made.get("sid")
        if not isinstance(sid, str) or not sid:
            raise ReadFailed("Twilio answered without naming the template")
        return sid

    def submit(self, provider_template_id: str, name: str, category: TemplateCategory) -> TemplateStanding:
        """POST /v1/Content/{sid}/ApprovalRequests/whatsapp, once."""
        path = f"/v1/Content/{provider_template_id}/ApprovalRequests/whatsapp"
        answer = self._ask("POST", path, {"name": name, "category": category.value.upper()})
        return _standing(provider_template_id, name, answer)

    def read(self) -> Sequence[TemplateStanding]:
        """GET /v1/ContentAndApprovals, every page of it."""
        return [
            _standing(one["sid"], one.get("friendly_name") or "", _approval_of(one), _says(one.get("types")))
            for one in self._contents()
            if isinstance(one.get("sid"), str)
        ]

    def _contents(self) -> Iterator[Mapping[str, Any]]:
        url: str | None = f"{CONTENT_HOST}/v1/ContentAndApprovals?PageSize={_PAGE_SIZE}"
        for _ in range(_MOST_PAGES):
            answer = self._ask("GET", url or "")
            contents = answer.get("contents")
            if not isinstance(contents, list):
                raise ReadFailed("Twilio answered without a list of templates")
            yield from (one for one in contents if isinstance(one, dict))
            url = (answer.get("meta") or {}).get("next_page_url")
            if not url:
                return
        raise ReadFailed("Twilio's list of templates did not end")

    def _ask(self, method: str, where: str, payload: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """One question, asked once. An answer that proves nothing is ReadFailed: `read` tells what came of a POST."""
        url = where if where.startswith("https:") else CONTENT_HOST + where
        try:
            answer = self._clients.client().request(
                method, url, data=payload, headers=_JSON if payload is not None else None
            )
        except (requests.RequestException, Unclear) as error:
            raise ReadFailed(f"Twilio's templates were not reached: {type(error).__name__}") from None
        body = _object(answer.text)
        if answer.status_code in (200, 201):
            return body
        code = body.get("code") if isinstance(body.get("code"), int) else None
        refusal = Refusal(int(answer.status_code), code)
        refusal.stop_if_account()
        if method == "POST" and 400 <= refusal.status < 500 and refusal.status != 429 and body.get("message"):
            raise TemplateRefused(str(body["message"])[:_LONGEST_REASON])
        raise ReadFailed(f"Twilio's templates could not be read: HTTP {refusal.status}, code {code}")


def as_content(text: TemplateText) -> dict[str, Any]:
    """What Content is posted: a button that carries the link where there is one, and plain text beside it."""
    types: dict[str, Any] = {"twilio/text": {"body": text.text}}
    if text.button_text and text.button_title and text.button_address:
        action = {"type": "URL", "title": text.button_title, "url": text.button_address}
        types["twilio/call-to-action"] = {"body": text.button_text, "actions": [action]}
    return {
        "friendly_name": text.name,
        "language": text.language.replace("-", "_"),  # Meta's spelling: pt_BR
        "variables": dict(text.samples),
        "types": types,
    }


def _object(text: str) -> dict[str, Any]:
    try:
        answer = json.loads(text)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


def _approval_of(content: Mapping[str, Any]) -> Mapping[str, Any]:
    """The approval, flat as the OpenAPI file has it or keyed by channel as it has been seen."""
    found = content.get("approval_requests") or {}
    keyed = found.get("whatsapp") if isinstance(found, dict) else None
    chosen = keyed if isinstance(keyed, dict) else found
    return chosen if isinstance(chosen, dict) else {}


def _standing(sid: str, name: str, approval: Mapping[str, Any], says: tuple[str, ...] = ()) -> TemplateStanding:
    status = str(approval.get("status") or "unsubmitted").lower()
    reason = str(approval.get("rejection_reason") or "")[:_LONGEST_REASON]
    known = APPROVALS.get(status)
    return TemplateStanding(
        provider_template_id=sid,
        name=name,
        approval=known or TemplateApproval.PAUSED,
        category=_CATEGORIES.get(str(approval.get("category") or "").lower()),
        rejection_reason=reason or (None if known else f"Twilio says: {status}"[:_LONGEST_REASON]),
        says=says,
    )


def _says(value: Any) -> tuple[str, ...]:
    """Every text in a content's types, whatever kinds there are."""
    if isinstance(value, str):
        return (value,)
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return tuple(text for one in inner for text in _says(one))
