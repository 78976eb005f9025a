"""An account file brought into the ledger: once, and again, and changed."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from data.account_file import AccountFile, load_account_file
from data.ledger import tables as t
from data.ledger.accounts import AccountChangeRefused, apply_account, the_account
from data.ledger.store import Ledger
from data.words import Channel

SAMPLE = Path(__file__).parents[2] / "data" / "samples" / "account.toml"
NOW = datetime(2026, 11, 23, 18, 0, tzinfo=UTC)


def sample(**account: Any) -> AccountFile:
    """The sample, with fields of [account] changed."""
    file = load_account_file(SAMPLE)
    return file.model_copy(update={"account": file.account.model_copy(update=account)})


def counts(ledger: Ledger) -> dict[str, int]:
    with ledger.read() as c:
        return {
            table.name: c.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
            for table in t.metadata.sorted_tables
        }


def test_a_ledger_without_an_account_says_which_command_makes_one(ledger: Ledger) -> None:
    with ledger.read() as c, pytest.raises(LookupError, match="afterword init"):
        the_account(c)


def test_the_first_time_everything_is_created_and_told(ledger: Ledger) -> None:
    changes = apply_account(ledger, sample(), now=NOW)
    assert 'Created account "Harbor & Pine Dental"' in changes
    assert 'Created location "chicago"' in changes
    made = counts(ledger)
    assert (made["locations"], made["users"], made["platforms"], made["templates"]) == (3, 5, 9, 4)
    assert (made["sequences"], made["sequence_steps"], made["policies"]) == (1, 3, 1)
    assert made["audit"] == len(changes)
    with ledger.read() as c:
        assert the_account(c).slug == "harbor-and-pine"
        enabled = c.execute(sa.select(t.channels.c.channel).where(t.channels.c.is_enabled).distinct()).scalars()
        assert set(enabled) == {Channel.SMS, Channel.EMAIL}


def test_the_first_policy_holds_for_every_moment_before_it_too(ledger: Ledger) -> None:
    apply_account(ledger, sample(), now=NOW)
    with ledger.read() as c:
        assert c.execute(sa.select(t.policies.c.effective_at)).scalar_one() < NOW - timedelta(days=9999)


def test_the_second_time_nothing_changes(ledger: Ledger) -> None:
    apply_account(ledger, sample(), now=NOW)
    before = counts(ledger)
    assert apply_account(ledger, sample(), now=NOW + timedelta(hours=1)) == []
    assert counts(ledger) == before


def test_only_what_differs_is_written_and_told_and_audited(ledger: Ledger) -> None:
    apply_account(ledger, sample(), now=NOW)
    file = sample()
    boston = file.locations[0].model_copy(update={"color": "#112233"})
    file = file.model_copy(update={"locations": [boston, *file.locations[1:]]})
    before = counts(ledger)
    assert apply_account(ledger, file, now=NOW) == ['Changed location "boston": color from #0F766E to #112233']
    assert counts(ledger) == before | {"audit": before["audit"] + 1}
    with ledger.read() as c:
        audited = c.execute(sa.select(t.audit).order_by(t.audit.c.audit_id.desc())).first()
    assert audited is not None
    assert (audited.before, audited.after) == ({"color": "#0F766E"}, {"color": "#112233"})


def test_a_changed_text_is_a_new_version_and_the_old_one_stays(ledger: Ledger) -> None:
    apply_account(ledger, sample(), now=NOW)
    file = sample()
    first = file.templates[0].model_copy(update={"body": "Hello {{ first_name }}! {{ link }}"})
    file = file.model_copy(update={"templates": [first, *file.templates[1:]]})
    assert apply_account(ledger, file, now=NOW) == ['Created template "first-ask" for sms (en), version 2']
    with ledger.read() as c:
        rows = c.execute(
            sa.select(t.templates.c.version, t.templates.c.body)
            .where(t.templates.c.slug == "first-ask", t.templates.c.channel == Channel.SMS)
            .order_by(t.templates.c.version)
        ).all()
    assert [row.version for row in rows] == [1, 2]
    assert "How was your visit" in rows[0].body


def test_a_changed_sequence_is_a_new_version(ledger: Ledger) -> None:
    apply_account(ledger, sample(), now=NOW)
    file = sample()
    shorter = file.sequence.model_copy(update={"steps": file.sequence.steps[:2]})
    file = file.model_copy(update={"sequence": shorter})
    assert apply_account(ledger, file, now=NOW) == ['Created sequence "default", version 2']
    assert apply_account(ledger, file, now=NOW) == []


def test_a_changed_policy_is_a_new_version_that_takes_effect_now(ledger: Ledger) -> None:
    apply_account(ledger, sample(), now=NOW)
    file = sample()
    hours = file.policy.quiet_hours.model_copy(update={"opens": "09:00"})
    file = file.model_copy(update={"policy": file.policy.model_copy(update={"quiet_hours": hours})})
    assert apply_account(ledger, file, now=NOW) == ["Created policy, version 2"]
    with ledger.read() as c:
        newest = c.execute(sa.select(t.policies).order_by(t.policies.c.version.desc())).first()
    assert newest is not None
    assert newest.effective_at == NOW
    assert newest.rules["quiet_hours"]["opens"] == "09:00"


def test_a_platform_taken_out_of_the_file_is_no_longer_shown(ledger: Ledger) -> None:
    apply_account(ledger, sample(), now=NOW)
    file = sample()
    boston = file.locations[0].model_copy(update={"platforms": file.locations[0].platforms[:2]})
    file = file.model_copy(update={"locations": [boston, *file.locations[1:]]})
    assert apply_account(ledger, file, now=NOW) == [
        'Changed platform "trustpilot" of "boston": is_visible from yes to no'
    ]


def test_a_user_moved_to_other_locations_sees_those(ledger: Ledger) -> None:
    apply_account(ledger, sample(), now=NOW)
    file = sample()
    users = [
        user.model_copy(update={"locations": ["chicago"]}) if user.name == "Tomás Rivera" else user
        for user in file.users
    ]
    [change] = apply_account(ledger, file.model_copy(update={"users": users}), now=NOW)
    assert "locations from los-angeles to chicago" in change


def test_a_file_of_another_account_is_refused(ledger: Ledger) -> None:
    apply_account(ledger, sample(), now=NOW)
    with pytest.raises(AccountChangeRefused, match="harbor-and-pine"):
        apply_account(ledger, sample(slug="other"), now=NOW)


def with_cycle(ledger: Ledger, *, allowance: int, used: int) -> None:
    with ledger.write() as c:
        c.execute(
            t.quota_cycles.insert().values(
                account_id=the_account(c).account_id,
                cycle_start_date=date(2026, 11, 1),
                cycle_end_date=date(2026, 12, 1),
                allowance=allowance,
                used=used,
            )
        )


def allowance(ledger: Ledger) -> int:
    with ledger.read() as c:
        return int(c.execute(sa.select(t.quota_cycles.c.allowance)).scalar_one())


def test_a_bigger_plan_counts_in_the_cycle_that_runs_and_boosts_stay(ledger: Ledger) -> None:
    apply_account(ledger, sample(), now=NOW)
    with_cycle(ledger, allowance=500, used=100)  # 450 of the plan and a boost of 50
    changes = apply_account(ledger, sample(invitations_per_cycle=600), now=NOW)
    assert allowance(ledger) == 650
    assert any("allowance from 500 to 650" in change for change in changes)


def test_a_plan_below_what_is_used_is_refused_in_words_and_nothing_is_written(ledger: Ledger) -> None:
    apply_account(ledger, sample(), now=NOW)
    with_cycle(ledger, allowance=450, used=300)
    before = counts(ledger)
    with pytest.raises(AccountChangeRefused, match="300 invitations of this cycle are used"):
        apply_account(ledger, sample(invitations_per_cycle=200, name="Another name"), now=NOW)
    assert counts(ledger) == before
    assert allowance(ledger) == 450
