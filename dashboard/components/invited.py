"""Who is behind the quota cards: the people a unit of the cycle was spent on, counted as the cards count.

The link says whose: `invited` is `here` (the chosen locations) or `account` (all locations of whoever looks), `cycle`
the first day of the cycle, so that a link means the same people in the next one. The period above does not narrow them.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl
import streamlit as st

from dashboard.components.marks import invitation_mark, score_mark
from dashboard.components.page import PAGE_SIZE, back_to_first_page, empty, pager, title
from dashboard.components.panel import open_panel, show_panel
from dashboard.components.rows import Button, Column, draw_rows, moment_cell, person_cell, place_cell, two_lines
from dashboard.desk import Desk
from dashboard.exporting import export_buttons
from dashboard.wording import INVITATION, contact, counted, day_and_time, short_day
from data.ledger.access import Place
from data.ledger.invited import Invited, count_invited, cycle_holding, read_invited
from data.ledger.quota import cycle_used
from data.permissions import Action

HERE, ACCOUNT = "here", "account"
_WHOSE, _CYCLE = "invited", "cycle"
_EVERYBODY = 1_000_000_000
_YEARS = range(2000, 2200)


@dataclass(frozen=True, slots=True)
class _Cycle:
    """Whose invitations of which cycle."""

    whose: str
    start: date
    next_start: date
    places: Sequence[Place]
    is_now: bool


def put_invited(whose: str, cycle_start: date) -> None:
    """For a button's on_click: the people behind a quota card, on the run that follows."""
    st.query_params[_WHOSE] = whose
    st.query_params[_CYCLE] = cycle_start.isoformat()
    back_to_first_page("invited")


def draw_invited(desk: Desk, back_to: str) -> bool:
    """The people whom the link asks for, in the place of the page called `back_to`; False where it asks for none."""
    cycle = _linked(desk)
    if cycle is None:
        return False
    st.button(f"Back to {back_to}", key="invited_back", icon=":material/arrow_back:", type="tertiary", on_click=_forget)
    mine = desk.access.account_id, cycle.start, [place.location_id for place in cycle.places]
    with desk.ledger.read() as c:
        people = count_invited(c, *mine)
        elsewhere = cycle_used(c, *mine[:2]) - people if _is_part_of_account(cycle, desk) else 0
    with st.container(
        key="aw_titled_invited", horizontal=True, horizontal_alignment="distribute", vertical_alignment="bottom"
    ):
        with st.container(width="stretch"):
            title(f"{_named(cycle)}: {counted(people, 'invitation')}", _about(cycle, elsewhere, desk))
        if people:
            export_buttons("invited", _whole(desk, cycle))
    if not people:
        empty("Nobody was invited in this cycle", "Choose another location.", name="invited")
    else:
        _table(desk, cycle, people)
    show_panel()
    return True


def _linked(desk: Desk) -> _Cycle | None:
    whose = st.query_params.get(_WHOSE)
    if whose not in (HERE, ACCOUNT):
        return None
    day = None
    with suppress(ValueError):
        day = date.fromisoformat(st.query_params.get(_CYCLE, ""))
    with desk.ledger.read() as c:
        now = cycle_holding(c, desk.access.account_id, desk.now, None)
        is_other = day is not None and day.year in _YEARS
        start, next_start = cycle_holding(c, desk.access.account_id, desk.now, day) if is_other else now
    if not desk.may(Action.SEE_ACCOUNT_QUOTA):
        whose = HERE
    places = desk.access.places if whose == ACCOUNT else desk.places
    return _Cycle(whose, start, next_start, places, start == now[0])


def _forget() -> None:
    for name in (_WHOSE, _CYCLE, "invited_page"):
        st.query_params.pop(name, None)
    back_to_first_page("invited")


def _is_part_of_account(cycle: _Cycle, desk: Desk) -> bool:
    """Whether the card counts people whom this person does not see."""
    return cycle.whose == ACCOUNT and not desk.access.is_every_place


