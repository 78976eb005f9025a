"""Whom never to contact, by hand: one person, a list of them, and allowing e-mail again where that is lawful.

Each is asked in a dialog that says what follows; the rights are asked again in `invitations.suppress_by_hand` and
`invitations.restore`.
"""

from collections.abc import Sequence

import polars as pl
import streamlit as st
from markupsafe import Markup

from dashboard.components.confirm import remember
from dashboard.desk import here
from dashboard.export_files import as_csv
from dashboard.wording import counted
from invitations.actor import Done, Refused
from invitations.import_report import ImportReport
from invitations.restore import restore_email
from invitations.suppress_by_hand import LONGEST_REASON, suppress_by_hand, suppress_list

_ADDING, _IMPORTING, _LIFTING, _REPORT = "bar_one", "bar_list", "bar_lift", "bar_report"
_LARGEST_FILE = 10  # megabytes: some 200,000 people
_ASK, _REASON = "Who asked, and how", "For the audit: by phone on 3 November, say"


def open_adding() -> None:
    """For a button's on_click."""
    st.session_state[_ADDING] = True


def open_importing() -> None:
    """For a button's on_click."""
    st.session_state[_IMPORTING] = True


def open_lifting(name: str, emails: Sequence[str]) -> None:
    """For a button's on_click: to allow e-mail to one of these addresses of a person again."""
    st.session_state[_LIFTING] = (name, tuple(emails))


def show_barring() -> None:
    """The open question, if there is one."""
    state = st.session_state
    if _ADDING in state:
        st.dialog("Do not contact somebody", on_dismiss=_forget)(_add)()
    elif _IMPORTING in state:
        st.dialog("Import a do-not-contact list", on_dismiss=_forget)(_import)()
    elif _LIFTING in state:
        st.dialog("Allow email again", on_dismiss=_forget)(_lift)(*state[_LIFTING])


def _add() -> None:
    desk = here()
    with st.container(key="aw_confirm_bar"):
        contact = st.text_input("Email address or phone number", key="bar_contact", placeholder="name@example.com")
        because = st.text_input(_ASK, key="bar_because", placeholder=_REASON, max_chars=LONGEST_REASON)
        st.html(_lines(
            "They get no more SMS, email or WhatsApp from any location, whatever list they are on later.",
            "What is planned for them stops now.",
            "Texts come back only if they text START themselves.",
        ))  # fmt: skip
        if _answered("Do not contact", "bar_yes"):
            now = desk.ledger.policy_now()
            _finish(suppress_by_hand(desk.ledger, desk.actor, contact, because=because, now=now))


def _import() -> None:
    desk = here()
    report: ImportReport | None = st.session_state.get(_REPORT)
    with st.container(key="aw_confirm_bar_list"):
        if report is not None:
            _told(report)
            return
        file = st.file_uploader(
            "A CSV file or workbook with a column of email addresses or phone numbers", type=["csv", "txt", "xlsx"],
            max_upload_size=_LARGEST_FILE, key="bar_file",
        )  # fmt: skip
        because = st.text_input(
            "Where the list is from", key="bar_list_because", max_chars=LONGEST_REASON,
            placeholder="For the audit: exported from the old system, say",
        )  # fmt: skip
        st.html(_lines(
            "Nobody in the file is contacted again, on any channel or at any location.",
            "What is planned for them stops now. This cannot be undone for the whole list.",
            "The same list again changes nothing.",
        ))  # fmt: skip
        if _answered("Do not contact them", "bar_list_yes"):
            if file is None:
                st.warning("Choose a file first.", icon=":material/info:")
                return
            with st.spinner("Reading the list. It goes on if you leave this page."):
                came = suppress_list(
                    desk.ledger, desk.actor, file.getvalue(), file_name=file.name, because=because,
                    now=desk.ledger.policy_now(),
                )  # fmt: skip
            if isinstance(came, Refused):
                _finish(came)
                return
            st.session_state[_REPORT] = came
            st.rerun()


def _told(report: ImportReport) -> None:
    """What came of a list, and the rows that held nobody, to be mended."""
    st.html(_lines(
        f"{counted(report.row_count, 'row')} in {report.file_name}",
        f"{report.new_count:,} will not be contacted from now on",
        f"{report.known_count:,} on the list already",
        f"{report.rejected_count:,} held no address that can be read",
        *([f"Not used: {', '.join(report.unread_columns)}"] if report.unread_columns else []),
        *report.notes,
    ))  # fmt: skip
    with st.container(horizontal=True, horizontal_alignment="right"):
        if report.rejected:
            st.download_button(
                "Rows turned away", as_csv(_complaints(report), here().time_zone),
                file_name="rows-turned-away.csv", mime="text/csv", key="bar_rejected", icon=":material/download:",
                on_click="ignore",
            )  # fmt: skip
        if st.button("Close", key="bar_done", type="primary"):
            _forget()
            st.rerun()


def _complaints(report: ImportReport) -> pl.DataFrame:
    found = [(row.line, row.column_name, row.value, row.reason) for row in report.rejected]
    return pl.DataFrame(
        found, schema={"Line": pl.Int64, "Column": pl.String, "Found": pl.String, "Why": pl.String}, orient="row"
    )


def _lift(name: str, emails: tuple[str, ...]) -> None:
    desk = here()
    with st.container(key="aw_confirm_lift"):
        st.html(Markup('<p class="aw-strong">{}</p>').format(f"Allow email to {name} again?"))
        email = st.selectbox("Address", emails, key="lift_email") if len(emails) > 1 else emails[0]
        because = st.text_input(
            "How do you know that they want it", key="lift_because", max_chars=LONGEST_REASON,
            placeholder="For the audit: they wrote to us on 3 November, say",
        )  # fmt: skip
        st.html(_lines(
            f"Only {email}, and only by email. Do it only if they asked for it themselves.",
            "SMS and WhatsApp stay off: only their own START, texted to you, gives those back.",
            "What was stopped stays stopped until somebody restarts it.",
        ))  # fmt: skip
        if _answered("Allow email", "lift_yes"):
            now = desk.ledger.policy_now()
            _finish(restore_email(desk.ledger, desk.actor, email, because=because, now=now))


def _answered(label: str, key: str) -> bool:
    """The two buttons; whether the one that does it was pressed."""
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button("Cancel", key=f"{key}_no"):
            _forget()
            st.rerun()
        return st.button(label, key=key, type="primary")


def _finish(answer: Done | Refused) -> None:
    """Close the dialog and say what came of it; what can be mended is said in the dialog."""
    if isinstance(answer, Refused) and not answer.is_so_already:
        st.warning(answer.reason, icon=":material/info:")
        return
    remember(answer)
    _forget()
    st.rerun()  # the whole page: a dialog's own run would leave it open over the old rows


def _lines(*lines: str) -> Markup:
    items = Markup("").join(Markup("<li>{}</li>").format(line) for line in lines)
    return Markup('<ul class="aw-consequences">{}</ul>').format(items)


def _forget() -> None:
    for key in (_ADDING, _IMPORTING, _LIFTING, _REPORT):
        st.session_state.pop(key, None)
