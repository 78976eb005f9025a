"""What the account's policy document may say, and its reading. The document is data: `policies.rules`, versioned.

    {"quiet_hours": {"opens": "08:00", "closes": "21:00"}, "stop_when": ["scored", "platform_chosen", "review_linked"],
     "cap_days": 90, "invite_again_after_days": 0, "stricter_hours": [...], "consent": [...], "machines": {...}}

`quiet_hours`: messages may go from `opens` until just before `closes`, by the clock on the wall in the recipient's
zone, on the weekdays named; a window may cross midnight ("18:00" to "02:00"); "24:00" closes at the end of the day.
`stop_when`: what ends an invitation (words.StopCondition); an opt-out always does.
`cap_days`: a person is asked at most once in so many days, over all addresses and locations; 0 = no cap.
`invite_again_after_days`: a customer who comes again may be invited again after so many days; 0 = never.
`stricter_hours`, `consent`, `machines`: tables; where the document has none, those that Afterword ships (data/rules).
Rows replace a whole table; of `machines` one sign may be changed and the others stay as shipped.

Deliberately impossible: asking by what somebody thinks. A document in which any name or value speaks of scores,
ratings, sentiment or complaints is refused when loaded (Google's policy against selective solicitation; FTC: asking
only those likely to leave positive reviews). "scored" under `stop_when` is the one exception: the fact of an answer,
not its value.
"""

import json
import re
import tomllib
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cache, lru_cache
from pathlib import Path
from typing import Annotated, Any, Self

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from sqlalchemy.engine import Connection

import data.rules
from data.ledger.tables import policies
from data.words import StopCondition
from invitations.policy_parts import ConsentRule, Machines, QuietHours, StricterHours

_OPINION = re.compile(
    r"(scor|rating|rated|sentiment|nps|csat|complain|promoter|detractor|passive|satisf|dissatisf|happy|unhappy).*|stars?"
)
_SOURCES = (("stricter_hours", "source"), ("consent", "source"))
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")


KEPT = 64  # policies whose expressions are kept, once made: making them takes longer than planning for a few people
TABLES = ("stricter_hours", "consent", "machines")


class PolicyRefused(ValueError):
    """The document cannot be a policy; the message names what was found, and what is allowed."""


class NoPolicy(LookupError):
    """No policy is in effect for the account: run `afterword init FILE`."""


