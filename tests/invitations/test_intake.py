"""Rows of a file made into customers, and every complaint told."""

from datetime import UTC, datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.csv_file import UnreadableFile, read_csv
from invitations.exports import harmless
from invitations.intake import Intake, Place, clean_text, take_rows
from invitations.rejected import RejectedRow

CHICAGO = Place(1, "chicago", "Acme Chicago", "US", "America/Chicago")
LONDON = Place(2, "london", "Acme London", "GB", "Europe/London")
PLACES = [CHICAGO, LONDON]
NOW = datetime(2026, 11, 23, 18, 0, tzinfo=UTC)


def take(text: str) -> Intake:
    return take_rows(read_csv(text.encode()), CHICAGO, PLACES, now=NOW)


def only(text: str) -> dict[str, object]:
    [row] = take(text).rows.to_dicts()
    return row


def complaint(text: str) -> RejectedRow:
    [row] = take(text).rejected
    return row


@pytest.mark.parametrize(
    "header",
    [
        "First Name,Last Name,E-Mail,Mobile,Technician,Treatment",
        "given_name,surname,email,cell,employee,service",
        "Vorname,Nachname,Mail,Telefon,Mitarbeiter,Leistung",
        "Nombre,Apellidos,Correo electrónico,Teléfono,Empleado,Servicio",
        "PRÉNOM,NOM,Courriel,Portable,Employé,Soin",
        "firstname,lastname,Email Address,Phone Number,Staff,Procedure",
        "Prénom,Nom,Adresse e-mail,N° de téléphone,Employé,Soin",
        "Vorname,Nachname,E-Mail-Adresse,Mobiltelefon,Mitarbeiter,Leistung",
        "Vorname,Nachname,E-Mail,Rufnummer,Mitarbeiter,Leistung",
    ],
)
def test_columns_are_known_by_their_usual_names(header: str) -> None:
    row = only(f"{header}\nAna,Ruiz,ana@example.com,312-555-0123,Dr. Lee,Cleaning\n")
    assert {name: value for name, value in row.items() if value is not None} == {
        "line": 2, "location_id": 1, "email": "ana@example.com", "phone": "+13125550123", "first_name": "Ana",
        "last_name": "Ruiz", "employee": "Dr. Lee", "service": "Cleaning",
    }  # fmt: skip


def test_a_title_above_the_column_names_is_told_to_be_removed() -> None:
    with pytest.raises(UnreadableFile, match="further down in the file, remove the lines above them"):
        take("Customers of November;;\n;;\nFirst name;Last name;Email\nAna;Ruiz;ana@example.com\n")


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("Ana Ruiz", "Ana", "Ruiz"),
        ("Ana María Ruiz", "Ana", "María Ruiz"),
        ('"Ruiz, Ana"', "Ana", "Ruiz"),
        ("Ana", "Ana", None),
    ],
)
def test_a_whole_name_is_split(name: str, first: str, last: str | None) -> None:
    row = only(f"Name,email\n{name},ana@example.com\n")
    assert (row["first_name"], row["last_name"]) == (first, last)


def test_a_second_phone_column_fills_the_gaps_of_the_first() -> None:
    taken = take("phone,mobile\n312-555-0101,312-555-0102\n312-555-0103,\n")
    assert taken.rows["phone"].to_list() == ["+13125550102", "+13125550103"]


def test_columns_that_mean_nothing_to_us_are_named() -> None:
    assert take("email,Shoe Size\na@example.com,43\n").unread_columns == ("Shoe Size",)


def test_a_file_without_any_contact_column_is_refused_with_what_it_has() -> None:
    with pytest.raises(UnreadableFile, match="Found: name, shoe"):
        take("name,shoe\nAna,43\n")


def test_a_row_is_kept_with_its_good_contact_and_the_bad_one_is_told() -> None:
    taken = take("name,email,phone\nAna Ruiz,ana.example.com,312-555-0123\n")
    assert taken.rows["phone"].to_list() == ["+13125550123"]
    [row] = taken.rejected
    assert (row.line, row.column_name, row.value, row.is_row_kept) == (2, "email", "ana.example.com", True)


def test_a_row_that_cannot_be_reached_is_turned_away_with_its_whole_row() -> None:
    row = complaint("name,E-Mail\nAna Ruiz,ana.example.com\nBo,bo@example.com\n")
    assert (row.line, row.column_name, row.value, row.is_row_kept) == (2, "E-Mail", "ana.example.com", False)
    assert row.row == {"name": "Ana Ruiz", "E-Mail": "ana.example.com"}
    assert "name@example.com" in row.reason


def test_a_row_without_any_contact_is_turned_away() -> None:
    row = complaint("name,email,phone\nAna,,\nBo,bo@example.com,\n")
    assert (row.line, row.value, row.is_row_kept) == (2, "", False)
    assert "neither" in row.reason


