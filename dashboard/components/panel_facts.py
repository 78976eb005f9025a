"""The parts of a customer's panel that only tell: profile, review, what is on record, earlier invitations, history."""

from collections.abc import Sequence
from datetime import date, timedelta
from itertools import groupby
from typing import Any

from markupsafe import Markup

from dashboard.components.icons import icon
from dashboard.components.marks import invitation_mark, score_mark, stars_mark
from dashboard.components.waiting import sentence
from dashboard.desk import Desk
from dashboard.wording import (
    CHANNEL,
    EVENT,
    EVIDENCE,
    SOURCE,
    contact,
    counted,
    exact_moment,
    in_zone,
    said,
    short_day,
    short_moment,
)
from data.warehouse.customers import MOST_EVENTS, Happening
from data.words import ConsentBasis, EventKind, SuppressionEffect, SuppressionReason
from invitations.why import Explanation

_DRAWINGS = {
    "planned": "clock",
    "handed_over": "plane",
    EventKind.ACCEPTED_BY_SERVER: "check",
    EventKind.DELIVERED: "check",
    EventKind.READ: "eye",
    EventKind.OPENED: "eye",
    EventKind.CLICKED: "cursor",
    EventKind.SCORED: "gauge",
    EventKind.COMMENTED: "talk",
    EventKind.REPLIED: "talk",
    EventKind.HELP_ASKED: "talk",
    EventKind.PLATFORM_CHOSEN: "star",
    EventKind.REVIEW_LINKED: "star",
    EventKind.FAILED: "cross",
    EventKind.UNSUBSCRIBED: "slash",
    EventKind.COMPLAINED: "slash",
}
_BASIS = {
    ConsentBasis.EXPRESS: "Agreed to be contacted",
    ConsentBasis.PURCHASE: "Bought something or came by",
    ConsentBasis.INQUIRY: "Asked for something",
    ConsentBasis.WITHDRAWN: "Said no to being asked",
}
_AGAINST = {
    SuppressionReason.STOP_KEYWORD: "Texted STOP",
    SuppressionReason.START_KEYWORD: "Texted START",
    SuppressionReason.UNSUBSCRIBED: "Unsubscribed",
    SuppressionReason.COMPLAINED: "Reported a message as unwanted",
    SuppressionReason.UNDELIVERABLE: "The address does not accept messages",
    SuppressionReason.PROVIDER_OPT_OUT: "Opted out at the provider",
    SuppressionReason.ASKED_BY_PERSON: "Asked the business not to be contacted",
    SuppressionReason.DO_NOT_CONTACT_LIST: "On a do-not-contact list",
}


def full_name(found: dict[str, Any]) -> str:
    """What a customer is called."""
    return " ".join(filter(None, [found["first_name"], found["last_name"]])) or "No name"


def heading(found: dict[str, Any]) -> Markup:
    """Who it is, and where their invitation stands."""
    status = invitation_mark(
        found["invitation_status"],
        is_suppressed=bool(found["is_suppressed"]),
        has_left=found["invited_at"] is not None,
    )
    return Markup('<header class="aw-who"><h2>{}</h2>{}</header>').format(full_name(found), status)


def profile(found: dict[str, Any], used: Sequence[tuple[str, str]], desk: Desk) -> Markup:
    """How they are reached, where the invitation went, and what it was about."""
    facts = [
        ("Email", found["email"] or "–"),
        ("Phone", contact(found["phone"]) or "–"),
        ("Location", found["location_name"]),
        ("Invited on", moment(found["invited_at"], found["location_time_zone"], desk) or "Not yet"),
        ("Sent to", Markup("<br>").join(f"{contact(address)} ({said(CHANNEL, channel)})" for channel, address in used)),
        ("Employee", found["employee"]),
        ("Service", found["service"]),
        ("Source", " · ".join(filter(None, [said(SOURCE, found["source"]), found["list_name"]]))),
        ("NPS score", score_mark(found["score"])),
        ("Stars", _on_your_page(found["stars_given"])),
    ]
    items = Markup("").join(Markup("<dt>{}</dt><dd>{}</dd>").format(*fact) for fact in facts if fact[1])
    return Markup('<dl class="aw-facts">{}</dl>').format(items)


def _on_your_page(stars: int | None) -> Markup:
    if stars is None:
        return Markup("")
    return Markup('{} <span class="aw-faint">on your page</span>').format(stars_mark(stars))


def outlook(one: Explanation) -> Markup:
    """What comes next and what holds it back, from the rules as they are now."""
    reasons = Markup("").join(Markup("<li>{}</li>").format(sentence(reason)) for reason in one.reasons)
    return Markup(
        '<h3 class="aw-section">What comes next</h3><p class="aw-outlook">{}</p><ul class="aw-reasons">{}</ul>'
    ).format(sentence(one.standing), reasons)


def review_told(review: dict[str, Any] | None, score: int | None, zone: str, desk: Desk) -> Markup:
    """The review that followed an invitation, with the score given for that one."""
    if review is None:
        return Markup(
            '<h3 class="aw-section">Review</h3><p class="aw-faint">No review linked to an invitation yet.</p>'
        )
    sentiment = Markup('<span class="aw-tag">{}</span>').format(review["sentiment"]) if review["sentiment"] else ""
    nps = Markup('<span class="aw-tag">NPS {}</span>').format(score_mark(score)) if score is not None else ""
    return Markup(
        '<h3 class="aw-section">Review</h3><blockquote class="aw-review"><div>{} {} {} {}</div><p>{}</p>'
        '<footer class="aw-faint">{} · {}</footer></blockquote>'
    ).format(
        stars_mark(review["stars"]),
        review["platform"].title(),
        nps,
        sentiment,
        review["body"] or "No text, only a rating.",
        review["reviewer_name"] or "Anonymous",
        moment(review["reviewed_at"], zone, desk),
    )


