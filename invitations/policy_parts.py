"""The parts of a policy: hours, consent, signs of a machine. Each is checked when loaded, and says what it expected.

Times of day are texts ("08:00") in a document and minutes after midnight in a policy.
"""

import re
from datetime import date
from ipaddress import ip_network
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, field_validator, model_validator

from data.words import Channel, ConsentBasis

DAY_MINUTES = 24 * 60
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)|24:00")


def _minutes(value: Any) -> int:
    if not isinstance(value, str) or not _CLOCK.fullmatch(value):
        found = repr(value) if isinstance(value, str) else value  # TOML has times of its own: 08:00:00
        raise ValueError(f"found {found}, expected a time of day such as '08:00'")
    hours, minutes = value.split(":")
    return int(hours) * 60 + int(minutes)


def _weekday(value: Any) -> int:
    if value not in WEEKDAYS:
        raise ValueError(f"found {value!r}, expected one of {', '.join(WEEKDAYS)}")
    return WEEKDAYS.index(value)


Clock = Annotated[int, BeforeValidator(_minutes), PlainSerializer(lambda m: f"{m // 60:02}:{m % 60:02}")]
Weekday = Annotated[int, BeforeValidator(_weekday), PlainSerializer(lambda day: WEEKDAYS[day])]  # Monday = 0


class Part(BaseModel):
    """Immutable; a key it does not know is a fault."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Hours(Part):
    """A stretch of the day: from `opens` until just before `closes`; it may cross midnight ("18:00" to "02:00").

    A window that crosses midnight belongs to the weekday on which it opens.
    """

    opens: Clock
    closes: Clock
    weekdays: tuple[Weekday, ...] = tuple(range(7))

    @field_validator("weekdays", mode="before")
    @classmethod
    def _all_days_as_names(cls, value: Any) -> Any:
        return WEEKDAYS if value == tuple(range(7)) else value

    @field_validator("weekdays")
    @classmethod
    def _some_day(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if not value:
            raise ValueError("no weekday is left, so nobody could ever be asked; name at least one")
        return tuple(sorted(set(value)))

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if self.opens == DAY_MINUTES:
            raise ValueError("opens at 24:00, which no day has: use '00:00'")
        if self.opens == self.closes:
            raise ValueError(
                "opens and closes at the same time, so nobody could ever be asked; "
                "for the whole day say opens '00:00', closes '24:00'"
            )
        return self


class QuietHours(Hours):
    """When messages may go, by the recipient's clock. `skip_holidays`: not on public holidays of their country."""

    skip_holidays: bool = False


class StricterHours(Hours):
    """Narrower hours of one region for some channels, on the weekdays named; on others the general hours hold."""

    region: Annotated[str, Field(pattern=r"^[A-Z]{2}(-[A-Z0-9]{1,3})?$")]  # ISO 3166-2, or a whole country
    channels: tuple[Channel, ...] = tuple(Channel)
    source: str
    read_on: date


class ConsentRule(Part):
    """Which bases allow writing to people of a country ("*": any other) by some channels, and for how many days.

    0 days = until withdrawn. No bases = none is needed.
    """

    country: Annotated[str, Field(pattern=r"^([A-Z]{2}|\*)$")]
    channels: tuple[Channel, ...] = tuple(Channel)
    bases: dict[ConsentBasis, Annotated[int, Field(ge=0)]]
    source: str
    read_on: date

    @field_validator("bases")
    @classmethod
    def _no_withdrawal(cls, value: dict[ConsentBasis, int]) -> dict[ConsentBasis, int]:
        if ConsentBasis.WITHDRAWN in value:
            raise ValueError("a withdrawn consent allows nothing; use express, purchase or inquiry")
        return value


class Machines(Part):
    """By which signs an open or a click is a machine's: seconds after delivery, every link at once, networks."""

    seconds_after_delivery: Annotated[int, Field(ge=0)]
    all_links_within_seconds: Annotated[int, Field(ge=0)]
    networks: tuple[str, ...] = ()

    @field_validator("networks")
    @classmethod
    def _are_networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(str(ip_network(network)) for network in value)
