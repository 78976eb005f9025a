"""What somebody must be told about, wherever they are: looked for in the ledger, said in words without personal data.

`look` only reads. When a number is too much, and where it comes from, is in data/rules/watching.toml.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.engine import Connection

from data.ledger import watched
from data.ledger.breakers import OpenBreaker, read_open
from data.words import AlertKind, RunKind, RunStatus
from invitations import complaint_rate

NOTHING, PLANNING = "nothing", "planning"  # what has not finished for too long
DAGSTER_JOB = "job "  # before the name of a job of Dagster's: those alerts are raised and cleared where Dagster is
_UNSAFE = re.compile(r"[^\w.+@:/ -]")


class Runs(BaseModel):
    """When runs are late, and how long a failed one stays an alarm."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    silent_hours: int = Field(ge=1)
    settle_minutes: int = Field(ge=0)
    look_back_days: int = Field(ge=2)


class Providers(BaseModel):
    """When a provider counts as away."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    over_hours: int = Field(ge=1)


class Limits(BaseModel):
    """data/rules/watching.toml."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    complaints: complaint_rate.Complaints
    runs: Runs
    providers: Providers


@cache
def limits() -> Limits:
    """The table, checked. Raises pydantic.ValidationError when it is not whole."""
    return Limits.model_validate(complaint_rate.watching())


@dataclass(frozen=True, slots=True)
class Wrong:
    """One thing that is wrong now."""

    kind: AlertKind
    subject: str
    text: str


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen. Of what is `unclear` (a run is under way) nothing is raised and nothing cleared."""

    wrong: tuple[Wrong, ...]
    unclear: frozenset[tuple[AlertKind, str]]


def look(connection: Connection, now: datetime) -> Look:
    """Everything that is wrong. `now` is the database's clock."""
    rules = limits().runs
    runs = watched.read_runs(connection, now - timedelta(days=rules.look_back_days))
    failures, silences, absences = _Seen(), _Seen(), _Seen()
    for kind, standing in runs.items():
        failures.add(_failed(kind, standing, now))
    silences.add(_silent(connection, runs, now))
    for turned_away in watched.read_turned_away(connection, now, now - timedelta(hours=limits().providers.over_hours)):
        absences.add(_away(turned_away))
    wrong = [
        *failures.wrong,
        *silences.wrong,
        *absences.wrong,
        *_halted(connection),
        *(_refused(breaker) for breaker in read_open(connection)),
        *_complaints(connection, now),
        *_doubt(connection),
    ]
    return Look(tuple(wrong), frozenset(failures.unclear | silences.unclear | absences.unclear))


def title_of(kind: AlertKind, subject: str) -> str:
    """A line for a subject or a heading."""
    return {
        AlertKind.RUN_FAILED: f"a run failed ({subject})",
        AlertKind.HALTED: "sending is halted",
        AlertKind.BREAKER_OPEN: f"a sender is held back ({subject})",
        AlertKind.PROVIDER_AWAY: f"a provider can't be reached ({subject})",
        AlertKind.COMPLAINT_RATE: "too many complaints",
        AlertKind.NO_RUN: f"{subject} has finished for too long" if subject == NOTHING else f"{subject} is late",
        AlertKind.DOUBT_WAITS: "messages in doubt wait for a person",
    }[kind]


def text_of_failed_job(job: str, dagster_run_id: str) -> str:
    """For a job of Dagster's that failed before it could write its run into the ledger."""
    return (
        f"Dagster's job {job} failed (run {dagster_run_id}). Its page in Dagster names the place; `afterword doctor` "
        "looks for faults. Nothing is lost and nothing is sent twice: materialize it again."
    )


class _Seen:
    """Gathers what single looks answer."""

    def __init__(self) -> None:
        self.wrong: list[Wrong] = []
        self.unclear: set[tuple[AlertKind, str]] = set()

    def add(self, answer: Wrong | tuple[AlertKind, str] | None) -> None:
        if isinstance(answer, Wrong):
            self.wrong.append(answer)
        elif answer is not None:
            self.unclear.add(answer)


def _failed(kind: RunKind, runs: watched.RunsOfKind, now: datetime) -> Wrong | tuple[AlertKind, str] | None:
    """A run of the kind failed lately, or the last one did."""
    if runs.failed is None or runs.failed_at is None:
        return None
    is_recent = runs.failed_at > now - timedelta(minutes=limits().runs.settle_minutes)
    if not is_recent and runs.newest is RunStatus.RUNNING:
        return AlertKind.RUN_FAILED, kind.value
    if not is_recent and runs.newest is RunStatus.DONE:
        return None
    ended = {RunStatus.HALTED: "was halted", RunStatus.DIED: "died"}.get(runs.failed, "failed")
    why = f": {runs.problem.rstrip('.')}" if runs.problem else ""
    return Wrong(
        AlertKind.RUN_FAILED,
        kind.value,
        f"A run of kind {kind.value} {ended} at {_clock(runs.failed_at)}{why}. Nothing is lost and nothing is sent "
        "twice: the next one goes on from there. `afterword doctor` looks for faults; Dagster's page of the run names "
        "the place.",
    )


