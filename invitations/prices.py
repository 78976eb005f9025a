"""What messages cost: the price table (data/rules/prices.toml, or an operator's own file), and a sum over it.

Money is Decimal from the file to the figure. Nothing is guessed: a message whose country has no price is counted apart.
"""

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from importlib import resources
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from data.words import Channel, TemplateCategory

EVERY_COUNTRY = "*"
_THOUSAND = Decimal(1000)


class PricesRefused(ValueError):
    """The price table cannot be read; the message says where, what was found, and what is expected."""


class Part(StrEnum):
    """What a price is for; a message costs the sum of its parts."""

    PROVIDER = "provider"  # who carries it: without this one a message is not priced
    CARRIER = "carrier"  # the network's fee on top
    PLATFORM = "platform"  # Meta, for a WhatsApp template


class Per(StrEnum):
    """What a price is paid for."""

    SEGMENT = "segment"  # of an SMS
    MESSAGE = "message"
    THOUSAND = "thousand"  # messages, paid in proportion


class Price(BaseModel):
    """One row of the table."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    channel: Channel
    country: Annotated[str, Field(pattern=r"^([A-Z]{2}|\*)$")]  # ISO, the recipient's; "*": any without a row
    part: Part = Part.PROVIDER
    category: TemplateCategory | None = None
    per: Per
    price: Annotated[Decimal, Field(ge=0)]
    source: Annotated[str, Field(min_length=1)]
    read_on: date

    @model_validator(mode="after")
    def _fits_its_channel(self) -> "Price":
        if self.per is Per.SEGMENT and self.channel is not Channel.SMS:
            raise ValueError("only a text message (sms) has segments; use per = 'message' or 'thousand'")
        if self.category is not None and self.channel is not Channel.WHATSAPP:
            raise ValueError("only whatsapp has categories")
        return self


class Prices(BaseModel):
    """The table. `currency` is an ISO 4217 code, one for all rows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    prices: tuple[Price, ...]

    @model_validator(mode="after")
    def _each_once(self) -> "Prices":
        seen: set[tuple[object, ...]] = set()
        for number, row in enumerate(self.prices, 1):
            key = (row.channel, row.country, row.part, row.category)
            if key in seen:
                raise ValueError(f"[[prices]] no. {number}: a second {row.part} price for {row.channel} {row.country}")
            seen.add(key)
        return self

    def parts(self, channel: Channel, country: str | None, category: str | None) -> list[Price]:
        """The rows a message is charged by: of each part the country's own, else that of every country."""
        found: dict[Part, tuple[tuple[bool, bool], Price]] = {}
        for row in self.prices:
            fits = (
                row.channel is channel and row.country in (country, EVERY_COUNTRY) and row.category in (category, None)
            )
            rank = (row.country != EVERY_COUNTRY, row.category is not None)
            if fits and (row.part not in found or rank > found[row.part][0]):
                found[row.part] = (rank, row)
        return [row for _, row in found.values()]


@dataclass(frozen=True, slots=True)
class Volume:
    """Messages alike in what they cost. `segments` are those of texts; 0 elsewhere."""

    channel: Channel
    country: str | None
    category: str | None
    messages: int
    segments: int


@dataclass(frozen=True, slots=True)
class Charge:
    """What some messages cost; None: the table has no price for them."""

    volume: Volume
    amount: Decimal | None


@dataclass(frozen=True, slots=True)
class Cost:
    """The sum, in `currency`, of all charges that could be priced."""

    currency: str
    charges: tuple[Charge, ...]

    @property
    def total(self) -> Decimal:
        """Of what is priced."""
        return sum((charge.amount for charge in self.charges if charge.amount is not None), Decimal())

    @property
    def unpriced_messages(self) -> int:
        """How many messages the table has no price for."""
        return sum(charge.volume.messages for charge in self.charges if charge.amount is None)


def cost_of(volumes: Iterable[Volume], prices: Prices) -> Cost:
    """Every volume with its price."""
    return Cost(prices.currency, tuple(Charge(volume, _amount(volume, prices)) for volume in volumes))


def _amount(volume: Volume, prices: Prices) -> Decimal | None:
    parts = prices.parts(volume.channel, volume.country, volume.category)
    if Part.PROVIDER not in {row.part for row in parts}:
        return None
    units = {
        Per.SEGMENT: Decimal(volume.segments),
        Per.MESSAGE: Decimal(volume.messages),
        Per.THOUSAND: Decimal(volume.messages) / _THOUSAND,
    }
    return sum((row.price * units[row.per] for row in parts), Decimal())


def load_prices(path: Path | None = None) -> Prices:
    """The operator's own table, or the one that Afterword ships. Raises PricesRefused, in words."""
    if path is None:
        name, text = "prices.toml", resources.files("data.rules").joinpath("prices.toml").read_text(encoding="utf-8")
    else:
        name, text = path.name, _read(path)
    try:
        return Prices.model_validate(tomllib.loads(text, parse_float=Decimal))
    except tomllib.TOMLDecodeError as fault:
        raise PricesRefused(f"{name}: this is not TOML: {fault}") from None
    except ValidationError as faults:
        raise PricesRefused("\n".join(f"{name}: {_in_words(dict(fault))}" for fault in faults.errors())) from None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        raise PricesRefused(f"{path.name}: cannot be read as UTF-8 text") from None


def _in_words(fault: dict[str, object]) -> str:
    """ "[[prices]] no. 2, key per: found 'box', expected 'segment', 'message' or 'thousand'"."""
    loc = fault["loc"]
    parts = list(loc) if isinstance(loc, tuple) else []
    message = str(fault["msg"]).removeprefix("Value error, ")
    where = f"[[prices]] no. {int(parts[1]) + 1}" if len(parts) > 1 else ""
    key = f"key {parts[-1]}" if parts and isinstance(parts[-1], str) else ""
    place = ", ".join(part for part in (where, key) if part)
    if fault["type"] == "extra_forbidden":
        message = "not a setting of a price; take it out or mend its spelling"
    elif fault["type"] == "missing":
        message = "found nothing, but it is needed"
    elif not isinstance(fault["input"], (dict, list)):
        message = f"found {fault['input']!r}, {message[:1].lower()}{message[1:]}"
    return f"{place}: {message}" if place else message