def on_record(consents: Sequence[Any], against: Sequence[Any], zone: str, desk: Desk) -> Markup:
    """On what basis they may be written to, and what was said against it."""
    lines = [
        _line(_BASIS[row.basis], [row.how, f"in these words: “{row.wording}”" if row.wording else ""],
              row.given_at, zone, desk)
        for row in consents
    ]  # fmt: skip
    lines += [
        _line(
            _AGAINST[row.reason] if row.effect is SuppressionEffect.SUPPRESS else "Allowed again",
            [
                f"{said(CHANNEL, row.channel)} to {contact(row.address)}" if row.channel else "every channel",
                f"recorded by {row.recorded_by}",
            ],
            row.occurred_at, zone, desk,
        )
        for row in _said_once(against)
    ]  # fmt: skip
    told = (
        Markup('<ul class="aw-record">{}</ul>').format(Markup("").join(lines))
        if lines
        else Markup('<p class="aw-faint">Nothing on record: no consent, and nothing against it.</p>')
    )
    return Markup('<h3 class="aw-section">Permission to contact</h3>{}').format(told)


def _said_once(against: Sequence[Any]) -> list[Any]:
    """What was said of the person stands in the record once for each address, and here once."""
    seen = set()
    kept = []
    for row in against:
        key = (row.occurred_at, row.effect, row.reason, row.recorded_by, row.channel, row.channel and row.address)
        if key not in seen:
            kept.append(row)
        seen.add(key)
    return kept


def _line(what: str, details: Sequence[str], at: Any, zone: str, desk: Desk) -> Markup:
    return Markup('<li><div>{}</div><div class="aw-faint">{} · {}</div></li>').format(
        what, moment(at, zone, desk), " · ".join(filter(None, details))
    )


def earlier(invitations: Sequence[Any], zone: str, desk: Desk) -> Markup:
    """The invitations before the one in the table, newest first."""
    lines = Markup("").join(
        Markup('<li><div>{} {} {}</div><div class="aw-faint">{}</div></li>').format(
            invitation_mark(row.status, is_suppressed=False, has_left=row.first_handed_at is not None),
            score_mark(row.score),
            stars_mark(row.stars),
            Markup(" · ").join(
                part
                for part in [
                    moment(row.first_handed_at, zone, desk) or "nothing was sent",
                    counted(row.messages, "message"),
                    f"by {row.sent_by or 'Automation'}",
                    row.list_name,
                ]
                if part
            ),
        )
        for row in invitations
    )
    return Markup('<h3 class="aw-section">Earlier invitations</h3><ul class="aw-record">{}</ul>').format(lines)


def history(timeline: Sequence[Happening], zone: str, desk: Desk) -> Markup:
    """What happened, by day, the newest first."""
    title = Markup('<h3 class="aw-section">Review invitation history</h3>')
    if not timeline:
        return title + Markup('<p class="aw-faint">Nothing has happened yet. What does will be listed here by day.</p>')
    today = in_zone(desk.now, zone).date()
    comments = {line.detail for line in timeline if line.kind == EventKind.COMMENTED}
    days = Markup("").join(
        Markup('<h4 class="aw-day">{}</h4><ol class="aw-events">{}</ol>').format(
            _day(day, today), Markup("").join(_happened(line, zone, comments) for line in lines)
        )
        for day, lines in groupby(timeline, key=lambda line: line.day)
    )
    if len(timeline) >= MOST_EVENTS:
        days += Markup('<p class="aw-faint">The newest {}; what was before is not listed here.</p>').format(MOST_EVENTS)
    return title + days


def _happened(line: Happening, zone: str, comments: set[str | None]) -> Markup:
    extra = [said(CHANNEL, line.channel), said(EVIDENCE, line.evidence), line.platform_name, line.detail]
    if line.kind == EventKind.REVIEW_LINKED:  # found on a platform: no message brought the news
        extra = [(line.detail or "").title()]
    elif line.kind == EventKind.SCORED and line.detail in comments:
        extra.pop()  # the comment has a line of its own
    what = said(EVENT, line.kind)
    if line.score is not None:
        extra.insert(0, f"{line.score} of 10")
    if line.stars is not None:
        extra.insert(0, f"{line.stars} of 5 stars")
        what = "Gave stars" if line.kind == EventKind.SCORED else what
    local = in_zone(line.occurred_at, zone)
    return Markup(
        '<li>{}<div><span>{}</span> <span class="aw-faint">{}</span></div><time title="{}">{:%H:%M}</time></li>'
    ).format(
        icon(_DRAWINGS.get(line.kind, "dot")),
        what,
        " · ".join(part for part in extra if part),
        exact_moment(line.occurred_at, zone),
        local,
    )


def _day(day: date, today: date) -> str:
    if day == today:
        return "Today"
    if day == today - timedelta(days=1):
        return "Yesterday"
    year = f" {day.year}" if day.year != today.year else ""
    return f"{day:%A}, {short_day(day)}{year}"


def moment(at: Any, zone: str, desk: Desk) -> Markup | str:
    """A moment, short, with the exact one on hover; "" without one."""
    if at is None:
        return ""
    return Markup('<span title="{}">{}</span>').format(exact_moment(at, zone), short_moment(at, zone, desk.now))
