"""What the Simulate page shows, worked out once for each state of the ledger and kept: another location, another tab or
another look costs nothing.
"""

import json
from datetime import datetime, timedelta
from typing import Any

import streamlit as st

from data.ledger.candidate_sources import count_customers
from data.ledger.last_change import last_change
from data.ledger.store import Ledger
from invitations.foresee import foresee, read_present
from invitations.policy import Policy, read_policy
from invitations.prices import load_prices
from invitations.simulate import Simulation

_KEPT_FOR = timedelta(minutes=15)  # the time goes on, though nothing changes
AT_ONCE = 20_000  # customers: with more a page is not kept waiting until somebody asks for it
_KEPT = 12  # a simulation of 10,000 customers is a few megabytes


def policy_in_effect(ledger: Ledger, account_id: int, now: datetime) -> Policy:
    """The account's. Raises NoPolicy."""
    with ledger.read() as c:
        return read_policy(c, account_id, now)[1]


def customer_count(ledger: Ledger) -> int:
    """How many customers a simulation reads, whoever of them waits: what it takes long for."""
    with ledger.read() as c:
        return count_customers(c)


def simulated(ledger: Ledger, now: datetime, days: int, rules: dict[str, Any] | None = None) -> Simulation:
    """The coming days under the policy in effect, or under `rules` (a policy's document). Its `since` is "as of"."""
    with ledger.read() as c:
        change = last_change(c)
    key = json.dumps(rules, sort_keys=True) if rules is not None else None
    return _simulated(ledger.settings.ledger_address, change, days, key, ledger, now)


@st.cache_data(ttl=_KEPT_FOR, max_entries=_KEPT, show_spinner="Working it out")
def _simulated(address: str, change: str, days: int, rules: str | None, _ledger: Ledger, _now: datetime) -> Simulation:
    policy = None if rules is None else Policy.load(json.loads(rules))
    return foresee(read_present(_ledger, _now), timedelta(days=days), load_prices(), policy)
