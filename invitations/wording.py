"""Whether a text asks neutrally: no stars asked for, nothing offered, nobody left out (field rule R5).

The patterns are data, data/rules/wording.toml, each with its source.
"""

import re
from collections.abc import Iterator
from functools import cache

from data.account_texts import TemplatePart
from invitations.policy import shipped

_MARKS = re.compile(r"\{%.*?%\}|\{#.*?#\}", re.DOTALL)  # Jinja's own words are not said to anybody


def faults_of(template: TemplatePart) -> Iterator[str]:
    """Each thing that must not be said, as it was found, and why not."""
    said = " ".join(_MARKS.sub(" ", f"{template.subject or ''}\n{template.body}").split())
    named = f'[[templates]] "{template.slug}" for {template.channel.value} ({template.language})'
    for why, patterns in _barred():
        for pattern in patterns:
            if found := pattern.search(said):
                yield (
                    f'{named}: found "{found[0]}": {why}. Ask everybody alike, for whatever they '
                    "have to say: platforms remove reviews that were asked for in this way, and regulators fine it"
                )
                break


@cache
def _barred() -> tuple[tuple[str, tuple[re.Pattern[str], ...]], ...]:
    return tuple(
        (row["why"], tuple(re.compile(pattern, re.IGNORECASE) for pattern in row["patterns"]))
        for row in shipped("wording")
    )
