"""The Protocol of a provider that takes WhatsApp templates; imported from `connectors`, which it is a part of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from data.words import TemplateApproval, TemplateCategory


@dataclass(frozen=True, slots=True)
class TemplateText:
    """A WhatsApp template as it is submitted: values stand in it by number, {{1}}, {{2}}, with a sample for each."""

    name: str  # a-z, 0-9 and _; another one whenever anything of the text is
    language: str  # "en"
    text: str  # with the link in it
    samples: Mapping[str, str]  # {"1": "Ana"}
    button_text: str | None = None  # the text without the link, where a button carries it
    button_title: str | None = None
    button_address: str | None = None  # "https://reviews.example/r/{{3}}"


@dataclass(frozen=True, slots=True)
class TemplateStanding:
    """How a template stands at the provider now."""

    provider_template_id: str
    name: str
    approval: TemplateApproval
    category: TemplateCategory | None = None  # Meta's own choice, which may be another than what was asked for
    rejection_reason: str | None = None
    says: tuple[str, ...] = ()  # every text and address in it, with numbers for the values


class TemplateRefused(Exception):
    """The provider did not take a template; the message is its reason, in its own words."""


@runtime_checkable
class TemplateDesk(Protocol):
    """A provider through which WhatsApp templates are handed to Meta and their standing is read.

    Every method raises AccountStopped or Unavailable, and the first two TemplateRefused. After an Unavailable, `read`
    tells by its name whether a template was made.
    """

    name: str

    def create(self, text: TemplateText) -> str:
        """Make a template, without asking for approval; the provider's id of it."""

    def submit(self, provider_template_id: str, name: str, category: TemplateCategory) -> TemplateStanding:
        """Ask Meta to approve one."""

    def read(self) -> Sequence[TemplateStanding]:
        """Every template there is; never a part of them."""
