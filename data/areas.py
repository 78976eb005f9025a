"""What a phone's area code, a postal code or a country says about where somebody is. Tables of libraries, no more.

Phone areas come from `phonenumbers` (libphonenumber), ZIP codes from `zipcodes`, the zones of a country from the tz
database's zone.tab. Only Canada's first letters and the states' names, which no library here gives, are written down.
An area code is read as a whole, not by exchange: numbers move within it, and the libraries' exchanges are not complete.
"""

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from importlib.resources import files
from types import MappingProxyType
from typing import NamedTuple
from zoneinfo import ZoneInfo

import phonenumbers
import zipcodes
from phonenumbers.tzdata import TIMEZONE_DATA

from data.states import CANADIAN_LETTERS, STATE_NAMES, TERRITORIES, US_STATES

ZIP_COUNTRIES = frozenset({"US", *TERRITORIES})

_CANADIAN = re.compile(r"[ABCEGHJ-NPRSTVXY]\d[A-Z]([ -]?\d[A-Z]\d)?", re.ASCII)
_ZIP = re.compile(r"(?P<zip>\d{3,5})([ -]\d{4})?|(?P<run>\d{7,9})", re.ASCII)
_LONGEST_CALLING_CODE = 3
_PREFIXES = sorted(TIMEZONE_DATA)
_COMMON_ZONES = frozenset(zone for zones in TIMEZONE_DATA.values() for zone in zones)
# By these moments two zones are told apart: every third day of eleven years. No two zones of a country differ in those
# years only by the hour at which they set their clocks.
_COMPARED = tuple(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=3 * n) for n in range(11 * 122))


class Area(NamedTuple):
    """Where somebody may be. No zones: it does not say. `country` is ISO, None where it does not say either."""

    zones: frozenset[str] = frozenset()
    regions: frozenset[str] = frozenset()  # states and provinces, ISO 3166-2
    country: str | None = None


NOWHERE = Area()


@lru_cache(maxsize=2**14)
def phone_area(start: str) -> Area:
    """The area of numbers that begin like this: "+1312" (the area code), elsewhere a plus and the first six digits.

    Zones only where the number tells more than its country. Of numbers without a place (toll-free, +800) nothing.
    """
    digits = start.removeprefix("+")
    calling_code = _calling_code(digits)
    if calling_code == "1":
        return _american_area(digits)
    numbers = [phonenumbers.parse(f"+{digits.ljust(length, '0')}") for length in _lengths(calling_code)]
    if not numbers or not digits.isdecimal():
        return NOWHERE
    number = next(filter(phonenumbers.is_valid_number, numbers), numbers[0])
    # A mobile's prefix may look like a town's in the table of zones (+61 41, +7 916), but tells the country alone.
    zones = _zones_of_prefix(digits, calling_code) if phonenumbers.is_number_geographical(number) else frozenset()
    return Area(zones, frozenset(), phonenumbers.region_code_for_number(number) or _main_country(calling_code))


@lru_cache(maxsize=2**17)  # the 42,000 ZIPs, with and without a country
def postal_area(code: str, country: str | None, home: str) -> Area:
    """The area of a postal code: its state in the US and Canada, elsewhere the whole country.

    Read as one of `country`, or of `home` (where the file comes from) unless it can only be Canadian. NOWHERE: a ZIP
    that does not exist, or is the military's.
    """
    code = code.strip().upper()
    if _CANADIAN.fullmatch(code) and (country == "CA" or (country is None and (len(code) > 3 or home == "CA"))):
        regions = frozenset(f"CA-{province}" for province in CANADIAN_LETTERS[code[0]])
        return Area(frozenset(zone for region in regions for zone in state_zones(region)), regions, "CA")
    read_in = country or home
    if read_in in ZIP_COUNTRIES:
        zip_code = _five_digits(code)
        return _zip_codes(zip_code[:3]).get(zip_code, NOWHERE) if zip_code else NOWHERE
    return Area(country_zones(read_in), frozenset(), read_in)


def state_zones(region: str) -> frozenset[str]:
    """Zones of a state or province of North America ("US-FL"), by its area codes; empty where there are none."""
    return _states().get(region, frozenset())


@cache
def zone_states(zone: str) -> frozenset[str]:
    """States and provinces of the zone's country whose clocks show what they show in `zone`, wholly or in part."""
    country = zone_country(zone) or ""
    return frozenset(
        region
        for region, zones in _states().items()
        if region.startswith(country) and any(is_same_clock(zone, other) for other in zones)
    )


@cache
def country_zones(country: str) -> frozenset[str]:
    """An ISO country's zones, one for each clock it keeps; empty for a country that the tz database lacks."""
    found: list[str] = []
    for zone in sorted(_zone_table()[0].get(country, ()), key=lambda name: name not in _COMMON_ZONES):
        if not any(is_same_clock(zone, other) for other in found):
            found.append(zone)
    return frozenset(found)


def zone_country(zone: str) -> str | None:
    """The country that the tz database names a zone for; None for other names of a zone, and for UTC."""
    return _zone_table()[1].get(zone)


