"""Where the recipient of a message is, and so by which clocks, states' hours and country's laws it may go.

What is known best decides (47 CFR 64.1200(c)(1): "local time at the called party's location"): a known zone, else the
postal code, else the phone's area code, else the location that asks. What is not certain stays a set of candidates, and
the stricter reading holds: inside the hours of all of them. The tables themselves are in `data.areas`.
"""

from typing import NamedTuple

import polars as pl

from data.areas import (
    NOWHERE,
    Area,
    country_zones,
    is_same_clock,
    is_zone,
    phone_area,
    postal_area,
    zone_country,
    zone_states,
)
from data.distinct import answer, code, combine
from data.states import TERRITORIES

_ADDED = ("zones", "regions", "recipient_country")


class _Clues(NamedTuple):
    """All that is known of where somebody is."""

    zone: str | None
    country: str | None
    location_zone: str
    home: str  # the location's country
    postal: Area
    phone: Area


def locate(frame: pl.DataFrame) -> pl.DataFrame:
    """Adds where each row's person is: `zones`, `regions`, `recipient_country`. Order and height are kept.

    Read: `time_zone`, `postal_code`, `country` (ISO, of the postal address), `phone` (E.164), all nullable, and
    `location_zone`, `location_region` (ISO country) of the location that asks. Added, as texts:

        zones              tz names joined by "|": a message must be inside the hours in all of them
        regions            states and provinces (ISO 3166-2) joined by "|"; "" where none is known
        recipient_country  ISO 3166-1; "US" for its territories too (Puerto Rico), where its laws hold
    """
    country, home = code(frame["country"]), code(frame["location_region"])
    starts = frame.select(
        # A ZIP+4's last digits and a subscriber's own place nobody, and would make nearly every row a case of its own.
        postal=pl.when(pl.col("postal_code").str.len_bytes() == len("60601-1234"))
        .then(pl.col("postal_code").str.slice(0, len("60601")))
        .otherwise("postal_code"),
        phone=pl.when(pl.col("phone").str.starts_with("+1"))
        .then(pl.col("phone").str.slice(0, len("+1312")))
        .otherwise(pl.col("phone").str.slice(0, len("+447700"))),
    )
    postal = answer(combine(code(starts["postal"]), country, home), _postal)
    phone = answer(code(starts["phone"]), lambda start: phone_area(start) if start else NOWHERE)
    clues = combine(code(frame["time_zone"]), country, code(frame["location_zone"]), home, postal, phone)
    found = answer(clues, lambda row: _place(_Clues(*row)))
    places = pl.DataFrame(found.values, schema=dict.fromkeys(_ADDED, pl.String), orient="row")
    return frame.with_columns(places[found.codes])


def _postal(key: tuple[str | None, str | None, str]) -> Area:
    text, country, home = key
    return postal_area(text, _iso(country), home) if text else NOWHERE


def _iso(country: str | None) -> str | None:
    """The country's code; None for what is no country's: it is as good as not given."""
    code = (country or "").strip().upper()
    return code if country_zones(code) else None


def _place(clues: _Clues) -> tuple[str, str, str]:
    """What the clues come down to: zones, regions and country, as texts."""
    zone, country, _, home, postal, phone = clues
    zone, country = zone if zone and is_zone(zone) else None, _iso(country)
    if country is None and (postal.country != home or (postal.regions and not _is_doubtful(clues))):
        country = postal.country  # a code that can be of no other country
    clues = clues._replace(zone=zone, country=country)
    zones = {zone} if zone else _zones(clues)
    regions = postal.regions or _phone_regions(zone, phone)
    where = country or phone.country or _country_of(zone, home)
    where = "US" if where in TERRITORIES else where
    return "|".join(sorted(zones)), "|".join(sorted(regions)), where


def _zones(clues: _Clues) -> frozenset[str]:
    """Where no zone is known: the postal code's, else the phone's, else the location's.

    A country that contradicts the number adds its own: somebody moved, and nobody knows from where to where.
    """
    _, country, location_zone, home, postal, phone = clues

    def anywhere_in(place: str) -> frozenset[str]:
        return frozenset({location_zone}) if place == home else country_zones(place)

    by_phone = phone.zones or (anywhere_in(phone.country) if phone.country else frozenset())
    if postal.zones:
        return postal.zones | by_phone if country is None and _is_doubtful(clues) else postal.zones
    by_country = anywhere_in(country) if country not in (None, phone.country) else frozenset()
    return by_phone | by_country or frozenset({location_zone})


def _is_doubtful(clues: _Clues) -> bool:
    """Whether a postal code that came without a country may be of the phone's country, not of the location's.

    75001 is in Texas and in Paris; but ZIPs and Canada's codes cannot be mistaken, and go before area codes.
    """
    is_american = clues.postal.regions and clues.phone.regions
    return clues.phone.country not in (None, clues.home) and not is_american


def _phone_regions(zone: str | None, phone: Area) -> frozenset[str]:
    """The states of a number whose postal code is not known.

    Where the known zone lies in none of them, the person has moved and kept the number. Then the number's state still
    counts (Fla. Stat. 501.059(8)(d) presumes its residents behind its area codes), and every state of the zone as well,
    for it may be any: the stricter reading. Without a number there is nothing to narrow: those hours are for texts.
    """
    if zone is None or not phone.regions or any(is_same_clock(zone, other) for other in phone.zones):
        return phone.regions
    return phone.regions | zone_states(zone)


def _country_of(zone: str | None, home: str) -> str:
    """The location's country, unless the known zone is none of its zones."""
    if zone is None or any(is_same_clock(zone, other) for other in country_zones(home)):
        return home
    return zone_country(zone) or home
