"""What the tests of the watch share: somebody who is told, and a ledger in which something is wrong."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import sqlalchemy as sa

from connectors import Unavailable
from data.ledger.runs import end_run, start_run
from data.ledger.store import Ledger
from data.ledger.tables import accounts, alerts, notices, runs, system
from data.words import AlertKind, NoticeWay, RunKind, RunStatus
from tests.world import NOON

NIGHT = NOON - timedelta(hours=12)  # no digest is due


@dataclass
class Ear:
    """A way that remembers what it was told; `deaf`: it takes nothing; `meanwhile`: called before it answers."""

    way: NoticeWay = NoticeWay.WEBHOOK
    deaf: bool = False
    told: list[tuple[str, str]] = field(default_factory=list)
    meanwhile: Callable[[], object] = lambda: None
    texts: list[str] = field(default_factory=list)

    def tell(self, topic: str, subject: str, text: str, written_at: datetime) -> None:
        self.meanwhile()
        if self.deaf:
            raise Unavailable("the webhook answered HTTP 500")
        self.told.append((topic.rsplit(maxsplit=1)[-1], subject))
        self.texts.append(text)


def halt(ledger: Ledger, at: datetime | None = NOON) -> None:
    with ledger.write() as connection:
        connection.execute(system.update().values(halted_at=at, halted_by="owner@acme.example", halt_reason="Ana Ruiz"))


def fail(ledger: Ledger, kind: RunKind = RunKind.SEND, status: RunStatus = RunStatus.FAILED) -> None:
    end_run(ledger, start_run(ledger, kind, NOON), status, {}, "ValueError")


def make_due(ledger: Ledger) -> None:
    """The waits of notices that failed are over."""
    with ledger.write() as connection:
        connection.execute(notices.update().values(next_try_at=ledger.now(connection) - timedelta(seconds=1)))


def age_runs(ledger: Ledger, by: timedelta) -> None:
    with ledger.write() as connection:
        for row in connection.execute(sa.select(runs)).all():
            connection.execute(
                runs.update().where(runs.c.run_id == row.run_id).values(
                    started_at=row.started_at - by, changed_at=row.changed_at - by,
                    ended_at=row.ended_at and row.ended_at - by,
                )
            )  # fmt: skip


def age_account(ledger: Ledger, by: timedelta) -> None:
    with ledger.write() as connection:
        connection.execute(accounts.update().values(created_at=ledger.now(connection) - by))


def kinds(ledger: Ledger) -> list[tuple[AlertKind, str]]:
    with ledger.read() as connection:
        found = connection.execute(
            sa.select(alerts.c.kind, alerts.c.subject).where(alerts.c.cleared_at.is_(None)).order_by(alerts.c.alert_id)
        )
        return [(kind, subject) for kind, subject in found]
