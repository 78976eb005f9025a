"""Settings on the page: what each part shows, what saving says, what is refused, and who may.

On SQLite only, for time: the write path runs on both in tests/invitations/test_change_settings.py.
"""

from typing import Any

import pytest
import sqlalchemy as sa
from streamlit.testing.v1 import AppTest

from data.ledger import tables as t
from data.ledger.store import Ledger
from data.permissions import Action, may
from data.words import Channel, JobKind, PageMode, Role
from tests.dashboard.conftest import Open, text
from tests.world import World

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("settings", ["sqlite"], indirect=True)]
PARTS = ["Locations", "Channels", "Sequence", "Texts", "Rules", "Users", "Account"]


def field(app: AppTest, kind: str, label: str, number: int = 0) -> Any:
    """The widget of this label; of several the one with this number."""
    return [one for one in getattr(app, kind) if one.label == label][number]


def press(app: AppTest, label: str) -> AppTest:
    pressed: AppTest = field(app, "button", label).click().run()
    return pressed


def test_every_part_shows_what_holds_and_when_a_change_would(world: World, look: Open) -> None:
    app = look("settings")
    for part in PARTS:
        app.segmented_control(key="settings_part").set_value(part).run()
        assert not app.exception
        assert "When it holds" in text(app)


def test_a_location_is_changed_and_the_page_says_when_it_holds_and_shows_it(
    ledger: Ledger, world: World, look: Open
) -> None:
    app = look("settings", settings_part="Locations", settings_location="Acme Chicago")
    field(app, "text_input", "Name").set_value("Acme Loop")
    field(app, "radio", "What customers see first").set_value(PageMode.STARS)
    field(app, "number_input", "Place", 1).set_value(1)
    field(app, "text_input", "Platform", 2).set_value("Yellow Pages")
    field(app, "text_input", "Web address", 2).set_value("https://yellow.example/acme")
    press(app, "Save changes")
    assert "Customers' pages change at once" in app.toast[0].value
    assert field(app, "text_input", "Name").value == "Acme Loop"
    app.segmented_control(key="settings_part").set_value("Account").run()
    assert "It does not know of 5 settings changed here" in text(app)
    assert 'Location &#34;chicago&#34; <span class="aw-faint">owner@acme.example' in text(app)
    with ledger.read() as c:
        p = t.platforms.c
        shown = c.execute(sa.select(p.slug).where(p.location_id == world.chicago).order_by(p.position)).scalars().all()
        page = c.execute(sa.select(t.locations.c.page_mode).where(t.locations.c.location_id == world.chicago)).scalar()
        by = set(c.execute(sa.select(t.audit.c.actor)).scalars())
    assert (shown, page, by) == (["facebook", "google", "yellow-pages"], PageMode.STARS, {"owner@acme.example"})


def test_what_cannot_be_is_refused_in_plain_words_beside_the_form_and_what_was_typed_stays(
    ledger: Ledger, world: World, look: Open
) -> None:
    app = look("settings", settings_part="Rules")
    field(app, "number_input", "Ask a person once in … days (0 = no limit)").set_value(5)
    press(app, "Save as a new version")
    assert "Not saved" in text(app)
    assert "Rules, “Ask a person once in”: found 5" in text(app)
    assert field(app, "number_input", "Ask a person once in … days (0 = no limit)").value == 5
    field(app, "number_input", "Ask a person once in … days (0 = no limit)").set_value(60)
    field(app, "radio", "From when").set_value("On a day")
    press(app, "Save as a new version")
    assert "holds from 24 November 2026" in app.toast[0].value
    assert "These rules hold from 24 November" in text(app)
    with ledger.read() as c:
        newest = c.execute(sa.select(t.policies).order_by(t.policies.c.version.desc())).first()
    assert newest is not None
    assert (newest.version, newest.rules["cap_days"], newest.rules["consent"]) == (2, 60, [])


def test_a_text_is_previewed_as_it_is_typed_and_saved_as_a_new_version(
    ledger: Ledger, world: World, look: Open
) -> None:
    app = look("settings", settings_part="Texts")
    field(app, "text_area", "Words").set_value("Hello {{ first_name }}, <b>how</b> was it? {{ link }}").run()
    assert "Hello Ana, &lt;b&gt;how&lt;/b&gt; was it?" in text(app)
    assert "1 segment" in text(app)
    assert "/their-own-link" in text(app)
    press(app, "Save as a new version")
    assert "messages still queued get it" in app.toast[0].value
    with ledger.read() as c:
        versions = sa.select(t.templates.c.version).where(
            t.templates.c.slug == "ask", t.templates.c.channel == Channel.SMS
        )
        assert c.execute(versions).scalars().all() == [1, 2]


