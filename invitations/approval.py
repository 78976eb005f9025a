"""WhatsApp templates: handed to Meta through a provider, and asked about until it says yes, and ever after.

Approval can be taken away, so every pass writes what the provider says now: given, refused, paused, gone. A template
whose words at the provider are not ours (another number of values, a link elsewhere) never counts as approved.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import structlog
from sqlalchemy.engine import Connection

from connectors import ConfigurationError, TemplateDesk, TemplateRefused, TemplateStanding, TemplateText, Unavailable
from data.ledger.controls import record_audit
from data.ledger.runs import recorded_run
from data.ledger.store import Ledger
from data.ledger.templates import has_submitted, newest_of_each, note_made, note_standing, read_whatsapp
from data.permissions import Action, may
from data.words import RunKind, TemplateApproval, TemplateCategory
from invitations.actor import Actor, Answer, Done, Refused
from invitations.whatsapp import UnfitTemplate, misfit, template_text

log = structlog.get_logger(__name__)

STANDS = {
    TemplateApproval.PENDING: "is with Meta, which mostly answers within minutes",
    TemplateApproval.APPROVED: "is approved",
    TemplateApproval.REJECTED: "was rejected by Meta",
    TemplateApproval.PAUSED: "is paused by Meta for now",
    TemplateApproval.DISABLED: "is disabled",
    TemplateApproval.UNSUBMITTED: "has not been submitted",
}
_MENDS = {
    TemplateApproval.UNSUBMITTED: "Run `afterword template submit`.",
    TemplateApproval.REJECTED: "Change its text in the account's file, run `afterword init FILE`, then submit it.",
    TemplateApproval.PAUSED: "Meta lifts the pause by itself; customers marked its messages as unwanted.",
    TemplateApproval.DISABLED: "Change its text in the account's file, run `afterword init FILE`, then submit it.",
}
_GONE = "the provider has no template with this id any more"


@dataclass(frozen=True, slots=True)
class Standing:
    """How one text stands, for a report."""

    slug: str
    language: str
    version: int
    category: TemplateCategory | None
    approval: TemplateApproval
    reason: str | None
    mend: str | None
    template_id: int
    provider_template_id: str | None


def standings(ledger: Ledger, account_id: int) -> list[Standing]:
    """The newest version of every WhatsApp text, and an older one where that is what still goes."""
    with ledger.read() as connection:
        rows = read_whatsapp(connection, account_id)
    newest = {row.template_id for row in newest_of_each(rows)}
    told = [row for row in rows if row.template_id in newest or row.approval is TemplateApproval.APPROVED]
    return [
        Standing(
            row.slug, row.language, row.version, row.category, row.approval, row.rejection_reason,
            _MENDS.get(row.approval) if row.template_id in newest else None, row.template_id, row.provider_template_id,
        )
        for row in told
    ]  # fmt: skip


def submit_templates(
    ledger: Ledger, desk: TemplateDesk, actor: Actor, *, slug: str | None = None, language: str | None = None
) -> Answer:
    """Hand the newest version of each WhatsApp text (or of `slug`) to Meta, unless it is there already.

    May be repeated whatever went wrong: what was made is found again by its name. Raises AccountStopped and, where
    links would lead to this machine, ConfigurationError.
    """
    if not may(actor.role, Action.CHANGE_SETTINGS):
        role = actor.role.value.replace("_", " ").title()
        return Refused(f"The {role} role cannot submit templates. Ask an owner or admin of the account.")
    with ledger.read() as connection:
        rows = newest_of_each(read_whatsapp(connection, actor.account_id))
    chosen = [row for row in rows if slug in (None, row.slug) and language in (None, row.language)]
    if not chosen:
        named = "no WhatsApp template" if slug is None else f'no WhatsApp template "{slug}"'
        return Refused(f"The account has {named}. Add one to the account's file and run `afterword init FILE`.")
    try:
        return _submit_each(ledger, desk, actor, chosen)
    except Unavailable as problem:
        return Refused(f"{problem}. Submit again later: nothing is made twice.")


def _submit_each(ledger: Ledger, desk: TemplateDesk, actor: Actor, rows: Sequence[Any]) -> Answer:
    there = desk.read()
    said, faults = [], []
    for row in rows:
        named = f'"{row.slug}" ({row.language})'
        try:
            standing = _submit(ledger, desk, actor, row, there)
        except UnfitTemplate as problem:
            faults.append(f"{named} cannot be submitted: {problem}.")
        except TemplateRefused as problem:
            faults.append(f"{named} was refused: {problem}")
        else:
            said.append(f"{named} {STANDS[standing.approval]}.")
    words = " ".join([*faults, *said])
    return Refused(words) if faults else Done(words)


def _submit(
    ledger: Ledger, desk: TemplateDesk, actor: Actor, row: Any, there: Sequence[TemplateStanding]
) -> TemplateStanding:
    public_url = ledger.settings.public_url
    text = template_text(
        row.slug, row.body, language=row.language, category=row.asked_category or TemplateCategory.MARKETING,
        location=row.location or row.slug, public_url=public_url,
    )  # fmt: skip
    by_id = {standing.provider_template_id: standing for standing in there}
    found = by_id.get(row.provider_template_id or "")
    if found is None or misfit(row.body, row.language, found.says, public_url):
        found = next((standing for standing in there if standing.name == text.name), None)
        provider_template_id = found.provider_template_id if found else desk.create(text)
        with ledger.write() as connection:
            note_made(connection, row.template_id, provider_template_id, by=actor.email)
            _audit(connection, row, actor.email, {"provider_template_id": provider_template_id, "name": text.name})
        was: TemplateApproval | None = TemplateApproval.UNSUBMITTED
    else:
        provider_template_id, was = found.provider_template_id, row.approval
    if found is None or found.approval is TemplateApproval.UNSUBMITTED:
        found = _ask_meta(desk, provider_template_id, text, row.asked_category)
    _note(ledger, row.template_id, provider_template_id, was, found)
    log.info("template submitted", template_id=row.template_id, approval=found.approval.value)
    return found


def _ask_meta(
    desk: TemplateDesk, provider_template_id: str, text: TemplateText, category: TemplateCategory | None
) -> TemplateStanding:
    standing = desk.submit(provider_template_id, text.name, category or TemplateCategory.MARKETING)
    if standing.approval is not TemplateApproval.UNSUBMITTED:
        return standing
    # Twilio's answer may still say "unsubmitted" of what it has just taken: the next look tells.
    return replace(standing, approval=TemplateApproval.PENDING)


def poll_templates(ledger: Ledger, desks: Mapping[str, TemplateDesk]) -> dict[str, int]:
    """Ask how every template stands, and write it; counts of what was given and taken away.

    A provider that is not reached changes nothing: what was known holds until it says otherwise. Raises AccountStopped.
    """
    with recorded_run(ledger, RunKind.TEMPLATES) as run:
        run.counts = _poll(ledger, desks)
    return run.counts


def _poll(ledger: Ledger, desks: Mapping[str, TemplateDesk]) -> dict[str, int]:
    counts = {"given": 0, "taken_away": 0, "not_reached": 0}
    with ledger.read() as connection:
        rows = [row for row in read_whatsapp(connection) if row.provider_template_id is not None]
    if not rows or not desks:
        return counts
    there: dict[str, TemplateStanding] = {}
    for desk in desks.values():
        try:
            there |= {standing.provider_template_id: standing for standing in desk.read()}
        except Unavailable as problem:
            log.warning("templates not read", provider=desk.name, problem=str(problem))
            return counts | {"not_reached": 1}
    for row in rows:
        now = _judged(row, there.get(row.provider_template_id), ledger.settings.public_url)
        if not _note(ledger, row.template_id, row.provider_template_id, row.approval, now):
            continue  # something newer was told meanwhile
        counts["given"] += now.approval is TemplateApproval.APPROVED is not row.approval
        counts["taken_away"] += row.approval is TemplateApproval.APPROVED is not now.approval
        if now.approval is not row.approval:
            log.info("template approval", template_id=row.template_id, was=str(row.approval), now=now.approval.value)
    return counts


def _judged(row: Any, found: TemplateStanding | None, public_url: str) -> TemplateStanding:
    """What the provider says of a template, unless that is gone or is not our text."""
    if found is None:
        return TemplateStanding(row.provider_template_id, "", TemplateApproval.DISABLED, rejection_reason=_GONE)
    try:
        wrong = misfit(row.body, row.language, found.says, public_url)
    except UnfitTemplate as problem:
        wrong = str(problem)
    return replace(found, approval=TemplateApproval.UNSUBMITTED, rejection_reason=wrong) if wrong else found


def _note(
    ledger: Ledger, template_id: int, provider_template_id: str, was: TemplateApproval | None, now: TemplateStanding
) -> bool:
    with ledger.write() as connection:
        return note_standing(
            connection, template_id, provider_template_id=provider_template_id, was=was, approval=now.approval,
            category=now.category, reason=now.rejection_reason,
        )  # fmt: skip


def _audit(connection: Connection, row: Any, by: str, after: dict[str, object]) -> None:
    record_audit(
        connection, row.account_id, actor=by, action="submitted", subject=f'template "{row.slug}" ({row.language})',
        before={"provider_template_id": row.provider_template_id}, after=after,
    )  # fmt: skip


def ask_before_batch(ledger: Ledger, open_desks: Callable[[], Mapping[str, TemplateDesk]]) -> None:
    """`poll_templates` before each batch, where there is any: an approval, or the address of web/, may have changed.

    No trouble with it holds other channels' messages back.
    """
    with ledger.read() as connection:
        if not has_submitted(connection):
            return
    try:
        poll_templates(ledger, open_desks())
    except ConfigurationError as problem:  # the account is refused: what goes by it will find that out
        log.warning("templates not read", problem=type(problem).__name__)
