"""E-mail addresses and phone numbers as people type them, made into the one spelling that identifies a person.

E-mail: `email-validator` without a DNS query, then all in lower case, because mailboxes that tell Ana@ from ana@ are
rarer than people who type both, and someone who said no under one spelling must not be asked under the other.
Phone: E.164 by `phonenumbers`, read in the location's country. Both have a fast path that agrees with the library.
"""

import re
from collections.abc import Callable
from functools import cache

import phonenumbers
import polars as pl
from email_validator import EmailNotValidError, validate_email

_EASY_MAIL = r"^([a-z0-9]+(?:[._+-][a-z0-9]+)*)@((?:[a-z0-9]+(?:-[a-z0-9]+)*\.)+[a-z]{2,})$"
# Ten digits as North Americans write them, with or without the 1.
_EASY_NANP = r"^(?:\+?1[ .-]?)?(?:\([0-9]{3}\) ?|[0-9]{3}[ .-]?)[0-9]{3}[ .-]?[0-9]{4}$"
_NANP_REGIONS = frozenset({"US", "CA"})
_AS_FRACTION = re.compile(r"^\s*(\+?[0-9]{7,15})\.0+\s*$")  # 13125550124.0: a column of numbers with gaps, exported
_LONGEST_TEXT = 320  # nothing longer is an address; the libraries need not look at it


def clean_email(text: str) -> str | None:
    """The address in our spelling; None when it is none."""
    try:
        return _validated(text)
    except EmailNotValidError:
        return None


def clean_phone(text: str, region: str) -> str | None:
    """The number in E.164, read in `region` (ISO country) unless it says its own; None when it is none."""
    number = _parsed(text, region)
    if number is None or not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def email_fault(text: str) -> str:
    """Why `text` is no e-mail address, and what is expected."""
    try:
        _validated(text)
    except EmailNotValidError as fault:
        return f"not an email address: {fault} Expected one such as name@example.com"
    return "an email address"


def phone_fault(text: str, region: str) -> str:
    """Why `text` is no phone number, and what is expected."""
    example = phonenumbers.example_number(region)
    shown = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.NATIONAL) if example else "a number"
    expected = f"Expected one such as {shown}, or with its country code after a +"
    if re.fullmatch(r"[0-9]+(?:[.,][0-9]+)?[eE]\+?[0-9]+", text.strip()):
        return "shortened by a spreadsheet, its last digits are gone: format the column as text and export again"
    if "@" in text:
        return f"an email address in the column for phone numbers. {expected}"
    number = _parsed(text, region)
    reason = phonenumbers.is_possible_number_with_reason(number) if number else None
    if reason == phonenumbers.ValidationResult.TOO_SHORT:
        return f"too short for a phone number. {expected}"
    if reason == phonenumbers.ValidationResult.TOO_LONG:
        return f"too long for a phone number. {expected}"
    return f"not a phone number in use. {expected}"


def emails(texts: pl.Series) -> pl.DataFrame:
    """`text` (each distinct one) and `email` (null when it is none)."""
    frame = pl.DataFrame({"text": texts.drop_nulls().unique()}).with_columns(
        pl.col("text").str.strip_chars().str.to_lowercase().alias("easy")
    )
    parts = frame.with_columns(
        pl.col("easy").str.extract(_EASY_MAIL, 1).alias("name"),
        pl.col("easy").str.extract(_EASY_MAIL, 2).alias("domain"),
    )
    domains = parts["domain"].drop_nulls().unique()
    sound = pl.Series([d for d in domains if clean_email(f"a@{d}") == f"a@{d}"], dtype=pl.String)
    is_easy = (
        pl.col("domain").is_in(sound.implode())
        & (pl.col("name").str.len_bytes() <= 64)
        & (pl.col("easy").str.len_bytes() <= 254)
    ).fill_null(False)
    return _easy_and_hard(parts.with_columns(is_easy.alias("is_easy")), "email", clean_email)


def phones(texts: pl.Series, region: str) -> pl.DataFrame:
    """`text` (each distinct one) and `phone` (E.164; null when it is none), read in `region`."""
    frame = pl.DataFrame({"text": texts.drop_nulls().unique()})
    if region in _NANP_REGIONS:
        ten = pl.col("text").str.replace_all(r"[^0-9]", "").str.tail(10)
        is_easy = pl.col("text").str.contains(_EASY_NANP) & ten.str.contains(_us_numbers())
        frame = frame.with_columns((pl.lit("+1") + ten).alias("easy"), is_easy.fill_null(False).alias("is_easy"))
    else:
        frame = frame.with_columns(pl.lit(None, pl.String).alias("easy"), pl.lit(False).alias("is_easy"))
    return _easy_and_hard(frame, "phone", lambda text: clean_phone(text, region))


def _easy_and_hard(frame: pl.DataFrame, name: str, clean: Callable[[str], str | None]) -> pl.DataFrame:
    """The easy texts as they are, and each of the others by its library."""
    easy = frame.filter("is_easy").select("text", pl.col("easy").alias(name))
    hard = frame.filter(~pl.col("is_easy"))["text"]
    cleaned = pl.Series(name, [clean(text) for text in hard], dtype=pl.String)
    return pl.concat([easy, pl.DataFrame([hard.alias("text"), cleaned])])


def _validated(text: str) -> str:
    if len(text) > _LONGEST_TEXT:
        raise EmailNotValidError("It is far too long.")
    text = re.sub(r"^'(?=[=+\-])", "", text.strip())  # put there by `exports.harmless`, in a file that came back
    return validate_email(text, check_deliverability=False, allow_display_name=True).normalized.lower()


def _parsed(text: str, region: str) -> phonenumbers.PhoneNumber | None:
    if len(text) > _LONGEST_TEXT:
        return None
    try:
        return phonenumbers.parse(_AS_FRACTION.sub(r"\1", text), region)
    except phonenumbers.NumberParseException:
        return None


@cache
def _us_numbers() -> str:
    """Every geographic number of the United States, from the library's own metadata."""
    metadata = phonenumbers.PhoneMetadata.metadata_for_region("US")
    pattern = metadata.fixed_line.national_number_pattern if metadata and metadata.fixed_line else None
    return f"^(?:{pattern})$" if pattern else r"[^\s\S]"  # without metadata nothing is easy: the library decides
