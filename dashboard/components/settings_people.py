"""Who may use the dashboard: users, their role, and the locations they look after."""

from typing import Any

import streamlit as st
from markupsafe import Markup

from dashboard.components.rows import Button, Column, draw_rows, person_cell
from dashboard.components.settings_form import Document, may_change, save, takes_effect, widget
from dashboard.desk import Desk, here
from dashboard.wording import ROLE
from data.permissions import Action
from data.words import Role
from invitations.change_settings import Edit, settings_now
from invitations.settings_effect import Table, effect_of

_OPEN = "settings_person"
_NOBODY = ""  # the dialog's, for somebody new
_MAY = {
    Role.OWNER: "everything; makes owners",
    Role.ADMIN: "everything but owners' roles",
    Role.MANAGER: "sends, stops, imports; no settings",
    Role.VIEWER: "sees everything, changes nothing",
    Role.AGENCY_CLIENT: "as a manager, without the account's quota",
}


def show_people(desk: Desk, document: Document) -> None:
    """The users, each with what may be done; the open dialog."""
    if not may_change(desk, is_for_all=True, action=Action.MANAGE_USERS):
        st.html('<p class="aw-faint">Owners and admins who look after every location see and change users here.</p>')
        return
    places = {place["slug"]: place["name"] for place in document["locations"]}
    with st.container(horizontal=True, horizontal_alignment="right"):
        st.button("Add a user", icon=":material/person_add:", key="settings_add_user", on_click=_open, args=(_NOBODY,))
    columns = [
        Column("Name", lambda row: person_cell(row["name"], row["email"]), "2fr"),
        Column("Role", lambda row: _role(row["role"]), "1.6fr"),
        Column("Looks after", lambda row: _places(row["locations"], places), "2fr"),
    ]
    draw_rows("people", document["users"], columns, lambda row: row["email"], lambda row: _buttons())
    takes_effect(effect_of(Table.USERS, {"role"}))
    opened = st.session_state.get(_OPEN)
    if opened is not None:
        email, question = opened
        title = {"remove": "Remove a user", "edit": "Change a user"}.get(question if email else "", "Add a user")
        st.dialog(title, on_dismiss=_forget)(_remove if question == "remove" else _edit)(email)


def _role(role: str) -> Markup:
    return Markup('<div>{}</div><div class="aw-faint">{}</div>').format(ROLE[Role(role)], _MAY[Role(role)])


def _places(slugs: list[str], places: dict[str, str]) -> str:
    return ", ".join(places.get(slug, slug) for slug in slugs) or "Every location"


def _buttons() -> list[Button]:
    return [
        Button("Change", ":material/edit:", "change_user", _open),
        Button("Remove", ":material/person_remove:", "remove_user", _ask_to_remove),
    ]


def _open(email: str) -> None:
    st.session_state[_OPEN] = (email, "edit")


def _ask_to_remove(email: str) -> None:
    st.session_state[_OPEN] = (email, "remove")


def _forget() -> None:
    st.session_state.pop(_OPEN, None)


def _found(email: str) -> tuple[Document, Document | None]:
    desk = here()
    document = settings_now(desk.ledger, desk.now)
    return document, next((user for user in document["users"] if user["email"] == email), None)


def _edit(email: str) -> None:
    document, user = _found(email)
    key = widget("user", user)
    places = {place["slug"]: place["name"] for place in document["locations"]}
    with st.container(key="aw_settings_user"):
        wanted = _fields(user, places, key)
        is_saved = st.button("Save", type="primary", key="settings_save_user")
    if is_saved:
        address = wanted.pop("email").strip().lower()
        edit = Edit(Table.USERS, (email or address,), user, wanted)
        _save(edit)


def _fields(user: Document | None, places: dict[str, str], key: str) -> dict[str, Any]:
    if user is None:
        email = st.text_input("Email", key=f"{key}_email", help="What their sign-in is known by.")
    else:
        email = user["email"]
        st.html(Markup('<p class="aw-faint">{}</p>').format(email))
    name = st.text_input("Name", user["name"] if user else "", key=f"{key}_name")
    roles = list(Role)
    role = st.selectbox(
        "Role", roles, roles.index(Role(user["role"])) if user else roles.index(Role.VIEWER),
        format_func=lambda one: f"{ROLE[one]}: {_MAY[one]}", key=f"{key}_role",
    )  # fmt: skip
    chosen = st.multiselect(
        "Looks after", list(places), user["locations"] if user else [], format_func=lambda slug: places.get(slug, slug),
        key=f"{key}_places", placeholder="Every location",
    )  # fmt: skip
    locations = [slug for slug in places if slug in chosen]
    return {"email": email, "name": name.strip(), "role": role.value, "locations": locations}


def _remove(email: str) -> None:
    _, user = _found(email)
    name = user["name"] if user else email
    st.html(
        Markup('<p class="aw-strong">Remove {}?</p><p>Their next click is refused. What they did stays, under their '
               "name.</p>").format(name)
    )  # fmt: skip
    if st.button("Remove", type="primary", key="settings_remove_user"):
        _save(Edit(Table.USERS, (email,), user or {}, None))


def _save(edit: Edit) -> None:
    desk = here()
    save(desk, [edit], before_rerun=_forget)
