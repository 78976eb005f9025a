"""The line in which posts wait for a transaction: shared under load, bounded, and finished before the end."""

import asyncio
import socket
import threading
from collections.abc import Callable, Coroutine, Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa

import web.inbox
from connectors import Callback
from invitations.events import Posted
from web.inbox import GROUP_BYTES, GROUP_POSTS, MOST_BYTES, Inbox, NoRoom, NotStored, WriterGone
from web.writer import as_frame, start_thread, write_on

pytestmark = pytest.mark.one_database

Answers = list[bool | BaseException]


def post(name: str) -> Posted:
    return Posted("p", Callback(()), name)


class Store:
    """Notes groups in the order in which they came; `gate` shut, the one at hand waits. `problem`: after the first."""

    def __init__(self, problem: Exception | None = None) -> None:
        self.groups: list[list[str]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.problem = problem
        self.sizes: list[int] = []
        self.start = partial(start_thread, lambda: nullcontext(self))
        self.inbox = Inbox(self.start, observe_group=lambda posts, seconds: self.sizes.append(posts))

    def __call__(self, posted: Sequence[Posted]) -> Sequence[bool]:
        names = [one.body_sha256 for one in posted]
        self.groups.append(names)
        assert self.gate.wait(20)
        if self.problem and names != ["first"]:
            raise self.problem
        if "bad" in names:
            raise ValueError("cannot be stored")
        return [name != "used" for name in names]

    async def take_all(self, names: Sequence[str], size: int = 1) -> Answers:
        return await asyncio.gather(*(self.inbox.take(post(name), size) for name in names), return_exceptions=True)

    async def take_in_turn(self, *turns: Sequence[str], size: int = 1) -> list[asyncio.Task[Answers]]:
        """Each turn posted once the one before was given to the writer, if that takes any more; `size`: of the last."""
        asked = []
        for names in turns:
            asked.append(asyncio.create_task(self.take_all(names, size if names is turns[-1] else 1)))
            for _ in range(5):  # steps of the event loop that it takes to be sent
                await asyncio.sleep(0)
        return asked

    def run(self, act: Callable[[], Coroutine[Any, Any, Answers]]) -> Answers:
        """What happens while the inbox is open, which ends well."""

        async def live() -> Answers:
            await self.inbox.open()
            answers = await act()
            await self.inbox.close()
            return answers

        return asyncio.run(live())


def held_back(store: Store, names: Sequence[str], size: int = 1) -> Answers:
    """The answers to posts that come while another is being written."""

    async def act() -> Answers:
        store.gate.clear()
        *_, rest = await store.take_in_turn(["first"], names, size=size)
        store.gate.set()
        return await rest

    return store.run(act)


def test_alone_a_post_waits_for_nobody() -> None:
    store = Store()

    async def act() -> Answers:
        return [await store.inbox.take(post(name), 1) for name in ("a", "b")]

    for _ in range(2):  # and an inbox that was closed may be opened again
        assert store.run(act) == [True, True]
    assert store.groups == [["a"], ["b"]] * 2


def test_what_comes_while_a_group_is_written_shares_the_next_one_and_each_gets_its_own_answer() -> None:
    store = Store()
    assert held_back(store, ["a", "used", "b"]) == [True, False, True]
    assert store.groups == [["first"], ["a", "used", "b"]]
    assert store.sizes == [1, 3]


def test_one_bad_post_fails_alone() -> None:
    a, bad, b = held_back(Store(), ["a", "bad", "b"])
    assert (a, b) == (True, True)
    assert isinstance(bad, NotStored)
    assert str(bad) == "ValueError"


def test_a_ledger_that_takes_nothing_is_not_asked_for_every_post() -> None:
    store = Store(sa.exc.OperationalError("insert", {}, OSError("disk full")))
    answers = held_back(store, [str(n) for n in range(50)])
    assert {str(answer) for answer in answers} == {"OperationalError"}
    assert len(store.groups) == 5  # the first, the fifty, and three of those alone


def test_groups_are_no_larger_than_a_transaction_should_be() -> None:
    store = Store()
    assert held_back(store, [str(n) for n in range(GROUP_POSTS + 1)]) == [True] * (GROUP_POSTS + 1)
    assert held_back(store, ["a", "b", "c"], GROUP_BYTES // 2 + 1) == [True] * 3
    assert max(map(len, store.groups)) == GROUP_POSTS
    assert store.groups[-3:] == [["a"], ["b"], ["c"]]


def test_beyond_a_depth_posts_are_told_to_come_again_and_memory_has_an_end() -> None:
    store = Store()
    answers = held_back(store, [str(n) for n in range(20)], MOST_BYTES // 8)
    assert answers[:8] == [True] * 8
    assert all(isinstance(answer, NoRoom) for answer in answers[8:])
    assert store.inbox.depth() == 0


def test_what_a_writer_had_when_it_died_may_come_again_and_the_next_writer_stores_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(web.inbox, "_LIVED", 0.0)
    ours, theirs = socket.socketpair()
    theirs.sendall(as_frame(1))  # it says that it is there, and nothing after
    store, lost = Store(), list[int]()
    lines = [ours]
    store.inbox = Inbox(lambda: lines.pop() if lines else store.start(), note_loss=lambda: lost.append(1))

    async def act() -> Answers:
        asked = await store.take_in_turn(["a", "b"], ["c", "d"])
        theirs.close()
        return [answer for turn in asked for answer in await turn]

    assert [type(answer) for answer in store.run(act)] == [WriterGone, WriterGone, bool, bool]
    assert store.groups == [["c", "d"]]
    assert lost == [1]


def test_a_writer_stores_what_has_come_though_who_sent_it_is_dead() -> None:
    ours, theirs = socket.socketpair()
    frames = [as_frame([post(name)]) for name in "abc"]
    ours.sendall(b"".join(frames)[:-1])  # killed in the middle of the third
    ours.close()
    store = Store()
    write_on(theirs, lambda: nullcontext(store))
    assert store.groups == [["a"], ["b"]]


def test_what_was_taken_is_stored_before_the_end_and_nothing_is_taken_after_it() -> None:
    store = Store()

    async def act() -> Answers:
        store.gate.clear()
        waiting = asyncio.create_task(store.take_all(["a", "b", "c"]))
        while not store.groups:
            await asyncio.sleep(0)
        closing = asyncio.create_task(store.inbox.close())
        await asyncio.sleep(0)
        store.gate.set()
        await closing
        assert isinstance((await store.take_all(["late"]))[0], NoRoom)
        return await waiting

    assert store.run(act) == [True] * 3
    assert sorted(name for group in store.groups for name in group) == ["a", "b", "c"]
