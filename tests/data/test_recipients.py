"""Where somebody is: known zone, else postal code, else area code, else location; in doubt, everywhere they may be."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data import distinct
from data.areas import country_zones, is_zone, phone_area, postal_area, zone_states
from data.recipients import locate
from tests.examples import examples

CHICAGO, NEW_YORK, LOS_ANGELES = "America/Chicago", "America/New_York", "America/Los_Angeles"
AT_HOME = {"location_zone": CHICAGO, "location_region": "US"}
CLUES = ("time_zone", "postal_code", "country", "phone", "location_zone", "location_region")


def where(**known: str) -> tuple[str, str, str]:
    """Zones, regions and country of somebody of whom this is known; the shop in Chicago asks, unless told otherwise."""
    frame = pl.DataFrame([dict.fromkeys(CLUES) | AT_HOME | known], schema=dict.fromkeys(CLUES, pl.String))
    [row] = locate(frame).select("zones", "regions", "recipient_country").rows()
    return row


def zones_of(**known: str) -> set[str]:
    return set(where(**known)[0].split("|"))


def regions_of(**known: str) -> set[str]:
    return set(where(**known)[1].split("|")) - {""}


# --- what goes before what ----------------------------------------------------------------------------------------


def test_of_whom_nothing_is_known_the_shops_own_clock_and_country_hold_and_no_state() -> None:
    assert where() == (CHICAGO, "", "US")


def test_an_area_code_says_the_zone_and_the_state() -> None:
    assert where(phone="+13055550123") == (NEW_YORK, "US-FL", "US")
    assert where(phone="+12125550123") == (NEW_YORK, "US-NY", "US")


def test_a_zip_goes_before_an_area_code_for_the_zone_and_for_the_state() -> None:
    assert where(postal_code="33101", phone="+13125550123") == (NEW_YORK, "US-FL", "US")
    assert where(postal_code="60601", phone="+13055550123") == (CHICAGO, "US-IL", "US")


def test_a_known_zone_goes_before_a_zip_and_the_state_is_still_the_zips() -> None:
    assert where(time_zone=LOS_ANGELES, postal_code="33101", phone="+13125550123") == (LOS_ANGELES, "US-FL", "US")


def test_a_zone_that_nobody_knows_is_as_good_as_none() -> None:
    assert where(time_zone="Central", phone="+13055550123") == (NEW_YORK, "US-FL", "US")
    assert where(time_zone="America", phone="+13055550123") == (NEW_YORK, "US-FL", "US")


# --- what is not certain ------------------------------------------------------------------------------------------


def test_an_area_code_of_two_zones_means_both() -> None:
    assert where(phone="+18505550123") == (f"{CHICAGO}|{NEW_YORK}", "US-FL", "US")  # Florida's panhandle
    assert zones_of(phone="+12085550123") >= {"America/Boise", LOS_ANGELES}  # Idaho


@pytest.mark.slow
def test_who_moved_and_kept_the_number_has_the_hours_of_both_states_they_may_be_in() -> None:
    zones, regions, country = where(time_zone=LOS_ANGELES, phone="+13055550123")
    assert (zones, country) == (LOS_ANGELES, "US")
    assert set(regions.split("|")) == {"US-FL"} | zone_states(LOS_ANGELES)
    assert {"US-CA", "US-WA"} <= zone_states(LOS_ANGELES)


def test_a_known_zone_that_fits_the_number_leaves_its_state_alone() -> None:
    assert where(time_zone=NEW_YORK, phone="+18505550123") == (NEW_YORK, "US-FL", "US")
    assert where(time_zone="America/Detroit", phone="+13135550123") == ("America/Detroit", "US-MI", "US")
    assert where(time_zone="US/Central", phone="+13125550123") == ("US/Central", "US-IL", "US")  # another name of it


def test_a_foreign_number_beside_a_postal_code_without_a_country_means_both_countries() -> None:
    paris_or_texas = where(postal_code="75001", phone="+33612345678")
    assert paris_or_texas == (f"{CHICAGO}|Europe/Paris", "US-TX", "FR")
    assert where(postal_code="75001", phone="+33612345678", country="FR") == ("Europe/Paris", "", "FR")
    assert where(postal_code="75001", phone="+33612345678", country="US") == (CHICAGO, "US-TX", "US")


def test_a_country_that_contradicts_the_number_means_both() -> None:
    assert zones_of(country="DE", phone="+13055550123") == {"Europe/Berlin", NEW_YORK}
    assert zones_of(country="US", phone="+447700900123") == {CHICAGO, "Europe/London"}
    assert where(country="DE", phone="+13055550123")[2] == "DE"


# --- numbers without a place --------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", ["+18005550123", "+18885550123", "+15005550006", "+80012345678", "+883510000000"])
def test_toll_free_numbers_and_others_without_a_place_leave_it_to_the_shop(number: str) -> None:
    assert where(phone=number) == (CHICAGO, "", "US")


def test_a_mobile_number_abroad_means_all_zones_of_its_country() -> None:
    assert where(phone="+447700900123") == ("Europe/London", "", "GB")
    assert zones_of(phone="+61412345678") == country_zones("AU") > {"Australia/Sydney", "Australia/Perth"}


def test_a_mobile_number_of_the_shops_own_country_means_the_shops_zone() -> None:
    in_sydney = {"location_zone": "Australia/Sydney", "location_region": "AU"}
    assert where(phone="+61412345678", **in_sydney) == ("Australia/Sydney", "", "AU")
    assert zones_of(phone="+61298765432", **AT_HOME) == {"Australia/Sydney"}  # a landline, asked from Chicago


def test_countries_that_share_a_calling_code_are_told_apart() -> None:
    assert where(phone="+77011234567")[2] == "KZ"
    assert where(phone="+79161234567")[2] == "RU"
    assert where(phone="+14165550123") == ("America/Toronto", "CA-ON", "CA")
    assert where(phone="+18765550123")[2] == "JM"


# --- postal codes -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("written", ["02134", "2134", "02134-1234", "2134-1234", "021341234", "21341234", " 02134 "])
def test_a_zip_is_read_however_people_and_spreadsheets_write_it(written: str) -> None:
    assert where(postal_code=written, phone="+13125550123") == (NEW_YORK, "US-MA", "US")


@pytest.mark.parametrize(
    "written", ["00000", "99999", "09001", "abc", "6", "", "SW1A 1AA", "\u0666\u0660\u0666\u0660\u0661"]
)
def test_a_zip_that_is_none_leaves_it_to_the_area_code(written: str) -> None:
    """09001 is the army's abroad; the last is 60601 in Arabic digits, which the table of ZIPs breaks on."""
    assert where(postal_code=written, phone="+13055550123") == (NEW_YORK, "US-FL", "US")


