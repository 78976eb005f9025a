"""Statuses, notes, scores and stars as they stand in a cell: icon, word, colour."""

from markupsafe import Markup

from dashboard.components.icons import icon
from data.words import InvitationStatus, RunStatus, ScreenStatus

_REQUEST = {
    ScreenStatus.QUEUED: ("clock", "queued"),
    ScreenStatus.SENT: ("plane", "sent"),
    ScreenStatus.DELIVERED: ("check", "delivered"),
    ScreenStatus.FAILED: ("cross", "failed"),
    ScreenStatus.CANCELED: ("slash", "queued"),
}
_INVITATION = {
    InvitationStatus.ACTIVE: ("plane", "sent"),
    InvitationStatus.STOPPED: ("pause", "note"),
    InvitationStatus.ANSWERED: ("check", "delivered"),
    InvitationStatus.FINISHED: ("dot", "queued"),
}
_RUN = {
    RunStatus.RUNNING: ("clock", "sent"),
    RunStatus.DONE: ("check", "delivered"),
    RunStatus.FAILED: ("cross", "failed"),
    RunStatus.HALTED: ("pause", "note"),
    RunStatus.DIED: ("cross", "failed"),
}
_NOTE_ICON = {"paused": "pause", "stopped": "slash", "in doubt": "question", "sending": "plane", "goes again": "clock"}
_PROMOTERS_FROM, _PASSIVES_FROM = 9, 7


def mark(drawing: str, tone: str, word: str, title: str = "") -> Markup:
    """An icon and a word in one of the status tones of style.css."""
    return Markup('<span class="aw-mark aw-{}" title="{}">{}<span>{}</span></span>').format(
        tone, title, icon(drawing), word
    )


def request_mark(status: str, note: str | None, reason: str | None, about_note: str = "") -> Markup:
    """A message's status, with its note beneath (paused, in doubt, sending) or the reason of its failure.

    `about_note` says more of the note: what is paused, what is being done about a doubt.
    """
    drawing, tone = _REQUEST.get(ScreenStatus(status), ("dot", "queued"))
    main = mark(drawing, tone, status)
    if note:
        noted = main + mark(_NOTE_ICON.get(note, "dot"), "note", note, about_note)
        if not about_note:
            return noted
        return noted + Markup('<div class="aw-faint aw-about" title="{0}">{0}</div>').format(about_note)
    if reason and status == ScreenStatus.FAILED:
        return main + Markup('<span class="aw-faint aw-clip" title="{0}">{0}</span>').format(reason)
    return main


def invitation_mark(status: str | None, *, is_suppressed: bool, has_left: bool = True) -> Markup:
    """Where a customer's latest invitation stands; while nothing of an active one has left it is only planned."""
    if is_suppressed:
        return mark("slash", "failed", "Do not contact")
    if status is None:
        return mark("dot", "queued", "Not invited yet")
    if status == InvitationStatus.ACTIVE and not has_left:
        return mark("clock", "queued", "Planned")
    drawing, tone = _INVITATION.get(InvitationStatus(status), ("dot", "queued"))
    return mark(drawing, tone, status.capitalize())


def run_mark(status: str, word: str) -> Markup:
    """How a run stands."""
    drawing, tone = _RUN.get(RunStatus(status), ("dot", "queued"))
    return mark(drawing, tone, word)


def score_mark(score: int | None) -> Markup:
    """An NPS score in the colour of its band; nothing for no answer."""
    if score is None:
        return Markup("")
    band = "promoter" if score >= _PROMOTERS_FROM else "passive" if score >= _PASSIVES_FROM else "detractor"
    return Markup('<span class="aw-score aw-{0}" title="{1} ({0})">{1}</span>').format(band, score)


def stars_mark(stars: int | None) -> Markup:
    """A star rating; nothing without one."""
    if stars is None:
        return Markup("")
    return Markup('<span class="aw-stars" role="img" aria-label="{0} of 5 stars">{1}<i>{2}</i></span>').format(
        stars, "★" * stars, "★" * (5 - stars)
    )


def rating_mark(stars: int | None, platform: str | None) -> Markup:
    """Stars over the platform they were given on; nothing without a review."""
    if platform is None:
        return Markup("")
    return stars_mark(stars) + Markup('<div class="aw-faint aw-clip">{}</div>').format(platform.title())


def answer_mark(stars: int | None, platform: str | None, stars_given: int | None) -> Markup:
    """The review's stars and platform; without a review the stars given on our own page, which are no NPS."""
    if platform is not None or stars_given is None:
        return rating_mark(stars, platform)
    return stars_mark(stars_given) + Markup('<div class="aw-faint aw-clip">On your page</div>')
