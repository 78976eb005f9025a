"""Carrying out what people asked for on the dashboard, one job after the other, each once."""

from collections.abc import Mapping
from pathlib import Path

import structlog

from connectors import Accepted, Messenger, TemplateDesk
from data.ledger.access import access_of
from data.ledger.jobs import Job, end_job, take_job
from data.ledger.store import Ledger
from data.words import Channel, JobKind
from invitations.actor import Actor, Refused
from invitations.approval import submit_templates
from invitations.take_in import import_customers
from invitations.try_out import send_test
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


def _send_test(ledger: Ledger, messengers: Mapping[Channel, Messenger], job: Job) -> None:
    payload = job.payload
    outcome = send_test(
        ledger, messengers, payload["contact"], template=payload.get("template"), location_id=payload.get("location_id")
    )
    if not isinstance(outcome, Accepted):
        raise JobRefused(f"The provider did not take the test message: {outcome.reason}.")


def _submit_template(ledger: Ledger, desks: Mapping[str, TemplateDesk], job: Job) -> None:
    """The right to is looked at now: a role taken away since is gone."""
    desk = next(iter(desks.values()), None)
    if desk is None:
        raise JobRefused("No provider that takes WhatsApp templates is configured. `afterword doctor` says more.")
    with ledger.read() as connection:
        access = access_of(connection, job.asked_by)
    if access is None:
        raise JobRefused("Whoever asked is no user of this account any more.")
    actor = Actor(access.email, access.role, access.account_id)
    answer = submit_templates(
        ledger, desk, actor, slug=job.payload.get("slug"), language=job.payload.get("language")
    )  # fmt: skip
    if isinstance(answer, Refused):
        raise JobRefused(answer.reason)


def _import(ledger: Ledger, job: Job) -> None:
    file = _file_of(ledger, job)
    import_customers(
        ledger,
        file.read_bytes(),
        file_name=file.name,
        location=job.payload["location"],
        list_name=job.payload["list_name"],
        channels=_channels_of(job),
        speed=job.payload.get("speed"),
        imported_by=job.asked_by,
    )


def _channels_of(job: Job) -> list[Channel] | None:
    try:
        return [Channel(channel) for channel in job.payload.get("channels") or ()] or None
    except ValueError:
        raise JobRefused("The import names a channel that is not known here. Upload the file again.") from None


def _file_of(ledger: Ledger, job: Job) -> Path:
    """The uploaded file. A path that leads out of AFTERWORD_HOME is refused, whoever wrote the row."""
    home = ledger.settings.home.resolve()
    file = (home / str(job.payload["path"])).resolve()
    if not file.is_relative_to(home) or not file.is_file():
        raise JobRefused("The uploaded file is not there any more. Upload it again.")
    return file
