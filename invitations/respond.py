"""What a customer's answer means: which score counts, what ends the invitation, what an unsubscribe covers.

Whatever somebody scores, the page they get is the same: no function here gives the score back, and nothing that
chooses links reads it. Each function is one transaction; `now` is policy time. A token that nobody has gives None or
False, and an expired one the same, so that a guesser learns nothing.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.engine import Connection

from data.ledger import responses as rows
from data.ledger.responses import Link, Platform
from data.ledger.store import Ledger, again_if_undone
from data.words import Channel, EventKind, Evidence, SuppressionReason
from invitations.consequences import CUSTOMER, no_more

LINK_LIFETIME = timedelta(days=180)  # after the message left; unsubscribing never expires
SAME_VISIT = timedelta(minutes=1)  # a refresh within it is no new click
COMMENT_LIMIT = 4000  # characters; the form stops at half of it

# When a policy does not say: any answer ends the asking.
_STOP_WHEN = (EventKind.SCORED, EventKind.PLATFORM_CHOSEN, EventKind.REVIEW_LINKED)
_PEOPLE = (Evidence.HUMAN, Evidence.UNKNOWN)


@dataclass(frozen=True, slots=True)
class ReviewPage:
    """What the review page shows. It knows that there is a score, never which."""

    location_name: str
    color: str
    is_scored: bool
    platforms: Sequence[Platform]


@dataclass(frozen=True, slots=True)
class UnsubscribePage:
    """What the unsubscribe page shows."""

    business_name: str
    channel: Channel
    is_unsubscribed: bool  # from everything


def open_review_page(ledger: Ledger, link_token: str, *, now: datetime) -> ReviewPage | None:
    """The page behind a link; records nothing."""
    with ledger.read() as c:
        link = _live(rows.find_by_link(c, link_token), now)
        if link is None:
            return None
        platforms = rows.visible_platforms(c, link.location_id)
        return ReviewPage(link.location_name, link.color, link.scored_request_id is not None, platforms)


def note_click(ledger: Ledger, link_token: str, *, is_machine: bool, now: datetime) -> bool:
    """Somebody followed the link; whether that was new. A visit after the request's own score is a person's."""
    return _note(ledger, link_token, EventKind.CLICKED, is_machine, now)


def note_open(ledger: Ledger, link_token: str, *, is_machine: bool, now: datetime) -> bool:
    """The message's pixel was loaded; whether that was new."""
    return _note(ledger, link_token, EventKind.OPENED, is_machine, now)


@again_if_undone
def take_score(ledger: Ledger, link_token: str, score: int, *, now: datetime) -> bool:
    """Record a score from 0 to 10; False when the link is not known.

    The first of an invitation counts. Each is kept as an event, a second tap of the same number within a minute aside.
    A posted score proves that a person followed the link, even where its click looked like a machine's.
    """
    if not 0 <= score <= 10:
        raise ValueError("a score is a whole number from 0 to 10")
    with ledger.write() as c:
        link = _locked(c, link_token, now)
        if link is None:
            return False
        if rows.add_first_score(c, link, score, scored_at=now):
            if not rows.has_event(c, link, EventKind.CLICKED, evidence=_PEOPLE):
                rows.add_event(c, link, EventKind.CLICKED, occurred_at=now, evidence=Evidence.HUMAN)
        elif rows.has_event(c, link, EventKind.SCORED, evidence=_PEOPLE, score=score, within=SAME_VISIT):
            return True
        rows.add_event(c, link, EventKind.SCORED, occurred_at=now, evidence=Evidence.HUMAN, score=score)
        _end_if_answered(c, link, EventKind.SCORED, Evidence.HUMAN, now)
        return True


@again_if_undone
def take_comment(ledger: Ledger, link_token: str, text: str, *, now: datetime) -> bool:
    """Keep what the customer tells the business in private; False when the link is not known.

    A later comment is added below an earlier one, the same one again is not. Nothing but spaces is nothing.
    """
    comment = _clean(text)
    with ledger.write() as c:
        link = _locked(c, link_token, now)
        if link is None:
            return False
        before = rows.comment_of(c, link.invitation_id)
        if not comment or f"\n\n{comment}\n\n" in f"\n\n{before}\n\n":
            return True
        rows.set_comment(c, link.invitation_id, comment if before is None else f"{before}\n\n{comment}")
        rows.add_event(c, link, EventKind.COMMENTED, occurred_at=now, evidence=Evidence.HUMAN, detail={"text": comment})
        return True


@again_if_undone
def choose_platform(
    ledger: Ledger, link_token: str, platform_id: int, *, is_machine: bool, now: datetime
) -> str | None:
    """Where a visible platform of the link's location is, its choice recorded; None for anything else.

    A machine chooses nothing: its visit is kept as a machine's click, so that no figure and no rule can mistake it.
    """
    with ledger.write() as c:
        link = _locked(c, link_token, now)
        url = None if link is None else _url_of(c, link, platform_id)
        if link is None or url is None:
            return None
        evidence = _grade(link, is_machine)
        kind = EventKind.CLICKED if is_machine else EventKind.PLATFORM_CHOSEN
        if not rows.has_event(c, link, kind, evidence=[evidence], platform_id=platform_id, within=SAME_VISIT):
            rows.add_event(c, link, kind, occurred_at=now, evidence=evidence, platform_id=platform_id)
            _end_if_answered(c, link, kind, evidence, now)
        return url


