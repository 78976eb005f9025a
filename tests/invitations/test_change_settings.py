"""Settings changed by hand: by the rules of the account's file, audited, versioned, saying when they take effect."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from data.account_file import check_document
from data.ledger import tables as t
from data.ledger.account_export import account_document
from data.ledger.accounts import AccountChangeRefused, apply_account
from data.ledger.store import Ledger
from data.words import JobKind, Role
from invitations.actor import Actor, Answer, Done, Refused
from invitations.change_settings import Edit, change_settings
from invitations.policy import Policy
from invitations.settings_effect import Table
from tests.data.accounts import NOW, applied, sample

OWNER = "nora.lindqvist@harborandpine.example.com"
ADMIN = "samir.haddad@harborandpine.example.com"


@pytest.fixture
def account(ledger: Ledger) -> Ledger:
    """A ledger with the sample account, as its file made it."""
    applied(ledger, sample())
    return ledger


def document(ledger: Ledger) -> dict[str, Any]:
    with ledger.read() as c:
        return account_document(c, NOW)


def entry(ledger: Ledger, table: Table, *key: str) -> dict[str, Any]:
    part = document(ledger)[table.value]
    if isinstance(part, dict):
        return dict(part)
    names = (
        ("slug", "channel", "language")
        if table is Table.TEMPLATES
        else ("email",)
        if table is Table.USERS
        else ("slug",)
    )
    return next(dict(row) for row in part if tuple(row[name] for name in names) == key)


def change(ledger: Ledger, table: Table, *key: str, by: str = OWNER, role: Role = Role.OWNER, **values: Any) -> Answer:
    """Change some fields of one table, as a form does that was just drawn."""
    edit = Edit(table, key, entry(ledger, table, *key), values)
    return change_settings(ledger, Actor(by, role, 1), [edit], now=NOW)


def audited(ledger: Ledger, by: str = OWNER) -> list[tuple[str, Mapping[str, Any] | None, Mapping[str, Any] | None]]:
    a = t.audit.c
    with ledger.read() as c:
        rows = c.execute(sa.select(a.subject, a.before, a.after).where(a.actor == by).order_by(a.audit_id))
        return [(row.subject, row.before, row.after) for row in rows]


def test_the_account_written_out_and_applied_again_changes_nothing(account: Ledger) -> None:
    written = document(account)
    assert written["locations"][2]["sequence"] == "one-reminder"
    assert [step["delay"] for step in written["sequences"][0]["steps"]] == ["immediately", "3 days", "7 days"]
    file = check_document(written)
    rules = Policy.load(file.policy.document()).document()
    assert apply_account(account, file, rules=rules, now=NOW + timedelta(days=1)) == []


def test_a_locations_page_changes_at_once_with_before_and_after_in_the_audit_and_a_planning_pass(
    account: Ledger,
) -> None:
    answer = change(account, Table.LOCATIONS, "boston", color="#112233", page="direct", page_platform="google")
    assert answer == Done(
        "Saved. Customers' pages change at once, for links that are out as well. "
        "Customers' pages and new emails change at once."
    )
    assert audited(account) == [
        (
            'location "boston"',
            {"color": "#0F766E", "page_platform": None, "page_mode": "score"},
            {"color": "#112233", "page_platform": "google", "page_mode": "direct"},
        )
    ]
    with account.read() as c:
        assert [(row.kind, row.asked_by) for row in c.execute(sa.select(t.jobs))] == [(JobKind.PLAN, OWNER)]


@pytest.mark.parametrize(
    ("table", "key", "values", "said"),
    [
        (Table.LOCATIONS, ("boston",), {"page": "direct"}, "leads straight to one platform"),
        (Table.LOCATIONS, ("boston",), {"color": "red"}, "key \"color\": found 'red'"),
        (Table.LOCATIONS, ("boston",), {"channels": ["sms"]}, "nobody would ever get it"),
        (Table.TEMPLATES, ("reminder", "email", "en"), {"body": "Give us 5 stars: {{ link }}"}, "Ask everybody alike"),
        (Table.TEMPLATES, ("reminder", "email", "en"), {"body": "{{ secret }} {{ link }}"}, "the template uses secret"),
        (Table.POLICY, (), {"cap_days": 5}, "a second ask could start while its follow-ups still run"),
        (Table.POLICY, (), {"min_score": 9}, "review gating"),
        (Table.ACCOUNT, (), {"time_zone": "Mars"}, "tz database"),
        (Table.USERS, (OWNER,), {"locations": ["paris"]}, 'found "paris", expected one of'),
    ],
)
@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_what_the_accounts_file_may_not_say_is_refused_here_in_the_same_words_and_nothing_is_written(
    account: Ledger, table: Table, key: tuple[str, ...], values: dict[str, Any], said: str
) -> None:
    before = document(account)
    answer = change(account, table, *key, **values)
    assert isinstance(answer, Refused)
    assert said in answer.reason
    assert document(account) == before
    assert audited(account) == []


@pytest.mark.slow
def test_a_changed_text_sequence_and_policy_are_new_versions_and_each_says_for_whom_it_holds(account: Ledger) -> None:
    text = change(account, Table.TEMPLATES, "reminder", "email", "en", body="Still curious: {{ link }}")
    assert "messages still queued get it within minutes" in str(text)
    steps = [*entry(account, Table.SEQUENCES, "default")["steps"]]
    steps[1] = steps[1] | {"delay": "4 days"}
    assert "those under way go on as they began" in str(change(account, Table.SEQUENCES, "default", steps=steps))
    assert "Meta has approved" in str(
        change(account, Table.TEMPLATES, "first-ask", "whatsapp", "en", category="marketing")
    )
    assert "holds at once" in str(change(account, Table.POLICY, cap_days=120))
    day = date(2026, 12, 1)
    assert "from 1 December 2026" in str(change(account, Table.POLICY, cap_days=100, effective_on=day))
    assert "Saved" in str(change(account, Table.ACCOUNT, link_days=90))  # the policy that waits goes on waiting
    with account.read() as c:
        versions = c.execute(sa.select(t.policies.c.version, t.policies.c.rules).order_by(t.policies.c.version)).all()
        assert [(row.version, row.rules["cap_days"]) for row in versions] == [(1, 90), (2, 120), (3, 100)]
        assert c.execute(sa.select(sa.func.max(t.sequences.c.version))).scalar() == 2
    assert entry(account, Table.POLICY)["effective_on"] == day
    assert [subject for subject, _, _ in audited(account)] == [
        'template "reminder" for email (en), version 2', 'sequence "default", version 2', 'location "boston"',
        'location "chicago"', 'template "first-ask" for whatsapp (en), version 2', "policy, version 2",
        "policy, version 3", 'account "Harbor & Pine Dental"',
    ]  # fmt: skip


def test_several_changes_are_made_together_or_not_at_all(account: Ledger) -> None:
    steps = entry(account, Table.SEQUENCES, "default")["steps"][:2]
    boston = entry(account, Table.LOCATIONS, "boston")
    new = Edit(Table.SEQUENCES, ("boston-only",), None, {"steps": steps})
    owner = Actor(OWNER, Role.OWNER, 1)
    wrong = Edit(Table.LOCATIONS, ("boston",), boston, {"sequence": "boston-alone"})
    assert isinstance(change_settings(account, owner, [new, wrong], now=NOW), Refused)
    right = Edit(Table.LOCATIONS, ("boston",), boston, {"sequence": "boston-only"})
    assert isinstance(change_settings(account, owner, [new, right], now=NOW), Done)
    assert [one["slug"] for one in document(account)["sequences"]] == ["default", "one-reminder", "boston-only"]
    taken = change_settings(account, owner, [new], now=NOW)
    assert "already" in str(taken)


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_a_form_that_somebody_else_overtook_writes_nothing_over_their_change(account: Ledger) -> None:
    seen = entry(account, Table.LOCATIONS, "boston")
    change(account, Table.LOCATIONS, "boston", by=ADMIN, role=Role.ADMIN, color="#112233", name="Boston Harbor")
    owner = Actor(OWNER, Role.OWNER, 1)
    late = change_settings(
        account, owner, [Edit(Table.LOCATIONS, ("boston",), seen, seen | {"color": "#445566"})], now=NOW
    )
    assert "Somebody else has just changed this" in str(late)
    other = change_settings(
        account, owner, [Edit(Table.LOCATIONS, ("boston",), seen, seen | {"language": "es"})], now=NOW
    )
    assert isinstance(other, Done)
    assert entry(account, Table.LOCATIONS, "boston")["name"] == "Boston Harbor"
    assert "Nothing differs" in str(change(account, Table.LOCATIONS, "boston", language="es"))


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_a_fault_that_stood_before_does_not_keep_other_settings_from_being_changed(account: Ledger) -> None:
    with account.write() as c:  # as an upgrade leaves it that refuses a text it took before
        c.execute(t.templates.update().where(t.templates.c.slug == "reminder").values(body="5 stars? {{ link }}"))
    assert isinstance(change(account, Table.LOCATIONS, "boston", color="#112233"), Done)
    still = change(account, Table.TEMPLATES, "last-reminder", "email", "en", body="5 stars, please: {{ link }}")
    assert "last-reminder" in str(still)


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
@pytest.mark.parametrize("role", [Role.MANAGER, Role.VIEWER, Role.AGENCY_CLIENT])
def test_only_owners_and_admins_change_settings(account: Ledger, role: Role) -> None:
    assert "cannot change settings" in str(change(account, Table.LOCATIONS, "boston", role=role, color="#112233"))
    assert "cannot change users" in str(change(account, Table.USERS, ADMIN, role=role, name="Sam"))


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_who_looks_after_one_location_changes_that_one_only(account: Ledger) -> None:
    with account.read() as c:
        boston = c.execute(sa.select(t.locations.c.location_id).where(t.locations.c.slug == "boston")).scalar_one()
    admin = Actor(ADMIN, Role.ADMIN, 1, frozenset({boston}))
    for table, key, values, is_done in (
        (Table.LOCATIONS, ("boston",), {"color": "#112233"}, True),
        (Table.LOCATIONS, ("chicago",), {"color": "#112233"}, False),
        (Table.POLICY, (), {"cap_days": 120}, False),
        (Table.USERS, (ADMIN,), {"locations": []}, False),
    ):
        answer = change_settings(account, admin, [Edit(table, key, entry(account, table, *key), values)], now=NOW)
        assert isinstance(answer, Done) is is_done


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
@pytest.mark.parametrize("bought", [{"plan": "scale"}, {"invitations_per_cycle": 99_999}, {"cycle_anchor_day": 2}])
def test_what_was_bought_is_not_changed_by_whoever_changes_settings(account: Ledger, bought: dict[str, Any]) -> None:
    before = entry(account, Table.ACCOUNT)
    assert "What was bought" in str(change(account, Table.ACCOUNT, **bought))
    assert entry(account, Table.ACCOUNT) == before


@pytest.mark.slow
def test_users_come_and_go_but_the_last_owner_stays_and_only_an_owner_makes_owners(account: Ledger) -> None:
    new = {"name": "Kim Vega", "role": "manager", "locations": ["boston"]}
    kim = ("kim.vega@harborandpine.example.com",)
    admin, owner = Actor(ADMIN, Role.ADMIN, 1), Actor(OWNER, Role.OWNER, 1)
    assert isinstance(change_settings(account, admin, [Edit(Table.USERS, kim, None, new)], now=NOW), Done)
    promotion = Edit(Table.USERS, kim, entry(account, Table.USERS, *kim), {"role": "owner"})
    assert "Only an owner" in str(change_settings(account, admin, [promotion], now=NOW))
    limit = Edit(Table.USERS, (OWNER,), entry(account, Table.USERS, OWNER), {"locations": ["boston"]})
    assert "Only an owner" in str(change_settings(account, admin, [limit], now=NOW))
    assert isinstance(change(account, Table.USERS, OWNER, by=ADMIN, role=Role.ADMIN, name="Nora L."), Done)
    assert isinstance(change(account, Table.USERS, OWNER, name="Nora Lindqvist"), Done)
    removal = Edit(Table.USERS, (OWNER,), entry(account, Table.USERS, OWNER), None)
    assert "Only an owner" in str(change_settings(account, admin, [removal], now=NOW))
    assert "last owner" in str(change_settings(account, owner, [removal], now=NOW))
    demotion = Edit(Table.USERS, (OWNER,), entry(account, Table.USERS, OWNER), {"role": "admin"})
    assert "last owner" in str(change_settings(account, owner, [demotion], now=NOW))
    assert isinstance(change_settings(account, owner, [promotion], now=NOW), Done)
    assert isinstance(change_settings(account, owner, [removal], now=NOW), Done)
    assert OWNER not in [user["email"] for user in document(account)["users"]]
    assert (f'user "{OWNER}"', {"name": "Nora Lindqvist", "role": "owner"}, {"name": None, "role": None}) in audited(
        account
    )


def test_a_file_may_not_take_the_last_owner_either(account: Ledger) -> None:
    users = [user.model_copy(update={"role": Role.ADMIN}) for user in sample().users]
    with pytest.raises(AccountChangeRefused, match="last owner"):
        applied(account, sample().model_copy(update={"users": users}))


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
@pytest.mark.slow
def test_an_old_file_says_what_of_the_dashboards_it_would_undo_and_a_new_one_does_not(account: Ledger) -> None:
    change(account, Table.LOCATIONS, "boston", color="#112233")
    change(account, Table.POLICY, cap_days=120)
    change(account, Table.TEMPLATES, "reminder", "email", "en", body="Still curious: {{ link }}")
    change_settings(
        account,
        Actor(OWNER, Role.OWNER, 1),
        [Edit(Table.USERS, (ADMIN,), entry(account, Table.USERS, ADMIN), None)],
        now=NOW,
    )
    rules = Policy.load(sample().policy.document()).document()
    with pytest.raises(AccountChangeRefused) as refused:
        apply_account(account, sample(), rules=rules, now=NOW, may_undo=False)
    said = str(refused.value)
    assert f"color from #112233 to #0F766E (undoes what {OWNER} changed on the dashboard on" in said
    for named in ('template "reminder"', "policy, version 3", f'Created user "{ADMIN}"', "--undo-dashboard"):
        assert named in said
    assert entry(account, Table.LOCATIONS, "boston")["color"] == "#112233"
    # A file that says something new is no old one, and what the dashboard left alone is nobody's.
    file = sample()
    places = [file.locations[0].model_copy(update={"color": "#445566"}), *file.locations[1:]]
    users = [user for user in file.users if user.email != ADMIN]
    texts = [one for one in file.templates if one.slug != "reminder"]
    new = file.model_copy(update={"locations": places, "users": users, "templates": texts})
    told = apply_account(
        account, new, rules=rules | {"cap_days": 120, "invite_again_after_days": 200}, now=NOW, may_undo=False
    )
    assert any("color from #112233 to #445566" in line for line in told)
