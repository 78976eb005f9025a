"""What a dispatch run tells while it works: lines in the log, for whoever shows it how far it is. Counts, never names.

with told_story(now_and_then=observe) as story:
    send_due(ledger, messengers, now=now, on_progress=story.tell)
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import structlog

from data.ledger.runs import Progress

log = structlog.get_logger(__name__)

EVERY_SECONDS = 10.0  # of the run's own time, between two lines


class Story:
    """`each_time` gets every progress (about one a second), `now_and_then` those that also make a line in the log."""

    def __init__(
        self,
        each_time: Callable[[Progress], None] | None = None,
        now_and_then: Callable[[Progress], None] | None = None,
    ) -> None:
        self._each_time, self._now_and_then = each_time, now_and_then
        self._told_until = 0.0
        self.last: Progress | None = None

    def tell(self, progress: Progress) -> None:
        """For `send_due`'s `on_progress`."""
        self.last = progress
        if self._each_time:
            self._each_time(progress)
        if progress.seconds - self._told_until < EVERY_SECONDS:
            return
        self._told_until = progress.seconds
        log.info("sending", **facts(progress))
        if self._now_and_then:
            self._now_and_then(progress)


@contextmanager
def told_story(
    each_time: Callable[[Progress], None] | None = None, now_and_then: Callable[[Progress], None] | None = None
) -> Iterator[Story]:
    """A story whose end is told too, whichever it is."""
    story = Story(each_time, now_and_then)
    try:
        yield story
    except BaseException as problem:
        log.error("sending ended", problem=type(problem).__name__, **facts(story.last))
        if now_and_then and story.last is not None:
            now_and_then(story.last)  # what was sent before is not lost with the run's own report
        raise
    if story.last is not None:
        log.info("sending ended", **facts(story.last))


def facts(progress: Progress | None) -> dict[str, int | float]:
    """A progress as one flat row: done, total, seconds, rate, seconds_left, and the counts by outcome."""
    if progress is None:
        return {"done": 0}
    row: dict[str, int | float] = {
        "done": progress.done,
        "seconds": round(progress.seconds, 1),
        "rate": round(progress.rate, 1),
    }
    if progress.total is not None:
        row["total"] = progress.total
    if progress.time_left is not None:
        row["seconds_left"] = round(progress.time_left.total_seconds())
    return {**row, **{str(outcome): count for outcome, count in progress.counts.items()}}


def in_words(counts: Mapping[str, int]) -> str:
    """`440 accepted, 10 permanent failure`."""
    return ", ".join(f"{count:,} {outcome.replace('_', ' ')}" for outcome, count in counts.items() if count)
