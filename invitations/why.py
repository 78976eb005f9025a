"""Why was she asked, or not, and when may she be? The planning rules, laid over one person and put into words."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import phonenumbers
import polars as pl
from sqlalchemy.engine import Connection

from data.ledger import last_seen
from data.ledger.candidate_sources import Sources, count_without_unit, read_sources
from data.ledger.candidates import build
from data.ledger.standing import read_standing
from data.ledger.store import Ledger
from data.pace import Pace
from data.words import AddressKind, Channel, EventKind, Evidence, InvitationStatus, RequestStatus, Rule
from invitations.consent import CHANNEL_NAMES
from invitations.contacts import clean_email
from invitations.held_senders import Hold, read_holds
from invitations.plan import plan
from invitations.policy import Policy, read_policy
from invitations.verdicts import rules_of

_EVENT_WORDS = {
    EventKind.ACCEPTED_BY_PROVIDER: "message accepted by the provider",
    EventKind.SENT: "message on its way",
    EventKind.ACCEPTED_BY_SERVER: "email accepted by the recipient's server",
    EventKind.DELIVERED: "message delivered",
    EventKind.READ: "message read",
    EventKind.DELAYED: "delivery delayed",
    EventKind.FAILED: "message failed",
    EventKind.OPENED: "message opened",
    EventKind.CLICKED: "link clicked",
    EventKind.SCORED: "score given",
    EventKind.COMMENTED: "comment left",
    EventKind.PLATFORM_CHOSEN: "review platform chosen",
    EventKind.REVIEW_LINKED: "review found",
    EventKind.REPLIED: "replied by text",
    EventKind.HELP_ASKED: "asked for help by text",
    EventKind.UNSUBSCRIBED: "opted out",
    EventKind.RESUBSCRIBED: "opted in again",
    EventKind.COMPLAINED: "reported a message as unwanted",
    EventKind.UNKNOWN: "something the provider has no known word for",
}

_SAYS = "says_"
_OVER = (InvitationStatus.ANSWERED, InvitationStatus.FINISHED)
_BY_THEIR_CLOCK = (Rule.QUIET_HOURS, Rule.STEP_NOT_DUE)
# What is said in place of "until ..." where a rule that nearly always has an end has none.
_FOR_GOOD = {
    Rule.QUIET_HOURS: ", and the hours that hold for them never open",
    Rule.LIST_SPEED: " for hours that never come, or longer than can be told",
    Rule.LOCATION_QUOTA: " longer than can be told",
    Rule.QUOTA: " longer than can be told",
}
# While one of these holds, no step is said to wait: nothing more comes.
_NOTHING_COMES = frozenset(
    one.value for one in (Rule.ANSWERED, Rule.UNDELIVERABLE, Rule.SUPPRESSED, Rule.NO_FOLLOW_UPS, Rule.LIST_UNDONE)
)


@dataclass(frozen=True, slots=True)
class Explanation:
    """How one customer (a person at a location) stands, in plain words and the location's own time."""

    customer_id: int
    location: str
    standing: str  # "may be asked now, by SMS"
    last: str | None  # what happened last; None: nothing yet
    reasons: list[str] = field(default_factory=list)  # every rule that holds the next message back
    earliest_at: datetime | None = None  # UTC; None: no known end, or nothing more is planned

    def lines(self) -> list[str]:
        """The same as lines of text."""
        heading = [f"{self.location}: {self.standing}"]
        return heading + ([f"last: {self.last}"] if self.last else []) + self.reasons


def why(
    ledger: Ledger,
    contact: str,
    *,
    now: datetime,
    reach: Collection[int] | None = None,
    pace: Pace | None = None,
) -> list[Explanation]:
    """Explain everybody who has this e-mail address or phone number, in any usual spelling; [] when nobody has.

    `reach`: the locations whose customers whoever asks may see (None: all).

    Lays the planning rules over the ledger as it is at `now` (policy time), and what holds our senders back; writes
    nothing. `pace`: the operator's limits (None: the environment's).
    """
    with ledger.read() as c:
        person_ids = _find(c, contact)
        known = last_seen.customers_of(c, person_ids) if person_ids else []
        known = [row for row in known if reach is None or row.location_id in reach]
        passes = {
            account_id: plan_for(c, account_id, person_ids, now)
            for account_id in sorted({row.account_id for row in known})
        }
        holds = read_holds(c, pace or Pace(), clock=ledger.now(c), now=now) if known else []
        return [explain(c, row, *passes[row.account_id], holds=holds, now=now) for row in known]


