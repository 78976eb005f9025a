"""How a figure and its change are said: with no more certainty than there is, and "No detectable change" where so."""

from collections.abc import Callable

from dashboard.wording import share
from data.intervals import Change
from data.warehouse.overview import Figure

NO_CHANGE = "No detectable change"
NO_DIFFERENCE = "No detectable difference"


def percent(value: float) -> str:
    """A share as it stands on a card: "43 %", "2.1 %"."""
    return share(value, 1)


def score(value: float) -> str:
    """An NPS with its sign, and a minus that is one: "+54", "−12", "0"."""
    return f"{value:+.0f}".replace("-", "−") if round(value) else "0"


def duration(hours: float) -> str:
    """ "25 seconds", "40 minutes", "5 hours", "2.4 days"."""
    seconds = round(3600 * hours)
    if seconds < 90:
        return f"{seconds} second{'' if seconds == 1 else 's'}"
    minutes = round(60 * hours)
    if minutes < 90:
        return f"{minutes} minute{'' if minutes == 1 else 's'}"
    return f"{hours:.0f} hours" if hours < 36 else f"{hours / 24:.1f} days"


def points(value: float, factor: float = 1) -> str:
    """ "6 points", "0.4 points": by how much, without the sign."""
    shown = abs(value) * factor
    number = f"{shown:.0f}" if shown >= 9.5 or shown == round(shown) else f"{shown:.1f}"
    return f"{number} point{'' if number == '1' else 's'}"


def change_in_words(figure: Figure, before: str, minimum: str, say: Callable[[Change], str]) -> str:
    """The line under a figure; `before` names the other period, "" where there is none."""
    if figure.estimate is None:
        return f"Shown from {minimum}"
    if not before:
        return "Of all time"
    if figure.change is None:
        return f"Nothing to compare in {before}" if not figure.count_before else f"Too few in {before} to compare"
    return f"{say(figure.change) if figure.change.is_detected else NO_CHANGE} from {before}"


def up_or_down(change: Change, factor: float = 1) -> str:
    """ "Up 6 points"."""
    return f"{'Up' if change.value > 0 else 'Down'} {points(change.value, factor)}"


def longer_or_shorter(change: Change) -> str:
    """ "5 hours longer": away from, not better than."""
    return f"{'Up' if change.value > 0 else 'Down'} by {duration(abs(change.value))}"


def against_rest(value: float | None, low: float | None, high: float | None) -> str:
    """How one of several compares with all others."""
    if value is None or low is None or high is None:
        return "Too few answers to compare"
    if not Change(value, low, high).is_detected:
        return NO_DIFFERENCE
    return f"{points(value)} {'above' if value > 0 else 'below'} the rest"
