"""Many threads, one transaction: each caller waits until its own change is durable, and shares the commit."""

from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Any, TypeVar, cast

from sqlalchemy.engine import Connection

from data.ledger.store import Ledger, again_if_undone

T = TypeVar("T")


@dataclass(slots=True)
class _Ticket:
    change: Callable[[Connection], Any]
    is_done: bool = False
    result: Any = None
    problem: BaseException | None = None


class GroupCommit:
    """Runs changes in shared write transactions. Whoever comes first commits for all who wait behind.

    At one caller it costs what a transaction costs; at many, a commit is shared by as many as queued up meanwhile.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._turn = Lock()
        self._list = Lock()
        self._waiting: list[_Ticket] = []

    def run(self, change: Callable[[Connection], T]) -> T:
        """Run `change` and return its result once it is committed; its exception, if it raised one."""
        ticket = _Ticket(change)
        with self._list:
            self._waiting.append(ticket)
        with self._turn:
            if not ticket.is_done:
                with self._list:
                    tickets, self._waiting = self._waiting, []
                self._commit(tickets)
        if ticket.problem is not None:
            raise ticket.problem
        return cast(T, ticket.result)

    def _commit(self, tickets: list[_Ticket]) -> None:
        try:
            results = self._write(tickets)
        except Exception as problem:  # noqa: BLE001  (goes to the caller whose change it was)
            if len(tickets) == 1:
                tickets[0].problem, tickets[0].is_done = problem, True
                return
            for ticket in tickets:  # one bad change must not take the others along
                self._commit([ticket])
            return
        for ticket, result in zip(tickets, results, strict=True):
            ticket.result, ticket.is_done = result, True

    @again_if_undone
    def _write(self, tickets: list[_Ticket]) -> list[Any]:
        with self._ledger.write() as connection:
            return [ticket.change(connection) for ticket in tickets]
