"""Jobs: what a person asked for on the dashboard and a sensor carries out. The dashboard itself starts nothing.

Payloads, by kind:
`import`     {"path": under AFTERWORD_HOME, "location": slug, "list_name": …, "channels": […] | null, "speed": … | null,
             "send_at", "columns", "consent", "consent_text", "consented_on", "file_name", "content_sha256": … | absent}
`send_test`  {"contact": an e-mail address or phone number, "template": slug | absent, "location_id": … | absent}
`plan`       {}
`submit_template`  {"slug": … | null, "language": … | null}: every WhatsApp text, or one
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.ledger.store import Ledger
from data.ledger.tables import jobs
from data.ledger.tables.metadata import database_now
from data.words import JobKind

# A job that was begun and never ended belongs to a process that died: nobody may wait for it longer than this.
ABANDONED_AFTER = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Job:
    """One thing asked for."""

    job_id: int
    account_id: int
    kind: JobKind
    payload: Mapping[str, Any]
    asked_by: str


def ask_for(
    connection: Connection, *, account_id: int, kind: JobKind, payload: Mapping[str, Any], asked_by: str
) -> int:
    """Write down what a person wants done; the job's id."""
    asked = jobs.insert().values(
        account_id=account_id, kind=kind, payload=dict(payload), asked_by=asked_by, asked_at=database_now()
    )
    return int(connection.execute(asked.returning(jobs.c.job_id)).scalar_one())


def waiting_job_ids(connection: Connection) -> list[int]:
    """The jobs nobody has begun, oldest first."""
    waiting = sa.select(jobs.c.job_id).where(jobs.c.started_at.is_(None)).order_by(jobs.c.job_id)
    return list(connection.execute(waiting).scalars())


def open_import_paths(connection: Connection) -> list[str]:
    """Where the files of imports lie that nobody has ended yet."""
    query = sa.select(jobs.c.payload).where(jobs.c.kind == JobKind.IMPORT, jobs.c.ended_at.is_(None))
    return [str(payload["path"]) for payload in connection.execute(query).scalars()]


def take_job(ledger: Ledger) -> Job | None:
    """Begin the oldest waiting job, so that nobody else will; None when there is none."""
    oldest = sa.select(jobs.c.job_id).where(jobs.c.started_at.is_(None)).order_by(jobs.c.job_id).limit(1)
    with ledger.write() as connection:
        row = connection.execute(
            jobs.update()
            .where(
                jobs.c.job_id == oldest.with_for_update(skip_locked=True).scalar_subquery(), jobs.c.started_at.is_(None)
            )
            .values(started_at=database_now())
            .returning(jobs.c.job_id, jobs.c.account_id, jobs.c.kind, jobs.c.payload, jobs.c.asked_by)
        ).one_or_none()
    return None if row is None else Job(*row)


def end_job(ledger: Ledger, job_id: int, problem: str | None = None) -> None:
    """Close a job; `problem` is what the person who asked will read, without personal data."""
    with ledger.write() as connection:
        connection.execute(
            jobs.update()
            .where(jobs.c.job_id == job_id)
            .values(ended_at=database_now(), problem=problem and problem[:500])
        )


def end_abandoned_jobs(ledger: Ledger) -> int:
    """Close jobs whose process died; how many. They are not begun again: the person who asked is told, and decides."""
    with ledger.write() as connection:
        limit = ledger.now(connection) - ABANDONED_AFTER
        closed = connection.execute(
            jobs.update()
            .where(jobs.c.started_at < limit, jobs.c.ended_at.is_(None))
            .values(ended_at=database_now(), problem="The work was cut off. Ask for it again.")
            .returning(jobs.c.job_id)
        ).all()
    return len(closed)
