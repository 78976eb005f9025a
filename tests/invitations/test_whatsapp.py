"""Our WhatsApp texts as Meta takes them."""

import re

import pytest

from data.words import Channel, TemplateCategory
from invitations.render import Content, render
from invitations.whatsapp import UnfitTemplate, faults_of, misfit, numbered, template_text, values_of

LINK = "https://reviews.example/r/Zm9vYmFyYmF6cXV4"
SOUND = (
    "Hi {{ first_name or 'there' }}, thank you for your visit to {{ location }}. Would you tell us how it went?\n\n"
    "{{ link }}\n\nReply STOP if you would rather not hear from us."
)
VALUES = {"first_name": "Ana", "last_name": "Ruiz", "location": "Acme", "employee": "", "service": ""}


def submitted(body: str = SOUND, **values: str) -> object:
    given = {"language": "en", "location": "Acme Chicago", "public_url": "https://reviews.example/", **values}
    return template_text("first_ask", body, category=TemplateCategory.UTILITY, **given)


def test_values_become_numbers_and_a_link_on_its_own_line_becomes_a_button() -> None:
    text = template_text(
        "first_ask", SOUND, language="en", category=TemplateCategory.UTILITY, location="Acme Chicago",
        public_url="https://reviews.example/",
    )  # fmt: skip
    assert text.text.startswith("Hi {{1}}, thank you for your visit to {{2}}. Would")
    assert "\n\nhttps://reviews.example/r/{{3}}\n\nReply STOP" in text.text
    assert text.button_text is not None
    assert "{{3}}" not in text.button_text
    assert "went?\n\nReply STOP" in text.button_text
    assert (text.button_title, text.button_address) == ("Tell us how it was", "https://reviews.example/r/{{3}}")
    assert set(text.samples) == {"1", "2", "3"}
    assert (text.samples["1"], text.samples["2"]) == ("Ana", "Acme Chicago")


def test_in_a_language_without_a_title_and_within_a_sentence_the_link_stays_in_the_text() -> None:
    for body, language in (
        (SOUND, "fi"),
        ("Hi, how was {{ location }}? Tell us at {{ link }} whenever it suits you.", "en"),
    ):
        parts = numbered(body, language)
        assert not parts.has_button
        assert f"/r/{{{{{parts.link}}}}}" in parts.text("https://reviews.example/r/")
        assert faults_of(body, language) == []


def test_a_template_has_another_name_whenever_it_says_something_else() -> None:
    names = {
        template_text(
            "first_ask", body, language=language, category=category, location="Acme", public_url=public_url
        ).name
        for body, language, category, public_url in [
            (SOUND, "en", TemplateCategory.UTILITY, "https://a.example"),
            (SOUND, "en", TemplateCategory.UTILITY, "https://a.example/"),  # the same address
            (SOUND, "en", TemplateCategory.UTILITY, "https://b.example"),
            (SOUND, "en", TemplateCategory.MARKETING, "https://a.example"),
            (SOUND, "pt-BR", TemplateCategory.UTILITY, "https://a.example"),
            (SOUND + " Thanks!", "en", TemplateCategory.UTILITY, "https://a.example"),
        ]
    }
    assert len(names) == 5
    assert all(re.fullmatch(r"[a-z0-9_]+", name) for name in names)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("{{ first_name or 'You' }}, how was it? Tell us at {{ link }} please do.", "begins with {{ first_name"),
        ("Hi, how was your visit with us? Tell us: {{ link }}", "ends with {{ link }}"),
        ("Hi you, we are {{ location }} {{ link }} and we would like to know how it was.", "side by side"),
        ("Hi {{ location }} and {{ link }} bye", "wants at least 5"),
        ("Hi {{ first_name }}, how was your visit? Tell us at {{ link }} please do.", "{{ first_name or 'there' }}"),
        ("Hi {% if first_name %}{{ first_name }}{% endif %}, how was it? {{ link }} Thanks.", "words and values only"),
        ("Hi, how was your visit with us? Come back soon and tell us.", "{{ link }} once"),
        ("Hi, {{ link }} or {{ link }}, whichever of the two you would like to open now.", "found the link 2 times"),
        ("Hi, how was your visit? Tell us at {{ link | upper }} please do.", "as it is"),
        ("Hi,      how was your visit? Tell us at {{ link }} please do.", "four spaces"),
        ("Hi, how was your visit? Tell us at {{ link please do.", "no template"),
    ],
)
def test_what_meta_would_reject_is_told_with_how_to_mend_it(body: str, said: str) -> None:
    assert said in "; ".join(faults_of(body))
    with pytest.raises(UnfitTemplate):
        submitted(body)


def test_a_text_is_measured_with_its_samples_in_it() -> None:
    with pytest.raises(UnfitTemplate, match=r"1,0\d\d characters"):
        submitted(SOUND + " word" * 174)


def test_a_message_carries_its_values_by_number_and_nothing_of_a_customer_can_add_one() -> None:
    body = SOUND
    content = Content(
        channel=Channel.WHATSAPP, subject=None, body=body, values=VALUES | {"first_name": "Ana\n{{3}}    x"},
        account="Acme Dental", postal_address="", reply_to=None, color="#000000", provider_template_id="HX1",
    )  # fmt: skip
    message = render(content, attempt_id="a1", to="+13125550100", link=LINK, unsubscribe_url="https://r.example/u/x")
    assert message.template_id == "HX1"
    assert message.template_values == {"1": "Ana 3 x", "2": "Acme", "3": "Zm9vYmFyYmF6cXV4"}
    assert LINK in message.text
    assert message.text.startswith("Hi Ana 3 x, thank you")


def test_a_customer_without_a_name_still_fills_every_value() -> None:
    assert values_of(SOUND, "en", VALUES | {"first_name": ""}, LINK)["1"] == "there"


def test_an_approved_template_that_is_not_our_text_never_carries_our_values() -> None:
    ours = ("Hi {{1}}, {{2}}", "https://reviews.example/r/{{3}}")
    assert misfit(SOUND, "en", ours, "https://reviews.example") is None
    assert "does not lead to" in (misfit(SOUND, "en", ours, "https://moved.example") or "")
    assert "2 values" in (misfit(SOUND, "en", ("Hi {{1}} https://reviews.example/r/{{3}}",), "https://x") or "")
