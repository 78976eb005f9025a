"""A whole call has a deadline, however its answer trickles."""

import threading
from concurrent.futures import Future

import pytest

from invitations import deadline
from invitations.deadline import Caller, DeadlineExceeded


def test_the_result_and_the_exception_of_a_call_come_back() -> None:
    caller: Caller[int] = Caller()
    assert caller.call(lambda: 42, seconds=5, on_late=print) == 42
    with pytest.raises(ZeroDivisionError):
        caller.call(lambda: 1 // 0, seconds=5, on_late=print)
    caller.close()


def test_calls_share_a_thread_so_that_a_client_keeps_its_connection() -> None:
    caller: Caller[int] = Caller()
    threads = {caller.call(threading.get_ident, seconds=5, on_late=print) for _ in range(5)}
    assert len(threads) == 1
    caller.close()


def test_a_call_that_overruns_is_left_behind_and_its_result_told_later() -> None:
    caller: Caller[str] = Caller()
    go_on, told = threading.Event(), threading.Event()
    late: list[str] = []

    def slow() -> str:
        assert go_on.wait(10)
        return "late"

    def tell(result: str) -> None:
        late.append(result)
        told.set()

    with pytest.raises(DeadlineExceeded):
        caller.call(slow, seconds=0.02, on_late=tell)
    assert caller.call(lambda: "next", seconds=5, on_late=tell) == "next"
    go_on.set()
    assert told.wait(10)
    assert late == ["late"]
    caller.close()


def test_a_timeout_of_the_call_itself_is_not_our_deadline() -> None:
    caller: Caller[str] = Caller()

    def times_out() -> str:
        raise TimeoutError("the provider's")

    with pytest.raises(TimeoutError, match="the provider's"):
        caller.call(times_out, seconds=5, on_late=print)
    caller.close()


def test_an_answer_in_the_very_last_moment_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    class JustTooLate(Future[str]):
        def result(self, timeout: float | None = None) -> str:
            answer = super().result(10)
            if timeout is not None:
                raise TimeoutError
            return answer

    monkeypatch.setattr(deadline, "Future", JustTooLate)
    caller: Caller[str] = Caller()
    assert caller.call(lambda: "accepted", seconds=0.01, on_late=print) == "accepted"
    caller.close()