def test_a_canadian_code_is_known_by_its_looks_and_says_the_province() -> None:
    assert where(postal_code="M5V 3L9") == ("America/Toronto|America/Winnipeg", "CA-ON", "CA")
    assert where(postal_code="t2p1j9", phone="+13125550123") == ("America/Edmonton", "CA-AB", "CA")
    assert regions_of(postal_code="X1A 1A1") == {"CA-NT", "CA-NU"}
    assert where(postal_code="H2Y", country="CA")[1] == "CA-QC"


def test_a_postal_code_of_another_country_means_all_its_zones() -> None:
    assert where(postal_code="10115", country="DE", phone="+13125550123") == ("Europe/Berlin", "US-IL", "DE")
    assert zones_of(postal_code="6000", country="AU") == country_zones("AU")
    assert where(postal_code="10115", location_zone="Europe/Berlin", location_region="DE")[0] == "Europe/Berlin"


def test_a_country_without_a_postal_code_is_the_shops_zone_at_home_and_all_of_it_abroad() -> None:
    assert where(country="us") == (CHICAGO, "", "US")
    assert where(country="NZ")[2] == "NZ"
    assert zones_of(country="NZ") == {"Pacific/Auckland", "Pacific/Chatham"}
    assert where(country="XX") == (CHICAGO, "", "US")
    assert where(country="fr", postal_code="75001") == ("Europe/Paris", "", "FR")
    assert where(country="XX", postal_code="33101") == (NEW_YORK, "US-FL", "US")


