"""Changing settings on the dashboard: by the rules of the account's file, as if that file had been edited and applied.

One call is one transaction: the ledger's account is written out as the file's document, changed, checked whole, and
brought in line; every difference is in the audit with before and after, and what customers get or steps they follow
becomes a new version. A change is refused for what it breaks, not for what stood before it: else two faults could
only be mended at once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.account_file import AccountFile, AccountFileError, check_document
from data.ledger import tables as t
from data.ledger.account_changes import AccountChangeRefused, Changes
from data.ledger.account_export import Document, account_document, kept_logos, logo_name
from data.ledger.account_places import remove_user
from data.ledger.accounts import bring_in_line
from data.ledger.pictures import KeptPicture
from data.ledger.store import Ledger, again_if_undone
from data.permissions import Action
from invitations.actor import Actor, Answer, Done, Refused, refuse_role
from invitations.policy import Policy, PolicyRefused
from invitations.settings_check import check
from invitations.settings_effect import Table, effect_of

_NAMED_BY = {
    Table.LOCATIONS: ("slug",),
    Table.SEQUENCES: ("slug",),
    Table.TEMPLATES: ("slug", "channel", "language"),
    Table.USERS: ("email",),
}  # the tables of which the file has several, and what tells them apart
_EVERYWHERE = (
    "This setting holds for every location, and you look after some of them only: ask an owner of the account."
)
_MEANWHILE = "Somebody else has just changed this. It is shown as it is now: look again, then make your change."
_BOUGHT = {"slug", "plan", "invitations_per_cycle", "cycle_anchor_day"}  # of the account's own table
_NOT_BOUGHT_HERE = "What was bought is changed in the account's file, by whoever runs this. Nothing was saved."


@dataclass(frozen=True, slots=True)
class Edit:
    """One table of the account's document, as somebody saw it and as they want it.

    `seen` None: it is new. `wanted` None: it goes (users only). Only what differs between the two is changed.
    """

    table: Table
    key: tuple[str, ...] = ()
    seen: Mapping[str, Any] | None = field(default_factory=dict)
    wanted: Mapping[str, Any] | None = field(default_factory=dict)


class _NotChanged(Exception):
    """The change is refused; the message is for the screen."""


def settings_now(ledger: Ledger, now: datetime) -> Document:
    """Every setting as the account's file would say it."""
    with ledger.read() as c:
        return account_document(c, now)


@again_if_undone
def change_settings(
    ledger: Ledger,
    actor: Actor,
    edits: Sequence[Edit],
    *,
    now: datetime,
    logos: Mapping[str, KeptPicture | None] = MappingProxyType({}),
) -> Answer:
    """Make all of `edits`, or none; `logos` are pictures to take (None: to take away) by the location's slug.

    `Done` says what takes effect when. `Refused` says what is wrong, in the words in which `afterword init` would.
    """
    wanted = {Action.MANAGE_USERS if edit.table is Table.USERS else Action.CHANGE_SETTINGS for edit in edits}
    for action in [*wanted, *([Action.CHANGE_SETTINGS] if logos else [])]:
        if refusal := refuse_role(actor, action):
            return refusal
    try:
        with ledger.write() as c:
            return _change(c, actor, edits, logos, now)
    except (_NotChanged, AccountChangeRefused, AccountFileError, PolicyRefused) as problem:
        return Refused(str(problem))


def _change(
    c: Connection, actor: Actor, edits: Sequence[Edit], logos: Mapping[str, KeptPicture | None], now: datetime
) -> Answer:
    c.execute(sa.select(t.accounts.c.account_id).with_for_update(key_share=True))  # who changes after us reads after us
    document = account_document(c, now)
    _refuse_beyond_reach(c, actor, [*edits, *(Edit(Table.LOCATIONS, (slug,)) for slug in logos)])
    _refuse_buying(edits)
    wanted = _edited(document, edits)
    pictures = {slug: one for slug, one in (kept_logos(c) | dict(logos)).items() if one is not None}
    for place in wanted["locations"]:
        place.pop("logo", None)
        if place["slug"] in pictures:
            place["logo"] = logo_name(place["slug"], pictures[place["slug"]].media_type)
    file, policy = _checked(wanted)
    faults = check(file, policy)
    if new := [fault for fault in faults if fault not in _faults_of(document)]:
        raise _NotChanged("\n".join(f"{fault}." for fault in new))
    rules = _rules(document, wanted, policy)
    changes = bring_in_line(c, file, rules=rules, logos=pictures, now=now, actor=actor.email, role=actor.role)
    _remove_users(changes, edits)
    if not changes.words:
        return Refused("Nothing differs from what is set already.", is_so_already=True)
    return Done(f"Saved. {' '.join(dict.fromkeys(_effects(edits, logos, file)))}")


