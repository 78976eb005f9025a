"""Do not contact: who is on the list and why, adding by hand, a list of them, and allowing email again."""

import io
from typing import Any

import pytest
import sqlalchemy as sa
import xlsxwriter  # type: ignore[import-untyped]

from data.ledger import tables as t
from data.ledger.store import Ledger
from data.words import AddressKind, Channel
from tests.dashboard.conftest import Open, buttons, text
from tests.world import World, suppress

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("settings", ["sqlite"], indirect=True)]


def test_the_list_tells_why_since_when_and_who_and_grows_and_shrinks_by_hand(
    ledger: Ledger, world: World, people: dict[str, int], look: Open
) -> None:
    page = look("do_not_contact")
    assert "Nobody has said no" in text(page)
    page.button(key="bar_add").click().run()
    assert "whatever list they are on later" in text(page)
    page.text_input(key="bar_contact").set_value("ana@example").run()
    page.button(key="bar_yes").click().run()
    assert "Nothing was changed." in page.warning[0].value  # said in the dialog, where it can be mended
    page.text_input(key="bar_contact").set_value("ana@example.com").run()
    page.text_input(key="bar_because").set_value("called us").run()
    page.button(key="bar_yes").click().run()
    assert not page.exception
    shown = text(page)
    for said in ("Ana Ruiz", "ana@example.com · +1 312-555-0100", "Every channel", "Asked not to be contacted",
                 "owner@acme.example", "23 Nov"):  # fmt: skip
        assert said in shown
    with ledger.read() as c:
        newest = c.execute(sa.select(sa.func.max(t.suppressions.c.suppression_id))).scalar_one()
    page.button(key=f"lift_{newest}").click().run()
    assert "only their own START" in text(page)
    page.button(key="lift_yes").click().run()
    assert "Say why" in page.warning[0].value
    page.text_input(key="lift_because").set_value("wrote to us").run()
    page.button(key="lift_yes").click().run()
    shown = text(page)
    assert "SMS, WhatsApp" in shown
    assert "Every channel" not in shown
    assert f"lift_{newest}" not in buttons(page)


def test_viewers_and_managers_are_offered_what_they_may(
    ledger: Ledger, world: World, people: dict[str, int], look: Open
) -> None:
    suppress(ledger, world, AddressKind.EMAIL, "ben@example.com", Channel.EMAIL)
    suppress(ledger, world, AddressKind.PHONE, "+13125550999")
    viewer = look("do_not_contact", as_user="viewer")
    shown = text(viewer)
    for said in ("Ben Okafor", "This address only", "Texted STOP", "+1 312-555-0999", "Not a customer here"):
        assert said in shown
    assert {key.split("_")[0] for key in buttons(viewer)} == {"activity"}
    manager = buttons(look("do_not_contact", as_user="manager"))
    assert {"bar_add", "bar_import"} <= set(manager)
    assert not [key for key in manager if key.startswith("lift")]
    chicago = text(look("do_not_contact", location="Acme Chicago"))
    assert "Nobody matches" in chicago or "Nobody has said no" in chicago
    assert "Nobody matches" in text(look("do_not_contact", barred_reason="Unsubscribed"))


def test_a_list_says_which_columns_and_sheets_of_it_nobody_read(world: World, look: Open) -> None:
    target = io.BytesIO()
    with xlsxwriter.Workbook(target) as book:
        book.add_worksheet("Calls").write_row(0, 0, ["Email", "Reach him"])
        book.worksheets()[0].write_row(1, 0, ["cal@example.com", "312 555 0177"])
        book.add_worksheet("Letters").write_column(0, 0, ["Email", "let@example.com"])
    page = look("do_not_contact")
    page.button(key="bar_import").click().run()
    uploader: Any = page.get("file_uploader")[0]
    uploader.upload("no.xlsx", target.getvalue(), "application/octet-stream").run()
    page.button(key="bar_list_yes").click().run()
    shown = text(page)
    assert "1 will not be contacted from now on" in shown
    assert "Not used: Reach him" in shown
    assert "nobody on: “Letters”" in shown
