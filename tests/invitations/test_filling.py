"""What is filled without Jinja reads as Jinja would have filled it."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import StrictUndefined
from jinja2.exceptions import TemplateError, UndefinedError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from invitations.filling import _plain, filled

pytestmark = pytest.mark.one_database

JINJA = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False, keep_trailing_newline=False)
JINJA.globals.clear()
NAMES = ("first_name", "service", "link", "unknown")
VALUES = st.fixed_dictionaries({name: st.text("aB <&\n{é", max_size=3) for name in NAMES[:3]})


def _joined(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    names = st.sampled_from(NAMES)
    return st.one_of(
        st.lists(inner, min_size=2, max_size=3).map("".join),
        st.builds("{{% if {} %}}{}{{% else %}}{}{{% endif %}}".format, names, inner, inner),
        st.builds("{{%- if {} or 'x' -%}} {} {{%- endif %}}".format, names, inner),
        st.builds("{{% if {0} %}}{1}{{% elif {0} %}}{1}{{% endif %}}".format, names, inner),
        st.builds("{{% for _ in 'ab' %}}{}{{% endfor %}}".format, inner),
        st.builds("{{% set service = 'set' %}}{}".format, inner),
    )


TEMPLATES = st.recursive(
    st.one_of(
        st.text("Hi, \n.", max_size=4),
        st.builds("{{{{ {} }}}}".format, st.sampled_from(NAMES)),
        st.builds("{{{{ {} or 'there' }}}}".format, st.sampled_from(NAMES)),
        st.builds("{{{{ ({} or service) | {} }}}}".format, st.sampled_from(NAMES), st.sampled_from(["lower", "title"])),
        st.sampled_from(["{# note #}", "{{ 1 }}", "{{ 'a' ~ service }}", "{{ link | default('x') }}"]),
    ),
    _joined,
    max_leaves=6,
)


def _told(fill: Callable[[], str]) -> tuple[str, str]:
    try:
        return "filled", fill()
    except TemplateError as problem:
        return type(problem).__name__, str(problem)


@given(template=TEMPLATES, values=VALUES)
@pytest.mark.slow
def test_any_template_reads_as_jinja_fills_it_and_fails_as_it_fails(template: str, values: dict[str, str]) -> None:
    expected = _told(lambda: JINJA.from_string(template).render(values))
    assert _told(lambda: filled(template, values)) == expected


def test_what_templates_hold_most_is_filled_without_jinja_and_an_unknown_value_is_named() -> None:
    template = "Hi {{ first_name or 'there' }},{% if service %} your {{ service | lower }}{% endif %}: {{ link }}\n"
    assert _plain(template) is not None
    values = {"first_name": "", "service": "Check-Up", "link": "https://r.example/r/abc"}
    assert filled(template, values) == "Hi there, your check-up: https://r.example/r/abc"
    assert _plain("{% for _ in 'ab' %}{{ link }}{% endfor %}") is None
    with pytest.raises(UndefinedError, match="nickname"):
        filled("{{ nickname }}", {"link": "x"})
