"""How many of a list cannot be asked by which channel because no basis is known that the policy needs there.

A count for the report of an import; whether somebody may be asked is decided by `invitations.plan` each time anew.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from data.ledger.consents import BasisGiven, is_refused
from data.words import Channel, ConsentBasis, address_kind
from invitations.consent import CHANNEL_NAMES
from invitations.policy import Policy

_COLUMN = {channel: address_kind(channel).value for channel in Channel}


@dataclass
class ConsentGaps:
    """Counts customers as they come; `channels`: those that are on, by location."""

    policy: Policy
    channels: Mapping[int, Sequence[Channel]]
    now: datetime
    refused: int = 0
    missing: Counter[Channel] = field(default_factory=Counter)
    reachable: Counter[Channel] = field(default_factory=Counter)
    needed: dict[Channel, set[ConsentBasis]] = field(default_factory=dict)
    _known_bases: dict[tuple[str, Channel], Mapping[ConsentBasis, int]] = field(default_factory=dict)

    def count(
        self, row: Mapping[str, Any], given: Sequence[BasisGiven], there: Mapping[ConsentBasis, datetime]
    ) -> None:
        """One customer: addresses, location and `recipient_country`, what the list says, what the ledger has."""
        newest = dict(there)
        for one in given:
            newest[one.basis] = max(one.given_at, newest.get(one.basis, one.given_at))
        if is_refused(newest):  # whatever their country asks for: they are not asked by any channel
            self.refused += 1
            return
        for channel in self.channels.get(row["location_id"], ()):
            if not row[_COLUMN[channel]]:
                continue
            self.reachable[channel] += 1
            bases = self._bases(row["recipient_country"], channel)
            if bases and not _stands(bases, newest, self.now):
                self.missing[channel] += 1
                self.needed.setdefault(channel, set()).update(bases)

    def _bases(self, country: str, channel: Channel) -> Mapping[ConsentBasis, int]:
        if (country, channel) not in self._known_bases:
            self._known_bases[country, channel] = _bases(self.policy, country, channel)
        return self._known_bases[country, channel]

    def in_words(self) -> list[str]:
        """What the report says, and how to mend it; nothing where nothing is missing."""
        told = [
            f"{count:,} of {_customers(self.reachable[channel])} cannot be asked by {CHANNEL_NAMES[channel]}: no "
            f"consent is known ({' or '.join(sorted(self.needed[channel]))} is needed where they live)."
            for channel in Channel
            if (count := self.missing[channel])
        ]
        if told:
            told.append(
                "If they did consent, say so: declare it for the whole list, or give the file a column “consent” with "
                "yes, no or the day. A list that is in already comes again under another name."
            )
        if self.refused:
            told.append(
                f"Said no, so not asked by any channel: {self.refused:,}. A later yes counts where the list gives its "
                'day, in a column "consent" or "consent date".'
            )
        return told


def _customers(count: int) -> str:
    return f"{count:,} {'customer' if count == 1 else 'customers'}"


def _stands(bases: Mapping[ConsentBasis, int], newest: Mapping[ConsentBasis, datetime], now: datetime) -> bool:
    """Whether one of `bases` was given, later than any refusal, and has not run out."""
    if not newest:
        return False
    refused_at = newest.get(ConsentBasis.WITHDRAWN)
    return any(
        (refused_at is None or newest[basis] > refused_at) and (days == 0 or newest[basis] + timedelta(days=days) > now)
        for basis, days in bases.items()
        if basis in newest
    )


def _bases(policy: Policy, country: str, channel: Channel) -> Mapping[ConsentBasis, int]:
    """Which bases will do, and for how many days; none = none is needed. A country's own row replaces "*"."""
    for wanted in (country, "*"):
        for rule in policy.consent:
            if rule.country == wanted and channel in rule.channels:
                return rule.bases
    return {}