def _named(cycle: _Cycle) -> str:
    return "Total Invited Customers" if cycle.whose == ACCOUNT else "Invited This Cycle" if cycle.is_now else "Invited"


def _about(cycle: _Cycle, elsewhere: int, desk: Desk) -> str:
    where = cycle.places[0].name if len(cycle.places) == 1 else "All your locations"
    last = cycle.next_start - timedelta(days=1)
    days = f"{short_day(cycle.start, desk.now)} to {short_day(last, desk.now)}"
    more = f" · {elsewhere:,} more went out from locations that you do not look after" if elsewhere > 0 else ""
    return f"{where} · the billing cycle of {days}, newest first{more}"


def _table(desk: Desk, cycle: _Cycle, people: int) -> None:
    table = st.container()
    number = pager("invited", people, "invitation", "invitations")
    rows = _read(desk, cycle, PAGE_SIZE, (number - 1) * PAGE_SIZE)
    places = {place.location_id: place for place in cycle.places}
    shown = [{"person": row, "place": places[row.location_id]} for row in rows]
    customer_of = {row.invitation_id: row.customer_id for row in rows}
    with table:
        draw_rows(
            "invited", shown, _columns(desk), lambda row: row["person"].invitation_id,
            lambda _: _buttons(desk, customer_of),
        )  # fmt: skip


def _columns(desk: Desk) -> list[Column]:
    return [
        Column("Name", lambda row: person_cell(_name(row["person"])), "1.3fr"),
        Column("Email and phone number", lambda row: _contacts(row["person"]), "1.85fr", on_phone=False),
        Column("Invited on", lambda row: _invited_on(row["person"], row["place"], desk), "0.9fr"),
        Column("Location", lambda row: place_cell(row["place"].name), "1.1fr", on_phone=False),
        Column("Status", lambda row: invitation_mark(row["person"].status, is_suppressed=False), "0.9fr"),
        Column("NPS score", lambda row: score_mark(row["person"].score), "0.6fr", is_number=True),
    ]


def _buttons(desk: Desk, customer_of: dict[int, int]) -> list[Button]:
    if not desk.may(Action.OPEN_PANEL):
        return []
    return [
        Button("Activity", ":material/history:", "invited_activity", lambda number: open_panel(customer_of[number]))
    ]


def _name(person: Invited) -> str:
    return " ".join(filter(None, [person.first_name, person.last_name]))


def _contacts(person: Invited) -> object:
    return two_lines(person.email or "–", contact(person.phone) or "–", person.email or "")


def _invited_on(person: Invited, place: Place, desk: Desk) -> object:
    if person.first_handed_at is None:
        return "On its way"
    return moment_cell(*day_and_time(person.first_handed_at, place.time_zone, desk.now))


def _read(desk: Desk, cycle: _Cycle, limit: int, offset: int) -> list[Invited]:
    places = [place.location_id for place in cycle.places]
    with desk.ledger.read() as c:
        return read_invited(c, desk.access.account_id, cycle.start, places, limit=limit, offset=offset)


def _whole(desk: Desk, cycle: _Cycle) -> Callable[[], pl.DataFrame]:
    """All of them, for a file."""

    def make() -> pl.DataFrame:
        names = {place.location_id: place.name for place in cycle.places}
        rows = _read(desk, cycle, _EVERYBODY, 0)
        return pl.DataFrame(
            {
                "First name": [row.first_name for row in rows],
                "Last name": [row.last_name for row in rows],
                "Email": [row.email for row in rows],
                "Phone number": [row.phone for row in rows],
                "Location": [names[row.location_id] for row in rows],
                "Invited on": [row.first_handed_at for row in rows],
                "Status": [INVITATION[row.status] for row in rows],
                "NPS score": [row.score for row in rows],
            }
        )

    return make
