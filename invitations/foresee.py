"""Asking the simulation about the ledger as it stands: what is read for it, and the policies it may be asked about.

Reads in one transaction and writes nothing.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy.engine import Connection

from data.ledger.accounts import the_account
from data.ledger.candidate_sources import Sources, read_sources
from data.ledger.standing import read_standing
from data.ledger.store import Ledger
from data.ledger.texts import Texts, read_texts
from data.standing import Standing
from invitations.policy import Policy, PolicyRefused, read_policy
from invitations.prices import Prices
from invitations.settings_check import load_settings
from invitations.simulate import Simulation, simulate
from invitations.volumes import link_like

LONGEST = timedelta(days=92)
_SPAN = re.compile(r"([1-9][0-9]{0,3})\s*(h|d|w)")
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


class SpanRefused(ValueError):
    """The time to look ahead cannot be read."""


@dataclass(frozen=True, slots=True)
class Present:
    """Everything that a simulation starts from, read at `now` (policy time)."""

    now: datetime
    time_zone: str  # the account's
    policy: Policy
    sources: Sources = field(repr=False)
    standing: Standing
    texts: Texts = field(repr=False)
    link: str


def read_present(ledger: Ledger, now: datetime) -> Present:
    """The ledger's one account as it stands. Raises LookupError without one, NoPolicy or PolicyRefused."""
    with ledger.read() as connection:
        return read_present_in(connection, now, public_url=ledger.settings.public_url)


def read_present_in(connection: Connection, now: datetime, *, public_url: str) -> Present:
    """The same in a read transaction that is open already."""
    account = the_account(connection)
    _, policy = read_policy(connection, account.account_id, now)
    return Present(
        now=now,
        time_zone=account.time_zone,
        policy=policy,
        sources=read_sources(connection, account.account_id, at=now),
        standing=read_standing(connection, account.account_id, now),
        texts=read_texts(connection, account.account_id),
        link=link_like(public_url),
    )


def foresee(present: Present, span: timedelta, prices: Prices, policy: Policy | None = None) -> Simulation:
    """What would go within `span` from the present, under `policy` or else the one in effect."""
    return simulate(
        present.sources,
        present.standing,
        policy or present.policy,
        present.now,
        until=present.now + span,
        prices=prices,
        texts=present.texts,
        link=present.link,
    )


def read_span(text: str) -> timedelta:
    """ "14d", "36h", "2w". Raises SpanRefused, in words."""
    found = _SPAN.fullmatch(text.strip().lower())
    span = int(found[1]) * _UNITS[found[2]] if found else None
    if span is None or span > LONGEST:
        raise SpanRefused(f"{text!r} is not a time to look ahead: write 14d, 36h or 2w, and {LONGEST.days}d at most.")
    return span


def policy_from(path: Path) -> Policy:
    """The policy in a file: an account's, checked as `init` checks it, or one with its [policy] table alone.

    As with `init`, what the file leaves out is as shipped. Raises AccountFileError or PolicyRefused, in words.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError):
        raise PolicyRefused(f"{path.name}: cannot be read as UTF-8 text.") from None
    except tomllib.TOMLDecodeError as fault:
        raise PolicyRefused(f"{path.name}: this is not TOML: {fault}.") from None
    if "account" in document:
        return load_settings(path)[1]
    table = document.get("policy", document)
    if not isinstance(table, Mapping):
        raise PolicyRefused(f"{path.name}: [policy] is not a table.")
    rules: dict[str, Any] = {name: value for name, value in table.items() if name != "effective_on"}
    try:
        return Policy.load(rules)
    except PolicyRefused as problem:
        raise PolicyRefused(f"{path.name}: [policy] {problem}.") from None
