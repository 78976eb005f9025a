"""Simulate: what would go in the coming days, who is left out and why, and what it costs. Nothing is sent from here."""

import streamlit as st
from markupsafe import Markup

from dashboard.components.other_settings import Question, ask
from dashboard.components.page import empty, title
from dashboard.components.simulation import highest_bar, show_simulation
from dashboard.desk import Desk, here
from dashboard.simulated import AT_ONCE, customer_count, policy_in_effect, simulated
from dashboard.wording import short_moment
from invitations.policy import NoPolicy
from invitations.simulate import ASSUMED, Simulation


def show() -> None:
    desk = here()
    title("Simulate", "What would be sent in the coming days. Nothing is sent or changed here.")
    try:
        policy = policy_in_effect(desk.ledger, desk.access.account_id, desk.now)
    except NoPolicy:
        empty("No settings yet", "Run `afterword init FILE` with your account's file.", name="simulate")
        return
    asked = ask(policy)
    if asked is None:
        everybody = customer_count(desk.ledger)
        if everybody > AT_ONCE:
            empty(
                f"{everybody:,} customers to look at",
                "Press Simulate: with so many it takes a minute.",
                name="simulate",
            )
            return
        asked = Question()
    found = {"effect": simulated(desk.ledger, desk.now, asked.days)}
    if asked.rules is not None:
        found["tried"] = simulated(desk.ledger, desk.now, asked.days, asked.rules)
    _say_as_of(found["effect"], desk)
    chosen = [place.location_id for place in desk.places]
    _show_all({name: simulation.at(chosen) for name, simulation in found.items()}, desk)


def _say_as_of(simulation: Simulation, desk: Desk) -> None:
    as_of = short_moment(simulation.since, desk.time_zone, desk.now)
    st.html(Markup('<p class="aw-faint">As of {}. {}</p>').format(as_of, " ".join(ASSUMED)))


def _show_all(found: dict[str, Simulation], desk: Desk) -> None:
    """The one in effect, or with it another beside it on the same scale."""
    if all(simulation.messages.is_empty() and simulation.held.is_empty() for simulation in found.values()):
        empty(
            "Nobody is waiting for a message",
            "Import a customer list; this page then shows when each message would go.",
            name="simulate",
        )
        return
    top = max(highest_bar(simulation, desk) for simulation in found.values())
    if len(found) == 1:
        show_simulation(found["effect"], desk, top=top, key="effect")
        return
    for column, (name, simulation) in zip(st.columns(2, gap="medium"), found.items(), strict=True):
        with column:
            heading = "Settings in effect" if name == "effect" else "The settings tried"
            st.html(Markup('<h2 class="aw-chart">{}</h2>').format(heading))
            beside = None if name == "effect" else found["effect"]
            show_simulation(simulation, desk, top=top, key=name, beside=beside)


show()
