"""A policy is never edited: each change is a new version, from now or from a day that the file names."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from data.ledger import tables as t
from data.ledger.accounts import AccountChangeRefused
from data.ledger.store import Ledger
from invitations.policy import Policy, read_policy
from tests.data.accounts import NOW, applied, sample, with_policy

FIRST_OF_DECEMBER = datetime(2026, 12, 1, 5, 0, tzinfo=UTC)  # midnight in New York


def versions(ledger: Ledger) -> list[tuple[int, datetime]]:
    with ledger.read() as c:
        rows = c.execute(sa.select(t.policies).order_by(t.policies.c.version)).all()
    return [(row.version, row.effective_at) for row in rows]


def cap_in_force(ledger: Ledger, at: datetime) -> int:
    with ledger.read() as c:
        account_id = c.execute(sa.select(t.accounts.c.account_id)).scalar_one()
        return read_policy(c, account_id, at)[1].cap_days


@pytest.mark.slow
def test_the_whole_policy_is_kept_tables_included_and_the_same_file_writes_nothing(ledger: Ledger) -> None:
    applied(ledger, sample())
    with ledger.read() as c:
        rules = c.execute(sa.select(t.policies.c.rules)).scalar_one()
    assert rules == Policy.load(sample().policy.document()).document()
    assert {row["country"] for row in rules["consent"]} == {"US", "CA", "DE", "*"}
    assert rules["cap_days"] == 90
    assert applied(ledger, sample(), now=NOW + timedelta(days=400)) == []


def test_the_first_policy_holds_for_every_moment_before_it_too(ledger: Ledger) -> None:
    applied(ledger, sample())
    assert versions(ledger)[0][1] < NOW - timedelta(days=9999)


@pytest.mark.one_database
@pytest.mark.slow
def test_a_changed_policy_is_a_new_version_that_takes_effect_now(ledger: Ledger) -> None:
    applied(ledger, sample())
    file = with_policy(cap_days=60, stop_when=["clicked"])
    assert applied(ledger, file) == ["Created policy, version 2: stop_when, cap_days changed"]
    assert versions(ledger)[1:] == [(2, NOW)]
    assert cap_in_force(ledger, NOW - timedelta(seconds=1)) == 90
    assert cap_in_force(ledger, NOW) == 60
    assert applied(ledger, file) == []


@pytest.mark.one_database
@pytest.mark.slow
def test_a_change_may_wait_for_a_day_in_the_accounts_zone(ledger: Ledger) -> None:
    applied(ledger, sample())
    file = with_policy(cap_days=60, effective_on=date(2026, 12, 1))
    assert applied(ledger, file) == ["Created policy, version 2: cap_days changed; in effect from 2026-12-01"]
    assert cap_in_force(ledger, FIRST_OF_DECEMBER - timedelta(seconds=1)) == 90
    assert cap_in_force(ledger, FIRST_OF_DECEMBER) == 60
    for later in (NOW, FIRST_OF_DECEMBER, FIRST_OF_DECEMBER + timedelta(days=30)):
        assert applied(ledger, file, now=later) == []


@pytest.mark.parametrize(
    ("policy", "effective_at"),
    [
        ({"cap_days": 30}, NOW),  # something else, at once
        ({"cap_days": 60}, NOW),  # the same, but at once
        ({"cap_days": 60, "effective_on": date(2026, 12, 15)}, FIRST_OF_DECEMBER + timedelta(days=14)),  # put off
        ({"cap_days": 90}, NOW),  # as it was
    ],
)
@pytest.mark.one_database
@pytest.mark.slow
def test_a_version_that_still_waits_is_taken_back_by_the_next(
    ledger: Ledger, policy: dict[str, Any], effective_at: datetime
) -> None:
    applied(ledger, sample())
    applied(ledger, with_policy(cap_days=60, effective_on=date(2026, 12, 1)))
    changes = applied(ledger, with_policy(**policy))
    assert changes[0] == "Took back policy, version 2, which was not in effect yet"
    assert [version for version, _ in versions(ledger)] == [1, 3]
    assert versions(ledger)[1][1] == effective_at
    assert cap_in_force(ledger, FIRST_OF_DECEMBER + timedelta(days=60)) == policy["cap_days"]
    assert applied(ledger, with_policy(**policy)) == []


@pytest.mark.one_database
def test_today_is_no_day_of_the_past(ledger: Ledger) -> None:
    applied(ledger, sample())
    applied(ledger, with_policy(cap_days=60, effective_on=date(2026, 11, 23)))
    assert versions(ledger)[1] == (2, NOW)


@pytest.mark.one_database
def test_a_day_of_the_past_is_refused_and_nothing_is_written(ledger: Ledger) -> None:
    applied(ledger, sample())
    with pytest.raises(AccountChangeRefused, match=r"2026-11-22, which is past.*cap_days changed.*Name a day to come"):
        applied(ledger, with_policy(cap_days=60, effective_on=date(2026, 11, 22)))
    assert len(versions(ledger)) == 1


@pytest.mark.one_database
def test_the_first_policy_cannot_wait(ledger: Ledger) -> None:
    with pytest.raises(AccountChangeRefused, match="first policy"):
        applied(ledger, with_policy(effective_on=date(2026, 12, 1)))


@pytest.mark.one_database
def test_an_upgrade_that_brings_another_table_writes_one_version_that_says_which(ledger: Ledger) -> None:
    rules = Policy.load(sample().policy.document()).document()
    applied(ledger, sample(), rules=rules | {"consent": rules["consent"][1:]})
    assert applied(ledger, sample()) == [
        "Created policy, version 2: consent (the table that comes with Afterword) changed"
    ]
    assert applied(ledger, sample()) == []


@pytest.mark.one_database
def test_a_policy_written_before_tables_were_kept_is_written_out_once(ledger: Ledger) -> None:
    applied(ledger, sample(), rules={"quiet_hours": {"opens": "08:00", "closes": "21:00"}})
    assert len(applied(ledger, sample())) == 1
    assert applied(ledger, sample()) == []
