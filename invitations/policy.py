"""What the account's policy document may say, and its reading. The document is data: `policies.rules`, versioned.

    {"quiet_hours": {"opens": "08:00", "closes": "21:00"}, "stop_when": ["scored", "platform_chosen", "review_linked"]}

`quiet_hours`: messages may go from `opens` until just before `closes`, by the clock on the wall in the recipient's
zone; a window may cross midnight ("18:00" to "02:00"); "24:00" closes at the end of the day.
`stop_when`: what ends an invitation: "scored", "platform_chosen", "review_linked", "clicked" (by a human).

Deliberately impossible: asking by what somebody thinks. A document in which any name or value speaks of scores,
ratings, sentiment or complaints is refused when loaded (Google's policy against selective solicitation; FTC: asking
only those likely to leave positive reviews). "scored" under `stop_when` is the one exception: the fact of an answer,
not its value.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Self

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator, model_validator
from sqlalchemy.engine import Connection

from data.ledger.tables import policies
from data.words import EventKind

STOP_CONDITIONS = (EventKind.SCORED, EventKind.PLATFORM_CHOSEN, EventKind.REVIEW_LINKED, EventKind.CLICKED)

_MINUTES_A_DAY = 24 * 60
_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)|24:00")
_OPINION = re.compile(
    r"(scor|rating|rated|sentiment|nps|csat|complain|promoter|detractor|passive|satisf|dissatisf|happy|unhappy).*|stars?"
)
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")


class PolicyRefused(ValueError):
    """The document cannot be a policy; the message names what was found, and what is allowed."""


class NoPolicy(LookupError):
    """No policy is in effect for the account: run `afterword init FILE`."""


class QuietHours(BaseModel):
    """When messages may go, in minutes after midnight on the recipient's wall clock: from `opens`, before `closes`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    opens: int
    closes: int

    @field_validator("opens", "closes", mode="before")
    @classmethod
    def _minutes(cls, value: Any) -> int:
        if not isinstance(value, str) or not _CLOCK.fullmatch(value):
            raise ValueError(f"found {value!r}, expected a time of day such as '08:00'")
        hours, minutes = value.split(":")
        return int(hours) * 60 + int(minutes)

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if self.opens == _MINUTES_A_DAY:
            raise ValueError("opens at 24:00, which no day has: use '00:00'")
        if self.opens == self.closes:
            raise ValueError(
                "opens and closes at the same time, so nobody could ever be asked; "
                "for the whole day say opens '00:00', closes '24:00'"
            )
        return self

    def is_open(self, minute: int) -> bool:
        """Whether a message may go at this minute of the local day (0..1439)."""
        if self.opens < self.closes:
            return self.opens <= minute < self.closes
        return minute >= self.opens or minute < self.closes


class Policy(BaseModel):
    """One version of an account's rules. Later issues add fields; a document may leave out any."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    quiet_hours: QuietHours = QuietHours.model_validate({"opens": "08:00", "closes": "21:00"})
    stop_when: tuple[EventKind, ...] = (EventKind.SCORED, EventKind.PLATFORM_CHOSEN, EventKind.REVIEW_LINKED)

    @field_validator("stop_when")
    @classmethod
    def _known_conditions(cls, value: tuple[EventKind, ...]) -> tuple[EventKind, ...]:
        for kind in value:
            if kind not in STOP_CONDITIONS:
                raise ValueError(f"{kind.value!r} is no stop condition; there are {', '.join(STOP_CONDITIONS)}")
        return tuple(kind for kind in STOP_CONDITIONS if kind in value)

    @classmethod
    def load(cls, document: Mapping[str, Any]) -> Self:
        """Read a policy document. Raises PolicyRefused, saying what was found and what is allowed."""
        _refuse_opinions(document, ())
        try:
            return cls.model_validate(document)
        except ValidationError as error:
            raise PolicyRefused("; ".join(_in_words(fault) for fault in error.errors())) from None


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
    return row.policy_id, Policy.load(row.rules)


def _refuse_opinions(part: Any, path: tuple[str, ...]) -> None:
    if isinstance(part, Mapping):
        for name, value in part.items():
            _refuse_word(str(name), (*path, str(name)))
            _refuse_opinions(value, (*path, str(name)))
    elif isinstance(part, list | tuple):
        for value in part:
            _refuse_opinions(value, path)
    elif isinstance(part, str) and not (path == ("stop_when",) and part == EventKind.SCORED):
        _refuse_word(part, path)


def _refuse_word(text: str, path: tuple[str, ...]) -> None:
    for word in _WORD.findall(text):
        if _OPINION.fullmatch(word.lower()):
            raise PolicyRefused(
                f"{'.'.join(path)}: {text!r} would decide by what a customer thinks, and asking only those who are "
                "likely to be pleased is review gating; no rule may read a score, rating, sentiment or complaint"
            )


def _in_words(fault: Any) -> str:
    where = ".".join(str(part) for part in fault["loc"]) or "policy"
    if fault["type"] == "extra_forbidden":
        known = ", ".join(QuietHours.model_fields if len(fault["loc"]) > 1 else Policy.model_fields)
        return f"{where}: not a setting; there are {known}"
    return f"{where}: {str(fault['msg']).removeprefix('Value error, ')}"
