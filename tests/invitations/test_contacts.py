"""E-mail addresses and phone numbers as people type them."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from invitations.contacts import clean_email, clean_phone, email_fault, emails, phone_fault, phones


@pytest.mark.parametrize(
    ("typed", "address"),
    [
        ("ana@example.com", "ana@example.com"),
        (" Ana.Ruiz@Example.COM ", "ana.ruiz@example.com"),
        ("ana+dentist@example.com", "ana+dentist@example.com"),
        ("Ana Ruiz <ana@example.com>", "ana@example.com"),
        ("jürgen@example.com", "jürgen@example.com"),
        ("o'hara@example.co.uk", "o'hara@example.co.uk"),
        ("ana@example", None),
        ("ana@@example.com", None),
        ("ana.example.com", None),
        ("ana@exa mple.com", None),
        ("ana..ruiz@example.com", None),
        ("ana@example.com, bo@example.com", None),
        ("ana@localhost", None),
        ("n/a", None),
        ("x" * 400 + "@example.com", None),
    ],
)
def test_an_email_address_is_cleaned_or_refused(typed: str, address: str | None) -> None:
    assert clean_email(typed) == address
    assert dict(emails(pl.Series([typed, None])).rows()) == {typed: address}


@pytest.mark.parametrize(
    ("typed", "region", "number"),
    [
        ("(312) 555-0123", "US", "+13125550123"),
        ("312.555.0123", "US", "+13125550123"),
        ("1 312 555 0123", "US", "+13125550123"),
        ("+1-312-555-0123", "US", "+13125550123"),
        ("3125550123", "CA", "+13125550123"),
        ("3125550123", "GB", None),
        ("020 7946 0958", "GB", "+442079460958"),
        ("13125550123.0", "US", "+13125550123"),
        ("3125550123.00", "US", "+13125550123"),
        ("2079460958.0", "GB", "+442079460958"),
        ("3125550123.5", "US", None),
        ("+49 30 901820", "US", "+4930901820"),
        ("312-555-012", "US", None),
        ("555-0123", "US", None),
        ("111-555-0123", "US", None),
        ("3.12556E+9", "US", None),
        ("call after six", "US", None),
        ("1" * 500, "US", None),
    ],
)
def test_a_phone_number_is_read_in_its_country_or_refused(typed: str, region: str, number: str | None) -> None:
    assert clean_phone(typed, region) == number
    assert dict(phones(pl.Series([typed, None]), region).rows()) == {typed: number}


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (phone_fault("3.12556E+9", "US"), "spreadsheet"),
        (phone_fault("312-555", "US"), "too short"),
        (phone_fault("312-555-0123-999999", "US"), "too long"),
        (phone_fault("ana@example.com", "US"), "email address in the column"),
        (phone_fault("111-555-0123", "US"), "+"),
        (email_fault("ana.example.com"), "name@example.com"),
    ],
)
def test_a_fault_says_what_was_expected(fault: str, told: str) -> None:
    assert told in fault
    assert len(fault) <= 300


@given(
    st.from_regex(r"\A\+?1?[ .-]?\(?[0-9]{3}\)?[ .-]?[0-9]{3}[ .-]?[0-9]{4}\Z")
    | st.from_regex(r"\A(\+1|1|)[2-9][0-9]{9}\Z"),
    st.sampled_from(["US", "CA"]),
)
@pytest.mark.slow
def test_the_fast_reading_of_phone_numbers_agrees_with_the_library(typed: str, region: str) -> None:
    assert phones(pl.Series([typed]), region)["phone"].to_list() == [clean_phone(typed, region)]


@given(
    st.emails()
    | st.from_regex(r"\A[A-Za-z0-9._+-]{1,70}@[a-zA-Z0-9.-]{1,12}\.(com|org|test|co\.uk|xn--p1ai)\Z")
    | st.text(max_size=12)
)
@pytest.mark.slow
def test_the_fast_reading_of_mail_addresses_agrees_with_the_library(typed: str) -> None:
    assert emails(pl.Series([typed]))["email"].to_list() == [clean_email(typed)]