@lru_cache(maxsize=4096)
def is_zone(name: str) -> bool:
    """Whether the tz database knows the name."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown; not a file's name; a folder of zones
        return False
    return True


@lru_cache(maxsize=16384)
def is_same_clock(one: str, other: str) -> bool:
    """Whether two zones show the same time: two names of one, or two places that keep the same hours."""
    return one == other or _shown(one) == _shown(other)


@lru_cache(maxsize=512)
def _shown(zone: str) -> tuple[timedelta | None, ...]:
    info = ZoneInfo(zone)
    return tuple(at.astimezone(info).utcoffset() for at in _COMPARED)


def _calling_code(digits: str) -> str:
    for length in range(1, _LONGEST_CALLING_CODE + 1):
        if digits[:length].isdecimal() and int(digits[:length]) in phonenumbers.COUNTRY_CODE_TO_REGION_CODE:
            return digits[:length]
    return ""


def _zones_of_prefix(digits: str, calling_code: str) -> frozenset[str]:
    """All zones that libphonenumber gives to numbers that begin like this, by more than their country."""
    known: list[tuple[str, ...]] = []
    for length in range(len(digits), len(calling_code), -1):
        if digits[:length] in TIMEZONE_DATA:
            known.append(TIMEZONE_DATA[digits[:length]])
            break
    place = bisect_left(_PREFIXES, digits)
    while place < len(_PREFIXES) and _PREFIXES[place].startswith(digits):
        known.append(TIMEZONE_DATA[_PREFIXES[place]])
        place += 1
    return frozenset(zone for zones in known for zone in zones)


def _american_area(digits: str) -> Area:
    zones = _zones_of_prefix(digits, "1")
    if not zones:
        return NOWHERE
    from phonenumbers import geocoder  # noqa: PLC0415 - 100 MB of places, loaded by those alone who meet such a number

    number = phonenumbers.parse(f"+{digits}5550123")  # 555: no town of its own, so that the whole area is described
    country = phonenumbers.region_code_for_number(number)
    if country is None:
        return NOWHERE
    if country in TERRITORIES:
        return Area(zones, frozenset({f"US-{country}"}), country)
    described = geocoder.description_for_number(number, "en").rpartition(", ")[2]
    states = (STATE_NAMES.get(name, name) for name in described.split("/"))
    return Area(zones, frozenset(f"{country}-{state}" for state in states if state in STATE_NAMES.values()), country)


@cache
def _lengths(calling_code: str) -> tuple[int, ...]:
    """How many digits landlines and mobiles of a calling code have, with it; none for codes of no country (+800)."""
    main = _main_country(calling_code)
    kinds = (phonenumbers.PhoneNumberType.FIXED_LINE, phonenumbers.PhoneNumberType.MOBILE)
    examples = [phonenumbers.example_number_for_type(main, kind) for kind in kinds] if main else []
    return tuple({len(f"{e.country_code}{phonenumbers.national_significant_number(e)}"): 0 for e in examples if e})


def _main_country(calling_code: str) -> str | None:
    main = phonenumbers.region_code_for_country_code(int(calling_code)) if calling_code else None
    return None if main in (phonenumbers.UNKNOWN_REGION, phonenumbers.REGION_CODE_FOR_NON_GEO_ENTITY) else main


def _five_digits(code: str) -> str:
    """The ZIP in any way that people and spreadsheets write it: 60601-1234, 606011234, 2134 (02134), 21341234."""
    found = _ZIP.fullmatch(code)
    if found is None:
        return ""
    return (found["zip"] or found["run"][:-4]).zfill(5)


@lru_cache(maxsize=1000)
def _zip_codes(start: str) -> Mapping[str, Area]:
    """The ZIPs with these first three digits; without the military's, whose place abroad only the post knows."""
    rows = zipcodes.similar_to(start)  # type: ignore[no-untyped-call]  # its wrapper has no types
    areas = {row["zip_code"]: _zip_area(row["state"], row["timezone"]) for row in rows}
    return MappingProxyType({zip_code: area for zip_code, area in areas.items() if area.zones})


@cache
def _zip_area(state: str, zone: str) -> Area:
    """One object for all ZIPs of a state and zone."""
    region = f"US-{state}"
    regions = frozenset({region} if state in US_STATES else ())
    zones = frozenset({zone}) if is_zone(zone) else state_zones(region)
    return Area(zones, regions, state if state in TERRITORIES else "US")


@cache
def _states() -> Mapping[str, frozenset[str]]:
    """State -> its zones, by the area codes of North America."""
    zones = defaultdict[str, set[str]](set)
    for digits in {prefix[:4] for prefix in _PREFIXES if prefix.startswith("1") and len(prefix) >= 4}:
        area = phone_area(f"+{digits}")
        for region in area.regions:
            zones[region] |= area.zones
    return MappingProxyType({region: frozenset(names) for region, names in zones.items()})


@cache
def _zone_table() -> tuple[Mapping[str, tuple[str, ...]], Mapping[str, str]]:
    """Country -> its zones, and zone -> its country: zone.tab, which the tz database ships."""
    zones = defaultdict[str, list[str]](list)
    for line in files("tzdata").joinpath("zoneinfo", "zone.tab").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            country, _, zone = line.split("\t")[:3]
            zones[country].append(zone)
    by_country = {country: tuple(names) for country, names in zones.items()}
    by_zone = {zone: country for country, names in zones.items() for zone in names}
    return MappingProxyType(by_country), MappingProxyType(by_zone)
