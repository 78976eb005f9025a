"""Tables to take away: nothing in them runs, nothing in them is lost, and who took them is kept."""

import io
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime

import polars as pl
import pytest
import sqlalchemy as sa

from dashboard.desk import Desk
from dashboard.export_files import as_csv, as_xlsx
from dashboard.exporting import account_file, handed_over
from data.ledger import tables as t
from data.ledger.access import access_of, system_state
from data.ledger.store import Ledger
from data.settings import Settings
from data.warehouse.reader import open_reader
from data.words import Role
from invitations.exports import harmless
from tests.world import NOON, World

ZONE = "America/Chicago"


@pytest.fixture
def table() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "Name": ["=1+1", "Ana, “the first”", None],
            "Phone": ["+13125550100", "+1(312)*9", "@sum"],
            "NPS": [-12.5, 0.0, None],
            "Invited on": [datetime(2026, 11, 12, 20, 3, tzinfo=UTC), None, None],
            "Day": [date(2026, 11, 12), None, None],
            "Channels": [["sms", "email"], None, []],
        }
    )


@pytest.mark.parametrize("text", ["=cmd|' /C calc'!A0", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "＝1"])
def test_text_that_a_spreadsheet_would_run_gets_an_apostrophe(text: str) -> None:
    assert harmless(text) == f"'{text}"


@pytest.mark.parametrize("text", ["+13125550100", "Ana", "a=1", "", "5 - 3"])
def test_other_text_and_phone_numbers_stay_as_they_are(text: str) -> None:
    assert harmless(text) == text


def test_a_csv_file_keeps_numbers_accents_commas_and_the_locations_clock(table: pl.DataFrame) -> None:
    lines = as_csv(table, ZONE).decode("utf-8-sig").splitlines()
    assert lines[0] == "Name,Phone,NPS,Invited on,Day,Channels"
    assert lines[1] == '\'=1+1,+13125550100,-12.5,2026-11-12 14:03:00 -06:00,2026-11-12,"sms, email"'
    assert lines[2].startswith('"Ana, “the first”",\'+1(312)*9,0.0,')


def test_a_heading_that_came_with_somebodys_file_runs_as_little() -> None:
    assert as_csv(pl.DataFrame({"=1": ["a"]}), ZONE).decode("utf-8-sig").startswith("'=1")


def test_in_a_workbook_every_cell_is_a_string(table: pl.DataFrame) -> None:
    book = pl.read_excel(io.BytesIO(as_xlsx(table, ZONE)), engine="calamine")
    assert set(book.schema.values()) == {pl.String}
    assert book["NPS"].to_list() == ["-12.5", "0.0", None]
    assert book["Name"][0] == "'=1+1"


@pytest.fixture
def desk_of(ledger: Ledger, world: World, settings: Settings) -> Callable[[Role], Desk]:
    def desk(role: Role) -> Desk:
        with ledger.read() as c:
            access, system = access_of(c, f"{role.value}@acme.example"), system_state(c)
        assert access is not None
        reader = open_reader(ledger, settings.warehouse_folder)
        return Desk(ledger, reader, access, system, access.places, None, "of all time", NOON)

    return desk


def test_who_took_a_table_away_and_how_much_of_it_is_kept(
    table: pl.DataFrame, ledger: Ledger, desk_of: Callable[[Role], Desk]
) -> None:
    assert handed_over(desk_of(Role.MANAGER), "nps", "csv", lambda: table, as_csv) == as_csv(table, ZONE)
    with ledger.read() as c:
        line = c.execute(sa.select(t.audit).order_by(t.audit.c.audit_id.desc())).first()
    assert line is not None
    assert (line.actor, line.action, line.subject) == ("manager@acme.example", "export", "nps.csv")
    assert line.after == {"rows": 3}


def test_a_role_that_may_not_export_gets_no_file_even_with_the_button_in_hand(
    table: pl.DataFrame, ledger: Ledger, desk_of: Callable[[Role], Desk]
) -> None:
    with pytest.raises(PermissionError, match="Viewer role cannot export"):
        handed_over(desk_of(Role.VIEWER), "nps", "csv", lambda: table, as_csv)
    was_manager = desk_of(Role.MANAGER)
    with ledger.write() as c:
        c.execute(t.users.update().where(t.users.c.email == "manager@acme.example").values(role=Role.VIEWER))
    with pytest.raises(PermissionError, match="Viewer role cannot export"):
        handed_over(was_manager, "nps", "csv", lambda: table, as_csv)


def test_a_location_taken_away_meanwhile_is_not_exported(table: pl.DataFrame, desk_of: Callable[[Role], Desk]) -> None:
    desk = desk_of(Role.OWNER)
    other = replace(desk, access=replace(desk.access, places=desk.access.places[:1]))
    with pytest.raises(PermissionError, match="load it again"):
        handed_over(other, "nps", "csv", lambda: table, as_csv)


def test_who_lost_the_right_since_the_page_was_drawn_gets_no_settings(
    ledger: Ledger, desk_of: Callable[[Role], Desk]
) -> None:
    was_admin = desk_of(Role.ADMIN)
    mine = t.users.c.email == "admin@acme.example"
    assert b"[[users]]" in account_file(was_admin)
    with ledger.write() as c:
        c.execute(t.users.update().where(mine).values(role=Role.VIEWER))
    assert account_file(was_admin) == b""
    with ledger.write() as c:
        c.execute(t.users.delete().where(mine))
    assert account_file(was_admin) == b""
