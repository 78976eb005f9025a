"""What every message of a run needs of the ledger: claimed and written, handed over, accepted.

Here with the ledger at hand; `far_desk` does the same in a process of its own.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.engine import Connection

from data.ledger import dispatch, rates
from data.ledger.acceptance import record_many_accepted
from data.ledger.dispatch import Carrier
from data.ledger.hand_over import hand_over_many, name_parcel, take_back
from data.ledger.moments import Moment, passing
from data.ledger.store import Ledger, again_if_undone
from data.pace import Pace
from data.words import Channel
from invitations.writing import Written, write

Change = Callable[[Connection], Any]


@dataclass(frozen=True, slots=True)
class Leaving:
    """Attempts that want to leave now, by channel and sender; and those of them that leave in one call, by its id.

    `segments`: of those that count as more than one at the sender's rate.
    """

    by_sender: dict[tuple[Channel, str], list[str]] = field(default_factory=dict)
    segments: dict[str, int] = field(default_factory=dict)
    parcels: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Given:
    """What may not leave now of what was asked for; all else may. `waits`: it must wait that long."""

    held: frozenset[str] = frozenset()
    waits: dict[str, timedelta] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Taken:
    """What a provider accepted: (attempt id, the provider's id of the message), and when, in policy time."""

    messages: Sequence[tuple[str, str | None]]
    at: datetime


class Desk:
    """With the ledger at hand. Used by one thread."""

    def __init__(self, ledger: Ledger, pace: Pace) -> None:
        self._ledger = ledger
        self._pace = pace

    def take(
        self, batch_id: int, carriers: Mapping[Channel, Carrier], now: datetime, limit: int, cap: timedelta | None
    ) -> Written:
        """Claim what is due (`dispatch.claim`), and write its messages."""
        claims = dispatch.claim(
            self._ledger, batch_id=batch_id, carriers=carriers, now=now, limit=limit, cap=cap, pace=self._pace
        )
        if not claims:
            return [], []
        passing(Moment.CLAIMED)
        written = write(self._ledger, claims)
        passing(Moment.WRITTEN)
        return written

    @again_if_undone
    def put_down(
        self, taken: Taken | None, leaving: Leaving | None, changes: Sequence[Change] = ()
    ) -> tuple[Given, list[Any]]:
        """In one transaction: what was accepted, whatever else is to be written, and what may leave now, after the last
        look and by the senders' rates. What each change answered comes second."""
        given = Given()
        with self._ledger.write() as connection:
            if taken:
                record_many_accepted(connection, taken.messages, taken.at)
            answers = [change(connection) for change in changes]
            if taken or changes:
                passing(Moment.RECORDING)
            if leaving:
                given = self._give(connection, leaving)
                passing(Moment.HANDING_OVER)
        return given, answers

    def _give(self, connection: Connection, leaving: Leaving) -> Given:
        asked = [attempt_id for attempt_ids in leaving.by_sender.values() for attempt_id in attempt_ids]
        may_go = hand_over_many(connection, asked)
        waits: dict[str, timedelta] = {}
        for (channel, sender), attempt_ids in leaving.by_sender.items():
            per_second, per_day = self._pace.per_second(channel), self._pace.per_day(channel)
            if per_second is None and per_day is None:
                continue
            going = [attempt_id for attempt_id in attempt_ids if attempt_id in may_go]
            grant = rates.take(
                connection, channel, sender, [leaving.segments.get(attempt_id, 1) for attempt_id in going],
                per_second=per_second, per_day=per_day, day_zone=self._pace.sending_day_zone,
            )  # fmt: skip
            if too_many := going[grant.count :]:
                take_back(connection, too_many)
                waits |= dict.fromkeys(too_many, grant.wait)
        for parcel_id, attempt_ids in leaving.parcels.items():
            name_parcel(connection, attempt_ids, parcel_id)
        return Given(frozenset(asked) - may_go, waits)
