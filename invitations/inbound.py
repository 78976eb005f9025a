"""What is about a person and no message of ours: texts they send us, and opt-outs made at the provider."""

from datetime import datetime

from sqlalchemy.engine import Connection

from connectors import ProviderEvent
from data.ledger.happened import append_event
from data.ledger.people import account_ids, find_person
from data.ledger.suppressions import has_said_no_since, last_reason, last_start, record
from data.words import AddressKind, Channel, EventKind, SuppressionEffect, SuppressionReason
from invitations.consequences import CUSTOMER, PROVIDER, no_more
from invitations.wishes import wish_of

REASONS = {
    EventKind.COMPLAINED: SuppressionReason.COMPLAINED,
    EventKind.UNSUBSCRIBED: SuppressionReason.UNSUBSCRIBED,
}
_KEPT_OF_STRANGERS = (*REASONS, EventKind.RESUBSCRIBED)  # whoever gets the number later is not asked, or may be
_TAKEN_BY_TEXT = (SuppressionReason.STOP_KEYWORD, SuppressionReason.PROVIDER_OPT_OUT)


def apply_to_person(connection: Connection, event: ProviderEvent, inbox_id: int) -> str:
    """An inbound text, or an opt-out made at the provider: about an address, not a message of ours.

    STOP, in whatever words, covers every channel of the person; START by text message gives back SMS only, each with
    its record (field-rules R8). HELP is answered by the provider; it and any other reply are kept.
    """
    if event.address is None or event.address_kind is None:
        return "unmatched"
    kind = wish_of(event.text) if event.kind is EventKind.REPLIED and event.text else event.kind
    matched = False
    for account_id in account_ids(connection):
        person_id = find_person(connection, account_id, event.address_kind, event.address)
        if person_id is None and kind not in _KEPT_OF_STRANGERS:
            continue
        matched = True
        event_id = append_event(
            connection,
            None,
            kind=kind,
            occurred_at=event.occurred_at,
            account_id=account_id,
            person_id=person_id,
            channel=event.channel,
            code=event.code,
            detail={"text": event.text} if event.text else None,
            inbox_id=inbox_id,
        )
        said = _Said(connection, event, event.address_kind, event.address, account_id, person_id, event_id)
        if kind is EventKind.RESUBSCRIBED:
            said.start()
        elif kind in REASONS:
            said.no(REASONS[kind])
    return "new" if matched else "unmatched"


class _Said:
    """A word about being written to, of whoever has an address."""

    def __init__(  # noqa: PLR0917  (one caller, one line)
        self,
        connection: Connection,
        event: ProviderEvent,
        kind: AddressKind,
        address: str,
        account_id: int,
        person_id: int | None,
        event_id: int,
    ) -> None:
        self.connection, self.event, self.kind, self.address = connection, event, kind, address
        self.account_id, self.person_id, self.event_id = account_id, person_id, event_id

    def no(self, reason: SuppressionReason) -> None:
        """Never again, on any channel; a START that was told already and said later still counts."""
        is_text = self.kind is AddressKind.PHONE
        reason = SuppressionReason.STOP_KEYWORD if is_text else reason
        by, at = CUSTOMER if is_text else PROVIDER, self.event.occurred_at
        if self.person_id is None:
            self._record(SuppressionEffect.SUPPRESS, None, reason)
        else:
            no_more(
                self.connection, account_id=self.account_id, person_id=self.person_id, reason=reason, by=by, at=at,
                event_id=self.event_id,
            )  # fmt: skip
        later = last_start(self.connection, account_id=self.account_id, address=self.address, after=at)
        if is_text and later is not None and not self._has_said_no_since(later.occurred_at):
            record(
                self.connection, [(self.kind, self.address)], account_id=self.account_id, channel=Channel.SMS,
                effect=SuppressionEffect.RESTORE, reason=SuppressionReason.START_KEYWORD, recorded_by=CUSTOMER,
                occurred_at=later.occurred_at, event_id=later.event_id,
            )  # fmt: skip

    def start(self) -> None:
        """SMS again, unless no was said since: Twilio lets START through for texts, and for nothing else.

        YES answers many questions; where it takes nothing back that was said by text it is no START.
        """
        if self.event.channel is Channel.WHATSAPP or self._has_said_no_since(self.event.occurred_at):
            return
        is_clear = self.event.text is None or wish_of(self.event.text) is EventKind.RESUBSCRIBED
        if is_clear or self._last_reason() in _TAKEN_BY_TEXT:
            self._record(SuppressionEffect.RESTORE, Channel.SMS, SuppressionReason.START_KEYWORD)

    def _has_said_no_since(self, moment: datetime) -> bool:
        return has_said_no_since(
            self.connection, account_id=self.account_id, kind=self.kind, address=self.address, moment=moment
        )

    def _last_reason(self) -> SuppressionReason | None:
        return last_reason(self.connection, account_id=self.account_id, kind=self.kind, address=self.address)

    def _record(self, effect: SuppressionEffect, channel: Channel | None, reason: SuppressionReason) -> None:
        record(
            self.connection, [(self.kind, self.address)], account_id=self.account_id, channel=channel, effect=effect,
            reason=reason, recorded_by=CUSTOMER, occurred_at=self.event.occurred_at, event_id=self.event_id,
        )  # fmt: skip
