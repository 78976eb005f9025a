"""Each role may do just what the table says, at its own locations, by calling the actions.

Buttons play no part here. What is refused leaves the ledger as it was, to the row. An action or a function of
`invitations` that takes an actor that is new fails this walk until it is walked.
"""

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

import invitations
from data.permissions import Action, may, rights
from data.warehouse.load import load_from_ledger
from data.warehouse.store import Warehouse
from data.words import (
    Plan,
    Role,
)
from invitations.actor import Actor, Refused
from invitations.import_report import UnknownLocation
from tests.who_may.stage import Stage
from tests.who_may.walk import NOT_FOR_THE_ROLE, PARTS, SEEN, WALK, Walked
from tests.world import NOON

ROLES, PLANS = list(Role), list(Plan)
APP = Path(__file__).parents[2] / "dashboard" / "app.py"
pytestmark = pytest.mark.slow


def _name(function: Callable[..., Any]) -> str:
    return f"{inspect.unwrap(function).__module__.removeprefix('invitations.')}.{function.__name__}"


def test_every_action_and_every_function_with_an_actor_is_walked() -> None:
    assert {one.action for one in WALK} | SEEN == set(Action)
    found = set()
    for info in pkgutil.iter_modules(invitations.__path__, "invitations."):
        module = importlib.import_module(info.name)
        for function in vars(module).values():
            if not inspect.isfunction(function) or inspect.unwrap(function).__module__ != info.name:
                continue
            takes_actor = any(p.annotation is Actor for p in inspect.signature(function).parameters.values())
            if takes_actor and not function.__name__.startswith("_"):
                found.add(_name(function))
    assert found == {_name(one.function) for one in WALK} | PARTS


@pytest.mark.parametrize("walked", WALK, ids=lambda one: f"{one.action.value}-{one.function.__name__}")
def test_each_role_may_do_just_what_the_table_says(walked: Walked, new_stage: Callable[[], Stage]) -> None:
    untouched = new_stage()
    walked.prepare(untouched)
    before = untouched.rows()
    for role in ROLES:
        if role not in rights()[walked.action]:
            answer = walked.call(untouched, untouched.actor(role))
            assert isinstance(answer, Refused), role
            assert NOT_FOR_THE_ROLE.search(answer.reason), (role, answer)
            continue
        stage = new_stage()
        walked.prepare(stage)
        answer = walked.call(stage, stage.actor(role))
        assert not isinstance(answer, Refused), (role, answer)
    assert untouched.rows() == before


@pytest.mark.parametrize(
    "walked",
    [one for one in WALK if not one.is_anywhere],
    ids=lambda one: f"{one.action.value}-{one.function.__name__}",
)
def test_who_looks_after_another_location_may_do_nothing_of_it_here(
    walked: Walked, new_stage: Callable[[], Stage]
) -> None:
    stage = new_stage()
    walked.prepare(stage)
    before = stage.rows()
    elsewhere = replace(stage.actor(Role.OWNER), location_ids=frozenset({stage.world.new_york}))
    try:
        answer = walked.call(stage, elsewhere)
    except UnknownLocation:
        answer = Refused("There is no such location for them.")
    assert isinstance(answer, Refused), answer
    assert stage.rows() == before


def test_what_a_role_sees_on_the_customers_page(
    new_stage: Callable[[], Stage], monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = new_stage()
    warehouse = Warehouse(stage.ledger.settings.warehouse_folder)
    load_from_ledger(stage.ledger, warehouse)
    warehouse.publish()
    monkeypatch.setenv("AFTERWORD_HOME", str(stage.ledger.settings.home))
    monkeypatch.setenv("AFTERWORD_NOW", NOON.isoformat())
    for role in ROLES:
        monkeypatch.setenv("AFTERWORD_LOCAL_USER", f"{role.value}@acme.example")
        app = AppTest.from_file(APP, default_timeout=30)
        app.query_params["customer"] = str(stage.ids["ana"])
        app.switch_page("views/customers.py").run()
        assert not app.exception
        shown = "\n".join(str(element.value) for element in app.html)
        assert ("Invited This Cycle" in shown) is may(role, Action.VIEW)
        assert ("ana@example.com" in shown) is may(role, Action.OPEN_PANEL)
        assert ("Total Invited Customers" in shown) is may(role, Action.SEE_ACCOUNT_QUOTA)
    st.cache_resource.clear()
