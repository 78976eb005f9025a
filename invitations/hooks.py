"""POST /hooks/customers, once its signature fits: a customer from another system comes in, and is asked for.

They come in by the rules of an import, and the ask holds to those of an ask by hand: nothing is sent from here. All of
a call is one transaction, its answer kept under the sender's key, so that a call that is made again changes nothing.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import sqlalchemy as sa
import structlog
from sqlalchemy.engine import Connection

from connectors.csv_file import LINE, TextTable
from data.ledger import hook_calls
from data.ledger.arrivals import Coming, Known, bring_in
from data.ledger.ask_settings import read_ask_settings
from data.ledger.fallback import ask_to_plan
from data.ledger.identities import Address, owners
from data.ledger.manual_asks import BY_HOOK, Wish, find_customer
from data.ledger.store import Ledger, again_if_undone
from data.ledger.tables import customers
from data.words import AddressKind, Channel, Role, Source
from invitations.actor import Actor, Refused
from invitations.asking import faults_of, wish_of
from invitations.by_hand import note_ask
from invitations.consent_columns import bases_of
from invitations.customers_file import account_places
from invitations.hook_body import (
    KEY,
    KEY_EXPECTED,
    BodyRefused,
    Consent,
    CustomerCall,
    Fault,
    Unreadable,
    read_call,
    shown,
)
from invitations.hook_times import TimeRefused, read_send_at
from invitations.intake import Intake, take_rows
from invitations.rejected import Place

log = structlog.get_logger(__name__)

_FIELDS = {
    "consented_at": "consent.given_at",
    "consent_basis": "consent.basis",
}  # the columns of a file by their fields
_HOW = "POST /hooks/customers, field consent"


@dataclass(frozen=True, slots=True)
class HookAnswer:
    """What is answered: HTTP's status and a JSON object. It names nobody."""

    status: int
    body: Mapping[str, Any]


def take_call(ledger: Ledger, body: bytes, key_header: str | None, *, now: datetime) -> HookAnswer:
    """Carry out one call at `now` (policy time). `key_header`: the header Idempotency-Key.

    202: asked for. 200: taken in, and not asked for, with the reason. 400: no JSON. 404: no such location. 409: the key
    came with another body before. 422: every fault, with what was found and what is expected; nothing was taken in.
    """
    try:
        call = read_call(body)
        key = _key_of(call, key_header)
    except Unreadable as problem:
        return HookAnswer(400, {"message": str(problem), "faults": []})
    except BodyRefused as refusal:
        return _refused(refusal.faults)
    sha256 = hashlib.sha256(body).hexdigest()
    with ledger.read() as c:
        try:
            account_id, places = account_places(c)
        except LookupError as problem:
            return HookAnswer(404, {"message": str(problem.args[0]), "faults": []})
        if earlier := hook_calls.find_call(c, account_id, key):
            return _as_before(earlier, sha256)
        place = next((place for place in places if place.slug == call.location), None)
        if place is None:
            known = ", ".join(sorted(place.slug for place in places))
            return _refused([Fault("location", shown(call.location), f"one of: {known}")], status=404)
        wish, faults = _wish(c, account_id, place, call, now)
    taken = _read_customer(call, place, now)
    if taken.rows.is_empty():
        faults += [Fault(_field(one.column_name), shown(one.value), one.reason) for one in taken.rejected]
    if faults:
        return _refused(faults)
    return _carry_out(ledger, _Call(account_id, place, key, sha256, call, wish, taken), now=now)


@dataclass(frozen=True, slots=True)
class _Call:
    account_id: int
    place: Place
    key: str
    body_sha256: str
    said: CustomerCall
    wish: Wish
    taken: Intake


def _key_of(call: CustomerCall, header: str | None) -> str:
    """The sender's key. Raises BodyRefused where there is none, or two that differ."""
    if header is not None and call.id is not None and header != call.id:
        raise BodyRefused([Fault("id", call.id, "the same key as in the header Idempotency-Key, or only one of them")])
    key = call.id if header is None else header
    if key is None:
        expected = (
            "a key of your own for this call, here or in the header Idempotency-Key; the same when it is repeated"
        )
        raise BodyRefused([Fault("id", "nothing", expected)])
    if not KEY.fullmatch(key):
        raise BodyRefused([Fault("Idempotency-Key", shown(key), KEY_EXPECTED)])
    return key


def _wish(c: Connection, account_id: int, place: Place, call: CustomerCall, now: datetime) -> tuple[Wish, list[Fault]]:
    faults = []
    send_at = None
    try:
        send_at = None if call.send_at is None else read_send_at(call.send_at, ZoneInfo(place.time_zone), now)
    except TimeRefused as refusal:
        faults.append(Fault("send_at", shown(call.send_at or ""), str(refusal)))
    channels = None if call.channels is None else [Channel(channel) for channel in call.channels]
    wish = wish_of(channels, call.template, send_at, None)
    settings = read_ask_settings(c, account_id, place.location_id)
    faults += [Fault(one.field, shown(one.found), one.expected) for one in faults_of(wish, settings, now)]
    return wish, faults


