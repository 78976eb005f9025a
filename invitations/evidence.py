"""Who opened and who clicked: a person, a machine, or nobody can tell. Pure; evidence is our judgement about an event.

Mail gateways fetch links before anybody reads the mail, programs draw previews, phones load pictures ahead. None of it
may look like interest, and none of it may end a sequence. An event (somebody fetched something) never changes;
what we make of it may, when more is known: a burst is seen only at its second link, and an answer proves the visit
before it. So `grade` judges all fetches of one message together, anew each time one more thing is known about it, and
whatever the order in which things become known, the same things known give the same grades.

A machine, by the first of these signs:
- the provider says so (Mailgun's client-info/bot), or the user agent does, or the browser says it fetches ahead;
- it asked for the headers only (HEAD), or came from a network of the policy's list;
- it came within `seconds_after_delivery` of the delivery, as the recipient's server told it (e-mail), else of the
  hand-over: a text's receipt is dated when it reaches us, which may be after a quick person's click;
- it fetched different links of one message within `all_links_within_seconds` (review page, platforms, unsubscribe
  page; or one link twice, once by HEAD). The pixel is no link: a mail program draws it as the person opens, and quick
  ones click within three seconds. It is judged with the burst that it came in.

A person, only where something proves or at least shows one:
- an answer was posted (score, comment): the last visit before it, the platform links followed within half an hour
  after it (whatever else is fetched meanwhile: a person who has just answered is there), and later returns;
- a platform was chosen after a visit of the page, no sooner than a burst could be, where only an answer shows its link;
- the page was opened in a browser's window (Sec-Fetch-Mode: navigate), and no sign of a machine is there. Gateways
  that copy a browser's user agent do not copy these headers. One that runs a whole browser, waits, and follows a single
  link cannot be told from a person by anybody; name its network in the policy.

Everything else is unknown, and an unknown click ends nothing. Nor does a grade that a burst could still overturn:
see `invitations.grading.settle_clicks`.

No address and no user agent is kept: only the sign, as `evidence_reason`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from data.words import Evidence
from invitations.agents import is_program
from invitations.policy_parts import Machines

PROVEN_VISIT = timedelta(minutes=30)  # after an answer, what is followed on that page is the person's
PAGE, PIXEL, UNSUBSCRIBE = "page", "pixel", "unsubscribe"  # links; a platform's is "platform 7"


class Sign(StrEnum):
    """By what an open or a click was graded, as it is kept and shown."""

    BOT_FLAG = "the provider says a bot"
    AGENT = "a program's user agent"
    AHEAD = "fetched ahead of the person"
    HEAD = "asked for headers only"
    NETWORK = "a scanner's network"
    SOON = "too soon after delivery"
    BURST = "all links at once"
    ANSWER = "an answer was posted"
    CHOICE = "a platform was chosen"
    NAVIGATION = "opened in a browser"


OF_MACHINES = frozenset({Sign.BOT_FLAG, Sign.AGENT, Sign.AHEAD, Sign.HEAD, Sign.NETWORK})  # seen on arrival


@dataclass(frozen=True, slots=True)
class Visit:
    """How a fetch came. `agent` None: not told; empty: the visitor names none."""

    agent: str | None = None
    address: str | None = None
    is_bot: bool | None = None  # the provider's own flag
    is_head: bool = False
    is_ahead: bool = False
    is_navigation: bool = False


@dataclass(frozen=True, slots=True)
class Fetch:
    """One open or click of a message. `sign`: what was seen when it came; `at`: policy time.

    `is_at_once`: of a platform whose link needed no answer, so that any crawler of pages could follow it.
    """

    event_id: int
    link: str
    at: datetime
    sign: Sign | None = None
    is_at_once: bool = False


@dataclass(frozen=True, slots=True)
class Grade:
    """A judgement, and the sign that decided; none for unknown. `is_final`: nothing learnt later can overturn it."""

    evidence: Evidence
    sign: Sign | None = None
    is_final: bool = False


_UNKNOWN = Grade(Evidence.UNKNOWN)


def sign_of(visit: Visit, machines: Machines) -> Sign | None:
    """What one fetch shows by itself, the strongest sign first."""
    if visit.is_bot:
        return Sign.BOT_FLAG
    if visit.is_head:
        return Sign.HEAD
    if visit.is_ahead:
        return Sign.AHEAD
    if visit.agent is not None and is_program(visit.agent):
        return Sign.AGENT
    if visit.address is not None and _is_within(visit.address, machines.networks):
        return Sign.NETWORK
    return Sign.NAVIGATION if visit.is_navigation else None


def grade(
    fetches: Sequence[Fetch], answers: Iterable[datetime], delivered_at: datetime | None, machines: Machines
) -> Mapping[int, Grade]:
    """A grade for each fetch of one message, by event id. `answers`: when something was posted; any order."""
    answered = sorted(answers)
    burst = timedelta(seconds=machines.all_links_within_seconds)
    early = None if delivered_at is None else delivered_at + timedelta(seconds=machines.seconds_after_delivery)
    grades = {fetch.event_id: known for fetch in fetches if (known := _at_once(fetch, answered, early))}
    grades |= {event_id: Grade(Evidence.MACHINE, Sign.BURST) for event_id in _bursts(fetches, answered, burst, grades)}
    left = sorted((fetch for fetch in fetches if fetch.event_id not in grades), key=lambda f: (f.at, f.event_id))
    return grades | _people(left, answered)


def _at_once(fetch: Fetch, answers: Sequence[datetime], early: datetime | None) -> Grade | None:
    if fetch.sign in OF_MACHINES:
        return Grade(Evidence.MACHINE, fetch.sign, is_final=True)
    if fetch.sign is Sign.ANSWER:
        return Grade(Evidence.HUMAN, fetch.sign, is_final=True)
    if _is_followed(fetch) and any(answer <= fetch.at <= answer + PROVEN_VISIT for answer in answers):
        return Grade(Evidence.HUMAN, Sign.ANSWER, is_final=True)
    if early is not None and fetch.at < early:
        return Grade(Evidence.MACHINE, Sign.SOON)
    return None


def _bursts(
    fetches: Sequence[Fetch], answers: Sequence[datetime], interval: timedelta, known: Mapping[int, Grade]
) -> Iterator[int]:
    """Those not known yet that came in a burst. What a person is known to have fetched is no part of one."""
    if not interval:
        return
    loose = [f for f in fetches if f.event_id not in known or known[f.event_id].evidence is not Evidence.HUMAN]
    links = [fetch for fetch in loose if fetch.link != PIXEL]
    members = [one for one in links if any(_are_one_burst(one, other, interval, answers) for other in links)]
    for fetch in loose:
        is_swept = fetch.link == PIXEL and any(abs(member.at - fetch.at) <= interval for member in members)
        if fetch.event_id not in known and (fetch in members or is_swept):
            yield fetch.event_id


def _are_one_burst(one: Fetch, other: Fetch, interval: timedelta, answers: Sequence[datetime]) -> bool:
    if abs(one.at - other.at) > interval:
        return False
    first, last = sorted((one.at, other.at))
    if any(first <= answer <= last for answer in answers):  # a person between them: two visitors, or that person
        return False
    is_twice = one.event_id != other.event_id and (one.sign is Sign.HEAD) != (other.sign is Sign.HEAD)
    return one.link != other.link or is_twice


def _people(left: Sequence[Fetch], answers: Sequence[datetime]) -> dict[int, Grade]:
    """Grades for what shows no sign of a machine, oldest first."""
    pages = [fetch for fetch in left if fetch.link == PAGE]
    grades, proofs = {fetch.event_id: _UNKNOWN for fetch in left}, list(answers)
    for fetch in left:
        if not _is_followed(fetch):
            continue
        if any(answer <= fetch.at for answer in answers):
            grades[fetch.event_id] = Grade(Evidence.HUMAN, Sign.ANSWER)
        elif fetch.link != PAGE and not fetch.is_at_once and any(page.at < fetch.at for page in pages):
            grades[fetch.event_id] = Grade(Evidence.HUMAN, Sign.CHOICE)
            proofs.append(fetch.at)
        elif fetch.sign is Sign.NAVIGATION:
            grades[fetch.event_id] = Grade(Evidence.HUMAN, Sign.NAVIGATION)
    for proof in proofs:
        sign = Sign.ANSWER if proof in answers else Sign.CHOICE
        for link in (PAGE, PIXEL):
            before = [fetch for fetch in left if fetch.link == link and fetch.at <= proof]
            for fetch in before:
                if fetch.at == before[-1].at and grades[fetch.event_id] is _UNKNOWN:
                    grades[fetch.event_id] = Grade(Evidence.HUMAN, sign)
    return grades


def _is_followed(fetch: Fetch) -> bool:
    """A link that says something about the review; not the pixel, not the way out."""
    return fetch.link not in (PIXEL, UNSUBSCRIBE)


@cache
def _networks(networks: tuple[str, ...]) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(network) for network in networks)


def _is_within(address: str, networks: tuple[str, ...]) -> bool:
    try:
        found = ip_address(address)
    except ValueError:
        return False  # a unix socket, a proxy's alias
    mapped = getattr(found, "ipv4_mapped", None)
    return any((mapped or found) in network for network in _networks(networks))