def test_contacts_in_each_others_column_are_exchanged_and_told() -> None:
    taken = take("name,email,phone\nAna,(312) 555-0123,ana@example.com\nBo,312 555 0199,\n")
    assert taken.rows.select("email", "phone").rows() == [("ana@example.com", "+13125550123"), (None, "+13125550199")]
    assert [(row.line, row.is_row_kept) for row in taken.rejected] == [(2, True), (3, True)]
    assert "each other's column" in taken.rejected[0].reason


def test_the_location_column_decides_for_its_row_and_in_which_country_numbers_are_read() -> None:
    taken = take("email,phone,branch\na@example.com,312 555 0123,\n,020 7946 0958,Acme London\n,020 7946 0959,LONDON\n")
    assert taken.rows.select("location_id", "phone").rows() == [
        (1, "+13125550123"), (2, "+442079460958"), (2, "+442079460959"),
    ]  # fmt: skip


def test_an_unknown_location_turns_its_row_away() -> None:
    row = complaint("email,location\na@example.com,Paris\nb@example.com,chicago\n")
    assert (row.line, row.column_name, row.value, row.is_row_kept) == (2, "location", "Paris", False)
    assert "chicago or london" in row.reason


def test_a_broken_row_is_told_with_all_its_cells() -> None:
    taken = take("name,email\nAna,ana@example.com\nBo,bo@example.com,what,else\n")
    assert (taken.row_count, len(taken.rows)) == (2, 1)
    [row] = taken.rejected
    assert (row.line, row.column_name) == (3, "(whole row)")
    assert row.row == {"name": "Bo", "email": "bo@example.com", "column 3": "what", "column 4": "else"}


@pytest.mark.parametrize(
    ("language", "locale"), [("en", "en"), ("ES", "es"), ("pt_br", "pt-BR"), ("de-AT", "de-AT"), ("", None)]
)
def test_a_language_code_is_kept_in_one_spelling(language: str, locale: str | None) -> None:
    assert only(f"email,language\na@example.com,{language}\n")["locale"] == locale


def test_a_language_that_is_no_code_is_left_out_and_told() -> None:
    row = complaint("email,language\na@example.com,Klingonish\n")
    assert (row.column_name, row.is_row_kept) == ("language", True)


def test_names_keep_umlauts_and_apostrophes_and_lose_what_is_unseen() -> None:
    row = only("first name,last name,email\n  Zoë\t ,O’Nei\u200bl,zoe@example.com\n")
    assert (row["first_name"], row["last_name"]) == ("Zoë", "O’Neil")


def test_a_name_with_a_letter_that_cannot_be_read_is_left_out_and_told() -> None:
    taken = take_rows(
        read_csv("email,name\nana@example.com,Ana Lefèvre\n".encode("mac-roman")), CHICAGO, PLACES, now=NOW
    )
    [row] = taken.rows.to_dicts()
    assert (row["email"], row["first_name"], row["last_name"]) == ("ana@example.com", "Ana", None)
    [told] = taken.rejected
    assert told.is_row_kept
    assert "cannot be read" in told.reason
    assert "CSV UTF-8" in told.reason


def test_an_address_that_came_back_from_our_own_file_is_the_same() -> None:
    written = [harmless(text) for text in ("-ana@example.com", "+1 (312) 555-0123")]
    assert written == ["'-ana@example.com", "'+1 (312) 555-0123"]
    row = only("email,phone\n" + ",".join(written) + "\n")
    assert (row["email"], row["phone"]) == ("-ana@example.com", "+13125550123")


def test_a_name_that_looks_like_a_formula_is_kept_as_the_text_it_is() -> None:
    assert only("first name,email\n=1+2,a@example.com\n")["first_name"] == "=1+2"


def test_a_name_that_is_far_too_long_is_cut_and_told() -> None:
    taken = take(f"first name,email\n{'x' * 300},a@example.com\n")
    assert len(str(taken.rows["first_name"][0])) == 100
    [row] = taken.rejected
    assert (row.column_name, row.value, row.is_row_kept) == ("first name", "x" * 300, True)


UNSEEN = "\n\r\t\u200b\u202e\u2028"


@given(st.text(max_size=30) | st.text("{}%# a" + UNSEEN, max_size=30))
def test_no_template_mark_and_no_line_break_gets_into_a_value(text: str) -> None:
    [cleaned] = pl.DataFrame({"v": [text]}, schema={"v": pl.String}).select(clean_text(pl.col("v")))["v"]
    assert cleaned is None or (
        not any(mark in cleaned for mark in ("{{", "}}", "{%", "%}", "{#", "#}", "  ", *UNSEEN))
        and cleaned == cleaned.strip()
    )


def test_every_row_is_either_taken_or_complained_about() -> None:
    text = "name,email,phone\n" + "".join(
        f"N{number},{mail},{phone}\n"
        for number, (mail, phone) in enumerate(
            (mail, phone) for mail in ("", "bad", "a@example.com") for phone in ("", "12", "312-555-0123")
        )
    )
    taken = take(text)
    away = {row.line for row in taken.rejected if not row.is_row_kept}
    assert len(taken.rows) + len(away) == taken.row_count == 9
    assert away.isdisjoint(taken.rows["line"].to_list())


