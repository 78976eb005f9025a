"""What a customer's answer means: which score counts, what ends the invitation, what an unsubscribe covers.

Whatever somebody scores, the page they get is the same: no function here gives the score back, and nothing that
chooses links reads it. Each function is one transaction; `now` is policy time. A token that nobody has gives None or
False, and an expired one the same, so that a guesser learns nothing.
"""

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.engine import Connection

from data.ledger import responses as rows
from data.ledger.fetches import History, read_history
from data.ledger.responses import Link, Platform
from data.ledger.stop_conditions import end_if_met
from data.ledger.store import Ledger, again_if_undone
from data.words import Channel, EventKind, Evidence, PageMode, StopCondition, SuppressionReason
from invitations.consequences import CUSTOMER, no_more
from invitations.evidence import OF_MACHINES, PAGE, UNSUBSCRIBE, Sign, Visit, sign_of
from invitations.grading import end_by_fetch, fetch_of, grades_of, link_of, machines_of, regrade

LINK_LIFETIME = timedelta(days=180)  # after the message left; unsubscribing never expires
SAME_VISIT = timedelta(minutes=1)  # a refresh within it is no new click
COMMENT_LIMIT = 4000  # characters; the form stops at half of it


@dataclass(frozen=True, slots=True)
class ReviewPage:
    """What the review page shows. It knows that there is an answer, never which."""

    business_name: str
    location_name: str
    color: str  # #rrggbb
    logo: str | None  # its SHA-256: /logo/{logo} serves it
    locale: str | None  # the customer's, where it is known
    language: str  # the location's default, when neither the locale nor the browser names one that we have
    mode: PageMode
    is_scored: bool  # a number or stars
    platforms: Sequence[Platform]  # in every mode all visible ones, in their order


@dataclass(frozen=True, slots=True)
class UnsubscribePage:
    """What the unsubscribe page shows; the first fields as on the review page."""

    business_name: str
    location_name: str
    color: str
    logo: str | None
    locale: str | None
    language: str
    channel: Channel
    is_unsubscribed: bool  # from everything


def open_review_page(ledger: Ledger, link_token: str, *, now: datetime) -> ReviewPage | None:
    """The page behind a link; records nothing."""
    with ledger.read() as c:
        link = _live(rows.find_by_link(c, link_token), now)
        if link is None:
            return None
        platforms = rows.visible_platforms(c, link.location_id)
        return ReviewPage(
            business_name=link.account_name,
            location_name=link.location_name,
            color=link.color,
            logo=link.logo,
            locale=link.locale,
            language=link.language,
            mode=link.page_mode,
            is_scored=link.is_scored,
            platforms=platforms,
        )


def note_click(ledger: Ledger, link_token: str, *, visit: Visit, now: datetime) -> bool:
    """Somebody followed the link; whether that was new."""
    return _note(ledger, link_token, EventKind.CLICKED, visit, now)


def note_open(ledger: Ledger, link_token: str, *, visit: Visit, now: datetime) -> bool:
    """The message's pixel was loaded; whether that was new."""
    return _note(ledger, link_token, EventKind.OPENED, visit, now)


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
        is_first = rows.add_first_score(c, link, score, scored_at=now)
        if not is_first and rows.has_event(c, link, EventKind.SCORED, score=score, within=SAME_VISIT):
            return True
        _prove_click(c, link, now)
        rows.add_event(c, link, EventKind.SCORED, occurred_at=now, evidence=Evidence.HUMAN, score=score)
        regrade(c, link.request_id)
        end_if_met(c, link.request_id, [StopCondition.SCORED, StopCondition.CLICKED], at=now)
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
        _prove_click(c, link, now)
        rows.add_event(c, link, EventKind.COMMENTED, occurred_at=now, evidence=Evidence.HUMAN, detail={"text": comment})
        regrade(c, link.request_id)
        end_if_met(c, link.request_id, [StopCondition.CLICKED], at=now)
        return True


@again_if_undone
def choose_platform(ledger: Ledger, link_token: str, platform_id: int, *, visit: Visit, now: datetime) -> str | None:
    """Where a visible platform of the link's location is, its choice recorded; None for anything else.

    A machine chooses nothing: its visit is kept as a click, so that no figure and no rule can mistake it. One that is
    found out later keeps its choice as an event, graded a machine's.
    """
    with ledger.write() as c:
        link = _locked(c, link_token, now)
        url = None if link is None else _url_of(c, link, platform_id)
        if link is None or url is None:
            return None
        is_machine = sign_of(visit, machines_of(link.rules)) in OF_MACHINES
        kind = EventKind.CLICKED if is_machine else EventKind.PLATFORM_CHOSEN
        _keep(c, link, kind, visit, now, platform_id=platform_id)
        return url


