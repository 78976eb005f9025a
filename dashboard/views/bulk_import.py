"""Bulk import: a list of customers is brought, its columns named, checked, imported; and the lists that came."""

from dataclasses import asdict, dataclass
from pathlib import Path

import streamlit as st
from markupsafe import Markup

from connectors.csv_file import UnreadableFile
from dashboard.components.confirm import remember
from dashboard.components.import_check import show_charts, show_figures, show_rejected
from dashboard.components.import_columns import choose_columns, problem_with
from dashboard.components.import_history import show_history
from dashboard.components.import_settings import choose_settings
from dashboard.components.page import empty, title
from dashboard.desk import Desk, here
from dashboard.wording import counted
from data.permissions import Action
from invitations.actor import Done, Refused
from invitations.import_report import ImportReport
from invitations.import_rights import refuse_import
from invitations.uploads import ListChoice, Preview, Upload, ask_to_import, check_list, preview

_CSS = Path(__file__).parents[1] / "components" / "import.css"
_ROUND, _CHECKED, _PREVIEW = "import_round", "import_checked", "import_preview"
_MOST_MEGABYTES = 200


@dataclass(frozen=True, slots=True)
class _Checked:
    """A check, and of what: anything changed since makes it void."""

    of: tuple[str, ListChoice]
    report: ImportReport


def show() -> None:
    desk = here()
    st.html(_CSS)
    title(
        "Bulk import", "Send invitations to many customers at once: bring a list, see what would come of it, import it"
    )
    with desk.ledger.read() as c:
        refusal = refuse_import(c, desk.actor)
    if refusal is not None:
        empty("Bulk import is not available to you", refusal.reason, name="import")
        if desk.may(Action.UNDO_IMPORT):  # a plan that has no imports any more leaves lists that have not all gone
            show_history(desk)
        return
    # The lists keep their place while the form grows: drawn one after the other, the page would become shorter for a
    # moment, and whoever presses a button at its end would find another thing under the pointer.
    form, lists = st.container(key="aw_import_form"), st.container(key="aw_import_lists")
    with form:
        _bring(desk)
    with lists:
        show_history(desk)


def _bring(desk: Desk) -> None:
    """From the file to the button that imports it."""
    this_round = st.session_state.setdefault(_ROUND, 0)
    file = st.file_uploader(
        "Your list: CSV or Excel (.xlsx), with a line of column names and a line for each customer",
        type=["csv", "xlsx", "txt", "tsv"], key=f"import_file_{this_round}", max_upload_size=_MOST_MEGABYTES,
        help="Include both email and phone columns, so that you can choose either channel without importing again.",
    )  # fmt: skip
    if file is None:
        return
    upload = Upload(file.name, file.getvalue())
    found = _previewed(upload, file.file_id)
    if isinstance(found, str):
        st.error(_plain(found), icon=":material/error:")
        return
    key = f"{this_round}_{file.file_id}"
    _step(1, "Columns", f"{found.form} · {counted(found.row_count, 'row')}")
    columns = choose_columns(found, key)
    _step(2, "The list", "")
    chosen = choose_settings(desk, upload.name, key)
    values = {name: value for name, value in asdict(chosen).items() if name != "problem"}
    choice = ListChoice(columns=columns, **values)
    _check_and_import(desk, upload, file.file_id, choice, problem_with(found, columns) or chosen.problem)


def _check_and_import(desk: Desk, upload: Upload, file_id: str, choice: ListChoice, problem: str | None) -> None:
    _step(3, "Check", "Nothing is written, and nobody is asked, before you import.")
    checked: _Checked | None = st.session_state.get(_CHECKED)
    is_current = checked is not None and checked.of == (file_id, choice)
    if problem:
        st.html(Markup('<p class="aw-note">{}</p>').format(problem))
    label = "Check the list" if checked is None else "Check again"
    if not is_current and st.button(
        label, type="primary", icon=":material/fact_check:", key="import_check", disabled=problem is not None
    ):
        with st.spinner("Looking at the list, and at what would come of it…"):
            report = check_list(desk.ledger, desk.actor, upload, choice)
        if isinstance(report, Refused):
            st.session_state.pop(_CHECKED, None)
            st.error(_plain(report.reason), icon=":material/error:")
            return
        checked = st.session_state[_CHECKED] = _Checked((file_id, choice), report)
        st.rerun()
    if checked is None or not is_current:
        if checked is not None and not problem:
            st.html('<p class="aw-faint">Something was changed since the last check.</p>')
        return
    if checked.report.is_repeat:
        st.warning(_plain(_repeat(checked.report)), icon=":material/info:")
        return
    show_figures(checked.report)
    comers = checked.report.new_count + checked.report.known_count
    if not comers:
        st.html('<p class="aw-note">Nobody of this file can be taken in.</p>')
    else:
        st.button(
            f"Import {counted(comers, 'customer')}", type="primary", icon=":material/upload:", key="import_yes",
            on_click=_import, args=(upload, choice),
        )  # fmt: skip
    show_charts(checked.report, desk)
    if checked.report.rejected:
        show_rejected(checked.report.rejected, name="rows_to_mend")


def _repeat(report: ImportReport) -> str:
    return " ".join(report.notes) or (
        "This file was imported before under this name, so nobody would come in again. Give the list another name if "
        "that is what you want."
    )


def _import(upload: Upload, choice: ListChoice) -> None:
    desk = here()
    answer = ask_to_import(desk.ledger, desk.actor, upload, choice, now=desk.ledger.policy_now())
    remember(answer)
    if isinstance(answer, Done):  # the form is emptied
        st.session_state[_ROUND] += 1
        st.session_state.pop(_CHECKED, None)
        st.session_state.pop(_PREVIEW, None)


def _previewed(upload: Upload, file_id: str) -> Preview | str:
    """Read once a file, not once a look; why it cannot be, in words."""
    kept: tuple[str, Preview | str] | None = st.session_state.get(_PREVIEW)
    if kept is None or kept[0] != file_id:
        found: Preview | str
        try:
            found = preview(upload)
        except UnreadableFile as problem:
            found = str(problem)
        kept = st.session_state[_PREVIEW] = (file_id, found)
    return kept[1]


def _step(number: int, name: str, below: str) -> None:
    st.html(Markup('<h2 class="aw-step">{}. {}</h2><p class="aw-below">{}</p>').format(number, name, below))


def _plain(text: str) -> str:
    """For an element that reads Markdown: the file's own words stay words."""
    return "".join(f"\\{sign}" if sign in r"\`*_{}[]()#+-!|~<>$:" else sign for sign in text)


show()
