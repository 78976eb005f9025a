"""Grades brought up to what is known, in the transaction in which it became known; and clicks that have settled.

`invitations.evidence` judges; this reads what it needs and keeps what it says. Whoever calls `regrade` holds the
person's lock, so that two links fetched at once see each other.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.engine import Connection

from data.ledger.fetches import (
    FetchRow,
    History,
    Waiting,
    find_waiting,
    mark_judged_again,
    read_history,
    set_evidence,
)
from data.ledger.responses import lock_person
from data.ledger.stop_conditions import end_if_met
from data.ledger.store import Ledger, again_if_undone
from data.words import EventKind, Evidence, StopCondition
from invitations.evidence import PAGE, PIXEL, Fetch, Grade, Sign, grade
from invitations.policy import shipped
from invitations.policy_parts import Machines

AT_ONCE = "at_once"  # in an event's detail: a platform's link that needed no answer
_SIGNS = {sign.value: sign for sign in Sign}


def machines_of(rules: Mapping[str, Any]) -> Machines:
    """The signs of a machine that a policy document names, or those that Afterword ships."""
    return Machines.model_validate(rules.get("machines") or shipped("machines"))


def regrade(connection: Connection, request_id: int, *, new: int | None = None) -> Mapping[int, Grade]:
    """Judge all opens and clicks of a message anew; the grades by event id. `new`: an event of this transaction."""
    history = read_history(connection, request_id)
    grades = grades_of(history)
    changed = False
    for row in history.fetches:
        found = grades[row.event_id]
        if (row.evidence, row.evidence_reason) != (found.evidence, found.sign):
            set_evidence(connection, row.event_id, found.evidence, found.sign)
            changed |= row.event_id != new
    if changed:
        mark_judged_again(connection, request_id)
    return grades


def grades_of(history: History, *, answer_at: datetime | None = None) -> Mapping[int, Grade]:
    """What the fetches of a message are worth, with an answer that is about to be kept."""
    answers = [*history.answered_at, *([answer_at] if answer_at else [])]
    machines = machines_of(history.rules)
    return grade([fetch_of(row) for row in history.fetches], answers, history.delivered_at, machines)


def fetch_of(row: FetchRow) -> Fetch:
    """An event as `invitations.evidence` sees it."""
    link = link_of(row.kind, row.platform_id, row.detail)
    return Fetch(row.event_id, link, row.occurred_at, _sign_of(row), bool(row.detail.get(AT_ONCE)))


def link_of(kind: EventKind, platform_id: int | None, detail: Mapping[str, Any]) -> str:
    """Which link of a message was fetched; `detail` names those that the kind does not tell."""
    if platform_id is not None:
        return f"platform {platform_id}"
    return str(detail.get("link") or (PIXEL if kind is EventKind.OPENED else PAGE))


def _sign_of(row: FetchRow) -> Sign | None:
    if "sign" in row.detail:
        return _SIGNS.get(row.detail["sign"])
    if row.evidence_reason is None:  # kept before reasons were: what it was graded by is not known any more
        return {Evidence.MACHINE: Sign.AGENT, Evidence.HUMAN: Sign.ANSWER}.get(row.evidence or Evidence.UNKNOWN)
    return None


def settle_clicks(ledger: Ledger, *, now: datetime) -> int:
    """End what a human click or a chosen platform ends, once no burst can overturn it; how many invitations ended.

    A posted answer ends an invitation on receipt. A GET does not: the next link of a burst may follow within the
    policy's interval and show that a scanner was at work. So whoever made it waits for that long, and a machine never
    ends anything. Called by each pass that reads events; a sequence's next message is at least an hour away, and
    planning holds it back meanwhile. `now` is policy time.
    """
    with ledger.read() as connection:
        waiting = find_waiting(connection)
    return sum(_settle_one(ledger, one, now) for one in waiting)


@again_if_undone
def _settle_one(ledger: Ledger, one: Waiting, now: datetime) -> bool:
    with ledger.write() as connection:
        lock_person(connection, one.person_id)
        history = read_history(connection, one.request_id)
        row = next(row for row in history.fetches if row.event_id == one.event_id)
        if now - row.occurred_at <= timedelta(seconds=machines_of(history.rules).all_links_within_seconds):
            return False
        return end_by_fetch(
            connection, one.request_id, row.kind, regrade(connection, one.request_id)[row.event_id], now
        )


def end_by_fetch(connection: Connection, request_id: int, kind: EventKind, found: Grade, now: datetime) -> bool:
    """End the invitation where its policy stops on what was fetched, as it is graded; whether that ended it.

    A human click counts; so does the platform that a human chose, which is a click too. A choice counts unless a
    machine made it: its link stands on a page that only an answer brings up, or a browser's window showed it.
    """
    met = []
    if found.evidence is Evidence.HUMAN and kind is not EventKind.OPENED:
        met.append(StopCondition.CLICKED)
    if found.evidence is not Evidence.MACHINE and kind is EventKind.PLATFORM_CHOSEN:
        met.append(StopCondition.PLATFORM_CHOSEN)
    return end_if_met(connection, request_id, met, at=now)
