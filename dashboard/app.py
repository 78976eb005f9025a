"""The dashboard's front door: who looks, at which locations and period, and the pages to choose from.

Started with `streamlit run dashboard/app.py`. People sign in by OIDC where it is configured; else
AFTERWORD_LOCAL_USER names the one user, on this machine only. On a demo ledger the reader chooses whose eyes to look
through (docs/operations.md).
"""

from pathlib import Path

import streamlit as st
from markupsafe import Markup

from dashboard import desk, entrance, signing_in
from dashboard.components.breakers import show_held_senders
from dashboard.components.confirm import show_answer
from dashboard.components.icons import icon_styles
from dashboard.components.page import say_outdated, title
from dashboard.components.send_form import show_send_form
from dashboard.source import open_source

_HERE = Path(__file__).parent

st.set_page_config(page_title="Afterword", page_icon=str(_HERE / "static/icon.svg"), layout="wide")
st.html(_HERE / "components/style.css")
st.html(f"<style>{icon_styles()}</style>")
st.logo(_HERE / "static/logo.svg", size="large", icon_image=_HERE / "static/icon.svg")

_PAGES = [
    st.Page("views/overview.py", title="Overview", icon=":material/monitoring:", url_path="home", default=True),
    st.Page("views/requests.py", title="Requests", icon=":material/send:", url_path="requests"),
    st.Page("views/customers.py", title="Customers", icon=":material/group:", url_path="customers"),
    st.Page("views/bulk_import.py", title="Bulk import", icon=":material/upload:", url_path="bulk_import"),
    st.Page("views/reviews.py", title="My Reviews", icon=":material/reviews:", url_path="reviews"),
    st.Page("views/do_not_contact.py", title="Do not contact", icon=":material/block:", url_path="do_not_contact"),
    st.Page("views/simulate.py", title="Simulate", icon=":material/event_upcoming:", url_path="simulate"),
    st.Page("views/runs.py", title="Runs", icon=":material/manufacturing:", url_path="runs"),
    st.Page("views/settings.py", title="Settings", icon=":material/settings:", url_path="settings"),
    st.Page("views/audit.py", title="Audit", icon=":material/policy:", url_path="audit"),
]

_OF_HISTORY = {"Overview", "Requests", "Customers", "My Reviews", "Runs"}  # the others read the ledger

# The page at "/" has no address but that, whatever it is called; its name, which people write into a link, leads there.
_BY_NAME = st.Page(lambda: None, title="Overview", url_path="overview", visibility="hidden")

page = st.navigation([*_PAGES, _BY_NAME], position="hidden" if signing_in.is_outside() else "sidebar")
if page.url_path == _BY_NAME.url_path:
    st.switch_page(_PAGES[0], query_params=st.query_params.to_dict())
ledger, reader = open_source()
chosen = entrance.let_in(ledger, reader)
if chosen is None:
    st.stop()
with desk.laid(chosen):
    show_held_senders()
    notes, answer = st.container(), st.container()
    if chosen.reader.is_outdated and page.title in _OF_HISTORY:
        title(page.title)
        say_outdated()
    else:
        page.run()
    for note in chosen.reader.notes:
        notes.html(Markup('<p class="aw-faint" role="status">{}</p>').format(note))
    show_send_form()
    # After the dialogs: a toast before one would make the browser draw it anew, and lose the keyboard.
    show_answer(answer)
