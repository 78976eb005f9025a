"""Until when somebody may be written to: the consent that their country and the channel ask for, as expressions.

Columns read: recipient_country, channel, is_consent_withdrawn, and the newest of each basis that was not withdrawn
since: express_at, purchase_at, inquiry_at (data.words.ConsentBasis). A basis counts from the moment it was given, in
days of 24 hours.
"""

from datetime import UTC, datetime, timedelta
from functools import lru_cache

import polars as pl

from data.ledger.frames import at_moment
from data.words import Channel, ConsentBasis
from invitations.policy import KEPT, Policy

FOREVER = datetime(9999, 12, 31, tzinfo=UTC)
CHANNEL_NAMES = {Channel.SMS: "SMS", Channel.EMAIL: "email", Channel.WHATSAPP: "WhatsApp"}

_FOREVER = at_moment(FOREVER)
_ANY_COUNTRY = "*"
_GIVEN = {
    ConsentBasis.EXPRESS: "express_at",
    ConsentBasis.PURCHASE: "purchase_at",
    ConsentBasis.INQUIRY: "inquiry_at",
}

Bases = tuple[tuple[ConsentBasis, int], ...]


@lru_cache(maxsize=KEPT)
def ends_at(policy: Policy) -> pl.Expr:
    """When the consent for a row's channel runs out (excluded); FOREVER: never, or none is needed; null: none is there.

    The basis that lasts longest counts; who said no is not asked where none is needed either. A row of
    `policy.consent` for the country and channel goes before one for "*".
    """
    answer = _FOREVER
    for bases, needed in _needs(policy).items():
        answer = pl.when(needed).then(pl.max_horizontal(_end(basis, days) for basis, days in bases)).otherwise(answer)
    return pl.when(~pl.col("is_consent_withdrawn")).then(answer)


def says(policy: Policy) -> pl.Expr:
    """Why the consent does not do: there is none, it ran out, or it will have by the time the message may go."""
    end, channel = ends_at(policy), pl.col("channel").replace(CHANNEL_NAMES)
    day = end.dt.strftime("%-d %B %Y")
    return (
        pl.when("is_consent_withdrawn")
        .then(pl.lit("they did not agree to be asked"))
        .when(end.is_null())
        .then(pl.format("no consent on record, and one is needed in {} for {}", "recipient_country", channel))
        .when(end <= pl.col("now"))
        .then(pl.format("their consent ran out on {}", day))
        .when(end < _FOREVER)
        .then(pl.format("their consent runs out on {}, before this message may go", day))
        .otherwise(pl.lit("no consent on record for a channel of this message that needs one"))
    )


def _needs(policy: Policy) -> dict[Bases, pl.Expr]:
    """For each set of bases that the policy asks for somewhere, the rows of which it asks it; none: none."""
    rows: dict[tuple[str, Channel], Bases] = {}
    for rule in policy.consent:
        for channel in rule.channels:
            rows.setdefault((rule.country, channel), tuple(sorted(rule.bases.items())))
    needs: dict[Bases, pl.Expr] = {}
    for (country, channel), bases in rows.items():
        own = [name for name, named_channel in rows if named_channel is channel and name != _ANY_COUNTRY]
        lives_there = (
            ~pl.col("recipient_country").is_in(own)
            if country == _ANY_COUNTRY
            else pl.col("recipient_country") == country
        )
        row = lives_there.fill_null(value=country == _ANY_COUNTRY) & (pl.col("channel") == channel.value)
        if bases:
            needs[bases] = needs[bases] | row if bases in needs else row
    return needs


def _end(basis: ConsentBasis, days: int) -> pl.Expr:
    given = pl.col(_GIVEN[basis])
    if not days:
        return pl.when(given.is_not_null()).then(_FOREVER)
    return given + pl.lit(timedelta(days=days), pl.Duration("us"))
