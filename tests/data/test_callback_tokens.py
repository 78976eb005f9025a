"""A token that a provider signed is good for one body."""

from concurrent.futures import ThreadPoolExecutor

import sqlalchemy as sa

from data.ledger import tables as t
from data.ledger.callback_tokens import Claim, claim_tokens
from data.ledger.store import Ledger


def claim(ledger: Ledger, *posts: tuple[str, str], provider: str = "mailgun") -> list[bool]:
    with ledger.write() as connection:
        return claim_tokens(connection, [Claim(provider, token, body) for token, body in posts])


def test_a_token_is_good_for_the_body_it_came_with_first_and_for_no_other(ledger: Ledger) -> None:
    assert claim(ledger, ("one", "a"), ("two", "b")) == [True, True]
    assert claim(ledger, ("one", "a"), ("one", "b"), ("two", "a"), ("three", "c")) == [True, False, False, True]
    assert claim(ledger, ("four", "a"), ("four", "b"), ("four", "a")) == [True, False, True]  # in one group
    assert claim(ledger, ("one", "b"), provider="another") == [True]
    assert claim(ledger) == []


def test_tokens_of_any_length_are_kept_and_none_can_be_read_back(ledger: Ledger) -> None:
    assert claim(ledger, ("f" * 5_000, "a"), ("é\x00", "b")) == [True, True]
    assert claim(ledger, ("f" * 5_000, "b")) == [False]
    with ledger.read() as connection:
        tokens = connection.execute(sa.select(t.callback_tokens.c.token)).scalars().all()
    assert {len(token) for token in tokens} == {64}


def test_of_many_who_bring_a_token_at_once_one_has_it(ledger: Ledger) -> None:
    with ThreadPoolExecutor(4) as pool:
        taken = list(pool.map(lambda body: claim(ledger, ("one", body), (body, body)), "abcdefgh"))
    assert sorted(first for first, _ in taken) == [False] * 7 + [True]
    assert all(own for _, own in taken)
