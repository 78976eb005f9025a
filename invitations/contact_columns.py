"""The columns that every list of people has: an e-mail address, a phone number, and the location that a row belongs to.

Used by lists of customers, do-not-contact lists and lists of past invitations alike.
"""

from collections.abc import Sequence

import polars as pl

from invitations.columns import plain
from invitations.contacts import email_fault, emails, phone_fault, phones
from invitations.rejected import Finding, Place


def first_filled(headers: Sequence[str]) -> pl.Expr:
    """The first of the columns that has text in a row, trimmed; null when none has."""
    trimmed = [pl.col(header).str.strip_chars() for header in headers]
    filled = [pl.when(text != "").then(text) for text in trimmed]
    return pl.coalesce(filled) if filled else pl.lit(None, pl.String)


def unswapped(raw: pl.DataFrame) -> pl.DataFrame:
    """`email_text` and `phone_text`: contacts in each other's column put right, `is_swapped` saying where."""
    mail, phone = pl.col("email"), pl.col("phone")
    no_mail = ~mail.str.contains("@", literal=True).fill_null(False)
    is_number = mail.str.count_matches("[0-9]") >= 7
    swapped = no_mail & (phone.str.contains("@", literal=True) | (phone.is_null() & is_number)).fill_null(False)
    return raw.with_columns(swapped.alias("is_swapped")).with_columns(
        pl.when("is_swapped").then(phone).otherwise(mail).alias("email_text"),
        pl.when("is_swapped").then(mail).otherwise(phone).alias("phone_text"),
    )


def with_location(frame: pl.DataFrame, default: Place, places: Sequence[Place]) -> pl.DataFrame:
    """`location_id`, `region` and `location_zone` of the place that the row's `location` names by slug or name.

    The default's where it names none; where it names an unknown one, `location_id` is null.
    """
    known = {plain(text): place.location_id for place in places for text in (place.slug, place.name)}
    named = frame["location"].drop_nulls().unique()
    ids = pl.Series("named_id", [known.get(plain(text)) for text in named], dtype=pl.Int64)
    frame = frame.join(pl.DataFrame([named, ids]), on="location", how="left", maintain_order="left")
    named_id = pl.when(pl.col("location").is_null()).then(default.location_id).otherwise("named_id")
    regions = {place.location_id: place.region for place in places}
    zones = {place.location_id: place.time_zone for place in places}
    known_id = pl.col("location_id")
    return frame.with_columns(named_id.cast(pl.Int64).alias("location_id")).with_columns(
        known_id.replace_strict(regions, default=default.region, return_dtype=pl.String).alias("region"),
        known_id.replace_strict(zones, default=default.time_zone, return_dtype=pl.String).alias("location_zone"),
    )


def with_contacts(frame: pl.DataFrame) -> pl.DataFrame:
    """`email` and `phone` in our spelling, null where the text is none; numbers are read in the row's `region`."""
    numbers = pl.concat(
        [
            phones(part["phone_text"], str(region)).with_columns(pl.lit(region, pl.String).alias("region"))
            for (region,), part in frame.group_by("region")
        ]
        or [pl.DataFrame(schema={"text": pl.String, "phone": pl.String, "region": pl.String})]
    )
    return (
        frame.drop("email", "phone")
        .join(emails(frame["email_text"]), left_on="email_text", right_on="text", how="left", maintain_order="left")
        .join(numbers, left_on=["phone_text", "region"], right_on=["text", "region"], how="left", maintain_order="left")
    )


def location_finding(places: Sequence[Place]) -> Finding:
    """A location that the account has not."""
    expected = " or ".join(sorted(place.slug for place in places))
    return Finding(
        "location",
        "location",
        pl.col("location_id").is_null(),
        lambda row: f"no location of this account has this name. Expected {expected}",
    )


def contact_findings() -> tuple[Finding, ...]:
    """Addresses and numbers that are none, are missing, or were exchanged."""
    email, phone = pl.col("email_text"), pl.col("phone_text")
    return (
        Finding(
            "email",
            "email_text",
            email.is_not_null() & pl.col("email").is_null(),
            lambda row: email_fault(row["email_text"]),
        ),
        Finding(
            "phone",
            "phone_text",
            phone.is_not_null() & pl.col("phone").is_null(),
            lambda row: phone_fault(row["phone_text"], row["region"]),
        ),
        Finding(
            "email",
            "email_text",
            email.is_null() & phone.is_null(),
            lambda row: "neither an email address nor a phone number in this row; give at least one",
        ),
        Finding(
            "phone",
            "phone_text",
            pl.col("is_swapped") & (pl.col("phone").is_not_null() | pl.col("email").is_not_null()),
            lambda row: "the email address and the phone number stood in each other's column; they were exchanged",
        ),
    )
