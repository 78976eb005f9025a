"""A run says how far it is, how fast it goes and how long it still takes; never whom it writes to."""

from collections.abc import Mapping
from typing import Any

import dagster as dg
import pytest
from structlog.testing import capture_logs

from data.ledger.runs import Progress
from pipelines.assets import observe
from pipelines.story import facts, in_words, told_story

pytestmark = pytest.mark.one_database
OBSERVED = "ASSET_OBSERVATION"


def progress(seconds: float, done: int = 100, total: int | None = 400) -> Progress:
    return Progress(done=done, total=total, counts={"accepted": done}, seconds=seconds)


def test_a_line_comes_every_ten_seconds_and_one_at_the_end() -> None:
    each, now_and_then = list[Progress](), list[Progress]()
    with capture_logs() as lines, told_story(each.append, now_and_then.append) as story:
        for second in range(1, 26):
            story.tell(progress(float(second)))
    assert len(each) == 25
    assert [told.seconds for told in now_and_then] == [10.0, 20.0]
    assert [line["event"] for line in lines] == ["sending", "sending", "sending ended"]


def test_a_line_holds_progress_rate_time_left_and_counts_by_outcome() -> None:
    told: Mapping[str, Any] = facts(progress(20.0))
    assert told == {"done": 100, "total": 400, "seconds": 20.0, "rate": 5.0, "seconds_left": 60, "accepted": 100}


def test_of_a_run_that_fails_the_last_counts_are_told_and_not_what_the_failure_quotes() -> None:
    told: list[Progress] = []

    def run() -> None:
        with told_story(None, told.append) as story:
            story.tell(progress(3.0))
            raise ValueError("ana@example.com")

    with capture_logs() as lines, pytest.raises(ValueError, match="ana"):
        run()
    assert [entry.done for entry in told] == [100]
    assert lines == [{"event": "sending ended", "log_level": "error", "problem": "ValueError", **facts(progress(3.0))}]


@pytest.mark.slow
def test_dagster_shows_how_far_a_run_is_while_it_works() -> None:
    @dg.asset
    def sending(context: dg.AssetExecutionContext) -> None:
        observe(context, progress(20.0))

    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize([sending], instance=instance)
    [observed] = [event.asset_observation_data for event in result.all_events if event.event_type_value == OBSERVED]
    assert observed.asset_observation.description == "100 of 400, 5.0 a second, 1 min left"
    assert observed.asset_observation.metadata["seconds_left"].value == 60


def test_counts_are_said_in_words() -> None:
    assert in_words({"accepted": 1200, "permanent_failure": 3, "in_doubt": 0}) == "1,200 accepted, 3 permanent failure"