def find_platform(ledger: Ledger, link_token: str, platform_id: int, *, now: datetime) -> str | None:
    """Where `choose_platform` would lead; records nothing (HEAD)."""
    with ledger.read() as c:
        link = _live(rows.find_by_link(c, link_token), now)
        return None if link is None else _url_of(c, link, platform_id)


def open_unsubscribe_page(ledger: Ledger, unsubscribe_token: str) -> UnsubscribePage | None:
    """The page behind an unsubscribe link; changes nothing."""
    with ledger.read() as c:
        link = rows.find_by_unsubscribe_token(c, unsubscribe_token)
        if link is None:
            return None
        return UnsubscribePage(link.account_name, link.channel, rows.is_person_suppressed(c, link, None))


@again_if_undone
def unsubscribe(
    ledger: Ledger, unsubscribe_token: str, *, is_channel_only: bool, is_one_click: bool, now: datetime
) -> bool:
    """Never write to this person again, or not on this link's channel; False when the link is not known.

    The broadest scope is every caller's default (field-rules R8: all channels), and open invitations stop with it.
    Asking twice writes once; asking again after a START writes again. It holds before the next hand-over, which reads
    suppressions once more.
    """
    with ledger.write() as c:
        link = rows.find_by_unsubscribe_token(c, unsubscribe_token)
        if link is None:
            return False
        rows.lock_person(c, link.person_id)
        channel = link.channel if is_channel_only else None
        if rows.is_person_suppressed(c, link, channel):
            return True
        detail = {"channel": None if channel is None else channel.value, "is_one_click": is_one_click}
        event_id = rows.add_event(c, link, EventKind.UNSUBSCRIBED, occurred_at=now, detail=detail)
        no_more(
            c,
            account_id=link.account_id,
            person_id=link.person_id,
            reason=SuppressionReason.UNSUBSCRIBED,
            by=CUSTOMER,
            at=now,
            channel=channel,
            event_id=event_id,
        )
        return True


@again_if_undone
def _note(ledger: Ledger, link_token: str, kind: EventKind, is_machine: bool, now: datetime) -> bool:
    with ledger.read() as c:  # a flood of refreshes reads, and writes nothing
        link = _live(rows.find_by_link(c, link_token), now)
        if link is None or _is_repeat(c, link, kind, _grade(link, is_machine)):
            return False
    with ledger.write() as c:
        link = _locked(c, link_token, now)
        if link is None or _is_repeat(c, link, kind, _grade(link, is_machine)):
            return False
        evidence = _grade(link, is_machine)
        rows.add_event(c, link, kind, occurred_at=now, evidence=evidence)
        _end_if_answered(c, link, kind, evidence, now)
        return True


def _is_repeat(connection: Connection, link: Link, kind: EventKind, evidence: Evidence) -> bool:
    same = [Evidence.MACHINE] if evidence is Evidence.MACHINE else _PEOPLE
    return rows.has_event(connection, link, kind, evidence=same, within=SAME_VISIT)


def _grade(link: Link, is_machine: bool) -> Evidence:
    if is_machine:
        return Evidence.MACHINE
    return Evidence.HUMAN if link.scored_request_id == link.request_id else Evidence.UNKNOWN


def _live(link: Link | None, now: datetime) -> Link | None:
    return None if link is None or now - link.sent_at > LINK_LIFETIME else link


def _locked(connection: Connection, link_token: str, now: datetime) -> Link | None:
    """The link with its person locked, read again after the lock so that nothing changes under it."""
    link = rows.find_by_link(connection, link_token)
    if link is None:
        return None
    rows.lock_person(connection, link.person_id)
    return _live(rows.find_by_link(connection, link_token), now)


def _url_of(connection: Connection, link: Link, platform_id: int) -> str | None:
    for platform in rows.visible_platforms(connection, link.location_id):
        if platform.platform_id == platform_id and platform.url.startswith(("https://", "http://")):
            return platform.url
    return None


def _end_if_answered(connection: Connection, link: Link, kind: EventKind, evidence: Evidence, now: datetime) -> None:
    """A click counts by a proved person only (`invitations.policy`); what else a person does proves a click."""
    stop_when = link.rules.get("stop_when", _STOP_WHEN)
    is_proved = evidence is Evidence.HUMAN and EventKind.CLICKED in stop_when
    is_answer = kind in stop_when and kind is not EventKind.CLICKED and evidence is not Evidence.MACHINE
    if is_proved or is_answer:
        rows.mark_answered(connection, link.invitation_id, ended_at=now)


def _clean(text: str) -> str:
    """Without control characters (PostgreSQL takes no NUL), with the line ends we use, and of a sane length."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    kept = "".join(sign for sign in lines if sign in "\n\t" or unicodedata.category(sign) not in ("Cc", "Cs"))
    return kept.strip()[:COMMENT_LIMIT]
