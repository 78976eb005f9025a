"""Who opened and who clicked, in a marketer's words; and whatever the order in which things become known."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.words import Evidence
from invitations.evidence import OF_MACHINES, PAGE, PIXEL, UNSUBSCRIBE, Fetch, Grade, Sign, Visit, grade, sign_of
from invitations.policy_parts import Machines
from tests.examples import examples

SENT = datetime(2026, 11, 23, 18, 0, tzinfo=UTC)
MACHINES = Machines(seconds_after_delivery=2, all_links_within_seconds=3, networks=("203.0.113.0/24", "2001:db8::/32"))
BROWSER = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
)


def at(seconds: float) -> datetime:
    return SENT + timedelta(seconds=seconds)


def graded(*fetches: tuple[str, float] | tuple[str, float, Sign], answers: tuple[float, ...] = ()) -> list[Grade]:
    """The grades of links fetched so many seconds after the delivery, in the order given."""
    given_ = [Fetch(number, one[0], at(one[1]), *one[2:]) for number, one in enumerate(fetches)]
    found = grade(given_, [at(answer) for answer in answers], SENT, MACHINES)
    return [found[fetch.event_id] for fetch in given_]


def words(*fetches: tuple[str, float] | tuple[str, float, Sign], answers: tuple[float, ...] = ()) -> list[str]:
    return [f"{one.evidence}: {one.sign}" if one.sign else one.evidence for one in graded(*fetches, answers=answers)]


@pytest.mark.parametrize(
    ("visit", "sign"),
    [
        (Visit(is_bot=True, agent=BROWSER), Sign.BOT_FLAG),
        (Visit(agent=BROWSER, is_head=True), Sign.HEAD),
        (Visit(agent=BROWSER, is_ahead=True, is_navigation=True), Sign.AHEAD),
        (Visit(agent="Barracuda Sentinel (EE)"), Sign.AGENT),
        (Visit(agent=""), Sign.AGENT),
        (Visit(agent=BROWSER, address="203.0.113.77", is_navigation=True), Sign.NETWORK),
        (Visit(address="::ffff:203.0.113.77"), Sign.NETWORK),
        (Visit(address="2001:db8::1"), Sign.NETWORK),
        (Visit(agent=BROWSER, address="198.51.100.1", is_navigation=True), Sign.NAVIGATION),
        (Visit(agent=BROWSER, address="a socket", is_bot=False), None),
        (Visit(), None),
    ],
)
def test_one_fetch_shows_by_itself_what_it_is(visit: Visit, sign: Sign | None) -> None:
    assert sign_of(visit, MACHINES) is sign


def test_nobody_reads_and_clicks_within_two_seconds_of_the_delivery() -> None:
    assert words((PAGE, 1.9, Sign.NAVIGATION)) == ["machine: too soon after delivery"]
    assert words((PAGE, -30, Sign.NAVIGATION)) == ["machine: too soon after delivery"]  # while the mail was taken
    assert words((PAGE, 2, Sign.NAVIGATION)) == ["human: opened in a browser"]


def test_a_click_that_shows_nothing_either_way_is_unknown() -> None:
    assert words((PIXEL, 60), (PAGE, 90)) == ["unknown", "unknown"]


def test_whoever_fetches_every_link_within_seconds_is_a_scanner_from_the_first_link_on() -> None:
    first = words((PAGE, 60, Sign.NAVIGATION))
    assert first == ["human: opened in a browser"]
    burst = words((PIXEL, 60), (PAGE, 60, Sign.NAVIGATION), (UNSUBSCRIBE, 61, Sign.NAVIGATION))
    assert burst == ["machine: all links at once"] * 3
    assert words((PAGE, 60), (UNSUBSCRIBE, 63.1)) == ["unknown", "unknown"]


def test_a_person_who_opens_a_mail_and_clicks_at_once_is_no_scanner() -> None:
    assert words((PIXEL, 60), (PAGE, 61, Sign.NAVIGATION)) == ["unknown", "human: opened in a browser"]


def test_a_link_asked_for_by_head_and_fetched_at_once_is_one_scanner() -> None:
    assert words((PAGE, 60, Sign.HEAD), (PAGE, 61, Sign.NAVIGATION)) == [
        "machine: asked for headers only",
        "machine: all links at once",
    ]


def test_an_answer_proves_the_last_visit_before_it_and_the_open_that_led_to_it() -> None:
    assert words((PIXEL, 50), (PAGE, 60), (PAGE, 300), answers=(320,)) == [
        "human: an answer was posted", "unknown", "human: an answer was posted",
    ]  # fmt: skip


def test_an_answer_does_not_make_a_scanner_human() -> None:
    assert words((PAGE, 1), (PAGE, 60, Sign.AGENT), answers=(70,)) == [
        "machine: too soon after delivery",
        "machine: a program's user agent",
    ]


def test_a_person_who_has_just_scored_may_open_two_platforms_at_once() -> None:
    grades = graded((PAGE, 60), ("platform 1", 71), ("platform 2", 72), answers=(70,))
    assert {one.evidence for one in grades} == {Evidence.HUMAN}
    assert [one.is_final for one in grades] == [False, True, True]


def test_a_scanner_that_comes_days_after_the_answer_and_follows_every_platform_is_a_machine() -> None:
    day = 86_400
    assert words((PAGE, day), ("platform 1", day + 1), ("platform 2", day + 2), answers=(70,)) == [
        "machine: all links at once"
    ] * 3  # fmt: skip


def test_a_platform_chosen_after_reading_the_page_is_a_persons_choice() -> None:
    assert words((PAGE, 60), ("platform 1", 75)) == ["human: a platform was chosen"] * 2
    assert words((PAGE, 60), ("platform 1", 62)) == ["machine: all links at once"] * 2


def test_looking_at_the_unsubscribe_page_is_never_interest() -> None:
    assert words((UNSUBSCRIBE, 60, Sign.NAVIGATION), answers=(50,)) == ["unknown"]


def test_a_person_between_two_links_makes_them_no_burst() -> None:
    assert words((PAGE, 60, Sign.NAVIGATION), ("platform 1", 62, Sign.NAVIGATION), answers=(61,)) == [
        "human: opened in a browser",
        "human: an answer was posted",
    ]


def test_a_burst_of_no_seconds_is_not_looked_for() -> None:
    never = Machines(seconds_after_delivery=0, all_links_within_seconds=0)
    found = grade([Fetch(1, PAGE, at(60), Sign.NAVIGATION), Fetch(2, UNSUBSCRIBE, at(60))], [], SENT, never)
    assert found[1].evidence is Evidence.HUMAN


LINKS = st.sampled_from([PAGE, PIXEL, UNSUBSCRIBE, "platform 1", "platform 2"])
TIMES = st.integers(-5, 40).map(float)
FETCHES = st.lists(st.tuples(LINKS, TIMES, st.sampled_from([None, *Sign])), max_size=8)


@settings(max_examples=examples(50))
@given(FETCHES, st.lists(TIMES, max_size=3), st.randoms(use_true_random=False))
@pytest.mark.slow
def test_the_same_things_known_give_the_same_grades_in_whatever_order_they_came(fetches, answers, random) -> None:  # type: ignore[no-untyped-def]
    """Event ids number the arrivals, so they are dealt out anew."""
    numbers = list(range(len(fetches)))
    random.shuffle(numbers)
    posted = [at(answer) for answer in answers]
    first = grade([Fetch(n, link, at(s), sign) for n, (link, s, sign) in enumerate(fetches)], posted, SENT, MACHINES)
    shuffled = [Fetch(numbers[n], link, at(s), sign) for n, (link, s, sign) in enumerate(fetches)]
    random.shuffle(shuffled)
    second = grade(shuffled, reversed(posted), SENT, MACHINES)
    assert {numbers[n]: one for n, one in first.items()} == dict(second)


@settings(max_examples=examples(50))
@given(FETCHES, st.lists(TIMES, max_size=3))
@pytest.mark.slow
def test_a_fetch_with_a_machines_sign_is_a_machines_whatever_else_is_known(fetches, answers) -> None:  # type: ignore[no-untyped-def]
    grades = graded(*fetches, answers=tuple(answers))
    for (_, _, sign), found in zip(fetches, grades, strict=True):
        assert (found.evidence is Evidence.MACHINE) or sign not in OF_MACHINES


@settings(max_examples=examples(50))
@given(FETCHES, st.lists(TIMES, max_size=3))
@pytest.mark.slow
def test_what_is_final_stays_whatever_is_learnt_later(fetches, answers) -> None:  # type: ignore[no-untyped-def]
    """Only what is final ends an invitation at once, so it must not turn out a machine's afterwards."""
    for known, more in pairwise([fetches[:n] for n in range(len(fetches) + 1)]):
        before, after = graded(*known, answers=tuple(answers)), graded(*more, answers=tuple(answers))
        assert all(one == other for one, other in zip(before, after, strict=False) if one.is_final)
