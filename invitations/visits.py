"""What a fetch of a link leaves behind: an open, a click, a chosen platform. `invitations.evidence` says whose it was.

A fetch ends nothing before a person is proved, and in no mode of a page does one choose by itself: where a platform's
link can be followed without an answer (the list at once, straight on to one), only a browser's window shows a person.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy.engine import Connection

from data.ledger import responses as rows
from data.ledger.fetches import History, read_history
from data.ledger.responses import Link
from data.ledger.store import Ledger, again_if_undone
from data.words import EventKind, Evidence, PageMode
from invitations.evidence import OF_MACHINES, UNSUBSCRIBE, Sign, Visit, sign_of
from invitations.grading import AT_ONCE, end_by_fetch, fetch_of, link_of, machines_of, regrade
from invitations.links import is_web, live, locked

SAME_VISIT = timedelta(minutes=1)  # a refresh within it is no new click
_WITHOUT_ANSWER = (PageMode.PLATFORMS, PageMode.DIRECT)


def note_click(ledger: Ledger, link_token: str, *, visit: Visit, now: datetime) -> bool:
    """Somebody followed the link; whether that was new."""
    return _note(ledger, link_token, EventKind.CLICKED, visit, now)


def note_open(ledger: Ledger, link_token: str, *, visit: Visit, now: datetime) -> bool:
    """The message's pixel was loaded; whether that was new."""
    return _note(ledger, link_token, EventKind.OPENED, visit, now)


def note_way_out(ledger: Ledger, unsubscribe_token: str, *, visit: Visit, now: datetime) -> bool:
    """Somebody looked at the unsubscribe page; whether that was new. It is kept as an open: they saw the message.

    No interest in the review, so no click; but a scanner that fetches every link gives itself away here.
    """
    find = rows.find_by_unsubscribe_token
    return _note(ledger, unsubscribe_token, EventKind.OPENED, visit, now, part=UNSUBSCRIBE, find=find)


@again_if_undone
def choose_platform(ledger: Ledger, link_token: str, platform_id: int, *, visit: Visit, now: datetime) -> str | None:
    """Where a visible platform of the link's location is, its choice recorded; None for anything else.

    A machine chooses nothing: its visit is kept as a click, so that no figure and no rule can mistake it; so is a visit
    that may be a machine's, of a link that needed no answer. One that is found out later keeps its choice as an event,
    graded a machine's.
    """
    with ledger.read() as c:  # a flood of refreshes reads, and writes nothing
        link = live(rows.find_by_link(c, link_token), now)
        url = None if link is None else _url_of(c, link, platform_id)
        if link is None or url is None:
            return None
        history = read_history(c, link.request_id)
        if _is_repeat(history, EventKind.PLATFORM_CHOSEN, visit, now, platform_id=platform_id):
            return url
    with ledger.write() as c:
        link = locked(c, link_token, now)
        url = None if link is None else _url_of(c, link, platform_id)
        if link is None or url is None:
            return None
        sign = sign_of(visit, machines_of(link.rules))
        is_at_once = _is_at_once(link, read_history(c, link.request_id))
        is_choice = sign is Sign.NAVIGATION if is_at_once else sign not in OF_MACHINES
        kind = EventKind.PLATFORM_CHOSEN if is_choice else EventKind.CLICKED
        _keep(c, link, kind, visit, now, platform_id=platform_id, is_at_once=is_at_once)
        return url


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
        link = live(find(c, token), now)
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
    is_at_once: bool = False,
) -> bool:
    """Keep a fetch unless it is a repeat, and judge all of its message's anew. Ends what nothing can overturn."""
    if _is_repeat(read_history(connection, link.request_id), kind, visit, now, platform_id=platform_id, part=part):
        return False
    sign = sign_of(visit, machines_of(link.rules))
    told = (("link", part), ("sign", sign), (AT_ONCE, is_at_once or None))
    detail = {name: value for name, value in told if value is not None}
    event_id = rows.add_event(connection, link, kind, occurred_at=now, platform_id=platform_id, detail=detail or None)
    found = regrade(connection, link.request_id, new=event_id)[event_id]
    if found.is_final:
        end_by_fetch(connection, link.request_id, kind, found, now)
    return True


def _is_at_once(link: Link, history: History) -> bool:
    """Whether the platforms' links could be followed by whoever fetched the page, without an answer."""
    return link.page_mode in _WITHOUT_ANSWER and not link.is_scored and not history.answered_at


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


def _url_of(connection: Connection, link: Link, platform_id: int) -> str | None:
    for platform in rows.visible_platforms(connection, link.location_id):
        if platform.platform_id == platform_id and is_web(platform.url):
            return platform.url
    return None