def test_puerto_rico_keeps_its_own_clock_under_the_laws_of_the_united_states() -> None:
    there = ("America/Puerto_Rico", "US-PR", "US")
    assert where(postal_code="901") == where(postal_code="00901", phone="+13125550123") == there
    assert where(phone="+17875550123") == where(country="PR", phone="+17875550123") == there
    assert where(location_zone="America/Puerto_Rico", location_region="PR") == ("America/Puerto_Rico", "", "US")


def test_who_is_known_to_live_by_another_countrys_clock_is_taken_to_be_there() -> None:
    assert where(time_zone="Europe/Berlin") == ("Europe/Berlin", "", "DE")
    assert where(time_zone=NEW_YORK) == (NEW_YORK, "", "US")
    vienna = {"location_zone": "Europe/Vienna", "location_region": "AT"}
    assert where(time_zone="Europe/Berlin", **vienna) == ("Europe/Berlin", "", "AT")  # the same clock


# --- the tables ---------------------------------------------------------------------------------------------------


def test_the_areas_of_every_state_with_stricter_hours_are_known() -> None:
    for area, state in {
        "203": "CT", "305": "FL", "410": "MD", "601": "MS", "201": "NJ", "405": "OK", "512": "TX", "401": "RI",
    }.items():  # fmt: skip
        assert phone_area(f"+1{area}").regions == {f"US-{state}"}
    for zip_code, state in {
        "06103": "CT", "33101": "FL", "21201": "MD", "39201": "MS", "07102": "NJ", "73102": "OK", "78701": "TX",
        "02903": "RI",
    }.items():  # fmt: skip
        assert postal_area(zip_code, None, "US").regions == {f"US-{state}"}


def test_every_area_code_of_the_states_has_a_state_and_only_zones_that_exist() -> None:
    areas = [phone_area(f"+1{number}") for number in range(200, 1000)]
    of_states = [area for area in areas if area.country == "US"]
    assert len(of_states) > 300
    assert all(area.regions and area.zones for area in of_states)
    assert all(is_zone(zone) for area in areas for zone in area.zones)
    states = {region for area in of_states for region in area.regions}
    assert len(states) == 51  # and the District of Columbia


# --- the frame ----------------------------------------------------------------------------------------------------

texts = st.none() | st.sampled_from(["", "60601", "33101-0001", "M5V 3L9", "75001", "zzz"])
people = st.fixed_dictionaries({
    "time_zone": st.none() | st.sampled_from([NEW_YORK, "Nowhere/At_all"]),
    "postal_code": texts,
    "country": st.none() | st.sampled_from(["US", "FR", "CA"]),
    "phone": st.none() | st.sampled_from(["+13055550123", "+18005550123", "+33612345678", "+", "+1"]),
    "location_zone": st.sampled_from([CHICAGO, "Europe/Paris"]),
    "location_region": st.sampled_from(["US", "FR"]),
})  # fmt: skip


@settings(max_examples=examples(12))
@given(rows=st.lists(people, max_size=8))
@pytest.mark.slow
def test_each_row_keeps_its_place_and_its_columns_and_is_answered_as_if_it_were_alone(
    rows: list[dict[str, str | None]],
) -> None:
    frame = pl.DataFrame(rows, schema=dict.fromkeys(CLUES, pl.String)).with_row_index("customer_id")
    found = locate(frame)
    assert found.height == frame.height
    assert found.drop("zones", "regions", "recipient_country").equals(frame)
    for number in range(frame.height):
        assert locate(frame[number]).equals(found[number])
    assert all(is_zone(zone) for zones in found["zones"] for zone in zones.split("|"))
    assert found["recipient_country"].str.len_chars().is_in([2]).all()


@settings(max_examples=examples(12))
@given(rows=st.lists(people, max_size=8))
@pytest.mark.slow
def test_a_few_rows_are_answered_as_they_are_among_many(rows: list[dict[str, str | None]]) -> None:
    frame = pl.DataFrame(rows, schema=dict.fromkeys(CLUES, pl.String))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(distinct, "FEW", -1)  # what is done for a great many rows at once
        as_many = locate(frame)
    assert locate(frame).equals(as_many)
