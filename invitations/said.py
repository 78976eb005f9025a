"""What people said about being written to, laid out by person and address, and what a provider's entry adds to it.

Pure: `suppression_sync.py` reads, decides with this, and writes; its table is what this must do.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from connectors import Listed
from data.ledger.said_about_mail import Asked, Said
from data.words import AddressKind, Channel, SuppressionEffect, SuppressionReason

_SECOND = timedelta(seconds=1)  # providers tell whole seconds, cut off
_PERSON, _ADDRESS = SuppressionReason.UNSUBSCRIBED, SuppressionReason.UNDELIVERABLE  # whom each kind of entry is about


class Book:
    """What was said, by person and by address, oldest first."""

    def __init__(self, asked: Asked) -> None:
        self._owners = asked.owners
        self._of_person: dict[int | None, list[Said]] = defaultdict(list)
        self._of_address: dict[str, list[Said]] = defaultdict(list)
        for said in asked.said:
            if said.person_id is not None:
                self._of_person[said.person_id].append(said)
            if said.kind is AddressKind.EMAIL:
                self._of_address[said.address].append(said)

    def owner(self, address: str) -> int | None:
        """Whose the address is."""
        return self._owners.get(address)

    def about(self, address: str) -> Sequence[Said]:
        """What was said of whoever owns the address; of the address where nobody does."""
        person = self.owner(address)
        return self._of_address.get(address, []) if person is None else self._of_person[person]

    def _newest(self, address: str, reason: SuppressionReason) -> Said | None:
        """The word that counts for e-mail: of the person, or (undeliverable) of this address alone."""
        if reason is SuppressionReason.UNDELIVERABLE:
            told = [said for said in self._of_address.get(address, []) if said.channel is Channel.EMAIL]
        else:
            told = [
                said
                for said in self.about(address)
                if said.channel is None
                or (said.channel is Channel.EMAIL and said.effect is SuppressionEffect.RESTORE)
            ]  # fmt: skip
        return told[-1] if told else None

    def is_new(self, address: str, entry: Listed, now: datetime) -> bool:
        """Whether recording an entry, at its time, would change anything: the table of `suppression_sync`."""
        since = entry.listed_at or now
        if entry.reason is SuppressionReason.UNDELIVERABLE:
            newest = self._newest(address, entry.reason)
            return newest is None or (_is_restore(newest) and not _is_later(newest, entry))
        off = next(
            (said for said in reversed(self.about(address)) if said.channel is None and not _is_restore(said)), None
        )
        if off is None:
            return True
        lifted = [s for s in self.about(address) if s.suppression_id > off.suppression_id and _is_restore(s)]
        return off.occurred_at < since and not all(_is_later(said, entry) for said in lifted)

    def restored_after(self, address: str, entry: Listed) -> Said | None:
        """The lifting after the entry was made, if it is the last word about this e-mail address; None otherwise."""
        newest = self._newest(address, entry.reason)
        if newest is None or not _is_restore(newest) or not _is_later(newest, entry):
            return None
        is_bounce = entry.reason is SuppressionReason.UNDELIVERABLE
        return newest if is_bounce or self.refused_since(address) is None else None

    def said_after(self, address: str, entry: Listed) -> list[Said]:
        """What was said of the owner later than the entry, oldest first, where something was lifted; else nothing."""
        later = [said for said in self.about(address) if _is_later(said, entry)]
        return later if any(map(_is_restore, later)) else []

    def refused_since(self, address: str) -> datetime | None:
        """When its owner's own word took e-mail away from this address; None when none does now."""
        person, own = self._newest(address, _PERSON), self._newest(address, _ADDRESS)
        for said in (person, own):
            is_off = said is not None and said.effect is SuppressionEffect.SUPPRESS
            if said is not None and is_off and said.reason is not SuppressionReason.UNDELIVERABLE:
                return said.occurred_at
        return None

    def is_off(self, address: str) -> bool:
        """Whether e-mail to this address is suppressed, for whatever reason."""
        last = (self._newest(address, reason) for reason in (_PERSON, _ADDRESS))
        return any(said is not None and not _is_restore(said) for said in last)

    def addresses(self) -> Iterable[str]:
        """Every e-mail address that anything said may bear on."""
        return sorted({*self._owners, *self._of_address})


def _is_restore(said: Said) -> bool:
    return said.effect is SuppressionEffect.RESTORE


def _is_later(said: Said, entry: Listed) -> bool:
    """Whether something was said after an entry was made, surely: one without a time is taken for newer."""
    return entry.listed_at is not None and said.occurred_at >= entry.listed_at + _SECOND
