"""Taking a table away: two small buttons, CSV and Excel, for whoever may export.

    export_buttons("customers", lambda: customers.whole_list(desk.reader, desk.scope, chosen))

The table is made when a button is pressed, not on every look, and outside of the page's own run: `make_frame` gets
nothing, and what it needs of the desk it takes along. Columns are named as the reader shall see them.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import polars as pl
import streamlit as st

from dashboard.desk import Desk, here
from dashboard.export_files import as_csv, as_xlsx
from data.ledger.access import access_of
from data.permissions import Action
from invitations.account_download import account_download
from invitations.actor import Refused
from invitations.exports import note_export

MakeFrame = Callable[[], pl.DataFrame]
_WORKBOOK = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def export_buttons(name: str, make_frame: MakeFrame) -> None:
    """Buttons that hand over the table called `name` (part of the file's name), nothing for who may not export."""
    desk = here()
    if not desk.may(Action.EXPORT):
        return
    with st.container(key=f"aw_export_{name}", horizontal=True, gap="small", width="content"):
        for label, ending, write, kind in (("CSV", "csv", as_csv, "text/csv"), ("Excel", "xlsx", as_xlsx, _WORKBOOK)):
            st.download_button(
                label,
                partial(handed_over, desk, name, ending, make_frame, write),
                file_name=f"{name.replace('_', '-')}-{desk.now:%Y-%m-%d}.{ending}",
                mime=kind,
                key=f"export_{name}_{ending}",
                icon=":material/download:",
                type="tertiary",
                on_click="ignore",
                help=f"Download this table as {'an Excel workbook' if ending == 'xlsx' else 'CSV'}",
            )


def handed_over(
    desk: Desk, name: str, ending: str, make_frame: MakeFrame, write: Callable[[pl.DataFrame, str], bytes]
) -> bytes:
    """The file, once the audit has it. Raises PermissionError where the role may not (any more)."""
    with desk.ledger.read() as c:
        access = access_of(c, desk.access.email)
    if access is None or access.places != desk.access.places:
        raise PermissionError("What this person may see has changed since the page was drawn: load it again.")
    frame = make_frame()
    refusal = note_export(desk.ledger, replace(desk.actor, role=access.role), f"{name}.{ending}", rows=frame.height)
    if isinstance(refusal, Refused):
        raise PermissionError(refusal.reason)
    return write(frame, desk.time_zone)


def account_file(desk: Desk) -> bytes:
    """The account's settings as their file; empty for whoever lost the right since the page was drawn."""
    with desk.ledger.read() as c:
        access = access_of(c, desk.access.email)
    if access is None:
        return b""
    found = account_download(desk.ledger, replace(desk, access=access).actor, now=desk.ledger.policy_now())
    return b"" if isinstance(found, Refused) else found.content