def _read_customer(call: CustomerCall, place: Place, now: datetime) -> Intake:
    """The customer by the rules of a file's row."""
    cells = call.cells()
    frame = pl.DataFrame(
        {LINE: [1], **{name: [text] for name, text in cells.items()}},
        schema={LINE: pl.Int64, **dict.fromkeys(cells, pl.String)},
    )
    return take_rows(TextTable(frame, (), "utf-8", ","), place, [place], now=now)


@again_if_undone
def _carry_out(ledger: Ledger, call: _Call, *, now: datetime) -> HookAnswer:
    with ledger.write() as c:
        earlier = hook_calls.take_key(c, call.account_id, call.key, call.body_sha256)
        if earlier is not None:
            return _as_before(earlier, call.body_sha256)
        answer = _ask(c, call, now)
        hook_calls.note_answer(c, call.account_id, call.key, answer.status, answer.body)
        hook_calls.forget_old(c)
    log.info("hook_taken", status=answer.status, location_id=call.place.location_id)
    return answer


def _ask(c: Connection, call: _Call, now: datetime) -> HookAnswer:
    known = _known(call, now)
    before = _visit_before(c, call, known.addresses)
    coming = Coming(call.account_id, call.place.location_id, Source.WEBHOOK, BY_HOOK)
    bring_in(c, coming, [known], now=now)
    customer_id = _customer(c, call, known.addresses)
    beside = {
        "id": call.key,
        "customer_id": customer_id,
        "left_out": [{"field": _field(one.column_name), "expected": one.reason} for one in call.taken.rejected],
    }
    actor = Actor(BY_HOOK, Role.OWNER, call.account_id)
    found = find_customer(c, call.account_id, None, customer_id)
    invitation_id = found.invitation_id if found else None
    visited_at = known.rows[0]["visited_at"]
    if known.rows[0]["is_consenting"] is False:
        why: str | None = "They said no to being asked, which is on record now."
    elif invitation_id is not None and visited_at is not None and before is not None and visited_at <= before:
        why = "This visit is known already, and they were invited since."
    else:
        noted = note_ask(c, actor, customer_id, call.wish, {}, now=now)
        if not isinstance(noted, Refused):
            ask_to_plan(c, call.account_id)
            return HookAnswer(202, {"asked": True, "ask_id": noted.manual_ask_id, "message": noted.message, **beside})
        why = noted.reason
    return HookAnswer(200, {"asked": False, "why": why, "invitation_id": invitation_id, **beside})


def _field(column: str) -> str:
    return _FIELDS.get(column, column)


def _known(call: _Call, now: datetime) -> Known:
    row = call.taken.rows.row(0, named=True)
    addresses: list[Address] = [(kind, row[kind.value]) for kind in AddressKind if row[kind.value]]
    bases = bases_of(row, None, zone=call.place.time_zone, list_name="", columns={}, now=now)
    consent = call.said.consent
    wording = consent.wording if isinstance(consent, Consent) else None
    return Known(addresses, [row], [[replace(one, how=_HOW, wording=wording) for one in bases]])


def _visit_before(c: Connection, call: _Call, addresses: Sequence[Address]) -> datetime | None:
    """The newest visit here that we knew of before."""
    persons = set(owners(c, call.account_id, addresses).values())
    columns = customers.c
    here = sa.and_(columns.location_id == call.place.location_id, columns.person_id.in_(persons))
    newest: datetime | None = c.execute(sa.select(sa.func.max(columns.visited_at)).where(here)).scalar_one()
    return newest


def _customer(c: Connection, call: _Call, addresses: Sequence[Address]) -> int:
    [person] = set(owners(c, call.account_id, addresses).values())
    columns = customers.c
    here = sa.and_(columns.location_id == call.place.location_id, columns.person_id == person)
    customer_id: int = c.execute(sa.select(columns.customer_id).where(here)).scalar_one()
    return customer_id


def _as_before(earlier: hook_calls.EarlierCall, sha256: str) -> HookAnswer:
    if earlier.body_sha256 != sha256:
        what = "This key came with another body before; nothing was done. Use a new key for a new call."
        return HookAnswer(409, {"message": what, "faults": []})
    return HookAnswer(earlier.status, earlier.answer)


def _refused(faults: Sequence[Fault], *, status: int = 422) -> HookAnswer:
    what = "Nothing was taken in. Mend what is named and call again."
    return HookAnswer(status, {"message": what, "faults": [fault.as_json() for fault in faults]})