def _find(c: Connection, contact: str) -> list[int]:
    if "@" in contact:
        email = clean_email(contact) or contact.strip().lower()
        return last_seen.find_people(c, AddressKind.EMAIL, [email])
    return last_seen.find_people(c, AddressKind.PHONE, sorted(_spellings(contact, last_seen.regions(c))))


def _spellings(number: str, regions: Sequence[str]) -> set[str]:
    """A phone number in E.164, as each of our countries would read it."""
    found = set()
    for region in regions:
        try:
            parsed = phonenumbers.parse(number, region)
        except phonenumbers.NumberParseException:
            continue
        found.add(phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164))
    return found


def plan_for(
    c: Connection,
    account_id: int,
    person_ids: list[int],
    now: datetime,
    *,
    supposing: Callable[[Sources], Sources] | None = None,
    besides: int | None = None,
    is_brief: bool = False,
) -> tuple[pl.DataFrame, Policy]:
    """These people's verdicts, each with what each rule says in a column of its own, and the policy they follow.

    `supposing` lays something over the state that is read; `besides` is `read_sources`'.
    `is_brief`: others who wait for the last units, or on the same list, are left out of the reckoning.
    """
    _, policy = read_policy(c, account_id, now)
    # Who gets the last units, or the next place of a list, depends on everybody; so ask about everybody, but only then.
    standing = read_standing(c, account_id, now)
    is_shared = not is_brief and (
        standing.paces or standing.quota.location_left or _is_scarce(c, account_id, standing.quota.left)
    )
    sources = read_sources(c, account_id, at=now, person_ids=None if is_shared else person_ids, besides=besides)
    candidates = build(supposing(sources) if supposing else sources, now)
    verdicts = plan(candidates, policy, now, standing).filter(pl.col("person_id").is_in(person_ids))
    said = (rule.says.alias(_SAYS + rule.name.value) for rule in rules_of(policy))
    return verdicts.with_columns(said), policy


def _is_scarce(c: Connection, account_id: int, left: int) -> bool:
    return count_without_unit(c, account_id, up_to=left + 1) > left


def explain(
    c: Connection,
    row: last_seen.AnyRow,
    verdicts: pl.DataFrame,
    policy: Policy,
    *,
    holds: Sequence[Hold],
    now: datetime,
) -> Explanation:
    """How the customer in `row` (`last_seen.customers_of`) stands by verdicts of `plan_for`."""
    zone = ZoneInfo(row.time_zone)
    coming = coming_of(verdicts, row.customer_id)
    first = (
        min(coming, key=lambda verdict: (verdict["earliest_at"] is None, verdict["earliest_at"])) if coming else None
    )
    reasons = [reason for verdict in coming for reason in reasons_of(verdict, zone, now)]
    reasons += [reason for verdict in coming for reason in held_by(verdict, holds, zone, now)]
    is_asked_again = any(verdict["invitation_id"] is None for verdict in coming)
    if row.first_handed_at and row.status in _OVER and not is_asked_again:
        reasons.append(_again(row.first_handed_at, policy, zone))
    return Explanation(
        customer_id=row.customer_id,
        location=row.location_name,
        standing=_standing(row, first, zone),
        last=_last(c, row, zone),
        reasons=list(dict.fromkeys(reasons)),
        earliest_at=first["earliest_at"] if first else None,
    )


def coming_of(verdicts: pl.DataFrame, customer_id: int) -> list[dict[str, Any]]:
    """The verdicts about one customer."""
    return verdicts.filter(pl.col("customer_id") == customer_id).to_dicts()


