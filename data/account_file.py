"""The account's TOML file: what it may say, checked before anything is written.

Only the file's own sense is judged here (names, zones, references between its parts). What the rules of `[policy]`
mean is judged by `invitations.policy`, whether all of it can be lived up to by `invitations.settings_check`; what
differs from the ledger is found by `data.ledger.accounts`.
"""

import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any

from pydantic import ConfigDict, Field, StringConstraints, ValidationError, model_validator

from data.account_texts import Part, SequencePart, TemplatePart
from data.account_values import Color, Mail, Name, PageLanguage, PictureFile, Region, Slug, WebAddress, Zone
from data.words import Channel, PageMode, Plan, Role

PerCycle = Annotated[int, Field(strict=True, ge=0)]  # invitations; follow-ups and further channels do not count


class AccountFileError(Exception):
    """The account file cannot be used; each line names a table, a key, what was found and what was expected."""


class AccountPart(Part):
    """`[account]`; the review page behind a link is there for `link_days` after the message left."""

    slug: Slug
    name: Name
    plan: Plan
    time_zone: Zone
    cycle_anchor_day: Annotated[int, Field(strict=True, ge=1, le=31)]
    invitations_per_cycle: PerCycle
    postal_address: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300)]
    link_days: Annotated[int, Field(strict=True, ge=1, le=3650)] = 180


class PlatformPart(Part):
    """`[[locations.platforms]]`: where a review can be left, in the order in which customers see them."""

    slug: Slug
    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
    url: WebAddress
    is_visible: bool = True


class LocationPart(Part):
    """`[[locations]]`; `channels` are the enabled ones, `sequence` the slug of its own (else the file's first).

    `page` is what its customers see first, `page_platform` the slug that "direct" leads to, `language` for whoever asks
    for no other, `logo` a picture beside the file. `invitations_per_cycle` is a limit within the account's.
    """

    slug: Slug
    name: Name
    time_zone: Zone
    region: Region
    color: Color = "#0F766E"
    reply_to: Mail | None = None
    page: PageMode = PageMode.SCORE
    page_platform: Slug | None = None
    language: PageLanguage = "en"
    logo: PictureFile | None = None
    channels: list[Channel]
    sequence: Slug | None = None
    invitations_per_cycle: PerCycle | None = None
    platforms: list[PlatformPart] = Field(default_factory=list)

    @model_validator(mode="after")
    def _page_leads_somewhere(self) -> "LocationPart":
        shown = [platform.slug for platform in self.platforms if platform.is_visible]
        if self.page is PageMode.DIRECT and self.page_platform not in shown:
            raise ValueError(
                f'page = "direct" leads straight to one platform: found page_platform = {_quoted(self.page_platform)}, '
                f"expected one of its visible platforms ({', '.join(shown) or 'there is none yet'})"
            )
        if self.page is not PageMode.DIRECT and self.page_platform is not None:
            raise ValueError(
                f'page_platform goes with page = "direct"; for page = "{self.page.value}" every visible platform is '
                "shown, so take it out"
            )
        if self.page is PageMode.PLATFORMS and not shown:
            raise ValueError('page = "platforms" lists where to leave a review: add a visible [[locations.platforms]]')
        return self


class UserPart(Part):
    """`[[users]]`; without `locations`, every location of the account."""

    email: Mail
    name: Name
    role: Role
    locations: list[Slug] = Field(default_factory=list)


class PolicyPart(Part):
    """`[policy]`: what may stand here, `invitations.policy.Policy.load(part.document())` judges.

    `effective_on` is about the version, not of it: the day, in the account's zone, from which a changed policy holds.
    """

    model_config = ConfigDict(extra="allow")

    effective_on: date | None = None

    def document(self) -> dict[str, Any]:
        """What the file says of the rules; what it leaves out, the shipped defaults say."""
        return dict(self.model_extra or {})


