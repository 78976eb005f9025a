"""Several processes for one run, forked from the one that has collected: what the tests import is imported once.

`pytest -p tests.crew --crew 4`. The first process imports, collects, forks the others and reports what they tell; it
runs no test itself. Each of the others asks it for one test more than it runs, so that a fixture of a module, or of
the whole run, ends when nobody there needs it any more. Tests are handed out by the folder, whose tests share fixtures;
when no folder is left, whoever has nothing to do takes half of what is left of another's, whole modules if it can.
"""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import groupby
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import pytest

from tests.forked import share_forks

forking = get_context("fork")
Location = tuple[str, int | None, str]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--crew", type=int, default=0, help="how many processes run the tests, forked when all is imported"
    )


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    size: int = session.config.getoption("crew")
    if not size or session.testsfailed or session.config.option.collectonly:
        return None  # pytest's own loop runs them, or says why it does not
    crew = Crew(session)
    try:
        crew.run(size)
    finally:
        crew.end()
    return True


@dataclass
class Hand:
    """A process that runs tests, seen from the first one."""

    number: int
    process: Any
    connection: "Connection[Any, Any]"
    waiting: deque[int] = field(default_factory=deque)  # its tests that it has not asked for yet
    asked: deque[int] = field(default_factory=deque)  # those that it has: one that it runs, and the next


class Crew:
    """The first process's side."""

    def __init__(self, session: pytest.Session) -> None:
        self._session = session
        self._hook = session.config.hook
        parts = groupby(range(len(session.items)), key=lambda index: session.items[index].path.parent)
        folders = [deque(indexes) for _, indexes in parts]
        self._folders = deque(sorted(folders, key=self._share_of_long_ones, reverse=True))  # none is left for the end
        self._hands: list[Hand] = []
        self._forked = 0
        self._end_forks: Callable[[], None] = lambda: None

    def _share_of_long_ones(self, tests: deque[int]) -> float:
        return sum(self._session.items[index].get_closest_marker("slow") is not None for index in tests) / len(tests)

    def run(self, size: int) -> None:
        """Hand out every test, and report what comes of each."""
        if "polars-0" in _threads():  # they would be missed after forking, and waited for until the end of days
            raise pytest.UsageError("a test module lets polars work while it is imported: let a fixture do so")
        self._end_forks = share_forks()
        for _ in range(min(size, len(self._session.items))):
            self._fork()
        while self._hands:
            of = {hand.connection: hand for hand in self._hands}
            for connection in wait(list(of)):
                self._listen(of[connection])  # type: ignore[index]
            if self._session.shouldfail:
                raise self._session.Failed(self._session.shouldfail)
            if self._session.shouldstop:
                raise self._session.Interrupted(self._session.shouldstop)

    def end(self) -> None:
        """Whoever still runs one finishes it, finds nobody to ask, and goes."""
        for hand in self._hands:
            hand.connection.close()
        for hand in self._hands:
            hand.process.join()
        self._end_forks()

    def _fork(self, waiting: Iterable[int] = ()) -> None:
        ours, theirs = forking.Pipe()
        inherited = [ours, *(hand.connection for hand in self._hands)]
        process = forking.Process(target=_work, args=(self._session, self._forked, theirs, inherited))
        process.start()
        theirs.close()
        self._hands.append(Hand(self._forked, process, ours, deque(waiting)))
        self._forked += 1

    def _listen(self, hand: Hand) -> None:
        try:
            told, content = hand.connection.recv()
        except EOFError:
            self._gone(hand)
            return
        if told == "ask":
            index = self._next_of(hand)
            hand.connection.send(index)
            if index is not None:
                hand.asked.append(index)
        elif told == "started":
            self._hook.pytest_runtest_logstart(**content)
        elif told == "finished":
            hand.asked.popleft()
            self._hook.pytest_runtest_logfinish(**content)
        else:
            report = self._hook.pytest_report_from_serializable(config=self._session.config, data=content)
            self._hook.pytest_runtest_logreport(report=report)

    def _next_of(self, hand: Hand) -> int | None:
        if not hand.waiting and self._folders:
            hand.waiting = self._folders.popleft()
        if not hand.waiting:
            richest = max(self._hands, key=lambda other: len(other.waiting))
            tests = list(richest.waiting)
            cut = self._where_to_cut(tests)
            richest.waiting, hand.waiting = deque(tests[:cut]), deque(tests[cut:])
        return hand.waiting.popleft() if hand.waiting else None

    def _where_to_cut(self, tests: list[int]) -> int:
        """The middle, or the next module's beginning after it."""
        middle = len(tests) // 2
        paths = [self._session.items[index].path for index in tests]
        return next((cut for cut in range(max(middle, 1), len(tests)) if paths[cut] != paths[cut - 1]), middle)

    def _gone(self, hand: Hand) -> None:
        """It has nothing to do any more; or it died, and its test is to blame, and another does the rest."""
        self._hands.remove(hand)
        hand.connection.close()
        hand.process.join()
        if not hand.asked:
            return
        item = self._session.items[hand.asked.popleft()]
        text = f"the process that ran it ended with {hand.process.exitcode}"
        report = pytest.TestReport(item.nodeid, item.location, {}, "failed", text, "call")
        self._hook.pytest_runtest_logreport(report=report)
        self._fork([*hand.asked, *hand.waiting])


def _threads() -> set[str]:
    """What the threads of this process are called, where the system tells."""
    return {(thread / "comm").read_text().strip() for thread in Path("/proc/self/task").glob("*")}


def _work(
    session: pytest.Session, number: int, first: "Connection[Any, Any]", inherited: "Iterable[Connection[Any, Any]]"
) -> None:
    """What each of the others does."""
    for connection in inherited:
        connection.close()  # or it would not be seen that the first process is gone
    config = session.config
    config.pluginmanager.unregister(name="terminalreporter")
    config.pluginmanager.register(Teller(config, first))
    capture: Any = config.pluginmanager.getplugin("capturemanager")
    capture.stop_global_capturing()  # its files are everybody's
    capture.start_global_capturing()
    capture.suspend_global_capture()
    factory: Any = config._tmp_path_factory  # type: ignore[attr-defined]
    factory._basetemp = factory.getbasetemp() / f"hand{number}"
    factory._basetemp.mkdir(0o700)

    def ask() -> pytest.Item | None:
        first.send(("ask", None))
        index: int | None = first.recv()
        return None if index is None else session.items[index]

    try:
        item = ask()
        while item:
            following = ask()
            config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            item = following
    except (EOFError, OSError, KeyboardInterrupt, pytest.exit.Exception):  # the first process ends the run
        session._setupstate.teardown_exact(None)


class Teller:
    """Tells the first process what pytest tells its plugins here."""

    def __init__(self, config: pytest.Config, first: "Connection[Any, Any]") -> None:
        self._config = config
        self._first = first

    def pytest_runtest_logstart(self, nodeid: str, location: Location) -> None:
        self._first.send(("started", {"nodeid": nodeid, "location": location}))

    def pytest_runtest_logfinish(self, nodeid: str, location: Location) -> None:
        self._first.send(("finished", {"nodeid": nodeid, "location": location}))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        content = self._config.hook.pytest_report_to_serializable(config=self._config, report=report)
        self._first.send(("reported", content))
