"""What `afterword doctor` finds about WhatsApp: texts that Meta refuses, and approved ones that nobody carries."""

from collections.abc import Iterator

import sqlalchemy as sa

from connectors import Fault
from data.ledger.accounts import the_account
from data.ledger.store import Ledger
from data.ledger.tables import channels
from data.words import Channel, TemplateApproval
from invitations.approval import STANDS, standings


def of_whatsapp(ledger: Ledger, *, has_sender: bool) -> Iterator[Fault]:
    """Nothing where WhatsApp is off everywhere, or is neither carried nor approved: it is an extra."""
    with ledger.read() as connection:
        account_id = the_account(connection).account_id
        is_on = connection.execute(
            sa.select(channels.c.location_id)
            .where(channels.c.channel == Channel.WHATSAPP, channels.c.is_enabled)
            .limit(1)
        ).first()
    if is_on is None:
        return
    found = standings(ledger, account_id)
    goes = {(one.slug, one.language) for one in found if one.approval is TemplateApproval.APPROVED}
    if not has_sender:
        if goes:
            yield Fault(
                "Meta approves WhatsApp texts, and nothing carries them: what is queued for WhatsApp waits.",
                "Set TWILIO_WHATSAPP_FROM, or take whatsapp out of the locations' channels in the account's file.",
            )
        return
    for one in found:
        if one.approval in (TemplateApproval.APPROVED, TemplateApproval.PENDING):
            continue
        older = ", an older version goes on" if (one.slug, one.language) in goes else ", so nothing goes by it"
        why = f" ({one.reason})" if one.reason else ""
        yield Fault(
            f'The WhatsApp text "{one.slug}" ({one.language}) {STANDS[one.approval]}{why}{older}.', one.mend or ""
        )
