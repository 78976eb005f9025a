"""The watch: look for what is wrong, raise it once, clear it when it is right again, and tell both.

web/ runs it each minute, so does Dagster's sensor, and `afterword watch` for whoever has neither: any number at once,
because a row of the ledger decides who raises and who tells. No transaction is open while anybody is told.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import sqlalchemy as sa
import structlog
from sqlalchemy.engine import Connection

from connectors import Unavailable
from data.ledger import alerts, notices
from data.ledger.alerts import Alert
from data.ledger.store import Ledger, again_if_undone
from data.ledger.tables import accounts
from data.words import NoticeWay
from invitations.alerts import DAGSTER_JOB, Look, look, title_of
from invitations.digest import write_due_digests

log = structlog.get_logger(__name__)

CALL_SECONDS = 20.0  # for one whole call; far below the minute for which a claimed notice is ours
PASS_SECONDS = 30.0  # for all calls of one pass: the next one goes on


class Carrier(Protocol):
    """One way in which notices leave (connectors/alerting.py)."""

    @property
    def way(self) -> NoticeWay:
        """Its name."""

    def tell(self, topic: str, subject: str, text: str, written_at: datetime) -> None:
        """Hand a notice over, once. Raises Unavailable, no secret in its text, when it was not taken."""


@dataclass(frozen=True, slots=True)
class Watched:
    """What one pass did, and what is wrong after it."""

    open: Sequence[Alert]
    raised: int
    cleared: int
    digests: int
    told: int
    failed: int

    def as_metadata(self) -> dict[str, int]:
        """The counts."""
        return {
            "open": len(self.open),
            "raised": self.raised,
            "cleared": self.cleared,
            "digests": self.digests,
            "told": self.told,
            "failed": self.failed,
        }


def watch(ledger: Ledger, carriers: Sequence[Carrier], *, now: datetime, call_seconds: float = CALL_SECONDS) -> Watched:
    """One pass. `now` is policy time, for the digests; what is wrong goes by the database's clock.

    Without carriers what is wrong stands in the ledger and in the log, and nowhere else.
    """
    ways = [carrier.way for carrier in carriers]
    raised, cleared = settle(ledger, ways)
    digests = write_due_digests(ledger, ways, now=now)
    told, failed = _tell(ledger, carriers, call_seconds)
    with ledger.read() as connection:
        standing = alerts.read_open(connection)
    return Watched(standing, len(raised), len(cleared), digests, told, failed)


def settle(ledger: Ledger, ways: Sequence[NoticeWay]) -> tuple[list[Alert], list[Alert]]:
    """Raise what is wrong and not raised, clear what is right again; both, each with its notices written."""
    with ledger.read() as connection:
        if not _is_changing(connection, ledger.now(connection), ways):
            return [], []
    raised, cleared = _write_changes(ledger, ways)
    for alert in raised:
        log.error("alert", alert_id=alert.alert_id, kind=alert.kind.value, subject=alert.subject, text=alert.text)
    for alert in cleared:
        log.info("alert is over", alert_id=alert.alert_id, kind=alert.kind.value, subject=alert.subject)
    return raised, cleared


def _is_changing(connection: Connection, now: datetime, ways: Sequence[NoticeWay]) -> bool:
    """Whether there is anything to write: hardly ever, so that a look hardly ever waits for a writer."""
    seen, standing = look(connection, now), alerts.read_open(connection)
    if _over(seen, standing) or {(w.kind, w.subject) for w in seen.wrong} - {(a.kind, a.subject) for a in standing}:
        return True
    written = notices.written_ways(connection, [alert.alert_id for alert in standing])
    return any(set(ways) - known for known in written.values())


@again_if_undone
def end_alerts(ledger: Ledger, alert_ids: Sequence[int]) -> int:
    """Clear alerts that only their raiser can judge, and let it be told; how many were open."""
    with ledger.write() as connection:
        cleared = alerts.clear(connection, alert_ids)
        _write_all_over(connection, cleared)
    return len(cleared)


@again_if_undone
def _write_changes(ledger: Ledger, ways: Sequence[NoticeWay]) -> tuple[list[Alert], list[Alert]]:
    with ledger.write() as connection:
        alerts.take_turns(connection)
        seen = look(connection, ledger.now(connection))
        raised = [alerts.raise_alert(connection, wrong.kind, wrong.subject, wrong.text) for wrong in seen.wrong]
        cleared = alerts.clear(connection, _over(seen, alerts.read_open(connection)))
        sender = _sender(connection)
        for alert in alerts.read_open(connection):
            _write_raised(connection, alert, ways, sender)
        _write_all_over(connection, cleared)
    return [alert for alert in raised if alert is not None], cleared


def _over(seen: Look, standing: Sequence[Alert]) -> list[int]:
    """The alerts that are right again, of those which a look can tell."""
    kept = {(wrong.kind, wrong.subject) for wrong in seen.wrong} | seen.unclear
    return [
        alert.alert_id
        for alert in standing
        if (alert.kind, alert.subject) not in kept and not alert.subject.startswith(DAGSTER_JOB)
    ]


def _sender(connection: Connection) -> str:
    """Whose Afterword this is: several may tell the same person."""
    return (
        connection.execute(sa.select(accounts.c.name).order_by(accounts.c.account_id)).scalars().first() or "Afterword"
    )


def _write_raised(connection: Connection, alert: Alert, ways: Sequence[NoticeWay], sender: str) -> None:
    notices.write(
        connection,
        ways,
        topic=f"alert {alert.alert_id} raised",
        subject=f"{sender}: {title_of(alert.kind, alert.subject)}",
        text=alert.text,
        alert_id=alert.alert_id,
    )


def _write_all_over(connection: Connection, cleared: Sequence[Alert]) -> None:
    """To whom the alarm is, or will be, told, its end is told too: also where whoever looks now has not that way."""
    told_before = notices.written_ways(connection, [alert.alert_id for alert in cleared])
    sender = _sender(connection)
    for alert in cleared:
        _write_over(connection, alert, sorted(told_before[alert.alert_id]), sender)


def _write_over(connection: Connection, alert: Alert, ways: Sequence[NoticeWay], sender: str) -> None:
    since = f"It was so from {alert.raised_at:%Y-%m-%d %H:%M} to {alert.cleared_at:%Y-%m-%d %H:%M} UTC."
    notices.write(
        connection,
        ways,
        topic=f"alert {alert.alert_id} cleared",
        subject=f"{sender}: over: {title_of(alert.kind, alert.subject)}",
        text=f"This is over. {since}\n\n{alert.text}",
        alert_id=alert.alert_id,
    )


def _tell(ledger: Ledger, carriers: Sequence[Carrier], call_seconds: float) -> tuple[int, int]:
    """Tell what is due; how many were, and how many calls failed. A way that fails is left until the next pass."""
    left = {carrier.way: carrier for carrier in carriers}
    told = failed = 0
    ends = time.monotonic() + PASS_SECONDS
    while left and time.monotonic() < ends:
        due = notices.next_due(ledger, list(left))
        if due is None:
            break
        carrier = left[due.way]
        problem = _call(lambda: carrier.tell(due.topic, due.subject, due.text, due.written_at), call_seconds)  # noqa: B023
        if problem is None:
            notices.note_told(ledger, due.notice_id)
            told += 1
            continue
        failed += 1
        del left[due.way]
        notices.note_failed(ledger, due.notice_id, problem)
        is_last = due.tries >= notices.TRIES
        log.error(
            "nobody was told", topic=due.topic, way=due.way.value, tries=due.tries, gave_up=is_last, problem=problem
        )
    return told, failed


def _call(call: Callable[[], None], seconds: float) -> str | None:
    """Make a call, waiting so long at most, however slowly its answer trickles; what went wrong, or None."""
    answers: list[str | None] = []

    def make() -> None:
        try:
            call()
        except Unavailable as problem:
            answers.append(str(problem))
        except Exception as problem:  # noqa: BLE001  (its text may hold an address)
            answers.append(type(problem).__name__)
        else:
            answers.append(None)

    thread = threading.Thread(target=make, name="notice", daemon=True)
    thread.start()
    thread.join(seconds)
    return answers[0] if answers else f"no answer within {seconds:g} s"
