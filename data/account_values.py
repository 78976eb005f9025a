"""What single values of the account file must be; each refusal says what was expected."""

import re
from functools import cache, lru_cache
from pathlib import PurePosixPath
from typing import Annotated
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from email_validator import EmailNotValidError, validate_email
from jinja2 import TemplateSyntaxError, meta
from jinja2.sandbox import SandboxedEnvironment
from phonenumbers import SUPPORTED_REGIONS
from pydantic import AfterValidator, StringConstraints

TEMPLATE_VARIABLES = frozenset({"first_name", "last_name", "location", "employee", "service", "link"})
AT_ONCE = "immediately"
# What customers' pages are written in, by the names of web/languages/*.po; a test holds the two together.
PAGE_LANGUAGES = ("ar", "en", "es", "fil", "fr", "ja", "ko", "pl", "pt", "ru", "vi", "zh")
_MINUTES = {"minute": 1, "hour": 60, "day": 24 * 60}


def _zone(text: str) -> str:
    if text not in _zones():
        raise ValueError("expected a name of the tz database, such as America/New_York")
    return text


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _region(text: str) -> str:
    if text not in SUPPORTED_REGIONS:
        raise ValueError("expected a two-letter country code in capitals, such as US")
    return text


def _mail(text: str) -> str:
    try:
        return validate_email(text, check_deliverability=False).normalized.lower()
    except EmailNotValidError as fault:
        raise ValueError(f"expected an email address ({fault})") from fault


def _web_address(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"https", "http"} or not parts.hostname or re.search(r"[\s\x00-\x1f]", text):
        raise ValueError("expected a web address beginning with https://")
    return text


@lru_cache(1000)
def _jinja(text: str) -> str:
    """Remembered, for whoever changes one setting has all texts checked again; parsing them takes longest of it."""
    try:
        unknown = meta.find_undeclared_variables(SandboxedEnvironment().parse(text)) - TEMPLATE_VARIABLES
    except TemplateSyntaxError as fault:
        raise ValueError(f"expected a Jinja template ({fault.message}, line {fault.lineno})") from fault
    if unknown:
        raise ValueError(
            f"the template uses {', '.join(sorted(unknown))}; expected only {', '.join(sorted(TEMPLATE_VARIABLES))}"
        )
    return text


def _delay(text: str) -> str:
    delay_minutes(text)
    return text


def delay_minutes(text: str) -> int:
    """'immediately', '3 days', '2 hours' or '90 minutes' in minutes. Raises ValueError with what was expected."""
    if text == AT_ONCE:
        return 0
    found = re.fullmatch(r"(\d{1,6}) (minute|hour|day)s?", text)
    if found is None:
        raise ValueError('expected a delay such as "3 days", "2 hours", "30 minutes" or "immediately"')
    return int(found[1]) * _MINUTES[found[2]]


def _time_of_day(text: str) -> str:
    minute_of_day(text)
    return text


def minute_of_day(text: str) -> int:
    """'10:00' in minutes after midnight. Raises ValueError with what was expected."""
    found = re.fullmatch(r"([01]\d|2[0-3]):([0-5]\d)", text)
    if found is None:
        raise ValueError('expected a time of day such as "10:00"')
    return int(found[1]) * 60 + int(found[2])


def _page_language(text: str) -> str:
    if text.partition("-")[0] not in PAGE_LANGUAGES:
        raise ValueError(f"expected a language that pages are written in: {', '.join(PAGE_LANGUAGES)}")
    return text


def _picture_file(text: str) -> str:
    path = PurePosixPath(text)
    if not path.name or path.is_absolute() or ".." in path.parts or re.search(r"[\\:\x00-\x1f]", text):
        raise ValueError("expected the name of a picture beside this file, such as logo.png or pictures/logo.png")
    return text


Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=64)]
TemplateSlug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+([-_][a-z0-9]+)*$", max_length=64)]
ContentSid = Annotated[str, StringConstraints(pattern=r"^HX[0-9a-fA-F]{32}$")]  # Twilio's id of a WhatsApp template
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Zone = Annotated[str, AfterValidator(_zone)]
Mail = Annotated[str, StringConstraints(max_length=254), AfterValidator(_mail)]
Template = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=20_000)]
Region = Annotated[str, AfterValidator(_region)]
WebAddress = Annotated[str, StringConstraints(max_length=2000), AfterValidator(_web_address)]
Delay = Annotated[str, AfterValidator(_delay)]
TimeOfDay = Annotated[str, AfterValidator(_time_of_day)]
Subject = Annotated[str, StringConstraints(max_length=300), AfterValidator(_jinja)]
Body = Annotated[Template, AfterValidator(_jinja)]
Color = Annotated[str, StringConstraints(pattern=r"^#[0-9A-Fa-f]{6}$")]
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Z]{2})?$")]
PageLanguage = Annotated[Language, AfterValidator(_page_language)]
PictureFile = Annotated[str, StringConstraints(max_length=200), AfterValidator(_picture_file)]