@cache
def shipped(name: str) -> Any:
    """One of the tables that come with Afterword, by the name of its file in data/rules."""
    text = (Path(data.rules.__file__).parent / f"{name}.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)[name]


class Policy(BaseModel):
    """One version of an account's rules; a document may leave out any."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    quiet_hours: QuietHours = QuietHours.model_validate({"opens": "08:00", "closes": "21:00"})
    stop_when: tuple[StopCondition, ...] = (
        StopCondition.SCORED, StopCondition.PLATFORM_CHOSEN, StopCondition.REVIEW_LINKED,
    )  # fmt: skip
    cap_days: Annotated[int, Field(ge=0, le=3650)] = 90
    invite_again_after_days: Annotated[int, Field(ge=0, le=3650)] = 0
    stricter_hours: tuple[StricterHours, ...] = ()
    consent: tuple[ConsentRule, ...] = ()
    machines: Machines

    def __hash__(self) -> int:
        """Of a part of it, which is enough to find one again: a consent's bases are a dict, and have none."""
        return hash((self.stop_when, self.cap_days, self.invite_again_after_days))

    @property
    def cap(self) -> timedelta | None:
        """How long after one ask the next may come; None: no cap."""
        return timedelta(days=self.cap_days) if self.cap_days else None

    @field_validator("stop_when")
    @classmethod
    def _in_one_order(cls, value: tuple[StopCondition, ...]) -> tuple[StopCondition, ...]:
        return tuple(kind for kind in StopCondition if kind in value)

    @field_validator("consent")
    @classmethod
    def _one_row_each(cls, value: tuple[ConsentRule, ...]) -> tuple[ConsentRule, ...]:
        named = Counter((row.country, channel) for row in value for channel in row.channels)
        for (country, channel), count in named.items():
            if count > 1:
                raise ValueError(f"{count} rows speak of {channel.value} to {country}; write one")
        return value

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if 0 < self.invite_again_after_days < self.cap_days:
            raise ValueError(
                f"invite_again_after_days is {self.invite_again_after_days}, but cap_days lets nobody be asked within "
                f"{self.cap_days} days: make it at least {self.cap_days}, or lower the cap"
            )
        return self

    @classmethod
    def load(cls, document: Mapping[str, Any]) -> Self:
        """Read a policy document, filling absent tables from those shipped.

        Raises PolicyRefused, saying what was found and what is allowed.
        """
        _refuse_opinions(document, ())
        whole = {name: shipped(name) for name in TABLES} | dict(document)
        if isinstance(machines := document.get("machines"), Mapping):  # one sign changed leaves the others as shipped
            whole["machines"] = shipped("machines") | dict(machines)
        try:
            return cls.model_validate(whole)
        except ValidationError as error:
            raise PolicyRefused("; ".join(_in_words(fault) for fault in error.errors())) from None

    def document(self) -> dict[str, Any]:
        """The whole of it, tables included, as it is kept in `policies.rules`; `load` reads it back the same."""
        return self.model_dump(mode="json")


_EXPECTED = {
    **dict.fromkeys(("model_type", "model_attributes_type", "dict_type"), "expected a table"),
    **dict.fromkeys(("list_type", "tuple_type"), "expected a list, or tables in double brackets"),
}  # by pydantic's kinds of faults, whose own words are for programmers
_PARTS: dict[str, type[BaseModel]] = {
    "quiet_hours": QuietHours, "stricter_hours": StricterHours, "consent": ConsentRule, "machines": Machines,
}  # fmt: skip


def read_policy(connection: Connection, account_id: int, at: datetime) -> tuple[int, Policy]:
    """The newest version in effect at `at` (policy time): its id and its rules. Raises NoPolicy or PolicyRefused."""
    row = connection.execute(
        sa.select(policies.c.policy_id, policies.c.rules)
        .where(policies.c.account_id == account_id, policies.c.effective_at <= at)
        .order_by(policies.c.effective_at.desc(), policies.c.version.desc())
        .limit(1)
    ).first()
    if row is None:
        raise NoPolicy(f"account {account_id} has no policy in effect: run `afterword init FILE`")
    return row.policy_id, _loaded(json.dumps(row.rules))


@lru_cache(maxsize=KEPT)
def _loaded(rules: str) -> Policy:
    """The same object for the same document, so that what is kept for a policy is found again at once."""
    return Policy.load(json.loads(rules))


def policy_ends_at(connection: Connection, account_id: int, at: datetime) -> datetime | None:
    """When the version in effect at `at` gives way to the next one that waits for its day; None: none does."""
    return connection.execute(
        sa.select(policies.c.effective_at)
        .where(policies.c.account_id == account_id, policies.c.effective_at > at)
        .order_by(policies.c.effective_at)
        .limit(1)
    ).scalar()


def _refuse_opinions(part: Any, path: tuple[str, ...]) -> None:
    if isinstance(part, Mapping):
        for name, value in part.items():
            _refuse_word(str(name), (*path, str(name)))
            _refuse_opinions(value, (*path, str(name)))
    elif isinstance(part, list | tuple):
        for value in part:
            _refuse_opinions(value, path)
    elif isinstance(part, str) and not _is_harmless(part, path):
        _refuse_word(part, path)


def _is_harmless(text: str, path: tuple[str, ...]) -> bool:
    """The one stop condition that is only the fact of an answer, and where a row of a table was read, for people."""
    return (path == ("stop_when",) and text == StopCondition.SCORED) or path in _SOURCES


def _refuse_word(text: str, path: tuple[str, ...]) -> None:
    for word in _WORD.findall(text):
        if _OPINION.fullmatch(word.lower()):
            raise PolicyRefused(
                f"{'.'.join(path)}: {text!r} would decide by what a customer thinks, and asking only those who are "
                "likely to be pleased is review gating; no rule may read a score, rating, sentiment or complaint"
            )


def _in_words(fault: Any) -> str:
    where = ".".join(f"no. {part + 1}" if isinstance(part, int) else str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        part = _PARTS[fault["loc"][0]] if len(fault["loc"]) > 1 else Policy
        return f"{where}: not a setting; there are {', '.join(part.model_fields)}"
    said = _EXPECTED.get(fault["type"]) or str(fault["msg"]).removeprefix("Value error, ")
    return f"{where}: {said}" if where else said
