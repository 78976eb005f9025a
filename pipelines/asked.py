"""Carrying out what people asked for on the dashboard, one job after the other, each once."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import structlog

from connectors import Accepted, Messenger, TemplateDesk
from data.ledger.access import Access, access_of
from data.ledger.imports import ListUndone
from data.ledger.jobs import Job, end_job, open_import_paths, take_job
from data.ledger.runs import recorded_run
from data.ledger.store import Ledger
from data.permissions import Action, may
from data.settings import utc_now
from data.words import Channel, JobKind, RunKind
from invitations.actor import Actor, Refused
from invitations.approval import submit_templates
from invitations.import_report import ImportReport
from invitations.try_out import send_test
from invitations.uploads import import_upload, sweep_uploads
from pipelines.passes import plan_and_archive
from pipelines.problems import FORESEEN, MISCONFIGURED, kinds, tell, tell_person

log = structlog.get_logger(__name__)


class JobRefused(Exception):
    """A job whose payload cannot be carried out; the message is what the person who asked will read."""


def carry_out_jobs(
    ledger: Ledger, messengers: Mapping[Channel, Messenger], desks: Mapping[str, TemplateDesk] | None = None
) -> dict[str, int]:
    """Take waiting jobs until none is left. One that fails says why, and the next goes on."""
    counts = {"done": 0, "failed": 0}
    _sweep(ledger)
    while job := take_job(ledger):
        try:
            _carry_out(ledger, messengers, desks or {}, job)
        except kinds(("pipelines.asked:JobRefused", *FORESEEN, *MISCONFIGURED)) as problem:
            end_job(ledger, job.job_id, str(problem) if isinstance(problem, JobRefused) else tell_person(problem))
            counts["failed"] += 1
        except Exception as problem:
            end_job(
                ledger, job.job_id, "It failed for a reason nobody foresaw; the run's page in Dagster names the place."
            )
            log.error("job failed", job_id=job.job_id, kind=job.kind.value, problem=tell(problem))
            raise
        else:
            end_job(ledger, job.job_id)
            counts["done"] += 1
    return counts


def _carry_out(
    ledger: Ledger, messengers: Mapping[Channel, Messenger], desks: Mapping[str, TemplateDesk], job: Job
) -> None:
    match job.kind:
        case JobKind.IMPORT:
            _import(ledger, job)
            plan_and_archive(ledger, now=ledger.policy_now())
        case JobKind.PLAN:
            plan_and_archive(ledger, now=ledger.policy_now())
        case JobKind.SEND_TEST:
            _send_test(ledger, messengers, job)
        case JobKind.SUBMIT_TEMPLATE:
            _submit_template(ledger, desks, job)


def _asker(ledger: Ledger, job: Job) -> Access:
    """Whoever asked, with the rights of now: a role or a location taken away since is gone."""
    with ledger.read() as connection:
        access = access_of(connection, job.asked_by)
    if access is None:
        raise JobRefused("Whoever asked is no user of this account any more.")
    return access


def _send_test(ledger: Ledger, messengers: Mapping[Channel, Messenger], job: Job) -> None:
    """Also while sending is halted: it is how one finds out whether to resume."""
    payload, access = job.payload, _asker(ledger, job)
    is_reached = access.is_every_place or payload["location_id"] in {place.location_id for place in access.places}
    if not is_reached or not may(access.role, Action.SEND):
        raise JobRefused("Whoever asked may not send for this location any more.")
    outcome = send_test(
        ledger, messengers, payload["contact"], template=payload.get("template"), location_id=payload.get("location_id")
    )
    if not isinstance(outcome, Accepted):
        raise JobRefused(f"The provider did not take the test message: {outcome.reason}.")


def _submit_template(ledger: Ledger, desks: Mapping[str, TemplateDesk], job: Job) -> None:
    desk = next(iter(desks.values()), None)
    if desk is None:
        raise JobRefused("No provider that takes WhatsApp templates is configured. `afterword doctor` says more.")
    access = _asker(ledger, job)
    actor = Actor(access.email, access.role, access.account_id)
    answer = submit_templates(
        ledger, desk, actor, slug=job.payload.get("slug"), language=job.payload.get("language")
    )  # fmt: skip
    if isinstance(answer, Refused):
        raise JobRefused(answer.reason)


def _import(ledger: Ledger, job: Job) -> None:
    """The uploaded file becomes a list; whatever came of it, the file is customers' data and goes."""
    file = _file_of(ledger, job)
    try:
        access = _asker(ledger, job)
        reach = None if access.is_every_place else frozenset(place.location_id for place in access.places)
        actor = Actor(access.email, access.role, access.account_id, reach)
        with recorded_run(ledger, RunKind.IMPORT) as run:
            answer = import_upload(ledger, actor, file.read_bytes(), job.payload)
            run.counts = {"files": 1, **answer.as_metadata()} if isinstance(answer, ImportReport) else {}
    except ListUndone:
        raise JobRefused("The list was taken back while it came in; nobody else of it did.") from None
    finally:
        file.unlink(missing_ok=True)
    if isinstance(answer, Refused):
        raise JobRefused(answer.reason)
    if answer.is_repeat and not job.payload.get("consent"):
        raise JobRefused("This file was imported before under this name, so nobody came in again.")


def _sweep(ledger: Ledger) -> None:
    """Files whose import was cut off with its process are not kept longer than a day."""
    with ledger.read() as connection:
        kept = frozenset(open_import_paths(connection))
    sweep_uploads(ledger.settings.home, keep=kept, older_than=utc_now() - timedelta(days=1))


def _file_of(ledger: Ledger, job: Job) -> Path:
    """The uploaded file. A path that leads out of AFTERWORD_HOME is refused, whoever wrote the row."""
    home = ledger.settings.home.resolve()
    file = (home / str(job.payload["path"])).resolve()
    if not file.is_relative_to(home) or not file.is_file():
        raise JobRefused("The uploaded file is not there any more. Upload it again.")
    return file
