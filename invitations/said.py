"""What people said about being written to, laid out by person and address, and what a provider's entry adds to it.

Pure: `suppression_sync.py` reads, decides with this, and writes; its table is what this must do.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from enum import Enum, auto

from connectors import Listed
from data.ledger.said_about_mail import Asked, Said
from data.words import AddressKind, Channel, SuppressionEffect, SuppressionReason

_SECOND = timedelta(seconds=1)  # providers tell whole seconds, cut off
_PERSON, _ADDRESS = SuppressionReason.UNSUBSCRIBED, SuppressionReason.UNDELIVERABLE  # whom each kind of entry is about


class Verdict(Enum):
    """What an entry of a provider's list means here."""

    KNOWN = auto()  # seen before, or nothing would change
    NEW = auto()  # to be recorded
    LIFTED = auto()  # restored here by hand after it was made: to be taken off the list


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

    def judge(self, address: str, entry: Listed, now: datetime) -> Verdict:
        """What an entry means, by the table above."""
        newest = self._newest(address, entry.reason)
        if newest is None:
            return Verdict.NEW
        since = entry.listed_at or now
        if _is_restore(newest):
            if not _is_later(newest, entry):
                return Verdict.NEW
            return Verdict.KNOWN if self.restored_after(address, entry) is None else Verdict.LIFTED
        if entry.reason is SuppressionReason.UNDELIVERABLE or newest.occurred_at >= since:
            return Verdict.KNOWN
        lifted = [s for s in self.about(address) if s.suppression_id > newest.suppression_id and _is_restore(s)]
        return Verdict.NEW if any(s.occurred_at < since + _SECOND for s in lifted) else Verdict.KNOWN

    def restored_after(self, address: str, entry: Listed) -> Said | None:
        """The lifting after the entry was made, if it is the last word about this e-mail address; None otherwise."""
        newest = self._newest(address, entry.reason)
        if newest is None or not _is_restore(newest) or not _is_later(newest, entry):
            return None
        is_bounce = entry.reason is SuppressionReason.UNDELIVERABLE
        return newest if is_bounce or self.refused_since(address) is None else None

    def kept_after(self, address: str, entry: Listed) -> list[Said]:
        """What was lifted later than the entry for channels other than e-mail, and still holds: one for each."""
        last: dict[Channel, Said] = {}
        for said in self.about(address):
            if said.channel is None:
                last.clear()
            elif said.channel is not Channel.EMAIL:
                last[said.channel] = said
        return [said for said in last.values() if _is_restore(said) and _is_later(said, entry)]

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