class AccountFile(Part):
    """The whole file."""

    account: AccountPart
    locations: Annotated[list[LocationPart], Field(min_length=1)]
    users: list[UserPart] = Field(default_factory=list)
    templates: Annotated[list[TemplatePart], Field(min_length=1)]
    sequences: Annotated[list[SequencePart], Field(min_length=1)]
    policy: PolicyPart = PolicyPart()

    def sequence_of(self, place: LocationPart) -> SequencePart:
        """The sequence that new invitations of a location get."""
        return next((one for one in self.sequences if one.slug == place.sequence), self.sequences[0])

    @model_validator(mode="before")
    @classmethod
    def _sequences_are_several(cls, document: Any) -> Any:
        if isinstance(document, Mapping) and ("sequence" in document or isinstance(document.get("sequences"), dict)):
            raise ValueError(
                "[sequence]: an account may have several now. Write the head as [[sequences]], with its slug below it, "
                "and each of its steps as [[sequences.steps]]; a location with its own then says: "
                'sequence = "its-slug"'
            )
        return document

    @model_validator(mode="after")
    def _parts_agree(self) -> "AccountFile":
        faults = [
            *_repeated("[[locations]], key slug", (place.slug for place in self.locations)),
            *_repeated("[[users]], key email", (user.email for user in self.users)),
            *_repeated("[[templates]], slug, channel and language", map(_template_name, self.templates)),
            *_repeated("[[sequences]], key slug", (sequence.slug for sequence in self.sequences)),
            *(
                fault
                for place in self.locations
                for fault in _repeated(
                    f'[[locations.platforms]] of "{place.slug}", key slug', (p.slug for p in place.platforms)
                )
            ),
            *self._unknown_locations(),
            *self._unknown_sequences(),
            *self._missing_templates(),
            *self._limits_above_the_account(),
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

    def _unknown_sequences(self) -> list[str]:
        known = {sequence.slug for sequence in self.sequences}
        return [
            f'[[locations]] "{place.slug}", key sequence: found "{place.sequence}", '
            f"expected the slug of one of the [[sequences]]: {', '.join(sorted(known))}"
            for place in self.locations
            if place.sequence is not None and place.sequence not in known
        ]

    def _missing_templates(self) -> list[str]:
        known = {(template.slug, template.channel) for template in self.templates}
        return [
            f'[[sequences.steps]] no. {number} of "{sequence.slug}", key template: found "{step.template}", '
            f"expected a [[templates]] of that slug for {channel.value}"
            for sequence in self.sequences
            for number, step in enumerate(sequence.steps, 1)
            for channel in step.channels
            if (step.template, channel) not in known
        ]

    def _limits_above_the_account(self) -> list[str]:
        most = self.account.invitations_per_cycle
        return [
            f'[[locations]] "{place.slug}", key invitations_per_cycle: found {place.invitations_per_cycle}, but the '
            f"whole account has {most}: lower it, or take the line out for no limit of its own"
            for place in self.locations
            if (place.invitations_per_cycle or 0) > most
        ]


def _quoted(value: str | None) -> str:
    return "nothing" if value is None else f'"{value}"'


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
    return check_document(document, path.name)


def check_document(document: Mapping[str, Any], name: str = "") -> AccountFile:
    """Check what a file says, or settings that are to stand as if a file said them.

    Raises AccountFileError as `load_account_file`, each line beginning with `name` if there is one.
    """
    try:
        return AccountFile.model_validate(document)
    except ValidationError as faults:
        lines = (_in_words(dict(fault), document) for fault in faults.errors())
        raise AccountFileError("\n".join(f"{name}: {line}" if name else line for line in lines)) from faults


_EXPECTED = {
    **dict.fromkeys(("model_type", "model_attributes_type", "dict_type"), "expected a table"),
    "list_type": "expected a list",
    **dict.fromkeys(
        ("date_type", "date_parsing", "date_from_datetime_parsing", "date_from_datetime_inexact"),
        "expected a day such as 2026-12-01, without quotes",
    ),
}  # by pydantic's kinds of faults, whose own words are for programmers


def _in_words(fault: dict[str, Any], document: Any) -> str:
    """One fault of pydantic's as table, key, found, expected."""
    message = _EXPECTED.get(fault["type"]) or str(fault["msg"]).removeprefix("Value error, ")
    where, node = [], document
    for part in fault["loc"][:-1]:
        node = node[part]
        where.append(f"no. {part + 1}{_nickname(node)}" if isinstance(part, int) else f"[{part}]")
    last = fault["loc"][-1] if fault["loc"] else None
    if last is None:
        return message
    place = (" ".join(where) + ", " if where else "") + (
        f"no. {last + 1}{_nickname(node[last])}" if isinstance(last, int) else f'key "{last}"'
    )
    if fault["type"] == "extra_forbidden":
        return f"{place}: this key is not known here; take it out or mend its spelling"
    if fault["type"] == "missing":
        return f"{place}: found nothing, but it is needed"
    if isinstance(fault["input"], (dict, list)):
        return f"{place}: {message}"
    found = repr(fault["input"]) if isinstance(fault["input"], str) else fault["input"]
    return f"{place}: found {found}, {message[:1].lower()}{message[1:]}"


def _nickname(node: Any) -> str:
    name = node.get("slug") or node.get("email") if isinstance(node, dict) else None
    return f' ("{name}")' if isinstance(name, str) else ""
