"""What a customer's answer means: which one counts, what ends the invitation, what an unsubscribe covers.

Whatever somebody answers, the page they get is the same: no function here gives a number or stars back, and nothing
that chooses links reads them. Each function is one transaction; `now` is policy time. A token that nobody has gives
None or False, and one that has run out or was revoked the same, so that a guesser learns nothing.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.engine import Connection

from data.ledger import responses as rows
from data.ledger.fetches import read_history
from data.ledger.responses import Answer, Link, Platform
from data.ledger.stop_conditions import end_if_met
from data.ledger.store import Ledger, again_if_undone
from data.words import Channel, EventKind, Evidence, PageMode, StopCondition, SuppressionReason
from invitations.consequences import CUSTOMER, no_more
from invitations.evidence import PAGE, Sign
from invitations.grading import grades_of, regrade
from invitations.links import is_web, live, locked
from invitations.visits import choose_platform, note_click, note_open, note_way_out

__all__ = [  # with the visits, for whoever answers a customer
    "ReviewPage",
    "UnsubscribePage",
    "choose_platform",
    "note_click",
    "note_open",
    "note_way_out",
    "open_review_page",
    "open_unsubscribe_page",
    "take_comment",
    "take_score",
    "take_stars",
    "unsubscribe",
]

MOST_ANSWERS = 50  # events of one invitation: whoever goes on pressing fills no ledger
COMMENT_LIMIT = 4000  # characters; the form stops at half of it
MOST_COMMENTS = 50  # private messages of one invitation: as with answers, and a row holds them all together


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
    direct: Platform | None  # in mode `direct`, and only there: where the link leads, without a page in between


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
    """The page behind a link; records nothing.

    Where the one platform that the link should lead to is not shown any more, the page lists the others.
    """
    with ledger.read() as c:
        link = live(rows.find_by_link(c, link_token), now)
        if link is None:
            return None
        platforms = rows.visible_platforms(c, link.location_id)
    mode, direct = link.page_mode, None
    if mode is PageMode.DIRECT:
        direct = next((one for one in platforms if one.slug == link.page_platform and is_web(one.url)), None)
        mode = PageMode.PLATFORMS if direct is None else mode
    return ReviewPage(
        business_name=link.account_name,
        location_name=link.location_name,
        color=link.color,
        logo=link.logo,
        locale=link.locale,
        language=link.language,
        mode=mode,
        is_scored=link.is_scored,
        platforms=platforms,
        direct=direct,
    )


def take_score(ledger: Ledger, link_token: str, score: int, *, now: datetime) -> bool:
    """Record a score from 0 to 10; False when the link is not known.

    The first answer of an invitation counts; each is kept as an event, a double tap too, up to MOST_ANSWERS of them.
    It proves that a person followed the link, even where its click looked like a machine's.
    """
    if not 0 <= score <= 10:
        raise ValueError("a score is a whole number from 0 to 10")
    return _take(ledger, link_token, Answer(score=score), now)


def take_stars(ledger: Ledger, link_token: str, stars: int, *, now: datetime) -> bool:
    """Record 1 to 5 stars, as `take_score` does a number; no figure mixes the two."""
    if not 1 <= stars <= 5:
        raise ValueError("stars are a whole number from 1 to 5")
    return _take(ledger, link_token, Answer(stars=stars), now)


@again_if_undone
def _take(ledger: Ledger, link_token: str, answer: Answer, now: datetime) -> bool:
    with ledger.write() as c:
        link = locked(c, link_token, now)
        if link is None:
            return False
        is_first = rows.add_first_answer(c, link, answer, scored_at=now)
        if not is_first and rows.count_answers(c, link) >= MOST_ANSWERS:
            return True
        _prove_click(c, link, now)
        rows.add_event(c, link, EventKind.SCORED, occurred_at=now, evidence=Evidence.HUMAN, answer=answer)
        regrade(c, link.request_id)
        end_if_met(c, link.request_id, [StopCondition.SCORED, StopCondition.CLICKED], at=now)
        return True


@again_if_undone
def take_comment(ledger: Ledger, link_token: str, text: str, *, now: datetime) -> bool:
    """Keep what the customer tells the business in private; False when the link is not known.

    A later comment is added below an earlier one, the same one again is not, nor more than MOST_COMMENTS of them.
    Nothing but spaces is nothing. It needs no score: where none is asked for, it is kept as an event alone.
    """
    comment = _clean(text)
    with ledger.write() as c:
        link = locked(c, link_token, now)
        if link is None:
            return False
        before = rows.comments_of(c, link.invitation_id)
        if not comment or comment in before or len(before) >= MOST_COMMENTS:
            return True
        rows.set_comment(c, link.invitation_id, [*before, comment])
        _prove_click(c, link, now)
        rows.add_event(c, link, EventKind.COMMENTED, occurred_at=now, evidence=Evidence.HUMAN, detail={"text": comment})
        regrade(c, link.request_id)
        end_if_met(c, link.request_id, [StopCondition.CLICKED], at=now)
        return True


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


def _prove_click(connection: Connection, link: Link, now: datetime) -> None:
    """What is posted through a link proves that a person followed it, whether or not a click of theirs is known."""
    history = read_history(connection, link.request_id)
    grades = grades_of(history, answer_at=now)
    if not any(
        row.kind is EventKind.CLICKED and grades[row.event_id].evidence is Evidence.HUMAN for row in history.fetches
    ):
        detail = {"link": PAGE, "sign": Sign.ANSWER}
        rows.add_event(connection, link, EventKind.CLICKED, occurred_at=now, detail=detail)


def _clean(text: str) -> str:
    """Without control characters (PostgreSQL takes no NUL), with the line ends we use, and of a sane length."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    kept = "".join(sign for sign in lines if sign in "\n\t" or unicodedata.category(sign) not in ("Cc", "Cs"))
    return kept.strip()[:COMMENT_LIMIT]