def _edited(document: Document, edits: Sequence[Edit]) -> Document:
    """The document with the edits made. Raises _NotChanged where what somebody saw is no longer what there is."""
    wanted: Document = {
        name: [dict(one) for one in part] if isinstance(part, list) else dict(part) for name, part in document.items()
    }
    for edit in edits:
        names = _NAMED_BY.get(edit.table)
        if names is None:
            _merge(wanted[edit.table.value], edit)
            continue
        rows = wanted[edit.table.value]
        found = next((row for row in rows if tuple(row[name] for name in names) == edit.key), None)
        if edit.seen is None:
            if found is not None:
                raise _NotChanged(f'There is "{" ".join(edit.key)}" already: change that one, or choose another name.')
            rows.append({**dict(zip(names, edit.key, strict=True)), **_said(edit.wanted or {})})
        elif found is None:
            raise _NotChanged(_MEANWHILE)
        elif edit.wanted is None:
            rows.remove(found)
        else:
            _merge(found, edit)
    return wanted


def _merge(row: Document, edit: Edit) -> None:
    seen, wanted = edit.seen or {}, edit.wanted or {}
    for name, value in wanted.items():
        if value == seen.get(name):
            continue
        if row.get(name) != seen.get(name):
            raise _NotChanged(_MEANWHILE)
        row[name] = value
        if value is None:
            del row[name]


def _said(values: Mapping[str, Any]) -> Document:
    return {name: value for name, value in values.items() if value is not None}


def _checked(document: Document) -> tuple[AccountFile, Policy]:
    file = check_document(document)
    return file, Policy.load(file.policy.document())


def _faults_of(document: Document) -> list[str]:
    """What is wrong already; nothing can be told of settings that no file could say."""
    try:
        return check(*_checked(document))
    except (AccountFileError, PolicyRefused):
        return []


def _rules(before: Document, after: Document, policy: Policy) -> Mapping[str, Any]:
    """The policy in full; as it is kept where nobody touched it, so that an upgrade alone makes no new version."""
    if after["policy"] == before["policy"]:
        return {name: value for name, value in before["policy"].items() if name != "effective_on"}
    return policy.document()


def _remove_users(changes: Changes, edits: Sequence[Edit]) -> None:
    for edit in edits:
        if edit.table is Table.USERS and edit.wanted is None:
            remove_user(changes, edit.key[0])


def _refuse_beyond_reach(c: Connection, actor: Actor, edits: Sequence[Edit]) -> None:
    """Who looks after some locations changes those, and nothing that holds for others as well."""
    if actor.location_ids is None:
        return
    place = t.locations.c
    mine = set(c.execute(sa.select(place.slug).where(place.location_id.in_(actor.location_ids))).scalars())
    if any(edit.table is not Table.LOCATIONS or edit.key[0] not in mine for edit in edits):
        raise _NotChanged(_EVERYWHERE)


def _refuse_buying(edits: Sequence[Edit]) -> None:
    for edit in edits:
        seen, wanted = edit.seen or {}, edit.wanted or {}
        if edit.table is Table.ACCOUNT and any(wanted.get(name, seen.get(name)) != seen.get(name) for name in _BOUGHT):
            raise _NotChanged(_NOT_BOUGHT_HERE)


def _effects(edits: Sequence[Edit], logos: Mapping[str, Any], file: AccountFile) -> list[str]:
    effects = []
    for edit in edits:
        seen, wanted = edit.seen or {}, edit.wanted or {}
        changed = {name for name, value in wanted.items() if value != seen.get(name)}
        if changed or edit.wanted is None:
            effects.append(effect_of(edit.table, changed, channel=edit.key[1:2], on=file.policy.effective_on))
    return [*effects, *([effect_of(Table.LOCATIONS, {"logo"})] if logos else [])]