def test_channels_and_steps_are_changed_in_their_forms(ledger: Ledger, world: World, look: Open) -> None:
    app = look("settings", settings_part="Sequence")
    field(app, "number_input", "Wait", 1).set_value(5)
    field(app, "checkbox", "Remove", 1).check()
    press(app, "Save as a new version")
    assert "New invitations follow it" in app.toast[0].value
    app.segmented_control(key="settings_part").set_value("Channels").run()
    field(app, "checkbox", "SMS", 0).uncheck()
    field(app, "checkbox", "WhatsApp", 1).check()
    press(app, "Save changes")
    assert "sends nothing from now on" in app.toast[0].value
    with ledger.read() as c:
        steps = c.execute(
            sa.select(t.sequence_steps.c.delay_minutes).where(t.sequence_steps.c.sequence_id == 2)
        ).scalars()
        assert list(steps) == [0, 5 * 24 * 60]
        on = sa.select(t.channels.c.location_id).where(t.channels.c.channel == Channel.SMS, t.channels.c.is_enabled)
        assert c.execute(on).scalars().all() == [world.new_york]
        by_whatsapp = sa.select(t.channels.c.location_id).where(
            t.channels.c.channel == Channel.WHATSAPP, t.channels.c.is_enabled
        )
        assert c.execute(by_whatsapp).scalars().all() == [world.new_york]


def test_a_user_is_added_changed_and_removed_and_the_last_owner_stays(ledger: Ledger, world: World, look: Open) -> None:
    app = look("settings", settings_part="Users")
    press(app, "Add a user")
    field(app, "text_input", "Email").set_value("Kim@Acme.example")
    field(app, "text_input", "Name").set_value("Kim <i>Vega</i>")
    press(app, "Save")
    assert "Kim &lt;i&gt;Vega" in text(app)
    app.button(key="remove_user_kim@acme.example").click().run()
    app.button(key="settings_remove_user").click().run()
    assert "kim@acme.example" not in text(app)
    app.button(key="change_user_owner@acme.example").click().run()
    field(app, "selectbox", "Role").set_value(Role.VIEWER)
    press(app, "Save")
    assert "last owner" in text(app)
    with ledger.read() as c:
        assert (
            c.execute(sa.select(sa.func.count()).select_from(t.users).where(t.users.c.role == Role.OWNER)).scalar() == 1
        )


@pytest.mark.parametrize("role", [Role.MANAGER, Role.VIEWER, Role.AGENCY_CLIENT])
def test_who_may_not_change_settings_sees_them_and_is_offered_nothing(world: World, look: Open, role: Role) -> None:
    app = look("settings", as_user=role.value)
    assert "Owners and admins change it here" in text(app)
    assert all(button.disabled for button in app.button if button.label.startswith("Save"))
    assert all(one.disabled for one in app.text_input)
    app.segmented_control(key="settings_part").set_value("Users").run()
    assert "owner@acme.example" not in text(app)
    app.segmented_control(key="settings_part").set_value("Account").run()
    assert ("Invitations per cycle" in text(app)) is may(role, Action.SEE_ACCOUNT_QUOTA)
    assert not app.get("download_button")


def test_a_whatsapp_text_is_previewed_and_submitted_to_meta(ledger: Ledger, world: World, look: Open) -> None:
    app = look("settings", settings_part="Texts")
    field(app, "text_input", "Name").set_value("ask")
    field(app, "selectbox", "Channel").set_value(Channel.WHATSAPP.value)
    press(app, "Make the text")
    assert "first_name }} is empty for customers" in text(app)  # WhatsApp takes no empty value
    words = (
        "Hi {{ first_name or 'there' }}, how did your visit to {{ location }} go?\n\n{{ link }}\n\nThank you very much."
    )
    field(app, "text_area", "Its words").set_value(words)
    press(app, "Make the text")
    assert "once Meta has approved it" in app.toast[0].value
    app.selectbox(key="settings_text").set_value("ask_whatsapp_en").run()
    assert "Version 1: Not submitted to Meta yet" in text(app)
    press(app, "Submit to Meta")
    with ledger.read() as c:
        jobs = c.execute(sa.select(t.jobs.c.payload).where(t.jobs.c.kind == JobKind.SUBMIT_TEMPLATE)).scalars().all()
    assert jobs == [{"slug": "ask", "language": "en"}]
