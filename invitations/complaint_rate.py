"""How many called our mails spam, of those that recipients' servers took: who is told, and when a sender is held.

Google asks bulk senders to keep the rate below 0.10 % and never to reach 0.30 % (Email sender guidelines,
support.google.com/a/answer/81126; field-rules R14): over the first somebody is told (`alerts`), over the second nothing
more leaves from the sender until a person says so. The figures are in data/rules/watching.toml.
"""

import tomllib
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from importlib import resources
from typing import Any

import sqlalchemy as sa
import structlog
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.engine import Connection

from data.ledger import breakers, watched
from data.ledger.outcomes import Attempt
from data.ledger.tables.metadata import database_now

log = structlog.get_logger(__name__)


class Complaints(BaseModel):
    """When the rate of complaints is too high. Rates are shares of 1."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    over_days: int = Field(ge=1)
    highest_rate: float = Field(gt=0, lt=1)
    least_complaints: int = Field(ge=1)
    least_mails: int = Field(ge=1)
    hold_rate: float = Field(gt=0, lt=1)
    hold_complaints: int = Field(ge=1)


@dataclass(frozen=True, slots=True)
class Called:
    """So many of so many mails were called spam."""

    complaints: int
    mails: int
    days: int

    def __str__(self) -> str:
        """ "5 of 800 mails of the last 7 days were called spam: 0.63%"."""
        share = self.complaints / self.mails
        return f"{self.complaints} of {self.mails} mails of the last {self.days} days were called spam: {share:.2%}"


@cache
def watching() -> dict[str, Any]:
    """data/rules/watching.toml, as it is written."""
    return tomllib.loads(resources.files("data.rules").joinpath("watching.toml").read_text(encoding="utf-8"))


@cache
def limits() -> Complaints:
    """Its [complaints], checked. Raises pydantic.ValidationError when it is not whole."""
    return Complaints.model_validate(watching()["complaints"])


def over(connection: Connection, now: datetime, rate: float, *, least: int) -> dict[int, Called]:
    """The accounts where more than `rate` of the mails were called spam, by at least so many. `now`: database clock."""
    rules = limits()
    since = now - timedelta(days=rules.over_days)
    found = {}
    for account_id, complaints in watched.read_complaints(connection, since, least=least).items():
        enough = int(complaints / rate)  # with so many mails the rate is not over the limit
        mails = watched.count_mails_taken(connection, account_id, since, up_to=enough)
        if rules.least_mails <= mails < enough:
            found[account_id] = Called(complaints, mails, rules.over_days)
    return found


def hold_if_called_spam(connection: Connection, attempt: Attempt) -> None:
    """This attempt's mail was called spam: with too many before it, nothing more leaves from its sender.

    A person lets it go on. What left before they did holds nothing again (`breakers.open_for`).
    """
    rules = limits()
    now = connection.execute(sa.select(database_now())).scalar_one()
    called = over(connection, now, rules.hold_rate, least=rules.hold_complaints).get(attempt.account_id)
    if called is not None and breakers.open_for(
        connection, attempt.attempt_id, code=breakers.CALLED_SPAM, reason=str(called)
    ):
        log.warning("breaker opened", channel=attempt.channel.value, code=breakers.CALLED_SPAM)
