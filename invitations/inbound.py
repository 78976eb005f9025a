"""What is about a person and no message of ours: texts they send us, and opt-outs made at the provider."""

from sqlalchemy.engine import Connection

from connectors import ProviderEvent
from data.ledger.happened import append_event
from data.ledger.people import account_ids, find_person
from data.ledger.suppressions import has_said_no_since, record
from data.words import AddressKind, Channel, EventKind, SuppressionEffect, SuppressionReason
from invitations.consequences import CUSTOMER, PROVIDER, no_more

REASONS = {
    EventKind.COMPLAINED: SuppressionReason.COMPLAINED,
    EventKind.UNSUBSCRIBED: SuppressionReason.UNSUBSCRIBED,
}


def apply_to_person(connection: Connection, event: ProviderEvent, inbox_id: int) -> str:
    """An inbound text, or an opt-out made at the provider: about an address, not a message of ours."""
    if event.address is None or event.address_kind is None:
        return "unmatched"
    for account_id in account_ids(connection):
        person_id = find_person(connection, account_id, event.address_kind, event.address)
        if person_id is None and event.kind not in (EventKind.UNSUBSCRIBED, EventKind.COMPLAINED):
            return "unmatched"
        event_id = append_event(
            connection,
            None,
            kind=event.kind,
            occurred_at=event.occurred_at,
            account_id=account_id,
            person_id=person_id,
            code=event.code,
            inbox_id=inbox_id,
        )
        _apply_opt_out(connection, event, event.address_kind, event.address, account_id, person_id, event_id)
    return "new"


def _apply_opt_out(  # noqa: PLR0917  (one caller, one line)
    connection: Connection,
    event: ProviderEvent,
    kind: AddressKind,
    address: str,
    account_id: int,
    person_id: int | None,
    event_id: int,
) -> None:
    """STOP covers every channel of the person; START gives back SMS only (field-rules R8)."""
    is_text = kind is AddressKind.PHONE
    if event.kind is EventKind.RESUBSCRIBED:
        if has_said_no_since(connection, account_id=account_id, kind=kind, address=address, moment=event.occurred_at):
            return
        effect, channel, reason = SuppressionEffect.RESTORE, Channel.SMS, SuppressionReason.START_KEYWORD
    elif event.kind in REASONS:
        effect, channel = SuppressionEffect.SUPPRESS, None
        reason = SuppressionReason.STOP_KEYWORD if is_text else REASONS[event.kind]
        if person_id is not None:
            no_more(
                connection,
                account_id=account_id,
                person_id=person_id,
                reason=reason,
                by=CUSTOMER if is_text else PROVIDER,
                at=event.occurred_at,
                event_id=event_id,
            )
            return
    else:
        return
    record(
        connection,
        [(kind, address)],
        account_id=account_id,
        channel=channel,
        effect=effect,
        reason=reason,
        recorded_by=CUSTOMER,
        occurred_at=event.occurred_at,
        event_id=event_id,
    )
