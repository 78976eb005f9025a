"""The desk a person sits at: who they are, the locations and the period they look at, and the handles to read with.

`app.py` lays it out anew on every run; pages take it with `here()`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import streamlit as st

from data.ledger.access import Access, Place, SystemState, access_of
from data.ledger.store import Ledger
from data.permissions import Action, may
from data.warehouse.pages import Scope
from data.warehouse.reader import Look
from data.words import Role
from invitations.controls import Actor

_KEY = "desk"


@dataclass(frozen=True, slots=True)
class Desk:
    """One person's view, this run. `now` is policy time; `period` says the chosen period in words."""

    ledger: Ledger
    reader: Look
    access: Access
    system: SystemState
    places: tuple[Place, ...]  # the chosen ones
    since: datetime | None
    period: str
    now: datetime
    ends: datetime | None = None  # the first moment after the period; None: it goes on
    before: str = "the period before"  # as long, in words
    clock_offset: timedelta = timedelta()  # policy time minus the database's clock: other than zero on a demo ledger

    @property
    def scope(self) -> Scope:
        """What every query binds."""
        chosen = tuple(place.location_id for place in self.places)
        return Scope(self.access.account_id, chosen, self.since, self.now, self.ends, self.time_zone)

    @property
    def whole_scope(self) -> Scope:
        """Everything this person may see, whatever is chosen: for a link to one customer."""
        mine = tuple(place.location_id for place in self.access.places)
        return Scope(self.access.account_id, mine)

    @property
    def scope_on_database_clock(self) -> Scope:
        """The scope for what is dated by the database's clock (runs)."""
        begins, ends = (None if at is None else at - self.clock_offset for at in (self.since, self.ends))
        return replace(self.scope, since=begins, ends=ends)

    def on_policy_clock(self, moment: datetime | None) -> datetime | None:
        """A moment of the database's clock as the rest of the screen tells time.

        Only a demo's differ. Its offset may have been another one at that moment; the present one is good enough for
        a screen that shall not contradict itself.
        """
        return None if moment is None else moment + self.clock_offset

    @property
    def actor(self) -> Actor:
        """Who acts, for `invitations.controls`."""
        reach = None if self.access.is_every_place else frozenset(p.location_id for p in self.access.places)
        return Actor(self.access.email, self.access.role, self.access.account_id, reach)

    @property
    def time_zone(self) -> str:
        """The zone for moments of no particular location: the one chosen location's, else the account's."""
        return self.places[0].time_zone if len(self.places) == 1 else self.access.account_time_zone

    def may(self, action: Action) -> bool:
        """Whether to offer a button; the action itself asks again."""
        return may(self.access.role, action)


@contextmanager
def laid(desk: Desk) -> Iterator[None]:
    """Put the desk where the pages of this run find it; when the run is over, so is its look at the history."""
    st.session_state[_KEY] = desk
    try:
        yield
    finally:
        desk.reader.end()


def here() -> Desk:
    """The desk that app.py laid out for this run; a part of a page that runs again by itself looks anew.

    So does what a button calls, which comes before the run that it causes: their rights are those of now as well.
    """
    desk: Desk = st.session_state[_KEY]
    if not desk.reader.is_over:
        return desk
    with desk.ledger.read() as c:
        access = access_of(c, desk.access.email)
    if access is None:  # no user any more, who may neither see nor do anything
        access = replace(desk.access, role=Role.VIEWER, places=(), is_every_place=False)
    chosen = {place.location_id for place in desk.places}
    places = tuple(place for place in access.places if place.location_id in chosen)
    return replace(desk, reader=desk.reader.again(), access=access, places=places)
