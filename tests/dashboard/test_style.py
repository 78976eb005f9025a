"""The dashboard's style sheets, as the browser has to read them."""

import re
from pathlib import Path

import pytest

import dashboard

SHEETS = sorted((Path(dashboard.__file__).parent / "components").glob("*.css"))
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_SELECTORS = re.compile(r"([^{};]+)\{[^{}]*\}")
_COMMA = re.compile(r",(?![^()]*\))")
_KEYS_BEGINNING_ALONE = re.compile(r"(?:^|[\s>+~])\[class[*^]=[^\]]*\](?::[\w-]+)?$")


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda sheet: sheet.stem)
def test_no_rule_ends_in_the_beginning_of_a_key_alone_which_is_tried_at_every_element(sheet: Path) -> None:
    rules = _SELECTORS.findall(_COMMENT.sub("", sheet.read_text()))
    selectors = [selector.strip() for rule in rules for selector in _COMMA.split(rule)]
    assert len(selectors) > 3
    assert [selector for selector in selectors if _KEYS_BEGINNING_ALONE.search(selector)] == []