def open_unsubscribe_page(ledger: Ledger, unsubscribe_token: str) -> UnsubscribePage | None:
    """The page behind an unsubscribe link; records nothing."""
    with ledger.read() as c:
        link = rows.find_by_unsubscribe_token(c, unsubscribe_token)
        if link is None:
            return None
        return UnsubscribePage(
            business_name=link.account_name,
            location_name=link.location_name,
            color=link.color,
            logo=link.logo,
            locale=link.locale,
            language=link.language,
            channel=link.channel,
            is_unsubscribed=rows.is_person_suppressed(c, link, None),
        )


def note_way_out(ledger: Ledger, unsubscribe_token: str, *, visit: Visit, now: datetime) -> bool:
    """Somebody looked at the unsubscribe page; whether that was new. It is kept as an open: they saw the message.

    No interest in the review, so no click; but a scanner that fetches every link gives itself away here.
    """
    find = rows.find_by_unsubscribe_token
    return _note(ledger, unsubscribe_token, EventKind.OPENED, visit, now, part=UNSUBSCRIBE, find=find)


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
def _note(
    ledger: Ledger,
    token: str,
    kind: EventKind,
    visit: Visit,
    now: datetime,
    *,
    part: str | None = None,
    find: Callable[[Connection, str], Link | None] = rows.find_by_link,
) -> bool:
    with ledger.read() as c:  # a flood of refreshes reads, and writes nothing
        link = _live(find(c, token), now)
        if link is None or _is_repeat(read_history(c, link.request_id), kind, visit, now, part=part):
            return False
    with ledger.write() as c:
        rows.lock_person(c, link.person_id)
        return _keep(c, link, kind, visit, now, part=part)


def _keep(
    connection: Connection,
    link: Link,
    kind: EventKind,
    visit: Visit,
    now: datetime,
    *,
    platform_id: int | None = None,
    part: str | None = None,
) -> bool:
    """Keep a fetch unless it is a repeat, and judge all of its message's anew. Ends what nothing can overturn."""
    if _is_repeat(read_history(connection, link.request_id), kind, visit, now, platform_id=platform_id, part=part):
        return False
    sign = sign_of(visit, machines_of(link.rules))
    detail = {name: value for name, value in (("link", part), ("sign", sign)) if value is not None}
    event_id = rows.add_event(connection, link, kind, occurred_at=now, platform_id=platform_id, detail=detail or None)
    found = regrade(connection, link.request_id, new=event_id)[event_id]
    if found.is_final:
        end_by_fetch(connection, link.request_id, kind, found, now)
    return True


def _is_repeat(
    history: History,
    kind: EventKind,
    visit: Visit,
    now: datetime,
    *,
    platform_id: int | None = None,
    part: str | None = None,
) -> bool:
    """Whether the same link was fetched in the same manner within a minute, by both clocks: either may stand still.

    A machine's fetch never makes a person's a repeat of it, nor the other way round.
    """
    machines = machines_of(history.rules)
    name, sign = link_of(kind, platform_id, {"link": part} if part else {}), sign_of(visit, machines)
    for row in history.fetches:
        fetch = fetch_of(row)
        is_near = abs(now - row.occurred_at) < SAME_VISIT and history.read_at - row.recorded_at < SAME_VISIT
        is_person_hidden = row.evidence is Evidence.MACHINE and sign not in OF_MACHINES
        # A visit that shows more than the one before is worth keeping; one that shows less is not.
        is_same = fetch.sign is sign or (sign is None and fetch.sign not in OF_MACHINES)
        if fetch.link == name and is_near and is_same and not is_person_hidden:
            return True
    return False


def _prove_click(connection: Connection, link: Link, now: datetime) -> None:
    """What is posted through a link proves that a person followed it, whether or not a click of theirs is known."""
    history = read_history(connection, link.request_id)
    grades = grades_of(history, answer_at=now)
    if not any(
        row.kind is EventKind.CLICKED and grades[row.event_id].evidence is Evidence.HUMAN for row in history.fetches
    ):
        detail = {"link": PAGE, "sign": Sign.ANSWER}
        rows.add_event(connection, link, EventKind.CLICKED, occurred_at=now, detail=detail)


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


def _clean(text: str) -> str:
    """Without control characters (PostgreSQL takes no NUL), with the line ends we use, and of a sane length."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    kept = "".join(sign for sign in lines if sign in "\n\t" or unicodedata.category(sign) not in ("Cc", "Cs"))
    return kept.strip()[:COMMENT_LIMIT]
