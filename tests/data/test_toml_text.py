"""TOML written by us is read back by the standard library as it was."""

import tomllib
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.toml_text import toml_text

_TRICKY = st.text(alphabet=st.sampled_from('ab"\\\n\r\t\x7f\x00é😀= []#{}'))
_PLAIN = st.text(alphabet=st.characters(exclude_categories=["Cs"]))


@given(_TRICKY, _PLAIN)
def test_every_text_is_read_back_as_it_was(tricky: str, plain: str) -> None:
    document = {"one": {"text": tricky, "rows": [{"text": plain, "list": [tricky, plain]}, {"text": tricky}]}}
    assert tomllib.loads(toml_text(document)) == document


def test_tables_within_tables_and_days_and_truths_are_read_back_and_look_as_people_write_them() -> None:
    document = {
        "account": {"name": "Harbor & Pine", "days": 180},
        "locations": [{"slug": "boston", "channels": ["sms"], "platforms": [{"slug": "google", "is_visible": True}]}],
        "policy": {"cap_days": 90, "effective_on": date(2026, 12, 1), "consent": [], "quiet_hours": {"opens": "08:00"}},
    }
    text = toml_text(document)
    assert tomllib.loads(text) == document
    assert "[[locations.platforms]]\nslug" in text
    assert "[policy.quiet_hours]\nopens" in text
    with pytest.raises(TypeError):
        toml_text({"nothing": None})
