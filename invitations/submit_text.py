"""Asking for a WhatsApp text to be handed to Meta: a job, since only a sensor's run speaks to providers."""

from data.ledger.controls import record_audit
from data.ledger.jobs import ask_for
from data.ledger.store import Ledger, again_if_undone
from data.ledger.templates import newest_of_each, read_whatsapp
from data.permissions import Action
from data.words import JobKind
from invitations.actor import Actor, Answer, Done, Refused, refuse_role


@again_if_undone
def ask_to_submit(ledger: Ledger, actor: Actor, slug: str, language: str) -> Answer:
    """Have the newest version of a WhatsApp text submitted; what became of it is read from its standing."""
    if refusal := refuse_role(actor, Action.CHANGE_SETTINGS):
        return refusal
    if actor.location_ids is not None:
        return Refused("A text holds for every location, and you look after some of them only.")
    with ledger.write() as c:
        rows = newest_of_each(read_whatsapp(c, actor.account_id))
        if not any((row.slug, row.language) == (slug, language) for row in rows):
            return Refused("The account has no such WhatsApp text.")
        wanted = {"slug": slug, "language": language}
        ask_for(c, account_id=actor.account_id, kind=JobKind.SUBMIT_TEMPLATE, payload=wanted, asked_by=actor.email)
        record_audit(
            c, actor.account_id, actor=actor.email, action=JobKind.SUBMIT_TEMPLATE.value,
            subject=f'template "{slug}" for whatsapp ({language})', before=None, after=wanted,
        )  # fmt: skip
    return Done("Submitting. Meta mostly answers within minutes; how it stands is shown here.")
