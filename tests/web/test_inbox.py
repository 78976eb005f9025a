"""The line in which posts wait for a transaction: shared under load, bounded, and finished before the end."""

import asyncio
import threading
from collections.abc import Sequence

import pytest
import sqlalchemy as sa

from connectors import Callback
from invitations.events import Posted
from web.inbox import GROUP_BYTES, GROUP_POSTS, MOST_BYTES, Inbox, NoRoom

pytestmark = pytest.mark.one_database


def post(name: str) -> Posted:
    return Posted("p", Callback(()), name)


class Store:
    """Notes groups in the order in which they came; `gate` shut, the one at hand waits. `problem`: after the first."""

    def __init__(self, problem: Exception | None = None) -> None:
        self.groups: list[list[str]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.problem = problem

    def __call__(self, posted: Sequence[Posted]) -> Sequence[bool]:
        names = [one.body_sha256 for one in posted]
        self.groups.append(names)
        assert self.gate.wait(20)
        if self.problem and names != ["first"]:
            raise self.problem
        if "bad" in names:
            raise ValueError("cannot be stored")
        return [name != "used" for name in names]


async def all_of(inbox: Inbox, names: Sequence[str], size: int = 1) -> list[bool | BaseException]:
    return await asyncio.gather(*(inbox.take(post(name), size) for name in names), return_exceptions=True)


def held_back(store: Store, inbox: Inbox, names: Sequence[str], size: int = 1) -> list[bool | BaseException]:
    """The answers to posts that come while the first group is being written."""

    async def act() -> list[bool | BaseException]:
        store.gate.clear()
        before = len(store.groups)
        first = asyncio.create_task(inbox.take(post("first"), 1))
        while len(store.groups) == before:
            await asyncio.sleep(0)
        rest = asyncio.create_task(all_of(inbox, names, size))
        while inbox.depth() < min(len(names), 1):
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        store.gate.set()
        assert await first
        return await rest

    return asyncio.run(act())


def test_alone_a_post_waits_for_nobody() -> None:
    store = Store()
    inbox = Inbox(store)
    for name in ("a", "b"):
        assert asyncio.run(inbox.take(post(name), 1))
    assert store.groups == [["a"], ["b"]]
    inbox.close()


def test_what_comes_while_a_group_is_written_shares_the_next_one_and_each_gets_its_own_answer() -> None:
    store = Store()
    sizes: list[int] = []
    inbox = Inbox(store, observe_group=lambda posts, seconds: sizes.append(posts))
    assert held_back(store, inbox, ["a", "used", "b"]) == [True, False, True]
    inbox.close()
    assert store.groups == [["first"], ["a", "used", "b"]]
    assert sizes == [1, 3]


def test_one_bad_post_fails_alone() -> None:
    store = Store()
    inbox = Inbox(store)
    a, bad, b = held_back(store, inbox, ["a", "bad", "b"])
    inbox.close()
    assert (a, b) == (True, True)
    assert isinstance(bad, ValueError)


def test_a_ledger_that_takes_nothing_is_not_asked_for_every_post() -> None:
    store = Store(sa.exc.OperationalError("insert", {}, OSError("disk full")))
    inbox = Inbox(store)
    answers = held_back(store, inbox, [str(n) for n in range(50)])
    inbox.close()
    assert all(isinstance(answer, sa.exc.OperationalError) for answer in answers)
    assert len(store.groups) == 5  # the first, the fifty, and three of those alone


def test_groups_are_no_larger_than_a_transaction_should_be() -> None:
    store = Store()
    inbox = Inbox(store)
    assert held_back(store, inbox, [str(n) for n in range(GROUP_POSTS + 1)]) == [True] * (GROUP_POSTS + 1)
    assert held_back(store, inbox, ["a", "b", "c"], GROUP_BYTES // 2 + 1) == [True] * 3
    inbox.close()
    assert max(map(len, store.groups)) == GROUP_POSTS
    assert store.groups[-3:] == [["a"], ["b"], ["c"]]


def test_beyond_a_depth_posts_are_told_to_come_again_and_memory_has_an_end() -> None:
    store = Store()
    inbox = Inbox(store)
    answers = held_back(store, inbox, [str(n) for n in range(20)], MOST_BYTES // 8)
    inbox.close()
    assert answers[:8] == [True] * 8
    assert all(isinstance(answer, NoRoom) for answer in answers[8:])
    assert inbox.depth() == 0


def test_what_was_taken_is_stored_before_the_end_and_nothing_is_taken_after_it() -> None:
    store = Store()
    inbox = Inbox(store)

    async def act() -> list[bool | BaseException]:
        store.gate.clear()
        waiting = asyncio.create_task(all_of(inbox, ["a", "b", "c"]))
        while not store.groups:
            await asyncio.sleep(0)
        closing = asyncio.create_task(asyncio.to_thread(inbox.close))
        await asyncio.sleep(0)
        store.gate.set()
        await closing
        assert isinstance((await all_of(inbox, ["late"]))[0], NoRoom)
        return await waiting

    assert asyncio.run(act()) == [True] * 3
    assert sorted(name for group in store.groups for name in group) == ["a", "b", "c"]