def _silent(
    connection: Connection, runs: Mapping[RunKind, watched.RunsOfKind], now: datetime
) -> Wrong | tuple[AlertKind, str] | None:
    """No run at all, or no planning, has finished for more than a day."""
    hours = limits().runs.silent_hours
    limit = now - timedelta(hours=hours)
    born_at = watched.read_oldest_account(connection)
    if born_at is None or born_at > limit:
        return None
    for what, kinds in ((NOTHING, list(RunKind)), (PLANNING, [RunKind.PLAN])):
        seen = [runs[kind] for kind in kinds if kind in runs]
        if any(of_kind.done_at and of_kind.done_at >= limit for of_kind in seen):
            continue
        if what == PLANNING and not seen:
            continue  # nobody plans here, or not for days: then it is nothing's
        if any(of_kind.running_since and of_kind.running_since >= limit for of_kind in seen):
            return AlertKind.NO_RUN, what
        last = max((of_kind.done_at for of_kind in seen if of_kind.done_at), default=None)
        since = f"since {_clock(last)}" if last else f"for more than {hours} hours"
        return Wrong(
            AlertKind.NO_RUN,
            what,
            f"{'No run' if what == NOTHING else 'No planning'} has finished {since}. Is Dagster up? `afterword up` "
            "starts it; `afterword plan` and `afterword send` do its work by hand, once, without harm.",
        )
    return None


def _halted(connection: Connection) -> Iterator[Wrong]:
    halted_at = watched.read_halted_at(connection)
    if halted_at is not None:
        yield Wrong(
            AlertKind.HALTED,
            "all sending",
            f"All sending is halted, since {_clock(halted_at)}. What is queued stays queued. The dashboard says who "
            "did it and why; `afterword resume` lifts it.",
        )


def _refused(breaker: OpenBreaker) -> Wrong:
    """Not in the provider's words: they may quote a customer's number."""
    covered = f"{breaker.channel.value} {_plain(breaker.sender)}"
    covered += f" to {_plain(breaker.prefix)}…" if breaker.prefix else ""
    ends = (
        "One message tries now and then whether it is over; "
        if breaker.probe_at
        else "It stays so until a person closes it: "
    )
    since = _clock(breaker.opened_at)
    why = (
        f"{covered} is held back since {since}: too many of its mails were called spam, and mailbox providers shut out "
        "whoever goes on."
        if breaker.is_ours
        else f"The provider refuses {covered} with code {_plain(breaker.code)} since {since}."
    )
    return Wrong(
        AlertKind.BREAKER_OPEN,
        covered,
        f"{why} What would leave from there waits; everything else goes on. {ends}`afterword breakers` says why and "
        "closes it.",
    )


def _away(seen: watched.TurnedAway) -> Wrong | tuple[AlertKind, str]:
    """Not before time runs short; and once told, not over before the provider answers or nothing waits for it."""
    subject = f"{seen.channel.value} by {_plain(seen.provider)}"
    if not seen.is_pressing:
        return AlertKind.PROVIDER_AWAY, subject
    messages = "1 message waits" if seen.count == 1 else f"{seen.count} messages wait"
    return Wrong(
        AlertKind.PROVIDER_AWAY,
        subject,
        f"{messages} for {subject}, which took nothing for {limits().providers.over_hours} hours and turned every try "
        f"away (code {_plain(seen.code)}). They are tried again while their time lasts, and each sent once. Is this "
        "machine on the net, and the provider up (its status page)? `afterword doctor` tries it.",
    )


def _complaints(connection: Connection, now: datetime) -> Iterator[Wrong]:
    rules = limits().complaints
    found = complaint_rate.over(connection, now, rules.highest_rate, least=rules.least_complaints)
    for account_id, called in found.items():
        yield Wrong(
            AlertKind.COMPLAINT_RATE,
            f"account {account_id}",
            f"{called}, and {rules.highest_rate:.1%} is the limit that mailbox providers set. Whoever complained is "
            "asked no more. Look which list they came from; pause it, or email, on the Requests page. Over "
            f"{rules.hold_rate:.1%} email is held back by itself.",
        )


def _doubt(connection: Connection) -> Iterator[Wrong]:
    waiting = watched.count_left_to_people(connection)
    if waiting:
        yield Wrong(
            AlertKind.DOUBT_WAITS,
            "requests",
            f"{waiting} {'message' if waiting == 1 else 'messages'} may or may not have arrived, and no provider can "
            "be asked. Nothing follows until a person decides: on the Requests page, or with `afterword resolve`.",
        )


def _clock(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _plain(text: str) -> str:
    """A sender or a code, with nothing in it that a mail program or a chat would take for marks."""
    return _UNSAFE.sub("", text)[:80]
