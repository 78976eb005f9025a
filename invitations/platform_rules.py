"""What review sites say about being asked for (data/rules/platforms.toml), held against an account's locations."""

import re
import tomllib
from collections.abc import Iterator
from datetime import date
from functools import cache
from importlib import resources
from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict

from data.account_file import LocationPart, PlatformPart
from data.words import PageMode

_WITH_A_QUESTION = (PageMode.SCORE, PageMode.STARS)


class PlatformRule(BaseModel):
    """One `[[platforms]]`: a site, how it is recognised, and what it says."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    hosts: tuple[str, ...]  # regular expressions, of a whole host or of its end after a dot
    inviting: Literal["forbidden", "direct", "allowed"]
    why: str
    source: str
    read_on: date

    def is_of(self, platform: PlatformPart) -> bool:
        """Whether a platform of the file is this site."""
        host = urlsplit(platform.url).hostname or ""
        is_named = self.name.lower() in f"{platform.slug} {platform.name}".lower()
        return is_named or any(re.search(rf"(^|\.){known}$", host) for known in self.hosts)


@cache
def rules() -> tuple[PlatformRule, ...]:
    """The whole file. Raises pydantic.ValidationError when it is not whole."""
    text = resources.files("data.rules").joinpath("platforms.toml").read_text(encoding="utf-8")
    return tuple(PlatformRule.model_validate(rule) for rule in tomllib.loads(text)["platforms"])


def faults_of(place: LocationPart) -> Iterator[str]:
    """What of a location's platforms a site forbids: one sentence each."""
    for platform in place.platforms:
        for rule in rules():
            if rule.inviting == "forbidden" and rule.is_of(platform):
                yield f'[[locations.platforms]] "{platform.slug}" of "{place.slug}": {rule.why}'
    shown = [platform for platform in place.platforms if platform.is_visible]
    if len(shown) != 1 or place.page not in _WITH_A_QUESTION:
        return
    for rule in rules():
        if rule.inviting == "direct" and rule.is_of(shown[0]):
            yield (
                f'[[locations]] "{place.slug}", key page: found "{place.page.value}", and {rule.name} is the only '
                f'platform: {rule.why}, so write page = "direct" and page_platform = "{shown[0].slug}"'
            )
