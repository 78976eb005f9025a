"""Three customers say no, each in their own way: one texts STOP, one unsubscribes, one complains.

They are cast a little after the first message of their channel arrived, among those who would never have answered:
the lowest throw of the dice gets the part, whatever the order of arrival. Exactly one each, over restarts too.
"""

import sqlite3
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Any

from connectors.sandbox.agenda import Agenda
from connectors.sandbox.chance import chance_of
from connectors.sandbox.characters import character
from connectors.sandbox.mailgun_events import MailgunEvents
from connectors.sandbox.mailgun_rules import MailEvent
from connectors.sandbox.store import Store
from connectors.sandbox.twilio_progress import TwilioProgress
from connectors.sandbox.twilio_rules import TextStatus


class Part(StrEnum):
    """Who says no."""

    STOP = "stop"
    UNSUBSCRIBE = "unsubscribe"
    COMPLAIN = "complain"


AUDITION = 8.0  # seconds at pace 1 between the first arrival and the choice
AUDITIONS = 12  # then nobody fits, and nobody is cast until the next restart


class Casting:
    """Remembers which parts are taken."""

    def __init__(
        self,
        store: Store,
        agenda: Agenda,
        texts: TwilioProgress,
        mails: MailgunEvents,
        unsubscribe: Callable[[sqlite3.Row], Awaitable[None]],
        *,
        seed: int,
    ) -> None:
        self._store = store
        self._agenda = agenda
        self._texts = texts
        self._mails = mails
        self._unsubscribe = unsubscribe
        self._seed = seed
        self._open = {part for part in Part if store.fact(f"part {part}") is None}
        agenda.on("customer_part", self._cast)

    def text_arrived(self) -> None:
        """The first text opens the search for the one who says STOP."""
        self._announce(Part.STOP)

    def mail_arrived(self) -> None:
        """The first mail opens the search for the other two."""
        self._announce(Part.UNSUBSCRIBE)
        self._announce(Part.COMPLAIN)

    def _announce(self, part: Part) -> None:
        if part in self._open:
            self._open.discard(part)
            self._store.remember(f"part {part}", "announced")
            self._agenda.add("customer_part", AUDITION, part=part, auditions=1)

    def _fitting(self, rows: list[sqlite3.Row]) -> sqlite3.Row | None:
        """The one with the lowest dice among those who stay silent on everything so far."""
        silent = [
            row
            for row in rows
            if character(self._seed, row["recipient"], 0, is_email="@" in row["recipient"]).is_silent
        ]
        return min(silent, key=lambda row: chance_of(self._seed, row["recipient"], "part").random(), default=None)

    async def _cast(self, payload: dict[str, Any]) -> None:
        part = Part(payload["part"])
        rows = self._store.rows(
            "select * from texts where direction <> 'inbound' and status = ? and recipient not like 'whatsapp:%'",
            [TextStatus.DELIVERED],
        ) if part is Part.STOP else self._store.rows(
            "select * from mails where status = ? and unsubscribe is not null order by n desc", [MailEvent.DELIVERED]
        )  # fmt: skip
        taken = {self._store.fact(f"part {other}") for other in Part}
        chosen = self._fitting([row for row in rows if row["recipient"] not in taken])
        if chosen is None:
            if payload["auditions"] < AUDITIONS:
                self._agenda.add("customer_part", AUDITION, part=part, auditions=payload["auditions"] + 1)
            return
        self._store.remember(f"part {part}", chosen["recipient"])
        match part:
            case Part.STOP:
                self._texts.receive(chosen["recipient"], "STOP")
            case Part.UNSUBSCRIBE:
                await self._unsubscribe(chosen)
            case Part.COMPLAIN:
                self._mails.happen(chosen["recipient"], MailEvent.COMPLAINED)
