"""What customers read: each text beside what it will look like, its size and its price."""

from pathlib import Path

import streamlit as st
from markupsafe import Markup

from dashboard.components.confirm import remember
from dashboard.components.icons import icon
from dashboard.components.send_outlook import messages_shown
from dashboard.components.settings_form import Document, may_change, named, problem, save, slug_of, takes_effect, widget
from dashboard.components.settings_words import APPROVAL, language_name
from dashboard.desk import Desk
from dashboard.wording import CHANNEL
from data.account_values import PAGE_LANGUAGES, TEMPLATE_VARIABLES
from data.words import Channel, TemplateCategory
from invitations.approval import standings
from invitations.change_settings import Edit
from invitations.settings_effect import Table, effect_of
from invitations.submit_text import ask_to_submit
from invitations.text_preview import preview_text

_KEY = ("slug", "channel", "language")
_HEIGHT = {
    Channel.SMS: 140,
    Channel.WHATSAPP: 240,
    Channel.EMAIL: 340,
}  # pixels of the field: as much as is mostly said
_CATEGORY = {TemplateCategory.UTILITY: "Utility: about a visit of theirs", TemplateCategory.MARKETING: "Marketing"}


def show_texts(desk: Desk, document: Document) -> None:
    """The chosen text and its preview, which follows the typing."""
    st.html(Path(__file__).with_name("send_form.css"))
    is_open = may_change(desk, is_for_all=True)
    texts = {tuple(one[part] for part in _KEY): one for one in document["templates"]}
    names = {"_".join(key): key for key in texts}
    chosen = st.selectbox(
        "Text", list(names), format_func=lambda name: _title(texts[names[name]]), key="settings_text",
        bind="query-params",
    )  # fmt: skip
    text = texts[names[chosen]]
    left, right = st.columns(2, gap="large")
    with left:
        wanted = _fields(text, is_disabled=not is_open)
        takes_effect(effect_of(Table.TEMPLATES, {"body"}, channel=[text["channel"]]))
        is_saved = st.button("Save as a new version", type="primary", key="settings_save_text", disabled=not is_open)
    with right:
        _preview(desk, text, wanted)
        if text["channel"] == Channel.WHATSAPP:
            _standing(desk, text, is_open=is_open)
    if is_saved:
        save(desk, [Edit(Table.TEMPLATES, names[chosen], text, wanted)])
    if is_open:
        with st.expander("Another text", icon=":material/add:"):
            _another(desk, text)


def _title(text: Document) -> str:
    return f"{named(text['slug'])} · {CHANNEL[Channel(text['channel'])]} · {language_name(text['language'])}"


def _fields(text: Document, *, is_disabled: bool) -> Document:
    key = widget("text", text)
    wanted: Document = {}
    if text["channel"] == Channel.EMAIL:
        wanted["subject"] = st.text_input(
            "Subject", text["subject"], key=f"{key}_subject", disabled=is_disabled
        ).strip()
    body = st.text_area(
        "Words", text["body"], key=f"{key}_body", height=_HEIGHT[Channel(text["channel"])], disabled=is_disabled
    )
    wanted["body"] = text["body"] if body.strip() == text["body"].strip() else body.strip()
    if text["channel"] == Channel.WHATSAPP:
        category = st.selectbox(
            "What Meta takes it for", list(_CATEGORY), list(_CATEGORY).index(TemplateCategory(text["category"])),
            format_func=lambda one: _CATEGORY[one], key=f"{key}_category", disabled=is_disabled,
            help="Marketing never reaches numbers that begin with +1.",
        )  # fmt: skip
        wanted["category"] = category.value
        if wanted != {name: text[name] for name in wanted}:
            wanted["content_sid"] = None  # one that was made by hand at Twilio says what it said before
    one = Markup('<span style="white-space:nowrap">{}</span>')  # else a line may end within the braces
    values = Markup(" ").join(one.format(f"{{{{ {name} }}}}") for name in sorted(TEMPLATE_VARIABLES))
    st.html(Markup('<p class="aw-faint">Values to use: {}</p>').format(values))
    return wanted


def _preview(desk: Desk, text: Document, wanted: Document) -> None:
    channel = Channel(text["channel"])
    category = TemplateCategory(wanted["category"]) if "category" in wanted else None
    shown = preview_text(
        desk.ledger, desk.access.account_id, desk.places[0].location_id, channel,
        subject=wanted.get("subject"), body=wanted["body"], category=category,
    )  # fmt: skip
    at = Markup('<p class="aw-faint">As Ana Ruiz would read it from {}.</p>').format(desk.places[0].name)
    st.html(Markup('<div class="aw-send">{}{}</div>').format(messages_shown([shown], []), at))


def _standing(desk: Desk, text: Document, *, is_open: bool) -> None:
    """How the newest version stands with Meta, and the way there."""
    newest = max(
        (one for one in standings(desk.ledger, desk.access.account_id)
         if (one.slug, one.language) == (text["slug"], text["language"])),
        key=lambda one: one.version, default=None,
    )  # fmt: skip
    if newest is None or newest.approval is None:
        return
    drawing, tone, said = APPROVAL[newest.approval]
    reason = f": {newest.reason}" if newest.reason else ""
    st.html(
        Markup('<p class="aw-mark aw-{}">{} Version {}: {}{}</p>').format(
            tone, icon(drawing), newest.version, said, reason
        )
    )
    if is_open and st.button("Submit to Meta", key="settings_submit_text", icon=":material/upload:"):
        remember(ask_to_submit(desk.ledger, desk.actor, text["slug"], text["language"]))
        st.rerun()


def _another(desk: Desk, text: Document) -> None:
    """A text of another name, channel or language; it begins with the words of the one that is shown."""
    with st.form("settings_new_text", border=False):
        one, two, three = st.columns(3, gap="medium")
        name = one.text_input(
            "Name", text["slug"], key="settings_new_text_name", help="As a step of a sequence names it."
        )
        channel = two.selectbox(
            "Channel", [one.value for one in Channel], format_func=lambda one: CHANNEL[Channel(one)],
            key="settings_new_text_channel",
        )  # fmt: skip
        language = three.selectbox(
            "Language", PAGE_LANGUAGES, PAGE_LANGUAGES.index("en"), format_func=language_name,
            key="settings_new_text_language",
        )  # fmt: skip
        key = widget("new_text", text)
        first = text.get("subject") or "How was your visit?"
        subject = st.text_input("Its subject, if it is an email", first, key=f"{key}_subject")
        body = st.text_area("Its words", text["body"], key=f"{key}_body", height=200)
        is_saved = st.form_submit_button("Make the text")
    if is_saved and not slug_of(name):
        problem("A new text needs a name.")
    elif is_saved:
        values = {"body": body.strip(), "subject": subject.strip() if channel == Channel.EMAIL else None}
        save(desk, [Edit(Table.TEMPLATES, (slug_of(name), channel, language), None, values)])