def _standing(row: last_seen.AnyRow, verdict: dict[str, Any] | None, zone: ZoneInfo) -> str:
    """ "asked on Mon 23 Nov 2026, 12:00 Chicago time; next: e-mail from Thu 26 Nov 2026, 12:00 Chicago time"."""
    asked = f"asked on {_moment(row.first_handed_at, zone)}; " if row.first_handed_at else ""
    if verdict is None:
        ended = "answered" if row.status is InvitationStatus.ANSWERED else "every message has gone"
        return f"{asked or 'invited; '}{ended}"
    name = CHANNEL_NAMES[Channel(verdict["channel"])]
    is_queued = verdict["request_status"] == RequestStatus.QUEUED.value
    if verdict["earliest_at"] is None:
        return f"{asked}nothing is planned at present" if asked else "not asked at present"
    when = "now" if verdict["is_clear"] else f"from {_moment(verdict['earliest_at'], zone)}"
    if asked and verdict["invitation_id"] is None:
        return f"{asked}may be invited again {when}, by {name}"
    if asked:
        return f"{asked}next: {name} {when}" + (" (queued)" if is_queued else "")
    return f"may be asked {when}, by {name}" + (" (queued)" if is_queued else "")


def reasons_of(verdict: dict[str, Any], zone: ZoneInfo, now: datetime) -> list[str]:
    """Each rule that holds, in words, with its end: "quiet until 09:00 Chicago time, Tue 24 Nov".

    That a step is not due yet is left out where another rule says that it never comes.

    Hours end by the recipient's own clock, everything else by the location's.
    """
    theirs = verdict["zones"].split("|")
    own = {rule: zone if zone.key in theirs else ZoneInfo(theirs[0]) for rule in _BY_THEIR_CLOCK}
    is_over = not _NOTHING_COMES.isdisjoint(verdict["rules"])
    return [
        verdict[_SAYS + name]
        + (f" until {_until(until, own.get(name, zone), now)}" if until else _FOR_GOOD.get(name, ""))
        for name, until in zip(verdict["rules"], verdict["untils"], strict=True)
        if not (is_over and name == Rule.STEP_NOT_DUE.value)
    ]


def held_by(verdict: dict[str, Any], holds: Sequence[Hold], zone: ZoneInfo, now: datetime) -> list[str]:
    """What keeps the message from leaving though its time has come or will: nothing about the customer."""
    return [
        hold.says + (f" about {_until(hold.until, zone, now)}" if hold.until else "")
        for hold in holds
        if hold.channel.value == verdict["channel"] and (verdict["address"] or "").startswith(hold.prefix)
    ]


def _again(asked_at: datetime, policy: Policy, zone: ZoneInfo) -> str:
    """What would bring somebody in again whose invitation is over."""
    if not policy.invite_again_after_days:
        return "nobody is invited a second time: the settings say so"
    soonest = asked_at + timedelta(days=policy.invite_again_after_days)
    return f"if they come again, they may be invited again from {_moment(soonest, zone)}"


def _last(c: Connection, row: last_seen.AnyRow, zone: ZoneInfo) -> str | None:
    message = last_seen.last_message(c, row.invitation_id) if row.invitation_id else None
    event = last_seen.last_event(c, row.person_id, row.location_id)
    if event and (message is None or event.occurred_at >= message.handed_at):
        by_machine = ", by a machine" if event.evidence is Evidence.MACHINE else ""
        return f"{_EVENT_WORDS[event.kind]}{by_machine}, {_moment(event.occurred_at, zone)}"
    return f"{CHANNEL_NAMES[message.channel]} handed over, {_moment(message.handed_at, zone)}" if message else None


def _moment(at: datetime, zone: ZoneInfo) -> str:
    local = at.astimezone(zone)
    return f"{local:%a} {local.day} {local:%b %Y}, {local:%H:%M} {_town(zone)} time"


def _until(at: datetime, zone: ZoneInfo, now: datetime) -> str:
    local = at.astimezone(zone)
    year = f" {local.year}" if at - now > timedelta(days=90) else ""
    return f"{local:%H:%M} {_town(zone)} time, {local:%a} {local.day} {local:%b}{year}"


def _town(zone: ZoneInfo) -> str:
    return zone.key.rsplit("/", 1)[-1].replace("_", " ")
