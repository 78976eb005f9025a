"""The account's TOML file: what it may say, checked before anything is written.

Only the file's own sense is judged here (names, zones, references between its parts). What the rules of `[policy]`
mean is judged by `invitations.policy`; what differs from the ledger is found by `data.ledger.accounts`.
"""

import tomllib
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from data.account_values import (
    Body,
    Color,
    Delay,
    Language,
    Mail,
    Name,
    Region,
    Slug,
    Subject,
    WebAddress,
    Zone,
    delay_minutes,
)
from data.words import Channel, Plan, Role


class AccountFileError(Exception):
    """The account file cannot be used; each line names a table, a key, what was found and what was expected."""


class _Part(BaseModel):
    """Every table of the file: immutable, and a key it does not know is a fault, never ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class AccountPart(_Part):
    """`[account]`"""

    slug: Slug
    name: Name
    plan: Plan
    time_zone: Zone
    cycle_anchor_day: Annotated[int, Field(strict=True, ge=1, le=31)]
    invitations_per_cycle: Annotated[int, Field(strict=True, ge=0)]
    postal_address: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300)]


class PlatformPart(_Part):
    """`[[locations.platforms]]`: where a review can be left, in the order in which customers see them."""

    slug: Slug
    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
    url: WebAddress
    is_visible: bool = True


class LocationPart(_Part):
    """`[[locations]]`; `channels` are the enabled ones."""

    slug: Slug
    name: Name
    time_zone: Zone
    region: Region
    color: Color = "#0F766E"
    reply_to: Mail | None = None
    channels: list[Channel]
    platforms: list[PlatformPart] = []


class UserPart(_Part):
    """`[[users]]`; without `locations`, every location of the account."""

    email: Mail
    name: Name
    role: Role
    locations: list[Slug] = []


class TemplatePart(_Part):
    """`[[templates]]`: one text for one channel and language."""

    slug: Slug
    channel: Channel
    language: Language = "en"
    subject: Subject | None = None
    body: Body

    @model_validator(mode="after")
    def _subject_where_it_belongs(self) -> "TemplatePart":
        if self.channel is Channel.EMAIL and not self.subject:
            raise ValueError("an e-mail template needs a subject")
        if self.channel is not Channel.EMAIL and self.subject is not None:
            raise ValueError(f"a template for {self.channel.value} has no subject")
        return self


class StepPart(_Part):
    """`[[sequence.steps]]`: `channels` in order of preference; the first that can be used, or with `all` each."""

    delay: Delay  # after the first message was handed over
    channels: Annotated[list[Channel], Field(min_length=1)]
    all: bool = False
    template: Slug


class SequencePart(_Part):
    """`[sequence]`"""

    slug: Slug = "default"
    steps: Annotated[list[StepPart], Field(min_length=1)]

    @model_validator(mode="after")
    def _in_order(self) -> "SequencePart":
        delays = [delay_minutes(step.delay) for step in self.steps]
        if delays[0] != 0:
            raise ValueError('the first step is the first ask: its delay must be "0 minutes"')
        if any(later <= earlier for earlier, later in pairwise(delays)):
            raise ValueError("each step must come later than the one before it")
        for step in self.steps:
            if len(set(step.channels)) < len(step.channels):
                raise ValueError("a step names the same channel twice")
        return self


class QuietHoursPart(_Part):
    """`[policy.quiet_hours]`: messages go from `opens` until `closes`, on the clock of the location."""

    model_config = ConfigDict(extra="allow")  # what may stand here, and which times mean something, Policy knows

    opens: str
    closes: str


class PolicyPart(_Part):
    """`[policy]`: only its shape; `invitations.policy.Policy.load(part.document())` judges what it means."""

    model_config = ConfigDict(extra="allow")

    quiet_hours: QuietHoursPart
    stop_when: list[str]

    def document(self) -> dict[str, Any]:
        """As it is kept in `policies.rules`."""
        return self.model_dump(mode="json")


class AccountFile(_Part):
    """The whole file."""

    account: AccountPart
    locations: Annotated[list[LocationPart], Field(min_length=1)]
    users: list[UserPart] = []
    templates: Annotated[list[TemplatePart], Field(min_length=1)]
    sequence: SequencePart
    policy: PolicyPart

    @model_validator(mode="after")
    def _parts_agree(self) -> "AccountFile":
        faults = [
            *_repeated("[[locations]], key slug", (place.slug for place in self.locations)),
            *_repeated("[[users]], key email", (user.email for user in self.users)),
            *_repeated("[[templates]], slug, channel and language", map(_template_name, self.templates)),
            *(
                fault
                for place in self.locations
                for fault in _repeated(
                    f'[[locations.platforms]] of "{place.slug}", key slug', (p.slug for p in place.platforms)
                )
            ),
            *self._unknown_locations(),
            *self._missing_templates(),
        ]
        if faults:
            raise ValueError("\n".join(faults))
        return self

    def _unknown_locations(self) -> list[str]:
        known = {place.slug for place in self.locations}
        return [
            f'[[users]] "{user.email}", key locations: found "{slug}", expected one of {", ".join(sorted(known))}'
            for user in self.users
            for slug in user.locations
            if slug not in known
        ]

    def _missing_templates(self) -> list[str]:
        known = {(template.slug, template.channel) for template in self.templates}
        return [
            f'[[sequence.steps]] no. {number}, key template: found "{step.template}", '
            f"expected a [[templates]] of that slug for {channel.value}"
            for number, step in enumerate(self.sequence.steps, 1)
            for channel in step.channels
            if (step.template, channel) not in known
        ]


def _template_name(template: TemplatePart) -> str:
    return f"{template.slug} {template.channel.value} {template.language}"


def _repeated(where: str, values: Iterable[str]) -> list[str]:
    return [
        f'{where}: found "{value}" {count} times, expected once'
        for value, count in Counter(values).items()
        if count > 1
    ]


def load_account_file(path: Path | str) -> AccountFile:
    """Read and check the file.

    Raises AccountFileError, one line for each fault: its table and key, what was found, what was expected.
    """
    path = Path(path)
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as fault:
        raise AccountFileError(f"{path.name}: there is no such file") from fault
    except (OSError, UnicodeDecodeError) as fault:
        raise AccountFileError(f"{path.name}: cannot be read as UTF-8 text") from fault
    except tomllib.TOMLDecodeError as fault:
        raise AccountFileError(f"{path.name}: this is not TOML: {fault}") from fault
    try:
        return AccountFile.model_validate(document)
    except ValidationError as faults:
        lines = (_in_words(dict(fault), document) for fault in faults.errors())
        raise AccountFileError("\n".join(f"{path.name}: {line}" for line in lines)) from faults


def _in_words(fault: dict[str, Any], document: Any) -> str:
    """One fault of pydantic's as table, key, found, expected."""
    message = str(fault["msg"]).removeprefix("Value error, ")
    where, node = [], document
    for part in fault["loc"][:-1]:
        node = node[part]
        where.append(f"no. {part + 1}{_nickname(node)}" if isinstance(part, int) else f"[{part}]")
    last = fault["loc"][-1] if fault["loc"] else None
    if last is None:
        return message
    place = (" ".join(where) + ", " if where else "") + (
        f"no. {last + 1}" if isinstance(last, int) else f'key "{last}"'
    )
    if fault["type"] == "extra_forbidden":
        return f"{place}: this key is not known here; take it out or mend its spelling"
    if fault["type"] == "missing":
        return f"{place}: found nothing, but it is needed"
    if isinstance(fault["input"], (dict, list)):
        return f"{place}: {message}"
    return f"{place}: found {fault['input']!r}, {message[:1].lower()}{message[1:]}"


def _nickname(node: Any) -> str:
    name = node.get("slug") or node.get("email") if isinstance(node, dict) else None
    return f' ("{name}")' if isinstance(name, str) else ""
