"""What an account's settings allow somebody who asks by hand to choose: channels that are on, and texts there are."""

from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.ledger.tables import channels, locations, sequence_steps, sequences, templates
from data.words import Channel

_ch, _l, _s, _t = channels.c, locations.c, sequence_steps.c, templates.c


@dataclass(frozen=True, slots=True)
class AskSettings:
    """Of one location.

    `texts`: the languages of each text by its slug and channel. `first_*`: the step that asks first; None and () where
    the account has no sequence.
    """

    on: frozenset[Channel]
    texts: dict[tuple[str, Channel], frozenset[str]]
    first_slug: str | None
    first_channels: tuple[Channel, ...]

    @property
    def slugs(self) -> list[str]:
        """Every text there is, by name."""
        return sorted({slug for slug, _ in self.texts})

    def has_text(self, slug: str, channel: Channel, languages: Collection[str] | None) -> bool:
        """Whether the text can go by the channel in one of `languages` (None: in any)."""
        there = self.texts.get((slug, channel), frozenset())
        return bool(there if languages is None else there.intersection(languages))


def read_ask_settings(connection: Connection, account_id: int, location_id: int) -> AskSettings:
    """The settings as a new invitation at this location would take them."""
    on = connection.scalars(sa.select(_ch.channel).where(_ch.location_id == location_id, _ch.is_enabled))
    texts: dict[tuple[str, Channel], set[str]] = {}
    for slug, channel, language in connection.execute(
        sa.select(_t.slug, _t.channel, _t.language).where(_t.account_id == account_id)
    ):
        texts.setdefault((slug, channel), set()).add(language)
    newest = sa.select(sa.func.max(sequences.c.sequence_id)).where(sequences.c.account_id == account_id)
    first = connection.execute(
        sa.select(_s.template_slug, _s.channels)
        .select_from(locations)
        .join(sequence_steps, sa.func.coalesce(_l.sequence_id, newest.scalar_subquery()) == _s.sequence_id)
        .where(_l.location_id == location_id, _s.step == 0)
    ).first()
    return AskSettings(
        on=frozenset(on),
        texts={key: frozenset(languages) for key, languages in texts.items()},
        first_slug=first.template_slug if first else None,
        first_channels=tuple(Channel(channel) for channel in first.channels) if first else (),
    )