@pytest.mark.parametrize(
    "header",
    [
        "email,Time Zone,Zip Code,Country,Visit Date,Consent,Consent basis,Relationship",
        "Mail,Zeitzone,PLZ,Land,Besuchsdatum,Einwilligung,Rechtsgrundlage,Kontaktart",
        "correo,Zona horaria,Código postal,País,Fecha de visita,Consentimiento,Base legal,Tipo de contacto",
        "courriel,Fuseau horaire,Code postal,Pays,Date de visite,Consentement,Base juridique,Type de contact",
    ],
)
def test_where_when_and_on_what_basis_are_known_by_their_usual_names(header: str) -> None:
    row = only(f"{header}\nana@example.com,america/new_york,60601,United States,2026-11-14,yes,purchase,Staff\n")
    assert (row["time_zone"], row["postal_code"], row["country"]) == ("America/New_York", "60601", "US")
    assert row["visited_at"] == datetime(2026, 11, 14, 6, 0, tzinfo=UTC)
    assert (row["is_consenting"], row["consent_basis"], row["relationship"]) == (True, "purchase", "staff")


@pytest.mark.parametrize(
    ("column", "value", "told"),
    [
        ("time zone", "Eastern", "America/Chicago"),
        ("time zone", "EST", "America/Chicago"),  # a place of that name never changes its clocks
        ("country", "Atlantis", "US"),
        ("zip", "somewhere in the west end", "60601"),
        ("visit date", "the other day", "2026-05-17"),
        ("visit date", "2027-01-01", "in the future"),
        ("consent", "perhaps", "yes nor no"),
        ("consent date", "2027-01-01", "in the future"),
        ("consent basis", "hope", "express, purchase or inquiry"),
        ("relationship", "vendor", "customer, staff or relative"),
    ],
)
def test_a_cell_about_place_visit_consent_or_relationship_that_cannot_be_read_is_told_and_its_row_kept(
    column: str, value: str, told: str
) -> None:
    taken = take(f"email,{column}\na@example.com,{value}\n")
    assert len(taken.rows) == 1
    [row] = taken.rejected
    assert (row.column_name, row.value, row.is_row_kept) == (column, value, True)
    assert told in row.reason


@pytest.mark.parametrize(
    ("written", "code"),
    [("US", "US"), ("usa", "US"), ("U.S.A.", "US"), ("UK", "GB"), ("Deutschland", "DE"), ("New Zealand", "NZ"),
     ("DEU", "DE"), ("The Netherlands", "NL"), ("Méjico", "MX"), ("Côte d'Ivoire", "CI")],
)  # fmt: skip
def test_a_country_is_known_by_its_codes_and_its_english_name(written: str, code: str) -> None:
    assert only(f'email,country\na@example.com,"{written}"\n')["country"] == code


def test_an_american_code_gets_its_leading_zeros_back_and_the_report_says_so() -> None:
    taken = take('email,zip,country\na@example.com,2115,\nb@example.com,501.0,\nc@example.com,2115,"Australia"\n')
    assert taken.rows["postal_code"].to_list() == ["02115", "00501", "2115"]
    assert any("2 codes had lost their leading zeros" in note for note in taken.notes)


def test_dates_are_read_by_the_country_of_their_rows_location() -> None:
    taken = take("email,branch,visit date\na@example.com,,03/04/2026\nb@example.com,london,03/04/2026\n")
    assert [moment.astimezone(UTC).date().isoformat() for moment in taken.rows["visited_at"]] == [
        "2026-03-04", "2026-04-02",  # midnight of the third in London is still the second in UTC
    ]  # fmt: skip
    [note] = taken.notes
    assert "month first, as is usual in US" in note
    assert "day first, as is usual in GB" in note


@pytest.mark.parametrize(
    ("cells", "is_consenting", "basis"),
    [
        ("yes,,", True, None), ("Sí,,", True, None), ("x,,", True, None), ("no,,", False, None),
        ("nein,,", False, None), (",,", None, None), ("n/a,,", None, None),
        ("11/14/2026,,", True, None), (",2026-11-14,", True, None),
        (",,purchase", True, "purchase"), ("no,,express", False, "express"),
    ],
)  # fmt: skip
def test_consent_is_a_yes_a_no_a_day_or_a_basis_and_nothing_is_assumed(
    cells: str, is_consenting: bool | None, basis: str | None
) -> None:
    row = only(f"email,consent,consent date,consent basis\na@example.com,{cells}\n")
    assert (row["is_consenting"], row["consent_basis"]) == (is_consenting, basis)


def test_columns_named_staff_and_employee_say_who_served_and_exclude_nobody() -> None:
    row = only("email,staff\na@example.com,Dr. Lee\n")
    assert (row["employee"], row["relationship"]) == ("Dr. Lee", None)
