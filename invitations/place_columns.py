"""The columns that say where somebody lives: time zone, postal code, country. A bad cell is told and the row kept.

Where the recipient's hours and consent rules come from is `data.recipients`; here the cells are only made readable.
"""

import re
from functools import cache
from zoneinfo import available_timezones

import polars as pl

from invitations.columns import by_text, plain
from invitations.rejected import Finding

_LONGEST_CODE = 16
_US_PLACES = ("US", "PR", "VI", "GU", "AS", "MP")  # five digits, of which a spreadsheet drops leading zeros
# What people write for countries that the library calls otherwise, and what each calls itself.
_OTHER_NAMES = {
    "usa": "US", "u s a": "US", "u s": "US", "united states of america": "US", "america": "US", "estados unidos": "US",
    "etats unis": "US", "uk": "GB", "u k": "GB", "great britain": "GB", "britain": "GB", "england": "GB",
    "scotland": "GB", "wales": "GB", "northern ireland": "GB", "deutschland": "DE", "alemania": "DE", "allemagne": "DE",
    "osterreich": "AT", "schweiz": "CH", "suisse": "CH", "svizzera": "CH", "espana": "ES", "italia": "IT",
    "frankreich": "FR", "francia": "FR", "mejico": "MX", "brasil": "BR", "nederland": "NL", "the netherlands": "NL",
    "holland": "NL", "belgique": "BE", "belgie": "BE", "korea": "KR", "south korea": "KR", "republic of korea": "KR",
    "czech republic": "CZ", "russian federation": "RU", "viet nam": "VN", "turkiye": "TR", "ivory coast": "CI",
    "cote d ivoire": "CI", "cape verde": "CV", "uae": "AE", "republic of ireland": "IE", "eire": "IE",
}  # fmt: skip


def with_place(frame: pl.DataFrame) -> pl.DataFrame:
    """`time_zone`, `country` and `postal_code` as the ledger keeps them, null where the text is none."""
    frame = by_text(frame, "time_zone", time_zone)
    frame = by_text(frame, "country", country)
    code = pl.col("postal_code_text").str.replace_all(r"\s+", " ").str.replace(r"\.0$", "").str.to_uppercase()
    is_american = pl.coalesce("country", "region").is_in(_US_PLACES)
    has_lost = (is_american & code.str.contains(r"^\d{3,4}(-\d{4})?$")).fill_null(False)
    whole = pl.when(has_lost & code.str.contains(r"^\d{3}(-|$)")).then("00" + code).when(has_lost).then("0" + code)
    return frame.with_columns(
        has_lost.alias("is_code_padded"),
        pl.when(code.str.contains(rf"^[A-Z0-9][A-Z0-9 -]{{1,{_LONGEST_CODE - 1}}}$"))
        .then(whole.otherwise(code).str.slice(0, _LONGEST_CODE))
        .alias("postal_code"),
    )


def time_zone(text: str) -> str | None:
    """The tz database's own spelling; None for what is no name of a place there.

    "EST" and the like are names there too, of places that never change their clocks: nobody who writes them means that.
    """
    return _zones().get(text.strip().replace(" ", "_").casefold())


@cache
def _zones() -> dict[str, str]:
    return {name.casefold(): name for name in available_timezones() if "/" in name or name == "UTC"}


def country(text: str) -> str | None:
    """The ISO code of a country given by its code (two or three letters) or its English name."""
    name = plain(text)
    return _countries().get(name) or _countries().get(name.removeprefix("the "))


@cache
def _countries() -> dict[str, str]:
    from holidays.registry import COUNTRIES  # noqa: PLC0415 - a sixth of a second, for files that have such a column

    found = dict(_OTHER_NAMES)
    for name, code, long_code, *_ in COUNTRIES.values():
        in_words = plain(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name))
        found |= {in_words: code, code.lower(): code, long_code.lower(): code}
    return found | {"uk": "GB"}


def place_findings() -> tuple[Finding, ...]:
    """Zones, codes and countries that are none."""
    return (
        Finding(
            "time_zone",
            "time_zone_text",
            _is_unread("time_zone"),
            lambda row: "not a time zone, so it was left out. Expected a name of the tz database, as America/Chicago",
        ),
        Finding(
            "country",
            "country_text",
            _is_unread("country"),
            lambda row: "not a country, so it was left out. Expected a code such as US, or its English name",
        ),
        Finding(
            "postal_code",
            "postal_code_text",
            _is_unread("postal_code"),
            lambda row: "not a postal code, so it was left out. Expected 2 to 16 letters and digits, as 60601",
        ),
    )


def _is_unread(name: str) -> pl.Expr:
    return pl.col(f"{name}_text").is_not_null() & pl.col(name).is_null()


def how_places_read(frame: pl.DataFrame, header: str) -> list[str]:
    """What a report says of postal codes that were mended."""
    padded = int(frame["is_code_padded"].sum())
    if not padded:
        return []
    return [f'Column "{header}": {padded} codes had lost their leading zeros, and got them back (2115 became 02115).']
